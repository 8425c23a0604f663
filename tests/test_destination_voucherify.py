"""Voucherify as functions: who is meant, what a record may hold, and the bytes that travel.

Its conversations are in test_destination_voucherify_talks.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from play import change
from play_voucherify import texts, voucherify
from syncline.destinations.voucherify import ATTRIBUTES, MEANINGS, MODES, Settings, refuse_name
from syncline.destinations.voucherify.fields import ADDRESS, FIELDS, KEPT, PARTS, TEXTS
from syncline.destinations.voucherify.settings import REQUEST_BYTES, cautions
from syncline.errors import RULES, Unfit
from syncline.flow.canonical import assemble
from syncline.model import BatchLimits, Quota, Semantics


def payload(source_id: str, record: object, **settings: object) -> bytes:
    """What travels for this customer. `bytes` are taken for a canonical body as it is."""
    return voucherify(**settings).encode(change(f"source_id:{source_id}", record)).payload


def broken(record: Mapping[str, object]) -> tuple[str, str, str] | None:
    """The field, the rule and the reason, where a row with this record cannot be sent."""
    try:
        voucherify().check("source_id:1", texts(record))
    except Unfit as unfit:
        return unfit.field, unfit.rule, unfit.reason
    return None


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("region", "origin"),
    [
        ("eu", "https://api.voucherify.io"),
        ("us", "https://us1.api.voucherify.io"),
        ("as", "https://as1.api.voucherify.io"),
    ],
)
def test_each_cluster_has_an_origin(region: str, origin: str) -> None:
    assert {lane.origin for lane in voucherify(region=region).lanes.values()} == {origin}


def test_lanes_and_account_hold_no_secret_in_the_open() -> None:
    destination = voucherify(rate=5)
    for lane in destination.lanes.values():
        assert [(name, secret.reveal()) for name, secret in lane.headers] == [
            ("x-app-id", "app-id"),
            ("x-app-token", "secret"),
        ]
        assert lane.rate == 5
    shown = repr(destination.lanes) + destination.account
    assert "secret" not in shown
    assert "app-id" not in shown.replace("x-app-id", "")


def test_the_account_is_the_project_or_its_label() -> None:
    assert voucherify().account != voucherify(applicationId="other").account
    assert voucherify().account != voucherify(region="us").account
    assert voucherify().account == voucherify(secretKey="rotated").account
    assert voucherify(workspace="shop").account == "https://api.voucherify.io/shop"
    assert voucherify(baseUrl="http://127.0.0.1:1", workspace="shop").account == "http://127.0.0.1:1/shop"


def test_a_bulk_upsert_may_take_longer_than_a_question() -> None:
    lanes = voucherify().lanes
    assert (lanes["bulk"].timeout_s, lanes["api"].timeout_s) == (60, 30)
    assert {lane.timeout_s for lane in voucherify(timeout=7).lanes.values()} == {7}


def test_limits_are_what_the_settings_leave_of_the_documented_one() -> None:
    assert REQUEST_BYTES == 10 * 1024 * 1024
    assert voucherify().limits == BatchLimits(2_000, 10_485_760, 2)
    assert voucherify(batchItems=7, batchBytes=1_000).limits == BatchLimits(7, 1_000, 2)
    assert voucherify(api="single").limits == BatchLimits(1, 10_485_760, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"region": "apac"},
        {"cluster": "eu"},
        {"batchBytes": 10_485_761},
        {"batchItems": 0},
        {"rate": 0},
        {"pollTimeout": 0},
        {"api": "batch"},
        {"workspace": "a/b"},
        {"type": "customerio"},
    ],
)
def test_settings_that_the_api_does_not_have(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        voucherify(**wrong)


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_a_rate_above_the_plans_is_worth_a_warning() -> None:
    def warned(**more: object) -> list[str]:
        return cautions(Settings.model_validate({"applicationId": "a", "secretKey": "s", **more}))

    assert warned() == warned(rate=33.3) == warned(rate=50, baseUrl="https://vouchers.example") == []
    (caution,) = warned(rate=50)
    assert caution.startswith("destination.rate is 50 requests a second")


def test_plans_are_told_apart_by_how_they_travel() -> None:
    assert voucherify().fingerprint == voucherify(api="single").fingerprint == "customers/upsert"
    assert voucherify().dialect == "mode: upsert, api: bulk"
    assert voucherify(api="single").dialect == "mode: upsert, api: single"
    assert MODES == ("upsert",)
    assert len(FIELDS) < ATTRIBUTES


def test_an_upsert_merges_may_be_sent_twice_and_can_be_read_back() -> None:
    assert voucherify().semantics == Semantics(merges=True, idempotent=True, readable=True)


# --- identity ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identifier", "source_id"),
    [
        (7258, "7258"),
        ("7258", "7258"),
        ("007", "007"),
        (2**64, "18446744073709551616"),
        ("Ada@X.org", "Ada@X.org"),
        (" 42 ", " 42 "),
        ("a:b", "a:b"),
        ("source_id:1", "source_id:1"),
        ("e\u0301😀", "e\u0301😀"),
        ("x" * 10_000, "x" * 10_000),
    ],
)
def test_a_key_is_the_identifier_as_it_stands(identifier: object, source_id: str) -> None:
    key = voucherify().key(identifier)
    assert key == f"source_id:{source_id}"
    assert json.loads(voucherify().encode(change(key)).payload) == {"source_id": source_id}


@pytest.mark.parametrize(
    ("identifier", "reason"),
    [
        (True, "a boolean is not an identifier"),
        (1.0, "a fraction or a float is not an identifier"),
        (None, "null is not an identifier"),
        ([], "a list is not an identifier"),
        ("", "the identifier is blank"),
        (" \t", "the identifier is blank"),
        ("a\x00", "the identifier holds control characters"),
        ("a\udcffb", "the identifier holds control characters"),
    ],
)
def test_what_is_no_identifier(identifier: object, reason: str) -> None:
    with pytest.raises(Unfit, match=reason) as unfit:
        voucherify().key(identifier)
    assert (unfit.value.field, unfit.value.rule) == ("", "identifier-unfit")


def test_nothing_else_makes_two_customers_one() -> None:
    assert voucherify().also("source_id:1", texts({"email": "ada@x.org"})) == b""


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*FIELDS, "metadata.tier", "metadata.a.b", "metadata..", "metadata.é", "metadata.id"])
def test_names_that_a_mapping_may_write(name: str) -> None:
    assert refuse_name(name, False) is None
    assert voucherify().reserved(name) == ""


@pytest.mark.parametrize(
    ("name", "why", "fix"),
    [
        ("tier", "no such field", 'Write "to": "metadata.tier".'),
        ("first_name", "no such field", 'Write "to": "metadata.first_name".'),
        ("a.b", "no such field", 'Write "to": "metadata.a.b".'),
        ("E-Mail", "no such field", 'Did you mean "email"? Else write "to": "metadata.E-Mail".'),
        ("emial", "no such field", 'Did you mean "email"?'),
        ("birthday", "no such field", 'Did you mean "birthdate"?'),
        ("city", "no such field", 'Did you mean "address.city"?'),
        ("postalCode", "no such field", 'Did you mean "address.postal_code"?'),
        ("zip", "no such field", 'Did you mean "address.postal_code"?'),
        ("addresscity", "no such field", 'Did you mean "address.city"?'),
        ("Metadata", "no such field", 'Did you mean "metadata"?'),
        ("address.postalCode", "an address has only city, state", 'Did you mean "address.postal_code"?'),
        ("address.street", "an address has only city, state", 'Did you mean "address.line_1"?'),
        ("address.email", "an address has only city, state", 'Write "to": "metadata.address.email".'),
        ("address.", "an address has only city, state", 'Write "to": "metadata.address.".'),
        ("address.city.name", "an address has only city, state", ""),
        ("metadata.", "no key behind the dot", '"to": "metadata.tier"'),
        ("source_id", "comes from userId", 'Name that field in `userId`, or write "to": "metadata.source_id".'),
        ("id", "comes from userId", 'Name that field in `userId`, or write "to": "metadata.id".'),
        ("created_at", "written by Voucherify alone", 'Write "to": "metadata.created_at".'),
        ("system_metadata", "written by Voucherify alone", 'Write "to": "metadata.system_metadata".'),
        ("\x1b[31m" + "x" * 100, "no such field", r"metadata.\x1b[31m" + "x" * 35 + '".'),
    ],
)
def test_a_name_that_no_mapping_may_write_comes_with_one_that_it_may(name: str, why: str, fix: str) -> None:
    refused = refuse_name(name, False)
    assert refused is not None
    assert why in refused[0]
    assert fix in refused[1]
    assert voucherify().reserved(name) == refused[0]
    assert (broken({name: "x"}) or ())[:2] == (name[:40], "name-unfit")


@pytest.mark.parametrize("name", ["id", "source_id"])
def test_the_identifier_itself_needs_no_mapping(name: str) -> None:
    assert refuse_name(name, True) == (
        f"{name} says who the customer is, and comes from userId",
        "Delete this mapping.",
    )


def test_every_refusal_of_a_row_breaks_a_rule_that_has_a_name() -> None:
    rows: list[dict[str, object]] = [{"tier": 1}, {"name": 5}, {"birthdate": "x"}, {"address": {"x": "y"}}]
    rows += [{"metadata": "x"}, {"metadata": {}, "metadata.a": 1}]
    assert {(broken(row) or ("", ""))[1] for row in rows} <= RULES.keys()


def test_what_is_only_read_is_never_written() -> None:
    assert not set(KEPT) & set(FIELDS)


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*FIELDS, "metadata.tier"])
def test_a_null_is_never_wrong(name: str) -> None:
    assert broken({name: None}) is None
    assert voucherify().remarks("source_id:1", texts({name: None})) == []


@pytest.mark.parametrize("name", [*TEXTS, *PARTS])
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (5, "a number where text was expected: add `as: string`"),
        (b"1e400", "a number where text was expected: add `as: string`"),
        (True, "true where text was expected: add `as: string`"),
        ([], "a list where text was expected"),
        ({}, "an object where text was expected"),
    ],
)
def test_what_is_text_is_text(name: str, value: object, reason: str) -> None:
    assert broken({name: ""}) is None
    assert broken({name: value}) == (name, "reserved-value", reason)


@pytest.mark.parametrize("value", ["1990-05-05", "2000-02-29", "0001-01-01", "9999-12-31"])
def test_a_birthdate_is_a_day_of_the_calendar(value: str) -> None:
    assert broken({"birthdate": value}) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1990-5-5",
        "05/05/1990",
        "19900505",
        "1990-W18-6",
        "1990-02-30",
        "1999-02-29",
        "0000-01-01",
        "1990-05-05T00:00:00Z",
        "1990-05-05\n",
        "١٩٩٠-٠٥-٠٥",
    ],
)
def test_what_is_no_birthdate(value: str) -> None:
    reason = "text that is no date of the form YYYY-MM-DD: add `as: date`"
    assert broken({"birthdate": value}) == ("birthdate", "reserved-value", reason)


@pytest.mark.parametrize(("value", "found"), [(0, "a number"), (False, "false"), ([], "a list"), ({}, "an object")])
def test_a_birthdate_is_text(value: object, found: str) -> None:
    assert broken({"birthdate": value}) == ("birthdate", "reserved-value", f"{found} where a date was expected")


@pytest.mark.parametrize("value", [{}, dict.fromkeys(ADDRESS, "x"), {"city": None}])
def test_an_address_may_come_whole(value: object) -> None:
    assert broken({"address": value}) is None


@pytest.mark.parametrize(
    ("value", "field", "reason"),
    [
        ({"street": "x"}, "address", "street in it is none of city, state, line_1, line_2, country, postal_code"),
        ({"\x1b" * 50: "x"}, "address", r"\x1b" * 40 + " in it is none of "),
        ({"postal_code": 8001}, "address.postal_code", "a number where text was expected: map it to address.postal_c"),
        ({"city": ["x"]}, "address.city", "a list where text was expected"),
        ("x", "address", "text where an object was expected: map it to a part of it, such as address.city"),
        ('{"city":"x"}', "address", "text where an object was expected: add `as: json`"),
        ([], "address", "a list where an object was expected: map it to a part of it, such as address.city"),
        (1, "address", "a number where an object was expected: map it to a part of it, such as address.city"),
    ],
)
def test_what_is_no_address(value: object, field: str, reason: str) -> None:
    found = broken({"address": value})
    assert found is not None
    assert found[:2] == (field, "reserved-value")
    assert found[2].startswith(reason)


@pytest.mark.parametrize("value", [{}, {"a": {"b": [1]}, "address.city": 1}])
def test_metadata_may_come_whole(value: object) -> None:
    assert broken({"metadata": value}) is None


@pytest.mark.parametrize("value", ["x", 5, True, [1], {"a": 1}])
def test_what_a_key_of_metadata_holds_is_for_the_projects_schema_to_judge(value: object) -> None:
    assert broken({"metadata.tier": value}) is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('{"a":1}', "text where an object was expected: add `as: json`"),
        *(
            (text, "text where an object was expected: map it to a key of it, such as metadata.tier")
            for text in ("gold", "[1]", '"x"', "5", "")
        ),
        ([], "a list where an object was expected: map it to a key of it, such as metadata.tier"),
        (True, "true where an object was expected: map it to a key of it, such as metadata.tier"),
    ],
)
def test_metadata_is_an_object(value: object, reason: str) -> None:
    assert broken({"metadata": value}) == ("metadata", "reserved-value", reason)


def test_one_object_may_come_whole_and_another_key_by_key() -> None:
    assert broken({"metadata": {}, "address.city": "x"}) is None
    assert json.loads(payload("1", {"metadata": {"a": 1}, "address.city": "x"})) == {
        "source_id": "1",
        "address": {"city": "x"},
        "metadata": {"a": 1},
    }


@pytest.mark.parametrize("whole", ["metadata", "address"])
def test_an_object_and_a_key_of_it_do_not_go_together(whole: str) -> None:
    part = f"{whole}.city"
    expected = (part, "name-unfit", f"comes beside the whole `{whole}`: map the one or the other")
    assert broken({whole: {}, part: "x"}) == expected
    with pytest.raises(Unfit, match=r"^.+: comes beside the whole") as unfit:  # two rows of one key, folded
        payload("1", {whole: {}, part: "x"})
    assert unfit.value.field == part


@pytest.mark.parametrize("name", sorted(MEANINGS))
def test_a_constant_that_fits_can_be_sent(name: str) -> None:
    for value in ("x", "1990-05-05", 5, True):
        assert MEANINGS[name].fits(value) == (broken({name: value}) is None)


def test_an_odd_email_phone_or_identifier_is_sent_and_remarked_on() -> None:
    destination, record = voucherify(), texts({"email": "ada", "phone": "030 1", "name": "ada", "metadata.email": "x"})
    destination.check("source_id: 1", record)
    told = destination.remarks("source_id: 1", record)
    assert [(remark.field, remark.what.partition(" ")[0]) for remark in told] == [
        ("email", "held"),
        ("phone", "held"),
        ("", "had"),
    ]
    usual = texts({"email": "ada@x.org", "phone": "+14155550123"})
    destination.check("source_id:1", usual)
    assert destination.remarks("source_id:1", usual) == []


# --- what travels -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{}", b'{"source_id":"u1"}'),
        (b'{"email":"a@x.org","name":null}', b'{"source_id":"u1","email":"a@x.org","name":null}'),
        (
            b'{"address.city":"Z\xc3\xbcrich","address.line_1":"1","name":"Ada"}',
            b'{"source_id":"u1","name":"Ada","address":{"city":"Z\xc3\xbcrich","line_1":"1"}}',
        ),
        (
            b'{"address.city":"x","metadata.a.b":1,"metadata.big":18446744073709551616,"metadata.exact":1.10}',
            b'{"source_id":"u1","address":{"city":"x"},"metadata":{"a.b":1,"big":18446744073709551616,"exact":1.10}}',
        ),
        (
            b'{"address":null,"metadata":{"address.city":[1,2]},"name":"\\"metadata."}',
            b'{"source_id":"u1","address":null,"metadata":{"address.city":[1,2]},"name":"\\"metadata."}',
        ),
        (b'{"metadata":{"a":1e999,"b":-0.0}}', b'{"source_id":"u1","metadata":{"a":1e999,"b":-0.0}}'),
        (b'{"metadata.a":1e999,"metadata.b":-0.0}', b'{"source_id":"u1","metadata":{"a":1e999,"b":-0.0}}'),
        (b'{"metadata..":1,"metadata.\\"q":2}', b'{"source_id":"u1","metadata":{".":1,"\\"q":2}}'),
    ],
)
def test_a_flat_record_travels_nested_and_its_values_as_their_exact_text(body: bytes, expected: bytes) -> None:
    assert payload("u1", body) == payload("u1", body, api="single") == expected


def test_a_hostile_id_stays_inside_its_quotes() -> None:
    sent = json.loads(payload('","id":"cust_1', {"name": "x"}))
    assert sent == {"source_id": '","id":"cust_1', "name": "x"}


def flat(customer: Mapping[str, object]) -> dict[str, object]:
    """The way back: each key of `address` and `metadata` by itself."""
    names: dict[str, object] = {}
    for name, value in customer.items():
        if name in ("address", "metadata") and isinstance(value, dict):
            names |= {f"{name}.{key}": one for key, one in value.items()}
        else:
            names[name] = value
    return names


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('a."é', max_size=4), inner, max_size=3),
    max_leaves=5,
)
records = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys((*TEXTS, *PARTS), st.none() | st.text(st.characters(codec="utf-8"), max_size=8))
    | {"birthdate": st.dates().map(str)},
)
own = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=6).map("metadata.{}".format)
    | st.sampled_from(["metadata.a.b", "metadata..", "metadata.address.city", "metadata.metadata.x"]),
    json_values,
    max_size=4,
)
source_ids = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1).filter(str.strip)


@given(source_ids, records, own)
def test_what_travels_is_the_record_and_nothing_else(
    source_id: str, record: dict[str, object], metadata: dict[str, object]
) -> None:
    destination, whole = voucherify(), {**record, **metadata}
    key = destination.key(source_id)
    destination.check(key, texts(whole))
    sent = destination.encode(change(key, assemble(texts(whole)))).payload
    assert flat(json.loads(sent)) == {"source_id": source_id, **whole}
    assert not set(json.loads(sent)) - {"source_id", "address", "metadata", "birthdate", *TEXTS}


@given(source_ids, records, own)
def test_a_customer_is_measured_by_exact_bytes(
    source_id: str, record: dict[str, object], metadata: dict[str, object]
) -> None:
    body = assemble(texts({**record, **metadata, "metadata.filling": "x" * 1_000}))
    size = len(payload(source_id, body))
    assert len(payload(source_id, body, batchBytes=size + 2)) == size
    reason = f"^the customer is {size} bytes as JSON; one request may have {size - 1}$"
    with pytest.raises(Unfit, match=reason) as unfit:
        payload(source_id, body, batchBytes=size + 1)
    assert (unfit.value.field, unfit.value.rule) == ("", "record-too-large")


@pytest.mark.promise("R9")
def test_one_request_may_have_10_mb() -> None:
    room = 10_485_760 - len(payload("1", {"name": ""}))
    assert len(payload("1", {"name": "x" * room}, api="single")) == 10_485_760
    for api, too_long in (("single", room + 1), ("bulk", room - 1)):
        with pytest.raises(Unfit, match="bytes as JSON"):
            payload("1", {"name": "x" * too_long}, api=api)


def test_what_delivered_does_not_prove_is_said_where_it_matters() -> None:
    destination = voucherify()
    destination.encode(change("source_id:1", {"name": '"metadata":'}))
    assert list(destination.caveats) == []
    destination.encode(change("source_id:1", {"metadata.tier": "gold"}))
    (caveat,) = destination.caveats
    assert "merged key by key or replaced as a whole" in caveat


@pytest.mark.parametrize("body", [{"address": {}}, {"address.city": "x"}, {"metadata": {"a": 1}}])
def test_every_object_is_worth_the_caveat(body: object) -> None:
    destination = voucherify()
    destination.encode(change("source_id:1", body))
    assert len(destination.caveats) == 1


# --- quotas -----------------------------------------------------------------------------------------------------------


def quota(lane: str, **headers: str) -> Quota | None:
    read = voucherify().lanes[lane].quota
    assert read is not None
    return read({f"x-rate-limit-{name}": value for name, value in headers.items()})


@pytest.mark.parametrize(("lane", "bucket"), [("api", "api_calls"), ("bulk", "bulk_api_calls")])
def test_a_lane_reads_what_is_left_of_its_own_bucket(lane: str, bucket: str) -> None:
    told = {"limit": "100", "remaining": "3", "retry": "1760000000"}
    assert quota(lane, **told, type=bucket) == quota(lane, **told) == Quota(3, 1_760_000_000.0)
    for other in {"api_calls", "bulk_api_calls", "api_calls_cycle", "webhook_calls", ""} - {bucket}:
        assert quota(lane, **told, type=other) is None


@pytest.mark.parametrize("retry", ["", "soon", "-5", "1.5", "9" * 13])
def test_when_there_will_be_more_may_not_be_told(retry: str) -> None:
    assert quota("api", remaining="0", retry=retry) == Quota(0, None)
    assert quota("api", remaining="0") == Quota(0, None)


@pytest.mark.parametrize("remaining", ["", "-1", "many", "1.5", "٣", " 3", "9" * 13])
def test_what_is_left_is_a_whole_number_or_not_told(remaining: str) -> None:
    assert quota("bulk", remaining=remaining, retry="1760000000") is None
    assert quota("bulk", retry="1760000000") is None
