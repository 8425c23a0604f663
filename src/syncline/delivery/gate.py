"""Who may start a request now: pauses, the breaker, the canary, and the end of the run."""

from __future__ import annotations

from syncline.delivery.policy import Policy
from syncline.model import Stop


class Gate:
    """One door for a lane. `limit` is how many requests may be in flight: one until the destination has taken a row
    (the canary), and one again while it fails."""

    def __init__(self, policy: Policy, parallelism: int, now: float) -> None:
        self._policy, self._parallelism = policy, parallelism
        self._paused_until, self._shut = now, False
        self._streak, self._openings, self._open_until = 0, 0, now
        self._failing_since: float | None = None  # when the first request left that failed since the last good answer
        self._last_good = self._last_taken = float("-inf")
        self.limit = 1
        self.contacted = False
        self.stop: Stop | None = None

    def closed_s(self, now: float) -> float | None:
        """Seconds until it opens; 0 when open; None when only an event will open it."""
        return None if self._shut else self.paused_s(now)

    def paused_s(self, now: float) -> float:
        """What is left of a pause; it holds for the probe too."""
        return max(0.0, self._paused_until - now)

    def shut(self) -> None:
        self._shut = True

    def reopen(self) -> None:
        self._shut = False

    @property
    def confirming(self) -> bool:
        return self._shut

    def pause(self, until: float) -> None:
        self._paused_until = max(self._paused_until, until)

    def answered(self, now: float) -> None:
        """A definite answer: the destination is there."""
        self._last_good = now
        self._streak, self._openings, self._open_until, self._failing_since = 0, 0, now, None
        if self.contacted:
            self.limit = self._parallelism

    def doubtful(self) -> None:
        """One at a time until there is a good answer: what the last one said may concern everybody."""
        self.limit = 1

    def delivered(self) -> None:
        """A row was taken: the credentials, the address and the shape are right."""
        self.contacted, self._last_taken = True, self._last_good
        self.limit = self._parallelism

    @property
    def failing(self) -> bool:
        """So many faults in a row that it is not about single rows any more."""
        return self._streak >= self._policy.streak

    def good_since(self, moment: float) -> bool:
        """Has the destination answered anybody well after `moment`?"""
        return self._last_good > moment

    def taken_since(self, moment: float) -> bool:
        """Has a row been taken after `moment`?"""
        return self._last_taken > moment

    def failed(self, began: float, now: float) -> None:
        """A fault of a request that left at `began`. A streak of them opens the breaker: everybody waits, then one
        request tries. Those that were in flight together when it opened are one opening, not many."""
        self._streak += 1
        self._begin_patience(began)
        if self.failing:
            self.limit = 1
            if now >= self._open_until:
                self._open(now)

    def throttled(self, began: float, until: float) -> None:
        """Everybody waits; then one request tries, so that a crowd does not run into the same answer."""
        self._begin_patience(began)
        self.limit = 1
        self.pause(until)

    def out_of_patience(self, now: float) -> bool:
        return now >= self._patience_ends

    @property
    def _patience_ends(self) -> float:
        return float("inf") if self._failing_since is None else self._failing_since + self._policy.patience_s

    def _begin_patience(self, began: float) -> None:
        """Counted from the first fault's request, not from the last good answer: a slow pace is no outage."""
        self._failing_since = began if self._failing_since is None else self._failing_since

    def _open(self, now: float) -> None:
        """Never past the end of our patience: the last word should not come minutes late."""
        open_s = min(self._policy.open_most_s, self._policy.open_s * 2.0 ** min(self._openings, 30))
        self._openings += 1
        self._open_until = max(now, min(now + open_s, self._patience_ends))
        self.pause(self._open_until)

    def why(self, now: float) -> str:
        """What holds requests back, for the progress line; "" when nothing does."""
        if self._shut:
            return "confirming credentials"
        if self._paused_until > now:
            return f"pause of {self._paused_until - now:.0f} s asked for" if not self._streak else "outage: waiting"
        if self.limit == 1 and self._parallelism > 1:
            return "first request" if not self.contacted else "recovering"
        return ""
