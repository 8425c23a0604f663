"""The emulated Pipelines API: what it takes, what it silently drops, and what strict mode refuses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emulated import BEARER, START, Client, Time, attributes, by_email, by_id, emulated
from syncline.emulators.customerio import Customerio, Switches, Workspace

Pair = tuple[Client, Customerio]


@pytest.fixture
def pair() -> Iterator[Pair]:
    with emulated() as running:
        yield running


def test_an_identify_writes_a_person_by_user_id_or_by_the_trait_email(pair: Pair) -> None:
    client, app = pair
    body = {"userId": 7, "traits": {"plan": "pro", "name": None}, "timestamp": "2023-11-14T22:13:19Z"}
    assert client.cdp("/v1/identify", body) == (200, {})
    assert client.cdp("/v1/identify", {"userId": "", "traits": {"email": "ada@example.com"}}) == (200, {})
    assert client.cdp("/v1/identify", {"anonymousId": "visitor", "traits": {"plan": "pro"}}) == (200, {})
    assert attributes(app.workspace, by_id("7")) == {"id": "7", "plan": "pro"}
    assert app.workspace.people[1].since == START - 1
    assert attributes(app.workspace, by_email("ada@example.com")) == {"email": "ada@example.com"}
    assert (len(app.workspace.people), len(app.pipelines.dropped)) == (2, 0)


def test_calls_become_events_and_anonymous_ones_join(pair: Pair) -> None:
    client, app = pair
    client.cdp("/v1/page", {"anonymousId": "visitor", "name": "/home", "properties": {"ref": "mail"}})
    client.cdp("/v1/track", {"userId": "1", "event": "buy", "messageId": "m-1"})
    client.cdp("/v1/track", {"userId": "1", "event": "buy", "messageId": "m-1"})
    client.cdp("/v1/screen", {"userId": "1", "name": "Home"})
    client.cdp("/v1/identify", {"userId": "1", "anonymousId": "visitor"})
    told = [(event.name, event.kind) for event in app.workspace.events.of(1)]
    assert told == [("buy", "event"), ("Home", "screen"), ("/home", "page")]
    assert bytes(app.workspace.events.of(1)[-1].data) == b'{"ref":"mail"}'


def test_some_events_are_orders(pair: Pair) -> None:
    client, app = pair
    space = app.workspace

    def track(event: str, **more: object) -> None:
        assert client.cdp("/v1/track", {"userId": "1", "event": event, **more}, strict=True) == (200, {})

    device = {"context": {"device": {"token": "t", "type": "ios"}}}
    track("Device Created or Updated", **device)
    assert [one.token for one in space.devices.of(1)] == ["t"]
    track("Device Deleted", **device)
    assert space.devices.of(1) == []
    assert (
        client.cdp("/v1/group", {"userId": "1", "groupId": "acme", "traits": {"name": "Acme"}}, strict=True)[0] == 200
    )
    assert [(thing.type_id, thing.object_id) for thing, _ in space.objects.of(1)] == [("1", "acme")]
    track("Relationship Deleted", properties={"objectId": "acme"})
    assert space.objects.of(1) == []
    track("Object Deleted", properties={"objectId": "acme", "objectTypeId": "1"})
    assert space.objects.things == {}
    track("User Suppressed")
    assert not space.people
    track("User Unsuppressed")
    track("login")
    track("User Deleted")
    assert not space.people
    assert client.cdp("/v1/alias", {"userId": "1", "previousId": "0"}, strict=True) == (200, {})


FLAWS = [
    ("/v1/identify", {"traits": {}}, "userId or anonymousId must be present"),
    ("/v1/identify", {"userId": "1", "traits": {"a": "x" * 1001}}, "property value cannot be longer than 1000 bytes"),
    ("/v1/identify", {"userId": "1", "timestamp": "yesterday"}, "timestamp must be ISO 8601"),
    ("/v1/track", {"userId": "1"}, "event name must not be blank"),
    ("/v1/track", {"userId": "1", "event": "Device Deleted"}, "context.device.token must be present"),
    (
        "/v1/track",
        {"userId": "1", "event": "Device Created or Updated", "context": {"device": {"token": "t"}}},
        "context.device.type must be present",
    ),
    ("/v1/group", {"userId": "1"}, "groupId must be present"),
    ("/v1/identify", {"userId": "1", "traits": {f"a{n}": "x" * 900 for n in range(36)}}, "cannot be larger than 32 KB"),
    ("/v1/batch", {"batch": [{"type": "dance", "userId": "1"}]}, "type must be one of"),
]


@pytest.mark.parametrize(("path", "body", "reason"), FLAWS)
def test_what_makes_no_sense_is_dropped_silently_and_refused_in_strict_mode(
    pair: Pair, path: str, body: object, reason: str
) -> None:
    client, app = pair
    assert client.cdp(path, body) == (200, {})
    (told,) = app.pipelines.dropped
    assert reason in told
    status, answer = client.cdp(path, body, strict=True)
    assert status == 400
    assert reason in answer["message"]
    assert not app.workspace.people


def test_malformed_json_is_dropped_too(pair: Pair) -> None:
    client, app = pair
    assert client.cdp("/v1/track", b"{") == (200, {})
    assert client.cdp("/v1/batch", b'{"batch":3}') == (200, {})
    assert client.cdp("/v1/batch", b"{", strict=True)[0] == 400
    assert len(app.pipelines.dropped) == 2


def test_a_batch_drops_only_its_flaws_and_a_strict_one_is_refused_whole(pair: Pair) -> None:
    client, app = pair
    batch = {
        "batch": [
            {"type": "identify", "userId": "1", "traits": {"plan": "pro"}},
            {"type": "track", "userId": "1"},
            {"type": "track", "userId": "1", "event": "login"},
            7,
        ]
    }
    assert client.cdp("/v1/batch", batch, strict=True)[0] == 400
    assert not app.workspace.people
    assert client.cdp("/v1/batch", batch) == (200, {})
    assert [event.name for event in app.workspace.events.of(1)] == ["login"]
    assert len(app.pipelines.dropped) == 2


@pytest.mark.parametrize(("refuses", "status"), [(True, 401), (False, 200)])
def test_a_wrong_key_is_refused_or_dropped_by_the_switch(refuses: bool, status: int) -> None:
    with emulated(Workspace(Time(), switches=Switches(cdp_refuses_bad_keys=refuses))) as (client, app):
        call = ("POST", "/v1/identify", {"userId": "1"}, BEARER)
        assert client.ask(*call)[0] == status
        assert client.ask(*call, {"X-Strict-Mode": "1"})[0] == 401
        assert not app.workspace.people
