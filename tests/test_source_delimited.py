"""CSV and TSV in, rows out: each cell as it was written, each row on its line, however the file is cut into blocks."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncline.errors import DataRefused, SourceBroke
from syncline.model import Row
from syncline.sources.decoding import decoded
from syncline.sources.delimited import Dialect, delimited_rows
from syncline.sources.formats import read_rows
from syncline.sources.json_fields import CHUNK_ROWS
from syncline.sources.place import Flaw, stopped
from syncline.sources.reading import AS_FOUND, Reading

CSV = Reading(format="csv")
CHARS = st.sampled_from('",;\t|\n\r a') | st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff")
CELLS = st.text(CHARS, max_size=6)
NAMES = CELLS.filter(lambda name: name.strip() != "")
Read = tuple[list[Row], Exception | None]
Chunks = Iterator[list[Row]]


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def gather(chunks: Callable[[], Chunks]) -> Read:
    rows: list[Row] = []
    try:
        for chunk in chunks():
            rows += chunk
    except Flaw as flaw:
        return rows, stopped("f", flaw, len(rows), len(rows))
    return rows, None


def read(data: bytes | str, reading: Reading = CSV, size: int = 131_072) -> Read:
    return gather(lambda: read_rows("f", cut(data if isinstance(data, bytes) else data.encode(), size), reading))


def texts(row: Row) -> list[str]:
    return [json.loads(bytes(cell)) if bytes(cell) else "" for cell in row.fields.values()]


class Table:
    """A table as some program might have written it, and the line that each row begins on."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
        width = len(self.names)
        self.rows = draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=6))
        self.delimiter = draw(st.sampled_from(",;\t|"))
        end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
        self.old_mac = end == "\r"
        # Only with CRLF does the writer of Python 3.11 put quotes around both kinds of line breaks of its own accord.
        bare = end == "\r\n" and draw(st.booleans())
        text = io.StringIO(newline="")
        writer = csv.writer(
            text, delimiter=self.delimiter, lineterminator=end, quoting=csv.QUOTE_MINIMAL if bare else csv.QUOTE_ALL
        )
        self.lines: list[int] = []
        for row in [self.names, *self.rows]:
            self.lines.append(1 + len(list(io.StringIO(text.getvalue(), newline="" if self.old_mac else "\n"))))
            writer.writerow(row)
            text.write(draw(st.sampled_from(["", "", end])))  # a blank line, now and then
        self.text = text.getvalue()

    def read(self, data: bytes, size: int, codec: str = "utf-8") -> Read:
        pieces = decoded(cut(data, size), codec)
        return gather(lambda: delimited_rows("f", 1, pieces, Dialect(self.delimiter, old_mac=self.old_mac)))


tables = st.composite(Table)()


@given(tables, st.integers(1, 40), st.sampled_from(["utf-8", "utf-16", "utf-16-le", "utf-16-be"]), st.booleans())
@settings(max_examples=400, deadline=None)
def test_any_table_in_any_blocks_yields_its_cells_and_lines(table: Table, size: int, codec: str, mark: bool) -> None:
    text = "\ufeff" + table.text if mark and codec != "utf-16" else table.text
    rows, error = table.read(text.encode(codec), size, codec)
    assert error is None
    assert [texts(row) for row in rows] == table.rows
    assert [row.ref for row in rows] == [("f", row, line) for row, line in enumerate(table.lines[1:], 1)]
    assert all(list(row.fields) == table.names and not row.fault for row in rows)


@given(tables, st.integers(1, 40), st.data())
@settings(max_examples=400, deadline=None)
def test_a_cut_table_yields_no_row_that_was_not_in_it(table: Table, size: int, data: st.DataObject) -> None:
    whole = table.text.encode()
    short = whole[: data.draw(st.integers(0, len(whole)))]
    rows, error = table.read(short, size)
    found = [texts(row) for row in rows if not row.fault]
    assert found[:-1] == table.rows[: len(found[:-1])]
    if error is None and found and len(short) < len(whole):  # the last cell may be cut: nobody could tell
        assert found[-1][:-1] == table.rows[len(found) - 1][:-1]
        assert table.rows[len(found) - 1][-1].startswith(found[-1][-1])


