"""Tries are counted: what fails again and again costs a bounded number of requests, however it fails."""

from __future__ import annotations

import pytest

from syncline.delivery import Policy
from virtual import DROPPED, FAIR, UNSENT, Call, Gust, SimulatedApi, Sync

NONSENSE = Gust(200, body=b"<html>sign in</html>")


@pytest.mark.parametrize("gust", [NONSENSE, Gust(500), Gust(409), UNSENT, DROPPED])
@pytest.mark.parametrize("batch_items", [1, 10])
def test_one_row_that_always_fails_costs_five_tries_a_pass(batch_items: int, gust: Gust) -> None:
    """Slowly enough that others are taken all the while: it is their good answers that keep a run going."""

    def weather(number: int, call: Call) -> Gust:
        return gust if "id:31" in call.keys else FAIR

    sync = Sync(SimulatedApi(weather), rows=1_000, batch_items=batch_items, rate=20.0)
    sync.go()
    policy = Policy()
    alone = [call for call in sync.api.calls if call.keys == ("id:31",)]
    assert len(alone) <= policy.tries * sync.notebook.passes
    assert sync.notebook.passes <= 1 + policy.fruitless_passes
    assert sync.notebook.counts["delivered"] == 999
