"""The nouns: the values that move from stage to stage. No behaviour, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from msgspec import Raw


class Outcome(StrEnum):
    """How a row ended. Every row read has exactly one."""

    DELIVERED = "delivered"  # the destination acknowledged it
    UNCHANGED = "unchanged"  # the destination holds it already, as far as we know
    FOLDED = "folded"  # merged into a later row of the same key
    INVALID = "invalid"  # failed a check here; never sent
    REJECTED = "rejected"  # the destination's permanent no
    DEFERRED = "deferred"  # nobody said no: not sent, or faults outlasted our patience
    UNKNOWN = "unknown"  # bytes were sent and no usable answer came: its key stays in doubt


class Kind(StrEnum):
    """What a change does to its key."""

    UPSERT = "upsert"


class RowRef(NamedTuple):
    """Where a row stands: `row` and `line` count from 1; line 0 where there are no lines."""

    file: str
    row: int
    line: int


class Row(NamedTuple):
    """One source record. Each value is its exact JSON text; an empty one is an empty cell, which JSON cannot say.

    A row that cannot be read has a `fault` and no fields. `name`: what tells it from others where it has no key
    ("segment_id:use_…"); empty where its place in a file does.
    """

    ref: RowRef
    fields: Mapping[str, Raw]
    fault: str = ""
    name: str = ""


class Page(NamedTuple):
    """One page of an API source's listing: what its rows are called, "" where one has no name; and the cursor of the
    next page, "" at the end."""

    refs: Sequence[str]
    next: str


class Record(NamedTuple):
    """A mapped row: what the destination should hold for `key`. `body` is canonical JSON.

    also: a digest of another identity of the same person, by which two keys can turn out to be one; 0 for none.
    """

    ref: RowRef
    key: str
    body: bytes
    digest: bytes
    also: int = 0


class Invalid(NamedTuple):
    """A row that cannot be sent, and why. `rule`: which of `errors.RULES` it breaks."""

    ref: RowRef
    key: str
    field: str
    reason: str
    rule: str = ""


class Remark(NamedTuple):
    """Something odd about a row that is sent all the same: `what` completes "3 rows …"."""

    field: str
    what: str


class Belief(NamedTuple):
    """What we think the destination holds for a key: the digest of the last acknowledged record, and its body's id.

    acked: unix seconds of that acknowledgement (of its adoption, for a record that was adopted).
    """

    digest: bytes
    body: int
    doubtful: bool
    acked: float = 0.0


class Change(NamedTuple):
    """One entry of the plan.

    entry: its place in the plan; row: where it came from; key: typed canonical identity ("id:7258");
    body: the whole mapped record as canonical JSON, which is what the digest covers.
    """

    entry: int
    row: RowRef
    key: str
    kind: Kind
    body: bytes


class Item(NamedTuple):
    """A change, encoded: what costs bytes, what can be refused."""

    change: Change
    payload: bytes


class Verdict(NamedTuple):
    """What the destination said of one item: `delivered` or `rejected`, with its reason.

    passing: the no is not about what the item says (a permission, say), so it may be another one tomorrow.
    """

    outcome: Outcome
    reason: str = ""
    field: str = ""
    passing: bool = False


class Settled(NamedTuple):
    """A change that ended (or, when deferred or unknown, ended for now). `doubt`: it may have been applied unseen."""

    change: Change
    outcome: Outcome
    reason: str = ""
    field: str = ""
    doubt: bool = False
    passing: bool = False


class Request(NamedTuple):
    """A request of a conversation, without credentials: it may be pinned in tests. `pause_s`: wait before sending.

    hears: statuses that the conversation reads itself, whatever they mean to the engine elsewhere.
    """

    lane: str
    method: str
    path: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    pause_s: float = 0.0
    hears: frozenset[int] = frozenset()


class Remember(NamedTuple):
    """Yielded by a conversation in the place of a request: what a later process needs to ask for the result."""

    ticket: bytes


class Response(NamedTuple):
    """An answer. Header names are lower case; `body` is decoded and at most 1 MB."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Meaning(StrEnum):
    """What an answer means to the engine; a lane may read its vendor's statuses differently."""

    ANSWER = "answer"  # for the conversation to read: success, or a no that concerns its items
    THROTTLED = "throttled"  # slow down: the whole lane waits
    TRANSIENT = "transient"  # try again
    CONFLICT = "conflict"  # try again, later
    DENIED = "denied"  # credentials: nobody starts until the probe has spoken
    ELSEWHERE = "elsewhere"  # a redirect: never followed
    ABSENT = "absent"  # no such route: a wrong address on first contact, an answer afterwards


class Secret:
    """A credential: it shows itself only when asked by name."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "***"


class Quota(NamedTuple):
    """How many more requests a lane takes, by its vendor's word, and when there will be more: unix seconds, if told."""

    remaining: int
    until: float | None


class Lane(NamedTuple):
    """One road to a vendor: its origin, its credentials and its pace.

    headers: what each request carries, by lower-case name; rate: requests a second; timeout_s: the hard deadline of one
    attempt; rows_per_second: 0 for no limit; burst_s: how many seconds' worth may leave at once; quota: reads what an
    answer's headers say of what is left.
    """

    origin: str
    headers: tuple[tuple[str, Secret], ...]
    rate: float
    timeout_s: float
    rows_per_second: float = 0.0
    burst_s: float = 0.1
    quota: Callable[[Mapping[str, str]], Quota | None] | None = None


class BatchLimits(NamedTuple):
    """How much fits in one request: items, and bytes of the whole body (`envelope` bytes around, one comma between)."""

    items: int
    bytes: int
    envelope: int


class Semantics(NamedTuple):
    """How a destination treats what it is sent: folding, retrying and verifying read this table."""

    merges: bool  # an upsert keeps the attributes it does not name
    idempotent: bool  # sending twice is sending once
    readable: bool  # it can be read back


class Stop(NamedTuple):
    """Why a run ended early. `retry_at`: unix seconds when it makes sense to come back, where that is known."""

    reason: str
    message: str
    retry_at: float | None = None
