"""The Voucherify emulator's pure project: who is who, what a write keeps, and how actions go by."""

from __future__ import annotations

from typing import Any

import pytest

from emulated import Time
from emulated_voucherify import bulk, given, held, items, project
from syncline.emulators.voucherify import Property, Schema
from syncline.emulators.voucherify.bulks import Bulks
from syncline.emulators.voucherify.ends import End
from syncline.emulators.voucherify.problems import RefusedError

# Who is who


def test_a_customer_is_created_and_updated_by_its_source_id() -> None:
    space = project()
    first = space.upsert(given(source_id="1", name="Ada"))
    again = space.upsert(given(source_id="1", email="ada@example.com"))
    assert (first is again, len(space.customers)) == (True, 1)
    assert held(space, "1") == {"name": "Ada", "email": "ada@example.com"}
    assert (space.find(first.id) is first, first.writes, space.sent["1"], space.writes) == (True, 2, 2, 2)


def test_an_id_says_who_it_is_and_the_source_id_beside_it_is_ignored() -> None:
    space = project()
    ada = space.upsert(given(source_id="1"))
    space.upsert(given(id=ada.id, source_id="2", name="Ada"))
    assert (held(space, "1"), space.find("2")) == ({"name": "Ada"}, None)


def test_somebody_without_a_source_id_is_new_each_time() -> None:
    space = project()
    space.upsert(given(name="Ada"))
    space.upsert(given(name="Ada", source_id=None))
    assert [customer.source_id for customer in space.customers.values()] == [None, None]


@pytest.mark.parametrize("switch", ["created", "not_found"])
def test_an_id_that_nobody_has_creates_only_by_its_switch(switch: str) -> None:
    space = project(unknown_id=switch)
    if switch == "created":
        assert space.upsert(given(id="cust_nobody", source_id="1")).source_id == "1"
    else:
        with pytest.raises(RefusedError, match="Cannot find customer with id cust_nobody"):
            space.upsert(given(id="cust_nobody", source_id="1"))


def test_an_update_never_creates_and_never_changes_a_source_id() -> None:
    space = project()
    with pytest.raises(RefusedError, match="Cannot find customer with id 1"):
        space.update("1", given(name="Ada"))
    space.upsert(given(source_id="1"))
    space.update("1", given(source_id="2", name="Ada"))
    assert (held(space, "1"), space.find("2")) == ({"name": "Ada"}, None)
    strict = project(source_id_change="refused")
    strict.upsert(given(source_id="1"))
    strict.update("1", given(source_id="1"))
    with pytest.raises(RefusedError, match=r"Property \.source_id cannot be changed"):
        strict.update("1", given(source_id="2"))


def test_who_is_deleted_and_created_again_is_somebody_else() -> None:
    space = project()
    first = space.upsert(given(source_id="1", name="Ada"))
    space.delete("1")
    with pytest.raises(RefusedError):
        space.delete("1")
    assert space.find(first.id) is None
    second = space.upsert(given(source_id="1"))
    assert (second.id == first.id, held(space, "1"), space.deleted) == (False, {}, 1)


# What a write keeps


def test_what_a_write_does_not_name_stays_and_nulls_are_stored() -> None:
    space = project()
    space.upsert(given(source_id="1", name="Ada", phone="+1", address={"city": "Wien", "country": "AT"}))
    space.upsert(given(source_id="1", name=None, address={"city": None}, metadata={"tier": None}))
    assert held(space, "1") == {
        "name": None,
        "phone": "+1",
        "address": {"city": None, "country": "AT"},
        "metadata": {"tier": None},
    }
    space.upsert(given(source_id="1", address=None))
    assert held(space, "1")["address"] is None


@pytest.mark.parametrize(
    ("how", "metadata", "address"),
    [("merge", {"a": 1, "b": 2}, {"city": "Wien", "state": "W"}), ("replace", {"b": 2}, {"state": "W"})],
)
def test_metadata_and_address_are_merged_or_replaced_by_their_switches(
    how: str, metadata: object, address: object
) -> None:
    space = project(metadata=how, address=how)
    space.upsert(given(source_id="1", metadata={"a": 1}, address={"city": "Wien"}))
    space.upsert(given(source_id="1", metadata={"b": 2}, address={"state": "W"}))
    assert held(space, "1") == {"metadata": metadata, "address": address}


