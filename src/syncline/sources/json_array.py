"""A JSON array, from behind its "[" to its "]" → its rows, a list a block; memory does not grow with the file.

The quick way: cut the block where the last row seems to end, and decode all before as one array. JSON has one reading,
so when that decodes, the cut was right. The exact way, a scanner that goes on from block to block, takes what is left:
the row that straddles two blocks, and every block in which the quick way fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import repeat

from msgspec import Raw
from msgspec.json import Decoder

from syncline.json_rules import NO_BETTER, is_plain, is_utf8
from syncline.json_scan import END, SPACE, TOKEN_BYTES, JsonError, Scanner, describe
from syncline.model import Row, RowRef
from syncline.sources.json_cursor import Cursor
from syncline.sources.json_fields import (
    CHUNK_ROWS,
    ROW_BYTES,
    TOO_LONG,
    Fields,
    good_rows,
    read_row,
)
from syncline.sources.place import Flaw, Place

_TRIES = 8  # cuts that turn out to be inside a row: each costs one decoding of the block
_ROWS = Decoder(list[Fields])
_TEXTS = Decoder(list[Raw])
_JOINT = re.compile(rb'\}[ \t\r\n]{0,200}+,[ \t\r\n]{0,200}+\{[ \t\r\n]{0,200}+"[^"\\]{0,200}+"[ \t\r\n]{0,200}+:')


class _Want(Enum):
    FIRST = 'a row or "]"'
    ROW = 'a row (no comma stands before "]")'
    COMMA = '"," or "]"'
    NOTHING = "nothing more"


_NEXT = {
    (_Want.FIRST, b"]"): _Want.NOTHING,
    (_Want.COMMA, b","): _Want.ROW,
    (_Want.COMMA, b"]"): _Want.NOTHING,
}


def array_rows(file: str, cursor: Cursor) -> Iterator[list[Row]]:
    """The rows of the array whose "[" the cursor has just passed; then it stands behind the "]". Raises `Flaw`."""
    reader = _Reader(file, cursor.place)
    for block in cursor.lend():
        yield from reader.read(block)
        if reader.ended:
            break
    else:
        yield from reader.read(b"", last=True)
    cursor.take_back(reader.place, reader.rest)


class _Reader:
    def __init__(self, file: str, place: Place) -> None:
        self._file = file
        self.place = place  # of the first byte in the buffer
        self._buffer = b""
        self._at = 0  # how far the buffer is dealt with
        self._line = place.line  # of the byte at _at
        self._rows = 0
        self._want = _Want.FIRST
        self._joint = b""  # how one row ends and the next begins, as last seen
        self._row_bytes = 1  # the size of a row with its comma, as last seen
        self._try_quickly = True
        self._scanner: Scanner | None = None  # in the middle of a row
        self._scanned = 0
        self._row_line = 0
        self._too_long = False

    @property
    def ended(self) -> bool:
        """Has the "]" been read?"""
        return self._want is _Want.NOTHING

    @property
    def rest(self) -> bytes:
        """What is left of the last block, which begins at `place`."""
        return self._buffer

    def read(self, block: bytes, *, last: bool = False) -> Iterator[list[Row]]:
        """The rows that this block completes; then raises if the document breaks."""
        self._buffer += block
        self._try_quickly = not last
        more = True
        while more:
            rows: list[Row] = []
            flaw = None
            try:
                while more and len(rows) < CHUNK_ROWS:
                    more = self._step(rows, last)
            except JsonError as error:
                flaw = error
            if rows:
                yield rows
            if flaw:
                raise Flaw(flaw.found, flaw.expected, self.place.after(self._buffer[: flaw.at]))
        self._trim()

    def _step(self, rows: list[Row], last: bool) -> bool:
        """One row or one sign further; False where that takes more bytes."""
        if self._scanner is not None:
            return self._row(self._scanner, rows, last)
        if self.ended:
            return False
        self._skip_blanks()
        if self._want is _Want.ROW and self._try_quickly:
            found = self._quick()
            self._try_quickly = bool(found)  # what fails once in a block is likely to fail again
            rows += found
            return True
        if self._at == len(self._buffer):
            if last:
                raise JsonError(self._at, END, self._want.value)
            return False
        sign = self._buffer[self._at : self._at + 1]
        if (self._want, sign) in _NEXT:
            self._want = _NEXT[self._want, sign]
            self._move(self._at + 1)
        elif self._want in (_Want.FIRST, _Want.ROW) and sign != b"]":
            self._scanner, self._scanned, self._row_line = Scanner(), self._at, self._line
        else:
            raise JsonError(self._at, describe(self._buffer, self._at), self._want.value)
        return True

    def _row(self, scanner: Scanner, rows: list[Row], last: bool) -> bool:
        end = scanner.feed(self._buffer, self._scanned, last=last)
        if end is None:
            self._scanned = len(self._buffer)
            return False
        fields, fault = ({}, TOO_LONG) if self._too_long else read_row(self._buffer[self._at : end])
        self._rows += 1
        rows.append(Row(RowRef(self._file, self._rows, self._row_line), fields, fault))
        self._row_bytes = end - self._at + 1
        if joint := _JOINT.match(self._buffer, end - 1):
            self._joint = joint.group()
        self._scanner, self._too_long, self._want = None, False, _Want.COMMA
        self._move(end)
        return True

    def _quick(self) -> list[Row]:
        """All rows up to the last place that looks like the end of one; none if that cannot be told quickly."""
        cut = min(len(self._buffer), self._at + CHUNK_ROWS * self._row_bytes)
        for _ in range(_TRIES):
            cut = self._buffer.rfind(self._joint, self._at, cut) if self._joint else -1
            if cut < 0:
                break
            piece = self._buffer[self._at : cut + 1]
            try:
                found = _ROWS.decode(b"[%b]" % piece)
            except NO_BETTER:
                continue
            return self._take(piece, found) if len(piece) <= ROW_BYTES and is_utf8(piece) else []
        return []

    def _take(self, piece: bytes, found: list[Fields]) -> list[Row]:
        first, line = self._rows + 1, self._line
        self._move(self._at + len(piece))
        self._rows += len(found)
        self._want = _Want.COMMA
        self._row_bytes = len(piece) // len(found) + 1
        lines = _lines(piece, line, len(found), self._line - line, self._joint)
        if is_plain(piece, found):
            return good_rows(self._file, first, lines, found)
        texts = map(bytes, _TEXTS.decode(b"[%b]" % piece))
        refs = (RowRef(self._file, row, line) for row, line in enumerate(lines, first))
        return [Row(ref, *read_row(text)) for text, ref in zip(texts, refs, strict=False)]

    def _skip_blanks(self) -> None:
        blanks = SPACE.match(self._buffer, self._at)
        self._move(blanks.end() if blanks else self._at)

    def _move(self, to: int) -> None:
        self._line += self._buffer.count(b"\n", self._at, to)
        self._at = to

    def _trim(self) -> None:
        """Forget what is dealt with; and the text of a row that is too long, which only the scanner still follows."""
        if self._scanner is not None and len(self._buffer) - self._at > ROW_BYTES + TOKEN_BYTES:
            self._too_long = True
            self._move(len(self._buffer) - TOKEN_BYTES)
        self.place = self.place.on(self._line, self._buffer[: self._at])
        self._buffer = self._buffer[self._at :]
        self._scanned -= self._at
        self._at = 0


def _lines(piece: bytes, line: int, rows: int, breaks: int, joint: bytes) -> Iterable[int]:
    """The line each row of the piece begins on. The piece begins on `line`, with its first row, and has `breaks`."""
    if not breaks:
        return repeat(line)
    between = joint[: joint.find(b"{") + 1]
    # No string holds a line break, and without lists only rows stand behind a comma: so this is a row a line.
    if breaks == rows - 1 and b"[" not in piece and between.count(b"\n") == 1 and piece.count(between) == breaks:
        return range(line, line + rows)
    return _count_lines(piece, line)


def _count_lines(piece: bytes, line: int) -> Iterator[int]:
    start = end = 0
    for text in _TEXTS.decode(b"[%b]" % piece):
        begin = piece.find(b"{", end)
        line += piece.count(b"\n", start, begin)
        start, end = begin, begin + len(text)
        yield line
