"""Verdicts → durable records, committed together: a commit a row would cost more than the rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from syncline.delivery.policy import Policy
from syncline.errors import LedgerFailed
from syncline.model import Settled
from syncline.ports import Settle


class Scribe:
    """Holds verdicts for at most `window_s` or `window_rows`. What it holds when the process dies is in doubt."""

    def __init__(self, settle: Settle, policy: Policy) -> None:
        self._settle, self._policy = settle, policy
        self._failed: Callable[[LedgerFailed], None] = _raises
        self._held: list[Settled] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def held(self) -> int:
        """Verdicts that are not on the disk yet."""
        return len(self._held)

    def tell(self, failed: Callable[[LedgerFailed], None]) -> None:
        """Who is told when the disk fails: a timer writes, and what it raised would be lost."""
        self._failed = failed

    def add(self, settled: Sequence[Settled]) -> None:
        self._held.extend(settled)
        if len(self._held) >= self._policy.window_rows:
            self.flush()
        elif self._held and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._policy.window_s, self.flush)

    def flush(self) -> None:
        """Writes what is held. A failing disk stops the run: no new request may start.

        What could not be written stays held: the disk may have recovered by the next flush, and no entry may look
        as if it had never been sent.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        held, self._held = self._held, []
        if not held:
            return
        try:
            self._settle(held)
        except Exception as error:  # a timer calls this: what it raised would be lost, and the verdicts with it
            self._held = held + self._held
            what = f"verdicts could not be recorded ({type(error).__name__})"
            self._failed(error if isinstance(error, LedgerFailed) else LedgerFailed(what))


def _raises(failure: LedgerFailed) -> None:
    raise failure
