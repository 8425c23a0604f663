"""The promises, one function each, by their names. A broken one raises `Violation`: its name, the seed and the step.

Three lists at the end say when each is asked: as a request leaves or ends, as a run ends, and as a process dies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import ceil, log2

from simulation.books import FINAL, Books
from simulation.film import SAME_INSTANT_S, Call, Film, Op
from syncline.delivery import Policy
from syncline.flow.report import Report
from syncline.model import Outcome

_OUTAGE_MOST = 200  # requests
_GOOD = {Outcome.DELIVERED, Outcome.UNCHANGED, Outcome.FOLDED}
_NO_ANSWER_YET = {401, 403, 408, 409, 423, 425, 429}  # to a probe: it is asked again, or the run ends
_TOLD_ROW_BY_ROW = (Outcome.INVALID, Outcome.REJECTED, Outcome.DEFERRED, Outcome.UNKNOWN)


@dataclass(frozen=True)
class Dead:
    """A process that died: when, and what it had been acknowledged, and when."""

    at: float
    acks: Mapping[Op, float]


@dataclass
class Ended:
    """A run that ended, or whose process died: then `after` is the ledger it left.

    report, retold: what it reported, and the same read from the ledger once more; held: what the destination holds;
    excused: keys of which this ledger cannot know (an older one was put back, or it was lost); given: rows it was
    given to read, where that is known; dead_from_s: from when on in the run nothing got through; only_marks: no other
    weather than single rows that are refused; follows: the process
    before, if it died.
    """

    film: Film
    after: Books
    held: Mapping[str, Mapping[str, object]]
    excused: set[str]
    report: Report | None = None
    retold: Report | None = None
    given: int | None = None
    dead_from_s: Mapping[str, float] = field(default_factory=dict)
    only_marks: bool = False
    follows: Dead | None = None

    @property
    def calls(self) -> list[Call]:
        return self.film.of_run

    def need(self, true: object, promise: str, what: str) -> None:
        self.film.need(bool(true), promise, what)


# --- as a request leaves ----------------------------------------------------------------------------------------------


def r1_in_flight(film: Film, call: Call) -> None:
    """R1: in-flight ≤ parallelism, always (an API source has as many for itself)."""
    others = sum(other.api == call.api for other in film.under_way.values())
    film.need(others < film.parallelism, "R1", f"{others + 1} requests in flight to {call.api}")


def r2_rate(film: Film, call: Call) -> None:
    """R2: over any window w: sends ≤ rate·w + burst."""
    lane = call.lane
    burst = max(1.0, lane.rate * lane.burst_s)
    sends = [other.began for other in film.of_stage if other.request.lane == call.request.lane][-200:]
    for count, began in enumerate(reversed(sends), start=2):
        most = lane.rate * (call.began - began) + burst
        film.need(count <= most + 1e-3, "R2", f"{count} requests within {call.began - began:.3f} s")


def r3_pauses(film: Film, call: Call) -> None:
    """R3: Retry-After honoured: no send to that lane before the instant, from any worker. A quota that is used up too:
    no bulk call before there are more."""
    for earlier in film.of_stage:
        if earlier.api != call.api or earlier.heard is None or earlier.ended > call.began:
            continue
        until = earlier.ended + _asked_s(earlier)
        film.need(call.began >= until - SAME_INSTANT_S, "R3", f"{until - call.began:.3f} s too early")


def _asked_s(call: Call) -> float:
    """Seconds that its answer asks everybody to wait; 0 for none."""
    headers = call.heard.headers if call.heard else {}
    text = headers.get("retry-after", "")
    if call.heard is None or call.heard.status not in {429, 503} or not text:
        return 0.0
    if text.isdigit():
        return float(text)
    try:
        at, told = parsedate_to_datetime(text), parsedate_to_datetime(headers["date"])
    except ValueError:
        return 0.0
    return (at.replace(tzinfo=at.tzinfo or UTC) - told).total_seconds()


def r4_once(film: Film, call: Call) -> None:
    """R4: what was acknowledged is not sent a second time by the same process."""
    if call.ops and not film.repeats:
        acked = {op for earlier in film.of_stage for op in earlier.acked}
        twice = [op for op in call.ops if op in acked]
        film.need(not twice, "R4", f"{len(twice)} acknowledged changes are sent again, the first {twice[:1]}")


def r5_credentials(film: Film, call: Call) -> None:
    """R5: from the first 401/403 until the probe's answer no new request starts."""
    closed = False
    for earlier in sorted((one for one in film.of_stage if one.heard and one.api == call.api), key=_ended):
        response = earlier.heard
        assert response is not None
        if earlier.is_probe:
            closed = closed and (response.status in _NO_ANSWER_YET or response.status >= 500)
        elif response.status in {401, 403} and response.status not in earlier.request.hears:
            closed = True
    film.need(call.is_probe or not closed, "R5", "a request left while credentials were being confirmed")