@given(st.text('",\n\rab\x0b\u2028é', max_size=40), st.integers(1, 40))
@settings(max_examples=1000, deadline=None)
def test_any_text_reads_alike_in_any_blocks(text: str, size: int) -> None:
    assert told(read("a,b\n" + text, size=size)) == told(read("a,b\n" + text))


@given(st.binary(max_size=40), st.integers(1, 40), st.sampled_from(["utf-8", "cp1252", "latin-1", "utf-16-le"]))
@settings(max_examples=600, deadline=None)
def test_any_bytes_read_alike_in_any_blocks(data: bytes, size: int, encoding: str) -> None:
    reading = Reading("csv", encoding=encoding)
    head = "é,b\n".encode(encoding)
    assert told(read(head + data, reading, size)) == told(read(head + data, reading))


def told(outcome: Read) -> tuple[list[object], str]:
    rows, error = outcome
    return [(row.ref.row, row.ref.line, row.fault or texts(row)) for row in rows], f"{type(error).__name__}: {error}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id,n\n1,x\n", [(2, ["1", "x"])]),
        ("\ufeffid,n\r\n1,x\r\n", [(2, ["1", "x"])]),
        ("id,n\r1,x\r2,y", [(2, ["1", "x"]), (3, ["2", "y"])]),
        ("id,n\r\n1,x\n2,y\r\r\n3,z\r", [(2, ["1", "x"]), (3, ["2", "y"]), (4, ["3", "z"])]),
        ('id,n\r1,"x\ny\rz"\r\r2,y\r', [(2, ["1", "x\ny\rz"]), (6, ["2", "y"])]),
        ("id,n\r1,x\r2,y\n", [(2, ["1", "x"]), (3, ["2", "y"])]),
        ('id,n\n1,"a\rb"\n2,y\n', [(2, ["1", "a\rb"]), (3, ["2", "y"])]),
        ("\n \n\nid,n\n\n1,x\n\n  \n2,y\n\n", [(6, ["1", "x"]), (9, ["2", "y"])]),
        ('id,n\n1,"a\r\nb\nc"\n2,y\n', [(2, ["1", "a\r\nb\nc"]), (5, ["2", "y"])]),
        ('"id","n"\n"1","say ""hi"""\n', [(2, ["1", 'say "hi"'])]),
        ("id,n\n1,\u2028\x0b\x0c\x85\n2,y\n", [(2, ["1", "\u2028\x0b\x0c\x85"]), (3, ["2", "y"])]),
        ('id,n\n1,5" pipe\n', [(2, ["1", '5" pipe'])]),
        ("id,n\n,\n", [(2, ["", ""])]),
        ('id,n\n"",""\n', [(2, ["", ""])]),
        ("id\n1\n\n \n", [(2, ["1"]), (4, [" "])]),
        (
            "id,n\n1,null\n2,NULL\n3,N/A\n4,1e5\n",
            [(2, ["1", "null"]), (3, ["2", "NULL"]), (4, ["3", "N/A"]), (5, ["4", "1e5"])],
        ),
        ("id,n\n1,\\u0000\n", [(2, ["1", "\\u0000"])]),
        ("id,n\n1,😀é\n", [(2, ["1", "😀é"])]),
        ("id,n\n", []),
        ("id,n", []),
    ],
)
@pytest.mark.parametrize("size", [1, 131_072])
def test_small_tables(text: str, expected: list[tuple[int, list[str]]], size: int) -> None:
    rows, error = read(text, size=size)
    assert error is None
    assert [(row.ref.line, texts(row)) for row in rows] == expected


def test_a_cell_is_text_and_an_empty_one_is_empty_with_or_without_quotes() -> None:
    (row,), _ = read('a,b,c,d\n007,,"",true\n')
    assert [bytes(cell) for cell in row.fields.values()] == [b'"007"', b"", b"", b'"true"']


