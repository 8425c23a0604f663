"""What a caller holds while a delivery runs: a gauge to read, and a halt to ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from syncline.model import Outcome, Stop


class Gauge:
    """Live figures, read by whoever shows progress. `limited_by` says what holds it back; planned: changes to deliver
    so far; rows: rows read so far; source: the figures of the API source that is read meanwhile, if one is."""

    def __init__(self) -> None:
        self.planned = 0
        self.rows = 0
        self.source: Gauge | None = None
        self.requests = 0
        self.sent_bytes = 0
        self.in_flight = 0
        self.settled: Counter[Outcome] = Counter()
        self.limited_by = ""

    def count(self, body: bytes) -> None:
        """One request leaves."""
        self.requests += 1
        self.sent_bytes += len(body)


class Signal:
    """Something that happens, and who listens for it, in whatever thread they are."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Gives back what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def ring(self) -> None:
        for listener in list(self._listeners):
            listener()


class Halt:
    """A request to stop, from a signal or another thread: nothing new starts, what is in flight may finish."""

    def __init__(self) -> None:
        self.reason = ""  # interrupted | terminated | disk; empty while nobody asked
        self._message = ""
        self._asked = Signal()

    @property
    def requested(self) -> bool:
        return bool(self.reason)

    @property
    def stop(self) -> Stop:
        """Why a run that heeds it ends."""
        return Stop(self.reason, self._message)

    def request(self, reason: str = "interrupted", message: str = "") -> None:
        """The first asks; message: for the report, where it is not a signal."""
        if not self.reason:
            self.reason = reason
            self._message = message or "--resume goes on with the plan (it takes no data)"
        self._asked.ring()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` when asked, at once if that has been. Gives back what ends it."""
        end = self._asked.listen(listener)
        if self.requested:
            listener()
        return end