@pytest.mark.parametrize(("how", "left"), [("stored", None), ("ignored", "Ada")])
def test_a_null_text_is_stored_or_ignored(how: str, left: str | None) -> None:
    space = project(null_text=how)
    space.upsert(given(source_id="1", name="Ada"))
    space.upsert(given(source_id="1", name=None))
    assert held(space, "1") == {"name": left}


@pytest.mark.parametrize(("how", "left"), [("ignored", {"metadata": {"a": 1}}), ("cleared", {})])
def test_null_metadata_are_ignored_or_clear(how: str, left: object) -> None:
    space = project(null_metadata=how)
    space.upsert(given(source_id="1", metadata={"a": 1}))
    space.upsert(given(source_id="1", metadata=None))
    assert held(space, "1") == left


def test_digits_survive_and_a_birthday_is_a_birthdate_without_its_time() -> None:
    space = project()
    customer = space.upsert({**given(source_id="1", birthday="1990-05-05T23:30:00Z"), "metadata": items({})[0]})
    bulk(space, {"source_id": "1", "metadata": {"big": 12345678901234567890}})
    assert customer.text == b'{"birthdate":"1990-05-05","metadata":{"big":12345678901234567890}}'


@pytest.mark.parametrize(("how", "left"), [("ignored", {}), ("stored", {"system_metadata": {"source": "x"}})])
def test_system_metadata_are_ignored_or_stored(how: str, left: object) -> None:
    space = project(system_metadata=how)
    space.upsert(given(source_id="1", system_metadata={"source": "x"}))
    assert held(space, "1") == left


@pytest.mark.parametrize(
    ("properties", "switches", "details"),
    [
        ({"name": 5}, {}, "Property .name must be string"),
        ({"email": ["a"]}, {}, "Property .email must be string"),
        ({"source_id": 7258}, {}, "Property .source_id must be string"),
        ({"birthdate": True}, {}, "Property .birthdate must be string"),
        ({"address": "Wien"}, {}, "Property .address must be object"),
        ({"address": {"postal_code": 1010}}, {}, "Property .address.postal_code must be string"),
        ({"metadata": []}, {}, "Property .metadata must be object"),
        ({"birthdate": "05.05.1990"}, {}, "Property .birthdate cannot be recognized as a ISO-8601 compliant date"),
        ({"birthday": "soon"}, {}, "Property .birthday cannot be recognized as a ISO-8601 compliant date"),
        ({"name": None}, {"null_text": "refused"}, "Property .name must be string"),
        ({"metadata": None}, {"null_metadata": "refused"}, "Property .metadata must be object"),
        ({"email": "nobody"}, {"email_checked": True}, "Property .email must be email"),
        ({"phone": "call me"}, {"phone_checked": True}, "Property .phone must be phone"),
        ({"name": "x" * 11}, {"text_limit": 10}, "Property .name must not be longer than 10 characters"),
        ({"shoe": 42}, {"unknown_properties": "refused"}, "Property .shoe is not allowed"),
        ({"system_metadata": {}}, {"system_metadata": "refused"}, "Property .system_metadata is not allowed"),
    ],
)
def test_types_are_strict_and_every_other_check_has_its_switch(
    properties: dict[str, object], switches: dict[str, Any], details: str
) -> None:
    space = project(**switches)
    with pytest.raises(RefusedError) as refused:
        space.upsert(given(**properties))
    assert (refused.value.problem.key, refused.value.problem.details) == ("invalid_payload", details)
    assert not space.customers


def test_what_the_switches_do_not_forbid_is_taken() -> None:
    space = project(birthdate_checked=False)
    odd = given(source_id="1", name="x" * 10_000, email="nobody", phone="call me", birthdate="soon", shoe=42, id=None)
    space.upsert(odd)
    assert list(held(space, "1")) == ["name", "email", "phone", "birthdate"]
    space.upsert(given(**dict.fromkeys(("summary", "loyalty", "referrals", "object", "created_at"), None)))


