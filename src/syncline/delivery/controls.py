"""What a caller holds while a delivery runs: a gauge to read, and a halt to ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from syncline.model import Outcome


class Gauge:
    """Live figures, read by whoever shows progress. `limited_by` says what holds delivery back."""

    def __init__(self) -> None:
        self.requests = 0
        self.sent_bytes = 0
        self.in_flight = 0
        self.settled: Counter[Outcome] = Counter()
        self.limited_by = ""

    def count(self, body: bytes) -> None:
        """One request leaves."""
        self.requests += 1
        self.sent_bytes += len(body)


class Halt:
    """A request to stop, from a signal or another thread: nothing new starts, what is in flight may finish."""

    def __init__(self) -> None:
        self.reason = ""  # interrupted | terminated; empty while nobody asked
        self._listener: Callable[[], None] | None = None

    @property
    def requested(self) -> bool:
        return bool(self.reason)

    def request(self, reason: str = "interrupted") -> None:
        self.reason = self.reason or reason
        if self._listener is not None:
            self._listener()

    def listen(self, listener: Callable[[], None] | None) -> None:
        self._listener = listener
        if listener is not None and self.requested:
            listener()
