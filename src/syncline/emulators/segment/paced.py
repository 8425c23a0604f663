"""Requests, as they begin → how fast they came: Segment's limit holds for any one second."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from syncline.emulators.log import Arrival, RequestLog

_SECOND = 1.0


class PacedLog(RequestLog):
    """A request log that looks at its clock.

    most_in_a_second: the most requests that began within any one second, wherever that second lies.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        super().__init__()

    def reset(self) -> None:
        super().reset()
        self.most_in_a_second = 0
        self._within: deque[float] = deque()  # of the second that ends with the latest request
        self._gaps, self._busy_s = 0, 0.0

    @property
    def rate_while_busy(self) -> float:
        """Requests a second, without the pauses of over a second between them; 0 while there is nothing to go by."""
        return self._gaps / self._busy_s if self._busy_s else 0.0

    def begin(self, method: str, route: str) -> Arrival:
        now = self._clock()
        if self._within and now - self._within[-1] <= _SECOND:
            self._gaps += 1
            self._busy_s += now - self._within[-1]
        self._within.append(now)
        while now - self._within[0] >= _SECOND:
            self._within.popleft()
        self.most_in_a_second = max(self.most_in_a_second, len(self._within))
        return super().begin(method, route)

    def document(self) -> dict[str, object]:
        pace = {"mostInASecond": self.most_in_a_second, "rateWhileBusy": round(self.rate_while_busy, 1)}
        return {**super().document(), **pace}
