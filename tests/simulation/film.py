"""What happened, in order: every request with what became of it, every death; and who is to be asked about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from simulation.clock import Clock, Died
from syncline.model import Lane, Request, Response

SAME_INSTANT_S = 1e-6  # what floating point may blur


class Violation(AssertionError):
    """A promise was broken; the message says which, under which seed, and at which step."""


class Op(NamedTuple):
    """A key, and what it is told: attributes by their mapped names, as JSON in one spelling."""

    key: str
    told: str

    @property
    def attributes(self) -> dict[str, object]:
        found: dict[str, object] = msgspec.json.decode(self.told)
        return found


def spelt(attributes: Mapping[str, object]) -> str:
    """One spelling a record."""
    return msgspec.json.encode(dict(sorted(attributes.items()))).decode()


class Death(NamedTuple):
    """When a process dies: at the nth moment of a kind (leaves, served, heard, statement, commit)."""

    kind: str
    moment: int


@dataclass(eq=False)
class Call:
    """One request. `ended` is when its caller had the answer, or gave up; `stage`: event loops run so far; `fate`:
    under way, heard, or what its caller met instead."""

    number: int
    step: int
    stage: int
    api: str
    lane: Lane
    request: Request
    ops: Sequence[Op]
    is_probe: bool
    began: float
    in_run: float
    may_arrive: bool = False
    served: Response | None = None
    heard: Response | None = None
    genuine: bool = False  # what was heard is what the API said
    ended: float = float("inf")
    fate: str = "under way"
    acked: Sequence[Op] = ()  # what the answer that was heard acknowledges
    refused: Sequence[Op] = ()

    @property
    def keys(self) -> set[str]:
        return {op.key for op in self.ops}

    @property
    def ticket(self) -> str:
        """Under which this was accepted, or about which it asks."""
        if self.ops and self.heard is not None:
            return str(msgspec.json.decode(self.heard.body)["async_action_id"])
        return self.request.path.rpartition("/")[2]

    @property
    def trace(self) -> tuple[object, ...]:
        """What C9 compares."""
        request, status = self.request, self.heard.status if self.heard else 0
        return (round(self.began, 6), self.api, request.method, request.path, request.body, status, self.fate)


Check = Callable[["Film", Call], None]


@dataclass
class Film:
    """A scene as it goes by. leaving, ending: the promises that are checked as a request begins and ends."""

    seed: int
    clock: Clock
    parallelism: int
    leaving: Sequence[Check] = ()
    ending: Sequence[Check] = ()
    on_death: Callable[[], None] = lambda: None
    calls: list[Call] = field(default_factory=list)
    runs: int = 0
    stage: int = 0
    of_stage: list[Call] = field(default_factory=list)
    step: int = 0
    deaths: int = 0
    under_way: dict[int, Call] = field(default_factory=dict)
    death: Death | None = None
    dead: bool = False
    moments: Counter[str] = field(default_factory=Counter)
    halted_at: float | None = None  # virtual time
    died_at: float = float("inf")
    acks: dict[Op, float] = field(default_factory=dict)  # ever heard, and when last
    tickets: Mapping[str, frozenset[str]] = field(default_factory=dict)  # of the ledger when this run began → keys
    remembered: Mapping[str, str] = field(default_factory=dict)  # key → what was refused, and should not be sent again
    repeats: bool = False  # may a key have several entries in a plan?
    resumes: bool = False
    violation: Violation | None = None

    # --- runs -----------------------------------------------------------------------------------------------------

    def begin(self, death: Death | None, tickets: Mapping[str, frozenset[str]], *, resumes: bool) -> None:
        """A process starts."""
        self.resumes = resumes
        self.runs += 1
        self.death, self.dead, self.tickets = death, False, tickets
        self.moments.clear()
        self.under_way.clear()
        self.halted_at, self.died_at = None, float("inf")
        self._first = len(self.calls)
        self.new_stage()

    def new_stage(self) -> None:
        """It runs an event loop of its own: to ask for open tickets, to deliver."""
        self.stage += 1
        self.of_stage = []

    @property
    def of_run(self) -> list[Call]:
        """The requests of the process that runs, or ran last."""
        return self.calls[self._first :]

    def fail(self, promise: str, what: str) -> None:
        """A promise was broken."""
        violation = Violation(f"{promise} broken (seed {self.seed}, run {self.runs}, step {self.step}): {what}")
        self.violation = self.violation or violation
        raise violation

    def need(self, true: bool, promise: str, what: str) -> None:
        if not true:
            self.fail(promise, what)

    # --- requests -------------------------------------------------------------------------------------------------

    def leaves(self, api: str, lane: Lane, request: Request, ops: Sequence[Op], is_probe: bool) -> Call:
        self.alive()
        self.step += 1
        now, in_run = self.clock.now, self.clock.in_run
        call = Call(len(self.calls) + 1, self.step, self.stage, api, lane, request, ops, is_probe, now, in_run)
        for check in self.leaving:
            check(self, call)
        self.calls.append(call)
        self.of_stage.append(call)
        self.under_way[call.number] = call
        self.passes("leaves")
        return call

    def hears(self, call: Call, response: Response, *, genuine: bool) -> None:
        """Its caller gets an answer."""
        self.step += 1
        call.heard, call.genuine, call.fate, call.ended = response, genuine, "heard", self.clock.now
        self.acks |= dict.fromkeys(call.acked, self.clock.now)
        self.passes("heard")

    def ends(self, call: Call, fate: str) -> None:
        """Its caller goes on, with an answer or without."""
        self.under_way.pop(call.number, None)
        if call.fate == "under way":
            call.fate, call.ended = fate, self.clock.now
        if not self.dead:
            for check in self.ending:
                check(self, call)

    # --- death ----------------------------------------------------------------------------------------------------

    def alive(self) -> None:
        if self.dead:
            raise Died

    def passes(self, kind: str) -> None:
        """A moment at which the process may die."""
        self._moment(kind)
        self.alive()

    def statement(self, sql: str) -> None:
        """The ledger is about to be asked this; a death here is noticed at the next request."""
        self._moment("statement")
        if sql == "COMMIT":
            self._moment("commit")

    def _moment(self, kind: str) -> None:
        self.moments[kind] += 1
        if not self.dead and self.death == (kind, self.moments[kind]):
            self.dead = True
            self.deaths += 1
            self.died_at = self.clock.now
            self.on_death()