FAULTY = {
    "too few cells": (b"2", "found 1 cell, expected 2, as in the header"),
    "too many cells": (b"2,b,c", "found 3 cells, expected 2, as in the header"),
    "too many cells over lines": (
        b'2,"b\n\n",c',
        "found 3 cells (2 line breaks are in them: is there a quote too many?)",
    ),
    "text behind a quote": (b'2,"b"c', "found what is no CSV (',' expected after '\"'), expected quotes around a cell"),
    "a zero byte": (b"2,a\0b", 'found the character U+0000 in "né", expected text'),
    "a zero byte beside é": (b"2,\xc3\xa9\0", 'found the character U+0000 in "né", expected text'),
    "a byte of cp1252": (b"2,caf\xe9", 'found a byte that is no character (0xE9) in "né", expected text'),
    "an encoded surrogate": (b"2,\xed\xa0\x80", 'found a byte that is no character (0xED) in "né", expected text'),
    "a CR": (b"2,call back\rmonday", "found a line break (CR alone) outside quotes, expected quotes around its cell"),
    "a CR before all": (b"\r2,b", "found a line break (CR alone) outside quotes"),
    "a CR that would make a row": (b"2,b\r5,e", "found a line break (CR alone) outside quotes"),
    "CRs, and lines in quotes": (
        b'2,"b"\r\rb,"x\r\n4,wrong\r\n","y"\rz',
        "found a line break (CR alone) outside quotes",
    ),
    "a CR behind lines in quotes": (b'"2\n2\n2",b\rb', "found a line break (CR alone) outside quotes"),
    "a long row of CRs": (b"2,b" + b"\rb" * 1_000_000, "found a row of over 1,000,000 characters"),
    "a long row": (b"2," + b"x" * 1_000_001, "found a row of over 1,000,000 characters, expected at most that"),
    "a long row with commas": (b",b" * 2_000_000, "found a row of over 1,000,000 characters"),
    "a long row in quotes": (b'2,"' + b"x, " * 9 + b"x" * 3_000_000 + b'"', "found a row of over 1,000,000 characters"),
}


@pytest.mark.parametrize("name", FAULTY)
@pytest.mark.parametrize("size", [7_919, 131_072, 10_000_000])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_bad_row_has_a_fault_and_its_neighbours_none(name: str, size: int, end: bytes) -> None:
    text, fault = FAULTY[name]
    rows, error = read(end.join(["id,né".encode(), b"1,a", text, b"3,c", b"4,d", b""]), size=size)
    assert error is None
    assert [row.fault == "" for row in rows] == [True, False, True, True]
    assert rows[1].fault.startswith(fault)
    assert not rows[1].fields
    assert [row.ref.row for row in rows] == [1, 2, 3, 4]
    assert [row.ref.line - text.count(b"\n") * (row.ref.row > 2) for row in rows] == [2, 3, 4, 5]
    assert [texts(row) for row in rows if not row.fault] == [["1", "a"], ["3", "c"], ["4", "d"]]


BROKEN = [
    ('id,n\n1,a\n2,"b\n3,c\n4,d\n', 1, "f:3: found a quote that never closes, expected its end"),
    ('id,n\n1,a\n2,"b', 1, "f:3: found a quote that never closes"),
    ('id,n\n1,a\n2,"', 1, "f:3: found a quote that never closes"),
    ('id,n\n1,a\n"x\ny","b\n3,c\n', 1, "f:4: found a quote that never closes"),
    ('id,n\n1,a\n2,"b\n4,"d"\n5,e\n', 1, "f:4: found what is no CSV (',' expected after '\"') in a row that begins"),
    ('id,n\n1,a\n2,b\rb,"c\n3,d\n', 1, "f:3: found a quote that never closes"),
    ('id,n\n1,a\n2,b\rb,"c\nd","e\nf', 1, "f:4: found a quote that never closes"),
    ("id,n,m\n1,a,b\n2,b\rb", 1, "f:3: found the end of the file in a row of 2 cells, expected 3, as in the header"),
    ("id,n\n1,a\n2", 1, "f:3: found the end of the file in a row of 1 cell, expected 2, as in the header"),
    ('id,n,m\n1,a,b\n2,"x\ny"', 1, "f:3: found the end of the file in a row of 2 cells, expected 3"),
    ('id,n\n1,a\n2,"' + "x\n" * 600_000, 1, "f:3: found a row of over 1,000,000 characters in several lines"),
    ('id,n\n1,a\n2,"' + "x\n" * 600_000 + '"\n3,c\n', 1, "f:3: found a row of over 1,000,000 characters in several"),
    ('id,n\n1,a\n2,"' + "x\n" * 510_000 + '"\n3,c\n', 1, "f:3: found a row of over 1,000,000 characters in several"),
    ('id,n\n1,a\n2,"' + ',"",' * 600_000, 1, "f:3: found a row of over 1,000,000 characters, most of them quotes"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "rows", "message"), BROKEN)
