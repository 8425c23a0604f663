"""Virtual time and a simulated Customer.io: hours of weather → milliseconds of test, the same every time.

`run` drives a coroutine on a loop whose clock jumps to the next timer. `SimulatedApi` is a `Post` that keeps people in
a dict and records every request. `Notebook` is a ledger in memory. `Sync` puts them and the real destination together.
"""

from __future__ import annotations

import asyncio
import selectors
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote

import msgspec

from syncline.delivery import Delivery, Gauge, Halt, Policy, World, deliver
from syncline.destinations.customerio import CustomerIo, Settings
from syncline.errors import LedgerFailed, Unanswered, Unsent
from syncline.flow.batch import Batch, batches
from syncline.model import Change, Kind, Lane, Outcome, Request, Response, RowRef, Settled

T = TypeVar("T")

EPOCH = 1_790_000_000.0  # the wall clock when virtual time is 0
TICK_S = 1e-6  # what floating point may blur
FINAL = {Outcome.DELIVERED, Outcome.REJECTED, Outcome.INVALID}

# --- time ---------------------------------------------------------------------------------------------------------


class Deadlock(Exception):
    """Nobody is ready, nothing is scheduled: this test would never end."""


class Endless(Exception):
    """More virtual time or more steps than any test needs."""


class _Jumping(selectors.SelectSelector):
    """Waits by moving the clock. Real sockets (the loop's own wake-up pipe) are still looked at."""

    def __init__(self, most_s: float, most_steps: int) -> None:
        super().__init__()
        self.now, self.steps, self._most_s, self._most_steps = 0.0, 0, most_s, most_steps

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.steps += 1
        if self.steps > self._most_steps:
            raise Endless(f"{self.steps} steps, at {self.now:.3f} virtual seconds")
        events = super().select(0)
        if events:
            return events
        if timeout is None:
            raise Deadlock(f"at {self.now:.3f} virtual seconds")
        self.now += max(0.0, timeout)
        if self.now > self._most_s:
            raise Endless(f"past {self._most_s:.0f} virtual seconds")
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, most_s: float, most_steps: int) -> None:
        self._jumping = _Jumping(most_s, most_steps)
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def relax(self) -> None:
        """The watchdog barked: some more steps and hours, to clean up."""
        self._jumping.steps, self._jumping.now = 0, 0.0


def run(main: Coroutine[Any, Any, T], *, most_hours: float = 10.0, most_steps: int = 2_000_000) -> T:
    """Like `asyncio.run`, in virtual time. Raises `Deadlock` or `Endless` where a real run would hang."""
    loop = VirtualLoop(most_hours * 3600, most_steps)
    try:
        result = loop.run_until_complete(loop.create_task(main))
        left = asyncio.all_tasks(loop)
        assert not left, f"left behind: {left}"
        return result
    finally:
        _clean(loop)
        loop.close()


def _clean(loop: VirtualLoop) -> None:
    """Ends what a failed test leaves, so that its one failure is all there is to read."""
    loop.relax()
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()

    async def gone() -> None:
        await asyncio.gather(*left, return_exceptions=True)

    loop.run_until_complete(gone())


def now() -> float:
    return asyncio.get_running_loop().time()


# --- weather ------------------------------------------------------------------------------------------------------


class Gust(NamedTuple):
    """What happens to one request. `status` 0: the API answers as it would in good weather.

    fate: answered; unsent (nothing left); dropped (no answer came); hangs (silence). `applies`: the write is done
    before that, so that a dropped one is a lost acknowledgement.
    """

    status: int = 0
    headers: Mapping[str, str] = {}
    body: bytes = b""
    fate: str = "answered"
    latency_s: float = 0.08
    applies: bool = False


FAIR = Gust()
UNSENT = Gust(fate="unsent")
DROPPED = Gust(fate="dropped")
LOST = Gust(fate="dropped", applies=True)
HANGS = Gust(fate="hangs")
SWALLOWED = Gust(fate="hangs", applies=True)


def fair(number: int, call: Call) -> Gust:
    return FAIR


def always(gust: Gust) -> Weather:
    return lambda number, call: gust


def script(*gusts: Gust, then: Gust = FAIR) -> Weather:
    """One gust a request, then `then` for ever."""
    return lambda number, call: gusts[number - 1] if number <= len(gusts) else then


def between(start_s: float, end_s: float, gust: Gust) -> Weather:
    """`gust` for the requests that start in [start_s, end_s)."""
    return lambda number, call: gust if start_s <= call.start < end_s else FAIR


