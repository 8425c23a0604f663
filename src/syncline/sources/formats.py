"""Blocks of a file → its rows, a list a block: gzip or not; JSON, NDJSON, CSV or TSV, told apart by what is in it.

The content decides, where it is unmistakable; a name ends doubts; what contradicts the settings is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from syncline.model import Row
from syncline.sources.blocks import Blocks
from syncline.sources.decoding import check_utf8, decoded, is_wide, seems_wide, wide_codec
from syncline.sources.delimited import Dialect, delimited_rows, is_of_an_old_mac
from syncline.sources.gzipped import is_packed, unpacked
from syncline.sources.json_array import array_rows
from syncline.sources.json_cursor import Cursor
from syncline.sources.json_head import (
    BLANKS,
    Shape,
    begins_with_a_bad_row,
    first_lines,
    is_one_a_line,
    is_plainly_json,
    no_json,
    no_rows,
    shape_of,
)
from syncline.sources.json_lines import line_rows
from syncline.sources.json_path import path_rows
from syncline.sources.place import Damaged, Flaw, Place
from syncline.sources.reading import AS_FOUND, EMPTY, JSON_ROWS, ROWS, Reading, codec_of, setting

_HEAD_BYTES = 65_536
_MARK = b"\xef\xbb\xbf"
_DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_LINES_NAMES = (".ndjson", ".jsonl")
_JSON_NAMES = (".json", *_LINES_NAMES)
_EXPORT = "Export the rows as CSV, NDJSON or a JSON array; each may be packed with gzip."
_DOCUMENT = "one object, in which `path` leads to the rows"
_NO_PATH = "Leave `path` out, or read this file apart."
_NO_HEADER = re.compile(rb"[\x00-\x08\x0e-\x1f{}\[\]<>]")  # not in what is only guessed to be one
_OTHERS = (
    (re.compile(rb"PK\x03\x04"), "a zip archive (or a spreadsheet)", f"Unpack it, or save it as CSV. {_EXPORT}"),
    (re.compile(rb"\xd0\xcf\x11\xe0"), "a spreadsheet of Excel", "Save it as CSV UTF-8."),
    (re.compile(rb"PAR1"), "a Parquet file", _EXPORT),
    (re.compile(rb"BZh[1-9]1AY&SY"), "bzip2 data", "Unpack it first: bunzip2 FILE"),
    (re.compile(rb"\xfd7zXZ\x00"), "xz data", "Unpack it first: unxz FILE"),
    (re.compile(rb"\x28\xb5\x2f\xfd"), "zstd data", "Unpack it first: unzstd FILE"),
    (re.compile(rb"SQLite format 3\x00"), "an SQLite database", _EXPORT),
    (re.compile(rb"\s*<(?:!doctype|html|\?xml)", re.IGNORECASE), "a page of HTML or XML", _EXPORT),
)


def read_rows(file: str, blocks: Iterable[bytes], reading: Reading = AS_FOUND) -> Iterator[list[Row]]:
    """The rows of what the blocks hold, packed or not. Raises `Flaw` where they end too early, or cannot be read, and
    `Damaged` where the rows before are not to be trusted either."""
    raw = Blocks(blocks)
    packed = is_packed(raw)
    text = Blocks(unpacked(raw))
    try:
        yield from _rows(file, text, reading)
    except Flaw:
        if packed:
            _check_rest(text)
        raise


def _check_rest(text: Blocks) -> None:
    """Raises `Damaged` if the rest shows that: then what is wrong with the text may be the damage, and so may a row."""
    try:
        for _ in text:
            pass
    except Damaged:
        raise
    except Flaw:  # what was raised before says more
        return


def _rows(file: str, text: Blocks, reading: Reading) -> Iterator[list[Row]]:
    head = _head(text)
    for pattern, found, fix in _OTHERS:
        if pattern.match(head):
            raise Flaw(found, ROWS, Place(), fix)
    codec = codec_of(reading)
    if seems_wide(head, codec):
        return _wide(file, text, reading, codec)
    place = _begin(text)
    begin = _head(text).lstrip(BLANKS)
    if is_plainly_json(begin):
        return _json(file, text, place, reading)
    if is_wide(codec) or (codec != "utf-8" and head.startswith(_MARK)):
        raise Flaw(f"text that is not {codec}", f"{codec}, as `encoding` says", place, "Leave `encoding` out.")
    if reading.format != "json" and (delimiter := _delimiter_by_name(file, reading, begin)):
        return _delimited(file, text, place, reading, delimiter, codec)
    return _doubtful(file, text, place, reading)


def _head(text: Blocks) -> bytes:
    return text.look(_HEAD_BYTES)[:_HEAD_BYTES]  # what is decided must not depend on the size of blocks


def _begin(text: Blocks) -> Place:
    """Pass over the byte order mark and what is only blanks; a line that begins with blanks stays whole."""
    place = Place()
    if text.look(len(_MARK)).startswith(_MARK):
        text.skip(len(_MARK))
    elif not text.look(1):
        raise Flaw("an empty file", ROWS, place, EMPTY)
    while not (head := _head(text)).strip(BLANKS):
        if not head:
            raise Flaw("only blanks", ROWS, place, EMPTY)
        place = place.after(head)
        text.skip(len(head))
    return place


def _json(file: str, text: Blocks, place: Place, reading: Reading) -> Iterator[list[Row]]:
    """Text that begins as JSON does."""
    if reading.format in ("csv", "tsv"):
        fix = f"Set {setting('format', 'json')}, or leave the format out."
        raise Flaw("JSON", f"{reading.format.upper()}, as `format` says", place, fix)
    blanks = _blanks(text)
    text.skip(len(blanks))
    place = place.after(blanks)
    if begins_with_a_bad_row(*first_lines(text), named=_suffix(file) in _LINES_NAMES):
        return _lines(file, text, place, reading)
    return (_array if text.look(1).startswith(b"[") else _objects)(file, text, place, reading)


def _blanks(text: Blocks) -> bytes:
    head = _head(text)
    return head[: len(head) - len(head.lstrip(BLANKS))]


def _array(file: str, text: Blocks, place: Place, reading: Reading) -> Iterator[list[Row]]:
    if reading.path:
        raise Flaw("an array", _DOCUMENT, place, _NO_PATH)
    cursor = Cursor(place, text)
    cursor.sign()
    cursor.step()
    yield from array_rows(file, cursor)
    cursor.end()


def _objects(file: str, text: Blocks, place: Place, reading: Reading) -> Iterator[list[Row]]:
    first, second, _ = first_lines(text)
    if reading.path and not is_one_a_line(first, second):
        return path_rows(file, reading.path, place, text)
    if (shape := shape_of(first, second)) is not Shape.LINES and not reading.path:
        raise no_rows(shape, _head(text), place, ROWS)
    return _lines(file, text, place, reading)


def _lines(file: str, text: Blocks, place: Place, reading: Reading) -> Iterator[list[Row]]:
    if reading.path:
        raise Flaw("one JSON object a line", _DOCUMENT, place, _NO_PATH)
    return line_rows(file, place, text)


def _doubtful(file: str, text: Blocks, place: Place, reading: Reading) -> Iterator[list[Row]]:
    """Text that may be JSON with a bad beginning, CSV without a name that says so, or neither."""
    first, second, _ = first_lines(text)
    shape = shape_of(first, second)
    if first.startswith(b"[") or shape is not Shape.OTHER:
        return _json(file, text, place, reading)
    must_be_json = reading.format == "json" or _suffix(file) in _JSON_NAMES
    if not must_be_json and (delimiter := _seen_delimiter(first)):
        return _delimited(file, text, place, reading, delimiter, codec_of(reading))
    expected, fix = JSON_ROWS if must_be_json else ROWS, f"If it is CSV, set {setting('format', 'csv')}."
    raise no_json(first, place.after(_blanks(text)), expected, fix)


def _wide(file: str, text: Blocks, reading: Reading, codec: str) -> Iterator[list[Row]]:
    """CSV or TSV in UTF-16, as spreadsheets write it; JSON is never in UTF-16."""
    codec = wide_codec(_head(text), codec)
    begin = _head(text).translate(None, b"\x00").lstrip(b"\xff\xfe").lstrip(BLANKS)
    if reading.format == "json" or is_plainly_json(begin):
        raise Flaw("JSON in UTF-16", "JSON in UTF-8", Place(), "Convert it first: iconv -f UTF-16 -t UTF-8 FILE")
    return _delimited(file, text, Place(), reading, _delimiter_by_name(file, reading, begin), codec)


def _delimited(
    file: str, text: Blocks, place: Place, reading: Reading, delimiter: str, codec: str
) -> Iterator[list[Row]]:
    if reading.path:
        raise Flaw("text that is no JSON", _DOCUMENT, place, _NO_PATH)
    if codec == "utf-8":
        check_utf8(_head(text), place.line)
    old_mac = is_of_an_old_mac(_head(text).decode(codec, "replace"), delimiter)
    dialect = Dialect(delimiter, bool(reading.delimiter), old_mac, codec)
    return delimited_rows(file, place.line, decoded(text, codec), dialect)


def _suffix(file: str) -> str:
    return PurePath(file.lower().removesuffix(".gz")).suffix


def _delimiter_by_name(file: str, reading: Reading, begin: bytes) -> str:
    """Where the settings or the name say that this is CSV or TSV: what separates its cells; else nothing."""
    if reading.delimiter and (reading.format != "auto" or _suffix(file) not in _JSON_NAMES):
        return reading.delimiter
    if reading.format in ("csv", "tsv"):
        return _DELIMITERS[f".{reading.format}"]
    if _suffix(file) in _JSON_NAMES or codec_of(reading) == "utf-8":
        return _DELIMITERS.get(_suffix(file), "")
    return _DELIMITERS.get(_suffix(file)) or _seen_delimiter(begin.partition(b"\n")[0]) or ","


def _seen_delimiter(line: bytes) -> str:
    """What seems to separate the cells of a header, where it can be one: a tab stands in no name; of the others, the
    header itself is judged."""
    if _NO_HEADER.search(line):
        return ""
    return "\t" if b"\t" in line else "," if any(map(line.__contains__, b",;|")) else ""
