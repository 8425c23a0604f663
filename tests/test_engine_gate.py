"""Who may start a request: the canary, the parallelism, and what a refusal of everybody stops."""

from __future__ import annotations

from itertools import pairwise

import pytest

from syncline.model import Outcome
from virtual import FAIR, TICK_S, Call, Gust, SimulatedApi, Sync, always, script

ELSEWHERE = Gust(307, {"location": "https://track-eu.customer.io/api/v2/batch"})


@pytest.mark.parametrize("identify", [False, True])
def test_the_canary_goes_alone_with_ten_rows_at_most(identify: bool) -> None:
    sync = Sync(SimulatedApi(), rows=2_000, batch_items=100, identify=identify)
    sync.go()
    canary, *others = sync.api.calls
    assert len(canary.keys) == (1 if identify else 10)
    assert all(call.start >= canary.end for call in others)
    assert sync.notebook.counts == {"delivered": 2_000}


def test_nothing_else_starts_before_a_canary_has_succeeded() -> None:
    weather = script(Gust(500), Gust(fate="dropped"), Gust(429), Gust(fate="unsent"))
    sync = Sync(SimulatedApi(weather), rows=500)
    sync.go()
    good = next(call for call in sync.api.calls if call.status == 200)
    before = [call for call in sync.api.calls if call.start < good.end]
    assert len(before) == 5
    assert all(later.start >= earlier.end for earlier, later in pairwise(before))
    assert sync.notebook.counts == {"delivered": 500}


@pytest.mark.promise("R1")
@pytest.mark.parametrize("parallelism", [1, 2, 25])
def test_exactly_parallelism_requests_are_in_flight(parallelism: int) -> None:
    sync = Sync(SimulatedApi(), rows=1_000, parallelism=parallelism, identify=True)
    sync.go()
    assert sync.api.most_in_flight == parallelism


def test_a_run_over_no_rows_sends_nothing() -> None:
    sync = Sync(SimulatedApi(), rows=0)
    assert sync.go().stop is None
    assert sync.api.calls == []


@pytest.mark.promise("R5")
def test_a_bad_key_costs_one_request_and_one_probe() -> None:
    sync = Sync(SimulatedApi(always(Gust(401)), always(Gust(401))), rows=10_000)
    sync.go()
    assert sync.stop_reason == "credentials"
    assert (len(sync.api.writes), len(sync.api.probes)) == (1, 1)
    assert sync.notebook.counts == {"deferred": 10, "untouched": 9_990}
    assert not any(one.doubt for one in sync.notebook.last.values())


@pytest.mark.promise("R5")
def test_a_key_revoked_mid_run_touches_only_what_was_in_flight() -> None:
    def weather(number: int, call: Call) -> Gust:
        return Gust(401) if number > 100 else FAIR

    sync = Sync(SimulatedApi(weather, always(Gust(401))), rows=5_000)
    sync.go()
    first = next(call for call in sync.api.calls if call.status == 401)
    assert sync.stop_reason == "credentials"
    assert all(call.is_probe for call in sync.api.calls if call.start > first.end)
    assert len(sync.api.probes) == 1
    assert len(sync.api.writes) <= 100 + 25
    assert set(sync.notebook.counts) == {"delivered", "deferred", "untouched"}
    assert sync.notebook.counts["deferred"] <= 25 * 10


def test_one_flaky_401_is_asked_again_once_and_everything_is_delivered() -> None:
    for flaky in (1, 7):
        sync = Sync(SimulatedApi(script(*[FAIR] * (flaky - 1), Gust(401))), rows=300)
        sync.go()
        assert sync.notebook.counts == {"delivered": 300}
        assert (len(sync.api.writes), len(sync.api.probes)) == (31, 1)


@pytest.mark.parametrize("identify", [False, True])
def test_a_forbidden_row_is_rejected_alone(identify: bool) -> None:
    sync = Sync(SimulatedApi(forbidden=frozenset({"id:57"})), rows=200, identify=identify)
    sync.go()
    assert sync.stop_reason is None
    assert sync.notebook.counts == {"delivered": 199, "rejected": 1}
    rejected = sync.notebook.of("id:57")
    assert rejected is not None
    assert rejected.outcome is Outcome.REJECTED
    assert not rejected.doubt


@pytest.mark.promise("R5")
@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("identify", [False, True])
def test_a_key_that_may_write_no_more_burns_nobody_though_the_probe_is_good(status: int, identify: bool) -> None:
    def weather(number: int, call: Call) -> Gust:
        return Gust(status) if number > 40 else FAIR

    sync = Sync(SimulatedApi(weather), rows=1_200, identify=identify)
    sync.go()
    taken = 40 if identify else 400
    assert sync.stop_reason == "credentials"
    assert sync.notebook.counts["delivered"] == taken
    assert set(sync.notebook.counts) == {"delivered", "deferred", "untouched"}
    assert len(sync.api.writes) <= 40 + 25 + 2 * sync.policy.denied_in_a_row
    assert not any(one.doubt for one in sync.notebook.last.values())


def test_the_last_rows_may_be_forbidden_too() -> None:
    """Nobody is taken after them; but they are few, and others were taken before."""
    last = frozenset({"id:198", "id:199", "id:200"})
    sync = Sync(SimulatedApi(forbidden=last), rows=200, identify=True)
    sync.go()
    assert sync.stop_reason is None
    assert sync.notebook.counts == {"delivered": 197, "rejected": 3}