def _ended(call: Call) -> tuple[float, int]:
    return call.ended, call.number


def o1_one_a_key(film: Film, call: Call) -> None:
    """O1: ≤ 1 request in flight per key."""
    for other in film.under_way.values():
        both = call.keys & other.keys
        film.need(not both, "O1", f"{sorted(both)[:3]} in two requests at a time")


def b2_singly(film: Film, call: Call) -> None:
    """B2: a batch whose answer made no sense is in doubt, and sent again: once as it is, then one by one."""
    if len(call.ops) < 2:
        return
    contacted = False
    nonsense: Counter[Op] = Counter()
    for earlier in film.of_stage:
        if earlier.heard and earlier.ops and not earlier.genuine and 200 <= earlier.heard.status < 300 and contacted:
            nonsense.update(earlier.ops)
        if len(earlier.ops) == 1:
            nonsense.pop(earlier.ops[0], None)
        contacted = contacted or bool(earlier.acked)
    both = [op for op in call.ops if nonsense[op] > 1]
    film.need(not both, "B2", f"{len(both)} changes whose answers made no sense, twice, go in a batch again")


def c1_halt(film: Film, call: Call) -> None:
    """C1: after the first signal no new request."""
    late = film.halted_at is not None and call.began > film.halted_at + SAME_INSTANT_S
    film.need(not late, "C1", "a request left after the interrupt")


def j_tickets(film: Film, call: Call) -> None:
    """J: what was accepted under a ticket is asked for, and not sent again before that."""
    asked = {earlier.request.path.rpartition("/")[2] for earlier in film.of_run if not earlier.ops}
    for ticket, keys in film.tickets.items():
        both = call.keys & keys if ticket not in asked else set()
        film.need(not both, "J", f"{sorted(both)[:3]} sent again; nobody asked what became of {ticket}")


def poison_rows(film: Film, call: Call) -> None:
    """Poison rows: what was refused for good is not sent again while it stays as it is."""
    again = [op.key for op in call.ops if film.remembered.get(op.key) == op.told]
    film.need(film.resumes or not again, "Poison rows", f"{again[:3]} were refused, are as they were, and sent again")


# --- as a request ends ------------------------------------------------------------------------------------------------


def r6_deadline(film: Film, call: Call) -> None:
    """R6: each attempt ends within its time-out + 1 s."""
    took_s = call.ended - call.began
    film.need(took_s <= call.lane.timeout_s + 1.0, "R6", f"an attempt took {took_s:.1f} s")


# --- as a run ends ----------------------------------------------------------------------------------------------------


def a1_sum(end: Ended) -> None:
    """A1: every row read has exactly one outcome, and each that did not make it is told of."""
    report, retold = end.report, end.retold
    if report is None or retold is None:
        return
    total = sum(report.counts.values())
    end.need(total == report.read, "A1", f"{report.read} rows read, {total} outcomes")
    # Where the last run's tickets could not be asked for, nothing is read at all, and the run says so.
    unplanned = report.stopped is not None and "nothing was planned over it" in report.stopped.message
    given = 0 if unplanned else end.given
    end.need(given is None or report.read == given, "A1", f"{given} rows given, {report.read} read")
    told = Counter(problem.outcome for problem in retold.problems)
    for outcome in _TOLD_ROW_BY_ROW:
        count = report.counts[outcome]
        end.need(told[outcome] == count, "A1", f"{count} rows {outcome}, {told[outcome]} told of")


def a2_acknowledged(end: Ended) -> None:
    """A2: an acknowledged change is reported delivered, and what is reported delivered was acknowledged."""
    if end.report is None or end.report.run != end.after.run:
        return
    acked = {op for call in end.film.of_stage for op in call.acked}
    times = Counter(Op(entry.key, entry.told) for entry in end.after.plan)
    for entry in end.after.plan:
        op = Op(entry.key, entry.told)
        if entry.outcome == Outcome.DELIVERED:
            end.need(op in end.film.acks, "A2", f"{entry.key} is called delivered, and nobody acknowledged it")
        elif times[op] == 1:  # else nobody can say which of them it was
            end.need(op not in acked, "A2", f"{entry.key} was acknowledged, and is called {entry.outcome or 'unsent'}")


def a3_retold(end: Ended) -> None:
    """A3: a report made again from the journal is the same, and so is its exit code."""
    report, retold = end.report, end.retold
    if report is None or retold is None:
        return
    said, again = report.figures(), retold.figures()
    for name in ("warnings", "caveats", "notes"):  # told once, and not kept
        said.pop(name)
        again.pop(name)
    end.need(said == again, "A3", f"{said} became {again}")
    end.need(report.nothing_left or report.exit_code == retold.exit_code, "A3", "the exit code became another")


