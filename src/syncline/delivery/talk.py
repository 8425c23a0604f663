"""One conversation under way: the items it is about, its pending request, and what has happened to it so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from syncline.model import Remember, Request
from syncline.ports import Conversation

W = TypeVar("W")  # what it is about: items to deliver, or what rows are called
R = TypeVar("R")  # what it ends with: verdicts, a page, a row


@dataclass
class Talk(Generic[W, R]):
    """`opening`: how it begins anew, for all of its items or some; `ticket`: what to ask for the result of, instead of
    sending; `doubt`: some attempt may have been applied; `silent`: some attempt got no usable answer; `began`: when
    the last attempt left.
    """

    items: Sequence[W]
    opening: Callable[[Sequence[W]], Conversation[R]]
    conversation: Conversation[R]
    request: Request = field(init=False)
    steps: int = 0  # answers its conversation has taken: with any, it is under way and cannot be split
    tries: int = 0
    throttled: int = 0
    stale: int = 0  # connections that turned out to be closed
    began: float = 0.0
    failing_since: float | None = None  # when the first attempt left that met a fault
    denied: int = 0
    doubt: bool = False
    silent: bool = False
    garbled: bool = False  # some answer made no sense
    ticket: bytes | None = None
    earlier: bool = False  # the ticket is an earlier run's
    last_word: str = ""

    def __post_init__(self) -> None:
        first = next(self.conversation)
        assert isinstance(first, Request), "there is nothing to remember before anything was asked"
        self.request = first

    @property
    def untouched(self) -> bool:
        """Nothing of it ever left."""
        return not self.last_word

    def parts(self, at: int) -> list[Talk[W, R]]:
        """Its first `at` items and the rest, as talks of their own, from the beginning."""
        return [self.about(part) for part in (self.items[:at], self.items[at:])]

    def halves(self) -> list[Talk[W, R]]:
        return self.parts(len(self.items) // 2)

    def about(self, items: Sequence[W]) -> Talk[W, R]:
        """A new talk about some of its items; it inherits the doubts."""
        talk = begin(items, self.opening)
        talk.doubt, talk.silent, talk.last_word = self.doubt, self.silent, self.last_word
        talk.failing_since, talk.garbled = self.failing_since, self.garbled
        return talk

    def again(self) -> Talk[W, R]:
        """The same from the beginning, with its tries."""
        self.conversation.close()
        talk = self.about(self.items)
        talk.tries = self.tries
        return talk


def begin(items: Sequence[W], opening: Callable[[Sequence[W]], Conversation[R]]) -> Talk[W, R]:
    return Talk(items, opening, opening(items))


def remembered(talk: Talk[W, R], said: Request | Remember) -> bytes | None:
    """Takes a talk's next request; or gives the ticket that is to be remembered before it says one."""
    if isinstance(said, Remember):
        return said.ticket
    talk.request = said
    return None
