"""A whole run under a wall clock that jumps in the middle of it: plan, delivery, ledger, report, and the next run."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

import syncline as library
from simulation.clock import Clock, in_this_world
from virtual import DROPPED, EPOCH, FAIR, Call, Gust, SimulatedApi

JUMPS_AT_S = 0.5
IN_2038 = 2_147_483_648.0 - EPOCH
CONFIG = {
    "name": "clock",
    "userId": "id",
    "mappings": [{"from": "plan", "to": "plan"}],
    "parallelism": 3,
    "refresh": "off",  # which ages by the wall clock
    "destination": {"siteId": "site", "apiKey": "key", "batchItems": 10},
}


def weather(number: int, call: Call) -> Gust:
    """A little of what somebody waits for, on both sides of the jump."""
    return {5: Gust(500), 9: Gust(429, {"retry-after": "2"}), 21: DROPPED, 30: Gust(503)}.get(number, FAIR)


def life(folder: Path, by_s: float) -> list[object]:
    """Three runs, of which the clock jumps in the first: each request with its moment, and what the reports say."""
    clock, api, told = Clock(), SimulatedApi(weather), list[object]()
    jumps = [lambda: setattr(clock, "skew", by_s)]
    at_start = lambda: clock.later(JUMPS_AT_S, jumps.pop()) if jumps else None  # noqa: E731 # one line, used once
    with in_this_world(clock, api, 1, Random(1), at_start):
        for plan in ("free", "pro", "pro"):
            rows = [{"id": at, "plan": plan} for at in range(400)]
            report = library.run(CONFIG, rows, state_dir=folder)
            told.append((report.counts, report.exit_code, report.requests, report.warnings))
    return [*api.trace, *told]


@pytest.mark.promise("C6")
@pytest.mark.parametrize("by_s", [-3_600.0, 3_600.0, IN_2038], ids=["an hour back", "an hour on", "2038"])
def test_a_wall_clock_that_jumps_changes_nothing_of_a_whole_run(tmp_path: Path, by_s: float) -> None:
    still = life(tmp_path / "still", 0.0)
    assert life(tmp_path / "jumping", by_s) == still
    assert len(still) > 80