def a4_exit_code(end: Ended) -> None:
    """A4: 0 when all rows are delivered, unchanged or folded; 1 when some were refused; 3 when it can be resumed."""
    report = end.report
    if report is None or report.nothing_left:
        return
    left = report.counts[Outcome.DEFERRED] + report.counts[Outcome.UNKNOWN]
    refused = report.counts[Outcome.INVALID] + report.counts[Outcome.REJECTED]
    if report.stopped is not None:
        fit = {130, 143} if report.stopped.reason in {"interrupted", "terminated"} else {3}
    else:
        fit = {3} if left else {1} if refused else {0}
    end.need(report.exit_code in fit, "A4", f"exit code {report.exit_code} for {dict(report.counts)}")


def a6_doubts(end: Ended) -> None:
    """A6, S3b: where the destination may differ from what is believed, the ledger knows that it does not know."""
    believed, known_unknown = end.after.believed(), end.after.open_keys()
    for key, held in end.held.items():
        if key in end.excused or key in known_unknown:
            continue
        end.need(key in believed, "A6", f"{key} was written; it is neither believed nor in doubt")
        differs = {name for name, value in Op(key, believed[key]).attributes.items() if held.get(name) != value}
        end.need(not differs, "A6", f"{key} holds another {sorted(differs)} than is believed, and is not in doubt")


def s1_acknowledged(end: Ended) -> None:
    """S1: state lags, never leads: what is believed of a key was acknowledged, in exactly this form."""
    for key, told in end.after.believed().items():
        end.need(Op(key, told) in end.film.acks, "S1", f"{key} is believed to hold what nobody acknowledged")


def s2_merged(end: Ended) -> None:
    """S2: after a run that ends normally, every acknowledged change is in state."""
    if end.report is None:
        return
    believed = end.after.beliefs
    last = {op.key: op.told for call in sorted(end.calls, key=_ended) for op in call.acked}
    lost = [key for key, told in last.items() if believed.get(key) != told]
    end.need(not lost, "S2", f"{lost[:3]} were acknowledged, and are not believed")


def o1_order(end: Ended) -> None:
    """O1: the changes of a key leave in the order of its rows."""
    entries: dict[str, list[str]] = {}
    for entry in end.after.plan:
        entries.setdefault(entry.key, []).append(entry.told)
    several = {key: told for key, told in entries.items() if len(told) > 1}
    for key, order in several.items():
        at = 0
        for call in end.film.of_stage:
            for op in call.ops:
                if op.key == key and op.told in order:
                    end.need(op.told in order[at:], "O1", f"{key}: an earlier row left after a later one")
                    at = order.index(op.told, at)


def b1_listed(end: Ended) -> None:
    """B1: exactly the listed items of a batch are rejected, the rest is acknowledged (A2 sees to that)."""
    if end.report is None or end.report.run != end.after.run:
        return
    entries = {Op(entry.key, entry.told): entry for entry in end.after.plan}
    for op in _refused(end.film.of_stage):
        outcome = entries[op].outcome if op in entries else ""
        end.need(
            outcome == Outcome.REJECTED, "B1", f"{op.key} was refused by name, and is called {outcome or 'unsent'}"
        )


def _refused(calls: Sequence[Call]) -> Iterator[Op]:
    acked = {op for call in calls for op in call.acked}
    return (op for call in calls for op in call.refused if op not in acked)


def j_remembered(end: Ended) -> None:
    """J: what was accepted under a ticket, and has no result yet, can be asked for by whoever comes next."""
    waiting: dict[str, tuple[str, float]] = {}  # key → the ticket under which it was sent last, and since when
    for call in sorted(end.film.of_stage, key=_ended):
        for op in call.ops:
            waiting.pop(op.key, None)
            if call.heard is not None and call.genuine and call.heard.status == 202:
                waiting[op.key] = (call.ticket, call.ended)
        if not call.ops and call.heard is not None and b"IN_PROGRESS" not in call.heard.body:
            waiting = {key: (ticket, at) for key, (ticket, at) in waiting.items() if ticket != call.ticket}
    for key, (ticket, at) in waiting.items():
        kept = key in end.after.tickets.get(ticket, ()) or at >= end.film.died_at - SAME_INSTANT_S
        end.need(kept, "J", f"{key} was sent under {ticket}, and the ledger does not know it")