# The metadata schema


STRICT = Schema(
    {
        "tier": Property("string", eq=["gold", "silver"], optional=False),
        "age": Property("number", gte=18),
        "tags": Property("string", array=True),
        "since": Property("date"),
        "member": Property("boolean"),
    },
    allow_defined_only=True,
)
TIER = "tier: must be a string, property is required, must be equal to one of gold,silver"


@pytest.mark.parametrize(
    ("metadata", "details"),
    [
        ({"tier": "snap"}, f"{TIER} (actual value is 'snap')"),
        ({}, f"{TIER} (actual value is 'null')"),
        (
            {"tier": "gold", "age": "30"},
            "age: must be a number, must be greater than or equal to 18 (actual value is '30')",
        ),
        (
            {"tier": "gold", "age": 17.5},
            "age: must be a number, must be greater than or equal to 18 (actual value is '17.5')",
        ),
        (
            {"tier": "gold", "tags": "a"},
            "tags: must be an array, and every element: must be a string (actual value is 'a')",
        ),
        ({"tier": "gold", "since": "2020-01-01T00:00:00Z"}, "since: must be a date (actual value is '2020-01-01T00:0"),
        ({"tier": "gold", "member": 1}, "member: must be a boolean (actual value is '1')"),
        ({"tier": "gold", "shoe": 42}, "shoe: must be defined in the schema (actual value is '42')"),
    ],
)
def test_a_schema_says_every_rule_of_a_key_that_is_broken(metadata: dict[str, object], details: str) -> None:
    space = project(schema=STRICT)
    with pytest.raises(RefusedError) as refused:
        space.upsert(given(source_id="1", metadata=metadata))
    assert refused.value.problem.key == "metadata_validation_failed"
    assert refused.value.problem.details.startswith(details)


def test_a_schema_takes_what_fits_and_looks_at_what_a_write_would_leave() -> None:
    space = project(schema=STRICT)
    space.upsert(given(source_id="1", metadata={"tier": "gold", "age": 18, "tags": ["a"], "since": "2020-01-01"}))
    space.upsert(given(source_id="1", metadata={"age": None}))  # tier is still there
    space.upsert(given(source_id="1", name="Ada"))
    with pytest.raises(RefusedError, match="tier"):
        space.upsert(given(source_id="2", name="Bob"))
    open_space = project(schema=Schema({"age": Property("number")}))
    open_space.upsert(given(source_id="1", metadata={"shoe": 42}))
    with pytest.raises(RefusedError, match="age: must be a number"):
        open_space.upsert(given(source_id="1", metadata={"age": "old"}))


@pytest.mark.parametrize(
    ("definition", "fits", "fails"),
    [
        (Property("datetime"), "2020-01-01T10:00:00Z", "soon"),
        (Property("geopoint"), "48.2,16.37", "Wien"),
        (Property("image_url"), "https://example.com/a.png", "http.com"),
        (Property("object"), {"a": 1}, "a"),
        (Property("number", lt=5, ne=[3]), 4, 3),
        (Property("number", gt=5), 5.5, 5),
        (Property("number", lte=5), 5, True),
        (Property("string", min_length=2, max_length=3), "ab", "abcd"),
        (Property("string", exact_length=2), "ab", "a"),
    ],
)
def test_every_kind_of_definition_is_checked(definition: Property, fits: object, fails: object) -> None:
    schema = Schema({"key": definition})
    assert schema.wrong(given(key=fits)) is None
    assert schema.wrong(given(key=None)) is None
    assert schema.wrong(given(key=fails)) is not None


# Actions


def statuses(space: Any, *actions: str) -> list[str | None]:
    found = [space.actions.find(action) for action in actions]
    return [action and action.status for action in found]