@pytest.mark.parametrize("status", [401, 403])
def test_where_all_that_is_left_is_denied_nobody_waits_for_it(status: int) -> None:
    sync = Sync(SimulatedApi(always(Gust(status))), rows=1, identify=True)
    sync.go()
    assert sync.stop_reason == "credentials"
    assert sync.notebook.counts == {"deferred": 1}
    assert len(sync.api.writes) <= 2
    assert sync.seconds < 10


def test_a_forbidden_row_in_the_canary_does_not_stop_the_run() -> None:
    sync = Sync(SimulatedApi(forbidden=frozenset({"id:1"})), rows=200)
    sync.go()
    assert sync.notebook.counts == {"delivered": 199, "rejected": 1}


def test_credentials_that_cannot_be_confirmed_stop_the_run() -> None:
    sync = Sync(SimulatedApi(always(Gust(401)), always(Gust(fate="unsent"))), rows=1_000)
    sync.go()
    assert sync.stop_reason == "credentials"
    assert (len(sync.api.writes), len(sync.api.probes)) == (1, 3)


def test_no_probe_is_sent_while_the_api_asks_everybody_to_wait() -> None:
    weather = script(FAIR, Gust(401, latency_s=0.1), Gust(429, {"retry-after": "9"}, latency_s=0.2))
    sync = Sync(SimulatedApi(weather), rows=300)
    sync.go()
    throttled = next(call for call in sync.api.calls if call.status == 429)
    assert [call for call in sync.api.calls if throttled.end + TICK_S < call.start < throttled.end + 9] == []
    assert len(sync.api.probes) == 1
    assert sync.notebook.counts == {"delivered": 300}


def test_a_probe_that_is_asked_to_wait_long_stops_the_run_instead() -> None:
    sync = Sync(SimulatedApi(always(Gust(401)), always(Gust(429, {"retry-after": "99999"}))), rows=1_000)
    sync.go()
    assert sync.stop_reason == "credentials"
    assert (len(sync.api.probes), sync.seconds < 10) == (1, True)


@pytest.mark.parametrize("probe", [FAIR, Gust(302, {"location": "https://track-eu.customer.io/"})])
def test_a_redirect_is_never_followed_and_stops_the_run_after_the_probe(probe: Gust) -> None:
    sync = Sync(SimulatedApi(always(ELSEWHERE), always(probe)), rows=1_000)
    sync.go()
    assert sync.stop_reason == ("credentials" if probe.status else "address")
    assert (len(sync.api.writes), len(sync.api.probes)) == (1, 1)
    assert sync.notebook.counts == {"deferred": 10, "untouched": 990}


def test_a_redirect_mid_run_touches_only_what_was_in_flight() -> None:
    sync = Sync(SimulatedApi(script(*[FAIR] * 50, then=ELSEWHERE)), rows=5_000)
    sync.go()
    first = next(call for call in sync.api.calls if call.status == 307)
    assert sync.stop_reason == "address"
    assert all(call.is_probe for call in sync.api.calls if call.start > first.end)


@pytest.mark.parametrize("status", [404, 405, 501])
def test_no_such_route_on_first_contact_is_a_wrong_address(status: int) -> None:
    sync = Sync(SimulatedApi(always(Gust(status))), rows=1_000)
    sync.go()
    assert sync.stop_reason == "address"
    assert len(sync.api.calls) == 1


@pytest.mark.parametrize("body", [b"<html>sign in</html>", b"[]", b"\xff\xfe", b'{"errors":"none"}'])
def test_garbage_on_first_contact_is_a_wrong_address_and_the_rows_are_in_doubt(body: bytes) -> None:
    sync = Sync(SimulatedApi(always(Gust(200, body=body))), rows=1_000)
    sync.go()
    assert sync.stop_reason == "address"
    assert len(sync.api.calls) == 3, "a single odd answer may be somebody's who stands between"
    assert sync.notebook.counts == {"unknown": 10, "untouched": 990}
    assert all(one.doubt for one in sync.notebook.last.values())


def test_after_an_outage_one_request_tries_first_even_when_others_wait_for_their_pace() -> None:
    def weather(number: int, call: Call) -> Gust:
        return Gust(500) if 2.0 <= call.start < 30.0 else FAIR

    sync = Sync(SimulatedApi(weather), rows=600, rate=10.0, identify=True)
    sync.go()
    failed = [call for call in sync.api.calls if call.status == 500]
    opened = failed[19].end  # the streak that opens the breaker
    assert sum(1 for call in failed if call.start > opened) <= 3
    assert sync.notebook.counts == {"delivered": 600}


def test_while_the_canary_waits_for_another_try_nothing_larger_is_tried_in_its_place() -> None:
    weather = script(*[Gust(500)] * 15)
    sync = Sync(SimulatedApi(weather), rows=1_000, batch_items=100)
    sync.go()
    failed = [call for call in sync.api.calls if call.status == 500]
    assert all(set(call.keys) <= {f"id:{row}" for row in range(1, 11)} for call in failed)
    assert sync.notebook.counts == {"delivered": 1_000}


@pytest.mark.parametrize("identify", [False, True])
@pytest.mark.parametrize("culprits", [1, 10])
def test_when_the_first_rows_are_not_taken_the_next_canary_is_as_small(culprits: int, identify: bool) -> None:
    keys = frozenset(f"id:{row}" for row in range(1, culprits + 1))
    api = SimulatedApi(cursed=keys) if culprits == 1 else SimulatedApi(blamed=keys)
    sync = Sync(api, rows=500, batch_items=100, identify=identify)
    sync.go()
    taken = next(call for call in api.calls if call.status == 200)
    assert all(len(call.keys) <= 10 for call in api.calls if call.start < taken.end)
    assert sync.notebook.counts == {"delivered": 500 - culprits, "deferred" if culprits == 1 else "rejected": culprits}
