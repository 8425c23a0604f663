"""A path in, rows out: what is no file of rows is refused at once, and what changes underfoot is noticed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

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
    else:
        other = path.with_suffix(".new")
        other.write_bytes(path.read_bytes())
        other.rename(path)


MEASURE = """
import resource, sys
from pathlib import Path
from syncline.sources.files import FileSource
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for chunk in FileSource([sys.argv[1]]).chunks():
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(
    ("begin", "part", "times", "end"),
    [
        (b"[", b'{"id":1,"name":"x","tags":["a"]},\n', 700_000, b"{}]"),
        (b"", b'{"id":1,"name":"x"}\n', 1_000_000, b""),
        (b'[{"a":"', b"x" * 1_000, 25_000, b'"}]'),
        (b'{"a":1}\n{"a":"', b"x" * 1_000, 25_000, b'"}\n'),
        (b"[", b" " * 1_000, 25_000, b"]"),
    ],
)
def test_memory_does_not_grow_with_the_file(tmp_path: Path, begin: bytes, part: bytes, times: int, end: bytes) -> None:
    path = tmp_path / "f"
    path.write_bytes(begin + part * times + end)
    ran = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True)
    kilobytes = int(ran.stdout) // (1024 if sys.platform == "darwin" else 1)
    assert kilobytes < 20_000, f"{kilobytes} KB more than before reading {path.stat().st_size:,} bytes"