def test_actions_go_one_after_the_other_and_are_seen_only_when_they_end() -> None:
    now = Time()
    space = project(now, delay_s=2.0)
    first, second = bulk(space, {"source_id": "1"}), bulk(space, {"source_id": "1", "name": "Ada"}, {"source_id": "2"})
    assert statuses(space, first, second) == ["ENQUEUED", "ENQUEUED"]
    now.at += 1.0
    assert (statuses(space, first, second), space.find("1")) == (["IN_PROGRESS", "ENQUEUED"], None)
    now.at += 1.0
    assert (statuses(space, first, second), held(space, "1")) == (["DONE", "ENQUEUED"], {})
    now.at += 1.0
    assert statuses(space, first, second) == ["DONE", "IN_PROGRESS"]
    now.at += 1.0
    assert (statuses(space, first, second), held(space, "1")) == (["DONE", "DONE"], {"name": "Ada"})
    assert (dict(space.sent), space.writes) == ({"1": 2, "2": 1}, 3)


@pytest.mark.parametrize(
    ("end", "status", "applied"),
    [
        ("done", "DONE", 4),
        ("never", "IN_PROGRESS", 0),
        ("failed", "FAILED", 0),
        ("half", "FAILED", 2),
        ("forgotten", None, 4),
        ("lost", None, 0),
    ],
)
def test_an_action_ends_as_its_switch_or_a_script_says(end: End, status: str | None, applied: int) -> None:
    customers = [{"source_id": str(number)} for number in range(4)]
    for space in (project(action_ends=end), project(action_ends=end, action_ends_first=1), project()):
        if space.switches.action_ends == "done":
            space.actions.script(end)
        action = bulk(space, *customers)
        assert (statuses(space, action), len(space.customers)) == ([status], applied)
        if space.switches.action_ends_first or space.switches.action_ends == "done":
            assert statuses(space, bulk(space, {"source_id": "0"})) == ["DONE"]


def test_nobody_waits_behind_an_action_that_never_ends() -> None:
    now = Time()
    space = project(now, delay_s=1.0)
    space.actions.script("never")
    stuck, other = bulk(space, {"source_id": "1"}), bulk(space, {"source_id": "2"})
    now.at += 1.0
    assert statuses(space, stuck, other) == ["IN_PROGRESS", "DONE"]
    now.at += 1_000_000.0
    assert statuses(space, stuck) == ["IN_PROGRESS"]


def lines(space: Any, action: str) -> list[tuple[str, bool, bool, str]]:
    found = space.actions.find(action)
    return [(one.source_id, one.found, one.updated, one.problems[0].key if one.problems else "") for one in found.lines]


def test_a_customer_that_is_wrong_fails_alone() -> None:
    space = project(schema=Schema({"age": Property("number")}))
    space.upsert(given(source_id="1"))
    action = bulk(
        space,
        {"source_id": "1", "name": "Ada"},
        {"source_id": "2", "name": 5},
        {"name": "nobody"},
        {"source_id": None},
        {"source_id": "3", "metadata": {"age": "old"}},
        "no object",
        {"source_id": "4"},
    )
    assert lines(space, action) == [
        ("1", True, True, ""),
        ("2", False, False, "invalid_payload"),
        ("", False, False, "invalid_payload"),
        ("", False, False, "invalid_payload"),
        ("3", False, False, "metadata_validation_failed"),
        ("", False, False, "invalid_payload"),
        ("4", False, True, ""),
    ]
    assert statuses(space, action) == ["DONE"]


def test_a_customer_that_is_wrong_takes_its_bulk_with_it_only_by_its_switch() -> None:
    space = project(bad_item="fails_all")
    action = bulk(space, {"source_id": "1"}, {"source_id": "2", "name": 5})
    assert ([line[2] for line in lines(space, action)], len(space.customers)) == ([False, False], 0)
    assert lines(space, bulk(space, {"source_id": "1"})) == [("1", False, True, "")]


@pytest.mark.parametrize(
    ("how", "told", "name"),
    [("applied", [True, True], "second"), ("last", [True], "second"), ("refused", [True, False], "first")],
)
def test_one_source_id_twice_in_a_bulk(how: str, told: list[bool], name: str) -> None:
    space = project(duplicates=how)
    action = bulk(space, {"source_id": "1", "name": "first"}, {"source_id": "1", "name": "second"})
    assert ([line[2] for line in lines(space, action)], held(space, "1")) == (told, {"name": name})
    assert space.sent["1"] == 2


