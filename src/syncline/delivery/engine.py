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
from syncline.delivery.patience import backoff_s, retry_after_s, wait_until_s
from syncline.delivery.policy import Policy
from syncline.delivery.probe import Probe, rest
from syncline.delivery.shelf import Bell, Shelf
from syncline.delivery.talk import R, Talk, W, remembered
from syncline.errors import (
    Again,
    Garbled,
    LedgerFailed,
    Misconfigured,
    Refused,
    SourceBroke,
    SynclineError,
    Unfinished,
    counted,
    origin_of,
    place_of,
)
from syncline.model import Lane, Meaning, Remember, Request, Response, Stop
from syncline.ports import REMEMBERED

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
        self._alone = 0  # items put off in this pass although the other side took others meanwhile
        self._trouble = ""  # the last fault, until an answer comes: what a person who watches wants to know
        self._denials = 0  # single rows denied before anybody was taken
        self._flaky = 0  # 401s that were not repeated, though the credentials had not changed
        self._in_vain = 0  # times in a row that what was accepted came to nothing
        self._ours = 0  # faults of our own, and the last of them
        self._last_of_ours = ""
        self._stopping = asyncio.Event()
        self._interrupted = asyncio.Event()
        self._probe = Probe(desk.probe, desk.lanes, world, policy, self._paces, self._gate, gauge, self._stopping)

    @property
    def stop(self) -> Stop | None:
        return self._gate.stop

    @property
    def remarks(self) -> list[str]:
        """What was odd, and cost nobody anything."""
        if not self._flaky:
            return []
        what = f"{counted(self._flaky, 'answer')} of 401 while the credentials were good"
        return [f"{what}: a probe said so, and the requests were sent again"]

    # --- the passes -----------------------------------------------------------------------------------------------

    async def run(self, halt: Halt, more: Signal | None = None) -> None:
        """more: rings when the desk may have something fresh again, in this thread."""
        ends = [halt.listen(lambda: self._interrupt_soon(halt))]
        ends += [more.listen(self._bell.ring)] if more is not None else []
        try:
            await self._passes()
        finally:
            for end in ends:
                end()
            self._desk.abandon(self._shelf.clear())
            self._desk.flush()

    async def _passes(self) -> None:
        """As long as a pass settles something there is hope for the rest."""
        fruitless, most = 0, self._policy.fruitless_passes
        while True:
            before, self._alone = self._desk.ended, 0
            self._desk.begin_pass()
            await self._one_pass()
            self._desk.flush()
            if self._gate.stop:
                return
            if not self._desk.deferred:
                if self._desk.released():
                    continue
                self._end_of_all()
                return
            fruitless = 0 if self._desk.ended > before else fruitless + 1
            most = self._policy.fruitless_alone if self._alone == self._desk.deferred else most
            if fruitless >= most:
                self.halt(Stop("faults", f"{self._desk.left} met only faults, pass after pass; --resume tries again"))
                return
            await rest(self._stopping, self._between_passes_s(fruitless))

    def _end_of_all(self) -> None:
        """Nothing is left that another pass might settle."""
        if self._ours:
            self.halt(Stop("bug", f"{self._last_of_ours}. What it met is not lost. Please report it"))
        elif why := self._desk.unfinished:
            self.halt(Stop("unfinished", f"{why}; --resume asks again"))

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
                self._desk.put_off(talk, "interrupted before an answer came", silent=True)
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
                if not self._shelf and not self._busy and self._desk.exhausted:
                    break
                next_at = self._shelf.next_at
                wait_s = None if next_at is None else next_at - now
            await self._bell.wait(wait_s or None)
        self._bell.ring()
        return None

    def _ready(self, now: float) -> Talk[W, R] | None:
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
        self._park(rest)
        return small

    def _park(self, talk: Talk[W, R], wait_s: float = 0.0) -> None:
        self._shelf.park(talk, self._loop.time() + wait_s)

    # --- one step of a talk ---------------------------------------------------------------------------------------

    async def _step(self, talk: Talk[W, R]) -> None:
        lane, pace = self._desk.lanes[talk.request.lane], self._paces[talk.request.lane]
        if (held_s := pace.held_s(self._loop.time())) > 0:
            self._hold(talk, held_s)
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
                self._park(talk)
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
            await self._hear(talk, word)
        except LedgerFailed as failure:  # it was accepted, and its ticket could not be kept
            talk.doubt = talk.silent = True
            self._park(talk)
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
        self._park(talk, held_s)
        self._gauge.limited_by = "quota"
        if held_s > self._policy.retry_after_most_s:
            self._come_back_in(held_s, f"the API takes no more of these requests for {held_s:.0f} s")

    async def _hear(self, talk: Talk[W, R], word: Word) -> None:
        """The policy's table, applied."""
        response = word.response
        if response is None or word.meaning in {Meaning.TRANSIENT, Meaning.CONFLICT}:
            self._fault(talk, word)
        elif word.meaning is Meaning.THROTTLED:
            self._throttled(talk, response)
        elif word.meaning in {Meaning.DENIED, Meaning.ELSEWHERE}:
            await self._confirm(talk, word.meaning, response)
        elif word.meaning is Meaning.ABSENT and not self._gate.contacted:
            origin = self._desk.lanes[talk.request.lane].origin
            talk.doubt = True
            self._park(talk)
            self.halt(Stop("address", f"{origin} answers {response.status}: this is not the API; check baseUrl"))
        elif word.meaning is Meaning.ABSENT:  # the route was there: whoever stands before the API has lost it
            self._fault(talk, word)
        else:
            self._advance(talk, response)

    def _advance(self, talk: Talk[W, R], response: Response) -> None:
        """Hands the answer to the conversation, which asks on, ends, or gives up."""
        try:
            self._ask_on(talk, talk.conversation.send(response))
        except StopIteration as end:
            self._gate.answered(self._loop.time())
            if self._desk.conclude(talk, end.value):
                self._gate.delivered()
                self._in_vain = 0
            self._give_up_if_hopeless()
        except Refused as refusal:
            self._gate.answered(self._loop.time())
            self._refused(talk, refusal)
        except Garbled as nonsense:
            self._garbled(talk, str(nonsense))
        except Again as nothing:
            self._again(talk, str(nothing))
        except Unfinished as waiting:
            self._gate.answered(self._loop.time())
            self._desk.put_off(talk, str(waiting), silent=True, until_next_run=True)
            # What was accepted first has no result: no more is risked.
            if not self._gate.contacted and not talk.earlier:
                self.halt(Stop("unfinished", f"{waiting}, and this run has seen nobody taken; --resume asks again"))
        except Misconfigured as wrong:
            self._park(talk)
            self.halt(Stop("refused", str(wrong)))
        except SynclineError:
            raise
        except Exception as error:  # a fault of our own, about this answer: the other rows need not suffer for it
            self._failed_ourselves(talk, error)
        else:
            self._gate.answered(self._loop.time())
            talk.steps += 1
            self._park(talk, talk.request.pause_s)

    def _failed_ourselves(self, talk: Talk[W, R], error: Exception) -> None:
        """Not the row's fault, and not the other side's."""
        self._ours, self._last_of_ours = self._ours + 1, f"a bug in Syncline ({place_of(error)})"
        self._desk.put_off(talk, self._last_of_ours, silent=True, until_next_run=True)
        if self._ours > self._policy.ours_most:
            self._end_of_all()

    def _ask_on(self, talk: Talk[W, R], said: Request | Remember) -> None:
        """What is to be remembered is durable before the conversation goes on."""
        while (ticket := remembered(talk, said)) is not None:
            self._desk.remember(talk, ticket)
            said = talk.conversation.send(REMEMBERED)

    def _refused(self, talk: Talk[W, R], refusal: Refused) -> None:
        """A whole request was refused: halve it until the culprit stands alone."""
        if len(talk.items) == 1:
            self._desk.refuse(talk, refusal)
            self._give_up_if_hopeless()
            return
        self._forget(talk)
        for half in talk.halves():
            self._park(half)

    def _give_up_if_hopeless(self) -> None:
        if why := self._desk.hopeless:
            self.halt(Stop("rejections", f"{why} What was not sent is not lost: --resume sends it"))

    def _forget(self, talk: Talk[W, R]) -> None:
        """It is sent once more, so nobody should ask for the result of the time before."""
        if talk.ticket is not None:
            self._desk.remember(talk, None)

    def _again(self, talk: Talk[W, R], why: str) -> None:
        """It was accepted, and nothing came of it, or nobody can say what: it is sent once more from the beginning. A
        batch that fares like this again and again, while others are taken, is halved."""
        talk.last_word, talk.doubt = why, True
        talk.failing_since = talk.began if talk.failing_since is None else talk.failing_since
        self._gate.failed(talk.began, self._loop.time())
        self._forget(talk)
        self._in_vain += 1
        if self._in_vain >= self._policy.in_vain:
            self._park(talk.again())
            times = f"{self._in_vain} times in a row, what was accepted came to nothing (the last: {why})"
            self.halt(Stop("outage", f"{times}; run with --resume later"))
            return
        if talk.tries + 1 >= self._policy.tries and len(talk.items) > 1 and self._gate.taken_since(talk.failing_since):
            for half in talk.halves():
                half.tries = talk.tries  # one try each: a bulk call may be one of few
                self._park(half, backoff_s(talk.tries, self._policy.base_s, self._policy.cap_s, self._world.random))
        else:
            self._retry(talk.again(), self._policy.throttled_base_s)
        self._lose_patience("outage", why)

    def _garbled(self, talk: Talk[W, R], nonsense: str) -> None:
        """Nobody knows what was applied. On first contact this is not the API; later it is sent once more as it is, then
        each item alone.

        Not a good answer: when everything is answered with nonsense (a captive portal), that is an outage.
        """
        if talk.steps:
            self._again(talk, nonsense)
            return
        talk.last_word, talk.doubt, talk.silent = nonsense, True, True
        self._gate.failed(talk.began, self._loop.time())
        if not self._gate.contacted:
            self._park(talk)
            self.halt(Stop("address", f"the destination's answer makes no sense ({nonsense}): check baseUrl"))
        elif talk.garbled and len(talk.items) > 1:
            for item in talk.items:
                self._park(talk.about([item]))
        else:
            talk.garbled = True
            self._retry(talk.again(), self._policy.base_s)
        self._lose_patience("outage", nonsense)

    # --- faults ---------------------------------------------------------------------------------------------------

    def _fault(self, talk: Talk[W, R], word: Word) -> None:
        conflict = word.meaning is Meaning.CONFLICT
        talk.failing_since = talk.began if talk.failing_since is None else talk.failing_since
        self._gate.failed(talk.began, self._loop.time())
        self._retry(talk, self._policy.conflict_base_s if conflict else self._policy.base_s)
        self._lose_patience("outage", word.text)
        if word.hopeless and not self._gate.contacted and talk.tries >= self._policy.hopeless_tries:
            self.halt(Stop("address", f"{word.text}; check baseUrl, region and the network"))

    def _retry(self, talk: Talk[W, R], base_s: float) -> None:
        """Another try after a jittered wait, or a later pass. A batch that always fails may hold one row that makes it
        fail: its halves are tried, so that the row does not take its neighbours with it."""
        talk.tries += 1
        if talk.tries < self._policy.tries:
            self._park(talk, backoff_s(talk.tries, base_s, self._policy.cap_s, self._world.random))
        elif len(talk.items) > 1 and not talk.steps:
            for half in talk.halves():
                self._park(half, backoff_s(talk.tries, base_s, self._policy.cap_s, self._world.random))
        else:
            self._alone += len(talk.items) * self._gate.good_since(talk.failing_since or talk.began)
            self._desk.put_off(talk)

    def _throttled(self, talk: Talk[W, R], response: Response) -> None:
        """The whole lane waits as long as the API asks; the talk loses no try."""
        talk.throttled += 1
        self._paces[talk.request.lane].throttled(talk.began, self._loop.time())
        wait_s = retry_after_s(response.headers, self._world.wall())
        self._park(talk)
        if wait_s is not None and wait_s > self._policy.retry_after_most_s:
            self._come_back_in(wait_s, f"the API asks to wait {wait_s:.0f} s")
            return
        if wait_s is None:
            policy = self._policy
            wait_s = backoff_s(talk.throttled, policy.throttled_base_s, policy.cap_s, self._world.random)
        jitter = self._world.random.uniform(0.0, self._policy.jitter_after_pause * wait_s)
        self._gate.throttled(talk.began, self._loop.time() + wait_s + jitter)
        self._lose_patience("throttled", f"status {response.status}")

    def _come_back_in(self, wait_s: float, why: str) -> None:
        """Longer than a run should wait."""
        self.halt(Stop("throttled", f"{why}; run with --resume after that", self._world.wall() + wait_s))

    def _lose_patience(self, reason: str, last_word: str) -> None:
        if self._gate.out_of_patience(self._loop.time()):
            message = f"no good answer for {self._policy.patience_s:.0f} s (last: {last_word}); run with --resume later"
            self.halt(Stop(reason, message))

    async def _confirm(self, talk: Talk[W, R], meaning: Meaning, response: Response) -> None:
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
            place = origin_of(response.headers.get("location", ""))
            stop = Stop("address", f"redirected to {place}, and redirects are never followed: check baseUrl")
        if stop is not None:
            self._park(talk)
            self.halt(stop)
        elif response.status == 403 or talk.denied:
            self._denied(talk, response.status)
        else:
            talk.denied += 1
            self._flaky += 1
            self._park(talk)

    def _denied(self, talk: Talk[W, R], status: int) -> None:
        """Refused though the probe was not: that may be about single rows. But while nobody was ever taken it may as
        well be about everybody (a key that reads and may not write), so then no row is given up for it."""
        refusal = Refused(f"refused with status {status}, though the credentials are good", passing=True)
        if talk.ticket is not None:  # what was accepted is not refused by an answer to our asking
            self._desk.put_off(talk, refusal.reason)
            return
        if len(talk.items) > 1 or self._gate.contacted:
            self._refused(talk, refusal)
            return
        self._desk.put_off(talk, refusal.reason)
        self._denials += 1
        if self._denials >= self._policy.canary_rows:
            message = f"every row tried so far was refused with status {status}, though the probe was not"
            self.halt(Stop("credentials", f"{message}: may these credentials write?"))

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
