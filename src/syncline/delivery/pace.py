"""Requests and rows a second for one lane: as set, as learned from what the API takes, as its vendor says are left.

Over any window w at most rate·w + burst leave.
"""

from __future__ import annotations

from collections import deque

from syncline.model import Lane

_MEASURED_S = 1.0  # how far back what the API takes is measured
_FLOOR = 0.5  # requests a second: slower than this nobody learns anything
_BACK_OFF = 0.7  # CUBIC (RFC 9438, and botocore's adaptive mode): after a 429 to this share …
_SCALE = 0.4  # … and back to what it was along a cubic, flat where it was, then on


class Bucket:
    """A token bucket kept as one number: when it will be full again. Grants are exact instants, never polled."""

    def __init__(self, rate: float, burst_s: float) -> None:
        self.rate, self._worth_s = rate, burst_s
        self._full_at = self._last_at = float("-inf")

    @property
    def _burst_s(self) -> float:
        return max(1.0, self.rate * self._worth_s) / self.rate

    def earliest(self, amount: float, now: float) -> float:
        """When `amount` tokens are there.

        More than a burst may be asked for at once (a batch of 500 rows at 100 rows/s): the debt delays the next.
        """
        full_at = max(self._full_at, now)
        return max(now, full_at + min(amount / self.rate, self._burst_s) - self._burst_s)

    def take(self, amount: float, at: float) -> None:
        self._last_at = max(self._last_at, at)
        self._full_at = max(self._full_at, at) + amount / self.rate

    def turn(self, rate: float, now: float) -> None:
        """Another rate from now on: those that wait already leave when they were told to, and the next one after them,
        at the new pace."""
        owed = max(0.0, self._full_at - now) * self.rate
        self.rate = rate
        if self._last_at > now:
            self._full_at = self._last_at + self._burst_s
        else:
            self._full_at = now + min(owed / rate, self._burst_s)


class Pace:
    """The two buckets of a lane, the rate it has learned, and its quota."""

    def __init__(self, lane: Lane) -> None:
        self._most = lane.rate
        self._requests = Bucket(lane.rate, lane.burst_s)
        self._rows = Bucket(lane.rows_per_second, lane.burst_s) if lane.rows_per_second else None
        self._most_a_second = max(1, int(lane.rate + max(1.0, lane.rate * lane.burst_s)))
        self._departed: deque[float] = deque()  # when the requests of the last second left
        self._learned_at: float | None = None  # when the API last said that it was too fast
        self._known = lane.rate  # what it took until then
        self._out = 0  # requests granted that have not come back
        self._left, self._more_at = float("inf"), float("-inf")

    @property
    def words(self) -> str:
        """What holds requests back where this does, for the progress line."""
        rate = self._requests.rate
        return "rate" if self._learned_at is None else f"a rate of {rate:.{0 if rate >= 10 else 1}f}/s, learned"

    def held_s(self, now: float) -> float:
        """Seconds until the vendor has more requests for us; 0 when there are some left."""
        return max(0.0, self._more_at - now) if self._left <= 0 else 0.0

    def later_s(self, now: float) -> float:
        """How long a request should wait before it asks for its turn; mostly 0. While the rate is being learned, nobody
        is told of a turn that is far off: the rate will be another by then."""
        far = self._learned_at is not None and self._requests.earliest(1, now) - now > _MEASURED_S
        return _MEASURED_S if far else 0.0

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

    def departs(self, now: float) -> float:
        """0 when a request that was granted may really leave now; else what it must wait. Who was woken late (a busy
        machine) must not make up for it: an API counts what arrives."""
        if self._sent_since(now - _MEASURED_S) >= self._most_a_second:
            return self._departed[0] + _MEASURED_S - now
        self._departed.append(now)
        return 0.0

    def _sent_since(self, moment: float) -> int:
        """Requests that left after it; what left before is forgotten."""
        while self._departed and self._departed[0] <= moment:
            self._departed.popleft()
        return len(self._departed)

    def came_back(self, *, unused: bool = False) -> None:
        """A request that was granted is over; unused: it never left."""
        self._out -= 1
        self._left += unused

    def told(self, remaining: int, more_at: float | None) -> None:
        """What an answer says is left. Those under way may not be counted in it yet, so they are taken off."""
        self._left, self._more_at = remaining - self._out, float("-inf") if more_at is None else more_at

    # --- what the API takes ---------------------------------------------------------------------------------------

    def throttled(self, began: float, now: float) -> None:
        """Too fast, said the answer to a request that left at `began`: once for all that were under way together."""
        if self._learned_at is not None and began <= self._learned_at:
            return
        sent = sum(began - _MEASURED_S < at <= began for at in self._departed)
        self._known = min(max(sent / _MEASURED_S, _FLOOR), self._requests.rate)
        self._learned_at = now
        self._requests.turn(max(_FLOOR, _BACK_OFF * self._known), now)

    def went_well(self, now: float) -> None:
        """Back to what it took, slowly beyond, and never above the settings. Nor above twice what it takes by now: what
        was measured when it said no may be a single request, alone after a pause, and must not bind for good."""
        if self._learned_at is None:
            return
        turn_s = (self._known * (1 - _BACK_OFF) / _SCALE) ** (1 / 3)
        rate = _SCALE * (now - self._learned_at - turn_s) ** 3 + self._known
        taken = max(self._known, self._sent_since(now - _MEASURED_S) / _MEASURED_S)
        rate = min(self._most, max(self._requests.rate, min(rate, 2 * taken)))
        if rate == self._most:
            self._learned_at = None
        self._requests.turn(rate, now)