@pytest.mark.parametrize("size", [7_919, 131_072])
def test_where_nobody_knows_where_rows_begin_the_source_breaks(text: str, rows: int, message: str, size: int) -> None:
    found, error = read(text, size=size)
    assert [row.fault for row in found] == [""] * rows
    assert isinstance(error, SourceBroke)
    assert str(error).startswith(message)


def test_a_table_that_is_cut_inside_a_character_breaks_the_source() -> None:
    rows, error = read(b"id,n\n1,a\n2,caf\xc3")
    assert [texts(row) for row in rows] == [["1", "a"]]
    assert isinstance(error, SourceBroke)
    assert "found the end of the file in the middle of a character" in str(error)


REFUSED = [
    ("id,n,id\n1,2,3\n", CSV, 'f:1: found a header with the name "id" for columns 1 and 3; expected each name once'),
    ("id,,n\n", CSV, "f:1: found a header without a name for column 2"),
    ("\n\nid,n,\n", CSV, "f:3: found a header without a name for column 3"),
    ("id, \n", CSV, "without a name for column 2"),
    ("id,n\0\n", CSV, "f:1: found the character U+0000 in the name of column 2"),
    ("id;n\n1;x\n", CSV, 'with semicolons in it; expected commas between its cells. Set `delimiter: ";"` in `source`'),
    ("id;n\n1;x\n", CSV, 'or `--delimiter ";"`.'),
    ("id\tn\n1\tx\n", CSV, "with tabs in it; expected commas between its cells. Set `format: tsv` in `source`, or `--"),
    ("id|n\n1|x\n", AS_FOUND, 'Set `delimiter: "|"`'),
    ("id,n\n1,x\n", Reading("tsv"), 'with commas in it; expected tabs between its cells. Set `delimiter: ","`'),
    (",".join(map(str, range(5_001))), CSV, "found a header of 5,001 cells; expected at most 5,000"),
    ("x" * 1_000_001 + "\n", CSV, "found a header of over 1,000,000 characters"),
    ('"id,n\n1,x\n', CSV, "f:1: found a quote that never closes"),
    ("id,n\ro\n1,x\n2,y\n", CSV, "f:1: found a line break (CR alone) outside quotes; expected quotes around its cell"),
    ('"id"x,n\n1,x\n', CSV, "f:1: found what is no CSV"),
    ("id,n\n1", CSV, "f:2: found the end of the file in a row of 1 cell"),
    ("", CSV, "found an empty file"),
    ("\n \r\n", CSV, "found only blanks"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reading", "message"), REFUSED)
def test_a_table_that_cannot_be_read_is_refused_with_what_to_do(text: str, reading: Reading, message: str) -> None:
    rows, error = read(text, reading)
    assert not rows
    assert isinstance(error, DataRefused)
    assert message in str(error)


def test_a_delimiter_that_somebody_named_is_believed() -> None:
    rows, error = read("a;b\n1;2\n", Reading("csv", delimiter=","))
    assert error is None
    assert [texts(row) for row in rows] == [["1;2"]]
    rows, error = read("a^b\n1^2\n", Reading("csv", delimiter="^"))
    assert [texts(row) for row in rows] == [["1", "2"]]


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("utf-8", "id,n\n1,é€\n".encode()),
        ("UTF-8", "\ufeffid,n\n1,é€\n".encode()),
        ("cp1252", b"id,n\n1,\xe9\x80\n"),
        ("windows-1252", b"id,n\n1,\xe9\x80\n"),
        ("utf-16", "id,n\n1,é€\n".encode("utf-16")),
        ("utf-16", b"\xfe\xff" + "id,n\n1,é€\n".encode("utf-16-be")),
        ("utf-16", "id,n\n1,é€\n".encode("utf-16-le")),
        ("utf16", "id,n\n1,é€\n".encode("utf-16-be")),
        ("utf-16-le", "id,n\n1,é€\n".encode("utf-16-le")),
        ("utf-16-le", "\ufeffid,n\n1,é€\n".encode("utf-16-le")),
        ("UTF_16BE", "id,n\n1,é€\n".encode("utf-16-be")),
    ],
)
@pytest.mark.parametrize("size", [1, 131_072])
def test_a_table_is_read_in_the_encoding_that_is_set(encoding: str, data: bytes, size: int) -> None:
    rows, error = read(data, Reading(encoding=encoding), size)
    assert error is None
    assert [(list(row.fields), texts(row)) for row in rows] == [(["id", "n"], ["1", "é€"])]


