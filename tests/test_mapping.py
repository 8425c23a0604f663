"""Rows → records: what a mapping says, and what a row that cannot be mapped is told."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Mapping, Sequence
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from play import customerio
from syncline.destinations.customerio import CustomerIo, Settings
from syncline.flow import paths
from syncline.flow.attribute import Attribute, Otherwise
from syncline.flow.canonical import Hasher, canonical
from syncline.flow.casts import CASTS
from syncline.flow.mapping import Mapper
from syncline.flow.normalise import NORMALISERS
from syncline.flow.pick import Pick
from syncline.model import Invalid, Kind, Record, Remark, Row, RowRef

fields_of = msgspec.json.Decoder(dict[str, msgspec.Raw])
REF = RowRef("data.json", 3, 4)


def mapper(*rules: Attribute, user_id: str = "id", pick: Pick | None = None) -> Mapper:
    destination = customerio()
    return Mapper(user_id, rules, destination, Hasher(Kind.UPSERT, destination.fingerprint), pick=pick)


def row(text: str | Mapping[str, object], *cells: str) -> Row:
    """`cells`: the fields that are empty cells besides, which JSON cannot say."""
    fields = fields_of.decode(text if isinstance(text, str) else json.dumps(text))
    return Row(REF, fields | dict.fromkeys(cells, msgspec.Raw(b"")))


def mapped(text: str, *rules: Attribute, cells: str = "", pick: Pick | None = None) -> str:
    """The body of one row without its id. `cells`: the names of empty cells, one letter each."""
    records, invalid = mapper(*rules, pick=pick)([row('{"id":1,' + text.removeprefix("{"), *cells)])
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
        # join of the first present of several
        ('{"b":"Ada","c":"L"}', Attribute([("a", "b"), "c"], "x", join=" "), '{"x":"Ada L"}'),
        ('{"a":"Ada","b":"no","c":"L"}', Attribute([("a", "b"), "c"], "x", join=" "), '{"x":"Ada L"}'),
        ('{"a":null,"b":"Ada"}', Attribute([("a", "b"), ("c",)], "x", join=" "), '{"x":"Ada"}'),
        ('{"d":1}', Attribute([("a", "b"), ("c", "d")], "x", join=" "), '{"x":"1"}'),
        ('{"e":1}', Attribute([("a", "b"), ("c", "d")], "x", join=" "), "{}"),
        ('{"b":null}', Attribute([("a", "b"), "c"], "x", join=" ", clears=True), '{"x":null}'),
        # otherwise: where the first way leads to nothing
        ('{"a":"A","b":"B"}', Attribute(["a"], "x", otherwise=Otherwise(["b"])), '{"x":"A"}'),
        ('{"b":"B"}', Attribute(["a"], "x", otherwise=Otherwise(["b"])), '{"x":"B"}'),
        ('{"a":null,"b":"B"}', Attribute(["a"], "x", otherwise=Otherwise(["b"])), '{"x":"B"}'),
        ('{"a":null,"b":"B"}', Attribute(["a"], "x", clears=True, otherwise=Otherwise(["b"])), '{"x":"B"}'),
        ('{"a":null}', Attribute(["a"], "x", clears=True, otherwise=Otherwise(["b"])), '{"x":null}'),
        ('{"a":null}', Attribute(["a"], "x", otherwise=Otherwise(["b"])), "{}"),
        ('{"a":"","b":"B"}', Attribute(["a"], "x", otherwise=Otherwise(["b"])), '{"x":""}'),
        ('{"a":"","b":"B"}', Attribute(["a"], "x", empty="omit", otherwise=Otherwise(["b"])), '{"x":"B"}'),
        ('{"a":"","b":"B"}', Attribute(["a"], "x", empty="clear", otherwise=Otherwise(["b"])), '{"x":"B"}'),
        ('{"a":""}', Attribute(["a"], "x", empty="clear", otherwise=Otherwise(["b"])), '{"x":null}'),
        ('{"b":1,"c":2}', Attribute(["a"], "x", otherwise=Otherwise(["b", "c"], "-")), '{"x":"1-2"}'),
        ('{"c":2}', Attribute(["a"], "x", otherwise=Otherwise([("b", "c"), "d"], "-")), '{"x":"2"}'),
        ('{"c":2}', Attribute(["a", "b"], "x", join="-", otherwise=Otherwise(["c"])), '{"x":2}'),
        ('{"b":1,"c":2}', Attribute(["a", "b"], "x", join="-", otherwise=Otherwise(["c"])), '{"x":"1"}'),
        ('{"d":1}', Attribute(["a"], "x", default=b"0", otherwise=Otherwise(["b"])), '{"x":0}'),
        ('{"b":"5"}', Attribute(["a"], "x", cast="integer", otherwise=Otherwise(["b"])), '{"x":5}'),
        ('{"b":" "}', Attribute(["a"], "x", normalise="trim", otherwise=Otherwise(["b"])), "{}"),
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


def test_records_of_people_who_share_an_email_have_that_in_common() -> None:
    rows = [row({"id": 1, "email": "Ada@X.org"}), row({"id": 2, "email": "ada@x.org"}), row({"id": 3})]
    one, other, none = mapper(*plain("email"))(rows)[0]
    assert one.also == other.also != none.also == 0


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
    assert (refused.ref, refused.key, refused.field, refused.rule) == (REF, "", "id", "identifier-unfit")
    assert refused.reason.startswith(reason)
    assert made.identified


def test_a_row_without_the_field_that_identifies() -> None:
    made = mapper(*plain("a"))
    assert invalid(made, row({"Id": 1, "a": 1})) == [
        Invalid(REF, "", "id", "missing; it identifies the person", "identifier-missing")
    ]
    assert (made.identified, made.names_seen) == (False, ["Id", "a"])


def test_an_identifier_that_is_an_empty_cell_is_missing_though_the_field_is_there() -> None:
    made = mapper(*plain("a"))
    expected = Invalid(REF, "", "id", "an empty cell; it identifies the person", "identifier-missing")
    assert invalid(made, row({"a": 1}, "id")) == [expected]
    assert (made.identified, made.names_seen) == (True, [])


def test_a_row_without_a_key_goes_by_its_name_if_it_has_one() -> None:
    named = row({"a": 1})._replace(name="segment_id:use_1")
    unread = Row(REF, {}, "a repeated key", "segment_id:use_2")
    assert [refused.key for refused in invalid(mapper(), named, unread)] == ["segment_id:use_1", "segment_id:use_2"]
    (refused,) = invalid(
        mapper(Attribute(["a"], "a", cast="date")), named._replace(fields=row({"id": 7, "a": 1}).fields)
    )
    assert refused.key == "id:7"


def test_what_is_said_of_a_row_without_an_identifier_is_the_sources_to_say() -> None:
    destination, words = customerio(), "the profile has no external id of the type email"
    made = Mapper("user_id", [], destination, Hasher(Kind.UPSERT, ""), missing=words)
    assert [refused.reason for refused in invalid(made, row({"id": 1}))] == [words]


def test_a_row_that_could_not_be_read_says_why() -> None:
    assert invalid(mapper(), Row(REF, {}, "a repeated key")) == [
        Invalid(REF, "", "", "a repeated key", "row-unreadable")
    ]


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (Attribute(["a"], "x", cast="integer"), "a"),
        (Attribute(["b", "a"], "x", cast="integer"), "b | a"),
        (Attribute(["a", "b"], "x", join="-", cast="integer"), "a + b"),
        (Attribute(["b"], "x", default=b'"soon"', cast="integer"), "b"),
        (Attribute(["b"], "x", cast="integer", otherwise=Otherwise(["a"])), "b | a"),
        (
            Attribute(["b"], "x", cast="integer", otherwise=Otherwise([("c", "a"), "d"], "")),
            "b | (c | a) + d",
        ),
        (Attribute([], "x", constant=b'"soon"', cast="integer"), "x"),
    ],
)
def test_a_failed_cast_names_the_key_and_the_field(rule: Attribute, field: str) -> None:
    expected = Invalid(REF, "id:1", field, "text where a whole number was expected", "value-unfit")
    assert invalid(mapper(rule), row({"id": 1, "a": "soon"})) == [expected]


def test_what_the_destination_refuses_names_the_attribute() -> None:
    (refused,) = invalid(mapper(Attribute(["a"], "x")), row({"id": 1, "a": "é" * 501}))
    assert (refused.key, refused.field, refused.rule) == ("id:1", "x", "value-too-long")
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


def test_another_way_to_a_value_is_met_as_well() -> None:
    made = mapper(Attribute(["a"], "x", otherwise=Otherwise([("b", "c")], " ")))
    assert made.never_met() == ["a | (b | c)"]
    made([row({"id": 1, "c": None})])
    assert made.never_met() == []


@pytest.mark.parametrize("text", ['{"id":true,"a":1,"b":1}', '{"id":1,"a":"one","b":1}'])
def test_a_field_is_met_even_where_the_row_is_of_no_use(text: str) -> None:
    made = mapper(Attribute(["a"], "a", cast="integer"), *plain("b"), Attribute([], "c", constant=b"1"))
    assert len(invalid(made, row(text))) == 1
    assert made.never_met() == []


def test_an_object_is_parsed_once_a_row_however_many_paths_lead_through_it() -> None:
    inside, fields = paths.Inside(), row({"id": 1, "a": {"b": {"c": 1}, "d": 2}}).fields
    assert paths.at("a.b.c", inside)(fields) == b"1"
    outer = inside(".a", fields["a"])
    inner = inside(".a.b", outer["b"])
    assert [paths.at(path, inside)(fields) for path in ("a.d", "a.b.x", "a.b.c")] == [b"2", None, b"1"]
    assert inside(".a", fields["a"]) is outer
    assert inside(".a.b", outer["b"]) is inner
    other = row({"id": 1, "a": {"b": {"c": 1}, "d": 2}}).fields
    assert inside(".a", other["a"]) is not outer


# --- what is empty ----------------------------------------------------------------------------------------------------

# The row is {"e":"","n":null,"v":1} with an empty cell c. By `empty`: what each of these rules makes of it.
EMPTY = {
    "the custom": ("", {"c": "{}", "e": '{"x":""}', "v": '{"x":1}', "n": "{}"}),
    "omit": ("omit", {"c": "{}", "e": "{}", "v": '{"x":1}', "n": "{}"}),
    "keep": ("keep", {"c": '{"x":""}', "e": '{"x":""}', "v": '{"x":1}', "n": "{}"}),
    "clear": ("clear", {"c": '{"x":null}', "e": '{"x":null}', "v": '{"x":1}', "n": "{}"}),
}
ROW = '{"e":"","n":null,"v":1}'


@pytest.mark.parametrize(
    ("empty", "source", "expected"),
    [(empty, name, text) for empty, table in EMPTY.values() for name, text in table.items()],
)
@pytest.mark.parametrize("clears", [False, True])
@pytest.mark.parametrize("quick", [True, False])
def test_what_is_empty_is_absent_kept_or_cleared(
    empty: str, source: str, expected: str, clears: bool, quick: bool
) -> None:
    """A rule that is more than a rename takes the long way, and gives the same."""
    rule = Attribute([source], "x", empty=empty, clears=clears, default=None if quick else b"null")
    if clears and (source == "n" or (not quick and expected == "{}")):
        expected = '{"x":null}'
    assert mapped(ROW, rule, cells="c") == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        # a default fills what is absent
        (Attribute(["c"], "x", default=b"0"), '{"x":0}'),
        (Attribute(["e"], "x", default=b"0"), '{"x":""}'),
        (Attribute(["e"], "x", default=b"0", empty="omit"), '{"x":0}'),
        (Attribute(["c"], "x", default=b"0", empty="keep"), '{"x":""}'),
        (Attribute(["c"], "x", default=b"0", empty="clear"), '{"x":null}'),
        (Attribute(["m"], "x", default=b'""', empty="clear"), '{"x":""}'),
        # the first present
        (Attribute(["c", "v"], "x"), '{"x":1}'),
        (Attribute(["e", "v"], "x"), '{"x":""}'),
        (Attribute(["e", "c", "v"], "x", empty="omit"), '{"x":1}'),
        (Attribute(["c", "v"], "x", empty="keep"), '{"x":""}'),
        (Attribute(["c", "e", "n", "v"], "x", empty="clear"), '{"x":1}'),
        (Attribute(["m", "c"], "x", empty="clear"), '{"x":null}'),
        (Attribute(["n", "c"], "x", empty="clear"), '{"x":null}'),
        (Attribute(["n", "c"], "x"), "{}"),
        (Attribute(["n", "c"], "x", clears=True), '{"x":null}'),
        # join
        (Attribute(["c", "v", "e"], "x", join="-"), '{"x":"1-"}'),
        (Attribute(["c", "v", "e"], "x", join="-", empty="omit"), '{"x":"1"}'),
        (Attribute(["c", "v", "e"], "x", join="-", empty="keep"), '{"x":"-1-"}'),
        (Attribute(["c", "v", "e"], "x", join="-", empty="clear"), '{"x":"1"}'),
        (Attribute(["n", "c"], "x", join="-", empty="clear"), '{"x":null}'),
        (Attribute(["m", "c"], "x", join="-", default=b"0"), '{"x":0}'),
        # a path, and a cast
        (Attribute(["o.e"], "x", empty="clear"), '{"x":null}'),
        (Attribute(["o.e"], "x", empty="omit"), "{}"),
        (Attribute(["c.e"], "x", empty="clear"), "{}"),
        (Attribute(["c"], "x", cast="integer"), "{}"),
        (Attribute(["c"], "x", cast="integer", empty="clear"), '{"x":null}'),
        (Attribute(["c"], "x", cast="string", empty="keep"), '{"x":""}'),
    ],
)
def test_empty_values_in_the_longer_rules(rule: Attribute, expected: str) -> None:
    assert mapped('{"e":"","n":null,"v":1,"o":{"e":""}}', rule, cells="c") == expected


def test_a_kept_empty_text_is_cast_like_any_other() -> None:
    rule = Attribute(["c"], "x", cast="integer", empty="keep")
    (refused,) = invalid(mapper(rule), row({"id": 1}, "c"))
    assert (refused.field, refused.reason) == ("c", "text where a whole number was expected")


# --- normalise and hash -----------------------------------------------------------------------------------------------


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("text", "rule", "expected"),
    [
        ('{"a":" Ada@X.org "}', Attribute(["a"], "x", normalise="email"), "ada@x.org"),
        ('{"a":" Ada@X.org "}', Attribute(["a"], "x", normalise="email", hash="sha256"), hashed("ada@x.org")),
        ('{"a":"Ada"}', Attribute(["a"], "x", hash="sha256"), hashed("Ada")),
        ('{"a":1.50}', Attribute(["a"], "x", hash="sha256"), hashed("1.50")),
        ('{"a":"é"}', Attribute(["a"], "x", hash="sha256"), hashed("é")),
        ('{"b":1}', Attribute(["a"], "x", default=b'" NONE "', normalise="trim", hash="sha256"), hashed("NONE")),
        ('{"a":" 7 "}', Attribute(["a"], "x", cast="integer", normalise="trim"), "7"),
        ('{"a":"A","b":"B"}', Attribute(["a", "b"], "x", join=" ", normalise="lower"), "a b"),
        ('{"a":null}', Attribute(["a"], "x", normalise="email", hash="sha256", clears=True), None),
        ('{"a":"null"}', Attribute(["a"], "x", cast="json", normalise="trim", hash="sha256", clears=True), None),
        ('{"a":""}', Attribute(["a"], "x", hash="sha256"), ""),
        ('{"a":" "}', Attribute(["a"], "x", normalise="trim", hash="sha256", empty="keep"), ""),
        ('{"a":" "}', Attribute(["a"], "x", normalise="trim", empty="clear"), None),
    ],
)
def test_a_value_is_defaulted_cast_normalised_and_hashed_in_this_order(
    text: str, rule: Attribute, expected: object
) -> None:
    assert json.loads(mapped(text, rule)) == {"x": expected}


@pytest.mark.parametrize("normalise", sorted(NORMALISERS))
@pytest.mark.parametrize("text", ['{"a":" "}', '{"a":""}', '{"a":null}'])
@pytest.mark.parametrize("empty", ["", "omit"])
def test_what_normalising_leaves_empty_is_absent(normalise: str, text: str, empty: str) -> None:
    """`lower` leaves a blank alone."""
    rule = Attribute(["a"], "x", normalise=normalise, hash="sha256", empty=empty)
    blank = normalise == "lower" and text == '{"a":" "}'
    assert json.loads(mapped(text, rule)) == ({"x": hashed(" ")} if blank else {})


@pytest.mark.parametrize(
    "rule", [Attribute(["a"], "x", normalise="trim"), Attribute(["a"], "x", hash="sha256")], ids=["normalise", "hash"]
)
@pytest.mark.parametrize(("text", "found"), [("[1]", "a list"), ("{}", "an object")])
def test_a_list_or_an_object_has_no_text_to_normalise_or_hash(rule: Attribute, text: str, found: str) -> None:
    expected = Invalid(REF, "id:1", "a", f"{found} where text was expected", "value-unfit")
    assert invalid(mapper(rule), row(f'{{"id":1,"a":{text}}}')) == [expected]


# --- pick -------------------------------------------------------------------------------------------------------------


def picked(*but: str, clears: bool = False, empty: str = "") -> Pick:
    return Pick(frozenset(but), clears, empty)


@pytest.mark.parametrize(
    ("text", "rules", "pick", "expected"),
    [
        ('{"b":1.50,"a":"x"}', [], picked(), '{"a":"x","b":1.50}'),
        ('{"b":[ 1 ],"a":"\\u0041"}', [], picked(), '{"a":"A","b":[1]}'),
        ('{"é\\"":1}', [], picked(), '{"é\\"":1}'),
        ('{"a":1,"b":2}', [], picked("b"), '{"a":1}'),
        ('{"a":1,"b":2}', plain("a"), picked(), '{"a":1,"b":2}'),
        ('{"a":1,"b":2}', [Attribute(["a"], "x")], picked(), '{"b":2,"x":1}'),
        ('{"a":1,"b":2}', [Attribute(["a"], "b")], picked(), '{"b":1}'),
        ('{"b":2}', [Attribute(["a"], "b")], picked(), "{}"),
        ('{"a":1,"b":2,"c":3}', [Attribute(["a", "b"], "x")], picked(), '{"c":3,"x":1}'),
        ('{"a":1,"b":2,"c":3}', [Attribute([("a",), "b"], "x", join="")], picked(), '{"c":3,"x":"12"}'),
        ('{"a":1,"b":2,"c":3}', [Attribute(["a"], "x", otherwise=Otherwise(["b"]))], picked(), '{"c":3,"x":1}'),
        ('{"a":{"b":1}}', [Attribute(["a.b"], "x")], picked(), '{"a":{"b":1},"x":1}'),
        ('{"a.b":1}', [Attribute(["a.b"], "x")], picked(), '{"x":1}'),
        ('{"a":null,"b":""}', [], picked(), '{"b":""}'),
        ('{"a":null,"b":""}', [], picked(clears=True), '{"a":null,"b":""}'),
        ('{"a":null,"b":"","c":1}', [], picked(empty="omit"), '{"c":1}'),
        ('{"a":null,"b":""}', [], picked(empty="clear"), '{"b":null}'),
    ],
)
def test_all_fields_go_under_their_own_names(text: str, rules: list[Attribute], pick: Pick, expected: str) -> None:
    assert mapped(text, *rules, pick=pick) == expected


@pytest.mark.parametrize(
    ("empty", "expected"), [("", "{}"), ("omit", "{}"), ("keep", '{"c":""}'), ("clear", '{"c":null}')]
)
def test_an_empty_cell_that_is_picked_follows_empty(empty: str, expected: str) -> None:
    assert mapped('{"n":null}', pick=picked(empty=empty), cells="c") == expected


def test_rows_may_have_different_fields() -> None:
    made = mapper(*plain("plan"), pick=picked())
    records, _ = made([row({"id": 1, "a": 1}), row({"id": 2, "b": 2, "plan": "x"}), row({"id": 3})])
    assert [record.body for record in records] == [b'{"a":1}', b'{"b":2,"plan":"x"}', b"{}"]


def test_the_identifier_is_not_picked_and_may_be_mapped() -> None:
    made = mapper(Attribute(["user"], "id"), Attribute(["user"], "account"), user_id="user", pick=picked())
    records, _ = made([row({"user": 7, "a": 1})])
    assert [(record.key, record.body) for record in records] == [("id:7", b'{"a":1,"account":7}')]


def test_names_the_destination_keeps_for_itself_are_left_out_and_told_once() -> None:
    made = mapper(user_id="user", pick=picked("cio_id"))
    records, _ = made([row({"user": number, "_id": 1, "id": 5, "cio_id": "x", "a": 1}) for number in range(3)])
    assert [record.body for record in records] == [b'{"a":1}'] * 3
    fix = "; map it to another name, or name it in except"
    assert made.warnings() == [
        f"field _id is not sent: names that start with _ are reserved by Customer.io{fix}",
        f"field id is not sent: it would give people another id than userId does{fix}",
    ]


def test_names_that_come_with_the_data_take_no_more_memory_with_every_row() -> None:
    made = mapper(pick=picked())

    def take(rows: range) -> None:
        """One field each, whose name is long and new."""
        for number in rows:
            records, _ = made([row(f'{{"id":1,"{number:0140}":1}}')])
            assert len(records) == 1

    take(range(2_000))
    tracemalloc.start()
    take(range(2_000, 10_000))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 8_000 * 140 / 2


def test_no_more_than_100_names_are_told_and_each_is_told_once() -> None:
    made = mapper(pick=picked())
    for number in range(1_500):
        made([row({"id": 1, f"a{number}": 1, f"_{number % 100}": 2})])
    assert len(made.warnings()) == 100
    made([row({"id": 1, "_more": 2})])
    assert made.warnings()[100:] == ["more fields than these 100 are not sent for their names"]


# --- remarks ----------------------------------------------------------------------------------------------------------


def test_remarks_are_counted_by_field_and_kind_with_the_first_row() -> None:
    made = mapper(*plain("email", "created_at"))
    odd: list[dict[str, object]] = [
        {"email": "ada"},
        {"email": "a@x.org"},
        {"email": "bob", "created_at": "2024-01-02"},
    ]
    for number, fields in enumerate(odd, start=1):
        made([row({"id": number, **fields})._replace(ref=RowRef("a.json", number, 0))])
    assert made.warnings() == [
        "email: 2 rows held text that is not shaped like an e-mail address (the first: a.json row 1)",
        "created_at: 1 row held text where unix seconds are expected: add `as: timestamp` (the first: a.json row 3)",
    ]


def test_a_remark_about_the_identifier_names_its_field() -> None:
    made = mapper(user_id="user")
    made([row({"user": " 42 "})])
    assert made.warnings() == [
        "user: 1 row had blanks around it, which are sent as they are (the first: data.json row 3)"
    ]


@pytest.mark.parametrize(
    ("identifier", "remarked"),
    [
        ("9007199254740992", False),
        ("9007199254740993", True),
        ("-9007199254740993", True),
        ("18446744073709551616", True),
        ('"9007199254740993"', False),
        ("1234567890", False),
    ],
)
def test_an_identifier_that_other_programs_round_is_remarked_on(identifier: str, remarked: bool) -> None:
    made = mapper()
    records, _ = made([row(f'{{"id":{identifier}}}')])
    assert records[0].key == "id:" + identifier.strip('"')
    what = "id: 1 row held a number above 2^53, which spreadsheets and JavaScript round: check its last digits"
    assert made.warnings() == [f"{what} (the first: data.json row 3)"] * remarked


def test_a_row_that_is_not_sent_is_not_remarked_on() -> None:
    made = mapper(*plain("email", "unsubscribed"))
    assert len(invalid(made, row({"id": 2**60, "email": "ada", "unsubscribed": "yes"}))) == 1
    assert made.warnings() == []


def test_what_is_kept_of_remarks_does_not_grow_with_the_rows() -> None:
    class Odd(CustomerIo):
        def remarks(self, key: str, record: Mapping[str, bytes]) -> Sequence[Remark]:
            return [Remark(name, "were odd") for name in record]

    destination = Odd(Settings.model_validate({"siteId": "site", "apiKey": "key"}))
    made = Mapper("id", [], destination, Hasher(Kind.UPSERT, ""), pick=picked())
    made([row({"id": number, f"a\n{number % 103}": 1}) for number in range(206)])
    told = made.warnings()
    assert told[0] == r"a\n0: 2 rows were odd (the first: data.json row 3)"
    assert (len(told), told[-1]) == (101, "6 more remarks, of other kinds than these 100")


# --- the quick way and the long way -----------------------------------------------------------------------------------

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
        empty=st.sampled_from(["", "omit", "keep", "clear"]),
        normalise=st.none(),
        hash=st.none(),
        otherwise=st.none() | st.builds(Otherwise, st.tuples(names), st.none()),
    ),
    unique_by=lambda rule: rule.to,
)


def meant(value: object, clears: bool, empty: str) -> object:
    """A value of a row as `nulls` and `empty` have it; `_MISSING` when there is nothing to say."""
    if value == "" or value is _CELL:
        taken = {"omit": _MISSING, "keep": "", "clear": None}
        return taken.get(empty, _MISSING if value is _CELL else "")
    return _MISSING if value is None and not clears else value


def expected(record: Mapping[str, object], some: Sequence[Attribute], pick: Pick | None) -> dict[str, object]:
    """What the rules mean, said once more, and slowly."""
    left = {"id"}.union(*((rule.to, *rule.names) for rule in some))
    own = {} if pick is None else {name: value for name, value in record.items() if name not in left}
    found = {name: meant(value, pick.clears, pick.empty) for name, value in own.items() if pick}
    for rule in some:
        told = [record[name] for name in rule.names if name in record]
        told = [value for value in told if value is None or meant(value, True, rule.empty) is not _MISSING]
        full = [value for value in told if meant(value, True, rule.empty) is not None]
        cleared = [value for value in told if value is not None]
        value = (
            meant((full or cleared or told)[0], rule.clears, rule.empty) if told else 0 if rule.default else _MISSING
        )
        if value is not None and value is not _MISSING and rule.cast:
            value = json.loads(CASTS["string"](canonical(msgspec.json.encode(value))))
        found[rule.to] = value
    return {name: value for name, value in found.items() if value is not _MISSING}


_MISSING, _CELL = object(), object()


@given(
    st.dictionaries(names, values | st.sampled_from([_CELL, ""])),
    rules,
    st.none() | st.builds(Pick, st.just(frozenset()), st.booleans(), st.sampled_from(["", "omit", "keep", "clear"])),
    st.booleans(),
)
def test_quick_or_not_a_body_is_canonical_and_means_what_the_rules_say(
    record: dict[str, object], some: list[Attribute], pick: Pick | None, ascii_only: bool
) -> None:
    cells = [name for name, value in record.items() if value is _CELL]
    held = {name: value for name, value in record.items() if value is not _CELL}
    text = json.dumps({"id": 1} | held, ensure_ascii=ascii_only)
    ((made,), _) = mapper(*some, pick=pick)([row(text, *cells)])
    assert made.body == canonical(msgspec.json.encode(expected(record, some, pick)))


@given(
    st.lists(st.dictionaries(names, values), max_size=4),
    st.lists(st.lists(names, min_size=1, max_size=3).map(".".join), max_size=4),
)
def test_a_path_reads_its_own_row_whatever_was_read_before(records: list[dict[str, object]], some: list[str]) -> None:
    inside = paths.Inside()
    reads = [(paths.at(path, inside), path) for path in some]
    for record in records:
        fields = row(record).fields
        assert [read(fields) for read, _ in reads] == [paths.at(path, paths.Inside())(fields) for _, path in reads]


def test_a_value_that_cannot_be_converted_may_be_left_out_and_is_told_of() -> None:
    made = mapper(*plain("name"), Attribute(["born"], "born", cast="date", omits=True))
    rows = [row({"id": 1, "name": "Ada", "born": 642124800}), row({"id": 2, "name": "Bea", "born": "1990-05-05"})]
    records, refused = made(rows)
    assert [record.body for record in records] == [b'{"name":"Ada"}', b'{"born":"1990-05-05","name":"Bea"}']
    assert not refused
    assert made.warnings() == [
        "born: 1 row had a value that could not be converted, and went without it (the first: data.json row 3)"
    ]


def test_without_that_the_row_is_invalid() -> None:
    made = mapper(*plain("name"), Attribute(["born"], "born", cast="date"))
    assert [one.field for one in invalid(made, row({"id": 1, "name": "Ada", "born": 642124800}))] == ["born"]
