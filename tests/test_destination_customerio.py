"""Customer.io as functions and conversations: what is sent, and what the answers are taken for."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Literal
from urllib.parse import unquote_to_bytes

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from play import answer, change, customerio, delivered, items, play, rejected
from syncline.destinations.customerio import CustomerIo, refuse_name
from syncline.emulators.customerio.identity import Identifier, of_object, of_path
from syncline.errors import RULES, Garbled, Misconfigured, Refused, Unfit
from syncline.flow.canonical import assemble
from syncline.model import BatchLimits, Request, Response, Semantics, Verdict

JSON = (("content-type", "application/json"),)


def refusal(destination: CustomerIo, identifier: object) -> str:
    with pytest.raises(Unfit) as unfit:
        destination.key(identifier)
    assert (unfit.value.field, unfit.value.rule) == ("", "identifier-unfit")
    return unfit.value.reason


def unfit(destination: CustomerIo, key: str, record: Mapping[str, object]) -> tuple[str, str]:
    with pytest.raises(Unfit) as no:
        check(destination, key, record)
    return no.value.field, no.value.reason


def check(destination: CustomerIo, key: str, record: Mapping[str, object]) -> None:
    destination.check(key, texts(record))


def texts(record: Mapping[str, object]) -> dict[str, bytes]:
    """`bytes` are JSON as it stands."""
    return {name: value if isinstance(value, bytes) else msgspec.json.encode(value) for name, value in record.items()}


def broken(identifier: object, attributes: Mapping[str, object], api: str = "batch") -> tuple[str, str, str] | None:
    """The field, the rule and the reason, where a row of this identifier and these attributes cannot be sent."""
    destination = customerio(api=api)
    try:
        key = destination.key(identifier)
        check(destination, key, attributes)
        destination.encode(change(key, assemble(texts(attributes))))
    except Unfit as unfit:
        return unfit.field, unfit.rule, unfit.reason
    return None


def remarks(value: object, name: str) -> list[str]:
    destination, record = customerio(), texts({"plan": 1, name: value})
    destination.check("id:1", record)
    told = destination.remarks("id:1", record)
    assert {remark.field for remark in told} <= {name}
    return [remark.what for remark in told]


def sent(destination: CustomerIo, key: str, attributes: object = None) -> Request:
    """The one request that carries this person."""
    ((request,), _) = play(destination.converse([destination.encode(change(key, attributes))]), answer())
    return request


def identified(request: Request) -> Identifier | str:
    """Whom the emulator takes the request for."""
    if request.method == "PUT":
        prefix = "/api/v1/customers/"
        assert request.path.startswith(prefix)
        segment = request.path.removeprefix(prefix)
        assert "/" not in segment
        return of_path(unquote_to_bytes(segment).decode(), "id+email")
    (item,) = json.loads(request.body)["batch"]
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in item["identifiers"].items()}
    return of_object(raw, "id+email")


# --- identity ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identifier", "key", "path"),
    [
        (7258, "id:7258", "7258"),
        ("7258", "id:7258", "7258"),
        (0, "id:0", "0"),
        (-5, "id:-5", "-5"),
        (2**53 + 1, "id:9007199254740993", "9007199254740993"),
        (2**64, "id:18446744073709551616", "18446744073709551616"),
        ("007", "id:007", "007"),
        (" 42 ", "id: 42 ", "%2042%20"),
        ("a/b", "id:a/b", "a%2Fb"),
        ("a?x=1#f", "id:a?x=1#f", "a%3Fx%3D1%23f"),
        ("a%2Fb", "id:a%2Fb", "a%252Fb"),
        ("é😀", "id:é😀", "%C3%A9%F0%9F%98%80"),
        ("e\u0301", "id:e\u0301", "e%CC%81"),
        ("id:7", "id:id:7", "id%3A7"),
        ("...", "id:...", "..."),
        ("=1+1", "id:=1+1", "%3D1%2B1"),
        ("Ada@X.org", "email:ada@x.org", "ada%40x.org"),
        ("ada@x", "id:ada@x", "ada%40x"),
        ("a b@x.org", "id:a b@x.org", "a%20b%40x.org"),
        ("a@b@x.org", "id:a@b@x.org", "a%40b%40x.org"),
        ("cio_b79e000000000001", "cio_id:b79e000000000001", "cio_b79e000000000001"),
        ("cio_a@x.org", "cio_id:a@x.org", "cio_a%40x.org"),
        ("Cio_1", "id:Cio_1", "Cio_1"),
    ],
)
def test_a_key_and_how_v1_spells_it(identifier: object, key: str, path: str) -> None:
    assert customerio().key(identifier) == customerio(api="identify").key(identifier) == key
    assert sent(customerio(api="identify"), key).path == f"/api/v1/customers/{path}"


@pytest.mark.parametrize("api", ["batch", "identify"])
@pytest.mark.parametrize(
    ("identifier", "reason"),
    [
        (True, "a boolean is not an identifier; expected text or a whole number"),
        (False, "a boolean is not an identifier; expected text or a whole number"),
        (1.5, "a fraction or a float is not an identifier; expected text or a whole number"),
        (1.0, "a fraction or a float is not an identifier; expected text or a whole number"),
        (None, "null is not an identifier; expected text or a whole number"),
        ([], "a list is not an identifier; expected text or a whole number"),
        ({}, "an object is not an identifier; expected text or a whole number"),
        ("", "the identifier is blank"),
        (" \t\u00a0", "the identifier is blank"),
        ("a\x00", "the identifier holds control characters"),
        ("a\r\nb", "the identifier holds control characters"),
        ("a\x7f", "the identifier holds control characters"),
        ("a\x85b", "the identifier holds control characters"),
        ("a\udcffb", "the identifier holds control characters"),
        ("cio_", 'the identifier is empty after "cio_"'),
    ],
)
def test_what_is_no_identifier(api: str, identifier: object, reason: str) -> None:
    assert refusal(customerio(api=api), identifier) == reason


@pytest.mark.parametrize("value", [".", ".."])
def test_a_path_cannot_hold_dots_and_a_batch_can(value: str) -> None:
    reason = f'"{value}" cannot stand in the path of a v1 call; `api: batch` can send it'
    assert refusal(customerio(api="identify"), value) == reason
    assert identified(sent(customerio(), customerio().key(value))) == Identifier("id", value)


@pytest.mark.promise("R9")
@pytest.mark.parametrize("api", ["batch", "identify"])
@pytest.mark.parametrize(
    ("fits", "size"),
    [
        ("x" * 150, 151),
        ("é" * 75, 152),
        ("x" + "é" * 74 + "x", 151),
        ("😀" * 37 + "é", 152),
        ("cio_" + "x" * 150, 151),
        ("x" * 144 + "@x.org", 151),
    ],
)
def test_an_identifier_has_150_bytes(api: str, fits: str, size: int) -> None:
    destination = customerio(api=api)
    destination.key(fits)
    longer = fits.replace("@", "x@") if "@" in fits else fits + fits[-1]
    assert refusal(destination, longer) == f"the identifier is {size} bytes; Customer.io takes at most 150"


def test_a_number_counts_its_digits() -> None:
    customerio().key(10**149)
    assert refusal(customerio(), 10**150).startswith("the identifier is 151 bytes")


@pytest.mark.parametrize(
    ("kind", "identifier", "key"),
    [
        ("id", "Ada@X.org", "id:Ada@X.org"),
        ("id", "cio_1", "id:cio_1"),
        ("email", "Ada@X.org", "email:ada@x.org"),
        ("email", "cio_a@x.org", "email:cio_a@x.org"),
        ("cio_id", "b79e000000000001", "cio_id:b79e000000000001"),
        ("cio_id", "cio_b79e000000000001", "cio_id:b79e000000000001"),
        ("cio_id", "a@x.org", "cio_id:a@x.org"),
    ],
)
def test_the_settings_may_say_the_kind(kind: str, identifier: str, key: str) -> None:
    assert customerio(identifier=kind).key(identifier) == key


def test_a_kind_that_the_identifier_cannot_be() -> None:
    assert "asks for one" in refusal(customerio(identifier="email"), "7258")
    assert "asks for one" in refusal(customerio(identifier="email"), 7258)
    assert "empty" in refusal(customerio(identifier="cio_id"), "cio_")


@pytest.mark.parametrize(
    ("kind", "identifier", "taken"),
    [
        ("id", "Ada@X.org", "email"),
        ("id", "cio_1", "cio_id"),
        ("email", "cio_a@x.org", "cio_id"),
        ("email", "CIO_a@x.org", "cio_id"),
        ("auto", "Cio_a@x.org", "cio_id"),
    ],
)
def test_v1_refuses_whom_its_path_would_miss(kind: str, identifier: str, taken: str) -> None:
    reason = refusal(customerio(api="identify", identifier=kind), identifier)
    assert reason.startswith(f"a v1 call would take this identifier for {taken}; `api: batch` can send it as ")
    customerio(identifier=kind).key(identifier)


shapes = st.one_of(
    st.text(max_size=12),
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.text("cCiIoO_@.aé/%?# 0", max_size=14),
    st.from_regex(r"(cio_|Cio_|CIO_)?[A-Za-zİ]{1,4}@[a-zİ]{1,3}\.[a-z]{1,3}", fullmatch=True),
    st.integers(),
)


@pytest.mark.promise("O4")
@given(shapes, st.sampled_from(["auto", "id", "email", "cio_id"]))
def test_both_apis_reach_the_same_person(identifier: object, kind: str) -> None:
    batch, identify = customerio(identifier=kind), customerio(identifier=kind, api="identify")
    try:
        key = identify.key(identifier)
    except Unfit:
        assume(False)
    assert batch.key(identifier) == key
    reached = identified(sent(batch, key))
    assert str(reached) == key
    assert reached == identified(sent(identify, key))


# --- records ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x" * 150, "é" * 75, "a.b", "a[0]", "constructor", "$set", 'q"', " "])
def test_names_that_fit(name: str) -> None:
    check(customerio(), "id:1", {name: 1})


@pytest.mark.promise("R9")
@pytest.mark.parametrize(("name", "size"), [("x" * 151, 151), ("é" * 76, 152), ("", 0)])
def test_a_name_has_1_to_150_bytes(name: str, size: int) -> None:
    destination = customerio()
    for _ in range(2):  # a name once refused stays refused
        field, reason = unfit(destination, "id:1", {"fine": 1, name: 1})
        assert field == name[:40]
        assert reason == f"the attribute name is {size} bytes; Customer.io takes 1 to 150"


@pytest.mark.promise("R9")
@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("x" * 1_000, None),
        ("x" * 1_001, 1_001),
        ("é" * 500, None),
        ("é" * 500 + "x", 1_001),
        ("\n" * 1_000, None),
        ("\x01" * 1_000, None),
        ("\x01" * 1_001, 1_001),
        ('"' * 1_001, 1_001),
        (["x" * 996], None),
        (["x" * 997], 1_001),
        ({"a": "x" * 992}, None),
        ({"a": "x" * 993}, 1_001),
        (b"1" * 1_000, None),
        (b"1" * 1_001, 1_001),
    ],
)
def test_a_value_has_1000_bytes(value: object, size: int | None) -> None:
    if size is None:
        check(customerio(), "id:1", {"a": value})
    else:
        reason = f"the value is {size} bytes; Customer.io takes at most 1000"
        assert unfit(customerio(), "id:1", {"b": 1, "a": value}) == ("a", reason)


@pytest.mark.parametrize("email", ["ada@x.org", "ADA@X.ORG"])
def test_an_email_that_agrees_with_the_key(email: str) -> None:
    check(customerio(), "email:ada@x.org", {"email": email})
    check(customerio(), "id:1", {"email": "someone@else.org"})


@pytest.mark.parametrize("email", ["bob@x.org", "", None])
def test_an_email_that_contradicts_the_key(email: object) -> None:
    field, reason = unfit(customerio(), "email:ada@x.org", {"email": email})
    assert (field, "would drop the write" in reason) == ("email", True)


@pytest.mark.promise("R9")
@pytest.mark.parametrize("mode", ["upsert", "update"])
@pytest.mark.parametrize("api", ["batch", "identify"])
def test_a_person_has_300_attributes(api: str, mode: Literal["upsert", "update"]) -> None:
    destination = customerio(mode, api=api)
    some = {f"a{number}": {'":': 1} for number in range(300)}
    destination.encode(change("id:1", some))
    with pytest.raises(Unfit, match=r"^301 attributes; Customer.io takes at most 300$"):
        destination.encode(change("id:1", some | {"one more": 1}))


@pytest.mark.promise("R9", "B4")
@pytest.mark.parametrize("key", ["id:1", "id:é", "email:ada@x.org"])
@pytest.mark.parametrize("mode", ["upsert", "update"])
def test_an_item_has_32000_bytes(key: str, mode: Literal["upsert", "update"]) -> None:
    destination = customerio(mode)
    room = 32_000 - len(destination.encode(change(key, {"a": ""})).payload)
    assert len(destination.encode(change(key, {"a": "é" * (room // 2) + "x" * (room % 2)})).payload) == 32_000
    with pytest.raises(Unfit, match=r"^the person is 32001 bytes as JSON; one item of a batch may have 32000$"):
        destination.encode(change(key, {"a": "x" * (room + 1)}))


def test_a_v1_call_has_500000_bytes() -> None:
    destination = customerio(api="identify")
    assert len(destination.encode(change("id:1", {"a": "x" * 499_992})).payload) == 500_000
    with pytest.raises(Unfit, match=r"^the person is 500001 bytes as JSON; one call may have 500000$"):
        destination.encode(change("id:1", {"a": "x" * 499_993}))


def test_limits_are_what_the_settings_leave_of_the_documented_ones() -> None:
    assert customerio().limits == BatchLimits(500, 500_000, 12)
    assert customerio(batchItems=7, batchBytes=1_000).limits == BatchLimits(7, 1_000, 12)
    assert customerio(api="identify").limits == BatchLimits(1, 500_000, 0)


def test_values_travel_as_their_exact_text() -> None:
    body = b'{"big":18446744073709551616,"exact":0.1000000000000000055,"nil":null}'
    head = b'{"batch":[{"type":"person","action":"identify","identifiers":{"id":"7258"},"attributes":'
    assert sent(customerio(), "id:7258", body).body == head + body + b"}]}"
    assert sent(customerio(api="identify"), "id:7258", body).body == body


def test_a_hostile_id_stays_inside_its_quotes() -> None:
    (item,) = json.loads(sent(customerio(), 'id:"},"action":"delete').body)["batch"]
    assert (item["action"], item["identifiers"]) == ("identify", {"id": '"},"action":"delete'})


@pytest.mark.parametrize("api", ["batch", "identify"])
@pytest.mark.parametrize(("body", "expected"), [(b"{}", {}), (b'{"plan":"pro"}', {"plan": "pro"})])
def test_update_mode_never_creates(api: str, body: bytes, expected: Mapping[str, object]) -> None:
    document = json.loads(sent(customerio("update", api=api), "id:1", body).body)
    attributes = document["batch"][0]["attributes"] if api == "batch" else document
    assert attributes == {"_update": True, **expected}
    assert b"_update" not in sent(customerio("upsert", api=api), "id:1", body).body


def test_modes_are_told_apart() -> None:
    assert (customerio().fingerprint, customerio("update").fingerprint) == ("people/upsert", "people/update")
    assert not customerio().caveats
    assert "accepted, not found" in customerio("update").caveats[0]


def test_an_upsert_merges_may_be_sent_twice_and_can_be_read_back() -> None:
    assert customerio().semantics == Semantics(merges=True, idempotent=True, readable=True)


def test_lanes_and_account_hold_no_secret_in_the_open() -> None:
    destination = customerio(region="eu", appApiKey="app", rate=5)
    track, app = destination.lanes["track"], destination.lanes["app"]
    assert (track.origin, app.origin) == ("https://track-eu.customer.io", "https://api-eu.customer.io")
    assert dict(track.headers)["authorization"].reveal() == "Basic " + base64.b64encode(b"site:key").decode()
    assert dict(app.headers)["authorization"].reveal() == "Bearer app"
    assert (track.rate, track.timeout_s, app.rate, app.timeout_s) == (5, 60, 9, 30)
    assert "key" not in repr(destination.lanes) + destination.account
    assert customerio(workspace="shop").account == "https://track.customer.io/shop"
    assert customerio().account != customerio(siteId="other").account
    assert "app" not in customerio().lanes


@pytest.mark.parametrize("name", ["cio_id", "cio_relationships", "identifiers", "_update", "_timestamp", "_"])
def test_names_that_customerio_keeps_for_itself(name: str) -> None:
    assert "reserved" in (refuse_name(name, False) or ("", ""))[0]
    assert refuse_name(name, True) is not None


def test_only_the_user_id_may_be_mapped_to_id() -> None:
    assert refuse_name("id", True) is None
    assert "re-key" in (refuse_name("id", False) or ("", ""))[0]
    assert refuse_name("email", False) is None


# --- what the vendor documents ----------------------------------------------------------------------------------------

LONG = "é" * 75
NAMES = [f"a{number}" for number in range(301)]

# Every message of https://docs.customer.io/journeys/invalid-api-requests and every limit of
# https://docs.customer.io/api/track/ (checked 2026-10) that concerns people and can be known before anything is sent:
# its words, a row that fits, one that does not, and the field and the rule that the second one is told.
DOCUMENTED = [
    ("id attribute must be present", ("7", {}), (None, {}), ("", "identifier-unfit")),
    ("id attribute must be a string value", (7, {}), (True, {}), ("", "identifier-unfit")),
    ("id attribute must be a string value", (7, {}), (1.5, {}), ("", "identifier-unfit")),
    ("id attribute must be a string value", (7, {}), (["7"], {}), ("", "identifier-unfit")),
    ("id attribute cannot be an empty string", ("0", {}), ("", {}), ("", "identifier-unfit")),
    ("id attribute and identifier are not the same value", (7, {}), (7, {"id": "8"}), ("id", "name-unfit")),
    (
        "cannot identify more than 300 attributes in one request",
        (7, dict.fromkeys(NAMES[:300], 1)),
        (7, dict.fromkeys(NAMES, 1)),
        ("", "too-many-attributes"),
    ),
    ("attribute name cannot be longer than 150 bytes", (7, {LONG: 1}), (7, {LONG + "x": 1}), (LONG[:40], "name-unfit")),
    (
        "value for attribute 'a' cannot be longer than 1000 bytes",
        (7, {"a": "é" * 500}),
        (7, {"a": "é" * 501}),
        ("a", "value-too-long"),
    ),
    ("person id: 150 bytes", (LONG, {}), (LONG + "x", {}), ("", "identifier-unfit")),
    (
        "email: 150 bytes, as an identifier",
        ("x" * 144 + "@x.org", {}),
        ("x" * 145 + "@x.org", {}),
        ("", "identifier-unfit"),
    ),
    ("cio_id: 150 bytes", ("cio_" + LONG, {}), ("cio_x" + LONG, {}), ("", "identifier-unfit")),
    ("anonymous_id: text", (7, {"anonymous_id": "a"}), (7, {"anonymous_id": 5}), ("anonymous_id", "reserved-value")),
    (
        "anonymous_id: an identifier, so 150 bytes",
        (7, {"anonymous_id": LONG}),
        (7, {"anonymous_id": LONG + "x"}),
        ("anonymous_id", "value-too-long"),
    ),
    (
        "names that start with _ are reserved",
        (7, {"timestamp": 1}),
        (7, {"_timestamp": 1}),
        ("_timestamp", "name-unfit"),
    ),
    ("cio_id is reserved", (7, {"cio": 1}), (7, {"cio_id": "x"}), ("cio_id", "name-unfit")),
    ("cio_relationships is reserved", (7, {}), (7, {"cio_relationships": {}}), ("cio_relationships", "name-unfit")),
    (
        "32 KB an item of a batch",
        (7, dict.fromkeys(NAMES[:30], "x" * 1_000)),
        (7, dict.fromkeys(NAMES[:32], "x" * 1_000)),
        ("", "record-too-large"),
    ),
    (
        "two e-mails in one identify: 200, and no write",
        ("ada@x.org", {"email": "Ada@X.org"}),
        ("ada@x.org", {"email": "bob@x.org"}),
        ("email", "identifiers-differ"),
    ),
]


@pytest.mark.parametrize(
    ("documented", "fits", "fails", "expected"), DOCUMENTED, ids=[f"{row[0]} {n}" for n, row in enumerate(DOCUMENTED)]
)
def test_what_the_vendor_documents_is_known_before_anything_is_sent(
    documented: str,
    fits: tuple[object, Mapping[str, object]],
    fails: tuple[object, Mapping[str, object]],
    expected: tuple[str, str],
) -> None:
    assert broken(*fits) is None, documented
    refused = broken(*fails)
    assert refused is not None, documented
    assert refused[:2] == expected
    assert refused[1] in RULES


def test_a_v1_call_cannot_name_everybody() -> None:
    assert broken("..", {}) is None
    assert (broken("..", {}, api="identify") or ("", ""))[:2] == ("", "identifier-unfit")


# --- what names mean --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [True, False, 1, 0, "true", "True", "FALSE", "1", "0", None])
def test_unsubscribed_takes_what_customerio_reads_as_it_is_meant(value: object) -> None:
    assert broken(7, {"unsubscribed": value}) is None
    assert remarks(value, "unsubscribed") == []


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("yes", "text"),
        ("no", "text"),
        ("", "text"),
        (" true", "text"),
        (2, "a number"),
        (-1, "a number"),
        (b"1.0", "a number"),
        ([], "a list"),
        ({"a": 1}, "an object"),
    ],
)
def test_unsubscribed_refuses_what_would_be_read_as_subscribed(value: object, found: str) -> None:
    reason = f"{found} where true, false, 1 or 0 was expected: Customer.io reads it as subscribed; add `as: boolean`"
    assert broken(7, {"unsubscribed": value}) == ("unsubscribed", "reserved-value", reason)


TEXT = "held text where unix seconds are expected: add `as: timestamp`"
PART = "held a number that is not whole where unix seconds are expected: add `as: timestamp`"
MILLISECONDS = "held what looks like milliseconds where unix seconds are expected"


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (1704164645, None),
        ("1704164645", None),
        (0, None),
        (-631152000, None),
        (99_999_999_999, None),
        (None, None),
        (100_000_000_000, MILLISECONDS),
        (1704164645000, MILLISECONDS),
        ("1704164645000", MILLISECONDS),
        (1704164645.5, PART),
        (b"1.7e9", PART),
        ("2024-01-02T03:04:05", TEXT),
        ("yesterday", TEXT),
        ("1704164645.5", TEXT),
        ("", TEXT),
    ],
)
def test_created_at_is_sent_and_remarked_on_where_it_is_no_unix_seconds(value: object, what: str | None) -> None:
    assert broken(7, {"created_at": value}) is None
    assert remarks(value, "created_at") == ([what] if what else [])


@pytest.mark.parametrize(("value", "found"), [(True, "true"), (False, "false"), ([1], "a list"), ({}, "an object")])
def test_created_at_refuses_what_is_never_a_time(value: object, found: str) -> None:
    reason = f"{found} where a time in unix seconds was expected"
    assert broken(7, {"created_at": value}) == ("created_at", "reserved-value", reason)


@pytest.mark.parametrize(
    "email",
    [
        "ada@x.org",
        "Ada.L+tag@mail.x.org",
        "o'hara@x.org",
        "ada@müller.de",
        "äda@xn--mller-kva.de",
        f"{'x' * 248}@x.org",
        None,
    ],
)
def test_an_email_address_is_no_news(email: object) -> None:
    assert remarks(email, "email") == []


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "ada@x",
        "@x.org",
        "ada@x.org.",
        "ada@@x.org",
        "a@b@x.org",
        "ada@.org",
        "ada @x.org",
        " ada@x.org",
        "ada@x.org,bob@x.org",
        "mailto:ada@x.org",
        "Ada <ada@x.org>",
        '"ada"@x.org',
        "ada@x.org\n",
        f"{'x' * 249}@x.org",
    ],
)
def test_text_that_is_not_shaped_like_an_email_is_sent_and_remarked_on(email: str) -> None:
    assert broken(7, {"email": email}) is None
    assert remarks(email, "email") == ["held text that is not shaped like an e-mail address"]


@pytest.mark.parametrize(
    ("value", "found"), [(7, "a number"), (True, "true"), (b"1e400", "a number"), ([], "a list"), ({}, "an object")]
)
def test_an_email_is_text(value: object, found: str) -> None:
    expected = ("email", "reserved-value", f"{found} where an e-mail address was expected")
    assert broken(7, {"email": value}) == broken("ada@x.org", {"email": value}) == expected


@pytest.mark.parametrize("phone", ["+14155550123", "+1234567", "+123456789012345", None])
def test_a_phone_number_in_international_form_is_no_news(phone: object) -> None:
    assert remarks(phone, "phone") == []


@pytest.mark.parametrize(
    "phone", ["", "030 1234567", "+1 415 555 0123", "0014155550123", "+123456", 14155550123, [], True]
)
def test_another_phone_number_is_sent_and_remarked_on(phone: object) -> None:
    assert broken(7, {"phone": phone}) is None
    (what,) = remarks(phone, "phone")
    assert what == "held no phone number in international form (+ and 7 to 15 digits): add `normalise: phone`"


@pytest.mark.parametrize("value", ["a", "x" * 150, None])
def test_an_anonymous_id_is_text(value: object) -> None:
    assert broken(7, {"anonymous_id": value}) is None


@pytest.mark.parametrize(
    ("value", "found"), [("", "text"), (" ", "text"), (5, "a number"), (False, "false"), ([], "a list")]
)
def test_what_is_no_anonymous_id(value: object, found: str) -> None:
    expected = ("anonymous_id", "reserved-value", f"{found} where text that is not blank was expected")
    assert broken(7, {"anonymous_id": value}) == expected


PREFERENCES = "cio_subscription_preferences"


@pytest.mark.parametrize("value", [{}, {"topics": {}}, {"topics": {"topic_1": True, "topic_2": False}}, None])
def test_preferences_are_an_object_of_topics(value: object) -> None:
    assert broken(7, {PREFERENCES: value}) is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('{"topics":{"topic_1":true}}', "text where an object was expected: add `as: json`"),
        ("none", "text where an object was expected"),
        (True, "true where an object was expected"),
        (1, "a number where an object was expected"),
        ([], "a list where an object was expected"),
        ({"topics": ["topic_1"]}, "`topics` in it is no object"),
        ({"topics": None}, "`topics` in it is no object"),
        ({"topics": {"a": True, "b": "true"}}, "the topic b in it is neither true nor false"),
        (b'{"topics":{"a":1e400}}', "the topic a in it is neither true nor false"),
        ({"topics": {"\x1b[31m" + "x" * 99: 1}}, r"the topic \x1b[31m" + "x" * 35 + " in it is neither true nor false"),
    ],
)
def test_what_are_no_preferences(value: object, reason: str) -> None:
    assert broken(7, {PREFERENCES: value}) == (PREFERENCES, "reserved-value", reason)


@pytest.mark.parametrize(("value", "found"), [("true", "text"), (1, "a number"), ({}, "an object"), ([], "a list")])
def test_one_topic_is_true_or_false(value: object, found: str) -> None:
    name = f"{PREFERENCES}.topics.topic_1"
    for fits in (True, False, None):
        assert broken(7, {name: fits}) is None
    expected = (name, "reserved-value", f"{found} where true or false was expected: add `as: boolean`")
    assert broken(7, {name: value}) == expected


@pytest.mark.parametrize(
    ("identifier", "what"),
    [
        (" 42", "had blanks around it"),
        ("42\u00a0", "had blanks around it"),
        ("e\u0301", "was not in Unicode's composed form (NFC)"),
        ("a b", None),
        ("é", None),
        ("\u200b42", None),
    ],
)
def test_an_identifier_that_may_look_like_another_is_remarked_on(identifier: str, what: str | None) -> None:
    destination = customerio()
    told = destination.remarks(destination.key(identifier), {})
    assert [remark.field for remark in told] == [""] * bool(what)
    assert all(remark.what.startswith(what or "?") for remark in told)


def test_names_are_judged_anew_when_too_many_have_come() -> None:
    destination = customerio()
    for number in range(3_000):
        record = texts({f"a{number}": 1, "email": "ada"})
        destination.check("id:1", record)
        assert [remark.field for remark in destination.remarks("id:1", record)] == ["email"]
    assert unfit(destination, "id:1", {"a1": 1, "email": 5})[0] == "email"


@pytest.mark.parametrize(
    ("key", "record", "expected"),
    [
        ("id:7", {"email": "Ada@X.org"}, b'"ada@x.org"'),
        ("id:7", {"email": None}, b""),
        ("id:7", {}, b""),
        ("email:ada@x.org", {}, b'"ada@x.org"'),
        ("email:ada@x.org", {"email": "Ada@X.org"}, b'"ada@x.org"'),
        ("cio_id:b79e", {"email": "ada@x.org"}, b'"ada@x.org"'),
    ],
)
def test_a_person_may_be_known_by_an_email_besides(key: str, record: Mapping[str, object], expected: bytes) -> None:
    assert customerio().also(key, texts(record)) == expected


# --- batches ----------------------------------------------------------------------------------------------------------


def error(index: object, message: str = "too long", field: str = "attributes.plan") -> dict[str, object]:
    return {"batch_index": index, "reason": "invalid", "field": field, "message": message}


def verdicts(response: Response, *names: str) -> list[Verdict]:
    _, said = play(customerio().converse(items(*names)), response)
    return list(said)


def test_a_batch_is_one_request() -> None:
    asked, said = play(customerio().converse(some := items("a", "b")), answer(200))
    body = b'{"batch":[' + some[0].payload + b"," + some[1].payload + b"]}"
    assert asked == [Request("track", "POST", "/api/v2/batch", body, JSON)]
    assert said == [delivered(), delivered()]


def test_an_item_that_is_listed_is_rejected_alone() -> None:
    said = verdicts(answer(207, {"errors": [error(1)]}), "a", "b", "c")
    assert said == [delivered(), rejected("too long", "attributes.plan"), delivered()]


def test_an_item_listed_twice_is_rejected_once_for_the_first_reason() -> None:
    said = verdicts(answer(207, {"errors": [error(0, "first"), error(0, "second")]}), "a", "b")
    assert said == [rejected("first", "attributes.plan"), delivered()]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"detail": "no"}, "no"),
        ({"reason": "invalid"}, "invalid"),
        ({}, "refused without a reason"),
        ({"message": "for ada@x.org\x1b[31m"}, "for (e-mail)"),
        ({"message": "x" * 1_000}, "x" * 300),
        ({"message": 5}, "5"),
    ],
)
def test_reasons_are_the_vendors_made_fit_to_be_shown(entry: dict[str, object], reason: str) -> None:
    assert verdicts(answer(207, {"errors": [{"batch_index": 0} | entry]}), "a") == [rejected(reason)]


@pytest.mark.parametrize("body", [{}, {"errors": []}, {"errors": None}])
def test_a_200_without_errors_is_success(body: object) -> None:
    assert verdicts(answer(200, body), "a") == [delivered()]


def test_a_200_may_list_errors_too() -> None:
    assert verdicts(answer(200, {"errors": [error(1)]}), "a", "b")[1].reason == "too long"


@pytest.mark.parametrize(
    "response",
    [
        answer(200, b""),
        answer(200, b"<html>"),
        answer(200, b"[]"),
        answer(200, b'{"errors":['),
        answer(200, b"\xff"),
        answer(200, b'{"a":"\xff"}'),
        answer(200, b"[" * 100_000),
        answer(200, {"errors": "none"}),
        answer(200, {"errors": {"0": "bad"}}),
        answer(207, {}),
        answer(207, {"errors": []}),
        answer(207, {"errors": None}),
        answer(207, {"errors": [error(2)]}),
        answer(207, {"errors": [error(-1)]}),
        answer(207, {"errors": [error("0")]}),
        answer(207, {"errors": [error(True)]}),
        answer(207, {"errors": [error(0.0)]}),
        answer(207, {"errors": [error(None)]}),
        answer(207, {"errors": [{"message": "no index"}]}),
        answer(207, {"errors": ["text"]}),
        answer(207, {"errors": [error(0), error(2)]}),
    ],
)
def test_an_answer_that_makes_no_sense_leaves_its_items_in_doubt(response: Response) -> None:
    with pytest.raises(Garbled):
        verdicts(response, "a", "b")


@given(st.integers(1, 20), st.lists(st.integers(-2, 22), max_size=12), st.sampled_from([200, 207]))
def test_207_is_read_per_index(count: int, listed: list[int], status: int) -> None:
    response = answer(status, {"errors": [error(index, f"no {number}") for number, index in enumerate(listed)]})
    names = [str(number) for number in range(count)]
    if any(not 0 <= index < count for index in listed) or (status == 207 and not listed):
        with pytest.raises(Garbled):
            verdicts(response, *names)
        return
    expected = [
        rejected(f"no {listed.index(index)}", "attributes.plan") if index in listed else delivered()
        for index in range(count)
    ]
    assert verdicts(response, *names) == expected


@pytest.mark.parametrize("api", ["batch", "identify"])
@pytest.mark.parametrize(
    ("response", "reason", "field"),
    [
        (answer(400, {"errors": [{"field": "batch", "message": "must not be empty"}]}), "must not be empty", "batch"),
        (answer(400, {"meta": {"error": "name cannot be blank"}}), "name cannot be blank", ""),
        (answer(400, {"meta": {"errors": ["one", "two"]}}), "one; two", ""),
        (answer(400, {"meta": {}, "errors": [{"detail": "no", "status": "400"}]}), "no", ""),
        (answer(413, b"<html>413 Request Entity Too Large</html>"), "refused with status 413", ""),
        (answer(400, b""), "refused with status 400", ""),
        (answer(422, {"meta": {"errors": []}}), "refused with status 422", ""),
    ],
)
def test_a_refused_request_says_why(api: str, response: Response, reason: str, field: str) -> None:
    destination = customerio(api=api)
    with pytest.raises(Refused) as refused:
        play(destination.converse(items("a", destination=destination)), response)
    said = refused.value
    assert (said.reason, said.field, said.too_large) == (reason, field, response.status == 413)


# --- identify ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"{}\n", b"{}", b"", b" {}"])
def test_an_identify_is_one_put(body: bytes) -> None:
    destination = customerio(api="identify")
    asked, said = play(destination.converse(items("7258", destination=destination)), answer(200, body))
    assert asked == [Request("track", "PUT", "/api/v1/customers/7258", b'{"plan":"pro"}', JSON)]
    assert said == [delivered()]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"OK", b"null"])
def test_a_200_of_somebody_else_is_no_success(body: bytes) -> None:
    destination = customerio(api="identify")
    with pytest.raises(Garbled):
        play(destination.converse(items("a", destination=destination)), answer(200, body))


# --- probe ------------------------------------------------------------------------------------------------------------


def trouble(response: Response, region: str = "us") -> str:
    with pytest.raises(Misconfigured) as wrong:
        play(customerio(region=region).probe(), response)
    return str(wrong.value)


@pytest.mark.parametrize("region", ["us", "eu"])
def test_the_right_region_is_no_news(region: str) -> None:
    asked, _ = play(customerio(region=region).probe(), answer(200, {"region": region, "environment_id": 3}))
    assert asked == [Request("track", "GET", "/api/v1/accounts/region")]


@pytest.mark.parametrize(("ours", "theirs"), [("us", "eu"), ("eu", "us")])
def test_a_wrong_region_is_an_error_that_names_the_right_one(ours: str, theirs: str) -> None:
    expected = f"this workspace lives in region {theirs}, not {ours}: set `region: {theirs}`"
    host = {"us": "https://track.customer.io", "eu": "https://track-eu.customer.io"}[theirs]
    assert trouble(answer(200, {"region": theirs}), region=ours) == expected
    assert trouble(answer(301, b"", location=f"{host}/api/v1/accounts/region"), region=ours) == expected


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_name_the_region_that_was_asked(status: int) -> None:
    said = trouble(answer(status), region="eu")
    assert f"refuses these credentials at https://track-eu.customer.io ({status})" in said
    assert "region eu" in said
    assert "key" not in said.replace("apiKey", "")


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("https://login.example.org/x?token=1", "https://login.example.org"),
        ("https://user:secret@evil.example", "https://evil.example"),
        ("/elsewhere", "an unnamed place"),
        ("", "an unnamed place"),
        ("http://[", "an unnamed place"),
        ("https://track.customer.io/", "https://track.customer.io"),
    ],
)
def test_a_redirect_is_never_followed(location: str, place: str) -> None:
    said = trouble(answer(302, b"", location=location))
    assert f"redirects to {place}, and redirects are never followed" in said


@pytest.mark.parametrize(
    "response", [answer(200, b"<html>"), answer(200, b"[]"), answer(404), answer(400), answer(500, b"")]
)
def test_somebody_else_at_the_address(response: Response) -> None:
    assert "baseUrl" in trouble(response)


# --- reading back -----------------------------------------------------------------------------------------------------


def customer(attributes: object, **identifiers: object) -> dict[str, object]:
    return {"customer": {"identifiers": identifiers, "attributes": attributes}}


def test_people_are_looked_up_by_kind_a_hundred_at_a_time() -> None:
    keys = [f"id:{number}" for number in range(101)] + ["email:ada@x.org", "cio_id:b79e"]
    asked, found = play(
        customerio(appApiKey="app").look_up(keys),
        answer(200, {"customers": [customer({"plan": "pro"}, id="7"), customer({}, id="not asked for")]}),
        answer(200, {"customers": []}),
        answer(200, {"customers": [customer({"plan": "x"}, id="1", email="Ada@X.org")]}),
        answer(404, {"errors": [{"detail": "not found"}]}),
    )
    assert [request.path.partition("?")[2] for request in asked] == ["id_type=id"] * 2 + [
        "id_type=email",
        "id_type=cio_id",
    ]
    assert [len(json.loads(request.body)["ids"]) for request in asked] == [100, 1, 1, 1]
    assert {request.lane for request in asked} == {"app"}
    assert list(found) == keys
    assert {key: held for key, held in found.items() if held is not None} == {
        "id:7": {"plan": "pro"},
        "email:ada@x.org": {"plan": "x"},
    }


def test_nobody_is_called_none() -> None:
    _, found = play(customerio().look_up(["id:None"]), answer(200, {"customers": [customer({}, id=None)]}))
    assert found == {"id:None": None}


@pytest.mark.parametrize("body", [{}, {"customers": None}, {"customers": [{"customer": {}}]}, b"<html>"])
def test_an_unreadable_look_up_says_so(body: object) -> None:
    with pytest.raises(Garbled):
        play(customerio().look_up(["id:1"]), answer(200, body))


def test_a_refused_look_up_says_why() -> None:
    with pytest.raises(Refused, match=r"^unauthorized$"):
        play(customerio().look_up(["id:1"]), answer(401, {"errors": [{"detail": "unauthorized", "status": 401}]}))


def test_no_keys_are_no_request() -> None:
    assert play(customerio().look_up([])) == ([], {})


@pytest.mark.promise("A2")
@pytest.mark.parametrize("api", ["batch", "identify"])
@pytest.mark.parametrize("status", [201, 202, 204])
def test_a_success_that_the_api_does_not_have_proves_nothing(api: str, status: int) -> None:
    destination = customerio(api=api)
    with pytest.raises(Garbled, match=str(status)):
        play(destination.converse(items("a", destination=destination)), answer(status))
