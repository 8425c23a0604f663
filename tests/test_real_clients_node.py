"""customerio-node, the vendor's client for Node, agrees with the emulator; and how it behaves, test by test.

Driven by `clients/drive.cjs`, one process a test. Node and npm are needed; without them there is nothing to test.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from emulated import Time, attributes, by_id, emulated
from on_node import Call, Drive, driver, installed, needs_node
from syncline.emulators.customerio import Switches, Workspace
from syncline.emulators.faults import Fault, parse_all

HERE = Path(__file__).with_name("clients")

pytestmark = needs_node

IDENTIFY = ("PUT", "/api/v1/customers/{identifier}")


def call(method: str, *args: object, client: str = "track", **more: object) -> Call:
    return {"client": client, "method": method, "args": args, **more}


@pytest.fixture(scope="session")
def modules(request: pytest.FixtureRequest) -> Path:
    return installed(request.config, HERE, "customerio-node")


@pytest.fixture
def drive(modules: Path) -> Drive:
    return driver(HERE / "drive.cjs", modules)


def origin(client: Any) -> str:
    return f"http://127.0.0.1:{client.connection.port}"


def free() -> Workspace:
    return Workspace(Time(), switches=Switches(app_rate=0))


def test_node_writes_people_events_devices_and_merges(drive: Drive) -> None:
    with emulated(free()) as (client, app):
        results = drive(
            origin(client),
            call("identify", "1", {"email": "ada@example.com", "plan": "pro"}),
            call("identify", "1", {"plan": None, "city": "Wien"}),
            call("track", "1", {"name": "login", "data": {"at": "home"}}),
            call("trackPageView", "1", "/pricing"),
            call("trackAnonymous", "visitor", {"name": "view"}),
            call("identify", "1", {"anonymous_id": "visitor"}),
            call("addDevice", "1", "token", "ios", {"last_used": 7, "os": "17"}),
            call("identify", "2", {"age": 30}),
            call("mergeCustomers", "email", "ada@example.com", "id", "2"),
            call("suppress", "3"),
            call("identify", "3", {}),
            call("unsuppress", "3"),
            call("destroy", "nobody"),
            call("getAccountRegion"),
        )
        region = {"url": origin(client), "region": "us", "environment_id": 1}
        assert results == [*({"value": {}} for _ in results[:-1]), {"value": region}]
        space = app.workspace
        assert attributes(space, by_id("1")) == {"id": "1", "email": "ada@example.com", "city": "Wien", "age": "30"}
        assert len(space.people) == 1
        assert [(event.name, event.kind) for event in space.events.of(1)] == [
            ("login", "event"),
            ("/pricing", "page"),
            ("view", "event"),
        ]
        assert [(one.token, one.last_used, bytes(one.attributes)) for one in space.devices.of(1)] == [
            ("token", 7, b'{"os":"17"}')
        ]


def test_node_escapes_every_special_character_of_an_id(drive: Drive) -> None:
    with emulated() as (client, app):
        assert drive(origin(client), call("identify", "a/b+c@x é", {"a": 1})) == [{"value": {}}]
        assert app.workspace.find(by_id("a/b+c@x é")) is not None


def test_node_leaves_out_undefined_sends_nan_as_null_and_dates_as_text(drive: Drive) -> None:
    with emulated() as (client, app):
        drive(origin(client), call("identify", "1", {"gone": 1, "kept": 2}))
        body = {"gone": {"$": "NaN"}, "kept": {"$": "undefined"}, "at": {"$": "2020-01-01T00:00:00Z"}}
        drive(origin(client), call("identify", "1", body))
        assert attributes(app.workspace, by_id("1")) == {"id": "1", "kept": "2", "at": "2020-01-01T00:00:00.000Z"}


def test_node_resolves_a_207_and_leaves_its_errors_to_the_caller(drive: Drive) -> None:
    with emulated() as (client, app):
        items = [
            {"type": "person", "action": "identify", "identifiers": {"id": "1"}, "attributes": {"plan": "x" * 1001}},
            {"type": "person", "action": "identify", "identifiers": {"id": "2"}, "attributes": {"plan": "pro"}},
        ]
        (mixed, fine, entity) = drive(
            origin(client), call("batch", items), call("batch", items[1:]), call("entity", items[1])
        )
        message = "property value cannot be longer than 1000 bytes"
        error = {"batch_index": 0, "reason": "invalid", "field": "attributes.plan", "message": message}
        assert (mixed, fine, entity) == ({"value": {"errors": [error]}}, {"value": {}}, {"value": {}})
        assert [person.id for person in app.workspace.people.values()] == ["2"]


def test_node_composes_its_message_from_either_form_of_an_error(drive: Drive) -> None:
    with emulated() as (client, _):
        identify, event, entity, keys = (
            result["error"]
            for result in drive(
                origin(client),
                call("identify", "1", {"bio": "x" * 1001, "id": "2"}),
                call("track", "1", {"name": "e" * 101}),
                call("entity", {"type": "person", "identifiers": {}}),
                call("identify", "1", {}, keys=["site", "wrong"]),
            )
        )
        assert identify["message"] == (
            "2 errors:\n  - id attribute and identifier are not the same value\n"
            "  - value for attribute 'bio' cannot be longer than 1000 bytes"
        )
        assert event["message"] == "event name cannot be longer than 100 bytes"
        assert (entity["message"], entity["statusCode"]) == ("Unknown error", 400)  # v2's form is not read
        assert (keys["message"], keys["statusCode"]) == ("Unauthorized request", 401)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 522, 524])
def test_node_tries_again_after_a_passing_fault(drive: Drive, status: int) -> None:
    with emulated(faults=parse_all([f"{status}:first=1:after=0"])) as (client, app):
        assert drive(origin(client), call("identify", "1", {})) == [{"value": {}}]
        assert app.log.counts == {(*IDENTIFY, status): 1, (*IDENTIFY, 200): 1}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 501])
def test_node_does_not_try_again_after_a_fault_that_stays(drive: Drive, status: int) -> None:
    with emulated(faults=parse_all([f"{status}:100%"])) as (client, app):
        (result,) = drive(origin(client), call("identify", "1", {}))
        assert (result["error"]["statusCode"], app.log.total) == (status, 1)


def test_node_waits_as_long_as_retry_after_says_in_seconds_or_as_a_date(drive: Drive) -> None:
    arrivals: list[float] = []
    with emulated(faults=parse_all(["429:first=1:after=1"])) as (client, app):
        app.on_request(lambda arrival: arrivals.append(time.monotonic()))
        assert drive(origin(client), call("identify", "1", {}, settings={"retry": {"minTimeoutMs": 1}})) == [
            {"value": {}}
        ]
    assert arrivals[1] - arrivals[0] >= 0.99
    with emulated(faults=parse_all(["429:100%:date=3600s"])) as (client, app):
        (result,) = drive(origin(client), call("identify", "1", {}))
        assert result["error"]["retryAfter"].endswith("GMT")
        assert app.log.total == 1  # an hour is longer than it is willing to wait


def test_node_sends_again_what_was_not_acknowledged_and_only_a_ulid_keeps_an_event_single(drive: Drive) -> None:
    with emulated(faults=parse_all(["lost:first=1"])) as (client, app):
        drive(origin(client), call("track", "1", {"name": "buy"}))
        assert [event.name for event in app.workspace.events.of(1)] == ["buy", "buy"]
    with emulated(faults=parse_all(["lost:first=1"])) as (client, app):
        drive(origin(client), call("track", "1", {"name": "buy", "id": "01F4J6P6PSSPA8AMAX6KTKSWVN"}))
        assert [event.name for event in app.workspace.events.of(1)] == ["buy"]


def test_node_gives_up_on_a_broken_answer_at_once(drive: Drive) -> None:
    with emulated(faults=parse_all(["truncated:first=1", "502:every=2:html"])) as (client, app):
        truncated, page = drive(origin(client), call("identify", "1", {}), call("identify", "2", {}))
        assert "Unable to parse JSON" in truncated["error"]["message"]
        assert "Unable to parse JSON" in page["error"]["message"]  # a proxy's page hides the 502 from it
        assert (app.log.total, len(app.workspace.people)) == (2, 1)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_node_follows_a_redirect_with_its_body_but_without_its_key(drive: Drive, status: int) -> None:
    faults: list[Fault] = []
    with emulated(faults=faults) as (client, app):
        faults += parse_all([f"{status}:first=1:to={origin(client)}"])
        (result,) = drive(origin(client), call("identify", "1", {"plan": "pro"}))
        assert result["error"]["statusCode"] == 401  # the key stays within customer.io
        assert app.log.total == 2


def test_node_reads_people_segments_activities_and_searches(drive: Drive) -> None:
    with emulated(free()) as (client, _):
        results = drive(
            origin(client),
            call("identify", "1", {"email": "ada@example.com", "plan": "pro"}),
            call("createSegment", {"name": "VIP"}, client="app"),
            call("addCustomersToSegment", 1, ["1", "nobody"]),
            call("getAttributes", "1", client="app"),
            call("getCustomersByEmail", "ada@example.com", client="app"),
            call("searchCustomers", {"and": [{"segment": {"id": 1}}]}, {"limit": 10}, client="app"),
            call("getSegmentCustomerCount", 1, client="app"),
            call("getSegmentMembership", 1, {"limit": 5}, client="app"),
            call("getCustomerSegments", "1", client="app"),
            call("getCustomerActivities", "1", {"type": "profile_create"}, client="app"),
            call("getCustomerRelationships", "1", client="app"),
            call("getCustomerSubscriptionPreferences", "1", client="app"),
            call("getCustomersAttributes", ["1", "2"], client="app"),
            call("removeCustomersFromSegment", 1, ["1"], "id"),
            call("deleteSegment", 1, client="app"),
            call("getAttributes", "nobody", client="app"),
            call("getAttributes", "1", client="app", keys=["wrong"]),
        )
        errors = [result["error"]["statusCode"] for result in results if "error" in result]
        assert errors == [404, 401]
        values = [result.get("value") for result in results]
        identifiers = values[3]["customer"]["identifiers"]
        assert (values[3]["customer"]["attributes"]["plan"], identifiers["id"]) == ("pro", "1")
        assert values[4] == {"results": [identifiers]}
        assert values[5] == values[7] == {"identifiers": [identifiers], "ids": ["1"], "next": ""}
        assert values[6] == {"count": 1}
        assert [segment["name"] for segment in values[8]["segments"]] == ["VIP"]
        assert [one["type"] for one in values[9]["activities"]] == ["profile_create"]
        assert values[10] == {"cio_relationships": [], "next": ""}
        assert values[11]["customer"]["topics"] == []
        assert [one["customer"]["id"] for one in values[12]["customers"]] == ["1"]
        assert values[14] == {}  # 204


def test_nodes_pipelines_client_is_understood_and_strict_mode_refuses(drive: Drive) -> None:
    with emulated() as (client, app):
        strict = {"strictMode": True}
        results = drive(
            origin(client),
            call("identify", {"userId": "1", "traits": {"plan": "pro"}}, client="pipelines", settings=strict),
            call("track", {"userId": "1", "event": "login"}, client="pipelines"),
            call("group", {"userId": "1", "groupId": "acme"}, client="pipelines"),
            call("batch", [{"type": "page", "userId": "1", "name": "/home"}], client="pipelines", settings=strict),
            call("identify", {"userId": "1", "traits": {"bio": "x" * 1001}}, client="pipelines"),
            call("identify", {"userId": "1", "traits": {"bio": "x" * 1001}}, client="pipelines", settings=strict),
            call("identify", {"userId": "2"}, client="pipelines", keys=["wrong"], settings=strict),
        )
        assert [result["error"]["statusCode"] if "error" in result else 200 for result in results] == [
            200,
            200,
            200,
            200,
            200,
            400,
            401,
        ]
        assert attributes(app.workspace, by_id("1")) == {"id": "1", "plan": "pro"}
        assert [event.name for event in app.workspace.events.of(1)] == ["login", "/home"]
        assert [thing.object_id for thing, _ in app.workspace.objects.of(1)] == ["acme"]
        assert len(app.pipelines.dropped) == 1
