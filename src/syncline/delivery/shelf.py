"""Where talks wait that must wait before their next request; and the bell that wakes whoever waits for one."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count
from typing import Generic

from syncline.delivery.talk import R, Talk, W


class Shelf(Generic[W, R]):
    """Talks by the time they may go on."""

    def __init__(self) -> None:
        self._parked: list[tuple[float, int, Talk[W, R]]] = []
        self._order = count()  # talks that are ready at the same instant go in the order they were parked

    def park(self, talk: Talk[W, R], until: float) -> None:
        heapq.heappush(self._parked, (until, next(self._order), talk))

    def parked(self, now: float) -> Talk[W, R] | None:
        """A talk whose time has come."""
        return heapq.heappop(self._parked)[2] if self._parked and self._parked[0][0] <= now else None

    def __len__(self) -> int:
        """How many talks are parked."""
        return len(self._parked)

    @property
    def only_asks(self) -> bool:
        """Is each of them about what an earlier run has sent?"""
        return all(talk.earlier for _, _, talk in self._parked)

    @property
    def next_at(self) -> float | None:
        """When the next parked talk is ready."""
        return self._parked[0][0] if self._parked else None

    def clear(self) -> list[Talk[W, R]]:
        """Takes every parked talk off the shelf."""
        talks = [talk for _, _, talk in self._parked]
        self._parked.clear()
        return talks


class Bell:
    """Wakes whoever waits for something to change."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiters: list[asyncio.Future[None]] = []

    async def wait(self, wait_s: float | None) -> None:
        """Until it rings, or the time has come."""
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        timer = self._loop.call_later(wait_s, self.ring) if wait_s is not None else None
        try:
            await waiter
        finally:
            if timer is not None:
                timer.cancel()

    def ring(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