def b3_bisection(end: Ended) -> None:
    """B3: a refused batch is halved: at most 2·p·⌈log2 n⌉ + 1 more requests for p bad rows of n."""
    if not end.only_marks or end.report is None:
        return
    writes = [call for call in end.film.of_stage if call.ops]
    met: set[str] = set()
    for root in writes:
        if root.keys & met:
            continue
        met |= root.keys
        if root.heard is None or root.heard.status != 400:
            continue
        parts = [call for call in writes if call is not root and call.keys <= root.keys]
        bad = {op.key for call in parts if call.heard and call.heard.status == 400 for op in call.ops}
        bad = {key for key in bad if any(call.keys == {key} and not call.acked for call in parts)} or root.keys
        most = 2 * len(bad) * ceil(log2(max(2, len(root.ops)))) + 1
        end.need(len(parts) <= most, "B3", f"{len(parts)} more requests for {len(bad)} bad of {len(root.ops)} rows")


def c8_settled(end: Ended) -> None:
    """C8: a run that ends without a stop leaves nothing of its plan unsettled, but what has a ticket."""
    report = end.report
    if report is None or report.stopped is not None or report.run != end.after.run or end.after.tickets:
        return
    left = [entry.key for entry in end.after.plan if entry.outcome not in FINAL]
    end.need(not left, "C8", f"{left[:3]} were given up without a stop")


def r4_outage(end: Ended) -> None:
    """R4: under total outage ≤ 200 requests, whatever the row count."""
    for api, since_s in end.dead_from_s.items():
        count = sum(call.api == api and call.in_run >= since_s for call in end.film.of_stage)
        end.need(count <= _OUTAGE_MOST, "R4", f"{count} requests to {api} in a total outage")


def c1_grace(end: Ended) -> None:
    """C1: what is in flight is awaited no longer than the grace; then there is a report."""
    if end.film.halted_at is None or end.report is None:
        return
    took_s = end.film.clock.now - end.film.halted_at
    end.need(took_s <= Policy().grace_s + 1.0, "C1", f"{took_s:.1f} s from the interrupt to the end")


def s5_bound(end: Ended) -> None:
    """S5: sent again after a crash: only what was in flight, or acknowledged and not yet committed."""
    dead = end.follows
    if dead is None or end.film.repeats:  # somebody with two profiles goes to and fro, and is sent each time
        return
    recorded = {op for op, at in dead.acks.items() if at < dead.at - Policy().window_s - SAME_INSTANT_S}
    again = [op for call in end.calls for op in call.ops if op in recorded]
    end.need(not again, "S5", f"{len(again)} recorded changes are sent again, the first {again[:1]}")


# --- at the end of a scene --------------------------------------------------------------------------------------------


def converged(end: Ended, promise: str, expected: Mapping[str, Mapping[str, object]]) -> None:
    """O2, O3, S3, S4, S6: every key holds the left fold of its rows, as if nothing had ever gone wrong."""
    for key, attributes in expected.items():
        held = end.held.get(key, {})
        wrong = {name for name, value in attributes.items() if held.get(name) != value}
        end.need(not wrong, promise, f"{key} holds another {sorted(wrong)} than its rows say")


def state_converged(end: Ended, promise: str, expected: Mapping[str, Mapping[str, object]]) -> None:
    """S3: state likewise: every key is believed to hold just that, and is not in doubt."""
    for key, attributes in expected.items():
        believed = Op(key, end.after.beliefs.get(key, "{}")).attributes
        end.need(believed == attributes, promise, f"{key} is believed to hold something else")
        end.need(key not in end.after.open_keys(), promise, f"{key} is still in doubt")


def c8_liveness(end: Ended) -> None:
    """C8: once faults stop, the run finishes. (That it ends at all, the loop's watchdog says.)"""
    report = end.report
    end.need(report is not None and report.stopped is None, "C8", f"in fair weather: {report and report.stopped}")


LEAVING: Sequence[Callable[[Film, Call], None]] = (
    r1_in_flight,
    r2_rate,
    r3_pauses,
    r4_once,
    r5_credentials,
    o1_one_a_key,
    b2_singly,
    c1_halt,
    j_tickets,
    poison_rows,
)
ENDING: Sequence[Callable[[Film, Call], None]] = (r6_deadline,)
AT_THE_END: Sequence[Callable[[Ended], None]] = (
    a1_sum,
    a2_acknowledged,
    a3_retold,
    a4_exit_code,
    a6_doubts,
    s1_acknowledged,
    s2_merged,
    o1_order,
    b1_listed,
    j_remembered,
    b3_bisection,
    r4_outage,
    c8_settled,
    c1_grace,
    s5_bound,
)
AT_A_DEATH: Sequence[Callable[[Ended], None]] = (a6_doubts, s1_acknowledged, j_remembered, s5_bound)
