"""Rows as they come, good and bad → what travels, or why nothing does. Each case by hand, through mapping and checks.

A case's number is that of what it tries: R1 to R17 identifiers, R22 to R35 names and values, R26 and R28 whole rows.
"""

from __future__ import annotations

import json
from typing import NamedTuple

import msgspec
import pytest

from play import customerio
from syncline.errors import RULES, Unfit
from syncline.flow.canonical import Hasher
from syncline.flow.mapping import Attribute, Mapper
from syncline.flow.pick import Pick
from syncline.model import Change, Kind, Row, RowRef

fields_of = msgspec.json.Decoder(dict[str, msgspec.Raw])

BLANKS = "had blanks around it, which are sent as they are"
NFD = "was not in Unicode's composed form (NFC): another that looks the same is another person"
BIG = "held a number above 2^53, which spreadsheets and JavaScript round: check its last digits"
EMAIL = "held text that is not shaped like an e-mail address"
TEXT_TIME = "held text where unix seconds are expected: add `as: timestamp`"
OMITTED = "a had a value that could not be converted, and went without it"
NO_TIME = "text where a time in ISO 8601 or unix seconds was expected"


class Case(NamedTuple):
    """A row, and what becomes of it: `key body` when it is sent, else `rule: field: reason`.

    remark: what is said of a row that is sent all the same; rules: mappings besides every field under its own name.
    """

    number: str
    row: str
    expected: str
    remark: str = ""
    rules: tuple[Attribute, ...] = ()


def unfit(reason: str) -> str:
    return f"identifier-unfit: id: {reason}"


NO_ID = "is not an identifier; expected text or a whole number"
TIMESTAMP = (Attribute(["created_at"], "created_at", cast="timestamp"),)
BOOLEAN = (Attribute(["unsubscribed"], "unsubscribed", cast="boolean"),)
JSON = (Attribute(["a"], "a", cast="json"),)
JSON_OR_NOTHING = (Attribute(["a"], "a", cast="json", omits=True),)
IN_NO_ROW = "value-unfit: a: text whose JSON no row may hold:"
CLEARS = (Attribute(["a"], "a", clears=True),)
SUBSCRIBED = "Customer.io reads it as subscribed; add `as: boolean`"

IDENTIFIERS = [
    Case("R1", '{"Id":1}', "identifier-missing: id: missing; it identifies the person"),
    Case("R2", '{"id":null}', unfit(f"null {NO_ID}")),
    Case("R3", '{"id":true}', unfit(f"a boolean {NO_ID}")),
    Case("R3", '{"id":false}', unfit(f"a boolean {NO_ID}")),
    Case("R4", '{"id":1}', "id:1 {}"),
    Case("R4", '{"id":"1"}', "id:1 {}"),
    Case("R6", '{"id":1.5}', unfit(f"a fraction or a float {NO_ID}")),
    Case("R6", '{"id":1e3}', unfit(f"a fraction or a float {NO_ID}")),
    Case("R6", '{"id":-0}', unfit(f"a fraction or a float {NO_ID}")),
    Case("R7", '{"id":9007199254740993}', "id:9007199254740993 {}", f"id {BIG}"),
    Case("R7", '{"id":18446744073709551616}', "id:18446744073709551616 {}", f"id {BIG}"),
    Case("R7", '{"id":"9007199254740993"}', "id:9007199254740993 {}"),
    Case("R9", '{"id":""}', unfit("the identifier is blank")),
    Case("R9", '{"id":"   "}', unfit("the identifier is blank")),
    Case("R9", r'{"id":"\t"}', unfit("the identifier is blank")),
    Case("R10", '{"id":" 42 "}', "id: 42  {}", f"id {BLANKS}"),
    Case("R11", f'{{"id":"{"x" * 150}"}}', f"id:{'x' * 150} {{}}"),
    Case("R11", f'{{"id":"{"x" * 151}"}}', unfit("the identifier is 151 bytes; Customer.io takes at most 150")),
    Case("R11", f'{{"id":"{"é" * 75}"}}', f"id:{'é' * 75} {{}}"),
    Case("R11", f'{{"id":"{"é" * 76}"}}', unfit("the identifier is 152 bytes; Customer.io takes at most 150")),
    Case("R14", '{"id":"Ada@X.org"}', "email:ada@x.org {}"),
    Case("R14", '{"id":"ada@x.org"}', "email:ada@x.org {}"),
    Case("R15", '{"id":"é"}', "id:é {}"),
    Case("R15", '{"id":"e\u0301"}', "id:e\u0301 {}", f"id {NFD}"),
    Case("R17", '{"id":"=1+1"}', "id:=1+1 {}"),
    Case("R17", """{"id":"'; DROP TABLE users"}""", "id:'; DROP TABLE users {}"),
    Case("R17", '{"id":"<b>"}', "id:<b> {}"),
    Case("R17", r'{"id":"\u001b[31m"}', unfit("the identifier holds control characters")),
]

