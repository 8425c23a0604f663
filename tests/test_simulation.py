"""Deterministic simulation: hundreds of seeded scenes, every promise checked at every step; and months of convergence.

`make simulate SEEDS=20000` plays more of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest

from simulation.farm import played, pool, replay
from simulation.month import DAYS, live
from simulation.twins import play_twice

SEEDS, CHUNKS = 500, 10
_CHUNK = SEEDS // CHUNKS


@pytest.fixture(scope="module")
def workers() -> Iterator[ProcessPoolExecutor]:
    with pool() as some:
        yield some


@pytest.mark.parametrize("first", range(1, SEEDS + 1, _CHUNK))
def test_every_promise_holds_at_every_step(workers: ProcessPoolExecutor, first: int) -> None:
    tallies = [*played(range(first, first + _CHUNK), workers)]
    broken = [f"{tally.violation}\n    {replay(tally.seed)}" for tally in tallies if tally.violation]
    assert not broken, "\n".join(broken)
    assert sum(tally.counts["deaths"] for tally in tallies) > 0
    assert sum(tally.faults.total() for tally in tallies) > _CHUNK


@pytest.mark.promise("C9", "O5", "C6")
@pytest.mark.parametrize("seed", [2, 3])
def test_the_same_seed_sends_the_same_requests(seed: int) -> None:
    tally = play_twice(seed)
    assert (tally.violation, tally.counts["twins"] >= 2) == ("", True)


@pytest.mark.promise("S6")
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_after_a_month_of_lies_and_one_refresh_window_nobody_is_wrong(seed: int) -> None:
    month = live(seed)
    print(month)
    assert month.is_well, f"{month}\n    {replay(seed)}"
    assert (month.dropped > 0, max(month.wrong) > 0, len(month.wrong)) == (True, True, DAYS)
