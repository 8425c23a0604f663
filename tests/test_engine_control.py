"""Being stopped: by a signal, by the disk. And how soon an acknowledgement is on the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from syncline.delivery import Halt
from syncline.model import Outcome, Settled
from virtual import (
    FAIR,
    HANGS,
    TICK_S,
    UNSENT,
    Call,
    Deadlock,
    Endless,
    Gust,
    SimulatedApi,
    Sync,
    Weather,
    always,
    now,
    run,
    script,
)

DENIED = Gust(401)


def nothing_new_after(sync: Sync, at: float) -> bool:
    return not [call for call in sync.api.calls if call.start > at + TICK_S]


def told_the_truth(sync: Sync) -> bool:
    """Whoever has no word was never sent."""
    sent = {key for call in sync.api.calls for key in call.keys}
    return not [
        change.key for change in sync.notebook.changes if change.entry not in sync.notebook.last and change.key in sent
    ]


@pytest.mark.promise("C1")
@pytest.mark.parametrize(
    ("weather", "probe", "at_s", "by_s"),
    [
        (always(FAIR), FAIR, 0.5, 0.6),  # in the middle of everything
        (always(FAIR), FAIR, 0.01, 0.1),  # while the canary is out
        (script(FAIR, then=HANGS), FAIR, 1.0, 11.0),  # in flight, and never to come home
        (script(FAIR, then=Gust(latency_s=5.0)), FAIR, 1.0, 5.2),  # in flight, and late
        (script(FAIR, then=Gust(429, {"retry-after": "200"})), FAIR, 1.0, 1.1),  # in a pause
        (always(UNSENT), FAIR, 30.0, 30.2),  # while the breaker is open
        (script(FAIR, then=Gust(409)), FAIR, 3.0, 3.2),  # among retries
        (always(DENIED), FAIR, 0.5, 0.6),  # before the probe
        (always(DENIED), HANGS, 5.0, 5.1),  # while the probe is out
        (always(DENIED), Gust(429, {"retry-after": "100"}), 5.0, 5.1),  # while the probe waits for its next try
    ],
)
def test_after_an_interrupt_nothing_starts_and_the_rest_is_home_within_ten_seconds(
    weather: Weather, probe: Gust, at_s: float, by_s: float
) -> None:
    sync = Sync(SimulatedApi(weather, always(probe)), rows=5_000, halt_at_s=at_s)
    sync.go()
    assert sync.stop_reason == "interrupted"
    assert nothing_new_after(sync, at_s)
    assert at_s <= sync.seconds <= by_s
    assert told_the_truth(sync)
    assert sum(sync.notebook.counts.values()) == 5_000


def test_what_an_interrupt_cuts_off_is_unknown_and_in_doubt() -> None:
    sync = Sync(SimulatedApi(script(FAIR, then=HANGS)), rows=1_000, parallelism=5, halt_at_s=1.0)
    sync.go()
    assert sync.notebook.counts == {"delivered": 10, "unknown": 50, "untouched": 940}
    assert all(one.doubt for one in sync.notebook.last.values() if one.outcome == "unknown")


def test_what_came_home_late_counts() -> None:
    sync = Sync(SimulatedApi(script(FAIR, then=Gust(latency_s=5.0))), rows=1_000, parallelism=5, halt_at_s=1.0)
    sync.go()
    assert sync.notebook.counts == {"delivered": 60, "untouched": 940}


def test_what_waits_for_its_pace_was_never_sent() -> None:
    sync = Sync(SimulatedApi(), rows=1_000, rate=0.5, halt_at_s=5.0)
    sync.go()
    assert nothing_new_after(sync, 5.0)
    assert set(sync.notebook.counts) == {"delivered", "untouched"}
    assert told_the_truth(sync)


def test_an_interrupt_between_passes_ends_the_run_at_once() -> None:
    sync = Sync(SimulatedApi(script(FAIR, *[Gust(500)] * 5)), rows=11, parallelism=1)
    at_s: list[float] = []

    def watch(call: Call) -> None:
        if len(sync.api.calls) == 6:  # the last try of the first pass
            at_s.append(call.start + 0.2)
            asyncio.get_running_loop().call_later(0.2, sync.halt.request)

    sync.api.on_call = watch
    sync.go()
    assert sync.stop_reason == "interrupted"
    assert sync.seconds == pytest.approx(at_s[0])
    assert sync.notebook.counts == {"delivered": 10, "deferred": 1}


def test_a_run_that_was_interrupted_before_it_began_sends_nothing() -> None:
    halt = Halt()
    halt.request("terminated")
    sync = Sync(SimulatedApi(), halt=halt)
    sync.go()
    assert sync.stop_reason == "terminated"
    assert sync.api.calls == []


@pytest.mark.promise("S8")
@pytest.mark.parametrize("fails_from", [1, 2, 3])
def test_no_request_starts_after_the_disk_has_failed(fails_from: int) -> None:
    sync = Sync(SimulatedApi(), rows=20_000, fails_from=fails_from)
    sync.go()
    assert sync.stop_reason == "disk"
    assert sync.ended.unrecorded == len({key for call in sync.api.calls for key in call.keys}) - len(sync.notebook.last)
    assert nothing_new_after(sync, sync.notebook.failures[0])
    assert sync.seconds <= sync.notebook.failures[0] + 0.5


def test_a_disk_that_fails_at_the_very_end_is_said_too() -> None:
    sync = Sync(SimulatedApi(), rows=10, fails_from=1)
    sync.go()
    assert sync.stop_reason == "disk"


@pytest.mark.promise("S8")
def test_a_disk_that_fails_once_costs_no_acknowledgement() -> None:
    sync = Sync(SimulatedApi(), rows=20_000, fails_from=2, fails_to=2)
    sync.go()
    assert sync.stop_reason == "disk"
    assert told_the_truth(sync)
    assert sync.ended.unrecorded == 0
    assert set(sync.notebook.counts) == {"delivered", "untouched"}


def test_the_disk_fails_while_the_probe_waits_and_the_run_does_not_wait_for_it() -> None:
    weather = script(FAIR, FAIR, then=DENIED)
    sync = Sync(SimulatedApi(weather, always(Gust(503, {"retry-after": "250"}))), rows=500, fails_from=1)
    sync.go()
    assert sync.stop_reason == "disk"
    assert sync.seconds < 5


def test_acknowledgements_are_committed_together_and_within_a_quarter_of_a_second() -> None:
    sync = Sync(SimulatedApi(), rows=10_000)
    sync.go()
    acked = {key: call.end for call in sync.api.calls for key in call.keys}
    assert max(at - acked[one.change.key] for at, one in sync.notebook.pages) <= 0.25 + TICK_S
    assert sync.notebook.settles <= sync.seconds / 0.25 + 2


def test_many_acknowledgements_are_committed_before_their_time() -> None:
    sync = Sync(SimulatedApi(always(Gust(latency_s=0.001))), rows=50_000, batch_items=500)
    sync.go()
    assert sync.notebook.settles >= 8


def test_the_gauge_counts_what_the_api_saw() -> None:
    sync = Sync(SimulatedApi(script(FAIR, DENIED, Gust(500), then=FAIR)), rows=200)
    ended = sync.go()
    assert ended.requests == sync.gauge.requests == len(sync.api.calls)
    assert sync.gauge.settled == {"delivered": 200}
    assert sync.gauge.in_flight == 0


def test_the_watchdog_sees_a_deadlock_and_a_run_without_end() -> None:
    async def never() -> None:
        await asyncio.get_running_loop().create_future()

    async def resting(wait_s: float) -> None:
        for _ in range(1_000):
            await asyncio.sleep(wait_s)

    with pytest.raises(Deadlock):
        run(never())
    with pytest.raises(Endless):
        run(resting(60), most_hours=2)
    with pytest.raises(Endless):
        run(resting(0), most_steps=500)


def test_virtual_time_is_exact() -> None:
    async def main() -> float:
        await asyncio.gather(asyncio.sleep(3600), asyncio.sleep(7.25))
        return now()

    assert run(main()) == 3600.0


def test_what_the_ledger_could_not_take_for_any_reason_stays_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A MemoryError in the timer that commits: nothing is forgotten, and nothing new starts."""
    sync = Sync(SimulatedApi(always(Gust(latency_s=0.05))), rows=2_000, batch_items=5, parallelism=5)
    settle = sync.notebook.settle
    broken: list[int] = []

    def settled(some: Sequence[Settled]) -> None:
        broken.append(len(some))
        if len(broken) == 2:
            raise MemoryError
        settle(some)

    monkeypatch.setattr(sync.notebook, "settle", settled)
    ended = sync.go()
    assert ended.stop is not None
    assert ended.stop.reason == "disk"
    assert ended.unrecorded == 0  # the last flush took them
    told = {one.change.key for one in sync.notebook.last.values() if one.outcome is Outcome.DELIVERED}
    assert told == set(sync.api.people)