VALUES = [
    Case("R22", '{"id":1,"a":null}', "id:1 {}"),
    Case("R22", '{"id":1,"a":null}', 'id:1 {"a":null}', rules=CLEARS),
    Case("R23", '{"id":1,"a":""}', 'id:1 {"a":""}'),
    Case("R23", '{"id":1,"a":""}', "id:1 {}", rules=(Attribute(["a"], "a", empty="omit"),)),
    Case("R23", '{"id":1,"a":""}', 'id:1 {"a":null}', rules=(Attribute(["a"], "a", empty="clear"),)),
    Case("R27", f'{{"id":1,"{"é" * 75}":1}}', f'id:1 {{"{"é" * 75}":1}}'),
    Case(
        "R27",
        f'{{"id":1,"{"é" * 76}":1}}',
        f"name-unfit: {'é' * 40}: the attribute name is 152 bytes; Customer.io takes 1 to 150",
    ),
    Case("R27", '{"id":1,"":1}', "name-unfit: : the attribute name is 0 bytes; Customer.io takes 1 to 150"),
    Case("R27", r'{"id":1,"a.b[0]\"":1}', r'id:1 {"a.b[0]\"":1}'),
    Case("R29", '{"id":1,"a":{ "c":[1, 2],"b":1.50}}', 'id:1 {"a":{"b":1.50,"c":[1,2]}}'),
    Case("R29", '{"id":1,"a":[{"b":null}]}', 'id:1 {"a":[{"b":null}]}'),
    Case("R29", r'{"id":1,"a":"{\"c\":[1, 2],\"b\":1.50}"}', 'id:1 {"a":{"b":1.50,"c":[1,2]}}', rules=JSON),
    Case(
        "R29",
        r'{"id":1,"a":"{\"b\":1,\"b\":2}"}',
        f'{IN_NO_ROW} found the key "b" more than once, expected each key once',
        rules=JSON,
    ),
    Case("R29", r'{"id":1,"a":"[\"\\u0000\"]"}', f"{IN_NO_ROW} found the character U+0000, expected text", rules=JSON),
    Case("R29", r'{"id":1,"a":"{\"b\":1,\"b\":2}"}', "id:1 {}", OMITTED, rules=JSON_OR_NOTHING),
    Case("R31", '{"id":1,"unsubscribed":"true"}', 'id:1 {"unsubscribed":"true"}'),
    Case("R31", '{"id":1,"unsubscribed":1}', 'id:1 {"unsubscribed":1}'),
    Case(
        "R31",
        '{"id":1,"unsubscribed":"yes"}',
        f"reserved-value: unsubscribed: text where true, false, 1 or 0 was expected: {SUBSCRIBED}",
    ),
    Case("R31", '{"id":1,"unsubscribed":"yes"}', 'id:1 {"unsubscribed":true}', rules=BOOLEAN),
    Case("R32", '{"id":1,"created_at":1704164645}', 'id:1 {"created_at":1704164645}'),
    Case(
        "R32",
        '{"id":1,"created_at":"2024-01-02T03:04:05"}',
        'id:1 {"created_at":"2024-01-02T03:04:05"}',
        f"created_at {TEXT_TIME}",
    ),
    Case("R32", '{"id":1,"created_at":"2024-01-02T03:04:05"}', 'id:1 {"created_at":1704164645}', rules=TIMESTAMP),
    Case(
        "R32",
        '{"id":1,"created_at":1704164645000}',
        'id:1 {"created_at":1704164645000}',
        "created_at held what looks like milliseconds where unix seconds are expected",
    ),
    Case(
        "R32",
        '{"id":1,"created_at":1704164645000}',
        "value-unfit: created_at: looks like milliseconds; unix seconds were expected",
        rules=TIMESTAMP,
    ),
    Case("R32", '{"id":1,"created_at":-1}', 'id:1 {"created_at":-1}'),
    Case("R32", '{"id":1,"created_at":"0000-01-01"}', f"value-unfit: created_at: {NO_TIME}", rules=TIMESTAMP),
    Case(
        "R32",
        '{"id":1,"created_at":1000000000000000}',
        "value-unfit: created_at: looks like milliseconds; unix seconds were expected",
        rules=TIMESTAMP,
    ),
    Case("R32", '{"id":1,"created_at":"yesterday"}', f"value-unfit: created_at: {NO_TIME}", rules=TIMESTAMP),
    Case("R33", '{"id":1,"email":"ada"}', 'id:1 {"email":"ada"}', f"email {EMAIL}"),
    Case("R33", '{"id":1,"email":"a@b@x.org"}', 'id:1 {"email":"a@b@x.org"}', f"email {EMAIL}"),
    Case("R33", '{"id":1,"email":"ada@x.org."}', 'id:1 {"email":"ada@x.org."}', f"email {EMAIL}"),
    Case("R33", '{"id":1,"email":"mailto:ada@x.org"}', 'id:1 {"email":"mailto:ada@x.org"}', f"email {EMAIL}"),
    Case("R33", '{"id":1,"email":"ada@müller.de"}', 'id:1 {"email":"ada@müller.de"}'),
    Case(
        "R33",
        f'{{"id":1,"email":"{"x" * 294}@x.org"}}',
        f'id:1 {{"email":"{"x" * 294}@x.org"}}',
        f"email {EMAIL}",
    ),
    Case("R35", '{"id":1,"constructor":1,"$set":{"a":1}}', 'id:1 {"$set":{"a":1},"constructor":1}'),
    Case(
        "R35",
        '{"id":1,"__proto__":{"admin":true}}',
        'id:1 {"proto":{"admin":true}}',
        rules=(Attribute(["__proto__"], "proto"),),
    ),
]


