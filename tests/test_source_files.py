"""Names in, rows out: what is no file of rows is refused at once, and what changes underfoot is noticed."""

from __future__ import annotations

import gzip
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from threading import Event

import pytest

from syncline.errors import DataRefused, SourceBroke
from syncline.model import Row
from syncline.ports import Source
from syncline.sources.files import FileSource


def source_of(path: Path, data: bytes) -> FileSource:
    path.write_bytes(data)
    return FileSource([path])


def refusal(path: Path) -> str:
    source = FileSource([path])
    with pytest.raises(DataRefused) as refused:
        list(source.chunks())
    assert not source.complete
    return str(refused.value)


def rows_of(source: Source) -> list[Row]:
    return [row for chunk in source.chunks() for row in chunk]


def test_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "users.csv"  # the name says nothing
    source = source_of(path, b'[{"id":1},\n{"id":2}]')
    assert not source.complete
    assert source.position() == (0, None)
    rows = rows_of(source)
    assert [row.ref for row in rows] == [(str(path), 1, 1), (str(path), 2, 2)]
    assert [bytes(row.fields["id"]) for row in rows] == [b"1", b"2"]
    assert source.complete
    assert source.position() == (20, 20)


def test_no_rows_are_a_complete_read(tmp_path: Path) -> None:
    source = source_of(tmp_path / "f", b"[]")
    assert rows_of(source) == []
    assert source.complete


def test_a_large_file_comes_in_chunks_and_may_be_left_early(tmp_path: Path) -> None:
    source = source_of(
        tmp_path / "f", b"[" + b",\n".join(b'{"id":%d,"n":"%0200d"}' % (n, n) for n in range(5_000)) + b"]"
    )
    sizes = [len(chunk) for chunk in source.chunks()]
    assert sum(sizes) == 5_000
    assert max(sizes) < 1_000
    chunks = source.chunks()
    next(iter(chunks))
    assert not source.complete


def test_a_broken_file_is_not_complete(tmp_path: Path) -> None:
    source = source_of(tmp_path / "f", b'[{"id":1},')
    with pytest.raises(SourceBroke, match=r"f:1:11: found the end of the file"):
        rows_of(source)
    assert not source.complete


def test_what_is_no_readable_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    fifo, place = tmp_path / "fifo", tmp_path / "socket"
    os.mkfifo(fifo)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        assert "found a socket; expected a file" in refusal(place)
    assert "found a named pipe; expected a file" in refusal(fifo)
    assert "found a directory" in refusal(tmp_path)
    assert "found a device" in refusal(Path("/dev/zero"))
    assert "found a device" in refusal(Path("/dev/null"))
    assert "found no such file" in refusal(tmp_path / "missing")
    assert "cannot be opened" in refusal(tmp_path / "missing\0")
    assert "cannot be opened" in refusal(tmp_path / ("x" * 5_000))
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert "cannot be opened" in refusal(loop)


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    path = tmp_path / "f"
    path.touch(mode=0)
    return path


def test_a_file_without_permission_is_refused(locked: Path, as_nobody: None) -> None:
    assert "found a file that may not be read" in refusal(locked)


