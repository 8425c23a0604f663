"""The Segment emulator over real sockets: what its routes say, and what its switches change."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from msgspec import Raw

from emulated import START, Time
from segmented import PROFILES, Client, basic, segmented, space
from syncline.emulators.faults import parse
from syncline.emulators.segment import NOT_EMULATED, TRAITS, Event, Profile, profile

ADA = profile(1, {"email": "ada@example.com", "plan": "pro"}, ("user_id", "42"), ("email", "ada+1@Example.com"))
NOT_FOUND = {"error": {"code": "not_found", "message": "Profile was not found."}}
END = {"url": "", "has_more": False, "next": ""}


def many(count: int) -> list[Profile]:
    """Number 1 was active last."""
    return [profile(number, {}, ("user_id", str(number))) for number in range(count, 0, -1)]


def names(body: Any) -> list[str]:
    return [row["segment_id"] for row in body["data"]]


# --- who may ask ------------------------------------------------------------------------------------------------------


def test_only_the_token_without_a_password_may_ask_and_every_answer_has_a_request_id() -> None:
    with segmented(space(ADA)) as (client, app):
        seen = set()
        for authorization in (basic(), basic("wrong"), basic(password="x"), "Bearer token", "Basic !!!", "basic", ""):
            good = authorization == basic()
            status, body = client.get("/user_id:42/traits", authorization or "none")
            assert (status, body if good else body["error"]["code"]) == (
                (200, {"traits": {"email": "ada@example.com", "plan": "pro"}, "cursor": {**END, "limit": 10}})
                if good
                else (401, "authentication_error")
            )
            assert client.answer.headers["Content-Type"] == "application/json"
            seen.add(client.answer.headers["Request-Id"])
        assert len(seen) == 7
        app.space.token = "new"
        assert client.get("/user_id:42/traits")[0] == 401
        assert client.get("/user_id:42/traits", basic("new"))[0] == 200


@pytest.mark.parametrize("status", [401, 403, 404])
def test_another_space_is_not_for_this_token(status: int) -> None:
    with segmented(space(ADA, unknown_space=status)) as (client, _):
        assert client.get(f"/v1/spaces/other/collections/users/profiles/{ADA.segment_id}/traits")[0] == status


# --- whom a path means ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "identifier",
    [
        "user_id:42",
        "user_id%3A42",
        "email:ada%2B1%40Example.com",
        f"segment_id:{ADA.segment_id}",
        ADA.segment_id,
    ],
)
def test_an_identifier_has_three_forms_and_may_be_percent_encoded(identifier: str) -> None:
    with segmented(space(ADA)) as (client, _):
        status, body = client.get(f"/{identifier}/metadata")
        assert (status, body["segment_id"]) == (200, ADA.segment_id)


@pytest.mark.parametrize(
    "identifier",
    [
        "user_id:43",
        "User_id:42",
        "email:ada%2B1%40example.com",
        "42",
        "segment_id:user_id%3A42",
        ADA.segment_id.lower(),
    ],
)
def test_what_is_spelt_otherwise_finds_nobody(identifier: str) -> None:
    with segmented(space(ADA)) as (client, _):
        assert client.get(f"/{identifier}/traits") == (404, NOT_FOUND)


def test_lower_case_may_be_the_only_one_that_finds_anybody() -> None:
    with segmented(space(ADA, lowercase_only=True)) as (client, _):
        assert client.get("/email:ada%2B1%40example.com/traits")[0] == 200
        assert client.get("/email:ada%2B1%40Example.com/traits")[0] == 404
        assert client.get(f"/{ADA.segment_id}/traits")[0] == 200


@pytest.mark.parametrize("raw", ["email:ada+1@Example.com", "user_id:4:2", "user_id:4%2", "user_id:4$2"])
def test_what_is_not_encoded_is_answered_500_or_taken_as_it_stands(raw: str) -> None:
    with segmented(space(ADA)) as (client, _):
        assert client.get(f"/{raw}/traits")[0] == 500
    with segmented(space(ADA, raw_identifier_fails=False)) as (client, _):
        assert client.get(f"/{raw}/traits")[0] == (200 if "@" in raw else 404)


@pytest.mark.parametrize(
    ("gone", "deleted", "merged"), [("not_found", 404, 404), ("empty", 200, 200), ("survivor", 404, 200)]
)
def test_a_profile_that_is_gone(gone: str, deleted: int, merged: int) -> None:
    other = profile(2, {"plan": "free"}, ("user_id", "43"))
    third = profile(3, {}, ("user_id", "44"))
    held = space(profile(1, {"a": 1}, ("user_id", "42")), other, third, gone_profiles=gone)
    held.remove(third.segment_id)
    held.remove(ADA.segment_id, into=other.segment_id)
    with segmented(held) as (client, _):
        assert client.get(f"/{third.segment_id}/traits")[0] == deleted
        status, body = client.get(f"/{ADA.segment_id}/traits")
        assert (status, body.get("traits")) == (
            merged,
            {"not_found": None, "empty": {}, "survivor": {"plan": "free"}}[gone],
        )
        assert client.get("/user_id:42/metadata")[1]["segment_id"] == other.segment_id
        assert [row["id"] for row in client.get("/user_id:43/external_ids")[1]["data"]] == ["43", "42"]


# --- pages ------------------------------------------------------------------------------------------------------------


def pages(client: Client, path: str, query: str = "") -> list[tuple[int, Any]]:
    """(limit, rows) of each, by following `next`, which leads where `url` does."""
    found: list[tuple[int, Any]] = []
    cursor = url = ""
    while True:
        asked = [query, f"next={quote(cursor, safe='')}" if cursor else ""]
        status, body = client.get(f"{path}?{'&'.join(filter(None, asked))}")
        assert status == 200
        if url:
            linked = client.get(url)[1]
            assert (linked | {"cursor": linked["cursor"]["next"]}) == (body | {"cursor": body["cursor"]["next"]})
        found.append((body["cursor"]["limit"], body.get("traits", body.get("data"))))
        if not body["cursor"]["has_more"]:
            assert body["cursor"] == {**END, "limit": body["cursor"]["limit"]}
            return found
        cursor, url = body["cursor"]["next"], body["cursor"]["url"]
        assert cursor


@pytest.mark.parametrize(
    ("query", "limit", "sizes"), [("", 10, [10] * 25), ("limit=200", 200, [200, 50]), ("limit=500", 200, [200, 50])]
)
def test_traits_come_in_pages_of_ten_unless_asked_and_never_of_more_than_200(
    query: str, limit: int, sizes: list[int]
) -> None:
    held = {f"t{number:03} +é": number for number in range(250)}
    with segmented(space(profile(1, held, ("user_id", "42")))) as (client, _):
        found = pages(client, "/user_id:42/traits", query)
        assert [(told, len(part)) for told, part in found] == [(limit, size) for size in sizes]
        assert {name: value for _, part in found for name, value in part.items()} == held


def test_external_ids_come_in_pages_of_at_most_25_with_nanoseconds_and_mappings() -> None:
    ids = [("anonymous_id", f"a{number}") for number in range(59)] + [("user_id", "42")]
    with segmented(space(profile(1, {}, *ids))) as (client, _):
        found = pages(client, "/user_id:42/external_ids", "limit=100")
        assert [(told, len(part)) for told, part in found] == [(25, 25), (25, 25), (25, 10)]
        assert [(row["type"], row["id"]) for _, part in found for row in part] == ids
        assert [len(part) for _, part in pages(client, "/user_id:42/external_ids")] == [10] * 6
        _, body = client.get("/user_id:42/external_ids?limit=1")
        assert body["data"] == [
            {
                "source_id": "GFu4AJc2bE",
                "collection": "users",
                "id": "a0",
                "type": "anonymous_id",
                "created_at": "2023-01-05T15:01:01.1Z",
                "encoding": "none",
            }
        ]
        assert re.fullmatch("map_[0-9A-Za-z]{27}", body["cursor"]["next"])
        assert client.get("/user_id:42/external_ids?limit=2")[1]["data"][1]["created_at"].endswith(":01.100000001Z")
        assert "first_message_id" in client.get("/user_id:42/external_ids?verbose=true")[1]["data"][0]
        assert [row["id"] for row in client.get("/user_id:42/external_ids?include=user_id,email")[1]["data"]] == ["42"]


@pytest.mark.parametrize("naming", ["first", "last"])
def test_a_next_names_the_first_to_come_or_the_last_that_was(naming: str) -> None:
    with segmented(space(profile(1, {"a": 1, "b": 2, "c": 3}, ("user_id", "42")), next_names=naming)) as (client, _):
        assert client.get("/user_id:42/traits?limit=2")[1]["cursor"]["next"] == {"first": "c", "last": "b"}[naming]
        assert [part for _, part in pages(client, "/user_id:42/traits", "limit=2")] == [{"a": 1, "b": 2}, {"c": 3}]


@pytest.mark.parametrize(("order", "first"), [("key", ["A", "b"]), ("stored", ["b", "a"])])
def test_traits_come_by_key_or_as_they_were_stored(order: str, first: list[str]) -> None:
    with segmented(space(profile(1, {"b": 1, "a": 2, "A": 3}, ("user_id", "42")), trait_order=order)) as (client, _):
        both = [list(part) for _, part in pages(client, "/user_id:42/traits", "limit=2")]
        assert [both[0], sorted(both[0] + both[1])] == [["A", "a"] if order == "key" else first, ["A", "a", "b"]]


def test_a_trait_that_is_gone_still_tells_where_to_go_on() -> None:
    held = space(profile(1, {"a": 1, "c": 3}, ("user_id", "42")))
    with segmented(held) as (client, _):
        assert client.get("/user_id:42/traits?next=b")[1]["traits"] == {"c": 3}
        for unknown in ("/user_id:42/external_ids?next=map_0", "/user_id:42/events?next=MTo6", "?next=x", "?next=-1"):
            assert client.get(unknown)[0] == 400


@pytest.mark.parametrize("limit", ["0", "-1", "x", "", "1.5"])
def test_a_limit_is_a_number_and_one_that_is_too_large_is_clamped_or_refused(limit: str) -> None:
    with segmented(space(ADA)) as (client, _):
        status, body = client.get(f"/user_id:42/traits?limit={limit}")
        assert (status, body.get("error", {}).get("code")) == ((400, "validation_error") if limit else (200, None))
    with segmented(space(ADA, over_limit="error")) as (client, _):
        for path, most in (
            ("?", 100),
            ("/user_id:42/traits?", 200),
            ("/user_id:42/external_ids?", 25),
            ("/user_id:42/links?", 20),
        ):
            assert [client.get(f"{path}limit={asked}")[0] for asked in (most, most + 1)] == [200, 400]


def test_traits_may_be_chosen_by_name_and_class_and_told_with_their_source() -> None:
    held = profile(1, {"a": 1, "big": Raw(b"18446744073709551616"), "vip": True, "orders": 3}, ("user_id", "42"))
    held.classes = {"vip": "audience", "orders": "computed_trait"}
    with segmented(space(held)) as (client, _):
        assert client.get("/user_id:42/traits?include=vip,a,none")[1]["traits"] == {"a": 1, "vip": True}
        assert client.get("/user_id:42/traits?class=audience")[1]["traits"] == {"vip": True}
        assert client.get("/user_id:42/traits?class=computed_trait")[1]["traits"] == {"orders": 3}
        assert client.get("/user_id:42/traits?class=other")[0] == 400
        assert client.get("/user_id:42/traits")[1]["traits"]["big"] == 18446744073709551616
        assert client.get("/user_id:42/traits?include=a&verbose=true")[1]["traits"] == {
            "a": {"value": 1, "source_id": "GFu4AJc2bE", "updated_at": "2023-01-05T15:01:01.745Z"}
        }


@pytest.mark.parametrize(
    ("switches", "traits", "ids", "events"),
    [
        ({}, {}, [], None),
        ({"null_traits": True, "null_data": "always"}, None, None, None),
        ({"null_data": "never"}, {}, [], []),
    ],
)
def test_nothing_is_null_where_the_switches_say_so(switches: Any, traits: object, ids: object, events: object) -> None:
    empty, null = profile(1), profile(2)
    null.traits = None
    with segmented(space(empty, null, **switches)) as (client, _):
        told = {
            what: client.get(f"/{empty.segment_id}/{what}")[1] for what in ("traits", "external_ids", "events", "links")
        }
        assert (told["traits"]["traits"], told["external_ids"]["data"], told["events"]["data"]) == (traits, ids, events)
        assert told["links"]["data"] == ids
        assert client.get(f"/{null.segment_id}/traits")[1]["traits"] is None


# --- the listing ------------------------------------------------------------------------------------------------------


def test_the_list_has_the_latest_first_with_nothing_but_ids_and_times() -> None:
    with segmented(space(*many(25))) as (client, _):
        status, body = client.get("")
        assert (status, len(body["data"]), body["cursor"]["next"]) == (200, 10, "10")
        assert body["data"][0] == {
            "segment_id": profile(1).segment_id,
            "metadata": {"created_at": "2023-01-05T15:01:01Z", "updated_at": "2023-01-05T15:01:01.745Z"},
        }
        assert [len(part) for _, part in pages(client, "", "limit=12")] == [12, 12, 1]
        assert names(client.get("?next=20&limit=100")[1]) == [profile(number).segment_id for number in range(21, 26)]
        assert client.get("?next=0")[1] == body


@pytest.mark.parametrize("mode", ["404", "403"])
def test_the_list_may_not_be_there(mode: str) -> None:
    with segmented(space(ADA, listing=mode)) as (client, _):
        assert client.get("")[0] == int(mode)
        assert client.get("/user_id:42/traits")[0] == 200


def test_the_list_may_go_in_a_circle_end_early_or_announce_an_empty_page() -> None:
    with segmented(space(*many(20), listing="loop")) as (client, _):
        assert [client.get(f"?next={start}")[1]["cursor"]["next"] for start in (0, 10)] == ["10", "0"]
    with segmented(space(*many(20), listing_depth=10)) as (client, _):
        assert [client.get(f"?next={start}")[0] for start in (0, 10)] == [200, 400]
    with segmented(space(*many(20), empty_page_follows=True)) as (client, _):
        assert [len(part) for _, part in pages(client, "")] == [10, 10, 0]
    with segmented(space(*many(20))) as (client, _):
        assert [len(part) for _, part in pages(client, "")] == [10, 10]


def test_the_list_may_shift_while_it_is_read() -> None:
    now = Time()
    with segmented(space(*many(30), now=now, shift=2)) as (client, app):
        read = [names(client.get(f"?next={start}")[1]) for start in (0, 10, 20)]
        assert read[2][0] == read[1][-1]  # seen twice
        assert profile(30).segment_id not in read[0] + read[1] + read[2]  # and one not at all
        assert names(client.get("")[1])[0] == profile(30).segment_id
        assert app.space.profiles[profile(30).segment_id].updated_at == "2023-11-14T22:13:20Z"
        app.space.add(profile(31))
        assert names(client.get("")[1])[:2] == [profile(31).segment_id, profile(29).segment_id]


# --- the other routes -------------------------------------------------------------------------------------------------


def test_metadata_tell_the_segment_id_unless_the_switch_goes_by_the_documents() -> None:
    expected = {
        "created_at": "2023-01-05T15:01:01Z",
        "updated_at": "2023-01-05T15:01:01.745Z",
        **dict.fromkeys(("expires_at", "first_message_id", "first_source_id", "last_message_id", "last_source_id")),
    }
    with segmented(space(ADA)) as (client, _):
        assert client.get("/user_id:42/metadata") == (200, {"segment_id": ADA.segment_id, "metadata": expected})
    with segmented(space(ADA, metadata_has_segment_id=False)) as (client, _):
        assert client.get("/user_id:42/metadata") == (200, {"metadata": expected})


def test_links_name_the_accounts() -> None:
    held = profile(1, {}, ("user_id", "42"))
    held.groups = [f"g{number}" for number in range(25)]
    with segmented(space(held)) as (client, _):
        found = pages(client, "/user_id:42/links", "limit=100")
        assert [(told, len(part)) for told, part in found] == [(20, 20), (20, 5)]
        assert [row["external_ids"][0]["id"] for _, part in found for row in part] == held.groups
        row = client.get("/user_id:42/links")[1]["data"][0]
        assert (row["to_collection"], row["external_ids"][0]["type"]) == ("accounts", "group_id")


def test_events_are_those_of_two_weeks_the_latest_first() -> None:
    held = profile(1, {}, ("user_id", "42"))
    day = 86_400
    held.events = [
        Event(name, f"m{number}", (START - ago * day) * 10**9 + 1, Raw(b'{"total":1.50}'))
        for number, (name, ago) in enumerate([("login", 15), ("login", 13), ("order", 2), ("order", 2), ("later", -1)])
    ]
    with segmented(space(held)) as (client, _):

        def told(query: str = "") -> list[str]:
            return [row["message_id"] for _, part in pages(client, "/user_id:42/events", query) for row in part or ()]

        assert told() == told("limit=1") == ["m3", "m2", "m1"]
        assert told("sort=asc&limit=2") == ["m1", "m2", "m3"]
        assert told("include=login") == told("exclude=order") == ["m1"]
        assert told("start=2023-11-10") == ["m3", "m2"]
        assert told("end=2023-11-10T00:00:00Z") == ["m1"]
        for wrong in ("sort=up", "start=yesterday"):
            assert client.get(f"/user_id:42/events?{wrong}")[0] == 400
        row = client.get("/user_id:42/events?limit=1")[1]["data"][0]
        assert (row["event"], row["timestamp"], row["properties"]) == (
            "order",
            "2023-11-12T22:13:20.000000001Z",
            {"total": 1.5},
        )
        assert (row["related"], row["external_ids"][0]["id"]) == ({"users": held.segment_id}, "42")


def test_what_is_not_emulated_says_so() -> None:
    with segmented(space(ADA)) as (client, _):
        accounts = PROFILES.replace("users", "accounts")
        assert client.get(f"{accounts}/group_id:1/traits")[0] == client.get(accounts)[0] == 501
        client.connection.request(
            "POST", f"{PROFILES}/user_id:42/external_ids/delete", b"{}", {"Authorization": basic()}
        )
        answer = client.connection.getresponse()
        assert (answer.status, b"Not emulated" in answer.read()) == (501, True)
        message = "The parameter `collection` has invalid character(s) `!`"
        assert client.get(f"{PROFILES.replace('users', 'users!')}/user_id:42/traits") == (
            400,
            {"error": {"code": "validation_error", "message": message}},
        )
        assert client.get(PROFILES.replace("users", "people"))[0] == client.get("/user_id:42/properties")[0] == 404
        assert all(NOT_EMULATED)


# --- how it is spoken to ----------------------------------------------------------------------------------------------


def test_a_request_may_be_made_as_to_a_proxy_and_name_a_coding_that_there_is_not() -> None:
    with segmented(space(*many(11))) as (client, app):
        target = f"https://profiles.segment.com{PROFILES}?limit=10&next=0"
        status, body = client.get(target, headers={"Accept-Encoding": "zlib"})
        assert (status, len(body["data"])) == (200, 10)
        assert body["cursor"]["url"].startswith(f"http://profiles.segment.com{PROFILES}?")
        assert client.get(f"HTTP://profiles.segment.com{PROFILES}/user_id:1/traits")[0] == 200
        assert app.log.arrivals["GET", TRAITS] == 1


def test_a_space_takes_a_hundred_requests_a_second_and_refuses_without_saying_for_how_long() -> None:
    clock = [0.0]
    with segmented(space(ADA, rate=100), clock=lambda: clock[0]) as (client, app):
        statuses = [client.get("/user_id:42/traits")[0] for _ in range(102)]
        assert statuses == [200] * 100 + [429] * 2
        status, body = client.get("/user_id:42/traits")
        assert (status, body["error"]["code"]) == (429, "rate_limit_error")
        assert client.answer.headers["Retry-After"] is None
        assert client.get("/user_id:42/traits", basic("wrong"))[0] == 401
        clock[0] = 0.02
        assert [client.get("/user_id:42/traits")[0] for _ in range(3)] == [200, 200, 429]
        assert app.log.most_in_a_second == 107


def test_a_limit_may_say_when_to_come_back() -> None:
    with segmented(space(ADA, rate=1, retry_after=3), clock=lambda: 0.0) as (client, _):
        assert [client.get("/user_id:42/traits")[0] for _ in range(2)] == [200, 429]
        assert client.answer.headers["Retry-After"] == "3"


@pytest.mark.parametrize(
    ("fault", "code"),
    [("500:100%", "internal_error"), ("429:100%:after=2", "rate_limit_error"), ("403:100%", "forbidden")],
)
def test_a_fault_is_in_the_apis_own_shape_and_says_whose_it_is(fault: str, code: str) -> None:
    with segmented(space(ADA), faults=[parse(fault)]) as (client, _):
        status, body = client.get("/user_id:42/traits")
        assert (status, body["error"]["code"]) == (int(fault[:3]), code)
        assert body["error"]["message"].endswith("(injected by the emulator)")
        assert client.answer.headers["Request-Id"]


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_shows_profiles_and_how_fast_it_was_asked() -> None:
    null = profile(2)
    null.traits = None
    with segmented(space(ADA, null), clock=lambda: 0.0) as (client, app):
        client.get("")
        client.get("/user_id:42/traits")
        status, overview = client.get("/__emulator__/overview")
        assert (status, overview["profiles"], overview["requests"], overview["mostInASecond"]) == (200, 2, 2, 2)
        assert client.get("/__emulator__/log")[1]["rateWhileBusy"] == 0
        _, found = client.get("/__emulator__/profiles?q=ADA%2B1")
        assert found == {"total": 2, "found": 1, "profiles": [{"segment_id": ADA.segment_id, "name": "42"}]}
        assert client.get("/__emulator__/profiles")[1]["found"] == 2
        _, shown = client.get(f"/__emulator__/profiles/{ADA.segment_id}")
        assert shown["traits"] == [["email", '"ada@example.com"'], ["plan", '"pro"']]
        assert shown["external_ids"][0] == ["user_id", "42", "2023-01-05T15:01:01.1Z"]
        assert client.get(f"/__emulator__/profiles/{null.segment_id}")[1]["traits"] is None
        assert client.get("/__emulator__/profiles/use_none")[0] == 404
        client.connection.request("GET", "/")
        answer = client.connection.getresponse()
        assert b"<title>Segment emulator</title>" in answer.read()
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        client.connection.request("POST", "/__emulator__/reset")
        client.connection.getresponse().read()
        assert (app.log.total, app.log.most_in_a_second, len(app.space.profiles)) == (0, 0, 2)
