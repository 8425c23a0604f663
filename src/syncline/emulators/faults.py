"""`500:2%`, a seed, a rate → what goes wrong, request by request. Pure: dice and clock are arguments.

The weather is ours, not the vendors': no vendor documents which faults it has, or how often.

    500:2%              2 of 100 requests are answered 500, and nothing is applied
    429:5%:after=3      the same, with a `Retry-After: 3`
    timeout:1%          the request hangs until the client gives up; nothing is applied
    reset:1%            the connection is dropped before anything is applied
    lost:1%             the write is applied, then the connection is dropped: the lost acknowledgement
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import NamedTuple

SILENT = ("timeout", "reset", "lost")  # the faults in which no answer comes
_GRAMMAR = re.compile(
    r"(?P<what>[1-5]\d\d|timeout|reset|lost):(?P<share>\d+(?:\.\d+)?)%(?::after=(?P<after>[^\r\n]+))?"
)


class Fault(NamedTuple):
    """What goes wrong (a status, or one of SILENT), its share of the requests (0…1), and a `Retry-After` to send."""

    what: int | str
    share: float
    retry_after: str = ""


def parse(text: str) -> Fault:
    """`500:2%` → Fault(500, 0.02). Raises ValueError with a message that says how to write it."""
    found = _GRAMMAR.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no fault; write STATUS:SHARE% (500:2%), or timeout:1%, reset:1%, lost:1%")
    what = found["what"]
    share = float(found["share"]) / 100
    return Fault(int(what) if what.isdigit() else what, share, found["after"] or "")


def parse_all(texts: Iterable[str]) -> list[Fault]:
    """Several faults, each as one text or separated by commas. Raises ValueError when their shares exceed 100%."""
    faults = [parse(part) for text in texts for part in text.split(",")]
    check(faults)
    return faults


def check(faults: Iterable[Fault]) -> None:
    """Raises ValueError when the shares exceed 100%."""
    if sum(fault.share for fault in faults) > 1 + 1e-9:
        raise ValueError("the shares of all faults together exceed 100%")


class Dice:
    """One throw a request: a fault, or none. The same seed gives the same sequence."""

    def __init__(self, faults: Sequence[Fault], seed: int = 0) -> None:
        self._faults = faults
        # Seeded on purpose: a run that went wrong must be repeatable. Nothing here is a secret.
        self._random = Random(seed)  # noqa: S311

    def throw(self) -> Fault | None:
        if not self._faults:
            return None
        point = self._random.random()
        for fault in self._faults:
            if point < fault.share:
                return fault
            point -= fault.share
        return None


class Bucket:
    """A token bucket: `rate` requests/s, and at most one second's worth at once. A rate of 0 admits everything."""

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self.rate = rate
        self._clock = clock
        self._tokens = math.inf  # full at first, whatever the capacity
        self._at = clock()

    def admits(self) -> bool:
        if self.rate <= 0:
            return True
        now = self._clock()
        self._tokens = min(max(1.0, self.rate), self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
