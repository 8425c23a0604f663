"""Requests and rows a second, for one lane: over any window w at most rate·w + burst leave."""

from __future__ import annotations

from syncline.model import Lane

_BURST_SHARE = 0.1  # of a second's worth


class Bucket:
    """A token bucket kept as one number: when it will be full again. Grants are exact instants, never polled."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._burst_s = max(1.0, rate * _BURST_SHARE) / rate
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
    """The two buckets of a lane."""

    def __init__(self, lane: Lane) -> None:
        self._requests = Bucket(lane.rate)
        self._rows = Bucket(lane.rows_per_second) if lane.rows_per_second else None

    def grant(self, rows: int, now: float) -> float:
        """Seconds to wait before a request that carries `rows` rows may leave."""
        at = self._requests.earliest(1, now)
        if self._rows is not None:
            at = max(at, self._rows.earliest(rows, now))
            self._rows.take(rows, at)
        self._requests.take(1, at)  # when it leaves, not when it might have: else what waits for rows leaves in a heap
        return at - now
