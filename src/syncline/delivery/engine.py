"""Batches → settled changes. All waiting, retrying, pacing and halting of Syncline happens here, for every destination.

Couriers take talks (conversations with their items) one request at a time: a talk that must wait is parked, and its
courier goes on with another. What cannot be settled in this pass is deferred, and tried again in the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from syncline.delivery.attempt import Word, World, attempt
from syncline.delivery.book import Book
from syncline.delivery.controls import Gauge, Halt
from syncline.delivery.gate import Gate
from syncline.delivery.pace import Pace
from syncline.delivery.patience import backoff_s, retry_after_s
from syncline.delivery.policy import Policy
from syncline.delivery.probe import Probe, rest
from syncline.delivery.scribe import Scribe
from syncline.delivery.shelf import Batch, Bell, Shelf
from syncline.delivery.talk import Talk, begin, divided, halves
from syncline.errors import Garbled, LedgerFailed, Refused
from syncline.model import Meaning, Outcome, Response, Stop, Verdict
from syncline.ports import Destination, Settle

_PARKED_A_COURIER = 4  # talks that may wait for their next try, per request that may be in flight


class Delivery(NamedTuple):
    """How it ended: `stop` is None when every change was settled for good.

    unrecorded: words about changes that the disk did not take. Such changes have no word, and yet they were sent: as
    long as there are any, nobody may conclude that what has no word was never sent.
    """

    stop: Stop | None
    requests: int
    sent_bytes: int
    unrecorded: int = 0


async def deliver(
    batches: Callable[[], Iterator[Batch]],
    destination: Destination,
    settle: Settle,
    world: World,
    *,
    parallelism: int,
    halt: Halt | None = None,
    gauge: Gauge | None = None,
    policy: Policy | None = None,
) -> Delivery:
    """Delivers what `batches` gives; asked again, it must give what is still unsettled."""
    engine = _Engine(batches, destination, settle, world, parallelism, gauge or Gauge(), policy or Policy())
    return await engine.run(halt or Halt())


class _Engine:
    def __init__(
        self,
        batches: Callable[[], Iterator[Batch]],
        destination: Destination,
        settle: Settle,
        world: World,
        parallelism: int,
        gauge: Gauge,
        policy: Policy,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._batches, self._destination, self._world, self._policy = batches, destination, world, policy
        self._parallelism, self._gauge = parallelism, gauge
        self._paces = {name: Pace(lane) for name, lane in destination.lanes.items()}
        self._gate = Gate(policy, parallelism, self._loop.time())
        self._scribe = Scribe(settle, policy, self._disk_failed)
        self._book = Book(self._scribe, gauge)
        self._shelf = Shelf(destination.converse, self._book.settle)
        self._bell = Bell(self._loop)
        self._busy = 0
        self._alone = 0  # changes put off in this pass although the destination took others meanwhile
        self._trouble = ""  # the last fault, until an answer comes: what a person who watches wants to know
        self._denials = 0  # single rows denied before anybody was taken
        self._stopping = asyncio.Event()
        self._interrupted = asyncio.Event()
        self._probe = Probe(destination, world, policy, self._paces, self._gate, gauge, self._stopping)

    # --- the passes -----------------------------------------------------------------------------------------------

    async def run(self, halt: Halt) -> Delivery:
        halt.listen(lambda: self._interrupt_soon(halt.reason))
        try:
            await self._passes()
        finally:
            halt.listen(None)
            self._book.abandon(self._shelf.clear())
            self._scribe.flush()
        return Delivery(self._gate.stop, self._gauge.requests, self._gauge.sent_bytes, self._scribe.held)

    async def _passes(self) -> None:
        """As long as a pass settles something there is hope for the rest."""
        fruitless, most = 0, self._policy.fruitless_passes
        while True:
            before, self._book.deferred, self._alone = self._book.ended, 0, 0
            self._shelf.fill(self._batches())
            await self._one_pass()
            self._scribe.flush()
            if self._gate.stop or not self._book.deferred:
                return
            fruitless = 0 if self._book.ended > before else fruitless + 1
            most = self._policy.fruitless_alone if self._alone == self._book.deferred else most
            if fruitless >= most:
                message = f"{self._book.deferred} rows met only faults, pass after pass; the next run tries them again"
                self._stop(Stop("faults", message))
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
                self._book.put_off(talk, "interrupted before an answer came", silent=True)
                raise
            finally:
                self._busy -= 1
                self._bell.ring()

    # --- taking work ----------------------------------------------------------------------------------------------

    async def _take(self) -> Talk | None:
        """The next talk that may send; None when the pass is over or the run is stopping."""
        while not self._gate.stop:
            now = self._loop.time()
            wait_s = self._gate.closed_s(now)
            if wait_s == 0 and self._busy < self._gate.limit:
                talk = self._ready(now)
                if talk is not None:
                    self._busy += 1
                    return talk
                if not self._shelf and not self._busy:
                    break
                next_at = self._shelf.next_at
                wait_s = None if next_at is None else next_at - now
            await self._bell.wait(wait_s or None)
        self._bell.ring()
        return None

    def _ready(self, now: float) -> Talk | None:
        """A parked talk whose time has come, else a fresh one: memory stays bounded by what may be parked.

        Until the destination has taken a row, a fresh one is small, and goes only when no other waits for its turn.
        """
        talk = self._shelf.parked(now)
        if talk is not None and self._gate.failing:
            return self._small(talk)
        contacted = self._gate.contacted
        if talk is not None or len(self._shelf) >= (_PARKED_A_COURIER * self._parallelism if contacted else 1):
            return talk
        try:
            return self._shelf.fresh(None if contacted else self._policy.canary_rows)
        except LedgerFailed as failure:
            self._disk_failed(failure)
            return None

    def _small(self, talk: Talk) -> Talk:
        """The one that tries whether an outage has passed is small, and smaller than when it last failed: what looks
        like an outage may be batches that each hold a row which makes them fail."""
        most = min(self._policy.canary_rows, max(1, len(talk.items) // 2)) if talk.tries else self._policy.canary_rows
        if talk.steps or len(talk.items) <= most:
            return talk
        small, rest = divided(talk, most, self._destination.converse)
        small.tries = rest.tries = talk.tries
        self._park(rest)
        return small

    def _park(self, talk: Talk, wait_s: float = 0.0) -> None:
        self._shelf.park(talk, self._loop.time() + wait_s)

    # --- one step of a talk ---------------------------------------------------------------------------------------

    async def _step(self, talk: Talk) -> None:
        lane = self._destination.lanes[talk.request.lane]
        wait_s = self._paces[talk.request.lane].grant(len(talk.items), self._loop.time())
        if wait_s > 0:
            self._gauge.limited_by = "rate"
            await rest(self._stopping, wait_s)
            closed = self._gate.closed_s(self._loop.time()) != 0 or self._gauge.in_flight >= self._gate.limit
            if self._gate.stop or closed:
                self._park(talk)
                return
        waiting_for = "rate" if wait_s > 0 else "the API's answers"
        self._gauge.limited_by = self._trouble or self._gate.why(self._loop.time()) or waiting_for
        self._gauge.count(talk.request.body)
        self._gauge.in_flight += 1
        talk.began = self._loop.time()
        try:
            word = await attempt(self._world, lane, talk.request)
        finally:
            self._gauge.in_flight -= 1
        talk.last_word = word.text
        talk.doubt, talk.silent = talk.doubt or word.doubt, talk.silent or word.silent
        self._trouble = "" if word.meaning is Meaning.ANSWER else word.text
        self._gauge.limited_by = self._trouble or self._gauge.limited_by
        await self._hear(talk, word)

    async def _hear(self, talk: Talk, word: Word) -> None:
        """The policy's table, applied."""
        response = word.response
        if response is None or word.meaning in {Meaning.TRANSIENT, Meaning.CONFLICT}:
            self._fault(talk, word)
        elif word.meaning is Meaning.THROTTLED:
            self._throttled(talk, response)
        elif word.meaning in {Meaning.DENIED, Meaning.ELSEWHERE}:
            await self._confirm(talk, word.meaning, response)
        elif word.meaning is Meaning.ABSENT and not self._gate.contacted:
            origin = self._destination.lanes[talk.request.lane].origin
            talk.doubt = True
            self._park(talk)
            self._stop(Stop("address", f"{origin} answers {response.status}: this is not the API; check baseUrl"))
        else:
            self._advance(talk, response)

    def _advance(self, talk: Talk, response: Response) -> None:
        """Hands the answer to the conversation, which asks on, ends, or gives up."""
        try:
            talk.request = talk.conversation.send(response)
        except StopIteration as end:
            self._gate.answered(self._loop.time())
            self._conclude(talk, end.value)
        except Refused as refusal:
            self._gate.answered(self._loop.time())
            self._refused(talk, refusal)
        except Garbled as nonsense:
            self._garbled(talk, str(nonsense))
        else:
            self._gate.answered(self._loop.time())
            talk.steps += 1
            self._park(talk, talk.request.pause_s)

    def _conclude(self, talk: Talk, verdicts: Sequence[Verdict]) -> None:
        if any(verdict.outcome is Outcome.DELIVERED for verdict in verdicts):
            self._gate.delivered()
        self._book.conclude(talk, verdicts)

    def _refused(self, talk: Talk, refusal: Refused) -> None:
        """A whole request was refused: halve it until the culprit stands alone."""
        if len(talk.items) == 1:
            self._book.refuse(talk, refusal)
            return
        for half in halves(talk, self._destination.converse):
            self._park(half)

    def _garbled(self, talk: Talk, nonsense: str) -> None:
        """Nobody knows what was applied. On first contact this is not the API; later each item is asked for alone.

        Not a good answer: when everything is answered with nonsense (a captive portal), that is an outage.
        """
        talk.last_word, talk.doubt, talk.silent = nonsense, True, True
        self._gate.failed(talk.began, self._loop.time())
        if not self._gate.contacted:
            self._park(talk)
            self._stop(Stop("address", f"the destination's answer makes no sense ({nonsense}): check baseUrl"))
        elif len(talk.items) > 1:
            for item in talk.items:
                self._park(begin([item], self._destination.converse, talk))
        else:
            talk.conversation.close()
            again = begin(talk.items, self._destination.converse, talk)
            again.tries = talk.tries
            self._retry(again, self._policy.base_s)
        self._lose_patience("outage", nonsense)

    # --- faults ---------------------------------------------------------------------------------------------------

    def _fault(self, talk: Talk, word: Word) -> None:
        conflict = word.meaning is Meaning.CONFLICT
        talk.failing_since = talk.began if talk.failing_since is None else talk.failing_since
        self._gate.failed(talk.began, self._loop.time())
        self._retry(talk, self._policy.conflict_base_s if conflict else self._policy.base_s)
        self._lose_patience("outage", word.text)
        if word.hopeless and not self._gate.contacted and talk.tries >= self._policy.hopeless_tries:
            self._stop(Stop("address", f"{word.text}; check baseUrl, region and the network"))

    def _retry(self, talk: Talk, base_s: float) -> None:
        """Another try after a jittered wait, or a later pass. A batch that always fails may hold one row that makes it
        fail: its halves are tried, so that the row does not take its neighbours with it."""
        talk.tries += 1
        if talk.tries < self._policy.tries:
            self._park(talk, backoff_s(talk.tries, base_s, self._policy.cap_s, self._world.random))
        elif len(talk.items) > 1 and not talk.steps:
            for half in halves(talk, self._destination.converse):
                self._park(half, backoff_s(talk.tries, base_s, self._policy.cap_s, self._world.random))
        else:
            self._alone += len(talk.items) * self._gate.good_since(talk.failing_since or talk.began)
            self._book.put_off(talk)

    def _throttled(self, talk: Talk, response: Response) -> None:
        """The whole lane waits as long as the API asks; the talk loses no try."""
        talk.throttled += 1
        wait_s = retry_after_s(response.headers, self._world.wall())
        self._park(talk)
        if wait_s is not None and wait_s > self._policy.retry_after_most_s:
            at = self._world.wall() + wait_s
            self._stop(Stop("throttled", f"the API asks to wait {wait_s:.0f} s; run with --resume after that", at))
            return
        if wait_s is None:
            policy = self._policy
            wait_s = backoff_s(talk.throttled, policy.throttled_base_s, policy.cap_s, self._world.random)
        jitter = self._world.random.uniform(0.0, self._policy.jitter_after_pause * wait_s)
        self._gate.throttled(talk.began, self._loop.time() + wait_s + jitter)
        self._lose_patience("throttled", f"status {response.status}")

    def _lose_patience(self, reason: str, last_word: str) -> None:
        if self._gate.out_of_patience(self._loop.time()):
            message = f"no good answer for {self._policy.patience_s:.0f} s (last: {last_word}); run with --resume later"
            self._stop(Stop(reason, message))

    async def _confirm(self, talk: Talk, meaning: Meaning, response: Response) -> None:
        """A 401, a 403 or a redirect: nobody starts until the probe has said whether it concerns everybody."""
        if self._gate.confirming or self._gate.stop:
            self._park(talk)
            return
        self._gate.shut()
        try:
            stop = await self._probe()
        finally:
            self._gate.reopen()
        if stop is None and meaning is Meaning.ELSEWHERE:
            stop = Stop(
                "address", f"redirected (status {response.status}); redirects are never followed: check baseUrl"
            )
        if stop is not None:
            self._park(talk)
            self._stop(stop)
        elif response.status == 403 or talk.denied:
            self._denied(talk, response.status)
        else:
            talk.denied += 1
            self._park(talk)

    def _denied(self, talk: Talk, status: int) -> None:
        """Refused though the probe was not: that may be about single rows. But while nobody was ever taken it may as
        well be about everybody (a key that reads and may not write), so then no row is given up for it."""
        refusal = Refused(f"refused with status {status}, though the credentials are good")
        if len(talk.items) > 1 or self._gate.contacted:
            self._refused(talk, refusal)
            return
        self._book.put_off(talk, refusal.reason)
        self._denials += 1
        if self._denials >= self._policy.canary_rows:
            message = f"every row tried so far was refused with status {status}, though the probe was not"
            self._stop(Stop("credentials", f"{message}: may these credentials write?"))

    # --- ends -----------------------------------------------------------------------------------------------------

    def _stop(self, stop: Stop) -> None:
        if self._gate.stop is None:
            self._gate.stop = stop
        self._stopping.set()
        self._bell.ring()

    def _interrupt_soon(self, reason: str) -> None:
        """Called by a signal or another thread."""
        self._loop.call_soon_threadsafe(self._interrupt, reason)

    def _interrupt(self, reason: str) -> None:
        self._interrupted.set()
        self._stop(Stop(reason, f"{reason}; --resume goes on with the plan (it takes no data)"))

    def _disk_failed(self, failure: LedgerFailed) -> None:
        self._stop(Stop("disk", str(failure)))
