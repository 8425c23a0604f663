"""What the service answers, as shapes: for its OpenAPI document. Nothing is checked with them while it runs."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Counts(_Shape):
    """How many rows ended in each outcome; they sum to `read`."""

    delivered: int
    unchanged: int
    folded: int
    invalid: int
    rejected: int
    deferred: int
    unknown: int


class Stopped(_Shape):
    """Why a run ended early. retryAt: unix seconds when it makes sense to come back, where that is known."""

    reason: str
    message: str
    retryAt: float | None  # noqa: N815 # the document's own spelling


class RowProblem(_Shape):
    """A row that did not make it. since: the run in which it was refused, where it was not sent again."""

    file: str
    row: int
    line: int
    key: str
    field: str
    outcome: str
    reason: str
    rule: str
    since: int | None


class Group(_Shape):
    """Rows that failed in the same way."""

    outcome: str
    rule: str
    field: str
    count: int
    first: RowProblem


class Report(_Shape):
    """The document of `syncline run --json`."""

    model_config = ConfigDict(extra="allow")

    run: int
    status: str
    read: int
    counts: Counts
    deletes: Counts
    requests: int
    sourceRequests: int  # noqa: N815
    bytes: int
    seconds: float
    killed: int
    problems: list[RowProblem]
    groups: list[Group]
    newProblems: int  # noqa: N815
    stopped: Stopped | None
    warnings: list[str]
    caveats: list[str]
    notes: list[str]


class Cut(_Shape):
    """A run that was stopped before there was anything to report."""

    status: Literal["stopped", "interrupted"]
    stopped: Stopped


class Problem(_Shape):
    """One thing to mend. line and column count from 1; 0 where the place is not known."""

    file: str
    line: int
    column: int
    found: str
    expected: str
    fix: str


class Refused(_Shape):
    """Nothing was sent, nothing was changed."""

    status: Literal["refused"]
    problems: list[Problem]


class Progress(_Shape):
    """A run at work. share: of the data that is read, from 0 to 1; planned: people to be sent, as far as is known."""

    phase: Literal["planning", "delivering", "ending"]
    rows: int
    share: float | None
    planned: int
    settled: Counts
    requests: int
    sourceRequests: int  # noqa: N815
    bytes: int
    inFlight: int  # noqa: N815
    limitedBy: str  # noqa: N815


class Run(_Shape):
    """One run of the service. Times are unix seconds; `run` is its number in the ledger, once it has one."""

    id: str
    sync: str
    status: Literal["queued", "running", "finished", "stopped", "interrupted", "refused", "forgotten"]
    run: int | None
    created: float
    started: float | None
    ended: float | None
    resumable: bool = Field(description="Can the rest of its plan still be delivered, with the configuration alone?")


class WholeRun(Run):
    """The same with what it is at, what it came to, or why it was refused."""

    progress: Progress | None
    report: Report | None
    problems: list[Problem]


class RunList(_Shape):
    runs: list[Run]


class Person(_Shape):
    """What Customer.io holds of a person; it reads every value back as text."""

    key: str
    attributes: dict[str, object]


class Health(_Shape):
    status: Literal["ok", "stopping"]
