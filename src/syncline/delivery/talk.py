"""One conversation under way: the items it is about, its pending request, and what has happened to it so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from syncline.model import Item, Outcome, Request, Settled, Verdict
from syncline.ports import Conversation

Open = Callable[[Sequence[Item]], Conversation[Sequence[Verdict]]]


@dataclass
class Talk:
    """`doubt`: some attempt may have been applied; `silent`: some attempt got no usable answer; `began`: when the last
    attempt left."""

    items: Sequence[Item]
    conversation: Conversation[Sequence[Verdict]]
    request: Request = field(init=False)
    steps: int = 0  # answers its conversation has taken: with any, it is under way and cannot be split
    tries: int = 0
    throttled: int = 0
    began: float = 0.0
    failing_since: float | None = None  # when the first attempt left that met a fault
    denied: int = 0
    doubt: bool = False
    silent: bool = False
    last_word: str = ""

    def __post_init__(self) -> None:
        self.request = next(self.conversation)

    @property
    def untouched(self) -> bool:
        """Nothing of it ever left."""
        return not self.last_word

    def put_off(self, reason: str = "") -> list[Settled]:
        """Its items as they stand when patience ends: nobody said no, and perhaps nobody heard."""
        outcome = Outcome.UNKNOWN if self.silent else Outcome.DEFERRED
        return [Settled(item.change, outcome, reason or self.last_word, "", self.doubt) for item in self.items]


def begin(items: Sequence[Item], opening: Open, parent: Talk | None = None) -> Talk:
    """A new talk; part of a split one inherits its doubts."""
    talk = Talk(items, opening(items))
    if parent is not None:
        talk.doubt, talk.silent, talk.last_word = parent.doubt, parent.silent, parent.last_word
        talk.failing_since = parent.failing_since
    return talk


def divided(talk: Talk, at: int, opening: Open) -> list[Talk]:
    """Its first `at` items and the rest, as talks of their own."""
    return [begin(part, opening, talk) for part in (talk.items[:at], talk.items[at:])]


def halves(talk: Talk, opening: Open) -> list[Talk]:
    return divided(talk, len(talk.items) // 2, opening)
