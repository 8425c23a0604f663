"""The Customer.io emulator: first its pure workspace, then what its HTTP skins say over real sockets."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from emulated import BASIC, Client, Time, attributes, by_email, by_id, failures, given, person, workspace
from syncline.emulators.customerio import NOT_EMULATED, Credentials, Customerio, Identifier, Switches, Workspace
from syncline.emulators.server import Emulator

# Merging


def test_an_upsert_merges_and_null_removes() -> None:
    space = workspace()
    assert not space.identify(by_id("1"), given(plan="pro", city="Wien", age=30))
    assert not space.identify(by_id("1"), given(plan="free", city=None))
    assert attributes(space, by_id("1")) == {"id": "1", "plan": "free", "age": "30"}


@pytest.mark.parametrize(("removes", "left"), [(False, {"id": "1", "plan": ""}), (True, {"id": "1"})])
def test_an_empty_text_removes_only_by_its_switch(removes: bool, left: dict[str, str]) -> None:
    space = workspace(switches=Switches(empty_removes=removes))
    space.identify(by_id("1"), given(plan="pro"))
    space.identify(by_id("1"), given(plan=""))
    assert attributes(space, by_id("1")) == left


@pytest.mark.parametrize(
    ("json", "text"),
    [
        (b"18446744073709551616", "18446744073709551616"),
        (b"0.1000000000000000055", "0.1000000000000000055"),
        (b"1.0e5", "1.0e5"),
        (b"true", "true"),
        (b'"\\u00e9\\n"', "é\n"),
        (b'{"a": [1, 2.50]}', '{"a":[1,2.50]}'),
    ],
)
def test_values_are_read_back_as_text_digit_for_digit(json: bytes, text: str) -> None:
    space = workspace()
    space.identify(by_id("1"), {"value": Raw(json)})
    space.identify(by_id("1"), given(other=1))
    assert attributes(space, by_id("1"))["value"] == text


def test_names_are_read_in_byte_order_and_a_timestamp_moves_only_with_its_value() -> None:
    now = Time()
    space = Workspace(now)
    space.identify(by_id("1"), {**given(age=1, plan="pro"), "In High Value": Raw(b"true")})
    now.at += 10
    space.identify(by_id("1"), given(age=1, plan="free", city="Wien"))
    person = space.find(by_id("1"))
    assert person is not None
    reading = person.read()
    assert list(reading.attributes) == ["In High Value", "age", "cio_id", "city", "id", "plan"]
    assert [reading.timestamps[name] - 1_700_000_000 for name in reading.attributes] == [0, 0, 0, 10, 0, 10]


def test_a_cio_id_is_16_hex_digits_and_new_after_recreation() -> None:
    space = workspace()
    space.identify(by_id("1"), {})
    before = space.find(by_id("1"))
    space.delete(by_id("1"))
    space.delete(by_id("1"))
    space.identify(by_id("1"), {})
    after = space.find(by_id("1"))
    assert before is not None
    assert after is not None
    assert re.fullmatch(r"[0-9a-f]{16}", before.cio_id)
    assert before.cio_id != after.cio_id
    assert [activity.what for activity in space.activities] == ["profile_create", "profile_delete", "profile_create"]


def test_reserved_names_are_never_attributes() -> None:
    space = workspace()
    space.identify(
        by_id("1"), given(_update=False, _timestamp=1, cio_relationships={}, anonymous_id="x", cio_id="y", a=1)
    )
    assert attributes(space, by_id("1")) == {"id": "1", "a": "1"}


# Identity


def test_a_new_id_with_a_known_email_takes_the_person_over() -> None:
    space = workspace()
    space.identify(by_email("ada@example.com"), given(plan="pro"))
    space.identify(by_id("1"), given(email="ADA@example.com"))
    assert attributes(space, by_id("1")) == {"id": "1", "email": "ADA@example.com", "plan": "pro"}
    space.identify(by_id("2"), given(email="ada@example.com"))
    assert space.find(by_id("1")) is None
    assert space.find(by_id("2")) is space.find(by_email("Ada@Example.com"))
    assert len(space.people) == 1


def test_taking_over_can_be_switched_off() -> None:
    space = workspace(switches=Switches(new_id_takes_over=False))
    space.identify(by_id("1"), given(email="ada@example.com"))
    assert not space.identify(by_id("2"), given(email="ada@example.com"))
    assert failures(space) == ["failed_attribute_change"]
    assert space.find(by_id("2")) is None


def test_identifiers_of_two_people_are_accepted_and_not_written() -> None:
    space = workspace()
    space.identify(by_id("1"), given(email="ada@example.com"))
    space.identify(by_id("2"), given(email="bob@example.com"))
    assert not space.identify(by_id("2"), given(email="ada@example.com", plan="pro"))
    assert failures(space) == ["failed_attribute_change"]
    assert attributes(space, by_id("2")) == {"id": "2", "email": "bob@example.com"}


@pytest.mark.parametrize("email", ["new@example.com", None])
def test_an_email_that_is_set_is_changed_only_by_cio_id_or_by_the_switch(email: str | None) -> None:
    space = workspace()
    space.identify(by_id("1"), given(email="ada@example.com"))
    person = space.find(by_id("1"))
    assert person is not None
    space.identify(by_id("1"), given(email=email, plan="pro"))
    assert (failures(space), person.email, person.text) == (["failed_attribute_change"], "ada@example.com", b"{}")
    space.identify(Identifier("cio_id", person.cio_id), given(email=email, id="9"))
    assert (person.email, person.id) == (email, "9")
    assert space.find(by_id("9")) is person
    assert space.find(by_id("1")) is None
    assert space.find(by_email("ada@example.com")) is None

    lenient = workspace(switches=Switches(email_changes_by_id=True))
    lenient.identify(by_id("1"), given(email="ada@example.com"))
    lenient.identify(by_id("1"), given(email=email))
    assert attributes(lenient, by_id("1")).get("email") == email


def test_a_workspace_that_knows_ids_only_lets_two_people_share_an_email() -> None:
    space = workspace("id")
    space.identify(by_id("1"), given(email="ada@example.com"))
    space.identify(by_id("2"), given(email="ada@example.com"))
    space.identify(by_id("1"), given(email="ada@new.example.com"))
    space.identify(by_id("2"), given(plan="pro"))
    assert not space.failures
    assert [person.id for person in space.register.with_email("ADA@example.com")] == ["2"]


def test_update_never_creates() -> None:
    space = workspace()
    assert not space.identify(by_id("1"), given(_update=True, plan="pro"))
    assert failures(space) == ["skipped_update"]
    assert not space.people
    space.identify(by_id("1"), given(plan="free"))
    space.identify(by_id("1"), given(_update=True, plan="pro"))
    assert attributes(space, by_id("1"))["plan"] == "pro"


def test_an_unknown_cio_id_is_dropped() -> None:
    space = workspace()
    assert not space.identify(Identifier("cio_id", "b79e000000000001"), given(plan="pro"))
    assert failures(space) == ["failed_attribute_change"]
    assert not space.people


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("2", "id attribute and identifier are not the same value"),
        (None, "id attribute must be present"),
        (True, "id attribute must be a string value"),
        ("", "id attribute cannot be an empty string"),
    ],
)
def test_an_id_that_contradicts_its_address_is_an_error(value: object, message: str) -> None:
    assert [wrong.v1 for wrong in workspace().identify(by_id("1"), given(id=value))] == [message]
    assert not workspace().identify(by_id("1"), given(id="1"))
    assert not workspace().identify(by_id("1"), given(id=1))


# Limits


def test_every_violation_is_listed_in_bytes_and_nothing_is_written() -> None:
    space = workspace()
    fits = {
        "é" * 75: Raw(b"1"),
        "v": Raw(msgspec.json.encode("é" * 500)),
        "escaped": Raw(b'"' + b"\\u0061" * 1000 + b'"'),
    }
    assert not space.identify(by_id("i" * 150), fits)
    wrong = space.identify(by_id("j" * 151), {"é" * 76: Raw(b"1"), **given(v="é" * 501, w=["x" * 1000])})
    assert [violation.v1 for violation in wrong] == [
        "id cannot be longer than 150 bytes",
        "attribute name cannot be longer than 150 bytes",
        "value for attribute 'v' cannot be longer than 1000 bytes",
        "value for attribute 'w' cannot be longer than 1000 bytes",
    ]
    assert len(space.people) == 1
    assert not workspace(switches=Switches(nested_measured=False)).identify(by_id("1"), given(w=["x" * 1000]))


def test_300_attributes_fit_and_301_do_not() -> None:
    space = workspace(switches=Switches(cap_counts_stored=True))
    full = given(**{f"a{number}": number for number in range(300)}, _update=False)
    assert not space.identify(by_id("1"), full)
    wrong = space.identify(by_id("1"), {**full, **given(more=1)})
    assert [violation.v1 for violation in wrong] == ["cannot identify more than 300 attributes in one request"]
    assert not space.identify(by_id("1"), given(more=1))
    assert failures(space) == ["failed_attribute_change"]


def test_search_finds_people_by_any_text_and_counts_them_all() -> None:
    space = workspace()
    for number in range(100):
        space.identify(by_id(str(number)), given(email=f"p{number}@example.com", city="Köln" if number % 2 else "Rom"))
    assert [len(part) if isinstance(part, list) else part for part in space.register.search("KÖLN", 20)] == [50, 20]
    assert [person.id for person in space.register.search("P77@", 20)[1]] == ["77"]
    assert [person.id for person in space.register.search("", 2)[1]] == ["99", "98"]


# Over real sockets


@pytest.fixture
def emulator() -> Iterator[Emulator[Customerio]]:
    with Emulator(Customerio()) as running:
        yield running


@pytest.fixture
def client(emulator: Emulator[Customerio]) -> Iterator[Client]:
    made = Client(emulator.url)
    yield made
    made.connection.close()


def test_success_looks_as_it_was_recorded(client: Client) -> None:
    assert client.ask("PUT", "/api/v1/customers/1", {"plan": "pro"}) == (200, {})
    assert client.body == b"{}\n"
    headers = {name.lower(): value for name, value in client.answer.headers.items() if name != "date"}
    assert headers == {
        "content-type": "application/json; charset=utf-8",
        "content-length": "3",
        "cache-control": "no-cache, no-store, must-revalidate, max-age=0",
        "access-control-allow-origin": "*",
        "status": "200 OK",
        "via": "1.1 google",
        "strict-transport-security": "max-age=31536000; includeSubDomains",
    }
    socket = client.connection.sock
    assert client.ask("DELETE", "/api/v1/customers/1") == (200, {})
    assert client.ask("DELETE", "/api/v1/customers/1", {}) == (200, {})
    assert client.connection.sock is socket  # kept alive


def test_both_base64_alphabets_are_accepted_and_nothing_else() -> None:
    credentials = Credentials("s>>", "k??")
    pair = b"s>>:k??"
    assert b64encode(pair) != urlsafe_b64encode(pair)
    with Emulator(Customerio(Workspace(Time(), credentials=credentials))) as emulator:
        client = Client(emulator.url)
        for token in (b64encode(pair), urlsafe_b64encode(pair)):
            assert client.ask("GET", "/auth", None, f"Basic {token.decode()}")[0] == 200
        for refused in (BASIC, "", "Bearer app", "Basic !!!"):
            expected = {"meta": {"error": "Unauthorized request"}}
            assert client.ask("PUT", "/api/v1/customers/1", {}, refused) == (401, expected)
        expected_app = {"errors": [{"detail": "unauthorized", "status": 401}]}
        assert client.ask("GET", "/v1/customers?email=a", None, BASIC) == (401, expected_app)
        assert not emulator.app.workspace.people
        client.connection.close()


def test_auth_and_region(client: Client, emulator: Emulator[Customerio]) -> None:
    assert client.ask("GET", "/auth") == (200, {"meta": {"message": "nice credentials."}})
    region = {"url": emulator.url, "region": "us", "environment_id": 1}
    assert client.ask("GET", "/api/v1/accounts/region") == (200, region)


@pytest.mark.parametrize(
    ("segment", "kind", "value"),
    [
        ("a%2Fb", "id", "a/b"),
        ("a%252Fb+c%20%C3%A9", "id", "a%2Fb+c é"),
        ("ada%40example.com", "email", "ada@example.com"),
        ("ada@example.com", "email", "ada@example.com"),
        ("+4912345", "id", "+4912345"),
    ],
)
def test_one_path_segment_is_one_identifier(
    client: Client, emulator: Emulator[Customerio], segment: str, kind: Any, value: str
) -> None:
    assert client.ask("PUT", f"/api/v1/customers/{segment}", {"a": 1})[0] == 200
    found = emulator.app.workspace.find(Identifier(kind, value))
    assert found is not None
    assert client.ask("PUT", f"/api/v1/customers/cio_{found.cio_id}", {"a": 2})[0] == 200
    assert found.read().attributes["a"] == "2"


def test_an_unescaped_slash_is_another_route(client: Client) -> None:
    assert client.ask("PUT", "/api/v1/customers/a/b", {})[0] == 404


def test_an_identify_lists_all_that_is_wrong_pretty_printed(client: Client, emulator: Emulator[Customerio]) -> None:
    status, _ = client.ask("PUT", "/api/v1/customers/1", {"id": "2", "bio": "x" * 1001})
    assert status == 400
    assert client.body.decode() == (
        '{\n  "meta": {\n    "errors": [\n'
        '      "id attribute and identifier are not the same value",\n'
        "      \"value for attribute 'bio' cannot be longer than 1000 bytes\"\n"
        "    ]\n  }\n}\n"
    )
    assert client.ask("PUT", "/api/v1/customers/", {})[1] == {
        "meta": {"errors": ["id attribute cannot be an empty string"]}
    }
    for malformed in (b"[]", b"{", b"", b'{"a":"\xff"}'):
        assert client.ask("PUT", "/api/v1/customers/1", malformed)[0] == 400
    assert not emulator.app.workspace.people


def test_json_that_is_nested_without_end_is_refused_in_words(
    client: Client, emulator: Emulator[Customerio], capfd: pytest.CaptureFixture[str]
) -> None:
    deep = b"[" * 20_000 + b"]" * 20_000
    for method, path, body in (
        ("PUT", "/api/v1/customers/1", b'{"a":' + deep + b"}"),
        ("POST", "/api/v2/batch", b'{"batch":' + deep + b"}"),
    ):
        assert client.ask(method, path, body)[0] == 400
    assert client.app("POST", "/v1/customers", b'{"filter":' + deep + b"}")[0] == 400
    assert not emulator.app.workspace.people
    assert capfd.readouterr().err == ""


def test_what_is_not_emulated_says_so(client: Client) -> None:
    status, body = client.ask("POST", "/api/v1/forms/7/submit")
    assert (status, body) == (501, {"meta": {"error": "not emulated: POST /api/v1/forms/{form_id}/submit"}})
    assert client.app("GET", "/v1/exports")[0] == 501
    assert all(NOT_EMULATED)


def test_a_batch_applies_what_it_accepts_and_lists_only_failures(
    client: Client, emulator: Emulator[Customerio]
) -> None:
    items = [
        person(plan="pro"),
        person(who={"id": "2"}, plan="x" * 1001, bio="y" * 1001),
        person(who={"email": "ada@example.com"}),
        person(who={"id": None}),
        person(who={"phone": "+49"}),
        person("dance"),
        {"type": "delivery", "identifiers": {}},
        {"type": "person", "identifiers": 3},
        person(who={"id": 7}, big="x" * 900, **{f"a{number}": "x" * 900 for number in range(40)}),
        person("delete", {"id": "3"}),
        7,
    ]
    status, body = client.ask("POST", "/api/v2/batch", {"batch": items})
    assert status == 207
    assert [(error["batch_index"], error["field"]) for error in body["errors"]] == [
        (1, "attributes.plan"),
        (1, "attributes.bio"),
        (3, "identifiers.id"),
        (4, "identifiers.phone"),
        (5, "action"),
        (6, "type"),
        (7, "identifiers"),
        (8, ""),
        (10, ""),
    ]
    assert body["errors"][0] == {
        "batch_index": 1,
        "reason": "invalid",
        "field": "attributes.plan",
        "message": "property value cannot be longer than 1000 bytes",
    }
    assert len(emulator.app.workspace.people) == 2
    assert client.ask("POST", "/api/v2/batch", {"batch": items[:1]}) == (200, {})
    assert client.body == b"{}\n"


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"batch":[]}', b'{"batch":["\xff"]}', b'{"batch":3}'])
def test_a_batch_that_makes_no_sense_is_refused_whole(client: Client, body: bytes) -> None:
    status, answer = client.ask("POST", "/api/v2/batch", body)
    assert (status, answer["errors"][0]["reason"]) == (400, "invalid")


def test_a_request_has_500_kilobytes_and_an_item_32() -> None:
    space = Workspace(Time(), switches=Switches(oversize_status=413))
    with Emulator(Customerio(space)) as emulator:
        client = Client(emulator.url)
        body = msgspec.json.encode({"batch": [person(plan="pro")]})
        assert client.ask("POST", "/api/v2/batch", body.ljust(500_000))[0] == 200
        assert client.ask("POST", "/api/v2/batch", body.ljust(500_001))[0] == 413
        entity = msgspec.json.encode(person(plan="pro"))
        assert client.ask("POST", "/api/v2/entity", entity.ljust(32_000))[0] == 200
        assert client.ask("POST", "/api/v2/entity", entity.ljust(32_001))[0] == 413
        client.connection.close()


def test_an_entity_is_one_operation(client: Client, emulator: Emulator[Customerio]) -> None:
    assert client.ask("POST", "/api/v2/entity", person(plan="pro")) == (200, {})
    found = emulator.app.workspace.find(by_id("1"))
    assert found is not None
    assert client.ask("POST", "/api/v2/entity", person(who={"cio_id": found.cio_id}, plan="free")) == (200, {})
    assert found.read().attributes["plan"] == "free"
    status, body = client.ask("POST", "/api/v2/entity", person(who={"id": True}))
    error = {"field": "identifiers.id", "message": "must be a string or a number", "reason": "invalid"}
    assert (status, body) == (400, {"errors": [error]})
    assert client.ask("POST", "/api/v2/entity", b"{")[0] == 400
    assert client.ask("POST", "/api/v2/entity", person("delete")) == (200, {})
    assert not emulator.app.workspace.people


# The App API


def test_one_person_is_read_by_any_identifier(client: Client) -> None:
    client.ask("PUT", "/api/v1/customers/1", {"email": "Ada@example.com", "age": 30, "unsubscribed": "TRUE"})
    status, body = client.app("GET", "/v1/customers/1/attributes")
    customer = body["customer"]
    cio_id = customer["identifiers"]["cio_id"]
    assert status == 200
    assert customer["identifiers"] == {"email": "Ada@example.com", "id": "1", "cio_id": cio_id}
    expected = {"age": "30", "cio_id": cio_id, "email": "Ada@example.com", "id": "1", "unsubscribed": "TRUE"}
    assert customer["attributes"] == expected
    assert customer["timestamps"].keys() == expected.keys()
    assert (customer["unsubscribed"], customer["devices"]) == (True, [])
    for path in (f"{cio_id}/attributes?id_type=cio_id", "ada%40EXAMPLE.com/attributes?id_type=email"):
        assert client.app("GET", f"/v1/customers/{path}")[1] == body
    assert client.app("GET", "/v1/customers?email=ada%40example.com")[1] == {"results": [customer["identifiers"]]}
    assert client.app("GET", "/v1/customers?email=nobody%40example.com")[1] == {"results": []}


def test_who_is_unknown_is_404_with_a_reference(client: Client) -> None:
    status, body = client.app("GET", "/v1/customers/1/attributes")
    (error,) = body["errors"]
    assert (status, error["status"]) == (404, "404")
    assert re.fullmatch(r"not found \(reference [0-9A-HJKMNP-TV-Z]{26}\)", error["detail"])
    assert client.app("GET", "/v1/customers/1/attributes?id_type=phone")[0] == 400


def test_a_hundred_people_are_read_at_once_and_no_more(client: Client) -> None:
    for number in range(3):
        client.ask("PUT", f"/api/v1/customers/{number}", {})
    status, body = client.app("POST", "/v1/customers/attributes?id_type=id", {"ids": ["2", "x", "0"]})
    assert (status, [entry["customer"]["id"] for entry in body["customers"]]) == (200, ["2", "0"])
    assert client.app("POST", "/v1/customers/attributes", {"ids": ["1"] * 100})[0] == 200
    assert client.app("POST", "/v1/customers/attributes", {"ids": ["1"] * 101})[0] == 400
    assert client.app("POST", "/v1/customers/attributes", b"{")[0] == 400


def test_the_app_api_has_its_own_rate() -> None:
    with Emulator(Customerio(clock=lambda: 0.0)) as emulator:
        client = Client(emulator.url)
        statuses = [client.app("GET", "/v1/customers?email=x")[0] for _ in range(11)]
        assert statuses == [200] * 10 + [429]
        assert client.answer.headers["Retry-After"] == "1"
        assert b"rate limited to 10 requests per 1s (reference " in client.body
        assert client.ask("GET", "/auth")[0] == 200
        client.connection.close()


# The page, the log, the command


def test_the_log_counts_templates_and_never_paths(client: Client, emulator: Emulator[Customerio]) -> None:
    client.ask("PUT", "/api/v1/customers/secret-7", {"a": 1})
    client.ask("GET", "/no-such-path")
    status, body = client.ask("GET", "/__emulator__/log")
    assert (status, body["total"], b"secret-7" in client.body) == (200, 2, False)
    assert {"method": "PUT", "route": "/api/v1/customers/{identifier}", "status": 200, "count": 1} in body["counts"]
    assert [seen["status"] for seen in body["latest"]] == [404, 200]
    assert emulator.app.log.arrivals["PUT", "/api/v1/customers/{identifier}"] == 1
    assert client.ask("POST", "/__emulator__/reset") == (200, {})
    assert emulator.app.log.total == 0
    assert len(emulator.app.workspace.people) == 1


def test_the_page_is_self_contained_and_its_policy_strict(client: Client) -> None:
    client.connection.request("GET", "/")
    answer = client.connection.getresponse()
    html = answer.read().decode()
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?:|innerHTML|\bon\w+=|style=", html)


def test_the_page_can_search_and_show(client: Client) -> None:
    client.ask("PUT", "/api/v1/customers/1", {"name": "<script>", "city": "Köln"})
    status, body = client.ask("GET", "/__emulator__/people?q=k%C3%B6ln")
    (found,) = body["people"]
    assert (status, body["total"], body["found"], found["id"]) == (200, 1, 1, "1")
    shown = client.ask("GET", f"/__emulator__/people/{found['cio_id']}")[1]
    assert [name for name, _, _ in shown["attributes"]] == ["cio_id", "city", "id", "name"]
    assert client.ask("GET", "/__emulator__/people/b79e")[0] == 404
    overview = client.ask("GET", "/__emulator__/overview")[1]
    assert (overview["people"], overview["activities"][0]["who"]) == (1, "id:1")


SERVE = """
from syncline.emulators.customerio import Customerio
from syncline.emulators.server import serve
serve(Customerio(), "127.0.0.1", 0, lambda url: print(url, flush=True))
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_ends_quietly_on_a_signal(number: signal.Signals) -> None:
    command = [sys.executable, "-W", "error", "-c", SERVE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        client = Client(process.stdout.readline().strip())
        assert client.ask("GET", "/auth")[0] == 200
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
        client.connection.close()
    assert (process.returncode, errors) == (0, "")
