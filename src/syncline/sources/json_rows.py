"""Blocks of a file → its rows, a list a block: a JSON array or newline-delimited JSON, told apart by what is in it.

This is where a further format joins: one that `_refuse_binary` or `_refuse_text` turns away today.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from syncline.errors import DataRefused, printable
from syncline.model import Row
from syncline.sources.json_array import array_rows
from syncline.sources.json_fields import ROW_BYTES, read_row
from syncline.sources.json_lines import line_rows
from syncline.sources.json_scan import JsonError, Scanner, describe
from syncline.sources.place import Place, refused

EXPECTED = "a JSON array of objects, or one JSON object a line (NDJSON)"

_BLANKS = b" \t\r\n"
_UTF8_MARK = b"\xef\xbb\xbf"
_MAGIC = (
    (b"\x1f\x8b", "gzip data", "gunzip it first: gunzip FILE"),
    (b"PK\x03\x04", "a zip archive (or a spreadsheet)", "Unpack it, or export the rows as JSON."),
    (b"PAR1", "a Parquet file", "Export the rows as JSON."),
)
_ROWS_UNDER = re.compile(rb'"([^"\\]{1,40}+)"[ \t\r\n]*+:[ \t\r\n]*+\[[ \t\r\n]*+\{')
_ONLY_ROWS_UNDER = re.compile(rb'\{[ \t\r\n]*+"([^"\\]{1,40}+)"[ \t\r\n]*+:[ \t\r\n]*+\[[ \t\r\n]*+\{')


def json_rows(file: str, blocks: Iterable[bytes]) -> Iterator[list[Row]]:
    """The rows of the document. Raises `DataRefused` before the first row, `SourceBroke` after it."""
    unread = iter(blocks)
    head, place = _head(file, unread)
    if head.startswith(b"["):
        return array_rows(file, place.after(b"["), chain([head[1:]], unread))
    head, first, second = _two_lines(head, unread)
    _refuse_other_documents(file, place, first, second)
    return line_rows(file, place, chain([head], unread))


def _head(file: str, unread: Iterator[bytes]) -> tuple[bytes, Place]:
    """The beginning of the text, without byte order mark and leading blanks, and its place."""
    head = b""
    for block in unread:
        head += block
        if len(head) >= 4:
            break
    if not head:
        raise refused(
            file, Place(), "an empty file", EXPECTED, "Was the export finished? For no rows at all, write []."
        )
    _refuse_binary(file, head)
    place, head = Place(), head.removeprefix(_UTF8_MARK)
    while not (text := head.lstrip(_BLANKS)):
        place = place.after(head)
        if not (head := next(unread, b"")):
            raise refused(
                file, place, "only blanks", EXPECTED, "Was the export finished? For no rows at all, write []."
            )
    return text, place.after(head[: len(head) - len(text)])


def _refuse_binary(file: str, head: bytes) -> None:
    for magic, found, fix in _MAGIC:
        if head.startswith(magic):
            raise refused(file, Place(), found, EXPECTED, fix)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in head[:4]:
        fix = "Convert it first: iconv -f UTF-16 -t UTF-8 FILE (or UTF-32)"
        raise refused(file, Place(), "text in UTF-16 or UTF-32, or no text", "UTF-8", fix)


def _two_lines(head: bytes, unread: Iterator[bytes]) -> tuple[bytes, bytes, bytes]:
    """What was read, the first line and the next that is not blank: whole, unless longer than a row may be."""
    while True:
        first, newline, rest = head.partition(b"\n")
        second, ended, _ = rest.lstrip(_BLANKS).partition(b"\n")
        if (second and ended) or len(head) > ROW_BYTES or not (block := next(unread, b"")):
            return head, first + newline, second
        head += block


def _refuse_other_documents(file: str, place: Place, first: bytes, second: bytes) -> None:
    """Raise unless the text is NDJSON: an object on a line of its own, or at least on the next."""
    scanner = Scanner()
    try:
        end = scanner.feed(first)
        if end is None and second and not _goes_on(scanner, second):
            return  # the first line is cut short, but the second begins anew
    except JsonError as error:
        if first.startswith(b"{") or second.startswith(b"{"):
            return  # a bad first row
        raise _not_json(file, place.after(first[: error.at]), error) from None
    if first.startswith(b"{"):
        _refuse_one_object(file, place, first, second, whole=end is not None)
    elif not second.startswith(b"{"):
        raise refused(file, place, describe(first, 0), EXPECTED, "A document without objects holds no rows.")


def _goes_on(scanner: Scanner, second: bytes) -> bool:
    """Is the next line the rest of the first?"""
    try:
        scanner.feed(second)
    except JsonError:
        return not second.startswith(b"{")
    return True


def _refuse_one_object(file: str, place: Place, first: bytes, second: bytes, *, whole: bool) -> None:
    """Raise if the document is one object: over several lines, or with nothing in it but a list of rows."""
    if second and not whole:
        under = _ROWS_UNDER.search(first + second)
    elif second or not (under := _ONLY_ROWS_UNDER.match(first)):
        return
    elif len(first) <= ROW_BYTES and not _is_one_field(first):
        return  # one row, which holds a list among other things; or none, which its reader will say
    found = "one object over several lines" if second else "one object in all"
    fix = "Put the rows in an array of their own, or each on a line of its own."
    if under:
        key = printable(under[1].decode(errors="replace"))
        fix = f'The rows seem to be under "{key}". Write only them, for example: jq -c \'.["{key}"][]\' FILE'
    raise refused(file, place, found, EXPECTED, fix)


def _is_one_field(line: bytes) -> bool:
    try:
        return len(read_row(line)[0]) == 1
    except JsonError:  # something stands behind the object
        return False


def _not_json(file: str, place: Place, error: JsonError) -> DataRefused:
    fix = "Export the rows as JSON; other formats (CSV, say) are not read yet."
    return refused(file, place, error.found, EXPECTED, fix)
