"""Random weather, random shapes, in virtual time: what must hold whatever happens.

A failing example is printed by Hypothesis as a `Case`, which replays it: everything in it is drawn from its numbers.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import pytest
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st

from syncline.delivery.patience import retry_after_s
from syncline.model import Outcome
from virtual import (
    DROPPED,
    EPOCH,
    FAIR,
    FINAL,
    HANGS,
    LOST,
    SWALLOWED,
    TICK_S,
    UNSENT,
    Call,
    Gust,
    SimulatedApi,
    Sync,
    Weather,
)

# Each passes: weather of these kinds alone never gives a reason to end a run.
PASSING = {
    "500": Gust(500),
    "500, applied": Gust(500, applies=True),
    "502, late": Gust(502, latency_s=4.0),
    "503, wait 2": Gust(503, {"retry-after": "2"}),
    "429": Gust(429),
    "429, wait 1": Gust(429, {"retry-after": "1"}, latency_s=0.5),
    "429, wait 5, late": Gust(429, {"retry-after": "5"}, latency_s=3.0),
    "408": Gust(408),
    "409": Gust(409),
    "unsent": UNSENT,
    "dropped": DROPPED,
    "lost": LOST,
    "hangs": HANGS,
    "swallowed": SWALLOWED,
    "late": Gust(latency_s=9.0),
    "401, flaky": Gust(401),
    "garbage": Gust(200, body=b"<html>"),
    "garbage, applied": Gust(200, body=b"[]", applies=True),
    "207 of nobody": Gust(207, body=b'{"errors":[{"batch_index":999}]}', applies=True),
}
# Each may end a run, or have rows refused that deserve better.
FATAL = {
    "401": Gust(401),
    "403": Gust(403),
    "302": Gust(302, {"location": "https://elsewhere.example/"}),
    "404": Gust(404),
    "429, wait for ever": Gust(429, {"retry-after": "99999"}),
    "400": Gust(400),
    "413": Gust(413),
}


@dataclass(frozen=True)
class Case:
    rows: int
    batch_items: int
    parallelism: int
    identify: bool
    rate: float
    rows_per_second: float
    seed: int
    kinds: tuple[str, ...]
    severity: float  # share of requests that meet weather
    until_s: float
    probe_fails: float
    refused: int  # of a hundred rows: poison, blamed and forbidden in turn
    halt_at_s: float | None
    fails_from: float

    def sync(self) -> Sync:
        """The run this case describes; two of them are alike to the last request."""
        poison, blamed, forbidden = (self.marked[start::3] for start in range(3))
        api = SimulatedApi(poison=frozenset(poison), blamed=frozenset(blamed), forbidden=frozenset(forbidden))
        api.weather, api.probe_weather = _weather(self, api, self.severity), _weather(self, api, self.probe_fails)
        return Sync(
            api,
            rows=self.rows,
            batch_items=self.batch_items,
            parallelism=self.parallelism,
            identify=self.identify,
            rate=self.rate,
            rows_per_second=self.rows_per_second,
            seed=self.seed,
            halt_at_s=self.halt_at_s,
            fails_from=self.fails_from,
        )

    @property
    def marked(self) -> list[str]:
        """Rows that the API refuses for good."""
        return [f"id:{row}" for row in range(1, self.rows + 1) if row * 37 % 100 < self.refused]


def _weather(case: Case, api: SimulatedApi, share: float) -> Weather:
    dice, denied = Random(case.seed), set[str]()

    def at(number: int, call: Call) -> Gust:
        if dice.random() >= share or call.start >= case.until_s or not case.kinds:
            return FAIR
        kind = dice.choice(case.kinds)
        gust = (PASSING | FATAL)[kind]
        if kind == "401, flaky":  # twice for one row would be its rejection
            again = bool(denied & set(call.keys))
            denied.update(call.keys)
            return FAIR if again else gust
        if gust.status in {200, 207} and not _known(api):  # on first contact, that is a wrong address
            return FAIR
        return gust

    return at


def _known(api: SimulatedApi) -> bool:
    """Has it acknowledged somebody?"""
    return any(call.status in {200, 207} and call.applied and set(call.keys) - api.blamed for call in api.calls)


def cases(kinds: list[str], *, shares: list[float], ends: list[float], ending: bool) -> st.SearchStrategy[Case]:
    never = st.just(float("inf"))
    return st.builds(
        Case,
        rows=st.integers(1, 80),
        batch_items=st.integers(1, 20),
        parallelism=st.integers(1, 8),
        identify=st.booleans(),
        rate=st.sampled_from([2.0, 20.0, 900.0]),
        rows_per_second=st.sampled_from([0.0, 40.0]),
        seed=st.integers(0, 2**32),
        kinds=st.lists(st.sampled_from(kinds), max_size=4, unique=True).map(tuple),
        severity=st.sampled_from(shares),
        until_s=st.sampled_from(ends),
        probe_fails=st.sampled_from([0.0, 0.5, 1.0]) if ending else st.just(0.0),
        refused=st.sampled_from([0, 0, 3, 20]),
        halt_at_s=st.none() | st.floats(0.0, 60.0) if ending else st.none(),
        fails_from=never | st.integers(1, 6).map(float) if ending else never,
    )


THOROUGH = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True, print_blob=True
)

anything = cases(
    [*PASSING, *FATAL], shares=[0.02, 0.1, 0.3, 0.7, 1.0], ends=[0.0, 3.0, 30.0, float("inf")], ending=True
)
passing = cases([*PASSING], shares=[0.1, 0.3, 0.7, 1.0], ends=[3.0, 10.0, 30.0], ending=False)


def ran(case: Case) -> Sync:
    sync = case.sync()
    sync.go()  # liveness: `virtual.run` raises when it would never end
    event(f"stop: {sync.stop_reason}")
    note(f"{sync.notebook.counts}, {sync.ended}")
    return sync


@pytest.mark.promise("A1")
@THOROUGH
@given(anything)
def test_every_change_is_accounted_for(case: Case) -> None:
    sync = ran(case)  # `go` asserts that nothing is settled for good twice
    assert sum(sync.notebook.counts.values()) == case.rows
    unsettled = [one for one in sync.notebook.last.values() if one.outcome not in FINAL]
    assert all(one.outcome in {Outcome.DEFERRED, Outcome.UNKNOWN} for one in unsettled)
    if sync.stop_reason is None:
        assert len(sync.notebook.last) == case.rows
        assert not unsettled


@pytest.mark.promise("A2")
@THOROUGH
@given(anything)
def test_nothing_is_said_that_is_not_so(case: Case) -> None:
    sync = ran(case)
    sent = {key for call in sync.api.calls for key in call.keys}
    wordless = [one for one in sync.notebook.changes if one.key in sent and one.entry not in sync.notebook.last]
    assert len(wordless) <= sync.ended.unrecorded, "sent, and called never sent"
    assert not sync.ended.unrecorded or sync.notebook.failures
    for change in sync.notebook.changes:
        word, applied = sync.notebook.last.get(change.entry), change.key in sync.api.people
        if word is None:
            continue
        if word.outcome is Outcome.DELIVERED:
            assert applied, "called delivered"
            assert not word.doubt
        else:
            assert word.doubt or not applied, f"applied, and called {word.outcome} without a doubt"


@THOROUGH
@given(anything)
def test_no_request_starts_when_none_may(case: Case) -> None:
    sync = ran(case)
    assert sync.api.most_in_flight <= case.parallelism
    starts = [call.start for call in sync.api.calls]
    for call in sync.api.calls:
        wait_s = retry_after_s(call.headers, EPOCH) if call.status in {429, 503} else None
        if wait_s is not None:
            later = starts[bisect_right(starts, call.end + TICK_S) :]
            assert not later or later[0] >= call.end + wait_s - TICK_S, "in a pause"
    if case.halt_at_s is not None:
        assert not [call for call in sync.api.calls if call.start > case.halt_at_s + TICK_S], "after the interrupt"
        assert sync.seconds <= max(case.halt_at_s, starts[-1] if starts else 0.0) + 30.0
    if sync.notebook.failures:
        assert starts[-1] <= sync.notebook.failures[0] + TICK_S, "after the disk failed"


@pytest.mark.promise("R2")
@THOROUGH
@given(anything)
def test_the_pace_holds_over_any_window(case: Case) -> None:
    sync = ran(case)
    starts, burst = [call.start for call in sync.api.calls], max(1.0, case.rate / 10)
    for first in range(len(starts)):
        for last in range(first, min(len(starts), first + 200)):
            assert last - first + 1 <= case.rate * (starts[last] - starts[first]) + burst + 1e-3


@THOROUGH
@given(anything)
def test_the_canary_is_alone_until_it_was_taken(case: Case) -> None:
    api = ran(case).api
    first_taken = next(
        (call.end for call in api.calls if set(call.keys) - api.blamed and call.applied and call.status), 1e9
    )
    early = [call for call in api.writes if call.start < first_taken - TICK_S]
    assert all(len(call.keys) <= 10 for call in early)
    assert all(one.end <= other.start + TICK_S for one, other in pairwise(early))


@pytest.mark.promise("C8")
@THOROUGH
@given(passing)
def test_when_the_weather_clears_everything_is_delivered(case: Case) -> None:
    sync = ran(case)
    assert sync.stop_reason is None
    assert {one.change.key for one in sync.notebook.last.values() if one.outcome is Outcome.REJECTED} == set(
        case.marked
    )
    assert sync.notebook.counts["delivered"] == case.rows - len(case.marked)


@pytest.mark.promise("C9")
@settings(THOROUGH, max_examples=80)
@given(anything)
def test_the_same_seed_sends_the_same_requests(case: Case) -> None:
    one, other = ran(case), ran(case)
    assert one.api.trace == other.api.trace
    assert one.notebook.pages == other.notebook.pages
