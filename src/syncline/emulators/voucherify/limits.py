"""So many calls a window, bulk calls counted apart → admitted or not, and the headers that say so.

https://docs.voucherify.io/guides/limits (checked 2026-10): plans differ in calls a minute, a sandbox has 100 an hour;
how many bulk calls an hour there are is not published. A window begins with its first call.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import NamedTuple

from syncline.emulators.routes import Headers
from syncline.emulators.voucherify.switches import Switches

_ALLOWANCE = re.compile(r"(\d{1,9})/(min|h)")
_WINDOWS_S = {"min": 60, "h": 3600}


class Allowance(NamedTuple):
    """So many calls in each window; 0 for no limit, of which nothing is said in headers."""

    calls: int = 0
    window_s: int = 3600


def allowance(text: str) -> Allowance:
    """`2000/min`, `20/h`, and `0` for no limit. Raises ValueError."""
    if text == "0":
        return Allowance()
    found = _ALLOWANCE.fullmatch(text)
    if not found:
        raise ValueError(f"{text[:40]!r} is no number of calls; write 2000/min, 20/h, or 0 for no limit")
    return Allowance(int(found[1]), _WINDOWS_S[found[2]])


class Meter:
    """One allowance, as it is used up. Times are unix seconds."""

    def __init__(self, kind: str, allowed: Allowance, now: Callable[[], float], switches: Switches) -> None:
        self._kind, self._allowed, self._now, self._switches = kind, allowed, now, switches
        self._used, self._until = 0, -math.inf

    def admits(self) -> bool:
        """Counts a call, where one is left."""
        if not self._allowed.calls:
            return True
        if self._left() <= 0:
            return False
        if not self._used:
            self._until = self._now() + self._allowed.window_s
        self._used += 1
        return True

    def headers(self, status: int) -> Headers:
        if not self._allowed.calls:
            return ()
        left, switches = self._left(), self._switches
        limited = status == 429 and not left
        told: list[tuple[bytes, object]] = [
            (b"x-rate-limit-limit", self._allowed.calls),
            (b"x-rate-limit-remaining", left),
        ]
        if limited or switches.rate_retry != "limited":
            told.append((b"x-rate-limit-retry", self._again(left)))
        if limited and switches.retry_after:
            told.append((b"retry-after", max(1, math.ceil(self._until - self._now()))))
        if limited and switches.rate_type:
            told.append((b"x-rate-limit-type", self._kind))
        return tuple((name, str(value).encode()) for name, value in told)

    def _left(self) -> int:
        if self._now() >= self._until:
            self._used = 0
        return self._allowed.calls - self._used

    def _again(self, left: int) -> int:
        """When the next call can be made."""
        now = self._now()
        ready = left and self._switches.rate_retry == "now"
        return math.ceil(now if ready else max(now, self._until))
