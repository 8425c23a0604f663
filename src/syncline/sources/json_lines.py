"""Blocks of newline-delimited JSON → its rows, a list a block. Each line is a document of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.json import Decoder

from syncline.json_rules import NO_BETTER, is_plain
from syncline.json_scan import END, JsonError
from syncline.model import Row, RowRef
from syncline.sources.json_fields import (
    CHUNK_ROWS,
    ROW_BYTES,
    TOO_LONG,
    Fields,
    good_rows,
    read_row,
)
from syncline.sources.place import Flaw, Place

_BLANKS = b" \t\r\n"
_ROW = Decoder(Fields)


def line_rows(file: str, place: Place, blocks: Iterable[bytes]) -> Iterator[list[Row]]:
    """A row for every line that is not blank; the first line begins at `place`.

    A line that is no object is a row with a fault. Raises `Flaw` where the last line has no newline and is not JSON:
    the file was cut there.
    """
    reader = _Reader(file, place)
    for block in blocks:
        yield from filter(None, reader.read(block))
    yield from filter(None, [reader.end()])


class _Reader:
    def __init__(self, file: str, place: Place) -> None:
        self._file = file
        self._place = place  # of the first byte in the buffer
        self._buffer = b""  # the beginning of a line
        self._rows = 0
        self._too_long = False

    def read(self, block: bytes) -> Iterator[list[Row]]:
        """The rows that this block completes."""
        cut = block.rfind(b"\n") + 1
        if cut:
            lines = (self._buffer + block[:cut]).split(b"\n")[:-1]
            self._buffer = b""
            for some in (lines[at : at + CHUNK_ROWS] for at in range(0, len(lines), CHUNK_ROWS)):
                yield self._quick(some) or self._slow(some)
                self._place, self._too_long = Place(self._place.line + len(some)), False
        self._hold(block[cut:])

    def end(self) -> list[Row]:
        """The row of a last line without a newline."""
        text = self._buffer
        if not text.strip(_BLANKS):
            return []
        if self._too_long and not text.rstrip(_BLANKS).endswith(b"}"):
            raise Flaw(END, "the rest of the line", self._place.after(text))
        try:
            return [self._row(self._place.line, *self._read(text))]
        except JsonError as error:
            raise Flaw(error.found, error.expected, self._place.after(text[: error.at])) from None

    def _hold(self, part: bytes) -> None:
        """Keep the beginning of a line; of one that is too long, only its last byte that is not blank."""
        self._buffer += part
        if len(self._buffer) > ROW_BYTES + 2:  # a carriage return and a blank more than a row may have
            self._too_long = True
            kept = self._buffer.rstrip(_BLANKS)[-1:] or b" "
            self._place = self._place.after(self._buffer[: -len(kept)])
            self._buffer = kept

    def _quick(self, lines: list[bytes]) -> list[Row]:
        if self._too_long:
            return []
        try:
            found = list(map(_ROW.decode, lines))
        except NO_BETTER:
            return []
        if max(map(len, lines)) > ROW_BYTES or not is_plain(b",".join(lines), found):
            return []
        first, line = self._rows + 1, self._place.line
        self._rows += len(found)
        return good_rows(self._file, first, range(line, line + len(found)), found)

    def _slow(self, lines: list[bytes]) -> list[Row]:
        rows = []
        for line, text in enumerate(lines, self._place.line):
            if text.strip(_BLANKS):
                begin = self._place if line == self._place.line else Place(line)
                rows.append(self._row(line, *self._forgive(text.rstrip(b"\r"), begin)))
            self._too_long = False
        return rows

    def _forgive(self, text: bytes, begin: Place) -> tuple[Fields, str]:
        try:
            return self._read(text)
        except JsonError as error:
            found = "the end of the line" if error.found == END else error.found
            column = begin.after(text[: error.at]).column
            return {}, f"column {column}: found {found}, expected {error.expected}"

    def _read(self, text: bytes) -> tuple[Fields, str]:
        return ({}, TOO_LONG) if self._too_long else read_row(text)

    def _row(self, line: int, fields: Fields, fault: str) -> Row:
        self._rows += 1
        return Row(RowRef(self._file, self._rows, line), fields, fault)
