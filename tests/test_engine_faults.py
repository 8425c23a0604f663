"""Faults: retried, deferred, outlasted; what may have been applied is never called anything else."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from syncline.destinations.customerio import CustomerIo, Settings
from syncline.model import Item, Outcome, Verdict
from syncline.ports import Conversation
from virtual import (
    DROPPED,
    FAIR,
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
    always,
    between,
    script,
)

CAPTIVE = Gust(200, body=b"<html>sign in</html>")


def haunts(key: str, gust: Gust) -> Weather:
    """`gust` for every request that names the key."""
    return lambda number, call: gust if key in call.keys else FAIR


def test_five_tries_then_deferral_and_a_later_pass_delivers() -> None:
    sync = Sync(SimulatedApi(script(FAIR, *[Gust(500)] * 5)), rows=11, parallelism=1)
    sync.go()
    assert len(sync.api.calls) == 1 + 5 + 1
    assert sync.notebook.passes == 2
    story = [one.outcome for _, one in sync.notebook.pages if one.change.key == "id:11"]
    assert story == [Outcome.DEFERRED, Outcome.DELIVERED]
    assert sync.notebook.counts == {"delivered": 11}


@pytest.mark.parametrize("gust", [Gust(408), Gust(425), Gust(409), Gust(423), Gust(500), Gust(502), Gust(504), UNSENT])
def test_a_passing_fault_costs_one_more_request(gust: Gust) -> None:
    sync = Sync(SimulatedApi(script(FAIR, gust)), rows=100)
    sync.go()
    assert len(sync.api.calls) == 11
    assert sync.notebook.counts == {"delivered": 100}


@pytest.mark.promise("R4")
def test_a_fifth_of_all_answers_failing_loses_nothing_and_costs_its_share() -> None:
    def weather(number: int, call: Call) -> Gust:
        return Gust(500) if number * 7919 % 10 < 2 else FAIR

    sync = Sync(SimulatedApi(weather), rows=2_000, identify=True)
    sync.go()
    assert sync.notebook.counts == {"delivered": 2_000}
    assert len(sync.api.calls) <= 2_000 / 0.8 * 1.02 + 50


@pytest.mark.promise("R4")
@pytest.mark.parametrize("gust", [UNSENT, DROPPED, HANGS, SWALLOWED, Gust(500), Gust(503), Gust(409)])
@pytest.mark.parametrize("good", [0, 200])
@pytest.mark.parametrize("parallelism", [1, 25, 100])
def test_a_total_outage_costs_200_requests_at_most_and_ends_with_our_patience(
    gust: Gust, good: int, parallelism: int
) -> None:
    sync = Sync(SimulatedApi(script(*[FAIR] * good, then=gust)), rows=20_000, identify=True, parallelism=parallelism)
    sync.go()
    began = next(call.start for number, call in enumerate(sync.api.calls) if number == good)
    assert sync.stop_reason == "outage"
    assert len(sync.api.calls) - good <= 200
    assert sync.seconds <= began + sync.policy.patience_s + sync.timeout_s + 5
    assert sync.notebook.counts["delivered"] == good


@pytest.mark.parametrize("gust", [UNSENT, Gust(500), CAPTIVE])
def test_an_outage_of_30_s_heals_and_nothing_is_lost(gust: Gust) -> None:
    sync = Sync(SimulatedApi(between(5.0, 35.0, gust)), rows=5_000, identify=True)
    sync.go()
    assert sync.notebook.counts == {"delivered": 5_000}
    assert len(sync.api.calls) <= 5_000 + 90
    assert sync.seconds <= 60


@pytest.mark.parametrize("gust", [UNSENT, Gust(500), LOST])
@pytest.mark.parametrize("seed", range(10))
def test_an_outage_of_30_s_over_the_last_rows_heals_too(gust: Gust, seed: int) -> None:
    sync = Sync(SimulatedApi(between(0.05, 30.0, gust)), rows=15, seed=seed)
    sync.go()
    assert sync.notebook.counts == {"delivered": 15}


def test_one_outage_opens_the_breaker_once_however_many_were_in_flight() -> None:
    sync = Sync(SimulatedApi(between(1.0, 4.0, Gust(500))), rows=10_000, identify=True, parallelism=100)
    sync.go()
    failed = [call for call in sync.api.calls if call.status == 500]
    resumed = min(call.start for call in sync.api.calls if call.start > failed[-1].end and call.status == 200)
    assert resumed - failed[19].end <= sync.policy.open_s + 2
    assert sync.notebook.counts == {"delivered": 10_000}


def test_a_captive_portal_mid_run_is_an_outage_and_never_an_acknowledgement() -> None:
    sync = Sync(SimulatedApi(script(*[FAIR] * 20, then=CAPTIVE)), rows=5_000)
    sync.go()
    assert sync.stop_reason == "outage"
    assert len(sync.api.calls) - 20 <= 200
    assert sync.notebook.counts["delivered"] == 200
    assert set(sync.notebook.counts) == {"delivered", "unknown", "untouched"}


def test_a_hang_ends_at_the_deadline() -> None:
    sync = Sync(SimulatedApi(script(FAIR, HANGS)), rows=20, timeout_s=30.0)
    sync.go()
    assert [round(call.end - call.start, 6) for call in sync.api.calls] == [0.08, 30.0, 0.08]
    assert sync.notebook.counts == {"delivered": 20}


@pytest.mark.promise("A6")
@pytest.mark.parametrize("gust", [HANGS, SWALLOWED, DROPPED, LOST])
def test_what_was_sent_and_never_answered_ends_unknown(gust: Gust) -> None:
    sync = Sync(SimulatedApi(haunts("id:31", gust)), rows=60, batch_items=1)
    sync.go()
    assert sync.stop_reason in {"faults", "outage"}  # nothing but this row is left to prove that the API is well
    assert sync.notebook.counts == {"delivered": 59, "unknown": 1}
    assert sync.notebook.last[31].doubt


@pytest.mark.parametrize(("gust", "doubt"), [(UNSENT, False), (Gust(500), True), (Gust(500, applies=True), True)])
def test_what_nobody_refused_ends_deferred(gust: Gust, doubt: bool) -> None:
    sync = Sync(SimulatedApi(haunts("id:31", gust)), rows=60, batch_items=1)
    sync.go()
    assert sync.stop_reason in {"faults", "outage"}  # nothing but this row is left to prove that the API is well
    assert sync.notebook.counts == {"delivered": 59, "deferred": 1}
    assert sync.notebook.last[31].doubt is doubt
    assert sum(1 for call in sync.api.calls if "id:31" in call.keys) <= 5 * 6


def test_a_row_that_always_fails_is_deferred_alone_even_out_of_a_large_batch() -> None:
    sync = Sync(SimulatedApi(cursed=frozenset({"id:77"})), rows=1_000, batch_items=250)
    sync.go()
    assert sync.notebook.counts == {"delivered": 999, "deferred": 1}
    assert sync.notebook.last[77].outcome is Outcome.DEFERRED


def test_a_doubt_outlives_the_pass_in_which_it_arose() -> None:
    """Applied and lost in the first pass, never sent in the later ones: it may still have been applied."""

    def weather(number: int, call: Call) -> Gust:
        if "id:31" not in call.keys:
            return FAIR
        return LOST if sync.notebook.passes == 1 else UNSENT

    sync = Sync(SimulatedApi(weather), rows=60, batch_items=1)
    sync.go()
    assert "id:31" in sync.api.people
    assert sync.notebook.last[31].doubt


@pytest.mark.promise("A6")
def test_a_doubt_is_lifted_by_an_acknowledgement_only() -> None:
    """Applied and lost, then a 401 (no proof about the first attempt), then credentials fail."""
    weather = script(FAIR, LOST, then=Gust(401))
    sync = Sync(SimulatedApi(weather, always(Gust(401))), rows=20, parallelism=1)
    sync.go()
    assert all(sync.notebook.last[entry].doubt for entry in range(11, 21))
    assert sync.notebook.counts == {"delivered": 10, "unknown": 10}


def test_a_row_refused_after_a_lost_answer_stays_in_doubt() -> None:
    sync = Sync(SimulatedApi(script(FAIR, LOST, Gust(400))), rows=2, identify=True, parallelism=1)
    sync.go()
    assert sync.notebook.last[2].outcome is Outcome.REJECTED
    assert sync.notebook.last[2].doubt


def test_a_refusal_alone_leaves_no_doubt() -> None:
    """Refused whole, then its halves never leave: nothing of it can have been applied."""
    sync = Sync(SimulatedApi(script(FAIR, Gust(400), then=UNSENT)), rows=20, parallelism=1)
    sync.go()
    assert sync.notebook.counts == {"delivered": 10, "deferred": 10}
    assert not any(one.doubt for one in sync.notebook.last.values())


def test_lost_acknowledgements_are_sent_again_and_end_delivered() -> None:
    def weather(number: int, call: Call) -> Gust:
        return LOST if number % 5 == 2 else FAIR

    sync = Sync(SimulatedApi(weather), rows=1_000)
    sync.go()
    assert sync.notebook.counts == {"delivered": 1_000}
    assert len(sync.api.people) == 1_000


@pytest.mark.promise("R6")
def test_every_attempt_ends_by_its_deadline() -> None:
    sync = Sync(SimulatedApi(lambda number, call: HANGS if number % 3 == 0 else FAIR), rows=300, timeout_s=7.0)
    sync.go()
    assert max(call.end - call.start for call in sync.api.calls) <= 7.0 + TICK_S
    assert sync.notebook.counts == {"delivered": 300}


def test_a_row_that_always_fails_does_not_keep_the_run_waiting() -> None:
    sync = Sync(SimulatedApi(cursed=frozenset({"id:77"})), rows=1_000, batch_items=250)
    ended = sync.go()
    assert sync.notebook.counts == {"delivered": 999, "deferred": 1}
    assert ended.stop is not None
    assert ended.stop.reason == "faults"
    assert sync.seconds < 60


@pytest.mark.parametrize("key", ["id:1", "id:38"])
def test_nor_does_one_that_is_tried_first(key: str) -> None:
    """It failed before anybody was taken, and the others were taken afterwards: it is about that row."""
    sync = Sync(SimulatedApi(cursed=frozenset({key})), rows=120, identify=True)
    sync.go()
    assert sync.notebook.counts == {"delivered": 119, "deferred": 1}
    assert sync.stop_reason == "faults"
    assert sync.seconds < 60


def test_rows_that_always_fail_are_no_outage_when_they_are_all_that_is_left() -> None:
    cursed = frozenset(f"id:{place}" for place in (100, 300, 500, 700, 900))
    sync = Sync(SimulatedApi(cursed=cursed), rows=1_200, batch_items=250)
    sync.go()
    assert sync.notebook.counts == {"delivered": 1_195, "deferred": 5}
    assert sync.stop_reason == "faults"
    assert sync.seconds < 120
    halvings = 8  # until one of 250 stands alone; each part is tried as often as any request
    assert len(sync.api.calls) <= 10 + len(cursed) * sync.policy.tries * (halvings + 4)


@pytest.mark.parametrize("culprits", [10, 20, 50])
def test_rows_that_always_fail_do_not_starve_the_others(culprits: int) -> None:
    cursed = frozenset(f"id:{100 + 5_000 // culprits * place}" for place in range(culprits))
    sync = Sync(SimulatedApi(cursed=cursed), rows=5_100, batch_items=500)
    sync.go()
    assert sync.notebook.counts["delivered"] + sync.notebook.counts["deferred"] == 5_100
    assert sync.notebook.counts["deferred"] <= 2 * culprits


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_may_read_and_not_write_burns_no_row(status: int) -> None:
    sync = Sync(SimulatedApi(always(Gust(status))), rows=1_000)
    ended = sync.go()
    assert ended.stop is not None
    assert ended.stop.reason == "credentials"
    assert not {Outcome.REJECTED, Outcome.INVALID} & {one.outcome for one in sync.notebook.last.values()}
    assert len(sync.api.calls) <= 100


# --- faults of our own ------------------------------------------------------------------------------------------------


class Buggy(CustomerIo):
    """An adapter that cannot read what it is told of some people."""

    of: frozenset[str]

    def converse(self, items: Sequence[Item], ticket: bytes | None = None) -> Conversation[Sequence[Verdict]]:
        verdicts = yield from super().converse(items, ticket)
        if self.of & {item.change.key for item in items}:
            raise KeyError("ada@example.com")
        return verdicts


def buggy(*keys: str) -> Sync:
    sync = Sync(SimulatedApi(), rows=40, identify=True, parallelism=1)
    settings = {"siteId": "s", "apiKey": "k", "api": "identify"}
    sync.destination = Buggy(Settings.model_validate(settings), "upsert")
    sync.destination.of = frozenset(keys)
    return sync


def test_a_bug_of_ours_costs_its_row_and_not_the_run() -> None:
    sync = buggy("id:7", "id:9")
    stop = sync.go().stop
    assert sync.notebook.counts == {"delivered": 38, "unknown": 2}
    assert stop is not None
    assert (stop.reason, len(sync.api.calls)) == ("bug", 40)
    assert "a bug in Syncline (KeyError at test_engine_faults.py:" in stop.message
    assert "ada" not in stop.message, "what an exception says may be somebody's data"


def test_the_fourth_bug_of_ours_ends_the_run() -> None:
    sync = buggy(*(f"id:{number}" for number in range(5, 40)))
    stop = sync.go().stop
    assert stop is not None
    assert (stop.reason, len(sync.api.calls)) == ("bug", 8)
    assert sync.notebook.counts == {"delivered": 4, "unknown": 4, "untouched": 32}


def test_a_bug_of_ours_is_told_whatever_else_went_wrong() -> None:
    sync = buggy("id:7")
    sync.api.cursed = frozenset({"id:9"})
    stop = sync.go().stop
    assert stop is not None
    assert stop.reason == "bug"
    assert sync.notebook.counts == {"delivered": 38, "unknown": 1, "deferred": 1}
