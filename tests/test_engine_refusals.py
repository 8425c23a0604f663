"""A definite no: never asked twice, and never paid for by a neighbour."""

from __future__ import annotations

from math import ceil, log2

import msgspec
import pytest

from syncline.model import Change, Kind, Outcome, RowRef
from virtual import FAIR, Call, Gust, SimulatedApi, Sync, script


def test_what_the_api_refuses_costs_exactly_one_request() -> None:
    for status in (400, 410, 422):
        sync = Sync(SimulatedApi(script(FAIR, Gust(status))), rows=5, identify=True)
        sync.go()
        assert len(sync.api.calls) == 5
        assert sync.notebook.counts == {"delivered": 4, "rejected": 1}


@pytest.mark.promise("B1")
def test_a_207_rejects_exactly_the_rows_it_lists() -> None:
    blamed = frozenset({"id:2", "id:11", "id:12", "id:40"})
    sync = Sync(SimulatedApi(blamed=blamed), rows=100)
    sync.go()
    assert {one.change.key for one in sync.notebook.last.values() if one.outcome is Outcome.REJECTED} == blamed
    assert all(one.reason == "blamed" for one in sync.notebook.last.values() if one.change.key in blamed)
    assert sync.notebook.counts == {"delivered": 96, "rejected": 4}
    assert len(sync.api.calls) == 10


@pytest.mark.promise("B3")
@pytest.mark.parametrize("size", [2, 3, 10, 97, 500])
@pytest.mark.parametrize("culprits", [1, 2, 5])
def test_a_batch_refused_whole_is_halved_until_the_culprit_stands_alone(size: int, culprits: int) -> None:
    rows = 10 + size
    poison = frozenset(f"id:{11 + index * size // culprits}" for index in range(min(culprits, size)))
    sync = Sync(SimulatedApi(poison=poison), rows=rows, batch_items=size)
    sync.go()
    assert sync.notebook.counts == {"delivered": rows - len(poison), "rejected": len(poison)}
    assert all(sync.notebook.last[entry].outcome is Outcome.REJECTED for entry in (int(key[3:]) for key in poison))
    smooth = 1 + ceil((rows - min(10, size)) / size)
    assert len(sync.api.calls) - smooth <= 2 * len(poison) * ceil(log2(size)) + 1


def test_a_poisoned_canary_is_halved_alone_before_others_start() -> None:
    sync = Sync(SimulatedApi(poison=frozenset({"id:1"})), rows=1_000)
    sync.go()
    good = next(call for call in sync.api.calls if call.status == 200)
    assert sum(1 for call in sync.api.calls if call.start < good.end) == 1 + 2
    assert sync.notebook.counts == {"delivered": 999, "rejected": 1}


def test_rows_that_are_all_refused_end_one_at_a_time() -> None:
    """Until one row was taken, nothing is tried in parallel."""
    sync = Sync(SimulatedApi(poison=frozenset(f"id:{row}" for row in range(1, 21))), rows=20)
    sync.go()
    assert sync.notebook.counts == {"rejected": 20}
    assert sync.api.most_in_flight == 1


def test_too_large_a_request_is_halved_and_a_single_one_is_invalid() -> None:
    big = msgspec.json.encode({"text": "x" * 900})
    changes = [
        Change(row, RowRef("data.json", row, 0), f"id:{row}", Kind.UPSERT, big if row == 33 else b'{"a":1}')
        for row in range(1, 101)
    ]
    sync = Sync(SimulatedApi(most_bytes=800), changes=changes)
    sync.go()
    assert sync.notebook.counts == {"delivered": 99, "invalid": 1}
    assert sync.notebook.last[33].outcome is Outcome.INVALID


def test_rows_found_unfit_while_packing_are_settled_though_they_never_travel() -> None:
    changes = [
        Change(row, RowRef("data.json", row, 0), f"id:{row}", Kind.UPSERT, b'{"a":"%s"}' % (b"x" * size))
        for row, size in enumerate([40_000, 5, 5, 40_000, 5, 40_000], 1)
    ]
    sync = Sync(SimulatedApi(), changes=changes, batch_items=2)
    assert sync.go().stop is None
    assert sync.notebook.counts == {"delivered": 3, "invalid": 3}


@pytest.mark.promise("B2")
@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b'{"errors":[]}',
        b'{"errors":[{"batch_index":10}]}',
        b'{"errors":[{"batch_index":-1}]}',
        b'{"errors":[{"batch_index":"0"}]}',
        b'{"errors":[{"reason":"?"}]}',
        b'{"errors":[7]}',
    ],
)
@pytest.mark.parametrize("applies", [False, True])
def test_an_answer_without_sense_is_no_verdict_and_each_item_is_asked_for_alone(body: bytes, applies: bool) -> None:
    def weather(number: int, call: Call) -> Gust:
        return Gust(207, body=body, applies=applies) if "id:12" in call.keys and len(call.keys) > 1 else FAIR

    sync = Sync(SimulatedApi(weather, blamed=frozenset({"id:11"})), rows=40)
    sync.go()
    asked = [len(call.keys) for call in sync.api.calls if set(call.keys) & {f"id:{n}" for n in range(11, 21)}]
    assert asked == [10, 10] + [1] * 10, "once more whole, for whoever stood between may have gone"
    assert sync.notebook.counts == {"delivered": 39, "rejected": 1}


def test_a_row_whose_answers_never_make_sense_ends_unknown() -> None:
    def weather(number: int, call: object) -> Gust:
        return Gust(200, body=b"<html>") if "id:11" in getattr(call, "keys", ()) else FAIR

    sync = Sync(SimulatedApi(weather), rows=40)
    sync.go()
    assert sync.stop_reason in {"faults", "outage"}
    assert sync.notebook.counts == {"delivered": 39, "unknown": 1}
    assert sync.notebook.last[11].doubt
