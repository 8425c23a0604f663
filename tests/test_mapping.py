"""Rows → records: what a mapping says, and what a row that cannot be mapped is told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from play import customerio
from syncline.flow.canonical import Hasher, canonical
from syncline.flow.casts import CASTS
from syncline.flow.mapping import Attribute, Mapper
from syncline.model import Invalid, Kind, Record, Row, RowRef

fields_of = msgspec.json.Decoder(dict[str, msgspec.Raw])
REF = RowRef("data.json", 3, 4)


def mapper(*rules: Attribute, user_id: str = "id") -> Mapper:
    destination = customerio()
    return Mapper(user_id, rules, destination.key, destination.check, Hasher(Kind.UPSERT, destination.fingerprint))


def row(text: str | Mapping[str, object]) -> Row:
    return Row(REF, fields_of.decode(text if isinstance(text, str) else json.dumps(text)))


def mapped(text: str, *rules: Attribute) -> str:
    """The body of one row without its id."""
    records, invalid = mapper(*rules)([row('{"id":1,' + text.removeprefix("{"))])
    assert not invalid
    return records[0].body.decode()


def invalid(made: Mapper, *rows: Row) -> list[Invalid]:
    records, refused = made(rows)
    assert not records
    return refused


def plain(*names: str) -> list[Attribute]:
    return [Attribute([name], name) for name in names]


@pytest.mark.parametrize(
    ("text", "rule", "expected"),
    [
        # rename
        ('{"a":1.50}', Attribute(["a"], "b"), '{"b":1.50}'),
        ('{"a":18446744073709551616}', Attribute(["a"], "b"), '{"b":18446744073709551616}'),
        ('{"a":0.1000000000000000055}', Attribute(["a"], "b"), '{"b":0.1000000000000000055}'),
        ('{"a":1e400}', Attribute(["a"], "b"), '{"b":1e400}'),
        ('{"a":"x:{y"}', Attribute(["a"], "b"), '{"b":"x:{y"}'),
        (r'{"a":"\u0041\/"}', Attribute(["a"], "b"), '{"b":"A/"}'),
        ('{"a":{ "d" : 1, "c":[ 1 , 2 ]}}', Attribute(["a"], "b"), '{"b":{"c":[1,2],"d":1}}'),
        ('{"a":""}', Attribute(["a"], "b"), '{"b":""}'),
        ('{"a":true}', Attribute(["a"], 'b"'), r'{"b\"":true}'),
        ('{"x":1}', Attribute(["a"], "b"), "{}"),
        ('{"A":1}', Attribute(["a"], "b"), "{}"),
        # dotted path
        ('{"a":{"b":{"c":1}}}', Attribute(["a.b.c"], "x"), '{"x":1}'),
        ('{"a.b":1,"a":{"b":2}}', Attribute(["a.b"], "x"), '{"x":1}'),
        ('{"a":{"b.c":1}}', Attribute(["a.b.c"], "x"), '{"x":1}'),
        ('{"a.b":{"c":1},"a":{"b":{"c":2}}}', Attribute(["a.b.c"], "x"), '{"x":1}'),
        ('{"a.b":0,"a":{"b":{"c":2}}}', Attribute(["a.b.c"], "x"), '{"x":2}'),
        ('{"a":"b"}', Attribute(["a.b"], "x"), "{}"),
        ('{"a":null}', Attribute(["a.b"], "x"), "{}"),
        ('{"a":[{"b":1}]}', Attribute(["a.b"], "x"), "{}"),
        ('{"a":{"b":null}}', Attribute(["a.b"], "x"), "{}"),
        ('{"a":{"b":null}}', Attribute(["a.b"], "x", clears=True), '{"x":null}'),
        (r'{"a":{ "b" : "\u0041" }}', Attribute(["a.b"], "x"), '{"x":"A"}'),
        # first present
        ('{"b":2,"a":1}', Attribute(["a", "b"], "x"), '{"x":1}'),
        ('{"b":2}', Attribute(["a", "b"], "x"), '{"x":2}'),
        ('{"a":null,"b":2}', Attribute(["a", "b"], "x"), '{"x":2}'),
        ('{"a":null,"b":2}', Attribute(["a", "b"], "x", clears=True), '{"x":2}'),
        ('{"a":null}', Attribute(["a", "b"], "x"), "{}"),
        ('{"a":null}', Attribute(["a", "b"], "x", clears=True), '{"x":null}'),
        ('{"a":"","b":2}', Attribute(["a", "b"], "x"), '{"x":""}'),
        ('{"a":{"b":3}}', Attribute(["c", "a.b"], "x"), '{"x":3}'),
        # join
        ('{"a":"Ada","b":"Lovelace"}', Attribute(["a", "b"], "x", join=" "), '{"x":"Ada Lovelace"}'),
        ('{"b":"Ada","a":"Lovelace"}', Attribute(["a", "b"], "x", join=", "), '{"x":"Lovelace, Ada"}'),
        ('{"b":"Lovelace"}', Attribute(["a", "b"], "x", join=" "), '{"x":"Lovelace"}'),
        ('{"a":null,"b":"Lovelace"}', Attribute(["a", "b"], "x", join=" "), '{"x":"Lovelace"}'),
        ('{"a":"","b":"y"}', Attribute(["a", "b"], "x", join="-"), '{"x":"-y"}'),
        ('{"a":1.50,"b":true}', Attribute(["a", "b"], "x", join="/"), '{"x":"1.50/true"}'),
        ('{"a":{"d":1, "c":2},"b":[ 1 ]}', Attribute(["a", "b"], "x", join=" "), r'{"x":"{\"c\":2,\"d\":1} [1]"}'),
        ('{"c":1}', Attribute(["a", "b"], "x", join=" "), "{}"),
        ('{"a":null}', Attribute(["a", "b"], "x", join=" "), "{}"),
        ('{"a":null}', Attribute(["a", "b"], "x", join=" ", clears=True), '{"x":null}'),
        ('{"a":"1","b":"5"}', Attribute(["a", "b"], "x", join=".", cast="number"), '{"x":1.5}'),
        # constant
        ('{"x":9}', Attribute([], "x", constant=b'"web"'), '{"x":"web"}'),
        ('{"x":9}', Attribute([], "x", constant=b"0"), '{"x":0}'),
        ('{"x":9}', Attribute([], "x", constant=b"null"), "{}"),
        ('{"x":9}', Attribute([], "x", constant=b"null", clears=True), '{"x":null}'),
        # default: for what is absent, not for what is null
        ('{"b":1}', Attribute(["a"], "x", default=b'"none"'), '{"x":"none"}'),
        ('{"a":2}', Attribute(["a"], "x", default=b'"none"'), '{"x":2}'),
        ('{"a":""}', Attribute(["a"], "x", default=b'"none"'), '{"x":""}'),
        ('{"a":null}', Attribute(["a"], "x", default=b'"none"'), "{}"),
        ('{"a":null}', Attribute(["a"], "x", default=b'"none"', clears=True), '{"x":null}'),
        ('{"b":1}', Attribute(["a.b"], "x", default=b'{"c":[1]}'), '{"x":{"c":[1]}}'),
        ('{"c":1}', Attribute(["a", "b"], "x", default=b"0"), '{"x":0}'),
        ('{"c":1}', Attribute(["a", "b"], "x", join=" ", default=b'"?"'), '{"x":"?"}'),
        ('{"b":1}', Attribute(["a"], "x", default=b'"2024-01-02"', cast="timestamp"), '{"x":1704153600}'),
        ('{"b":1}', Attribute(["a"], "x", default=b"null"), "{}"),
        ('{"b":1}', Attribute(["a"], "x", default=b"null", clears=True), '{"x":null}'),
        # casts and nulls
        ('{"a":"2024-01-02T03:04:05Z"}', Attribute(["a"], "x", cast="timestamp"), '{"x":1704164645}'),
        ('{"a":"YES"}', Attribute(["a"], "x", cast="boolean"), '{"x":true}'),
        ('{"a":"18446744073709551616"}', Attribute(["a"], "x", cast="integer"), '{"x":18446744073709551616}'),
        ('{"a":null}', Attribute(["a"], "x", cast="timestamp"), "{}"),
        ('{"a":null}', Attribute(["a"], "x", cast="timestamp", clears=True), '{"x":null}'),
        ('{"b":1}', Attribute(["a"], "x", cast="timestamp", clears=True), "{}"),
        ('{"a":null}', Attribute(["a"], "x"), "{}"),
        ('{"a":null}', Attribute(["a"], "x", clears=True), '{"x":null}'),
        ('{"b":1}', Attribute(["a"], "x", clears=True), "{}"),
        ('{"a":"null"}', Attribute(["a"], "x"), '{"x":"null"}'),
        ('{"a":"null"}', Attribute(["a"], "x", cast="json"), "{}"),
        ('{"a":"null"}', Attribute(["a"], "x", cast="json", clears=True), '{"x":null}'),
    ],
)
def test_one_rule(text: str, rule: Attribute, expected: str) -> None:
    assert mapped(text, rule) == expected


def test_a_body_does_not_depend_on_the_order_of_rules_or_fields() -> None:
    one = mapped('{"b":1,"a":[2],"c":"\\u0041"}', *plain("a", "b", "c"), Attribute(["a"], "aa", cast="string"))
    two = mapped('{"c":"A","a":[ 2 ],"b":1}', Attribute(["a"], "aa", cast="string"), *plain("c", "b", "a"))
    assert one == two == '{"a":[2],"aa":"[2]","b":1,"c":"A"}'


def test_one_source_may_feed_several_attributes() -> None:
    assert mapped('{"a":"1"}', Attribute(["a"], "x"), Attribute(["a"], "y", cast="integer")) == '{"x":"1","y":1}'


def test_a_record_holds_its_place_its_key_its_body_and_its_digest() -> None:
    assert mapper(*plain("plan"))([row({"id": 7258, "plan": "pro", "more": 1})]) == (
        [Record(REF, "id:7258", b'{"plan":"pro"}', Hasher(Kind.UPSERT, "people/upsert")(b'{"plan":"pro"}'))],
        [],
    )


def test_a_row_without_any_mapped_field_is_still_a_person() -> None:
    assert mapper(*plain("plan"))([row({"id": 1})])[0][0].body == b"{}"


def test_a_mapping_of_the_user_id_to_id_is_the_identifier_itself() -> None:
    records, _ = mapper(Attribute(["user"], "id"), Attribute(["user"], "account"), user_id="user")([row({"user": 7})])
    assert [(record.key, record.body) for record in records] == [("id:7", b'{"account":7}')]


def test_the_user_id_may_be_a_path() -> None:
    assert mapper(user_id="user.id")([row({"user": {"id": 7}})])[0][0].key == "id:7"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("null", "null is not"),
        ("true", "a boolean is not"),
        ("false", "a boolean is not"),
        ("1.5", "a fraction or a float is not"),
        ("1.0", "a fraction or a float is not"),
        ("1e3", "a fraction or a float is not"),
        ("-0", "a fraction or a float is not"),
        ("1e400", "a fraction or a float is not"),
        ("-1e999999999", "a fraction or a float is not"),
        ("[1]", "a list is not"),
        ("{}", "an object is not"),
        ('""', "the identifier is blank"),
        ('" \\t"', "the identifier is blank"),
        (r'"a\u0000"', "the identifier holds control characters"),
    ],
)
def test_what_identifies_nobody(text: str, reason: str) -> None:
    made = mapper(*plain("a"))
    (refused,) = invalid(made, row(f'{{"id":{text},"a":1}}'))
    assert (refused.ref, refused.key, refused.field) == (REF, "", "id")
    assert refused.reason.startswith(reason)
    assert made.identified


def test_a_row_without_the_field_that_identifies() -> None:
    made = mapper(*plain("a"))
    assert invalid(made, row({"Id": 1, "a": 1})) == [Invalid(REF, "", "id", "missing; it identifies the person")]
    assert (made.identified, made.names_seen) == (False, ["Id", "a"])


def test_a_row_that_could_not_be_read_says_why() -> None:
    assert invalid(mapper(), Row(REF, {}, "a repeated key")) == [Invalid(REF, "", "", "a repeated key")]


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (Attribute(["a"], "x", cast="integer"), "a"),
        (Attribute(["b", "a"], "x", cast="integer"), "b | a"),
        (Attribute(["a", "b"], "x", join="-", cast="integer"), "a + b"),
        (Attribute(["b"], "x", default=b'"soon"', cast="integer"), "b"),
        (Attribute([], "x", constant=b'"soon"', cast="integer"), "x"),
    ],
)
def test_a_failed_cast_names_the_key_and_the_field(rule: Attribute, field: str) -> None:
    expected = Invalid(REF, "id:1", field, "text where a whole number was expected")
    assert invalid(mapper(rule), row({"id": 1, "a": "soon"})) == [expected]


def test_what_the_destination_refuses_names_the_attribute() -> None:
    (refused,) = invalid(mapper(Attribute(["a"], "x")), row({"id": 1, "a": "é" * 501}))
    assert (refused.key, refused.field) == ("id:1", "x")
    assert refused.reason == "the value is 1002 bytes; Customer.io takes at most 1000"


def test_one_bad_row_leaves_the_others_alone() -> None:
    rows = [row({"id": number, "a": "1" if number % 3 else "one"}) for number in range(1, 7)]
    records, refused = mapper(Attribute(["a"], "a", cast="integer"))(rows)
    assert [record.key for record in records] == ["id:1", "id:2", "id:4", "id:5"]
    assert [row.key for row in refused] == ["id:3", "id:6"]


def test_fields_that_no_row_has_are_told_of_once_all_are_read() -> None:
    made = mapper(*plain("a", "b", "d"), Attribute(["d", "e"], "f", join=" "), Attribute([], "g", constant=b"1"))
    made([row({"id": 1, "a": 1})])
    assert made.never_met() == ["b", "d", "d + e"]
    made([row({"id": 1, "b": None}), row({"id": 2, "e": 1})])
    assert made.never_met() == ["d"]


@pytest.mark.parametrize("text", ['{"id":true,"a":1,"b":1}', '{"id":1,"a":"one","b":1}'])
def test_a_field_is_met_even_where_the_row_is_of_no_use(text: str) -> None:
    made = mapper(Attribute(["a"], "a", cast="integer"), *plain("b"), Attribute([], "c", constant=b"1"))
    assert len(invalid(made, row(text))) == 1
    assert made.never_met() == []


names = st.sampled_from(["a", "b", "c", "d.e", "null", ":{", "é"])
scalars = st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=6)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2))
rules = st.lists(
    st.builds(
        Attribute,
        st.tuples(names),
        names,
        join=st.none(),
        constant=st.none(),
        cast=st.sampled_from([None, "string"]),
        default=st.sampled_from([None, b"0"]),
        clears=st.booleans(),
    ),
    unique_by=lambda rule: rule.to,
)


def expected(record: Mapping[str, object], some: Sequence[Attribute]) -> dict[str, object]:
    """What the rules mean, said once more, and slowly."""
    found: dict[str, object] = {}
    for rule in some:
        (source,) = rule.sources
        value = record.get(source, 0 if rule.default else _MISSING)
        if value is _MISSING or (value is None and not rule.clears):
            continue
        if value is not None and rule.cast:
            value = json.loads(CASTS["string"](canonical(msgspec.json.encode(value))))
        found[rule.to] = value
    return found


_MISSING = object()


@given(st.dictionaries(names, values), rules, st.booleans())
def test_quick_or_not_a_body_is_canonical_and_means_what_the_rules_say(
    record: dict[str, object], some: list[Attribute], ascii_only: bool
) -> None:
    text = json.dumps({"id": 1} | record, ensure_ascii=ascii_only)
    ((made,), _) = mapper(*some)([row(text)])
    assert made.body == canonical(msgspec.json.encode(expected(record, some)))
