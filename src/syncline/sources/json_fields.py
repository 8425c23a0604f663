"""The text of a row → its fields, each the exact JSON text of its value; or the fault that makes it no row.

msgspec keeps a value as `Raw` after checking its grammar and its escapes, at full speed. It does not look at UTF-8
inside values, at repeated keys (the last one wins), at the length of numbers or at depth. Screens that cannot miss, and
seldom raise a false alarm over flat rows, look for those in many rows at once; what they raise is judged row by row.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import repeat
from typing import TypeAlias

from msgspec import DecodeError, Raw
from msgspec.json import Decoder

from syncline.model import Row, RowRef
from syncline.sources.json_scan import DEPTH, NUMBER_CHARS, JsonError, Scanner, describe
from syncline.sources.place import printable

ROW_BYTES = 1_000_000
KEYS = 5_000
NO_BETTER = (DecodeError, RecursionError, UnicodeDecodeError)  # all that msgspec raises on bytes it cannot decode
TOO_LONG = f"found a row of over {ROW_BYTES:,} bytes, expected at most that"

Fields: TypeAlias = dict[str, Raw]

_ROW = Decoder(Fields)
_FLAT = bytes(48 if chr(byte) in "0123456789.eE+-" else byte for byte in range(256))
_BLANKS = b" \t\r\n"
_LONG_NUMBER = b"0" * (NUMBER_CHARS + 1)
_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)


def is_plain(text: bytes, rows: Sequence[Fields]) -> bool:
    """Are these rows, decoded from `text`, free of all that msgspec does not look at? A no may be a false alarm."""
    squeezed = _squeeze(text)
    # A key ends in a quote and a colon, whatever blanks stood between; nested or repeated keys make more than fields.
    flat = squeezed.count(b'":') == sum(map(len, rows)) and max(map(len, rows), default=0) <= KEYS
    return flat and _is_sound(text, squeezed)


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
    sound = fields is not None and text.count(b"{") < DEPTH // 2 and _is_sound(text, _squeeze(text))
    fault = "" if sound else _judge(text)
    if fault or fields is None:
        return {}, fault or f"found {_kind(text)}, expected an object"
    if _keys(text) > KEYS:
        return {}, f"found more than {KEYS:,} keys, expected at most that"
    if repeated := _repeated_key(text):
        return {}, f'found the key "{printable(repeated[:40])}" more than once, expected each key once'
    return fields, ""


def good_rows(file: str, first: int, lines: Iterable[int], rows: Sequence[Fields]) -> list[Row]:
    """Rows without faults, numbered from `first`; `lines` is at least as long as `rows`."""
    numbers = range(first, first + len(rows))
    return list(map(_new_row, zip(map(_new_ref, zip(repeat(file), numbers, lines)), rows, repeat(""))))


# What RowRef(...) and Row(...) do in the end, without a Python frame each: 0.2 s less in a million rows.
_new_ref = partial(tuple.__new__, RowRef)
_new_row = partial(tuple.__new__, Row)


def _squeeze(text: bytes) -> bytes:
    return text.translate(_FLAT, _BLANKS)


def _is_sound(text: bytes, squeezed: bytes) -> bool:
    """No bad UTF-8, no long number, no great depth of lists. A no may be a false alarm."""
    # Depth takes brackets. Most rows have no list at all, which a search finds out far quicker than a count.
    shallow = b"[" not in text or text.count(b"[") < DEPTH // 2
    return shallow and _LONG_NUMBER not in squeezed and is_utf8(text)


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


def _repeated_key(text: bytes) -> str:
    """The first key that an object of this JSON text names twice, "" if none."""
    repeated: list[str] = []

    def look(pairs: list[tuple[str, object]]) -> None:
        if len(dict(pairs)) < len(pairs):
            counts = Counter(name for name, _ in pairs)
            repeated.append(next(name for name, count in counts.items() if count > 1))

    json.loads(text.decode(), object_pairs_hook=look, parse_int=str, parse_float=str)
    return repeated[0] if repeated else ""
