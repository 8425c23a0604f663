"""The consistency delay: what was accepted → done, in order, when its time has come."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class Pending:
    """delay_s: between acceptance and effect. It may change at any time; the order never does. applied: how many."""

    def __init__(self, now: Callable[[], float], delay_s: float) -> None:
        self.delay_s = delay_s
        self.applied = 0
        self._now = now
        self._waiting: deque[tuple[float, Callable[[], None]]] = deque()

    @property
    def idle(self) -> bool:
        """Does everything take effect at once?"""
        return not (self.delay_s or self._waiting)

    def accept(self, apply: Callable[[], None]) -> None:
        self._waiting.append((self._now() + self.delay_s, apply))
        self.settle()

    def settle(self) -> None:
        """Applies what is due."""
        while self._waiting and self._waiting[0][0] <= self._now():
            self._apply()

    def settle_all(self) -> None:
        """Applies everything, due or not: the end has come."""
        while self._waiting:
            self._apply()

    def _apply(self) -> None:
        self.applied += 1
        self._waiting.popleft()[1]()
