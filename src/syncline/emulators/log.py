"""Requests, as they begin and end → counts. Methods, route templates and statuses only: never a path, never a body."""

from __future__ import annotations

from collections import Counter, deque
from typing import NamedTuple

LATEST = 200  # how many requests are remembered one by one


class Seen(NamedTuple):
    """A request that ended. `status`: what was answered, or the fault (`timeout`, `reset`, `lost`) that ended it."""

    number: int
    method: str
    route: str
    status: int | str
    ms: float


class Arrival(NamedTuple):
    """A request that begins; `number` counts from 1 over all routes."""

    number: int
    method: str
    route: str


class RequestLog:
    """What an emulator was asked.

    arrivals: (method, route) → requests begun; counts: (method, route, status) → requests ended; latest: the last 200.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self.reset()

    def reset(self) -> None:
        """Zeroes the counts; requests in flight stay in flight, and are counted when they end."""
        self.total = 0
        self.max_in_flight = self.in_flight
        self.arrivals: Counter[tuple[str, str]] = Counter()
        self.counts: Counter[tuple[str, str, int | str]] = Counter()
        self.latest: deque[Seen] = deque(maxlen=LATEST)

    def begin(self, method: str, route: str) -> Arrival:
        self.total += 1
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        self.arrivals[method, route] += 1
        return Arrival(self.total, method, route)

    def end(self, arrival: Arrival, status: int | str, ms: float) -> None:
        self.in_flight -= 1
        self.counts[arrival.method, arrival.route, status] += 1
        self.latest.append(Seen(*arrival, status, ms))

    def document(self) -> dict[str, object]:
        """The log as JSON: `{total, inFlight, maxInFlight, counts: [{method, route, status, count}], latest: […]}`."""
        return {
            "total": self.total,
            "inFlight": self.in_flight,
            "maxInFlight": self.max_in_flight,
            "counts": [
                {"method": method, "route": route, "status": status, "count": count}
                for (method, route, status), count in sorted(self.counts.items(), key=str)
            ],
            "latest": [seen._asdict() for seen in reversed(self.latest)],
        }
