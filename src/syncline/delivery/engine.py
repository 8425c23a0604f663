"""Talks → their results. All waiting, retrying, pacing and halting of Syncline happens here, for every destination and
every API source.

Couriers take talks (conversations with their items) one request at a time: a talk that must wait is parked, and its
courier goes on with another. What cannot be settled in this pass is deferred, and tried again in the next.
"""

from __future__ import annotations

import asyncio
from typing import Generic

from syncline.delivery.attempt import Word, World, attempt
from syncline.delivery.controls import Gauge, Halt, Signal
from syncline.delivery.desk import Desk
from syncline.delivery.gate import Gate
from syncline.delivery.pace import Pace
from syncline.delivery.patience import backoff_s, wait_until_s
from syncline.delivery.policy import Policy
from syncline.delivery.probe import Probe, rest
from syncline.delivery.reactions import Reactions
from syncline.delivery.shelf import Bell, Shelf
from syncline.delivery.talk import R, Talk, W
from syncline.errors import Bug, LedgerFailed, SourceBroke
from syncline.model import Lane, Meaning, Stop

_PARKED_A_COURIER = 4  # talks that may wait for their next try, per request that may be in flight


class Engine(Generic[W, R]):
    """Works for one desk until it has nothing left, or a stop. `stop` is None when all came to its end."""

    def __init__(self, desk: Desk[W, R], world: World, parallelism: int, gauge: Gauge, policy: Policy) -> None:
        self._loop = asyncio.get_running_loop()
        self._desk, self._world, self._policy = desk, world, policy
        self._parallelism, self._gauge = parallelism, gauge
        self._paces = {name: Pace(lane) for name, lane in desk.lanes.items()}
        self._gate = Gate(policy, parallelism, self._loop.time())
        self._shelf: Shelf[W, R] = Shelf()
        self._bell = Bell(self._loop)
        self._busy = 0
        self._is_rung = False  # does somebody bring work while we wait?
        self._trouble = ""  # the last fault, until an answer comes: what a person who watches wants to know
        self._stopping = asyncio.Event()
        self._interrupted = asyncio.Event()
        probe = Probe(desk.probe, desk.lanes, world, policy, self._paces, self._gate, gauge, self._stopping)
        self._reactions = Reactions(desk, world, policy, self._gate, self._paces, self._shelf, probe, self.halt)

    @property
    def stop(self) -> Stop | None:
        return self._gate.stop

    @property
    def remarks(self) -> list[str]:
        """What was odd, and cost nobody anything."""
        return self._reactions.remarks

    # --- the passes -----------------------------------------------------------------------------------------------

    async def run(self, halt: Halt, more: Signal | None = None) -> None:
        """more: rings when the desk may have something fresh again, in this thread."""
        ends = [halt.listen(lambda: self._interrupt_soon(halt))]
        ends += [more.listen(self._bell.ring)] if more is not None else []
        self._is_rung = more is not None
        try:
            await self._passes()
        finally:
            for end in ends:
                end()
            self._reactions.end()
            self._desk.abandon(self._shelf.clear())
            self._desk.flush()

    async def _passes(self) -> None:
        """As long as a pass settles something there is hope for the rest."""
        fruitless, are_alone = 0, False
        while True:
            before = self._desk.ended
            self._reactions.begin_pass(are_alone=are_alone)
            self._desk.begin_pass()
            await self._one_pass()
            self._reactions.end_pass()
            self._desk.flush()
            if self._gate.stop:
                return
            if not self._desk.deferred:
                if self._desk.ended > before and self._desk.released():
                    continue
                if (stop := self._reactions.unsettled) is not None:
                    self.halt(stop)
                return
            fruitless = 0 if self._desk.ended > before else fruitless + 1
            # Once it was about these rows, it stays about them.
            are_alone = are_alone or self._reactions.alone == self._desk.deferred
            if fruitless >= (self._policy.fruitless_alone if are_alone else self._policy.fruitless_passes):
                self.halt(self._reactions.bug or self._reactions.fruitless)
                return
            await rest(self._stopping, self._between_passes_s(fruitless))

    def _between_passes_s(self, fruitless: int) -> float:
        """At least half of the bound, not full jitter: nobody else waits here, and the last rows of a plan deserve
        that their few passes outlast an outage of half a minute."""
        policy, bound_s = self._policy, min(self._policy.cap_s, self._policy.throttled_base_s * 2.0 ** (fruitless + 2))
        return bound_s / 2 + backoff_s(1, bound_s / 2, policy.cap_s, self._world.random)

    async def _one_pass(self) -> None:
        """Couriers until there is nothing left to take; after an interrupt they have `grace_s` to come home."""
        couriers = [asyncio.create_task(self._courier()) for _ in range(self._parallelism)]
        interrupted = asyncio.create_task(self._interrupted.wait())
        everybody = asyncio.gather(*couriers)
        try:
            watched: set[asyncio.Future[object]] = {everybody, interrupted}  # type: ignore[arg-type] # results unused
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({everybody}, timeout=self._policy.grace_s if interrupted.done() else None)
        finally:
            interrupted.cancel()
            for courier in couriers:
                courier.cancel()
            ends = await asyncio.gather(*couriers, everybody, interrupted, return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException) and not isinstance(end, asyncio.CancelledError):
                raise end

    async def _courier(self) -> None:
        while (talk := await self._take()) is not None:
            try:
                await self._step(talk)
            except asyncio.CancelledError:
                self._desk.interrupted(talk)
                raise
            finally:
                self._busy -= 1
                self._bell.ring()

    # --- taking work ----------------------------------------------------------------------------------------------

    async def _take(self) -> Talk[W, R] | None:
        """The next talk that may send; None when the pass is over or the run is stopping."""
        while not self._gate.stop:
            now = self._loop.time()
            wait_s = self._gate.closed_s(now)
            if wait_s == 0 and self._busy < self._gate.limit:
                talk = self._ready(now)
                if talk is not None:
                    self._busy += 1
                    return talk
                if self._gate.stop:  # while work was looked for
                    break
                if not self._shelf and not self._busy:
                    if self._reactions.judged():
                        continue
                    if self._desk.exhausted:
                        break
                    if not self._is_rung:
                        raise Bug("there is work left, nobody is at it, and nobody would wake anybody")
                next_at = self._shelf.next_at
                wait_s = None if next_at is None else next_at - now
            await self._bell.wait(wait_s or None)
        self._bell.ring()
        return None

    def _ready(self, now: float) -> Talk[W, R] | None:
        """A parked talk whose time has come, else a fresh one: memory stays bounded by what may be parked.

        Until the destination has taken a row, a fresh one is small, and goes only when no other waits for its turn, but
        for those that only ask what became of an earlier run's: they put nobody at risk, and may take long.
        """
        talk = self._shelf.parked(now)
        if talk is not None and self._gate.failing:
            return self._small(talk)
        contacted, full = self._gate.contacted, len(self._shelf) >= _PARKED_A_COURIER * self._parallelism
        if talk is not None or full or not (contacted or self._shelf.only_asks):
            return talk
        try:
            return self._desk.fresh(None if contacted else self._policy.canary_rows)
        except LedgerFailed as failure:
            self.disk_failed(failure)
            return None
        except SourceBroke as broke:
            self.halt(Stop("source", str(broke)))
            return None

    def _small(self, talk: Talk[W, R]) -> Talk[W, R]:
        """The one that tries whether an outage has passed is small, and smaller than when it last failed: what looks
        like an outage may be batches that each hold a row which makes them fail."""
        most = min(self._policy.canary_rows, max(1, len(talk.items) // 2)) if talk.tries else self._policy.canary_rows
        if talk.steps or len(talk.items) <= most:
            return talk
        small, rest = talk.parts(most)
        small.tries = rest.tries = talk.tries
        self._reactions.park(rest)
        return small

    # --- one step of a talk ---------------------------------------------------------------------------------------

    async def _step(self, talk: Talk[W, R]) -> None:
        lane, pace = self._desk.lanes[talk.request.lane], self._paces[talk.request.lane]
        if (held_s := pace.held_s(self._loop.time())) > 0:
            self._hold(talk, held_s)
            return
        if (later_s := pace.later_s(self._loop.time())) > 0:
            self._reactions.park(talk, later_s)
            self._gauge.limited_by = pace.words
            return
        rows = 0 if talk.steps else len(talk.items)
        wait_s = pace.grant(rows, self._loop.time())
        waited = wait_s > 0
        while wait_s > 0 or (wait_s := pace.departs(self._loop.time())) > 0:
            self._gauge.limited_by = pace.words
            await rest(self._stopping, wait_s)
            closed = self._gate.closed_s(self._loop.time()) != 0 or self._gauge.in_flight >= self._gate.limit
            if self._gate.stop or closed:
                pace.came_back(unused=True)
                self._reactions.park(talk)
                return
            wait_s = 0.0
        waiting_for = pace.words if waited else "the API's answers"
        self._gauge.limited_by = self._trouble or self._gate.why(self._loop.time()) or waiting_for
        self._gauge.count(talk.request.body)
        self._gauge.in_flight += 1
        talk.began = self._loop.time()
        try:
            word = await attempt(self._world, lane, talk.request)
        finally:
            self._gauge.in_flight -= 1
            pace.came_back()
        self._learn(lane, pace, word)
        talk.last_word = word.text
        talk.doubt, talk.silent = talk.doubt or word.doubt, talk.silent or word.silent
        self._trouble = "" if word.meaning is Meaning.ANSWER else word.text
        self._gauge.limited_by = self._trouble or self._gauge.limited_by
        try:
            await self._reactions.hear(talk, word)
        except LedgerFailed as failure:  # what the answer said could not be kept: a ticket, or a portion that was read
            talk.doubt = talk.silent = True
            self._reactions.park(talk)
            self.disk_failed(failure)

    def _learn(self, lane: Lane, pace: Pace, word: Word) -> None:
        """What the API takes; and what its vendor says is left, where it says so."""
        if word.meaning is Meaning.ANSWER:
            pace.went_well(self._loop.time())
        quota = lane.quota(word.response.headers) if lane.quota is not None and word.response is not None else None
        if quota is not None and word.response is not None:
            wait_s = quota.until and wait_until_s(quota.until, word.response.headers, self._world.wall())
            pace.told(quota.remaining, None if wait_s is None else self._loop.time() + wait_s)

    def _hold(self, talk: Talk[W, R], held_s: float) -> None:
        """The vendor has no more requests for us until then."""
        self._reactions.park(talk, held_s)
        self._gauge.limited_by = "quota"
        if held_s > self._policy.retry_after_most_s:
            self._reactions.come_back_in(held_s, f"the API takes no more of these requests for {held_s:.0f} s")

    # --- ends -----------------------------------------------------------------------------------------------------

    def halt(self, stop: Stop) -> None:
        if self._gate.stop is None:
            self._gate.stop = stop
        self._stopping.set()
        self._bell.ring()

    def _interrupt_soon(self, halt: Halt) -> None:
        """Called by a signal or another thread."""
        self._loop.call_soon_threadsafe(self._interrupt, halt.stop)

    def _interrupt(self, stop: Stop) -> None:
        self._interrupted.set()
        self.halt(stop)

    def disk_failed(self, failure: LedgerFailed) -> None:
        self.halt(Stop("disk", str(failure)))
