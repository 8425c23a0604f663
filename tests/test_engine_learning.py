"""What nobody told us is learned: the rate an API takes; that a mapping is wrong, before everybody has met it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import pytest

from syncline.model import Outcome
from virtual import FAIR, Call, Gust, SimulatedApi, Sync, always, between


@dataclass
class Limited:
    """A token bucket of one second's worth; from `slow_from` to `slow_to` it takes half as much."""

    per_s: float
    retry_after: str = ""
    slow_from: float = float("inf")
    slow_to: float = float("inf")
    tokens: float = 0.0
    at: float = 0.0
    over: int = 0

    def __call__(self, number: int, call: Call) -> Gust:
        rate = self.per_s / 2 if self.slow_from <= call.start < self.slow_to else self.per_s
        self.tokens = min(rate, self.tokens + (call.start - self.at) * rate) if number > 1 else rate
        self.at = call.start
        if self.tokens < 1:
            self.over += 1
            return Gust(429, {"retry-after": self.retry_after} if self.retry_after else {})
        self.tokens -= 1
        return FAIR


@pytest.mark.parametrize("retry_after", ["", "1"])
@pytest.mark.parametrize("per_s", [20.0, 100.0])
def test_a_limit_that_nobody_named_is_learned_and_nearly_reached(per_s: float, retry_after: str) -> None:
    limited = Limited(per_s, retry_after)
    sync = Sync(SimulatedApi(limited), rows=int(50 * per_s), identify=True)
    assert sync.go().stop is None
    assert sync.notebook.counts == {"delivered": 50 * per_s}
    assert sync.seconds <= 50 / 0.9
    assert limited.over <= 0.03 * 50 * per_s


def test_a_rate_that_was_set_meets_no_refusal_and_is_reached() -> None:
    limited = Limited(100.0)
    sync = Sync(SimulatedApi(limited), rows=5_000, identify=True, rate=90.0)
    sync.go()
    assert limited.over == 0
    assert 5_000 / sync.seconds >= 0.9 * 90.0


def test_when_another_client_takes_half_of_it_the_rate_goes_down_and_up_again() -> None:
    limited = Limited(100.0, slow_from=15.0, slow_to=30.0)
    sync = Sync(SimulatedApi(limited), rows=5_000, identify=True)
    sync.go()
    assert sync.notebook.counts == {"delivered": 5_000}
    done = sorted(call.start for call in sync.api.calls if call.status == 200)

    def per_second(start: float, end: float) -> float:
        return (bisect_right(done, end) - bisect_right(done, start)) / (end - start)

    assert 0.7 * 50 <= per_second(18, 30) <= 50 + 1
    assert per_second(40, 55) >= 0.7 * 100


def test_the_settings_are_the_most_whatever_was_learned() -> None:
    weather = between(1.0, 1.2, Gust(429, {"retry-after": "1"}))
    sync = Sync(SimulatedApi(weather), rows=4_000, identify=True, rate=60.0)
    sync.go()
    starts = [call.start for call in sync.api.calls]
    assert all(bisect_right(starts, at + 1.0) - index <= 60 + 6 + 1 for index, at in enumerate(starts))


# --- rejections -------------------------------------------------------------------------------------------------------


def people(count: int) -> frozenset[str]:
    return frozenset(f"id:{number}" for number in range(1, count + 1))


@pytest.mark.parametrize(("identify", "requests"), [(True, 50), (False, 5)])
def test_when_the_first_fifty_are_all_refused_nobody_else_is_tried(identify: bool, requests: int) -> None:
    sync = Sync(SimulatedApi(blamed=people(10_000)), rows=10_000, identify=identify)
    stop = sync.go().stop
    assert stop is not None
    assert (stop.reason, "is the mapping right?" in stop.message) == ("rejections", True)
    assert (sync.notebook.counts, len(sync.api.writes)) == ({"rejected": 50, "untouched": 9_950}, requests)


def test_nor_where_everybody_is_too_large_for_it() -> None:
    """A proxy with a limit of its own, say: 413 whatever is sent."""
    sync = Sync(SimulatedApi(always(Gust(413))), rows=10_000)
    stop = sync.go().stop
    assert stop is not None
    assert stop.reason == "rejections"
    assert sync.notebook.counts == {"invalid": 50, "untouched": 9_950}


def test_when_more_than_half_is_refused_the_run_stops_after_two_hundred() -> None:
    bad = frozenset(f"id:{number}" for number in range(1, 10_001) if number % 4)
    sync = Sync(SimulatedApi(blamed=bad), rows=10_000)
    stop = sync.go().stop
    assert stop is not None
    assert stop.reason == "rejections"
    assert 200 <= sum(count for outcome, count in sync.notebook.counts.items() if outcome != "untouched") <= 500


def test_single_refusals_stop_nobody() -> None:
    bad = frozenset(f"id:{number}" for number in range(1, 10_001) if number % 3 == 0)
    sync = Sync(SimulatedApi(blamed=bad), rows=10_000)
    assert sync.go().stop is None
    assert sync.notebook.counts[Outcome.REJECTED] == len(bad)
