"""How fast and when: rates, backoff, and the pauses an API asks for."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import combinations, pairwise
from random import Random

import pytest

from syncline.delivery import Policy
from syncline.delivery.pace import Pace
from syncline.delivery.patience import backoff_s, retry_after_s
from syncline.model import Lane
from virtual import EPOCH, FAIR, TICK_S, Call, Gust, SimulatedApi, Sync, always, between, script


def http_date(at: float, form: str = "%a, %d %b %Y %H:%M:%S GMT") -> str:
    return datetime.fromtimestamp(at, UTC).strftime(form)


IMF, RFC_850, ASCTIME = "%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"


@pytest.mark.promise("R2")
@pytest.mark.parametrize("rate", [3.0, 40.0, 900.0])
@pytest.mark.parametrize("identify", [False, True])
def test_over_any_window_no_more_than_the_rate_and_a_burst(rate: float, identify: bool) -> None:
    def weather(number: int, call: Call) -> Gust:
        return Gust(401) if number in {5, 90} else Gust(429, {"retry-after": "2"}) if number == 60 else FAIR

    sync = Sync(SimulatedApi(weather), rows=300 if identify else 3_000, rate=rate, identify=identify)
    sync.go()
    starts = [call.start for call in sync.api.calls]
    burst = max(1.0, rate / 10)
    for first, last in combinations(range(len(starts)), 2):
        assert last - first + 1 <= rate * (starts[last] - starts[first]) + burst + TICK_S


@pytest.mark.parametrize(("rows_per_second", "batch_items"), [(20.0, 1), (100.0, 10), (100.0, 50), (1_000.0, 7)])
def test_rows_per_second_likewise_and_a_large_batch_delays_the_next(rows_per_second: float, batch_items: int) -> None:
    sync = Sync(SimulatedApi(), rows=400, rows_per_second=rows_per_second, batch_items=batch_items)
    sync.go()
    calls, burst = sync.api.calls, max(1.0, rows_per_second / 10)
    for first in range(len(calls)):
        rows = 0
        for call in calls[first:]:
            assert (
                rows + min(len(call.keys), burst) <= rows_per_second * (call.start - calls[first].start) + burst + 0.01
            )
            rows += len(call.keys)
    assert sync.seconds <= 400 / rows_per_second + 1


def test_who_was_woken_late_does_not_make_up_for_it() -> None:
    """A busy machine wakes a hundred couriers at once; the API would count them all in one second."""
    pace = Pace(Lane("https://api.example", (), rate=95.0, timeout_s=30.0, burst_s=0.02))
    for _ in range(150):
        pace.grant(1, 0.0)
    assert [pace.departs(2.0) == 0.0 for _ in range(150)].count(True) == 96
    assert pace.departs(2.5) == pytest.approx(0.5)
    assert pace.departs(3.0) == 0.0


def test_two_paces_together_hold_each_alone() -> None:
    """What had to wait for its rows leaves no heap of requests behind."""
    sync = Sync(SimulatedApi(script(FAIR, Gust(200, body=b"<html>"))), rows=400, rate=20.0, rows_per_second=40.0)
    sync.go()
    starts = [call.start for call in sync.api.calls]
    for first, last in combinations(range(len(starts)), 2):
        assert last - first + 1 <= 20.0 * (starts[last] - starts[first]) + 2 + TICK_S


def test_the_rate_is_used_up() -> None:
    sync = Sync(SimulatedApi(), rows=500, rate=50.0, identify=True)
    sync.go()
    assert 9.0 <= sync.seconds <= 10.5


def test_backoff_is_full_jitter_under_the_exponential_bound() -> None:
    random = Random(1)
    for tries in range(1, 12):
        bound = min(20.0, 0.2 * 2 ** (tries - 1))
        waits = [backoff_s(tries, 0.2, 20.0, random) for _ in range(500)]
        assert 0 <= min(waits) < 0.05 * bound
        assert 0.95 * bound < max(waits) <= bound
    assert backoff_s(100_000, 1.0, 20.0, random) <= 20.0


def test_a_request_is_tried_again_within_the_backoff_of_its_try() -> None:
    policy = Policy()
    for status, base_s in ((500, policy.base_s), (409, policy.conflict_base_s)):
        sync = Sync(SimulatedApi(script(*[Gust(status)] * 4)), rows=5)
        sync.go()
        gaps = [later.start - earlier.end for earlier, later in pairwise(sync.api.calls)]
        assert len(gaps) == 4
        assert all(gap <= base_s * 2**tries + TICK_S for tries, gap in enumerate(gaps))
        assert sync.notebook.counts == {"delivered": 5}


def asked(text: str, date: str = "") -> float | None:
    return retry_after_s({"retry-after": text} | ({"date": date} if date else {}), EPOCH)


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("2", 2.0),
        (" 2 ", 2.0),
        ("99999", 99999.0),
        ("0", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("2, 3", None),
        ("²", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 99999999999999999999 08:49:37 GMT", None),
        (http_date(EPOCH + 7, IMF), 7.0),
        (http_date(EPOCH + 7, RFC_850), 7.0),
        (http_date(EPOCH + 7, ASCTIME), 7.0),
    ],
)
def test_retry_after_is_whole_seconds_or_one_of_three_dates(text: str, wait_s: float | None) -> None:
    assert asked(text) == wait_s


def test_a_date_is_read_against_the_answers_own_date() -> None:
    assert asked(http_date(1_000_007.0), http_date(1_000_000.0)) == 7.0
    assert asked(http_date(EPOCH + 7), "yesterday") == 7.0


def test_a_wait_of_more_digits_than_any_clock_is_still_a_wait() -> None:
    for digits in (10, 50, 500):
        wait_s = asked("9" * digits)
        assert wait_s is not None
        assert 1e9 <= wait_s < 1e12


def throttled_at(at_s: float, gust: Gust) -> Sync:
    """A run whose API throttles, once, everything that starts within 10 ms of `at_s`."""
    sync = Sync(SimulatedApi(between(at_s, at_s + 0.01, gust)), rows=3_000)
    sync.go()
    return sync


@pytest.mark.promise("R3")
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("text", ["2", *(http_date(EPOCH + 3, form) for form in (IMF, RFC_850, ASCTIME))])
def test_the_whole_lane_waits_as_long_as_it_is_asked(status: int, text: str) -> None:
    gust = Gust(status, {"retry-after": text, "date": http_date(EPOCH + 1)})
    sync = throttled_at(0.16, gust)
    throttled = [call for call in sync.api.calls if call.status == status]
    assert throttled
    for call in throttled:
        assert [other for other in sync.api.calls if call.end + TICK_S < other.start < call.end + 2] == []
    after = min(call.start for call in sync.api.calls if call.start > throttled[0].end + TICK_S)
    assert after <= throttled[-1].end + 2.2 + TICK_S
    assert sync.notebook.counts == {"delivered": 3_000}


@pytest.mark.parametrize("text", ["0", "-5", "1.5", "soon", "2, 3", ""])
def test_nonsense_is_answered_with_our_own_backoff(text: str) -> None:
    sync = Sync(SimulatedApi(script(*[Gust(429, {"retry-after": text})] * 8)), rows=10)
    sync.go()
    gaps = [later.start - earlier.end for earlier, later in pairwise(sync.api.calls)]
    assert len(gaps) == 8
    assert all(gap <= 1.1 * min(20.0, 2.0**throttled) + TICK_S for throttled, gap in enumerate(gaps))
    assert sum(gaps) > 5
    assert sync.notebook.counts == {"delivered": 10}


def test_being_throttled_consumes_no_try() -> None:
    sync = Sync(SimulatedApi(script(*[Gust(429, {"retry-after": "1"})] * 30)), rows=5)
    sync.go()
    assert len(sync.api.calls) == 31
    assert sync.notebook.passes == 1
    assert sync.notebook.counts == {"delivered": 5}


def test_a_longer_wait_than_our_patience_stops_the_run_and_says_when_to_come_back() -> None:
    sync = Sync(SimulatedApi(script(FAIR, then=Gust(429, {"retry-after": "99999"}))), rows=3_000)
    ended = sync.go()
    assert ended.stop is not None
    assert ended.stop.reason == "throttled"
    assert ended.stop.retry_at == pytest.approx(EPOCH + 99999, abs=1)
    assert len(sync.api.calls) <= 26
    assert sync.seconds < 1
    assert not any(one.doubt for one in sync.notebook.last.values())


def test_a_throttle_without_end_stops_within_patience_and_200_requests() -> None:
    for weather in (always(Gust(429)), script(*[FAIR] * 100, then=Gust(429))):
        sync = Sync(SimulatedApi(weather), rows=20_000)
        sync.go()
        assert sync.stop_reason == "throttled"
        assert len(sync.api.calls) - sum(call.status == 200 for call in sync.api.calls) <= 200
        assert sync.seconds <= 300 + 30


@pytest.mark.parametrize("retry_after", ["1", ""])
def test_a_hard_limit_of_the_api_is_lived_with(retry_after: str) -> None:
    """100 requests a second, then 429 until the second is over: reliability.md 4.9."""
    served: dict[int, int] = {}

    def weather(number: int, call: Call) -> Gust:
        second = int(call.start)
        served[second] = served.get(second, 0) + 1
        return FAIR if served[second] <= 100 else Gust(429, {"retry-after": retry_after} if retry_after else {})

    sync = Sync(SimulatedApi(weather), rows=5_000, identify=True)
    sync.go()
    assert sync.notebook.counts == {"delivered": 5_000}
    assert sync.seconds <= 100
    assert len(sync.api.calls) <= 6_250


@pytest.mark.parametrize("bad", [range(1, 2), range(1, 4), range(30, 31)])
def test_a_429_in_a_quiet_moment_does_not_bind_the_rest_of_the_run(bad: range) -> None:
    """What was measured then was one request, alone before anybody was taken or after a pause."""

    def weather(number: int, call: Call) -> Gust:
        return Gust(429, {"retry-after": "1"}) if number in bad else FAIR

    sync = Sync(SimulatedApi(weather), rows=5_000, identify=True)
    sync.go()
    assert sync.notebook.counts == {"delivered": 5_000}
    assert sync.seconds <= 30


def test_a_pause_after_which_the_first_is_turned_away_again_does_not_either() -> None:
    """500 requests go well, then for a second and a half none does: the one that tries after the pause meets a 429."""
    until: list[float] = []

    def weather(number: int, call: Call) -> Gust:
        if number >= 500:
            until.append(call.start)
        return Gust(429, {"retry-after": "1"}) if until and call.start < until[0] + 1.5 else FAIR

    sync = Sync(SimulatedApi(weather), rows=5_000, identify=True)
    sync.go()
    assert sync.notebook.counts == {"delivered": 5_000}
    assert sync.seconds <= 40


def test_a_slow_pace_is_no_outage() -> None:
    """Half an hour between requests, by configuration: the first fault after such a wait is the first fault."""
    sync = Sync(SimulatedApi(script(FAIR, Gust(500))), rows=30, rate=1 / 1_800)
    sync.go()
    assert sync.stop_reason is None
    assert sync.notebook.counts == {"delivered": 30}
