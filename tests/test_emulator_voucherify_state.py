"""An emulated Voucherify that is stopped and started: its state in a file, whole or refused."""

from __future__ import annotations

import json

import pytest

from emulated import Time
from emulated_voucherify import bulk, given, held, project
from syncline.emulators.keeper import StateError
from syncline.emulators.voucherify import Project
from syncline.emulators.voucherify.snapshot import dump, load, version


def full(now: Time | None = None) -> Project:
    """A project with something of everything."""
    space = project(now)
    space.upsert(
        {**given(source_id="1", name="Ada", address=None), "metadata": given(a={"n": 12345678901234567890})["a"]}
    )
    space.upsert(given(name="nobody"))
    space.upsert(given(source_id="gone"))
    space.delete("gone")
    space.actions.script("done", "failed", "never", "forgotten")
    for _ in range(4):
        bulk(space, {"source_id": "1", "phone": "+1"}, {"source_id": "2", "name": 5})
    return space


def test_a_state_that_is_saved_and_loaded_is_the_same_state() -> None:
    before, after = full(), project()
    load(after, dump(before))
    assert dump(after) == dump(before)
    assert held(after, "1") == {
        "name": "Ada",
        "address": None,
        "metadata": {"n": 12345678901234567890},
        "phone": "+1",
    }
    customer = after.find("1")
    assert customer is not None
    assert (customer.writes, after.sent["1"], after.find("gone"), after.sent["gone"]) == (3, 5, None, 1)
    assert [(action.status, len(action.lines)) for action in after.actions.held.values()] == [
        ("DONE", 2),
        ("FAILED", 0),
        ("IN_PROGRESS", 0),
    ]


def test_a_loaded_state_goes_on_where_it_was() -> None:
    after = project()
    load(after, dump(full()))
    new = after.upsert(given(source_id="3"))
    assert (new.number, new.created_ms) == (4, max(one.created_ms for one in after.customers.values()))
    assert [one.created_ms for one in after.customers.values()] == sorted(
        one.created_ms for one in after.customers.values()
    )
    assert bulk(after) == "aa_000000000000000005"


def test_what_an_action_is_still_to_do_is_not_in_it_until_all_is_settled() -> None:
    now = Time()
    space = project(now, delay_s=10.0)
    action = bulk(space, {"source_id": "1"})
    assert (json.loads(dump(space))["actions"], json.loads(dump(space))["sent"]) == ([], {"1": 1})
    was = version(space)
    space.actions.settle_all()
    assert version(space) != was
    after = project()
    load(after, dump(space))
    found = after.actions.find(action)
    assert found is not None
    assert (found.status, held(after, "1")) == ("DONE", {})


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (b"", "no state of an emulator"),
        (b'{"emulator":"voucherify","format":1}', "missing required field"),
        (b'{"emulator":"voucherify","format":7}', "in format 7; expected voucherify in 1"),
        (b'{"emulator":"customerio","format":1}', "of customerio"),
    ],
)
def test_a_file_that_is_no_state_is_refused_and_nothing_is_loaded(document: bytes, told: str) -> None:
    space = project()
    with pytest.raises(StateError, match=told):
        load(space, document)
    assert not space.customers
