"""What a run did → figures that add up, as JSON and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import msgspec

from syncline.errors import RULES, Bug, counted, printable
from syncline.model import Outcome, RowRef, Stop

SHOWN_PROBLEMS = 100  # in the JSON of a run; `syncline report` has all of them
WORDS_GROUPS = 10  # ways to fail in the summary a person reads
WORDS_ROWS = 1_000  # rows that a person reads: after an interrupt there may be a million
FailOn = Literal["any", "new", "never"]
_STOP_CODES = {"bug": 70, "interrupted": 130, "terminated": 143}  # any other reason can be resumed from: 3


@dataclass(frozen=True)
class RowProblem:
    """One row that did not make it: where it stands, whose it is, and why. `rule`: the check an invalid row failed;
    `since`: the run in which the destination refused it, where it was not sent again."""

    row: RowRef
    key: str
    field: str
    outcome: Outcome
    reason: str
    rule: str = ""
    since: int | None = None

    def as_json(self) -> dict[str, object]:
        place = {"file": self.row.file, "row": self.row.row, "line": self.row.line}
        what = {"outcome": str(self.outcome), "reason": self.reason, "rule": self.rule, "since": self.since}
        return place | {"key": self.key, "field": self.field} | what

    @property
    def what(self) -> str:
        why = f"{self.field}: {self.reason}" if self.field else self.reason
        return f"{why} (rejected since run {self.since}, and not sent again)" if self.since else why

    @property
    def where(self) -> str:
        line = f" (line {self.row.line})" if self.row.line else ""
        return f"{self.row.file} row {self.row.row}{line}" + (f"  {self.key}" if self.key else "")

    def __str__(self) -> str:
        return printable(f"{self.outcome:<9} {self.where}  {self.what}")


@dataclass(frozen=True)
class ProblemGroup:
    """Rows that failed in the same way: how many, and the first of them. alike: for the same reason, to the letter."""

    count: int
    first: RowProblem
    alike: bool = True

    def as_json(self) -> dict[str, object]:
        first = self.first.as_json()
        kind = {name: first[name] for name in ("outcome", "rule", "field")}
        return kind | {"count": self.count, "first": first}

    @property
    def heading(self) -> str:
        """How many, and why, without a row."""
        rule = f" ({self.first.rule})" if self.first.rule else ""
        return printable(f"{self.first.outcome:<9} {self.count:,} rows  {self._what}{rule}")

    @property
    def _what(self) -> str:
        """What is so of all of them: where reasons differ, what the rule says."""
        if self.alike:
            return self.first.what
        words = RULES.get(self.first.rule, "for several reasons")
        return f"{self.first.field}: {words}" if self.first.field else words

    def __str__(self) -> str:
        if self.count == 1:
            return str(self.first)
        why = "" if self.alike else f": {self.first.reason}"
        return printable(f"{self.heading}; the first: {self.first.where}{why}")


@dataclass(frozen=True)
class Report:
    """One run. `counts` holds all seven outcomes and sums to `read`; `seconds` is the wall time of all its parts;
    `requests` those of delivery, `source_requests` those to an API source.

    problems: the rows that did not make it, the first of them; groups: all of them, by how they failed.
    """

    run: int
    status: str
    read: int
    counts: Mapping[Outcome, int]
    requests: int
    bytes: int
    seconds: float
    problems: Sequence[RowProblem]
    source_requests: int = 0
    killed: int = 0  # parts of it whose process died: what they cost is in no figure
    groups: Sequence[ProblemGroup] = ()
    stopped: Stop | None = None
    warnings: Sequence[str] = ()
    caveats: Sequence[str] = ()
    notes: Sequence[str] = ()
    nothing_left: bool = False  # `--resume` found everything settled
    new_problems: int = 0  # invalid and rejected rows that were not so in the last whole run
    fail_on: FailOn = "any"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def check(self) -> None:
        """Every row read has exactly one outcome. Raises `Bug` when the sum says otherwise."""
        total = sum(self.counts.values())
        if total != self.read:
            raise Bug(f"run {self.run} read {self.read} rows and ended {total}; please report this")

    @property
    def exit_code(self) -> int:
        """0 all well · 1 rows invalid or rejected · 3 resumable · 70 a bug · 130/143 a signal; the gravest wins."""
        stop = self.stopped
        # Nothing left to resume: it is as the rows ended. Of why the run stopped once, only a source that broke holds.
        if self.nothing_left and stop is not None and stop.reason != "source":
            stop = None
        if stop is not None:
            return _STOP_CODES.get(stop.reason, 3)
        if self.counts[Outcome.DEFERRED] or self.counts[Outcome.UNKNOWN]:
            return 3
        bad = self.new_problems if self.fail_on == "new" else self._bad
        return 1 if bad and self.fail_on != "never" else 0

    @property
    def _bad(self) -> int:
        return self.counts[Outcome.INVALID] + self.counts[Outcome.REJECTED]

    def as_json(self) -> dict[str, object]:
        """The shape of `syncline run --json`."""
        return {
            "run": self.run,
            "status": self.status,
            "read": self.read,
            "counts": {str(outcome): self.counts[outcome] for outcome in Outcome},
            "deletes": dict.fromkeys(map(str, Outcome), 0),
            "requests": self.requests,
            "sourceRequests": self.source_requests,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
            "killed": self.killed,
            "problems": [problem.as_json() for problem in self.problems[:SHOWN_PROBLEMS]],
            "groups": [group.as_json() for group in self.groups[:SHOWN_PROBLEMS]],
            "newProblems": self.new_problems,
            "stopped": stop_as_json(self.stopped),
            "warnings": list(self.warnings),
            "caveats": list(self.caveats),
            "notes": list(self.notes),
        }

    def figures(self) -> dict[str, object]:
        """The same without its rows: the shape of an entry of `syncline runs --json`."""
        of_rows = {"problems", "groups", "newProblems"}
        return {name: value for name, value in self.as_json().items() if name not in of_rows}

    def lines(self, *, all_problems: bool = False, command: str = "syncline report CONFIG") -> list[str]:
        """The summary a person reads. all_problems: with the rows that did not make it; command: what tells them."""
        if self.status == "running":
            return [f"run {self.run} is at work: {self.read:,} rows are read; ask again when it has ended"]
        outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in self.counts.items() if count) or "no rows"
        lines = [f"run {self.run} {self.status}: {self.read:,} read = {outcomes} ({self._cost})"]
        lines += [f"note: {note}" for note in self.notes]
        lines += [f"note: {caveat}" for caveat in self.caveats if self.counts[Outcome.DELIVERED]]
        lines += [f"warning: {warning}" for warning in self.warnings]
        lines += self._each_problem() if all_problems else self._problems_in_brief(command)
        return lines + ([stop_in_words(self.stopped)] if self.stopped is not None else [])

    @property
    def _cost(self) -> str:
        if self.killed and not self.requests:
            return "how many requests it had sent is not known"
        cost = f"{counted(self.requests, 'request')}, {self.seconds:.1f} s"
        if self.source_requests:
            cost = f"{self.source_requests:,} requests to read, {self.requests:,} to deliver, {self.seconds:.1f} s"
        return f"at least {cost}: a part of it was killed, and is not counted" if self.killed else cost

    def _problems_in_brief(self, command: str) -> list[str]:
        """How rows failed, and where to read on."""
        shown = self.groups[:WORDS_GROUPS]
        left = sum(group.count for group in self.groups) - len(shown)
        more = [f"  each of them: {command} --run {self.run}"] if left else []
        return [f"  {group}" for group in shown] + self._news() + more

    def _each_problem(self) -> list[str]:
        """Every row once, below how many failed in the same way."""
        left = len(self.problems) - WORDS_ROWS
        more = [f"    … and {left:,} more: --csv FILE and --jsonl FILE have every row"] if left > 0 else []
        kinds = [f"  {group.heading}" for group in self.groups if group.count > 1]
        return kinds + self._news() + [f"    {problem}" for problem in self.problems[:WORDS_ROWS]] + more

    def _news(self) -> list[str]:
        is_told = 0 < self.new_problems < self._bad
        return [f"  {self.new_problems:,} of them were not so in the last whole run"] if is_told else []


def stop_in_words(stop: Stop) -> str:
    """Why a run ended early, in a line."""
    when = "" if stop.retry_at is None else datetime.fromtimestamp(stop.retry_at, UTC).isoformat(timespec="seconds")
    return f"stopped ({stop.reason}): {printable(stop.message)}" + (f" (not before {when})" if when else "")


def stop_as_json(stop: Stop | None) -> dict[str, object] | None:
    return {"reason": stop.reason, "message": stop.message, "retryAt": stop.retry_at} if stop else None


@dataclass(frozen=True)
class Preview:
    """What a run would send. `fields`: how many entries change each attribute; `samples`: the first payloads;
    `groups`: the rows that would not be sent, by how they fail."""

    counts: Mapping[str, int]
    fields: Mapping[str, int]
    requests: int
    bytes: int
    seconds: float
    samples: Sequence[Mapping[str, object]]
    warnings: Sequence[str] = ()
    notes: Sequence[str] = ()
    groups: Sequence[ProblemGroup] = ()
    stopped: Stop | None = None

    @property
    def exit_code(self) -> int:
        """0, whatever was found; 3 when the source ended early, 130 or 143 when a signal ended it."""
        return 0 if self.stopped is None else _STOP_CODES.get(self.stopped.reason, 3)

    def as_json(self) -> dict[str, object]:
        """The shape of `syncline run --dry-run --json`."""
        return {
            "counts": dict(self.counts),
            "fields": dict(self.fields),
            "requests": self.requests,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
            "samples": [dict(sample) for sample in self.samples],
            "groups": [group.as_json() for group in self.groups],
            "warnings": list(self.warnings),
            "notes": list(self.notes),
            "stopped": stop_as_json(self.stopped),
        }

    def lines(self) -> list[str]:
        """The summary a person reads; where nothing could be read, why."""
        warnings = [f"warning: {warning}" for warning in self.warnings]
        stopped = [stop_in_words(self.stopped)] if self.stopped is not None else []
        if stopped and not any(self.counts.values()):
            return warnings + stopped
        counts = ", ".join(f"{count:,} {name}" for name, count in self.counts.items() if count) or "nothing to do"
        requests = f"{self.requests:,} request{'s' * (self.requests != 1)}"
        lines = [f"would send: {counts}", f"in {requests}, {self.bytes:,} bytes, about {self.seconds:.0f} s"]
        whom = {name: "1 person" if count == 1 else f"{count:,} people" for name, count in self.fields.items()}
        lines += [printable(f"  {name}: {people}") for name, people in whom.items()]
        samples = [(sample["key"], msgspec.json.encode(sample["payload"]).decode()) for sample in self.samples]
        lines += [printable(f"sample {key}: {payload}") for key, payload in samples]
        lines += [f"  {group}" for group in self.groups[:WORDS_GROUPS]]
        return lines + [f"note: {note}" for note in self.notes] + warnings + stopped
