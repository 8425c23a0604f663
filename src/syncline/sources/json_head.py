"""The first lines of a text → which kind of JSON it is: an object a line, one object in all, or none of that."""

from __future__ import annotations

import re
from enum import Enum

from syncline.json_scan import JsonError, Scanner, describe
from syncline.sources.blocks import Blocks
from syncline.sources.json_fields import ROW_BYTES, read_row
from syncline.sources.json_path import likely_path
from syncline.sources.place import Flaw, Place
from syncline.sources.reading import setting

BLANKS = b" \t\r\n"
_LOOK_BYTES = 65_536
_PLAINLY = re.compile(rb'\[[ \t\r\n]*+(?:[\[\]{]|\Z)|\{[ \t\r\n]*+(?:["}]|\Z)')

_HOLDS_ROWS = re.compile(rb"\[[ \t\r\n]*+\{")


class Shape(Enum):
    """What the first two lines show."""

    LINES = "one JSON object a line"
    OBJECT = "one object over several lines"
    WRAPPER = "one object in all"  # on one line, with nothing in it but rows
    OTHER = "no JSON object"


def is_plainly_json(head: bytes) -> bool:
    """Does this begin like an array of rows, or an object? Nothing else does."""
    return bool(_PLAINLY.match(head))


def first_lines(blocks: Blocks) -> tuple[bytes, bytes, bytes]:
    """The first line and the next that is not blank, whole unless longer than a row may be; the sign behind them."""
    size = _LOOK_BYTES
    while True:
        head = blocks.look(size)
        first, newline, rest = head.lstrip(BLANKS).partition(b"\n")
        second, ended, rest = rest.lstrip(BLANKS).partition(b"\n")
        sign = rest.lstrip(BLANKS)[:1]
        if (ended and sign) or len(head) > ROW_BYTES or len(head) < size:
            return first + newline, second, sign
        size = 2 * len(head)


def begins_with_a_bad_row(first: bytes, second: bytes, sign: bytes, *, named: bool) -> bool:
    """Is each line a row, and the first a broken one, or no object? Then the second is an object, and no part of what
    the first begins, as the sign behind it shows; where there is none, the name of the file tells.
    """
    if not _is_object(second) or _HOLDS_ROWS.match(first):
        return False
    scanner = Scanner()
    try:
        if scanner.feed(first) is not None:
            return True
        scanner.feed(second)
        scanner.feed(sign)
    except JsonError:
        return True
    return not sign and (named or first.startswith(b"{"))


def shape_of(first: bytes, second: bytes) -> Shape:
    """NDJSON has an object on a line of its own, or at least on the next; a bad first row is only that."""
    scanner = Scanner()
    try:
        whole = scanner.feed(first) is not None
        if not whole and second and not _goes_on(scanner, second):
            return Shape.LINES  # the first line is cut short, but the second begins anew
    except JsonError:
        return Shape.LINES if first.startswith(b"{") or second.startswith(b"{") else Shape.OTHER
    if not first.startswith(b"{"):
        return Shape.LINES if second.startswith(b"{") else Shape.OTHER
    if second:
        return Shape.LINES if whole else Shape.OBJECT
    return Shape.WRAPPER if _is_wrapper(first) else Shape.LINES


def is_one_a_line(first: bytes, second: bytes) -> bool:
    """Is the first line a whole value, and does more follow? Then it is no document."""
    try:
        return bool(second) and Scanner().feed(first) is not None
    except JsonError:
        return False


def no_rows(shape: Shape, head: bytes, place: Place, expected: str) -> Flaw:
    """What to raise for one object, when nobody said where in it the rows are."""
    fix = "Put the rows in an array of their own, or each on a line of its own."
    if path := likely_path(head):
        fix = f"The rows seem to be in it: set {setting('path', path)}."
    return Flaw(shape.value, expected, place, fix)


def no_json(first: bytes, place: Place, expected: str, fix: str) -> Flaw:
    """What to raise for text that is something else."""
    try:
        Scanner().feed(first)
    except JsonError as error:
        return Flaw(error.found, expected, place.after(first[: error.at]), fix)
    return Flaw(describe(first, 0), expected, place, fix)


def _goes_on(scanner: Scanner, second: bytes) -> bool:
    """Is the next line the rest of the first?"""
    try:
        scanner.feed(second)
    except JsonError:
        return not second.startswith(b"{")
    return True


def _is_object(line: bytes) -> bool:
    """Is the line an object, and nothing more?"""
    try:
        end = Scanner().feed(line) if line.startswith(b"{") else None
    except JsonError:
        return False
    return end is not None and not line[end:].strip(BLANKS)


def _is_wrapper(line: bytes) -> bool:
    """Is what leads to rows all that is in this object? With more in it, it is one row, if it is not too long."""
    try:
        return bool(likely_path(line)) and (len(line) > ROW_BYTES or len(read_row(line)[0]) == 1)
    except JsonError:  # something stands behind the object, as its reader will say
        return False
