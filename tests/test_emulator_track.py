"""What the emulated Track API says beyond identify and delete: events, devices, segments, merging, objects."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emulated import START, Client, Time, by_id, emulated, person
from syncline.emulators.customerio import Customerio, Switches, Workspace

Pair = tuple[Client, Customerio]


@pytest.fixture
def pair() -> Iterator[Pair]:
    with emulated() as running:
        yield running


def refused(reason: str) -> tuple[int, object]:
    return 400, {"meta": {"error": reason}}


def entity(action: str, **more: object) -> dict[str, object]:
    return {"type": "person", "action": action, "identifiers": {"id": "1"}, **more}


# v1


def test_an_event_is_trimmed_timed_and_told(pair: Pair) -> None:
    client, app = pair
    body = {"name": " login ", "type": "page", "id": "01F4J6P6PSSPA8AMAX6KTKSWVN", "timestamp": 7, "data": {"a": 1.50}}
    assert client.ask("POST", "/api/v1/customers/1/events", body) == (200, {})
    assert client.ask("POST", "/api/v1/customers/1/events", body) == (200, {})
    found = app.workspace.find(by_id("1"))
    assert found is not None
    (event,) = app.workspace.events.of(found.number)
    assert (event.name, event.kind, event.at, bytes(event.data)) == ("login", "page", 7, b'{"a":1.5}')


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "event name must not be blank"),
        ({"name": " "}, "event name must not be blank"),
        ({"name": 7}, "event name must not be blank"),
        ({"name": "é" * 51}, "event name cannot be longer than 100 bytes"),
        ({"name": "e" * 500}, "event name must be less than 500 characters"),
        ({"name": "e", "data": []}, 'event data must be a hash (e.g. send "data":{})'),
        ({"name": "e", "data": {"a": "x" * 99_993}}, "event data cannot be longer than 100000 bytes"),
    ],
)
def test_a_bad_event_is_refused_in_customerios_words(pair: Pair, body: object, reason: str) -> None:
    client, app = pair
    for path in ("/api/v1/customers/1/events", "/api/v1/events"):
        assert client.ask("POST", path, body) == refused(reason)
    assert not app.workspace.people


def test_the_largest_event_fits(pair: Pair) -> None:
    client, _ = pair
    body = {"name": "é" * 50, "data": {"a": "x" * 99_992}}
    assert client.ask("POST", "/api/v1/customers/1/events", body) == (200, {})
    assert client.ask("POST", "/api/v1/customers/1/events", {"name": "e", "data": None}) == (200, {})


def test_refusals_other_than_of_people_may_be_lists_by_their_switch() -> None:
    with emulated(Workspace(Time(), switches=Switches(v1_errors_listed=True))) as (client, _):
        assert client.ask("POST", "/api/v1/events", {})[1] == {"meta": {"errors": ["event name must not be blank"]}}


def test_anonymous_events_join_the_person_that_names_the_anonymous_id(pair: Pair) -> None:
    client, app = pair
    client.ask("POST", "/api/v1/events", {"name": "view", "anonymous_id": "visitor", "timestamp": START})
    client.ask("POST", "/api/v1/events", {"name": "view"})
    assert client.ask("PUT", "/api/v1/customers/1", {"anonymous_id": "visitor"}) == (200, {})
    assert [event.name for event in app.workspace.events.of(1)] == ["view"]


def test_devices_come_and_go_with_last_used_as_number_or_text(pair: Pair) -> None:
    client, app = pair
    for token, last_used in (("a/b", 7), ("c", "8"), ("d", None)):
        device = {"id": token, "platform": "ios", "last_used": last_used, "attributes": {"v": 1}}
        assert client.ask("PUT", "/api/v1/customers/1/devices", {"device": device}) == (200, {})
    assert client.ask("DELETE", "/api/v1/customers/1/devices/a%2Fb") == (200, {})
    assert client.ask("DELETE", "/api/v1/customers/1/devices/a%2Fb") == (200, {})
    devices = client.app("GET", "/v1/customers/1/attributes")[1]["customer"]["devices"]
    assert devices == [
        {"id": "c", "platform": "ios", "last_used": 8, "attributes": {"v": 1}},
        {"id": "d", "platform": "ios", "last_used": START, "attributes": {"v": 1}},
    ]
    assert [one.what for one in app.workspace.activities].count("device_change") == 4
    assert client.ask("PUT", "/api/v1/customers/1/devices", {"device": {"platform": "ios"}}) == refused(
        "device id must be present"
    )
    assert client.ask("PUT", "/api/v1/customers/1/devices", {"device": {"id": "x"}}) == refused(
        "device platform must be present"
    )
    assert client.ask("PUT", "/api/v1/customers/1/devices", {})[0] == 400


def test_suppressing_takes_no_body_and_answers_200_ever_after(pair: Pair) -> None:
    client, app = pair
    client.ask("PUT", "/api/v1/customers/1", {"email": "ada@example.com"})
    assert client.ask("POST", "/api/v1/customers/1/suppress") == (200, {})
    assert client.ask("PUT", "/api/v1/customers/ada%40example.com", {"a": 1}) == (200, {})
    assert not app.workspace.people
    assert client.ask("POST", "/api/v1/customers/1/unsuppress", {}) == (200, {})
    assert client.ask("PUT", "/api/v1/customers/ada%40example.com", {"a": 1}) == (200, {})
    assert len(app.workspace.people) == 1


def test_merging_takes_one_identifier_a_side(pair: Pair) -> None:
    client, app = pair
    client.ask("PUT", "/api/v1/customers/1", {})
    client.ask("PUT", "/api/v1/customers/a@b.example", {"plan": "pro"})
    two = {"id": "1", "email": "a@b.example"}
    expected = refused("primary.id must hold exactly one of id, email, cio_id")
    assert client.ask("POST", "/api/v1/merge_customers", {"primary": two, "secondary": {"id": "2"}}) == expected
    assert client.ask("POST", "/api/v1/merge_customers", {"primary": {"id": "1"}})[0] == 400
    merge = {"primary": {"id": "1"}, "secondary": {"email": "a@b.example"}}
    assert client.ask("POST", "/api/v1/merge_customers", merge) == (200, {})
    assert client.ask("POST", "/api/v1/merge_customers", merge) == (200, {})
    assert [one.email for one in app.workspace.people.values()] == ["a@b.example"]


def test_a_manual_segment_takes_1_to_1000_string_ids_of_one_kind(pair: Pair) -> None:
    client, app = pair
    client.ask("PUT", "/api/v1/customers/1", {"email": "ada@example.com"})
    client.ask("PUT", "/api/v1/customers/2", {})
    vip, dynamic = (app.workspace.segments.create("s", "", START, kind) for kind in ("manual", "dynamic"))
    path = f"/api/v1/segments/{vip.id}/add_customers"
    assert client.ask("POST", path, {"ids": ["1", "nobody", "ada@example.com"]}) == (200, {})
    assert vip.members == {1}
    assert client.ask("POST", path, {"ids": [str(number) for number in range(1000)]}) == (200, {})
    assert vip.members == {1, 2}
    remove = path.replace("add_", "remove_")
    assert client.ask("POST", f"{remove}?id_type=email", {"ids": ["ADA@example.com"]}) == (200, {})
    assert vip.members == {2}
    for ids in ([], ["1"] * 1001, [1]):
        assert client.ask("POST", path, {"ids": ids})[0] == 400
    assert client.ask("POST", f"{path}?id_type=phone", {"ids": ["1"]}) == refused(
        "id_type phone is not enabled in this workspace"
    )
    assert client.ask("POST", f"/api/v1/segments/{dynamic.id}/add_customers", {"ids": ["1"]}) == refused(
        "segment is not a manual segment"
    )
    assert client.ask("POST", "/api/v1/segments/9/add_customers", {"ids": ["1"]}) == refused("segment not found")
    assert client.ask("POST", "/api/v1/segments/x/add_customers", {"ids": ["1"]}) == refused("segment not found")


def test_an_identify_may_relate_the_person_to_objects(pair: Pair) -> None:
    client, _ = pair
    acme = {"identifiers": {"object_type_id": "1", "object_id": "acme"}, "relationship_attributes": {"role": "boss"}}
    body = {"plan": "pro", "cio_relationships": {"action": "add_relationships", "relationships": [acme]}}
    assert client.ask("PUT", "/api/v1/customers/1", body) == (200, {})
    related = client.app("GET", "/v1/customers/1/relationships")[1]
    identifiers = {"object_id": "acme", "cio_object_id": "ob1"}
    expected = {"object_type_id": "1", "identifiers": identifiers, "attributes": {"role": "boss"}}
    assert related == {"cio_relationships": [expected], "next": ""}
    body["cio_relationships"] = {
        "action": "delete_relationships",
        "relationships": [{"identifiers": {"cio_object_id": "ob1"}}],
    }
    assert client.ask("PUT", "/api/v1/customers/1", body) == (200, {})
    assert client.app("GET", "/v1/customers/1/relationships")[1]["cio_relationships"] == []
    bad = {"action": "add_relationships", "relationships": [{"identifiers": {"object_id": "acme"}}]}
    status, answer = client.ask("PUT", "/api/v1/customers/1", {"cio_relationships": bad})
    assert (status, len(answer["meta"]["errors"])) == (400, 1)


def test_one_long_attribute_may_be_left_out_by_the_switch() -> None:
    with emulated(Workspace(Time(), switches=Switches(v1_refuses_whole=False))) as (client, app):
        assert client.ask("PUT", "/api/v1/customers/1", {"plan": "pro", "bio": "x" * 1001}) == (200, {})
        assert client.ask("PUT", "/api/v1/customers/1", {"id": "2", "bio": "x" * 1001})[0] == 400
        found = app.workspace.find(by_id("1"))
        assert found is not None
        assert found.text == b'{"plan":"pro"}'


# v2


def test_an_entity_may_be_any_action_on_a_person(pair: Pair) -> None:
    client, app = pair
    acme = {"identifiers": {"object_type_id": 1, "object_id": "acme"}}
    device = {"token": "t", "platform": "android", "last_used": "7"}
    for operation in (
        entity("identify", attributes={"plan": "pro"}, cio_relationships=[acme], timestamp=7),
        entity("event", name="buy", id="01F4J6P6PSSPA8AMAX6KTKSWVN", timestamp=7, attributes={"price": 3}),
        entity("page", name="/home"),
        entity("screen", name="Home"),
        entity("add_device", device=device),
        entity("add_relationships", cio_relationships=[{**acme, "relationship_attributes": {"role": "boss"}}]),
    ):
        assert client.ask("POST", "/api/v2/entity", operation) == (200, {}), operation
    space = app.workspace
    assert [(one.name, one.kind) for one in space.events.of(1)] == [
        ("buy", "event"),
        ("/home", "page"),
        ("Home", "screen"),
    ]
    assert bytes(space.events.of(1)[0].data) == b'{"price":3}'
    assert [one.last_used for one in space.devices.of(1)] == [7]
    assert [(thing.object_id, text) for thing, text in space.objects.of(1)] == [("acme", b'{"role":"boss"}')]
    for operation in (
        entity("delete_device", device={"token": "t"}),
        entity("delete_relationships", cio_relationships=[acme]),
    ):
        assert client.ask("POST", "/api/v2/entity", operation) == (200, {})
    assert (space.devices.of(1), space.objects.of(1)) == ([], [])
    assert client.ask("POST", "/api/v2/entity", entity("suppress")) == (200, {})
    assert client.ask("POST", "/api/v2/entity", entity("identify")) == (200, {})
    assert not space.people
    assert client.ask("POST", "/api/v2/entity", entity("unsuppress")) == (200, {})


def test_v2_merges_and_says_which_side_is_wrong(pair: Pair) -> None:
    client, app = pair
    for number in ("1", "2"):
        client.ask("PUT", f"/api/v1/customers/{number}", {"a": number})
    operation = {"type": "person", "action": "merge", "primary": {"id": 1}, "secondary": {"id": True}}
    error = {"reason": "invalid", "field": "secondary.id", "message": "must be a string or a number"}
    assert client.ask("POST", "/api/v2/entity", operation) == (400, {"errors": [error]})
    assert client.ask("POST", "/api/v2/entity", {**operation, "secondary": {"id": "2"}}) == (200, {})
    assert [one.id for one in app.workspace.people.values()] == ["1"]


@pytest.mark.parametrize(
    ("operation", "field"),
    [
        (entity("event"), "name"),
        ({"type": "person", "action": "event", "identifiers": {}, "name": "x"}, "identifiers"),
        (entity("add_device", device={"token": "t"}), "device.platform"),
        (entity("delete_device"), "device.token"),
        (entity("add_relationships"), "cio_relationships"),
        (entity("add_relationships", cio_relationships=3), "cio_relationships"),
        (entity("identify", cio_relationships=[{"identifiers": {}}]), "cio_relationships[0].identifiers"),
        (entity("dance"), "action"),
        ({"type": "person", "action": "identify"}, "identifiers"),
        ({"type": "person", "action": "merge", "primary": {"id": "1"}}, "secondary"),
        ({"type": "object", "action": "identify", "identifiers": {"object_id": "acme"}}, "identifiers"),
        ({"type": "object", "action": "identify_anonymous", "identifiers": {"cio_object_id": "ob1"}}, "action"),
        ({"type": "delivery", "action": "event"}, "type"),
        (person(who={"phone": "+49"}), "identifiers.phone"),
        (person(who={"shoe": "42"}), "identifiers.shoe"),
    ],
)
def test_what_is_wrong_with_an_item_has_its_place(pair: Pair, operation: dict[str, object], field: str) -> None:
    client, app = pair
    status, body = client.ask("POST", "/api/v2/entity", operation)
    assert (status, [error["field"] for error in body["errors"]]) == (400, [field])
    assert not app.workspace.people


def test_objects_are_written_and_related_from_their_side(pair: Pair) -> None:
    client, app = pair
    client.ask("PUT", "/api/v1/customers/1", {})
    acme = {"object_type_id": "1", "object_id": "acme"}

    def thing(action: str, **more: object) -> tuple[int, object]:
        return client.ask("POST", "/api/v2/entity", {"type": "object", "action": action, "identifiers": acme, **more})

    ada = [{"identifiers": {"id": "1"}}, {"identifiers": {"email": "nobody@example.com"}}]
    assert thing("identify", attributes={"name": "Acme", "size": 3}, cio_relationships=ada) == (200, {})
    assert thing("identify", attributes={"size": ""}) == (200, {})
    assert app.workspace.objects.things[1].text == b'{"name":"Acme"}'
    assert [one.object_id for one, _ in app.workspace.objects.of(1)] == ["acme"]
    assert thing("delete_relationships", cio_relationships=ada) == (200, {})
    assert app.workspace.objects.of(1) == []
    assert thing("add_relationships", cio_relationships=ada) == (200, {})
    assert thing("add_relationships", cio_relationships=[{"identifiers": {}}])[0] == 400
    assert thing("identify", attributes={"name": "x" * 1001})[0] == 400
    assert thing("delete") == (200, {})
    assert (app.workspace.objects.things, app.workspace.objects.of(1)) == ({}, [])
    assert thing("delete") == (200, {})


def test_relating_to_an_unknown_object_may_do_nothing_by_the_switch() -> None:
    with emulated(Workspace(Time(), switches=Switches(relating_creates=False, app_rate=0))) as (client, app):
        acme = {"identifiers": {"object_type_id": "1", "object_id": "acme"}}
        assert client.ask("POST", "/api/v2/entity", entity("add_relationships", cio_relationships=[acme])) == (200, {})
        assert app.workspace.objects.things == {}


def test_a_phone_is_an_identifier_of_v2_where_the_workspace_says_so() -> None:
    with emulated(Workspace(Time(), switches=Switches(phone_identifies=True, app_rate=0))) as (client, _):
        assert client.ask("POST", "/api/v2/entity", person(who={"phone": "+4912345"}, plan="pro")) == (200, {})
        customer = client.app("GET", "/v1/customers/%2B4912345/attributes?id_type=phone")[1]["customer"]
        assert customer["attributes"]["plan"] == "pro"
        two = {"id": "1", "phone": "+49"}
        status, body = client.ask("POST", "/api/v2/entity", person(who=two))
        assert (status, body["errors"][0]["message"]) == (400, "must hold exactly one of id, email, cio_id, phone")


def test_a_batch_may_mix_everything_and_may_be_limited_by_the_switch() -> None:
    with emulated(Workspace(Time(), switches=Switches(batch_items=3))) as (client, app):
        items = [person(plan="pro"), entity("event", name="x"), {"type": "object", "action": "delete"}]
        status, body = client.ask("POST", "/api/v2/batch", {"batch": items})
        assert (status, [error["batch_index"] for error in body["errors"]]) == (207, [2])
        assert client.ask("POST", "/api/v2/batch", {"batch": items * 2})[0] == 400
        assert len(app.workspace.events.of(1)) == 1


def test_an_item_refused_in_a_batch_is_in_the_log_of_whom_it_names(pair: Pair) -> None:
    client, app = pair
    client.ask("PUT", "/api/v1/customers/1", {})
    client.ask("POST", "/api/v2/batch", {"batch": [person(plan="x" * 1001), person(who={"id": "2"}, plan="x" * 1001)]})
    (refusal,) = [one for one in app.workspace.activities if one.what == "failed_batch_update"]
    assert (refusal.person, refusal.reason) == (1, "property value cannot be longer than 1000 bytes")
    assert not app.workspace.failures
