"""Text of CSV or TSV, in pieces → its rows, a list a piece. Each cell is text, never guessed to be anything else.

Python's csv module reads the cells, in its strict dialect. An empty cell is the empty `Raw`, with or without quotes.
What is wrong within a line is the fault of its row. Where a quote is wrong over several lines, nobody knows where rows
begin: reading ends there. So it does where the last line has too few cells and no end: the file was cut. A CR that ends
no line and stands in no quotes would end the row for the module, which says so: where the row really ends, is read on.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import StringIO
from itertools import chain, repeat
from typing import NamedTuple

from msgspec import Raw
from msgspec.json import Decoder, Encoder

from syncline.errors import printable
from syncline.json_scan import END
from syncline.model import Row, RowRef
from syncline.sources.delimited_header import NO_CHARACTER, cell_fault, check_header
from syncline.sources.json_fields import CHUNK_ROWS, Fields, good_rows
from syncline.sources.place import Flaw
from syncline.sources.reading import setting
from syncline.sources.text_lines import ROW_CHARS, Lines

TOO_LONG = f"found a row of over {ROW_CHARS:,} characters, expected at most that"

_CR = "a line break (CR alone) outside quotes"
_STUMBLED_OVER_CR = "new-line character"  # what the module says of it
_FROM_EXCEL = f"if it comes from Excel or Windows, set {setting('encoding', 'cp1252')}"
_EMPTY = Raw(b"")
_encode = Encoder().encode
_decode = Decoder(list[Raw]).decode


class Dialect(NamedTuple):
    """How a table is written. certain: somebody said what the delimiter is; old_mac: its lines end in CR alone; codec:
    what it was decoded from."""

    delimiter: str
    certain: bool = True
    old_mac: bool = False
    codec: str = "utf-8"


def is_of_an_old_mac(head: str, delimiter: str) -> bool:
    """Do all rows of a table that begins like this end in CR alone, but for the last, whose end may be missing?"""
    lines = list(StringIO(head, newline=""))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    ends: list[str] = []
    with suppress(csv.Error):  # a quote that is wrong, or open where the head ends: what is before tells
        ends.extend(lines[reader.line_num - 1][-1] for cells in reader if not _is_blank(cells))
    return len(ends) > 1 and set(ends[:-1]) == {"\r"}


def delimited_rows(file: str, line: int, texts: Iterable[str], dialect: Dialect) -> Iterator[list[Row]]:
    """The rows of a table that begins on `line`. Raises `Flaw`."""
    # The module's limit is one for the whole process, so it is only ever raised. Our own is `ROW_CHARS`.
    csv.field_size_limit(max(csv.field_size_limit(), 2 * ROW_CHARS))
    table = _Table(file, Lines(texts, dialect.delimiter, line - 1, old_mac=dialect.old_mac), dialect)
    table.read_header()
    yield from table.rows()


class _Table:
    def __init__(self, file: str, lines: Lines, dialect: Dialect) -> None:
        self._file, self._lines, self._dialect = file, lines, dialect
        self._unread = iter(lines)
        self._reader = csv.reader(self._unread, delimiter=dialect.delimiter, strict=True)
        self._passed = 0  # lines that somebody else has read
        self._names: tuple[str, ...] = ()
        self._rows = 0
        self._cells: list[list[str]] = []  # of the rows that are gathered,
        self._begins: list[int] = []  # the lines they begin on,
        self._faults: dict[int, str] = {}  # and what is known to be wrong with them, by their index

    @property
    def _line(self) -> int:
        """The number of the line that was read last."""
        return self._reader.line_num + self._passed

    def read_header(self) -> None:
        """The first line that is not blank names the columns."""
        lines = self._lines
        try:
            for names in self._reader:
                if not _is_blank(names):
                    break
                lines.done = self._reader.line_num
            else:
                raise Flaw("only blanks", "a header that names the columns", lines.place_of(1))
        except csv.Error as error:
            raise self._flaw(error) from None
        if lines.too_long and lines.too_long[0] <= self._reader.line_num:
            raise Flaw(f"a header of over {ROW_CHARS:,} characters", "at most that", lines.place_of(lines.done + 1))
        dialect, place = self._dialect, lines.place_of(lines.done + 1)
        check_header(names, dialect.delimiter, place, certain=dialect.certain)
        self._names, lines.done = tuple(names), self._reader.line_num

    def rows(self) -> Iterator[list[Row]]:
        """The rows behind the header."""
        more = True
        while more:
            flaw: Flaw | None = None
            try:
                more = self._gather()
            except Flaw as error:
                flaw, more = error, False
            if rows := self._take():
                yield rows
            if flaw is not None:
                raise flaw

    def _gather(self) -> bool:
        """Rows up to the end of a piece of text, or as many as a chunk may have; False at the end of all."""
        lines, reader, recent = self._lines, self._reader, self._lines.recent
        while True:
            passed = self._passed
            try:
                for cells in reader:
                    if cells:
                        self._cells.append(cells)
                        self._begins.append(lines.done + 1)
                    begun, lines.done = lines.done, reader.line_num + passed
                    if lines.recent is not recent or len(self._cells) >= CHUNK_ROWS:
                        self._check_last(cells, begun)
                        return True
                return False
            except csv.Error as error:
                self._blame(error)
                if lines.recent is not recent or len(self._cells) >= CHUNK_ROWS:
                    return True

    def _check_last(self, cells: list[str], begun: int) -> None:
        """What only the last row before, or first in, a new piece of text can be: too long, or cut short."""
        flaw = self._lines.runaway(begun, self._lines.done)
        width = len(self._names)
        if flaw is None and self._lines.is_cut and 0 < len(cells) < width and not _is_blank(cells):
            place = self._lines.place_of(begun + 1)
            flaw = Flaw(f"{END} in a row of {_cells(cells)}", f"{width}, as in the header", place)
        if flaw is not None:
            self._mark_long()
            self._begins.pop()
            self._cells.pop()
            self._faults.pop(len(self._cells), None)
            raise flaw

    def _blame(self, error: csv.Error) -> None:
        """A fault of this row, where its end is known: one line, or a CR is all that is wrong with it. Else the end."""
        lines, fault, begin = self._lines, str(self._flaw(error)), self._lines.done + 1
        cells = self._read_on() if _is_cr(error) else []
        if lines.has_ended or not (cells or self._line == begin):
            raise self._flaw(error)
        self._faults[len(self._cells)] = fault
        self._cells.append([])
        self._begins.append(begin)
        lines.done = self._line
        if lines.is_cut and cells:
            self._check_last(cells, begin - 1)

    def _read_on(self) -> list[str]:
        """Read the row to its end, behind such a CR: a cell in quotes may take more lines."""
        begun = self._lines.begun(self._line)
        row = csv.reader(map(_without_cr, chain(begun, self._unread)), delimiter=self._dialect.delimiter)
        cells = next(row)
        self._passed += row.line_num - len(begun)
        return cells

    def _flaw(self, error: csv.Error) -> Flaw:
        lines, line = self._lines, self._line
        if lines.has_ended:
            # In its lenient dialect, the module tells what it has read by then: the last cell is the open one.
            *_, cells = csv.reader(map(_without_cr, lines.unfinished), delimiter=self._dialect.delimiter)
            inside = max(1, len(lines.split(cells[-1])))
            return Flaw("a quote that never closes", "its end", lines.place_of(line - inside + 1))
        if _is_cr(error):
            return Flaw(_CR, "quotes around its cell", lines.place_of(line))
        where = f" in a row that begins on line {lines.place_of(lines.done + 1).line}" * (line > lines.done + 1)
        return Flaw(f"what is no CSV ({error}){where}", "quotes around a cell, and doubled in it", lines.place_of(line))

    def _take(self) -> list[Row]:
        """The rows that were gathered."""
        self._mark_long()
        cells, begins, faults = self._cells, self._begins, self._faults
        self._cells, self._begins, self._faults = [], [], {}
        if self._lines.before:
            begins = [self._lines.before + number for number in begins]
        try:
            fields = None if faults else self._fields(cells)
        except ValueError:
            fields = None
        if fields is None:
            return list(self._one_by_one(cells, begins, faults))
        first, self._rows = self._rows + 1, self._rows + len(fields)
        return good_rows(self._file, first, begins, fields)

    def _mark_long(self) -> None:
        """Find the rows whose lines were too long."""
        while self._lines.too_long and self._lines.too_long[0] <= self._lines.done:
            index = bisect_right(self._begins, self._lines.too_long.popleft()) - 1
            self._faults[index] = TOO_LONG

    def _fields(self, rows: list[list[str]]) -> list[Fields]:
        """The rows' fields. Raises `ValueError` where a row has not as many as the header, or one that is no text."""
        width = len(self._names)
        if set(map(len, rows)) - {width}:
            raise ValueError("a row of another width")
        flat = list(chain.from_iterable(rows))
        text = _encode(flat)  # raises on what is no character
        if b"\\u0000" in text and any("\0" in cell for cell in flat):
            raise ValueError("a zero character")
        values = _decode(text)
        at = -1
        for _ in range(flat.count("")):
            at = flat.index("", at + 1)
            values[at] = _EMPTY
        return list(map(dict, map(zip, repeat(self._names), zip(*[iter(values)] * width, strict=True))))

    def _one_by_one(self, rows: list[list[str]], begins: list[int], faults: dict[int, str]) -> Iterator[Row]:
        for index, (cells, begin) in enumerate(zip(rows, begins, strict=True)):
            if index not in faults and len(self._names) > 1 and _is_blank(cells):
                continue
            self._rows += 1
            fault = faults.get(index) or self._fault(cells)
            yield Row(RowRef(self._file, self._rows, begin), {} if fault else self._fields([cells])[0], fault)

    def _fault(self, cells: list[str]) -> str:
        """Why this is no row, "" if it is one."""
        if len(cells) != len(self._names):
            breaks = sum(cell.count("\n") for cell in cells)
            hint = f" ({breaks} line breaks are in them: is there a quote too many?)" if breaks else ""
            return f"found {_cells(cells)}{hint}, expected {len(self._names)}, as in the header"
        for name, cell in zip(self._names, cells, strict=True):
            if fault := cell_fault(cell):
                hint = f" in UTF-8 ({_FROM_EXCEL})" * (
                    fault.startswith(NO_CHARACTER) and self._dialect.codec == "utf-8"
                )
                return f'found {fault} in "{printable(name[:40])}", expected text{hint}'
        return ""


def _is_cr(error: csv.Error) -> bool:
    """Is it about a CR that ends no line and stands in no quotes?"""
    return str(error).startswith(_STUMBLED_OVER_CR)


def _without_cr(line: str) -> str:
    """The line, with blanks for the CRs that do not end it."""
    text = line.rstrip("\r\n")
    return text.replace("\r", " ") + line[len(text) :]


def _is_blank(cells: list[str]) -> bool:
    return not cells or (len(cells) == 1 and not cells[0].strip())


def _cells(cells: list[str]) -> str:
    return "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
