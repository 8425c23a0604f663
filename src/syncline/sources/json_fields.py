"""The text of a row → its fields, each the exact JSON text of its value; or the fault that makes it no row.

msgspec keeps a value as `Raw` after checking its grammar and its escapes, at full speed. What it does not look at,
`json_rules.py` does: in many rows at once where it can, else row by row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import repeat
from typing import TypeAlias

from msgspec import Raw
from msgspec.json import Decoder

from syncline.errors import printable
from syncline.json_rules import BLANKS, NO_BETTER, holds_zero, is_plain, keys_fault, scan_fault
from syncline.json_scan import describe
from syncline.model import Row, RowRef

CHUNK_ROWS = 1_000
ROW_BYTES = 1_000_000
TOO_LONG = f"found a row of over {ROW_BYTES:,} bytes, expected at most that"

Fields: TypeAlias = dict[str, Raw]

_ROW = Decoder(Fields)


def read_row(text: bytes) -> tuple[Fields, str]:
    """The fields of one JSON value, or why it is no row. Raises `JsonError` where the text is not JSON."""
    if len(text) > ROW_BYTES:
        return {}, TOO_LONG
    fields = _decode(text)
    if fields is not None and is_plain(text, [fields]):
        return fields, ""
    fault = scan_fault(text)
    if fault or fields is None:
        return {}, fault or f"found {_kind(text)}, expected an object"
    if fault := keys_fault(text):
        return {}, fault
    if holds_zero(text):
        return {}, f"found the character U+0000 in {_whose_zero(fields)}, expected text"
    return fields, ""


def good_rows(file: str, first: int, lines: Iterable[int], rows: Sequence[Fields]) -> list[Row]:
    """Rows without faults, numbered from `first`; `lines` is at least as long as `rows`."""
    numbers = range(first, first + len(rows))
    return list(map(_new_row, zip(map(_new_ref, zip(repeat(file), numbers, lines)), rows, repeat(""), repeat(""))))


# What RowRef(...) and Row(...) do in the end, without a Python frame each: 0.2 s less in a million rows.
_new_ref = partial(tuple.__new__, RowRef)
_new_row = partial(tuple.__new__, Row)


def _decode(text: bytes) -> Fields | None:
    try:
        return _ROW.decode(text)
    except NO_BETTER:
        return None


def _kind(text: bytes) -> str:
    start = text.lstrip(BLANKS)
    return {b"[": "an array", b"t": "true", b"f": "false", b"n": "null"}.get(start[:1]) or describe(start, 0)


def _whose_zero(fields: Fields) -> str:
    """The field that holds a zero character, where it is not in a field's own name."""
    name = next((name for name, value in fields.items() if holds_zero(bytes(value))), None)
    return "a name" if name is None else f'"{printable(name[:40])}"'
