"""One trial in words: which way, from where, and after which call each process died; as text and back.

    batch known 17 resume             killed in the place of its 17th call, then `run --resume`
    bulk new 31 again 12 resume       killed, run again, killed in that, resumed
    identify known 40 back            killed, and then the source has gone back to the old values

Which calls count: those that can be seen from outside (`trial.counts`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, cast, get_args

Start = Literal["new", "known"]  # no ledger yet; or one that knows everybody, most of them with another value
How = Literal["again", "resume", "back"]
STARTS: Sequence[Start] = get_args(Start)
HOWS: Sequence[How] = get_args(How)


class Step(NamedTuple):
    """Killed in the place of the `call`th call that counts, and what is done then."""

    call: int
    then: How


class Story(NamedTuple):
    way: str
    start: Start
    steps: tuple[Step, ...]

    @property
    def goes_back(self) -> bool:
        return any(step.then == "back" for step in self.steps)

    def __str__(self) -> str:
        return " ".join([self.way, self.start, *(f"{step.call} {step.then}" for step in self.steps)])


def parse(text: str) -> Story:
    """Raises ValueError."""
    way, start, *words = text.split() if len(text.split()) > 1 else ("", "")
    calls, thens = words[::2], words[1::2]
    fits = start in STARTS and words and len(calls) == len(thens) and all(call.isdecimal() for call in calls)
    if not fits or any(then not in HOWS for then in thens):
        raise ValueError(f"{text!r} is no story; one looks like this: batch known 17 resume")
    if thens.count("back") > 1:
        raise ValueError("a source goes back once: after a second time, nobody could tell a re-send from a new value")
    steps = (Step(int(call), cast(How, then)) for call, then in zip(calls, thens, strict=True))
    return Story(way, cast(Start, start), tuple(steps))