# --- the API ------------------------------------------------------------------------------------------------------


@dataclass
class Call:
    """One request as the API saw it. `end` is when its caller had the answer, or gave up."""

    start: float
    path: str
    keys: tuple[str, ...]
    end: float = float("inf")
    status: int = 0  # 0: none was answered
    headers: Mapping[str, str] = field(default_factory=dict)
    applied: bool = False

    @property
    def is_probe(self) -> bool:
        return not self.keys


Weather = Callable[[int, Call], Gust]
"""The request's number (from 1; writes and probes are counted apart) and the request → what happens to it."""


@dataclass
class SimulatedApi:
    """Track v2 batch, v1 identify and the region probe.

    poison: refused with 400, the whole request; blamed: refused alone in a 207; forbidden: 403 for the whole request;
    cursed: 500 for the whole request.
    """

    weather: Weather = fair
    probe_weather: Weather = fair
    poison: frozenset[str] = frozenset()
    blamed: frozenset[str] = frozenset()
    forbidden: frozenset[str] = frozenset()
    cursed: frozenset[str] = frozenset()
    most_bytes: int = 500_000
    on_call: Callable[[Call], None] | None = None
    people: dict[str, dict[str, object]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    _numbers: Counter[bool] = field(default_factory=Counter)

    async def __call__(self, lane: Lane, request: Request) -> Response:
        entries = _entries(request)
        call = Call(now(), request.path, tuple(key for key, _ in entries))
        self.calls.append(call)
        if self.on_call is not None:
            self.on_call(call)
        self._numbers[call.is_probe] += 1
        weather = self.probe_weather if call.is_probe else self.weather
        try:
            return await self._meet(call, request, entries, weather(self._numbers[call.is_probe], call))
        finally:
            call.end = now()

    async def _meet(
        self, call: Call, request: Request, entries: Sequence[tuple[str, dict[str, object]]], gust: Gust
    ) -> Response:
        if gust.fate == "unsent":
            await asyncio.sleep(gust.latency_s)
            raise Unsent("could not connect: refused")
        if gust.applies:
            self._good(call, request, entries)
        await asyncio.sleep(1e6 if gust.fate == "hangs" else gust.latency_s)
        if gust.fate == "dropped":
            raise Unanswered("the connection broke")
        if gust.status:
            response = Response(gust.status, dict(gust.headers), gust.body)
        else:
            response = self._good(call, request, entries)
        call.status, call.headers = response.status, response.headers
        return response

    def _good(self, call: Call, request: Request, entries: Sequence[tuple[str, dict[str, object]]]) -> Response:
        keys = set(call.keys)
        if call.is_probe:
            return Response(200, {}, b'{"region":"us"}')
        if len(request.body) > self.most_bytes:
            return Response(413, {}, b"")
        for culprits, status in ((self.cursed, 500), (self.forbidden, 403), (self.poison, 400)):
            if keys & culprits:
                return Response(status, {}, b'{"errors":[{"reason":"refused","message":"poison"}]}')
        if request.method == "PUT" and keys & self.blamed:  # v1 has no 207
            return Response(400, {}, b'{"meta":{"errors":["blamed"]}}')
        call.applied = True
        errors = []
        for index, (key, attributes) in enumerate(entries):
            if key in self.blamed:
                errors.append({"batch_index": index, "reason": "invalid", "message": "blamed"})
            else:
                self.people.setdefault(key, {}).update(attributes)
        answer: dict[str, object] = {"errors": errors} if errors else {}
        return Response(207 if errors else 200, {}, msgspec.json.encode(answer))

    # --- what tests ask -------------------------------------------------------------------------------------------

    @property
    def writes(self) -> list[Call]:
        return [call for call in self.calls if not call.is_probe]

    @property
    def probes(self) -> list[Call]:
        return [call for call in self.calls if call.is_probe]

    @property
    def most_in_flight(self) -> int:
        """An end and a start at one instant do not overlap."""
        moves = sorted([(call.start, 1) for call in self.calls] + [(call.end, -1) for call in self.calls])
        return max(accumulate(step for _, step in moves), default=0)

    @property
    def trace(self) -> list[tuple[float, str, tuple[str, ...], int]]:
        return [(call.start, call.path, call.keys, call.status) for call in self.calls]


def _entries(request: Request) -> list[tuple[str, dict[str, object]]]:
    """(key, attributes) of everybody a write names; nobody for a probe."""
    if request.method == "GET":
        return []
    body = msgspec.json.decode(request.body)
    if request.path == "/api/v2/batch":
        return [("id:" + entry["identifiers"]["id"], entry["attributes"]) for entry in body["batch"]]
    return [("id:" + unquote(request.path.rpartition("/")[2]), body)]


# --- the ledger and the run ---------------------------------------------------------------------------------------


@dataclass
class Notebook:
    """What `settle` was told, in order. `fails_from`: the settle call (from 1) from which on the disk fails."""

    changes: Sequence[Change]
    fails_from: float = float("inf")
    fails_to: float = float("inf")
    pages: list[tuple[float, Settled]] = field(default_factory=list)
    last: dict[int, Settled] = field(default_factory=dict)
    twice: list[Settled] = field(default_factory=list)
    settles: int = 0
    failures: list[float] = field(default_factory=list)
    passes: int = 0

    def settle(self, settled: Sequence[Settled]) -> None:
        self.settles += 1
        if self.fails_from <= self.settles <= self.fails_to:
            self.failures.append(now())
            raise LedgerFailed("no space left on device")
        for one in settled:
            earlier = self.last.get(one.change.entry)
            if earlier is not None and earlier.outcome in FINAL:
                self.twice.append(one)
            self.last[one.change.entry] = one
            self.pages.append((now(), one))

    def pending(self) -> Iterator[Sequence[Change]]:
        """Read lazily, as the real one is."""
        self.passes += 1
        for start in range(0, len(self.changes), 50):
            chunk = self.changes[start : start + 50]
            yield [
                change
                for change in chunk
                if change.entry not in self.last or self.last[change.entry].outcome not in FINAL
            ]

    def of(self, key: str) -> Settled | None:
        return next((one for one in self.last.values() if one.change.key == key), None)

    @property
    def counts(self) -> Counter[str]:
        """Outcomes by name; `untouched` for those without a word."""
        counts = Counter(str(one.outcome) for one in self.last.values())
        counts["untouched"] = len(self.changes) - len(self.last)
        return +counts


def people(count: int) -> list[Change]:
    """Persons id:1 … id:count."""
    body = b'{"plan":"pro"}'
    return [
        Change(number, RowRef("data.json", number, 0), f"id:{number}", Kind.UPSERT, body)
        for number in range(1, count + 1)
    ]


@dataclass
class Sync:
    """One run under virtual time; `ended` is set by `go`."""

    api: SimulatedApi
    rows: int = 100
    parallelism: int = 25
    seed: int = 0
    batch_items: int = 10
    identify: bool = False
    rate: float = 900.0
    rows_per_second: float = 0.0
    timeout_s: float = 30.0
    policy: Policy = field(default_factory=Policy)
    halt: Halt = field(default_factory=Halt)
    halt_at_s: float | None = None
    gauge: Gauge = field(default_factory=Gauge)
    fails_from: float = float("inf")
    fails_to: float = float("inf")
    changes: Sequence[Change] = ()
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.notebook = Notebook(self.changes or people(self.rows), self.fails_from, self.fails_to)
        self.destination = CustomerIo(
            Settings.model_validate(
                {"siteId": "s", "apiKey": "k", "api": "identify" if self.identify else "batch", "rate": self.rate}
                | {"rowsPerSecond": self.rows_per_second, "timeout": self.timeout_s, "batchItems": self.batch_items}
            )
        )

    def go(self) -> Delivery:
        self.ended = run(self._deliver())
        assert not self.notebook.twice, "settled for good, then settled again"
        return self.ended

    async def _deliver(self) -> Delivery:
        destination, notebook = self.destination, self.notebook

        def pending() -> Iterator[Batch | None]:
            return batches(notebook.pending(), destination.encode, destination.limits, self.policy.canary_rows)

        if self.halt_at_s is not None:
            asyncio.get_running_loop().call_later(self.halt_at_s, self.halt.request)
        world = World(self.api, Random(self.seed), lambda: EPOCH + now())
        ended = await deliver(
            pending,
            destination,
            notebook.settle,
            world,
            parallelism=self.parallelism,
            halt=self.halt,
            gauge=self.gauge,
            policy=self.policy,
        )
        self.seconds = now()
        return ended

    @property
    def stop_reason(self) -> str | None:
        return self.ended.stop.reason if self.ended.stop else None
