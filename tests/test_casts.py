"""One JSON value → one JSON value of the asked type or spelling, or `Unfit`. Never a guess."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.errors import Unfit
from syncline.flow.casts import CASTS
from syncline.flow.normalise import HASHES, NORMALISERS

WAYS = {**CASTS, **NORMALISERS, **HASHES}


def cast(name: str, text: str) -> str:
    return WAYS[name](text.encode()).decode()


def refusal(name: str, text: str) -> str:
    with pytest.raises(Unfit) as unfit:
        WAYS[name](text.encode())
    assert (unfit.value.field, unfit.value.rule) == ("", "value-unfit")
    return unfit.value.reason


def quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


IN_NO_ROW = "text whose JSON no row may hold"
DEEPEST = "expected at most 64 brackets open at once"
SECOND = "1704164645"  # 2024-01-02T03:04:05Z


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("string", '"as it is"', '"as it is"'),
        ("string", "1.50", '"1.50"'),
        ("string", "18446744073709551616", '"18446744073709551616"'),
        ("string", "true", '"true"'),
        ("string", '{"a":"b"}', r'"{\"a\":\"b\"}"'),
        ("integer", "42", "42"),
        ("integer", "-42", "-42"),
        ("integer", "-0", "0"),
        ("integer", "42.0", "42"),
        ("integer", "4.2e1", "42"),
        ("integer", "1e3", "1000"),
        ("integer", '"42"', "42"),
        ("integer", '" 42 "', "42"),
        ("integer", '"-42.00"', "-42"),
        ("integer", "18446744073709551616", "18446744073709551616"),
        ("integer", '"1000000000000000000000000000000"', "1000000000000000000000000000000"),
        ("integer", "1e39", "1" + "0" * 39),
        ("integer", "0e999999", "0"),
        ("number", "0.1000000000000000055", "0.1000000000000000055"),
        ("number", "18446744073709551616", "18446744073709551616"),
        ("number", '"0.1000000000000000055"', "0.1000000000000000055"),
        ("number", '" 1.50 "', "1.50"),
        ("number", "1E5", "1E5"),
        ("number", "-0", "-0"),
        ("number", "1e100", "1e100"),
        ("number", "1e-400", "1e-400"),
        ("date", '"2024-02-29"', '"2024-02-29"'),
        ("date", '"20240229"', '"2024-02-29"'),
        ("date", '"2024-02-29T23:59:59-11:00"', '"2024-02-29"'),
        ("date", '"2024-W01-1"', '"2024-01-01"'),
        ("json", r'"{\"b\": 1.0, \"a\": [1e400]}"', '{"a":[1e400],"b":1.0}'),
        ("json", '"18446744073709551616"', "18446744073709551616"),
        ("json", '" null "', "null"),
        ("json", r'"\"text\""', '"text"'),
        ("json", '{"a":1}', '{"a":1}'),
        ("json", "1.50", "1.50"),
        ("json", f'"{"1" * 40}"', "1" * 40),
        ("json", f'"{"[" * 63}{"]" * 63}"', "[" * 63 + "]" * 63),  # as deep as a row may have it
        ("json", quoted(r'"\\u0000"'), r'"\\u0000"'),
        ("json", quoted('[{"a":1},{"a":1}]'), '[{"a":1},{"a":1}]'),
    ],
)
def test_what_is_taken(name: str, text: str, expected: str) -> None:
    assert cast(name, text) == expected


@pytest.mark.parametrize(
    "text", ["true", '"true"', '"TRUE"', '"True"', '"yes"', '"YES"', '"yEs"', '"1"', "1", '" yes "']
)
def test_what_is_true(text: str) -> None:
    assert cast("boolean", text) == "true"


@pytest.mark.parametrize("text", ["false", '"false"', '"FALSE"', '"no"', '"No"', '"0"', "0"])
def test_what_is_false(text: str) -> None:
    assert cast("boolean", text) == "false"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"2024-01-02T03:04:05Z"', SECOND),
        ('"2024-01-02T03:04:05"', SECOND),
        ('"2024-01-02 03:04:05"', SECOND),
        ('"2024-01-02t03:04:05z"', SECOND),
        ('"20240102T030405Z"', SECOND),
        ('" 2024-01-02T03:04:05Z "', SECOND),
        ('"2024-01-02T05:04:05+02:00"', SECOND),
        ('"2024-01-02T05:04:05+0200"', SECOND),
        ('"2024-01-02T05:04:05+02"', SECOND),
        ('"2024-01-02 05:04:05 +02:00"', SECOND),
        ('"2024-01-01T21:34:05-05:30"', SECOND),
        ('"2024-01-02T03:04:05.999999Z"', SECOND),
        ('"2024-01-02T03:04:05,5Z"', SECOND),
        ('"2024-01-02T03:04:05.999999999Z"', SECOND),
        ('"2024-01-02T03:04Z"', "1704164640"),
        ('"2024-01-02"', "1704153600"),
        ('"20240102"', "1704153600"),
        ('"2024-W01-2"', "1704153600"),
        ('"2024-02-29"', "1709164800"),
        ('"1970-01-01"', "0"),
        ('"1969-12-31T23:59:59.999999Z"', "-1"),
        ('"0001-01-01T00:00:00+14:00"', "-62135647200"),
        ('"9999-12-31T23:59:59.999999Z"', "253402300799"),
        (SECOND, SECOND),
        (f'"{SECOND}"', SECOND),
        (f"{SECOND}.999", SECOND),
        (f'"{SECOND}.999"', SECOND),
        ("1.704164645e9", SECOND),
        ("0", "0"),
        ("-1", "-1"),
        ("-0.5", "-1"),
        ('"-631152000"', "-631152000"),
        ("20240102", "20240102"),
        ("99999999999", "99999999999"),
        ("-99999999999", "-99999999999"),
        ("1e-30", "0"),
    ],
)
def test_times(text: str, expected: str) -> None:
    assert cast("timestamp", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "100000000000",
        "-100000000000",
        "1704164645000",
        "1704164645000.5",
        '"1704164645000"',
        '"1704164645000000000"',
        "1000000000000000",
        "1e15",
        '"20240102030405"',
    ],
)
def test_milliseconds_where_seconds_belong_are_invalid(text: str) -> None:
    assert refusal("timestamp", text) == "looks like milliseconds; unix seconds were expected"


NO_TIMES = [
    '"yesterday"',
    '"now"',
    '""',
    '" "',
    '"NaN"',
    '"0"',
    '"12345678"',
    '"2024"',
    '"2024-01"',
    '"2024-W01"',
    '"2023-02-29"',
    '"1900-02-29"',
    '"2024-13-01"',
    '"0000-01-01"',
    '"10000-01-01"',
    '"-2024-01-01"',
    '"2024-01-02T"',
    '"2024-01-02T25:00"',
    '"2024-01-02T24:00"',
    '"2024-01-02T23:59:60Z"',
    '"2024-01-02T03:04:05.Z"',
    '"2024-01-02T03:04.5"',
    '"2024-01-02T03.5"',
    '"2024-01-02x03:04:05"',
    '"2024-01-02-05:00"',
    '"2024-01-02+05:00"',
    '"2024-01-02Z"',
    '"2024-01-02T03:04:05 UTC"',
    '"2024-01-02T03:04:05+24:00"',
    '"02.01.2024"',
    '"01/02/2024"',
    '"٢٠٢٤-٠١-٠٢"',
    "true",
    "false",
    "[]",
    '{"seconds":1}',
]


@pytest.mark.parametrize(
    "text", [*NO_TIMES, '"1e9"', '"٠١٢٣٤٥٦٧٨٩"', '"1704164645.٥"', '"17_0416_4645"', "1e999999999"]
)
def test_what_is_no_time(text: str) -> None:
    assert "where a time in ISO 8601 or unix seconds was expected" in refusal("timestamp", text)


@pytest.mark.parametrize("text", [*NO_TIMES, "20240102", SECOND, f'"{SECOND}"'])
def test_what_is_no_date(text: str) -> None:
    assert "where a date in ISO 8601 was expected" in refusal("date", text)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("integer", "1.5", "a number where a whole number was expected"),
        ("integer", "true", "true where a whole number was expected"),
        ("integer", "[1]", "a list where a whole number was expected"),
        ("integer", '"1e999999999"', "text where a whole number was expected"),
        ("integer", "1e999999999", "a number where a whole number was expected"),
        ("integer", "1e40", "a number where a whole number was expected"),
        ("integer", "1e-999999999", "a number where a whole number was expected"),
        ("integer", "1e99999999999999999999", "a number where a whole number was expected"),
        ("integer", f'"{"9" * 100_000}"', "text where a whole number was expected"),
        ("number", "false", "false where a number was expected"),
        ("number", '{"a":1}', "an object where a number was expected"),
        ("number", "1e400", "the number is beyond 1.8e308"),
        ("number", "-1e999999999", "the number is beyond 1.8e308"),
        ("number", f'"{"9" * 100_000}"', "the number is beyond 1.8e308"),
        ("json", '""', "text where text that holds JSON was expected"),
        ("json", '"{"', "text where text that holds JSON was expected"),
        ("json", '"NaN"', "text where text that holds JSON was expected"),
        ("json", '"plain"', "text where text that holds JSON was expected"),
        ("json", r'"[1] [2]"', "text where text that holds JSON was expected"),
        ("json", r'"\"\\ud800\""', "text where text that holds JSON was expected"),
        ("json", f'"{"[" * 50_000}{"]" * 50_000}"', "text where text that holds JSON was expected"),
        ("json", f'"{"[" * 700}{"]" * 700}"', f"{IN_NO_ROW}: found nesting deeper than 64, {DEEPEST}"),
        ("json", f'"{"[" * 64}{"]" * 64}"', f"{IN_NO_ROW}: found nesting deeper than 64, {DEEPEST}"),
        ("json", quoted('{"a":1,"a":1}'), f'{IN_NO_ROW}: found the key "a" more than once, expected each key once'),
        (
            "json",
            quoted(r'[{"a":1,"\u0061":2}]'),
            f'{IN_NO_ROW}: found the key "a" more than once, expected each key once',
        ),
        ("json", quoted(r'"x\u0000y"'), f"{IN_NO_ROW}: found the character U+0000, expected text"),
        ("json", quoted(r'{"\u0000":1}'), f"{IN_NO_ROW}: found the character U+0000, expected text"),
        ("json", f'"{"1" * 41}"', f"{IN_NO_ROW}: found a number of 41 characters, expected at most 40"),
        ("boolean", "[]", "a list where true or false, yes or no, 1 or 0 was expected"),
    ],
)
def test_what_is_refused_and_how_it_is_said(name: str, text: str, expected: str) -> None:
    began = time.process_time()
    assert refusal(name, text) == expected
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("name", ["integer", "number"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "abc",
        "NaN",
        "Infinity",
        "-Infinity",
        "sNaN",
        "1_000",
        "1,5",
        "٣",
        "１",
        "0x10",
        "007",
        "+5",
        ".5",
        "5.",
        "1 2",
    ],
)
def test_text_that_only_looks_like_a_number(name: str, text: str) -> None:
    assert refusal(name, quoted(text)).startswith("text where a")


@pytest.mark.parametrize(
    "text", ['"maybe"', '""', '"y"', '"on"', '"t"', '"2"', "2", "1.0", "-1", "1e0", '"truе"', "{}"]
)
def test_what_is_neither_true_nor_false(text: str) -> None:
    assert "was expected" in refusal("boolean", text)


@given(st.datetimes(), st.none() | st.integers(-14 * 60, 14 * 60))
def test_every_time_is_the_whole_seconds_since_1970(moment: datetime, offset: int | None) -> None:
    aware = moment.replace(tzinfo=UTC if offset is None else timezone(timedelta(minutes=offset)))
    said = moment.isoformat() if offset is None else aware.isoformat()
    seconds = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    assert int(cast("timestamp", quoted(said))) == seconds


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30))
def test_an_integer_is_exact_or_refused(value: Decimal) -> None:
    text = f"{value:f}"
    if value == value.to_integral_value():
        assert int(cast("integer", text)) == int(cast("integer", quoted(text))) == value
    else:
        assert refusal("integer", text) == "a number where a whole number was expected"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("email", '"ada@x.org"', '"ada@x.org"'),
        ("email", '" Ada@X.ORG\\n"', '"ada@x.org"'),
        ("email", '"ÄDA@müller.de"', '"äda@müller.de"'),
        ("email", '" "', '""'),
        ("phone", '"+49 30 1234567"', '"+49301234567"'),
        ("phone", '"+49 (0)30 / 123-45.67"', '"+49301234567"'),
        ("phone", '"+44 ( 0 ) 20 7946 0018"', '"+442079460018"'),
        ("phone", '"0049 30 1234567"', '"+49301234567"'),
        ("phone", '"+1 (415) 555-0123"', '"+14155550123"'),
        ("phone", '"[+1] 415\u2011555\u20130123"', '"+14155550123"'),
        ("phone", '"+1\u00a0415\u202f5550123"', '"+14155550123"'),
        ("phone", '"+1234567"', '"+1234567"'),
        ("phone", '"+123456789012345"', '"+123456789012345"'),
        ("phone", '" "', '""'),
        ("lower", '" ÄB "', '" äb "'),
        ("lower", "true", '"true"'),
        ("lower", "1E5", '"1e5"'),
        ("trim", '"\\t a b \u00a0"', '"a b"'),
        ("trim", "1.50", '"1.50"'),
        ("trim", "false", '"false"'),
        ("sha256", '"ada@x.org"', '"210e59f6e61aa3a35ab77472ad49610a12db532296e8a29a4a021e1503aeb220"'),
    ],
)
def test_one_spelling(name: str, text: str, expected: str) -> None:
    assert cast(name, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        '"030 1234567"',
        '"415 555 0123"',
        "4155550123",
        '"+0301234567"',
        '"000301234567"',
        '"+123456"',
        '"+1234567890123456"',
        '"+49 30 1234567 ext. 5"',
        '"tel:+49301234567"',
        '"++49301234567"',
        '"+49+301234567"',
        '"+٤٩٣٠١٢٣٤٥٦٧"',
        '"call me"',
        '"-"',
        '"(0)"',
        "true",
    ],
)
def test_a_phone_number_without_its_country_code_is_refused(text: str) -> None:
    expected = "a phone number needs its country code: + or 00, the code, and 7 to 15 digits in all"
    assert refusal("phone", text) == expected


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('"ada"', "text"),
        ('"ada@x"', "text"),
        ('"a b@x.org"', "text"),
        ('"a@b@x.org"', "text"),
        ("7", "a number"),
        ("true", "true"),
    ],
)
def test_what_is_no_email_address(text: str, found: str) -> None:
    assert refusal("email", text) == f"{found} where an e-mail address was expected"


@pytest.mark.parametrize("name", sorted({*NORMALISERS, *HASHES}))
@pytest.mark.parametrize(("text", "found"), [('["a"]', "a list"), ('{"a":1}', "an object")])
def test_what_has_no_text(name: str, text: str, found: str) -> None:
    assert refusal(name, text) == f"{found} where text was expected"


@given(st.sampled_from(sorted({*CASTS, *NORMALISERS})), st.text(st.characters(codec="utf-8"), max_size=20))
def test_text_is_cast_to_json_or_refused_and_a_cast_is_stable(name: str, text: str) -> None:
    try:
        once = WAYS[name](msgspec.json.encode(text))
    except Unfit:
        return
    msgspec.json.decode(once)
    if name != "json":
        assert WAYS[name](once) == once


@given(st.text("+0123456789 ()-./[]٣x", max_size=22))
def test_a_phone_number_keeps_its_digits_or_is_refused(text: str) -> None:
    try:
        phone = msgspec.json.decode(WAYS["phone"](msgspec.json.encode(text)), type=str)
    except Unfit:
        return
    digits = re.sub(r"[^0-9]", "", re.sub(r"\([ ]*0[ ]*\)", "", text))
    assert phone in ("", f"+{digits}", f"+{digits[2:]}")
