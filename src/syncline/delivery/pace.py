"""Requests and rows a second, and the vendor's word on how many are left, for one lane: over any window w at most
rate·w + burst leave."""

from __future__ import annotations

from syncline.model import Lane


class Bucket:
    """A token bucket kept as one number: when it will be full again. Grants are exact instants, never polled."""

    def __init__(self, rate: float, burst_s: float) -> None:
        self._rate = rate
        self._burst_s = max(1.0, rate * burst_s) / rate
        self._full_at = float("-inf")

    def earliest(self, amount: float, now: float) -> float:
        """When `amount` tokens are there.

        More than a burst may be asked for at once (a batch of 500 rows at 100 rows/s): the debt delays the next.
        """
        full_at = max(self._full_at, now)
        return max(now, full_at + min(amount / self._rate, self._burst_s) - self._burst_s)

    def take(self, amount: float, at: float) -> None:
        self._full_at = max(self._full_at, at) + amount / self._rate


class Pace:
    """The two buckets of a lane, and its quota."""

    def __init__(self, lane: Lane) -> None:
        self._requests = Bucket(lane.rate, lane.burst_s)
        self._rows = Bucket(lane.rows_per_second, lane.burst_s) if lane.rows_per_second else None
        self._out = 0  # requests granted that have not come back
        self._left, self._more_at = float("inf"), float("-inf")

    def held_s(self, now: float) -> float:
        """Seconds until the vendor has more requests for us; 0 when there are some left."""
        return max(0.0, self._more_at - now) if self._left <= 0 else 0.0

    def grant(self, rows: int, now: float) -> float:
        """Seconds to wait before a request that carries `rows` rows may leave."""
        at = self._requests.earliest(1, now)
        if self._rows is not None:
            at = max(at, self._rows.earliest(rows, now))
            self._rows.take(rows, at)
        self._requests.take(1, at)  # when it leaves, not when it might have: else what waits for rows leaves in a heap
        self._out += 1
        self._left -= 1  # now, not when it leaves: while it waits, others may not have it
        return at - now

    def came_back(self, *, unused: bool = False) -> None:
        """A request that was granted is over; unused: it never left."""
        self._out -= 1
        self._left += unused

    def told(self, remaining: int, more_at: float | None) -> None:
        """What an answer says is left. Those under way may not be counted in it yet, so they are taken off."""
        self._left, self._more_at = remaining - self._out, float("-inf") if more_at is None else more_at
