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
        self._streak, self._openings = 0, 0
        self._last_good = now
        self.limit = 1
        self.contacted = False
        self.stop: Stop | None = None

    def closed_s(self, now: float) -> float | None:
        """Seconds until it opens; 0 when open; None when only an event will open it."""
        if self._shut:
            return None
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
        self._streak, self._openings, self._last_good = 0, 0, now
        if self.contacted:
            self.limit = self._parallelism

    def delivered(self) -> None:
        """A row was taken: the credentials, the address and the shape are right."""
        self.contacted = True
        self.limit = self._parallelism

    def failed(self, now: float) -> None:
        """A fault. A streak of them opens the breaker: everybody waits, then one request tries."""
        self._streak += 1
        if self._streak >= self._policy.streak:
            self.limit = 1
            open_s = min(self._policy.open_most_s, self._policy.open_s * 2.0**self._openings)
            self._openings += 1
            self.pause(now + open_s)

    def out_of_patience(self, now: float) -> bool:
        return now - self._last_good > self._policy.patience_s

    def why(self, now: float) -> str:
        """What holds requests back, for the progress line; "" when nothing does."""
        if self._shut:
            return "confirming credentials"
        if self._paused_until > now:
            return f"pause of {self._paused_until - now:.0f} s asked for" if not self._streak else "outage: waiting"
        if self.limit == 1 and self._parallelism > 1:
            return "first request" if not self.contacted else "recovering"
        return ""
