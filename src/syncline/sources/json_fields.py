"""The text of a row → its fields, each the exact JSON text of its value; or the fault that makes it no row.

msgspec keeps a value as `Raw` after checking its grammar and its escapes, at full speed. It does not look at UTF-8
inside values, at repeated keys (the last one wins), at the length of numbers, at depth or at zero characters, at which
many a program on the way ends a text. Screens that cannot miss, and seldom raise a false alarm over flat rows, look for
those in many rows at once; what they raise is judged row by row.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain, repeat
from typing import TypeAlias

from msgspec import DecodeError, Raw
from msgspec.json import Decoder

from syncline.errors import printable
from syncline.model import Row, RowRef
from syncline.sources.json_scan import DEPTH, NUMBER_CHARS, JsonError, Scanner, describe

CHUNK_ROWS = 1_000
ROW_BYTES = 1_000_000
KEYS = 5_000
NO_BETTER = (DecodeError, RecursionError, UnicodeDecodeError)  # all that msgspec raises on bytes it cannot decode
TOO_LONG = f"found a row of over {ROW_BYTES:,} bytes, expected at most that"

Fields: TypeAlias = dict[str, Raw]

_ROW = Decoder(Fields)
_ANY = Decoder(list[object])
_NESTED = frozenset((dict, list))
_FLAT = bytes(48 if chr(byte) in "0123456789.eE+-" else byte for byte in range(256))
_BLANKS = b" \t\r\n"
_LONG_NUMBER = b"0" * (NUMBER_CHARS + 1)
_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_ZERO = b"\\u0000"
_ZERO_CHARACTER = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")  # behind an even number of backslashes, or it is their text


def is_plain(text: bytes, rows: Sequence[Fields]) -> bool:
    """Are these rows free of all that msgspec does not look at? A no may be a false alarm.

    text: what they were decoded from, with commas between.
    """
    squeezed = text.translate(_FLAT, _BLANKS)
    # A key ends in a quote and a colon, whatever blanks stood between; nested or repeated keys make more than fields.
    ends, fields = squeezed.count(b'":'), sum(map(len, rows))
    flat = ends == fields and _has_flat_lists(text, squeezed)
    if not flat and ends != _different_keys(text):
        return False
    few = ends - fields + max(map(len, rows), default=0) <= KEYS
    # Most rows have no backslash, which a search for one byte finds out soonest.
    zero = b"\\" in text and _ZERO in text
    return few and _LONG_NUMBER not in squeezed and not zero and is_utf8(text)


def is_utf8(text: bytes) -> bool:
    """Is the text UTF-8?"""
    try:
        return text.isascii() or bool(text.decode())
    except UnicodeDecodeError:
        return False


def read_row(text: bytes) -> tuple[Fields, str]:
    """The fields of one JSON value, or why it is no row. Raises `JsonError` where the text is not JSON."""
    if len(text) > ROW_BYTES:
        return {}, TOO_LONG
    fields = _decode(text)
    if fields is not None and is_plain(text, [fields]):
        return fields, ""
    fault = _judge(text)
    if fault or fields is None:
        return {}, fault or f"found {_kind(text)}, expected an object"
    if _keys(text) > KEYS:
        return {}, f"found more than {KEYS:,} keys, expected at most that"
    if (repeated := _repeated_key(text)) is not None:
        return {}, f'found the key "{printable(repeated[:40])}" more than once, expected each key once'
    if _ZERO_CHARACTER.search(text):
        return {}, f"found the character U+0000 in {_whose_zero(fields)}, expected text"
    return fields, ""


def good_rows(file: str, first: int, lines: Iterable[int], rows: Sequence[Fields]) -> list[Row]:
    """Rows without faults, numbered from `first`; `lines` is at least as long as `rows`."""
    numbers = range(first, first + len(rows))
    return list(map(_new_row, zip(map(_new_ref, zip(repeat(file), numbers, lines)), rows, repeat(""), repeat(""))))


# What RowRef(...) and Row(...) do in the end, without a Python frame each: 0.2 s less in a million rows.
_new_ref = partial(tuple.__new__, RowRef)
_new_row = partial(tuple.__new__, Row)


def _has_flat_lists(text: bytes, squeezed: bytes) -> bool:
    """Without nested keys, does no list hold another, or not so many that they could be too deep?"""
    # Most rows have no list at all, which a search finds out far quicker than a count.
    return b"[" not in text or text.count(b"[") < DEPTH - 1 or not (b"[[" in squeezed or b",[" in squeezed)


def _different_keys(text: bytes) -> int:
    """How many keys these rows have at all depths, the repeated ones counted once; -1 if they are too deep."""
    try:
        level = _ANY.decode(b"[%b]" % text)
    except NO_BETTER:
        return -1
    keys = 0
    for _ in range(DEPTH):
        keys += sum(len(value) for value in level if isinstance(value, dict))
        inside = chain.from_iterable(map(_inside, level))
        level = [value for value in inside if type(value) in _NESTED]
        if not level:
            return keys
    return -1


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _decode(text: bytes) -> Fields | None:
    try:
        return _ROW.decode(text)
    except NO_BETTER:
        return None


def _judge(text: bytes) -> str:
    """Why this JSON value is of no use as a row, "" if it is. Raises `JsonError`."""
    scanner = Scanner()
    start = len(text) - len(text.lstrip(_BLANKS))
    end = scanner.feed(text, start, last=True)
    rest = text[end:].lstrip(_BLANKS)
    if rest:
        raise JsonError(len(text) - len(rest), describe(rest, 0), "the end of the line")
    return scanner.fault


def _kind(text: bytes) -> str:
    start = text.lstrip(_BLANKS)
    return {b"[": "an array", b"t": "true", b"f": "false", b"n": "null"}.get(start[:1]) or describe(start, 0)


def _keys(text: bytes) -> int:
    """The number of keys at all depths, or less than `KEYS`."""
    colons = text.count(b":")
    return colons if colons <= KEYS else _STRINGS.sub(b"", text).count(b":")


def _whose_zero(fields: Fields) -> str:
    """The field that holds a zero character, where it is not in a field's own name."""
    name = next((name for name, value in fields.items() if _ZERO_CHARACTER.search(bytes(value))), None)
    return "a name" if name is None else f'"{printable(name[:40])}"'


def _repeated_key(text: bytes) -> str | None:
    """The first key that an object of this JSON text names twice; it may be the empty one."""
    repeated: list[str] = []

    def look(pairs: list[tuple[str, object]]) -> None:
        if len(dict(pairs)) < len(pairs):
            counts = Counter(name for name, _ in pairs)
            repeated.append(next(name for name, count in counts.items() if count > 1))

    json.loads(text.decode(), object_pairs_hook=look, parse_int=str, parse_float=str)
    return repeated[0] if repeated else None
