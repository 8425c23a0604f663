"""Where talks wait: fresh batches, and talks that must wait before their next request."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Protocol

from syncline.delivery.talk import Open, Talk, begin
from syncline.model import Item, Settled


class Batch(Protocol):
    """Items for one request, and changes found unfit on the way."""

    @property
    def items(self) -> Sequence[Item]: ...
    @property
    def unfit(self) -> Sequence[Settled]: ...


class Shelf:
    """`unfit` is told of the changes that cannot be sent, when their batch is reached."""

    def __init__(self, opening: Open, unfit: Callable[[Sequence[Settled]], None]) -> None:
        self._opening, self._unfit = opening, unfit
        self._fresh: Iterator[Batch] = iter(())
        self._left: Sequence[Item] = ()  # of a batch of which only a part was taken
        self._parked: list[tuple[float, int, Talk]] = []
        self._order = count()  # talks that are ready at the same instant go in the order they were parked

    def fill(self, batches: Iterator[Batch]) -> None:
        """Begins a pass."""
        self._fresh, self._left = batches, ()

    def park(self, talk: Talk, until: float) -> None:
        heapq.heappush(self._parked, (until, next(self._order), talk))

    def parked(self, now: float) -> Talk | None:
        """A talk whose time has come."""
        return heapq.heappop(self._parked)[2] if self._parked and self._parked[0][0] <= now else None

    def fresh(self, most_items: int | None) -> Talk | None:
        """A talk about the next batch, or about the first `most_items` of it; None when the pass has no more."""
        items = self._left or self._next_items()
        most = len(items) if most_items is None else most_items
        self._left = items[most:]
        return begin(items[:most], self._opening) if items else None

    def _next_items(self) -> Sequence[Item]:
        for batch in self._fresh:
            self._unfit(batch.unfit)
            if batch.items:
                return batch.items
        return ()

    def __len__(self) -> int:
        """How many talks are parked."""
        return len(self._parked)

    @property
    def next_at(self) -> float | None:
        """When the next parked talk is ready."""
        return self._parked[0][0] if self._parked else None

    def clear(self) -> list[Talk]:
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
