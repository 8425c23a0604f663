"""What is recorded as delivered has its acknowledgement: a good answer that names it, and that came before."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from syncline.delivery import World, deliver
from syncline.flow.batch import Batch, batches
from syncline.model import Outcome
from virtual import EPOCH, LOST, Call, Gust, SimulatedApi, Sync, now, run

SLOW_S = 1.0  # longer than verdicts are held before they are committed


@pytest.mark.promise("A2", "S1")
def test_nobody_is_recorded_as_delivered_before_the_answer_that_says_so() -> None:
    def weather(number: int, call: Call) -> Gust:
        return {4: Gust(500, latency_s=SLOW_S), 9: LOST}.get(number, Gust(latency_s=SLOW_S))

    sync = Sync(SimulatedApi(weather), rows=200)

    def pending() -> Iterator[Batch | None]:
        return batches(sync.notebook.pending(), sync.destination.encode, sync.destination.limits, 10)

    world = World(sync.api, Random(7), lambda: EPOCH + now())
    run(deliver(pending, sync.destination, sync.notebook.settle, world, parallelism=5))
    acked: dict[str, float] = {}
    for call in sync.api.calls:
        if call.status == 200:
            acked |= {key: min(call.end, acked.get(key, call.end)) for key in call.keys}
    delivered = [(at, one.change.key) for at, one in sync.notebook.pages if one.outcome is Outcome.DELIVERED]
    assert [key for at, key in delivered if at < acked.get(key, float("inf"))] == []
    assert len(delivered) == 200
