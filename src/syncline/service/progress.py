"""What a run tells while it works → figures for whoever asks meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from syncline.delivery import Gauge
from syncline.model import Outcome


class Progress:
    """A `Watch`. delivers: called before the first request of a delivery leaves.

    gauges: of each delivery so far; there are two when the run before has left questions open. phase: planning,
    delivering or ending; a plan that grows is delivered while it is made.
    """

    def __init__(self, delivers: Callable[[], None]) -> None:
        self._delivers = delivers
        self._rows = 0
        self._share: float | None = None
        self.phase = "planning"
        self.gauges: list[Gauge] = []

    def planning(self, rows: int, share: float | None) -> None:
        self.phase, self._rows, self._share = "planning", rows, share

    @contextmanager
    def delivering(self, gauge: Gauge) -> Iterator[None]:
        self.gauges.append(gauge)
        self.phase = "delivering"
        self._delivers()
        try:
            yield
        finally:
            self.phase = "ending"

    @property
    def settled(self) -> Counter[Outcome]:
        return sum((gauge.settled for gauge in self.gauges), Counter[Outcome]())

    @property
    def requests(self) -> int:
        """To the destination."""
        return sum(gauge.requests for gauge in self.gauges)

    @property
    def source_requests(self) -> int:
        return sum(gauge.source.requests for gauge in self.gauges if gauge.source is not None)

    @property
    def sent_bytes(self) -> int:
        return sum(gauge.sent_bytes for gauge in self.gauges)

    def as_json(self) -> dict[str, object]:
        """planned: people to be sent, as far as that is known; share: of the data that is read, from 0 to 1."""
        now = self.gauges[-1] if self.gauges else Gauge()
        settled = self.settled
        return {
            "phase": self.phase,
            "rows": now.source.rows if now.source is not None else self._rows,
            "share": self._share,
            "planned": now.planned,
            "settled": {str(outcome): settled[outcome] for outcome in Outcome},
            "requests": self.requests,
            "sourceRequests": self.source_requests,
            "bytes": self.sent_bytes,
            "inFlight": now.in_flight,
            "limitedBy": now.limited_by,
        }
