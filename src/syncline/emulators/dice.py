"""Faults, a seed, a rate, a clock → what happens to this request. Pure: the clock is an argument."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random

from syncline.emulators.faults import Fault


class Dice:
    """One throw a request: a fault, or none. The same seed, at the same times, gives the same sequence.

    `faults` may change while it is thrown; requests and time are counted from the start.
    """

    def __init__(self, faults: Sequence[Fault], seed: int, clock: Callable[[], float]) -> None:
        self._faults, self._clock = faults, clock
        # Seeded on purpose: a run that went wrong must be repeatable. Nothing here is a secret.
        self._random = Random(seed)  # noqa: S311 # weather, not cryptography
        self._began = clock()
        self._thrown = 0

    def throw(self) -> Fault | None:
        self._thrown += 1
        if not self._faults:
            return None
        point, elapsed_s = self._random.random(), self._clock() - self._began
        for fault in self._faults:
            if fault.open(self._thrown, elapsed_s):
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
