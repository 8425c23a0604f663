"""`as: timestamp` and its kin: one JSON value → one JSON value, or `Unfit`. Never a guess."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

import msgspec

from syncline.errors import Unfit
from syncline.flow.canonical import canonical, encode
from syncline.json_rules import NO_BETTER, value_fault
from syncline.json_scan import JsonError

Cast = Callable[[bytes], bytes]

_INTEGER = re.compile(rb"0|-?[1-9]\d*")
_NUMBER = re.compile(rb"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_SECONDS = re.compile(r"-?\d{9,}(\.\d+)?", re.ASCII)
# Python's own parser takes more than ISO 8601: any character for the T, so that a date with an offset
# ("2024-01-02-05:00") becomes five in the morning, and half a minute ("03:04.5") for half a second.
_ISO_8601 = re.compile(
    r"""(\d{4}-\d\d-\d\d | \d{8} | \d{4}-W\d\d-\d | \d{4}W\d{3})
        ([T ] \d\d (:?\d\d (:?\d\d ([.,]\d+)?)?)? (\ ?(Z | [+-]\d\d(:?\d\d(:?\d\d)?)?))?)?""",
    re.ASCII | re.VERBOSE,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS_AT_MOST = 40
# Unix seconds reach 10^11 in the year 5138; a number beyond it is milliseconds, whose year would be taken as it stands.
_MILLISECONDS_FROM = 10**11
_any_json = msgspec.json.Decoder(msgspec.Raw)  # checks the grammar, and leaves numbers as they are
_TRUTH = {"true": b"true", "yes": b"true", "1": b"true", "false": b"false", "no": b"false", "0": b"false"}


def kind_of(text: bytes) -> str:
    """What a reader would call the value."""
    named = {b'"': "text", b"{": "an object", b"[": "a list", b"t": "true", b"f": "false", b"n": "null"}
    return named.get(text[:1], "a number")


def _unfit(text: bytes, expected: str) -> Unfit:
    return Unfit("", f"{kind_of(text)} where {expected} was expected", "value-unfit")


def _plain(text: bytes) -> str:
    """The text of a string, the digits of a number; `""` for anything else."""
    if text[:1] == b'"':
        value = msgspec.json.decode(text)
        return value.strip() if isinstance(value, str) else ""
    return text.decode() if _NUMBER.fullmatch(text) else ""


def to_string(text: bytes) -> bytes:
    return text if text[:1] == b'"' else encode(text.decode())


def _decimal(text: bytes) -> Decimal | None:
    """None for what is no number, and for one whose digits would fill the memory: 1e999999999."""
    plain = _plain(text)
    try:
        value = Decimal(plain if _NUMBER.fullmatch(plain.encode()) else "none")
    except InvalidOperation:
        return None
    return value if not value or abs(value.adjusted()) < _DIGITS_AT_MOST else None


def to_integer(text: bytes) -> bytes:
    if _INTEGER.fullmatch(text):
        return text
    value = _decimal(text)
    if value is None or value != value.to_integral_value():
        raise _unfit(text, "a whole number")
    return str(int(value)).encode()


def to_number(text: bytes) -> bytes:
    """Digit for digit. A number beyond a double (1e400) is none: readers of JSON make an infinity or an error of it."""
    digits = _plain(text).encode()
    if not _NUMBER.fullmatch(digits):
        raise _unfit(text, "a number")
    if math.isinf(float(digits)):
        raise Unfit("", "the number is beyond 1.8e308", "value-unfit")
    return digits


def to_boolean(text: bytes) -> bytes:
    said = text.decode() if text in {b"true", b"false"} else _plain(text)
    truth = _TRUTH.get(said.lower())
    if truth is None:
        raise _unfit(text, "true or false, yes or no, 1 or 0")
    return truth


def to_timestamp(text: bytes) -> bytes:
    """ISO 8601 (no offset means UTC) or unix seconds → whole unix seconds, rounded down."""
    expected = "a time in ISO 8601 or unix seconds"
    said = _plain(text)
    if text[:1] != b'"' or _SECONDS.fullmatch(said):
        value = _decimal(text)
        if value is None:
            raise _unfit(text, expected)
        if abs(value) >= _MILLISECONDS_FROM:
            raise Unfit("", "looks like milliseconds; unix seconds were expected", "value-unfit")
        return str(math.floor(value)).encode()
    moment = _moment(text, said, expected)
    passed = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return str(passed // timedelta(seconds=1)).encode()  # a float would round the last microsecond of 9999 up


def to_date(text: bytes) -> bytes:
    """ISO 8601 date or time → "YYYY-MM-DD", the day as written: never shifted by a time zone."""
    expected = "a date in ISO 8601"
    if text[:1] != b'"':
        raise _unfit(text, expected)
    return encode(_moment(text, _plain(text), expected).date().isoformat())


def _moment(text: bytes, said: str, expected: str) -> datetime:
    iso = said.upper()  # RFC 3339 allows a small t and z
    if not _ISO_8601.fullmatch(iso):
        raise _unfit(text, expected)
    try:
        return datetime.fromisoformat(iso)
    except ValueError:
        raise _unfit(text, expected) from None


def to_json(text: bytes) -> bytes:
    """Text that holds JSON → the value it spells; anything else as it is. The value must be one that a row may hold."""
    if text[:1] != b'"':
        return text
    try:
        value = bytes(_any_json.decode(_plain(text)))
        fault = value_fault(value)
    except (*NO_BETTER, JsonError):
        raise _unfit(text, "text that holds JSON") from None
    if fault:
        raise Unfit("", f"text whose JSON no row may hold: {fault}", "value-unfit")
    return canonical(value)


CASTS: Mapping[str, Cast] = {
    "string": to_string,
    "integer": to_integer,
    "number": to_number,
    "boolean": to_boolean,
    "timestamp": to_timestamp,
    "date": to_date,
    "json": to_json,
}
