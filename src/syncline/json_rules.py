"""What JSON text must be for a value to arrive as it is written: of one reading, and of a kind that others take.

msgspec checks grammar and escapes, at full speed. It does not look at UTF-8 inside values, at repeated keys (the last
one wins), at the length of numbers, at depth or at zero characters, at which many a program on the way ends a text.
Screens that cannot miss, and seldom raise a false alarm over flat rows, look for those in many rows at once; what they
raise is judged one by one. A row is held to this, and so is a text that a mapping reads as JSON.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence, Sized
from itertools import chain

from msgspec import DecodeError
from msgspec.json import Decoder

from syncline.errors import printable
from syncline.json_scan import DEPTH, NUMBER_CHARS, JsonError, Scanner, describe

KEYS = 5_000
NO_BETTER = (DecodeError, RecursionError, UnicodeDecodeError)  # all that msgspec raises on bytes it cannot decode
BLANKS = b" \t\r\n"

_ANY = Decoder(list[object])
_NESTED = frozenset((dict, list))
_FLAT = bytes(48 if chr(byte) in "0123456789.eE+-" else byte for byte in range(256))
_LONG_NUMBER = b"0" * (NUMBER_CHARS + 1)
_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_ZERO = b"\\u0000"
_ZERO_CHARACTER = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")  # behind an even number of backslashes, or it is their text


def is_plain(text: bytes, rows: Sequence[Sized] = ()) -> bool:
    """Is this text, which msgspec has decoded, free of all that msgspec does not look at? A no may be a false alarm.

    text: a value, or the rows that it was decoded to, with commas between.
    """
    squeezed = text.translate(_FLAT, BLANKS)
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


def value_fault(value: bytes) -> str:
    """Why this JSON value, which msgspec has decoded, could not stand in a row as it is; "" if it could."""
    row = b"[%b]" % value  # the bracket of the row counts
    if is_plain(row):
        return ""
    zero = "found the character U+0000, expected text" if holds_zero(row) else ""
    return scan_fault(row) or keys_fault(row) or zero


def scan_fault(text: bytes) -> str:
    """Too deep, a number too long, or none: "" if this JSON value is nothing of that. Raises `JsonError`."""
    scanner = Scanner()
    start = len(text) - len(text.lstrip(BLANKS))
    end = scanner.feed(text, start, last=True)
    rest = text[end:].lstrip(BLANKS)
    if rest:
        raise JsonError(len(text) - len(rest), describe(rest, 0), "the end of the line")
    return scanner.fault


def keys_fault(text: bytes) -> str:
    """Too many keys, or one twice: "" if this JSON text has neither."""
    if _keys(text) > KEYS:
        return f"found more than {KEYS:,} keys, expected at most that"
    if (repeated := _repeated_key(text)) is not None:
        return f'found the key "{printable(repeated[:40])}" more than once, expected each key once'
    return ""


def holds_zero(text: bytes) -> bool:
    """Is the character U+0000 in this JSON text?"""
    return bool(_ZERO_CHARACTER.search(text))


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


def _keys(text: bytes) -> int:
    """The number of keys at all depths, or less than `KEYS`."""
    colons = text.count(b":")
    return colons if colons <= KEYS else _STRINGS.sub(b"", text).count(b":")


def _repeated_key(text: bytes) -> str | None:
    """The first key that an object of this JSON text names twice; it may be the empty one."""
    repeated: list[str] = []

    def look(pairs: list[tuple[str, object]]) -> None:
        if len(dict(pairs)) < len(pairs):
            counts = Counter(name for name, _ in pairs)
            repeated.append(next(name for name, count in counts.items() if count > 1))

    json.loads(text.decode(), object_pairs_hook=look, parse_int=str, parse_float=str)
    return repeated[0] if repeated else None
