"""Waits are measured by the event loop's clock: whatever becomes of the wall clock, requests leave when they should."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email.utils import formatdate
from random import Random

import pytest

from syncline.delivery import World, deliver
from syncline.flow.batch import Batch, batches
from virtual import DROPPED, EPOCH, FAIR, HANGS, Call, Gust, SimulatedApi, Sync, now, run

JUMPS_AT_S = 0.2
IN_2038 = 2_147_483_648.0
ASKED = Gust(429, {"retry-after": formatdate(EPOCH + 4, usegmt=True), "date": formatdate(EPOCH + 1, usegmt=True)})


def weather(number: int, call: Call) -> Gust:
    """A little of everything that somebody waits for."""
    return {7: Gust(500), 12: ASKED, 30: DROPPED, 45: HANGS, 60: Gust(429, {"retry-after": "2"})}.get(number, FAIR)


def sent(wall: Callable[[], float]) -> list[object]:
    """Every request with its moment, and what became of each row, where this is the wall clock."""
    sync = Sync(SimulatedApi(weather), rows=800, timeout_s=5.0)

    def pending() -> Iterator[Batch | None]:
        return batches(sync.notebook.pending(), sync.destination.encode, sync.destination.limits, 10)

    world = World(sync.api, Random(7), wall)
    run(deliver(pending, sync.destination, sync.notebook.settle, world, parallelism=3))
    assert sync.notebook.counts == {"delivered": 800}
    return [*sync.api.trace]


@pytest.mark.promise("C6")
@pytest.mark.parametrize("by_s", [-3_600.0, 3_600.0, IN_2038 - EPOCH])
def test_a_wall_clock_that_jumps_moves_no_request(by_s: float) -> None:
    assert sent(lambda: EPOCH + now() + by_s * (now() >= JUMPS_AT_S)) == sent(lambda: EPOCH + now())