def test_latin_1_reads_any_byte() -> None:
    (row,), error = read(b"id,n\n1,\xe9\x80\xff\n", Reading("csv", encoding="latin-1"))
    assert error is None
    assert texts(row) == ["1", "é\x80ÿ"]


@pytest.mark.parametrize(
    ("data", "encoding", "message"),
    [
        (b"id,n\n1,caf\xe9\n2,\xe9\n", "utf-8", "f:2: found the byte 0xE9, and nothing that is UTF-8; expected UTF-8."),
        (b"id,caf\xe9\n", "utf-8", "set `encoding: cp1252` in `source`, or `--encoding cp1252`."),
        ("id,n\n".encode("utf-16"), "utf-8", "set `encoding: utf-16` in `source`, or `--encoding utf-16`"),
        ("ид,n\n".encode("utf-16-le"), "utf-16", "found UTF-16 without a byte order mark; expected one. Set"),
        (b"id,n\n1,x\n", "utf-16", "found text that is not utf-16"),
        ("id,n\n".encode("utf-16") + b"1", "utf-16", "found the end of the file in the middle of a character"),
        ("id,n\n".encode("utf-32"), "utf-16", "found the character U+0000"),
    ],
)  # fmt: skip
def test_another_encoding_than_is_set_is_refused_with_what_to_do(data: bytes, encoding: str, message: str) -> None:
    rows, error = read(data, Reading("csv", encoding=encoding))
    assert not rows
    assert isinstance(error, DataRefused)
    assert message in str(error)


def test_one_bad_byte_among_good_ones_is_one_bad_row() -> None:
    rows, error = read("id,n\n1,é\n".encode() + b"2,\xe9\n3,x\n")
    assert error is None
    assert [bool(row.fault) for row in rows] == [False, True, False]


def test_half_a_surrogate_pair_is_one_bad_row() -> None:
    text = "id,n\n1,\ud800\n2,x\n".encode("utf-16-le", "surrogatepass")
    rows, error = read(text, Reading("csv", encoding="utf-16-le"))
    assert error is None
    assert [row.fault for row in rows] == ['found half of a surrogate pair in "n", expected text', ""]


HOSTILE = {
    "quotes": '"' * 5_000_000,
    "quoted quotes": '"a""' * 1_250_000,
    "open quotes": 'x,"y\n' * 1_000_000,
    "quotes everywhere": '"",' * 1_600_000,
    "a quote without end": 'x,"' + "y" * 5_000_000,
    "a quote over lines without end": 'x,"' + "y\n" * 2_500_000,
    "commas": "," * 5_000_000,
    "blank lines": "\n" * 2_000_000,
    "carriage returns": "\r" * 2_000_000,
    "carriage returns in cells": "x\ry,z\n" * 200_000,
    "one cell": "x" * 5_000_000,
    "blanks": " " * 5_000_000,
    "bad rows": "x\n" * 100_000,
    "small rows": "x,y\n" * 100_000,
    "zero bytes": "x,\0\n" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_tables_take_linear_time(name: str) -> None:
    started = time.process_time()
    read("a,b\n" + HOSTILE[name])
    assert time.process_time() - started < 6, "a few megabytes must not take long, whatever is in them"


def test_a_file_of_nothing_but_quote_errors_comes_in_chunks() -> None:
    """So that neither memory nor a signal waits for its end."""
    bad = b'1,"say \\"hi\\""\n'
    blocks = iter([b"id,name\n", *[bad * 4_000] * 20])
    sizes = [len(chunk) for chunk in read_rows("f", blocks, CSV)]
    assert sum(sizes) == 80_000
    assert max(sizes) <= CHUNK_ROWS