def test_a_null_source_id_creates_somebody_only_by_its_switch() -> None:
    space = project(null_source_id="created")
    action = bulk(space, {"source_id": None, "name": "Ada"}, {"name": "Bob"})
    assert [line[2] for line in lines(space, action)] == [True, False]
    assert [customer.source_id for customer in space.customers.values()] == [None]


@pytest.mark.parametrize(("switch", "status"), [("DONE", "DONE"), ("FAILED", "FAILED")])
def test_an_action_in_which_everybody_failed_has_the_status_of_its_switch(switch: str, status: str) -> None:
    space = project(all_failed=switch)
    assert statuses(space, bulk(space, {}), bulk(space, {}, {"source_id": "1"}), bulk(space)) == [
        status,
        "DONE",
        "DONE",
    ]


def test_the_current_contract_limits_customers_only_by_its_switches() -> None:
    space = project(bulk_items=2, empty_bulk_accepted=False)
    bulk(space, {"source_id": "1"}, {"source_id": "2"})
    with pytest.raises(RefusedError, match="Specify at most 2 customers"):
        bulk(space, *[{"source_id": str(number)} for number in range(3)])
    with pytest.raises(RefusedError, match="should not be empty"):
        bulk(space)
    assert len(project().customers) == 0


@pytest.mark.parametrize(
    ("customers", "key"),
    [
        ([{"source_id": str(number)} for number in range(101)], "too_many_customers"),
        ([{"source_id": "1"}, {"name": "Ada"}], "invalid_payload"),
        ([{"source_id": "1"}, {"source_id": "2", "name": 5}], "invalid_payload"),
        ([{"source_id": "1"}, {"source_id": "2", "metadata": {"age": "old"}}], "metadata_validation_failed"),
    ],
)
def test_the_legacy_contract_refuses_a_request_whole(customers: list[object], key: str) -> None:
    space = project(contract="legacy", schema=Schema({"age": Property("number")}))
    with pytest.raises(RefusedError) as refused:
        bulk(space, *customers)
    assert (refused.value.problem.key, space.actions.accepted, len(space.sent)) == (key, 0, 0)
    assert len(lines(space, bulk(space, *[{"source_id": str(number)} for number in range(100)]))) == 100


def test_metadata_of_many_are_written_and_unknown_ones_created() -> None:
    space = project(schema=Schema({"age": Property("number")}))
    space.upsert(given(source_id="1", name="Ada", metadata={"tier": "gold"}))
    accept = Bulks(space).accept_metadata
    action = accept(["1", "2"], items({"age": 30})[0])
    assert lines(space, action.id) == [("1", True, True, ""), ("2", False, True, "")]
    assert held(space, "1") == {"name": "Ada", "metadata": {"tier": "gold", "age": 30}}
    assert [line[3] for line in lines(space, accept(["1"], items({"age": "old"})[0]).id)] == [
        "metadata_validation_failed"
    ]
    with pytest.raises(RefusedError, match=r"Property \.metadata must be object"):
        accept(["1"], items(5)[0])


@pytest.mark.parametrize(
    ("source_ids", "metadata", "key"), [([], {}, "not_enough_source_ids"), (["1"], {"age": "x"}, "metadata_validation")]
)
def test_the_legacy_contract_refuses_metadata_whole(source_ids: list[str], metadata: object, key: str) -> None:
    space = project(contract="legacy", schema=Schema({"age": Property("number")}))
    with pytest.raises(RefusedError) as refused:
        Bulks(space).accept_metadata(source_ids, items(metadata)[0])
    assert refused.value.problem.key.startswith(key)


@pytest.mark.parametrize(("shared", "apart_ms"), [(False, [0, 1, 2]), (True, [0, 0, 0])])
def test_customers_of_a_bulk_have_a_created_at_of_their_own_unless_a_switch_says_otherwise(
    shared: bool, apart_ms: list[int]
) -> None:
    space = project(created_at_shared=shared)
    bulk(space, *[{"source_id": str(number)} for number in range(3)])
    first, *_ = space.customers.values()
    assert [one.created_ms - first.created_ms for one in space.customers.values()] == apart_ms
