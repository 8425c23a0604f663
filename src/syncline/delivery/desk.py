"""Whom the engine works for: where talks come from, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from syncline.delivery.talk import R, Talk, W
from syncline.errors import Refused
from syncline.model import Lane
from syncline.ports import Inquiry


class Desk(Protocol[W, R]):
    """An outbox (changes for a destination) or an inbox (rows of an API source)."""

    @property
    def lanes(self) -> Mapping[str, Lane]: ...
    def probe(self) -> Inquiry[None]: ...

    @property
    def ended(self) -> int:
        """Items that ended for good."""
        ...

    @property
    def deferred(self) -> int:
        """Items put off since the pass began, which another pass may settle."""
        ...

    def released(self) -> bool:
        """Has what was settled set something free that waited for it, and that another pass would bring?"""
        ...

    @property
    def exhausted(self) -> bool:
        """Will this pass bring nothing fresh any more?"""
        ...

    @property
    def hopeless(self) -> str:
        """Why it makes no sense to go on, whatever the other side answers; "" while it does."""
        ...

    @property
    def unfinished(self) -> str:
        """What was accepted, and has no result yet, in words; "" when nothing."""
        ...

    @property
    def left(self) -> str:
        """What is deferred, in words."""
        ...

    def begin_pass(self) -> None: ...

    def fresh(self, most_items: int | None) -> Talk[W, R] | None:
        """Something to begin with, about at most so many items; None when there is nothing now."""
        ...

    def conclude(self, talk: Talk[W, R], result: R) -> bool:
        """Takes what a conversation ended with. Was anything of it taken by the other side?"""
        ...

    def refuse(self, talk: Talk[W, R], refusal: Refused) -> None:
        """The other side's no to a single item."""
        ...

    def defer(self, talk: Talk[W, R], reason: str = "") -> None:
        """Nobody said no: another pass tries again. reason: its last word, unless it says otherwise."""
        ...

    def leave(self, talk: Talk[W, R], reason: str) -> None:
        """Nobody said no, and nobody can say more in this run: the next one takes it up."""
        ...

    def interrupted(self, talk: Talk[W, R]) -> None:
        """The run ended before an answer came."""
        ...

    def remember(self, talk: Talk[W, R], ticket: bytes | None) -> None:
        """Keeps, durably, what a later process needs to ask for the result; None: forgets it, for nothing came of it.
        Raises `LedgerFailed`."""
        ...

    def flush(self) -> None:
        """Makes durable what is held."""
        ...

    def abandon(self, talks: Sequence[Talk[W, R]]) -> None:
        """At the end: what was tried keeps its last word; what never left needs no record."""
        ...
