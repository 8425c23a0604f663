"""Batches → settled changes. All waiting, retrying, pacing and halting of Syncline happens here, for every destination.

Couriers take talks (conversations with their items) one request at a time: a talk that must wait is parked, and its
courier goes on with another. What cannot be settled in this pass is deferred, and tried again in the next.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from itertools import count
from typing import NamedTuple, Protocol

from syncline.delivery.ask import ask
from syncline.delivery.attempt import Word, World, attempt
from syncline.delivery.gate import Gate
from syncline.delivery.pace import Pace
from syncline.delivery.patience import backoff_s, retry_after_s
from syncline.delivery.policy import Policy
from syncline.delivery.scribe import Scribe
from syncline.delivery.talk import Talk, begin, halves
from syncline.errors import Garbled, LedgerFailed, Misconfigured, Refused, Unanswered
from syncline.model import Item, Meaning, Outcome, Request, Response, Settled, Stop, Verdict
from syncline.ports import Destination, Settle


class Batch(Protocol):
    """Items for one request, and changes found unfit on the way."""

    @property
    def items(self) -> Sequence[Item]: ...
    @property
    def unfit(self) -> Sequence[Settled]: ...


class Gauge:
    """Live figures, read by whoever shows progress. `limited_by` says what holds delivery back."""

    def __init__(self) -> None:
        self.requests = 0
        self.sent_bytes = 0
        self.in_flight = 0
        self.settled: Counter[Outcome] = Counter()
        self.limited_by = ""


class Delivery(NamedTuple):
    """How it ended: `stop` is None when every change was settled for good.

    unrecorded: words about changes that the disk did not take. Such changes have no word, and yet they were sent: as
    long as there are any, nobody may conclude that what has no word was never sent.
    """

    stop: Stop | None
    requests: int
    sent_bytes: int
    unrecorded: int = 0


class Halt:
    """A request to stop, from a signal or another thread: nothing new starts, what is in flight may finish."""

    def __init__(self) -> None:
        self.reason = ""  # interrupted | terminated; empty while nobody asked
        self._listener: Callable[[], None] | None = None

    @property
    def requested(self) -> bool:
        return bool(self.reason)

    def request(self, reason: str = "interrupted") -> None:
        self.reason = self.reason or reason
        if self._listener is not None:
            self._listener()

    def listen(self, listener: Callable[[], None] | None) -> None:
        self._listener = listener
        if listener is not None and self.requested:
            listener()


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
        self._fresh: Iterator[Batch] = iter(())
        self._left: Sequence[Item] = ()  # of a batch of which only a canary's worth was taken
        self._parked: list[tuple[float, int, Talk]] = []
        self._order = count()
        self._busy = 0
        self._waiters: list[asyncio.Future[None]] = []
        self._stopping = asyncio.Event()
        self._interrupted = asyncio.Event()
        self._doubts: dict[int, Outcome] = {}  # by entry: put off in this run, and perhaps applied
        self._ended = 0  # changes settled for good
        self._deferred = 0  # changes put off in this pass

    # --- the passes -----------------------------------------------------------------------------------------------

    async def run(self, halt: Halt) -> Delivery:
        halt.listen(lambda: self._interrupt_soon(halt.reason))
        try:
            await self._passes()
        finally:
            halt.listen(None)
            self._abandon_parked()
            self._scribe.flush()
        return Delivery(self._gate.stop, self._gauge.requests, self._gauge.sent_bytes, self._scribe.held)

    async def _passes(self) -> None:
        """As long as a pass settles something there is hope for the rest."""
        fruitless = 0
        while True:
            before, self._deferred = self._ended, 0
            self._fresh, self._left = self._batches(), ()
            await self._one_pass()
            self._scribe.flush()
            if self._gate.stop or not self._deferred:
                return
            fruitless = 0 if self._ended > before else fruitless + 1
            if fruitless >= self._policy.fruitless_passes:
                message = f"{self._deferred} rows met only faults, pass after pass; the next run tries them again"
                self._stop(Stop("faults", message))
                return
            await self._rest(self._between_passes_s(fruitless))

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
                self._put_off(talk, "interrupted before an answer came", silent=True)
                raise
            finally:
                self._busy -= 1
                self._ring()

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
                if not self._parked and not self._busy:
                    self._ring()
                    return None
                wait_s = self._parked[0][0] - now if self._parked else None
            await self._wait(wait_s or None)
        self._ring()
        return None

    def _ready(self, now: float) -> Talk | None:
        """A parked talk whose time has come, else a fresh one: memory stays bounded by what may be parked.

        Until the destination has taken a row, a fresh one is small, and goes only when no other waits for its turn.
        """
        if self._parked and self._parked[0][0] <= now:
            return heapq.heappop(self._parked)[2]
        contacted = self._gate.contacted
        if len(self._parked) >= (4 * self._parallelism if contacted else 1):
            return None
        items = self._left or self._next_items()
        most = len(items) if contacted else self._policy.canary_rows
        self._left = items[most:]
        return begin(items[:most], self._destination.converse) if items else None

    def _next_items(self) -> Sequence[Item]:
        """Of the next batch that has any; none when the pass has no more."""
        try:
            for batch in self._fresh:
                self._settle(batch.unfit)
                if batch.items:
                    return batch.items
        except LedgerFailed as failure:
            self._disk_failed(failure)
        return ()

    def _park(self, talk: Talk, wait_s: float = 0.0) -> None:
        heapq.heappush(self._parked, (self._loop.time() + wait_s, next(self._order), talk))

    async def _wait(self, wait_s: float | None) -> None:
        """Until something changes, or the time has come."""
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        timer = self._loop.call_later(wait_s, self._ring) if wait_s is not None else None
        try:
            await waiter
        finally:
            if timer is not None:
                timer.cancel()

    def _ring(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _rest(self, wait_s: float) -> None:
        """Waits, unless the run stops."""
        try:
            async with asyncio.timeout(wait_s):
                await self._stopping.wait()
        except TimeoutError:
            return

    # --- one step of a talk ---------------------------------------------------------------------------------------

    async def _step(self, talk: Talk) -> None:
        lane = self._destination.lanes[talk.request.lane]
        wait_s = self._paces[talk.request.lane].grant(len(talk.items), self._loop.time())
        if wait_s > 0:
            self._gauge.limited_by = "rate"
            await self._rest(wait_s)
            closed = self._gate.closed_s(self._loop.time()) != 0 or self._gauge.in_flight >= self._gate.limit
            if self._gate.stop or closed:
                self._park(talk)
                return
        self._gauge.limited_by = self._gate.why(self._loop.time()) or ("" if wait_s > 0 else "the API's answer time")
        self._count(talk.request.body)
        self._gauge.in_flight += 1
        talk.began = self._loop.time()
        try:
            word = await attempt(self._world, lane, talk.request)
        finally:
            self._gauge.in_flight -= 1
        talk.last_word = word.text
        talk.doubt, talk.silent = talk.doubt or word.doubt, talk.silent or word.silent
        await self._hear(talk, word)

    def _count(self, body: bytes) -> None:
        self._gauge.requests += 1
        self._gauge.sent_bytes += len(body)

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
            self._park(talk, talk.request.pause_s)

    def _conclude(self, talk: Talk, verdicts: Sequence[Verdict]) -> None:
        if any(verdict.outcome is Outcome.DELIVERED for verdict in verdicts):
            self._gate.delivered()
        self._settle([self._final(talk, item, verdict) for item, verdict in zip(talk.items, verdicts, strict=True)])

    def _final(self, talk: Talk, item: Item, verdict: Verdict) -> Settled:
        """Only an acknowledgement lifts a doubt: what was refused now may have been applied by an earlier attempt."""
        doubt = self._doubts.pop(item.change.entry, None) is not None or talk.doubt
        delivered = verdict.outcome is Outcome.DELIVERED
        return Settled(item.change, verdict.outcome, verdict.reason, verdict.field, doubt and not delivered)

    def _refused(self, talk: Talk, refusal: Refused) -> None:
        """A whole request was refused: halve it until the culprit stands alone."""
        if len(talk.items) > 1:
            for half in halves(talk, self._destination.converse):
                self._park(half)
            return
        outcome = Outcome.INVALID if refusal.too_large else Outcome.REJECTED
        self._settle([self._final(talk, talk.items[0], Verdict(outcome, refusal.reason, refusal.field))])

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
        self._gate.failed(talk.began, self._loop.time())
        self._retry(talk, self._policy.conflict_base_s if conflict else self._policy.base_s)
        self._lose_patience("outage", word.text)

    def _retry(self, talk: Talk, base_s: float) -> None:
        """Another try after a jittered wait, or a later pass. While the destination takes others, a batch that always
        fails may hold one row that makes it fail: its halves are tried, so that the row does not take its neighbours
        with it."""
        talk.tries += 1
        if talk.tries < self._policy.tries:
            self._park(talk, backoff_s(talk.tries, base_s, self._policy.cap_s, self._world.random))
        elif len(talk.items) > 1 and not self._gate.failing:
            for half in halves(talk, self._destination.converse):
                self._park(half, backoff_s(talk.tries, base_s, self._policy.cap_s, self._world.random))
        else:
            self._put_off(talk)

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
            self._refused(talk, Refused(f"refused with status {response.status}, though the credentials are good"))
        else:
            talk.denied += 1
            self._park(talk)

    async def _probe(self) -> Stop | None:
        """None when the credentials are good; otherwise why the run ends."""
        await self._rest(self._policy.confirm_after_s)
        if self._gate.stop:
            return self._gate.stop
        probe = ask(self._destination.probe(), self._destination.lanes, self._world, self._policy, self._probe_ready)
        try:
            await self._unless_stopped(probe)
        except Misconfigured as wrong:
            return Stop("credentials", str(wrong))
        except (Unanswered, Refused, Garbled) as failure:
            return Stop("credentials", f"the credentials were refused, and could not be confirmed ({failure})")
        return self._gate.stop

    async def _probe_ready(self, request: Request) -> None:
        """The probe keeps the pace and the pauses as every request does."""
        pace = self._paces[request.lane]
        await asyncio.sleep(pace.grant(0, self._loop.time()))
        while (wait_s := self._gate.paused_s(self._loop.time())) > 0:
            await asyncio.sleep(wait_s)
            await asyncio.sleep(pace.grant(0, self._loop.time()))
        self._count(request.body)

    async def _unless_stopped(self, work: Coroutine[object, object, None]) -> None:
        """To its end, or to the end of the run: what only reads may be dropped at any time."""
        working, stopping = asyncio.create_task(work), asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
        finally:
            working.cancel()
            stopping.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)

    # --- ends -----------------------------------------------------------------------------------------------------

    def _settle(self, settled: Sequence[Settled]) -> None:
        if settled:
            self._ended += len(settled)
            self._gauge.settled.update(one.outcome for one in settled)
            self._scribe.add(settled)

    def _put_off(self, talk: Talk, reason: str = "", *, silent: bool = False) -> None:
        """Deferred, or unknown when nobody can say whether it was applied; a later pass or run tries again."""
        talk.silent, talk.doubt = talk.silent or silent, talk.doubt or silent
        self._deferred += len(talk.items)
        self._scribe.add([self._shadowed(one) for one in talk.put_off(reason)])

    def _shadowed(self, one: Settled) -> Settled:
        """A doubt outlives the pass in which it arose, whatever the last word of this one is."""
        earlier = self._doubts.get(one.change.entry)
        if earlier is None and not one.doubt:
            return one
        outcome = Outcome.UNKNOWN if Outcome.UNKNOWN in {earlier, one.outcome} else one.outcome
        self._doubts[one.change.entry] = outcome
        return one._replace(outcome=outcome, doubt=True)

    def _abandon_parked(self) -> None:
        """At the end: what was tried keeps its last word; what never left needs no record."""
        for _, _, talk in self._parked:
            if not talk.untouched:
                self._scribe.add([self._shadowed(one) for one in talk.put_off()])
        self._parked.clear()

    def _stop(self, stop: Stop) -> None:
        if self._gate.stop is None:
            self._gate.stop = stop
        self._stopping.set()
        self._ring()

    def _interrupt_soon(self, reason: str) -> None:
        """Called by a signal or another thread."""
        self._loop.call_soon_threadsafe(self._interrupt, reason)

    def _interrupt(self, reason: str) -> None:
        self._interrupted.set()
        self._stop(Stop(reason, f"{reason}; run with --resume to go on"))

    def _disk_failed(self, failure: LedgerFailed) -> None:
        self._stop(Stop("disk", str(failure)))
