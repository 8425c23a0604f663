"""What the emulated App API reads: segments, searches, activities, relationships, preferences, and when."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from emulated import START, Client, Time, emulated
from syncline.emulators.customerio import Customerio, Switches, Workspace

Pair = tuple[Client, Customerio]


@pytest.fixture
def pair() -> Iterator[Pair]:
    with emulated() as running:
        yield running


def populate(client: Client, count: int) -> None:
    """1 … count, every second one on the plan pro; the third has no id but an e-mail."""
    for number in range(1, count + 1):
        path = "third%40example.com" if number == 3 else str(number)
        client.ask("PUT", f"/api/v1/customers/{path}", {"plan": "pro" if number % 2 == 0 else "free", "n": number})


def pages(client: Client, method: str, path: str, body: object = None) -> list[list[str]]:
    """The ids of each page, until there is no next."""
    found: list[list[str]] = []
    start = ""
    while True:
        status, answer = client.app(method, f"{path}&start={start}" if start else path, body)
        assert status == 200, answer
        assert len(answer["identifiers"]) == len(answer["ids"])
        found.append(answer["ids"])
        start = answer["next"]
        if not start:
            return found


# Segments


def test_a_segment_is_made_listed_counted_and_deleted(pair: Pair) -> None:
    client, _ = pair
    assert client.app("GET", "/v1/segments") == (200, {"segments": []})
    status, body = client.app("POST", "/v1/segments", {"segment": {"name": "VIP", "description": "very"}})
    assert (status, body["segment"]) == (
        200,
        {
            "id": 1,
            "deduplicate_id": f"1:{START}",
            "name": "VIP",
            "description": "very",
            "state": "finished",
            "progress": None,
            "type": "manual",
            "tags": None,
            "created_at": START,
            "updated_at": START,
        },
    )
    assert client.app("GET", "/v1/segments")[1] == {"segments": [body["segment"]]}
    assert client.app("GET", "/v1/segments/1")[1] == body
    populate(client, 2)
    client.ask("POST", "/api/v1/segments/1/add_customers", {"ids": ["1", "2"]})
    assert client.app("GET", "/v1/segments/1/customer_count") == (200, {"count": 2})
    assert client.app("GET", "/v1/customers/1/segments")[1] == {
        "segments": [{"id": 1, "name": "VIP", "description": "very"}]
    }
    assert client.app("DELETE", "/v1/segments/1") == (204, None)
    assert client.app("DELETE", "/v1/segments/1")[0] == 404
    assert client.app("GET", "/v1/segments/1/customer_count")[0] == 404
    assert client.app("GET", "/v1/customers/1/segments")[1] == {"segments": []}
    bodies: list[object] = [{}, {"segment": {"name": " "}}, {"segment": {}}, b"{"]
    for bad in bodies:
        assert client.app("POST", "/v1/segments", bad)[0] == 400


def test_membership_comes_in_pages_with_an_empty_text_for_who_has_no_id(pair: Pair) -> None:
    client, app = pair
    populate(client, 5)
    segment = app.workspace.segments.create("all", "", START)
    segment.members.update(app.workspace.people)
    path = f"/v1/segments/{segment.id}/membership"
    assert pages(client, "GET", f"{path}?limit=2") == [["1", "2"], ["", "4"], ["5"]]
    body = client.app("GET", f"{path}?limit=3")[1]
    assert body["identifiers"][2]["email"] == "third@example.com"
    for bad in ("limit=0", "limit=x", "limit=30001", "start=nonsense", "start=MDox%21", "start=%C3%A9", "start=eA=="):
        assert client.app("GET", f"{path}?{bad}")[0] == 400


# Search


@pytest.mark.parametrize(
    ("filter_", "ids"),
    [
        ({"attribute": {"field": "plan", "operator": "eq", "value": "pro"}}, ["2", "4"]),
        ({"attribute": {"field": "n", "operator": "eq", "value": 4}}, ["4"]),
        ({"attribute": {"field": "cio_id", "operator": "exists"}}, ["1", "2", "", "4"]),
        ({"attribute": {"field": "email", "operator": "exists"}}, [""]),
        ({"not": {"attribute": {"field": "id", "operator": "eq", "value": "1"}}}, ["2", "", "4"]),
        ({"segment": {"id": 1}}, ["1", "2"]),
        (
            {
                "and": [
                    {"segment": {"id": 1}},
                    {"or": [{"attribute": {"field": "plan", "operator": "eq", "value": "pro"}}]},
                ]
            },
            ["2"],
        ),
        ({"attribute": {"field": "shoe", "operator": "exists"}}, []),
    ],
)
def test_people_are_found_by_filter(pair: Pair, filter_: object, ids: list[str]) -> None:
    client, _ = pair
    populate(client, 4)
    client.app("POST", "/v1/segments", {"segment": {"name": "s"}})
    client.ask("POST", "/api/v1/segments/1/add_customers", {"ids": ["1", "2"]})
    assert pages(client, "POST", "/v1/customers?limit=1", {"filter": filter_}) == ([[one] for one in ids] or [[]])


@pytest.mark.parametrize(
    "filter_",
    [
        None,
        {},
        {"and": []},
        {"maybe": []},
        {"segment": {"id": 9}},
        {"segment": 7},
        {"attribute": {}},
        {"attribute": {"field": "a", "operator": "like", "value": "x"}},
        {"attribute": {"field": "a", "operator": "eq"}},
        {"and": [{}], "or": [{}]},
    ],
)
def test_a_filter_that_makes_no_sense_is_400(pair: Pair, filter_: object) -> None:
    client, _ = pair
    status, body = client.app("POST", "/v1/customers", {"filter": filter_})
    assert (status, body["errors"][0]["status"]) == (400, "400")
    assert client.app("POST", "/v1/customers", b"{")[0] == 400


def test_a_search_goes_on_where_it_was_while_people_come_and_go(pair: Pair) -> None:
    client, _ = pair
    populate(client, 6)
    anybody = {"filter": {"attribute": {"field": "cio_id", "operator": "exists"}}}
    first = client.app("POST", "/v1/customers?limit=4", anybody)[1]
    client.ask("DELETE", "/api/v1/customers/4")
    client.ask("DELETE", "/api/v1/customers/1")
    client.ask("PUT", "/api/v1/customers/7", {})
    second = client.app("POST", f"/v1/customers?limit=4&start={first['next']}", anybody)[1]
    assert (first["ids"], second["ids"], second["next"]) == (["1", "2", "", "4"], ["5", "6", "7"], "")


# What happened, and to what somebody belongs


def test_activities_tell_what_was_accepted_and_not_done(pair: Pair) -> None:
    client, _ = pair
    client.ask("PUT", "/api/v1/customers/1", {"email": "ada@example.com", "plan": "free"})
    client.ask("PUT", "/api/v1/customers/1", {"plan": "pro"})
    client.ask("PUT", "/api/v1/customers/1", {"email": "bob@example.com"})
    client.ask("PUT", "/api/v1/customers/2", {"_update": True})
    client.ask("POST", "/api/v1/customers/1/events", {"name": "login", "data": {"at": "home"}})
    status, body = client.app("GET", "/v1/customers/1/activities")
    kinds = [one["type"] for one in body["activities"]]
    assert (status, kinds) == (200, ["event", "failed_attribute_change", "attribute_change", "profile_create"])
    login, _, change, _ = body["activities"]
    assert (login["name"], login["data"], login["timestamp"]) == ("login", {"at": "home"}, START)
    assert change["data"] == {"plan": {"from": "free", "to": "pro"}}
    assert change["customer_identifiers"]["email"] == "ada@example.com"
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{26}", change["id"])
    everybody = client.app("GET", "/v1/activities?type=skipped_update")[1]["activities"]
    assert [(one["customer_id"], one["customer_identifiers"]) for one in everybody] == [("2", {"id": "2"})]
    assert client.app("GET", "/v1/activities?customer_id=1&limit=1")[1]["activities"] == [login]
    assert client.app("GET", "/v1/activities?name=plan")[1]["activities"] == [change]
    assert client.app("GET", "/v1/customers/9/activities")[0] == 404


def test_activities_come_in_pages_newest_first(pair: Pair) -> None:
    client, _ = pair
    for number in range(5):
        client.ask("POST", "/api/v1/customers/1/events", {"name": f"e{number}"})
    names: list[str] = []
    start = ""
    while True:
        body = client.app("GET", f"/v1/customers/1/activities?limit=2&type=event&start={start}")[1]
        names += [one["name"] for one in body["activities"]]
        start = body["next"]
        if not start:
            break
    assert names == ["e4", "e3", "e2", "e1", "e0"]


def test_relationships_come_in_pages(pair: Pair) -> None:
    client, _ = pair
    links = [{"identifiers": {"object_type_id": "1", "object_id": name}} for name in "abc"]
    body = {"cio_relationships": {"action": "add_relationships", "relationships": links}}
    client.ask("PUT", "/api/v1/customers/1", body)
    first = client.app("GET", "/v1/customers/1/relationships?limit=2")[1]
    second = client.app("GET", f"/v1/customers/1/relationships?limit=2&start={first['next']}")[1]
    found = [one["identifiers"]["object_id"] for one in first["cio_relationships"] + second["cio_relationships"]]
    assert (found, second["next"]) == (["a", "b", "c"], "")


def test_preferences_are_told_as_topics_and_read_as_json_text(pair: Pair) -> None:
    client, _ = pair
    body = {"cio_subscription_preferences": {"topics": {"topic_1": True, "topic_2": False}}, "unsubscribed": "1"}
    client.ask("PUT", "/api/v1/customers/1", body)
    told: Any = client.app("GET", "/v1/customers/1/subscription_preferences")[1]["customer"]
    assert told["topics"] == [{"id": "1", "subscribed": True}, {"id": "2", "subscribed": False}]
    assert told["unsubscribed"] is True
    read = client.app("GET", "/v1/customers/1/attributes")[1]["customer"]["attributes"]
    assert read["cio_subscription_preferences"] == '{"topics":{"topic_1":true,"topic_2":false}}'


# When


def test_a_write_is_read_after_the_delay_and_not_before() -> None:
    now = Time()
    space = Workspace(now, switches=Switches(app_rate=0), delay_s=2.0)
    with emulated(space, now=now) as (client, _):
        assert client.ask("PUT", "/api/v1/customers/1", {"plan": "pro"}) == (200, {})
        assert client.ask("PUT", "/api/v1/customers/1", {"id": "2"})[0] == 400
        now.at += 1.9
        assert client.app("GET", "/v1/customers/1/attributes")[0] == 404
        assert client.ask("GET", "/__emulator__/overview")[1]["people"] == 0
        now.at += 0.1
        assert client.app("GET", "/v1/customers/1/attributes")[0] == 200


def test_a_cio_id_may_be_written_with_its_prefix(pair: Pair) -> None:
    client, app = pair
    populate(client, 1)
    cio_id = app.workspace.people[1].cio_id
    for written in (cio_id, f"cio_{cio_id}"):
        assert client.app("GET", f"/v1/customers/{written}/attributes?id_type=cio_id")[0] == 200
