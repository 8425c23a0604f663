"""The fault matrix in virtual time: what takes minutes of weather, or is about throughput (rows 17 and 25).

The number in a test's name is its row in tests/FAULTS.md.
"""

from __future__ import annotations

from random import Random

import pytest

from virtual import FAIR, Call, Gust, SimulatedApi, Sync, always


@pytest.mark.parametrize("parallelism", [5, 25])
def test_17_two_seconds_of_latency_and_two_of_jitter_cost_no_request_and_no_time_of_ours(parallelism: int) -> None:
    """At least 80 % of C / RTT, the most that so many requests in flight can bring."""
    dice, rtt_s = Random(17), 2.08

    def weather(number: int, call: Call) -> Gust:
        return Gust(latency_s=0.08 + dice.uniform(0.0, 4.0))

    sync = Sync(SimulatedApi(weather), rows=2_000, identify=True, parallelism=parallelism)
    assert sync.go().stop is None
    assert sync.notebook.counts == {"delivered": 2_000}
    assert len(sync.api.calls) == 2_000
    assert 2_000 / sync.seconds >= 0.8 * parallelism / rtt_s


def test_17_an_answer_just_within_the_deadline_is_no_fault() -> None:
    sync = Sync(SimulatedApi(always(Gust(latency_s=29.9))), rows=100, timeout_s=30.0)
    assert sync.go().stop is None
    assert (len(sync.api.calls), sync.notebook.counts) == (10, {"delivered": 100})


@pytest.mark.parametrize("parallelism", [1, 5, 100])
def test_25_a_key_revoked_mid_run_touches_at_most_what_was_in_flight(parallelism: int) -> None:
    def weather(number: int, call: Call) -> Gust:
        return Gust(401) if number > 500 else FAIR

    sync = Sync(SimulatedApi(weather, always(Gust(401))), rows=5_000, identify=True, parallelism=parallelism)
    sync.go()
    assert sync.stop_reason == "credentials"
    assert len(sync.api.writes) <= 500 + parallelism
    assert len(sync.api.probes) == 1
    assert sync.notebook.counts["delivered"] == 500
    assert not any(one.doubt for one in sync.notebook.last.values())