def attributes(count: int, size: int = 1) -> str:
    return json.dumps({f"a{number:03}": "x" * size for number in range(count)}, separators=(",", ":"))


def padded(size: int) -> str:
    """Attributes whose person is `size` bytes as an item of a batch."""
    around = len('{"type":"person","action":"identify","identifiers":{"id":"1"},"attributes":}')
    most, more = attributes(31, 1_000)[:-1], ',"b":""}'
    return most + more.replace('""', f'"{"x" * (size - around - len(most) - len(more))}"')


LIMITS = [
    Case("R26", '{"id":1,' + attributes(300)[1:], f"id:1 {attributes(300)}"),
    Case(
        "R26",
        '{"id":1,' + attributes(301)[1:],
        "too-many-attributes: : 301 attributes; Customer.io takes at most 300",
    ),
    Case("R28", '{"id":1,' + padded(32_000)[1:], f"id:1 {padded(32_000)}"),
    Case(
        "R28",
        '{"id":1,' + padded(32_001)[1:],
        "record-too-large: : the person is 32001 bytes as JSON; one item of a batch may have 32000",
    ),
]


@pytest.mark.parametrize("case", [*IDENTIFIERS, *VALUES, *LIMITS], ids=lambda case: f"{case.number} {case.row[:50]}")
def test_a_row_is_sent_exactly_or_told_why_not(case: Case) -> None:
    destination = customerio()
    mapper = Mapper("id", case.rules, destination, Hasher(Kind.UPSERT, destination.fingerprint), pick=Pick())
    records, invalid = mapper([Row(RowRef("data.json", 1, 1), fields_of.decode(case.row))])
    told = [f"{row.rule}: {row.field}: {row.reason}" for row in invalid]
    for record in records:
        try:
            item = destination.encode(Change(1, record.ref, record.key, Kind.UPSERT, record.body))
        except Unfit as no:
            told.append(f"{no.rule}: {no.field}: {no.reason}")
        else:
            assert item.payload.endswith(b',"attributes":' + record.body + b"}")
            told.append(f"{record.key} {record.body.decode()}")
    assert told == [case.expected]
    assert invalid == [] or invalid[0].rule in RULES
    remark = case.remark.replace(" ", ": 1 row ", 1)
    assert mapper.warnings() == ([f"{remark} (the first: data.json row 1)"] if remark else [])
