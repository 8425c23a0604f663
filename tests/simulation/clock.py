"""Virtual time for a whole history of runs, seeded scheduling, and the one place where the product is tampered with."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, TypeVar
from unittest.mock import patch

from syncline import send
from syncline.delivery import Gauge, World
from syncline.job import Job, Watch
from syncline.ports import Post
from virtual import EPOCH, VirtualLoop

T = TypeVar("T")

MOST_HOURS = 40.0  # of one run, and
MOST_STEPS = 400_000  # turns of its loop: whoever needs more does not end (C8)


class Died(SystemExit):
    """The simulated process is dead. As a `SystemExit` it leaves the event loop at once, past every handler."""


class ShuffledLoop(VirtualLoop):
    """What is ready at the same instant runs in an order of chance: nothing may depend on another (O5)."""

    _ready: deque[asyncio.Handle]  # asyncio's own queue, which has no public name

    def __init__(self, dice: Random) -> None:
        super().__init__(MOST_HOURS * 3600, MOST_STEPS)
        self._dice = dice

    def _run_once(self) -> None:
        if len(self._ready) > 1:
            ready = [*self._ready]
            self._dice.shuffle(ready)
            self._ready.clear()
            self._ready.extend(ready)
        super()._run_once()  # type: ignore[misc] # as private as the queue


class Clock:
    """Seconds since the scene began. `skew`: how wrong the wall clock is."""

    def __init__(self) -> None:
        self._before = 0.0
        self._loop: ShuffledLoop | None = None
        self.skew = 0.0

    @property
    def now(self) -> float:
        return self._before + (self._loop.time() if self._loop is not None else 0.0)

    @property
    def in_run(self) -> float:
        """Seconds since the event loop of this run began."""
        return self._loop.time() if self._loop is not None else 0.0

    def wall(self) -> float:
        """Unix seconds as this machine tells them."""
        return EPOCH + self.now + self.skew

    def rest(self, seconds: float) -> None:
        """Nobody is at work for so long."""
        self._before += seconds

    def later(self, wait_s: float, act: Callable[[], None]) -> None:
        """While a run is at work."""
        assert self._loop is not None
        self._loop.call_later(wait_s, act)

    def run(self, main: Coroutine[Any, Any, T], dice: Random) -> T:
        """Like `asyncio.run`. Raises `Deadlock` or `Endless` where a real run would hang, and what `main` raises."""
        loop = self._loop = ShuffledLoop(dice)
        try:
            return loop.run_until_complete(loop.create_task(main))
        finally:
            self._before, self._loop = self.now, None
            _clean(loop)
            loop.close()


def _clean(loop: ShuffledLoop) -> None:
    """Ends what a death or a failure leaves. What it still writes goes into a ledger that nobody keeps."""
    loop.relax()
    for _ in range(20):
        left = asyncio.all_tasks(loop)
        if not left:
            return
        for task in left:
            task.cancel()
        try:
            loop.run_until_complete(asyncio.wait(left, timeout=1.0))
        except Died:
            continue


@contextmanager
def in_this_world(clock: Clock, post: Post, seed: int, dice: Random, at_start: Callable[[], None]) -> Iterator[None]:
    """The product in a world of ours. It has two things that no argument of a run can replace: the wall clock, which it
    reads where it needs it (`time.time`), and the event loop with its connections (`send.waited`). Both are replaced
    here, and nothing else is: from `run_job` on, every line that runs is the product's.
    """

    def waited(work: Callable[[World, Gauge], Awaitable[T]], job: Job, watch: Watch) -> T:
        async def working() -> T:
            at_start()
            gauge = Gauge()
            with watch.delivering(gauge):
                return await work(World(post, Random(seed), clock.wall), gauge)

        return clock.run(working(), dice)

    with patch.object(time, "time", clock.wall), patch.object(send, "waited", waited):
        yield
