"""The contracts between the parts, on one page. What a stage may ask of a neighbour stands here and nowhere else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from syncline.model import (
    BatchLimits,
    Change,
    Item,
    Lane,
    Page,
    Remark,
    Remember,
    Request,
    Response,
    Row,
    Semantics,
    Settled,
    Verdict,
)

T = TypeVar("T")

Conversation = Generator[Request | Remember, Response, T]
"""Yields requests, is sent their answers, returns its result. It never waits, retries or opens a socket.

It may yield a `Remember` instead: once that is durable it is sent `REMEMBERED`, and goes on.
"""

REMEMBERED = Response(0, {}, b"")

Inquiry = Generator[Request, Response, T]
"""A conversation that only reads: it may be dropped at any time, and has nothing to remember."""

Post = Callable[[Lane, Request], Awaitable[Response]]
"""Sends one request, once. Raises `Unsent` or `Unanswered`."""

Settle = Callable[[Sequence[Settled]], None]
"""Records what was acknowledged, durably, before it returns. Raises `LedgerFailed`."""


class Destination(Protocol):
    """A vendor's API as pure functions and conversations."""

    @property
    def name(self) -> str: ...
    @property
    def account(self) -> str:
        """Whose ledger this is: origin and workspace. Holds no secret."""
        ...

    @property
    def fingerprint(self) -> str:
        """What a body means here besides its bytes (target, mode): part of every digest."""
        ...

    @property
    def dialect(self) -> str:
        """How a key and a body travel, in words: a plan is delivered only in the dialect it was made for."""
        ...

    @property
    def lanes(self) -> Mapping[str, Lane]: ...
    @property
    def semantics(self) -> Semantics: ...
    @property
    def limits(self) -> BatchLimits: ...
    @property
    def caveats(self) -> Sequence[str]:
        """What an acknowledgement cannot prove, in words for the report."""
        ...

    def key(self, identifier: object) -> str:
        """The canonical identity, typed: `id:7258`. Raises `Unfit`."""
        ...

    def check(self, key: str, record: Mapping[str, bytes]) -> None:
        """A row before folding: names, values, types. Values are canonical JSON. Raises `Unfit`."""
        ...

    def also(self, key: str, record: Mapping[str, bytes]) -> bytes:
        """Another identity that this record gives its person, in any one form; empty when none."""
        ...

    @property
    def findable_by(self) -> str:
        """The attribute that is another identity of a person besides the key; "" where none is."""
        ...

    def remarks(self, key: str, record: Mapping[str, bytes]) -> Sequence[Remark]:
        """What is odd about a row that passed `check`, and is sent all the same."""
        ...

    def reserved(self, name: str) -> str:
        """Why no attribute may have this name, where names come with the data; "" when it may."""
        ...

    def encode(self, change: Change) -> Item:
        """The item as it travels; checks what only the folded record shows. Raises `Unfit`."""
        ...

    def converse(self, items: Sequence[Item], ticket: bytes | None = None) -> Conversation[Sequence[Verdict]]:
        """One verdict an item, in order. With a `ticket` it asks for the result of what was sent, and sends nothing.

        Raises `Refused` (halve it), `Garbled` (the items are in doubt), `Again` (nothing came of it: send it again),
        `Unfinished` (accepted, and no result in time: the items are in doubt, the ticket stays) or `Misconfigured` (it
        is about everybody: the run stops).
        """
        ...

    def probe(self) -> Inquiry[None]:
        """A cheap read that proves credentials and region. Raises `Misconfigured`."""
        ...

    def look_up(self, keys: Sequence[str]) -> Inquiry[Mapping[str, Mapping[str, object] | None]]:
        """What the destination holds for each key, as it says it; None where it knows nobody."""
        ...


class Source(Protocol):
    """Rows from files, databases or Python objects; read in blocking chunks."""

    @property
    def complete(self) -> bool:
        """May a row's absence be read as "gone"?"""
        ...

    def position(self) -> tuple[int, int | None]:
        """Bytes read, and bytes in all where that is known. May be asked from another thread."""
        ...

    def chunks(self) -> Iterator[Sequence[Row]]:
        """Rows in order. Raises `DataRefused` before the first row, `SourceBroke` after it: the rows before stand.

        `DataRefused` after it takes back the rows before, which turned out not to be what was written (a checksum that
        is wrong): whoever took them must have done nothing yet that outlives the reading, as a plan in its transaction.
        """
        ...


class ApiSource(Protocol):
    """Rows from an API, as conversations: one engine runs them, many rows at a time. It has pages of what its rows are
    called, and a row for each."""

    @property
    def name(self) -> str: ...
    @property
    def lanes(self) -> Mapping[str, Lane]: ...
    @property
    def complete(self) -> bool:
        """May a row's absence be read as "gone"?"""
        ...

    @property
    def listing(self) -> str:
        """Whose rows these are, in words: a cursor means something only there."""
        ...

    @property
    def first(self) -> str:
        """The cursor of the first page."""
        ...

    def page(self, cursor: str) -> Inquiry[Page]:
        """Raises `Misconfigured` where there is no listing to be had, and says what to do instead."""
        ...

    def row(self, ref: str) -> Inquiry[Row]:
        """One row; its `ref` is for the reader to number. Raises `Refused` when the API says no about this one."""
        ...

    def probe(self) -> Inquiry[None]:
        """A cheap read that proves credentials and region. Raises `Misconfigured`."""
        ...
