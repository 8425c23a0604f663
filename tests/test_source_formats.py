"""Files of every format in, the same rows out; and which format a file is, by what is in it and what it is called."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncline.errors import DataRefused, SourceBroke
from syncline.model import Row
from syncline.sources.files import FileSource
from syncline.sources.reading import AS_FOUND, Format, Reading

ROWS = [{"id": str(number), "name": f'Zoë "{number}"', "note": "a,b\r\n;c\td"} for number in range(1, 8)]
Fields = dict[str, str]


def table(rows: list[Fields], delimiter: str, end: str = "\r\n") -> str:
    lines = [list(ROWS[0]), *(list(row.values()) for row in rows)]
    quoted = (['"' + cell.replace('"', '""') + '"' for cell in line] for line in lines)
    return "".join(delimiter.join(cells) + end for cells in quoted)


def lines(rows: list[Fields]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


FORMATS: dict[str, tuple[str, Reading, Callable[[list[Fields]], bytes]]] = {
    "array": (".json", AS_FOUND, lambda rows: json.dumps(rows, indent=1).encode()),
    "lines": (".ndjson", AS_FOUND, lambda rows: lines(rows).encode()),
    "document": (".json", Reading(path="data.users"), lambda rows: json.dumps({"data": {"users": rows}}).encode()),
    "csv": (".csv", AS_FOUND, lambda rows: table(rows, ",").encode()),
    "csv with a mark": (".csv", AS_FOUND, lambda rows: table(rows, ",").encode("utf-8-sig")),
    "csv with semicolons": (".csv", Reading(delimiter=";"), lambda rows: table(rows, ";").encode()),
    "csv of Excel": (".csv", Reading(encoding="cp1252"), lambda rows: table(rows, ",").encode("cp1252")),
    "tsv": (".tsv", AS_FOUND, lambda rows: table(rows, "\t", "\n").encode()),
    "tsv in UTF-16": (".tab", Reading(encoding="utf-16"), lambda rows: table(rows, "\t").encode("utf-16")),
}
PACKED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "plain": ("", bytes),
    "gzip": (".gz", gzip.compress),
    "gzip in two members": (".gz", lambda data: gzip.compress(data[:99]) + gzip.compress(data[99:])),
    "gzip by another name": ("", gzip.compress),
}


def read(files: list[str], folder: Path, reading: Reading = AS_FOUND) -> tuple[FileSource, list[Row]]:
    source = FileSource(files, reading, folder)
    return source, [row for chunk in source.chunks() for row in chunk]


@pytest.fixture
def stdin() -> Iterator[Callable[[bytes], None]]:
    """Puts a pipe that holds some bytes in the place of stdin, as long as the test runs."""
    before = os.dup(0)

    def put(data: bytes) -> None:
        end, begin = os.pipe()
        os.write(begin, data)
        os.close(begin)
        os.dup2(end, 0)
        os.close(end)

    yield put
    os.dup2(before, 0)
    os.close(before)


def values(row: Row) -> object:
    return row.fault or {name: json.loads(bytes(value)) if bytes(value) else "" for name, value in row.fields.items()}


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_rows_however_it_is_packed_and_named(
    name: str, packed: str, tmp_path: Path, stdin: Callable[[bytes], None]
) -> None:
    suffix, reading, written = FORMATS[name]
    more, pack = PACKED[packed]
    suffix += more
    for file, part in {"all": ROWS, "part-1": ROWS[:3], "part-2": ROWS[3:]}.items():
        (tmp_path / (file + suffix)).write_bytes(pack(written(part)))
    parts = ["part-1" + suffix, "part-2" + suffix]
    stdin(pack(written(ROWS)))
    for files, sizes in (
        (["all" + suffix], [7]),
        (parts, [3, 4]),
        (["part-?" + suffix], [3, 4]),
        ([f"**/part-*{suffix}"], [3, 4]),
        (["-"], [7]),
    ):
        source, rows = read(files, tmp_path, reading)
        assert [values(row) for row in rows] == ROWS
        assert [row.ref.row for row in rows] == [number for size in sizes for number in range(1, size + 1)]
        called = {"-": ["stdin"]}.get(files[0], ["all" + suffix] if len(sizes) == 1 else parts)
        assert [*dict.fromkeys(row.ref.file for row in rows)] == called
        assert source.complete
        assert source.position()[0] > 0


def test_formats_may_be_mixed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,name\n1,x\n")
    (tmp_path / "b.json").write_text('[{"id":"2","name":"y"}]')
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(b'{"id":"3","name":"z"}\n'))
    (tmp_path / "d.tsv").write_text("id\tname\n4\tw\n")
    source, rows = read(["*"], tmp_path, Reading(delimiter=""))
    assert [values(row) for row in rows] == [{"id": n, "name": c} for n, c in zip("1234", "xyzw", strict=True)]
    assert [row.ref.file for row in rows] == ["a.csv", "b.json", "c.jsonl.gz", "d.tsv"]
    assert source.complete


ARRAY, LINES, TABLE, TABS = b'[{"a":"1"}]', b'{"a":"1"}\n', b"a,b\n1,2\n", b"a\tb\n1\t2\n"
TOLD: list[tuple[str, Format, bytes, object]] = [
    ("f.json", "auto", LINES, {"a": "1"}),
    ("f.ndjson", "auto", ARRAY, {"a": "1"}),
    ("f.jsonl", "auto", ARRAY, {"a": "1"}),
    ("f.csv", "auto", ARRAY, {"a": "1"}),  # nothing else begins like JSON, so nothing can be misread
    ("f.csv", "auto", LINES, {"a": "1"}),
    ("f.csv.gz", "auto", b'{"a":"1"}', {"a": "1"}),
    ("f.tsv", "json", LINES, {"a": "1"}),
    ("f", "auto", TABLE, {"a": "1", "b": "2"}),
    ("f.txt", "auto", TABS, {"a": "1", "b": "2"}),
    ("f", "auto", b"a\tb, c\n1\t2\n", {"a": "1", "b, c": "2"}),
    ("f", "csv", b"a\n1\n", {"a": "1"}),
    ("f.csv", "auto", b"a\n1\n", {"a": "1"}),
    ("f.CSV.GZ", "auto", b"a\n1\n", {"a": "1"}),
    ("f.tab", "auto", b"a\n1\n", {"a": "1"}),
    ("f.csv", "auto", b"[a],{b}\n1,2\n", {"[a]": "1", "{b}": "2"}),
    ("f.csv", "auto", b"{a\n1\n", {"{a": "1"}),
    ("f.csv", "auto", b'a,b\n{"x":1},2\n', {"a": '{"x":1}', "b": "2"}),
    ("f", "auto", b'a,b\n{"a":"1"}\n', 'column 1: found "a", expected a value'),  # NDJSON with a bad first row
    ("f.json", "csv", TABLE, {"a": "1", "b": "2"}),
    ("f.csv", "tsv", TABS, {"a": "1", "b": "2"}),
    ("f", "auto", b"\n\n" + TABLE, {"a": "1", "b": "2"}),
    ("f", "auto", b"\n" * 200_000 + TABLE, {"a": "1", "b": "2"}),
]


@pytest.mark.parametrize(("name", "told", "data", "first"), TOLD)
def test_the_format_is_told_by_the_content_and_a_name_ends_doubts(
    name: str, told: Format, data: bytes, first: object, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    source, rows = read([name], tmp_path, Reading(told))
    assert values(rows[0]) == first
    assert source.complete


def test_a_row_keeps_its_line_behind_blank_lines_without_end(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\n" * 200_000 + TABLE + b"3\n")
    _, rows = read(["f"], tmp_path)
    assert [row.ref.line for row in rows] == [200_002, 200_003]


BROKEN_FIRST = [b'{"a":', b"[", b"[1,", b'{"a":[', b"[]", b"[1]", b"null", b'{"a":"', b"x", b'{"a":1']


# Without a name that says so, one row behind a bracket may be the beginning of an array.
@pytest.mark.parametrize(
    ("name", "rest"),
    [("f.ndjson", 1), ("f.jsonl", 1), ("f.JSONL.gz", 1), ("f.ndjson", 3), ("f.json", 2), ("f", 2)],
)
@pytest.mark.parametrize("first", BROKEN_FIRST)
def test_a_broken_first_line_is_one_bad_row_as_any_other(name: str, first: bytes, rest: int, tmp_path: Path) -> None:
    data = first + b"\n" + LINES * rest
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    source, rows = read([name], tmp_path)
    assert [bool(row.fault) for row in rows] == [True] + [False] * rest
    assert [row.ref.line for row in rows] == list(range(1, rest + 2))
    assert source.complete


def test_lines_with_a_broken_first_are_no_document_for_a_path(tmp_path: Path) -> None:
    (tmp_path / "f.ndjson").write_bytes(b"[\n" + LINES * 2)
    with pytest.raises(DataRefused, match="found one JSON object a line; expected one object, in which `path` leads"):
        read(["f.ndjson"], tmp_path, Reading(path="a"))


REFUSED: list[tuple[str, Reading, bytes, str | None]] = [
    ("f.json", AS_FOUND, TABLE, 'f.json:1:1: found "a"; expected a JSON array of objects, or one JSON object a line'),
    ("f.json", AS_FOUND, TABLE, "If it is CSV, set `format: csv` in `source`, or `--format csv`."),
    ("f.ndjson.gz", AS_FOUND, TABLE, "If it is CSV, set `format: csv`"),
    ("f", Reading("json"), TABLE, "If it is CSV, set `format: csv`"),
    ("f", AS_FOUND, b"name\nx\n", "found \"name\"; expected CSV with a header, a JSON array"),
    ("f", AS_FOUND, b'[{"a":1},\n', None),
    ("f", AS_FOUND, b'\x01[{"a":1},{"a":2}]', "found the character U+0001"),  # spoilt JSON, not a header
    ("f", AS_FOUND, b'a[{"a":1},{"a":2}]', "found \"a\"; expected CSV"),
    ("f", Reading("csv"), ARRAY, "f:1:1: found JSON; expected CSV, as `format` says. Set `format: json` in `source`"),
    ("f", Reading("tsv"), LINES, "found JSON; expected TSV, as `format` says"),
    ("f.csv", Reading("csv"), b"\n {\n", "found JSON; expected CSV"),
    ("f.csv", AS_FOUND, b"PK\x03\x04xx", "found a zip archive (or a spreadsheet); expected CSV with a header, a"),
    ("f.csv", AS_FOUND, b"PK\x03\x04xx", "Unpack it, or save it as CSV. Export the rows as CSV, NDJSON or a JSON"),
    ("f", AS_FOUND, b"PAR1xx", "found a Parquet file"),
    ("f", AS_FOUND, b"\xd0\xcf\x11\xe0xx", "found a spreadsheet of Excel"),
    ("f.csv.bz2", AS_FOUND, b"BZh91AY&SYxx", "found bzip2 data"),
    ("f.csv.zst", AS_FOUND, b"\x28\xb5\x2f\xfdxx", "found zstd data"),
    ("f.csv", AS_FOUND, b"<!DOCTYPE html>\n<html>a,b", "found a page of HTML or XML"),
    ("f.csv", AS_FOUND, gzip.compress(gzip.compress(TABLE, mtime=0), mtime=0), "found gzip data inside gzip data"),
    ("f.csv.gz", AS_FOUND, b"", "found an empty file"),
    ("f.csv.gz", AS_FOUND, gzip.compress(b"", mtime=0), "found an empty file"),
    ("f.csv.gz", AS_FOUND, gzip.compress(b" \n", mtime=0), "found only blanks"),
    ("f.json", AS_FOUND, ARRAY.decode().encode("utf-16"), "JSON must be UTF-8: iconv -f UTF-16 -t UTF-8 FILE"),
    ("f.json", Reading(encoding="utf-16"), ARRAY.decode().encode("utf-16"), "found JSON in UTF-16; expected JSON in"),
    ("f", Reading(encoding="ebcdic"), TABLE, 'source: found the encoding "ebcdic"; expected utf-8, utf-16, utf-16-le'),
    ("f", Reading(delimiter="ab"), TABLE, 'source: found the delimiter "ab"; expected one character'),
    ("f", Reading(delimiter='"'), TABLE, "found the delimiter"),
    ("f", Reading(encoding="cp1252"), b"\xef\xbb\xbf" + TABLE, "found text that is not cp1252; expected cp1252, as"),
    ("f", Reading(delimiter="\n"), TABLE, 'found the delimiter "\\n"'),
    ("f", Reading("csv", path="a"), TABLE, "found `path` together with `format: csv`"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "reading", "data", "message"), REFUSED)
def test_what_contradicts_its_name_or_the_settings_is_refused_with_what_to_do(
    name: str, reading: Reading, data: bytes, message: str | None, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("json.gz") else data)
    with pytest.raises(SourceBroke if message is None else DataRefused) as refused:
        read([name], tmp_path, reading)
    assert message is None or message in str(refused.value)


def test_an_encoding_and_a_delimiter_leave_json_alone(tmp_path: Path) -> None:
    (tmp_path / "f.json").write_bytes('[{"a":"é"}]'.encode())
    for reading in (Reading(encoding="cp1252"), Reading(encoding="utf-16"), Reading(delimiter=";")):
        assert [values(row) for row in read(["f.json"], tmp_path, reading)[1]] == [{"a": "é"}]
