"""What a destination has not taken is nobody's belief: the next run sends it, whatever kept this one from it."""

from __future__ import annotations

import pytest

import syncline as library
from conftest import Local, Project, people
from syncline.model import Outcome

ROWS = [{"id": at, "name": f"Ada {at}", "plan": "pro"} for at in range(40)]


@pytest.mark.promise("S1")
@pytest.mark.parametrize("weather", ["429:100%:after=9999", "401:100%"])
def test_what_nobody_took_is_sent_by_the_next_run(project: Project, local: Local, weather: str) -> None:
    config = project.config()
    local.at_request(2, lambda: local.turn(weather))
    stopped = library.run(config, ROWS)
    assert stopped.exit_code == 3
    assert stopped.counts[Outcome.DEFERRED] > 0
    local.turn()
    left = stopped.counts[Outcome.DEFERRED] + stopped.counts[Outcome.UNKNOWN]
    assert library.run(config, ROWS).counts[Outcome.DELIVERED] == left
    assert len(people(local)) == 40
