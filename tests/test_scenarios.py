"""The bad days of docs/reliability.md: what they may cost at most, and that the page shows what they cost."""

from __future__ import annotations

from functools import cache

import pytest

from pages import DOCS
from scenarios import HEAD, SCENARIOS, Result, Scenario, line, play

OUTAGE_MOST = 200  # requests, whatever the size
RATE_OF = {"set": 0.9, "learned": 0.7}  # of what is permitted
THROTTLED_MOST = 0.01  # of the requests

played = cache(play)


def of(*words: str) -> list[Result]:
    """The scenarios whose names begin with one of these."""
    found = [played(scenario) for scenario in SCENARIOS if scenario.name.startswith(words)]
    assert found
    return found


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_nobody_is_lost_and_who_is_not_right_is_left_for_the_next_run(scenario: Scenario) -> None:
    one = played(scenario)
    assert (one.lost, one.right + one.waiting) == (0, scenario.people)
    assert bool(one.stop) == bool(one.waiting)


@pytest.mark.promise("R4")
def test_a_total_outage_costs_the_same_few_requests_whatever_the_size() -> None:
    for one in of("total outage", "429 without end"):
        assert one.requests - one.right <= OUTAGE_MOST, one
        assert one.stop in {"outage", "throttled"}


def test_an_outage_that_passes_loses_nobody() -> None:
    for one in of("outage of 30 s", "20 %"):
        assert (one.right, one.stop) == (5_000, "")
    assert all(one.seconds <= 60 for one in of("outage of 30 s"))


def test_what_is_permitted_is_nearly_reached_and_hardly_exceeded() -> None:
    for scenario in SCENARIOS:
        if scenario.limit:
            one = played(scenario)
            goal = RATE_OF["set" if scenario.rate < scenario.limit else "learned"]
            assert one.reached >= goal, one
            assert one.throttled <= THROTTLED_MOST * one.requests, one


@pytest.mark.promise("R5")
def test_a_bad_key_is_tried_on_the_canary_alone() -> None:
    single, batch = of("401 from the start")
    assert (single.requests, single.in_vain) == (2, 1)
    assert (batch.requests, batch.in_vain) == (2, 10)
    (revoked,) = of("401 after 500")
    assert revoked.in_vain <= 25  # what was in flight


def test_the_page_shows_what_was_played() -> None:
    """After a change of the engine: `make weather`, and into the page."""
    shown = (DOCS / "reliability.md").read_text(encoding="utf-8").splitlines()
    expected = [*HEAD.splitlines(), *(line(played(scenario)) for scenario in SCENARIOS)]
    assert [one for one in expected if one not in shown] == []