def written(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.json").write_text(text)


def named(folder: Path, *files: str | Path) -> list[str]:
    """The names of the files, as their rows have them."""
    return [*dict.fromkeys(row.ref.file for row in rows_of(FileSource(files, directory=folder)))]


def test_files_are_read_in_the_order_they_are_named_and_those_of_a_pattern_by_name(tmp_path: Path) -> None:
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    written(tmp_path, c='[{"id":1}]', a='[{"id":2}]', b='[{"id":3}]', e="[]")
    written(tmp_path / "sub" / "deep", d='[{"id":4}]')
    assert named(tmp_path, "c.json", "a.json") == ["c.json", "a.json"]
    assert named(tmp_path, "c.json", "[ab].json") == ["c.json", "a.json", "b.json"]
    assert named(tmp_path, Path("**/*.json")) == ["a.json", "b.json", "c.json", "sub/deep/d.json"]
    assert named(tmp_path, "*") == ["a.json", "b.json", "c.json"]  # directories are passed over
    assert named(tmp_path, str(tmp_path / "?.json"))[0] == str(tmp_path / "a.json")


def test_what_is_there_by_that_very_name_is_no_pattern(tmp_path: Path) -> None:
    (tmp_path / "[a].json").write_text('[{"id":1}]')
    written(tmp_path, a='[{"id":2}]')
    assert named(tmp_path, "[a].json") == ["[a].json"]
    (tmp_path / "[a].json").unlink()
    assert named(tmp_path, "[a].json") == ["a.json"]


def test_rows_are_numbered_in_each_file_and_bytes_are_counted_over_all(tmp_path: Path) -> None:
    written(tmp_path, a='[{"id":1},{"id":2}]', b='[{"id":3}]')
    source = FileSource(["a.json", "b.json"], directory=tmp_path)
    seen = []
    for chunk in source.chunks():
        seen += [(row.ref.file, row.ref.row, *source.position()) for row in chunk]
    assert seen == [("a.json", 1, 19, 29), ("a.json", 2, 19, 29), ("b.json", 1, 29, 29)]
    assert source.complete
    assert len(rows_of(source)) == 3  # files can be read again


def test_what_can_be_known_of_any_file_is_known_before_the_first_row(tmp_path: Path) -> None:
    written(tmp_path, a='[{"id":1}]', empty="")
    (tmp_path / "dir").mkdir()
    source = FileSource(["a.json", "empty.json", "missing.json", "dir", "*.csv", "x/*"], directory=tmp_path)
    with pytest.raises(DataRefused) as refused:
        next(source.chunks())
    assert [str(problem).partition(";")[0] for problem in refused.value.problems] == [
        "empty.json:1:1: found an empty file",
        "missing.json: found no such file",
        "dir: found a directory",
        "*.csv: found no file that fits this pattern",
        "x/*: found no file that fits this pattern",
    ]
    assert "Name the files in it: dir/*.json" in str(refused.value)


def test_no_file_is_read_twice_under_any_name(tmp_path: Path) -> None:
    written(tmp_path, a='[{"id":1}]')
    (tmp_path / "link.json").symlink_to(tmp_path / "a.json")
    (tmp_path / "hard.json").hardlink_to(tmp_path / "a.json")
    for other in ("a.json", "./a.json", "link.json", "hard.json", "a*"):
        with pytest.raises(DataRefused) as refused:
            rows_of(FileSource(["a.json", other], directory=tmp_path))
        assert 'found the same file as "a.json"; expected each file once' in str(refused.value)
    assert named(tmp_path, "link.json") == ["link.json"]


@pytest.mark.parametrize(
    "url", ["https://me:secret@example.com/users.json?token=secret", "s3://example.com/key", "file:///x"]
)
def test_a_url_is_refused_without_its_secrets(url: str, tmp_path: Path) -> None:
    with pytest.raises(DataRefused) as refused:
        rows_of(FileSource([url], directory=tmp_path))
    assert "/…: found a URL; expected a file" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_no_files_are_refused() -> None:
    with pytest.raises(DataRefused, match="source: found no files"):
        rows_of(FileSource([]))


BREAKS = {
    "cut": ('[{"id":2},', "b.json:1:11: found the end of the file, expected a row"),
    "broken at once": ("[{", "b.json:1:3: found the end of the file, expected a key in double quotes"),
    "blank": (" ", "b.json:1:2: found only blanks, expected CSV with a header"),
    "one object": ('{\n"id": 2}', "b.json:1:1: found one object over several lines, expected CSV with a header"),
    "no JSON": ("id,name\n1,x", 'b.json:1:1: found "id", expected a JSON array'),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_bad_file_behind_rows_breaks_the_source_and_no_later_one_is_read(name: str, tmp_path: Path) -> None:
    text, message = BREAKS[name]
    written(tmp_path, a='[{"id":1}]', b=text, c='[{"id":3}]', d='[{"id":4}]')
    source = FileSource(["*.json"], directory=tmp_path)
    rows: list[Row] = []
    with pytest.raises(SourceBroke) as broke:
        rows.extend(chain.from_iterable(source.chunks()))
    assert str(broke.value).startswith(message)
    assert str(broke.value).endswith(" (c.json and 1 more not read)")
    assert {row.ref.file for row in rows} <= {"a.json", "b.json"}
    assert not source.complete


def test_a_pipe_that_has_nothing_yet_is_waited_for() -> None:
    end, begin = os.pipe()
    source = FileSource([f"/dev/fd/{end}"])
    ended = Event()

    def write() -> None:
        os.write(begin, b'{"id":1}\n{"id"')
        while source.position()[0] == 0 and not ended.is_set():
            pass
        os.write(begin, b":2}\n")
        os.close(begin)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(write)
        try:
            rows = rows_of(source)
        finally:
            ended.set()
    os.close(end)
    assert [bytes(row.fields["id"]) for row in rows] == [b"1", b"2"]
    assert source.complete


def test_a_bad_file_before_any_row_is_refused(tmp_path: Path) -> None:
    written(tmp_path, a="[]", b='{"id":', c='[{"id":3}]')
    with pytest.raises(DataRefused, match=r"b\.json:1:7: found the end of the file"):
        rows_of(FileSource(["*.json"], directory=tmp_path))


def test_a_packed_file_that_is_cut_breaks_the_source_behind_its_rows(tmp_path: Path) -> None:
    packed = gzip.compress(b"".join(b'{"id":%d}\n' % number for number in range(20_000)))
    source = source_of(tmp_path / "f.gz", packed[:-9])
    rows: list[Row] = []
    with pytest.raises(
        SourceBroke, match=r"f.gz \(behind row 1[0-9],[0-9]+\): found gzip data that is cut short"
    ) as broke:
        rows.extend(chain.from_iterable(source.chunks()))
    assert f"(behind row {len(rows):,})" in str(broke.value)
    assert source.position() == (len(packed) - 9, len(packed) - 9)
    assert not source.complete


def flipped(rows: bytes, row: int) -> bytes:
    """The rows, packed, with another value in one of them: what a flipped bit may make of it."""
    sound = gzip.compress(rows)
    spoilt = gzip.compress(rows.replace(b'{"id":%d,"a":"b"}' % row, b'{"id":%d,"a":"c"}' % row))
    return spoilt[:-8] + sound[-8:]


@pytest.mark.parametrize(
    ("begin", "between", "end"),
    [
        (b"", b"\n", b"\n"),
        (b"[", b",\n", b"]"),
        (b"[", b",\n", b"}"),  # the damage may make the text break, and shows only behind that
        (b"[", b",\n", b',{"id":'),
    ],
)
@pytest.mark.parametrize("way", ["", "grown"])
def test_a_packed_file_that_is_damaged_is_refused_wherever_that_shows(
    begin: bytes, between: bytes, end: bytes, way: str, tmp_path: Path
) -> None:
    rows = begin + between.join(b'{"id":%d,"a":"b"}' % number for number in range(20_000)) + end
    path = tmp_path / "f.gz"
    path.write_bytes(flipped(rows, 7))
    written(tmp_path, a='[{"id":1}]')
    source = FileSource(["a.json", "f.gz"], directory=tmp_path)
    chunks = source.chunks()
    taken = [*next(chunks), *next(chunks)]
    if way:
        change(path, way)
    with pytest.raises(DataRefused) as refused:
        taken.extend(chain.from_iterable(chunks))
    assert b'"c"' in {bytes(row.fields["a"]) for row in taken[1:] if row.fields}
    assert str(refused.value).startswith("f.gz: found gzip data that is damaged (incorrect data check); expected gzip")
    assert not source.complete


def test_a_text_that_breaks_in_a_packed_file_that_is_sound_breaks_the_source(tmp_path: Path) -> None:
    source = source_of(tmp_path / "f.gz", gzip.compress(b'[{"id":1},{"id":2}}' + b" " * 300_000))
    with pytest.raises(SourceBroke, match=r'f.gz:1:19: found "}", expected "," or "]"'):
        rows_of(source)
    cut = source_of(tmp_path / "g.gz", gzip.compress(b'[{"id":1},{"id":2}}' + b" " * 300_000)[:-9])
    with pytest.raises(SourceBroke, match=r'g.gz:1:19: found "}", expected "," or "]"'):
        rows_of(cut)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.touch()
    assert "found an empty file" in refusal(path)


def test_a_name_is_printed_escaped(tmp_path: Path) -> None:
    path = tmp_path / "a\n\x1b[31m\u202e\udcff.json"
    source = source_of(path, b'[{"id":1}]')
    (row,) = rows_of(source)
    assert row.ref.file.endswith("/a\\n\\x1b[31m\\u202e\\udcff.json")
    assert "\x1b" not in refusal(tmp_path / "missing\x1b")


def test_a_relative_file_is_called_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b'{"id":1}')
    (row,) = rows_of(FileSource(["f"], directory=tmp_path))
    assert row.ref.file == "f"


@pytest.mark.parametrize("way", ["grown", "truncated", "replaced", "removed", "touched"])
def test_a_file_that_changes_while_it_is_read_breaks_the_source(tmp_path: Path, way: str) -> None:
    path = tmp_path / "f"
    source = source_of(path, b"".join(b'{"id":%d}\n' % number for number in range(50_000)))
    chunks = source.chunks()
    assert next(chunks)
    change(path, way)
    with pytest.raises(SourceBroke, match="changed while it was read"):
        list(chunks)
    assert not source.complete


@pytest.mark.parametrize("way", ["grown", "replaced", "removed", "a pipe"])
def test_a_later_file_that_changes_before_its_turn_breaks_the_source(tmp_path: Path, way: str) -> None:
    written(tmp_path, a='[{"id":1}]', b='[{"id":2}]')
    source = FileSource(["a.json", "b.json"], directory=tmp_path)
    chunks = source.chunks()
    assert next(chunks)
    change(tmp_path / "b.json", way)
    with pytest.raises(SourceBroke, match=r"b\.json: found another file than was found at first"):
        list(chunks)
    assert not source.complete


def test_a_file_of_the_system_is_refused() -> None:
    path = Path("/proc/self/status")  # which only Linux has
    assert ("a file of the system's that has no size" if path.exists() else "no such file") in refusal(path)


def change(path: Path, way: str) -> None:
    if way == "grown":
        with path.open("ab") as file:
            file.write(b'{"id":0}\n')
    elif way == "truncated":
        os.truncate(path, 300_001)
    elif way == "removed":
        path.unlink()
    elif way == "touched":
        os.utime(path, (1, 1))
    elif way == "a pipe":
        path.unlink()
        os.mkfifo(path)
    else:
        other = path.with_suffix(".new")
        other.write_bytes(path.read_bytes())
        other.rename(path)


MEASURE = """
import resource, sys
from syncline.errors import SourceBroke
from syncline.sources.files import FileSource
from syncline.sources.reading import Reading
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    for chunk in FileSource([sys.argv[1]], Reading(path=sys.argv[2])).chunks():
        pass
except SourceBroke:
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
X = b"x" * 100
LARGE = {
    "array": (b"[", b'{"id":1,"name":"%b","tags":["a"]},\n' % X, 200_000, b"{}]"),
    "lines": (b"", b'{"id":1,"name":"%b"}\n' % X, 200_000, b""),
    "a long row": (b'[{"a":"', b"x" * 1_000, 25_000, b'"}]'),
    "a long line": (b'{"a":1}\n{"a":"', b"x" * 1_000, 25_000, b'"}\n'),
    "blanks": (b"[", b" " * 1_000, 25_000, b"]"),
    "document": (b'{"x":[', b'{"id":"%b"},\n' % X, 200_000, b'{}],"rows":[{"id":1}]}'),
    "csv": (b"id,name,tags\n", b"1,%b,\n" % X, 250_000, b""),
    "csv in lines": (b"id,name\n", b'"1","%b\ny"\n' % X, 250_000, b""),
    "csv with a long row": (b'id,name\n0,z\n1,"x', b"x" * 1_000, 25_000, b'"\n2,y\n'),
    "csv with a quote that never closes": (b'id,name\n0,z\n1,"x', b"xxxxxxx,\n" * 100, 25_000, b""),
}


@pytest.mark.parametrize("name", [*LARGE, "gzip: array", "gzip: csv"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    begin, part, times, end = LARGE[name.removeprefix("gzip: ")]
    path = tmp_path / "f"
    data = begin + part * times + end
    path.write_bytes(gzip.compress(data, 1) if name.startswith("gzip") else data)
    command = [sys.executable, "-c", MEASURE, str(path), "rows" if name == "document" else ""]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    kilobytes = int(ran.stdout) // (1024 if sys.platform == "darwin" else 1)
    assert kilobytes < 20_000, f"{kilobytes} KB more than before reading {len(data):,} bytes"
