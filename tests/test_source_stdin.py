"""What a shell connects, in a process of its own: stdin, and pipes that are open already."""

from __future__ import annotations

import gzip
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

READ = """
import json, sys
from syncline.errors import SynclineError
from syncline.sources.files import FileSource
source, rows, error = FileSource(sys.argv[2:]), [], ""
for _ in range(int(sys.argv[1])):
    try:
        for chunk in source.chunks():
            rows += [[row.ref.file, row.ref.row, json.loads(bytes(row.fields["id"]))] for row in chunk]
    except SynclineError as stop:
        error = f"{type(stop).__name__}: {stop}"
json.dump([rows, error, source.complete, source.position()], sys.stdout)
"""
ROWS = [["stdin", 1, 1], ["stdin", 2, 2]]


class Ended(NamedTuple):
    """What the reader read."""

    rows: list[list[object]]
    error: str
    complete: bool
    position: list[int | None]


Run = Callable[[str], Ended]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a line of bash. `read N FILE…` in it reads the files N times."""
    (tmp_path / "read.py").write_text(READ)
    (tmp_path / "f.json").write_text('[{"id":1},\n{"id":2}]')
    (tmp_path / "f.csv").write_text("id,n\n1,x\n2,y\n")
    reader = f'read() {{ "{sys.executable}" read.py "$@"; }}; '

    def line(shell: str) -> Ended:
        ended = subprocess.run(
            ["bash", "-c", reader + shell], cwd=tmp_path, stdout=subprocess.PIPE, timeout=60, check=True
        )
        return Ended(*json.loads(ended.stdout))

    return line


def test_a_pipe_is_read_to_its_end(run: Run) -> None:
    assert run("cat f.json | read 1 -") == (ROWS, "", True, [20, None])
    assert run("gzip < f.json | read 1 -")[:3] == (ROWS, "", True)
    ended = run("(echo id,n; for n in {1..9999}; do echo $n,; done) | gzip | read 1 f.csv -")
    assert (len(ended.rows), ended.rows[-1], ended.complete) == (10_001, ["stdin", 9_999, "9999"], True)


def test_a_file_may_be_stdin(run: Run) -> None:
    assert run("read 1 - < f.json") == (ROWS, "", True, [20, 20])
    assert run("read 1 f.csv - < f.json").rows == [["f.csv", 1, "1"], ["f.csv", 2, "2"], *ROWS]
    assert 'stdin: found the same file as "f.json"' in run("read 1 f.json - < f.json").error


def test_a_pipe_that_breaks_off_is_not_complete(run: Run) -> None:
    ended = run("head -c 12 f.json | read 1 -")
    assert ended.rows == ROWS[:1]
    assert ended.error.startswith("SourceBroke: stdin:2:2: found the end of the file")
    assert not ended.complete


def test_stdin_without_data_is_refused_with_what_to_do(run: Run) -> None:
    pipe_it_in = "Pipe the rows in: … | syncline run CONFIG -d -"
    for shell, found in {
        "read 1 - <&-": "a stdin that is closed",
        "read 1 - < /dev/null": "a device on stdin",
    }.items():
        ended = run(shell)
        assert ended.error.startswith(f"DataRefused: stdin: found {found}; expected CSV with a header")
        assert ended.error.endswith(pipe_it_in)
    assert "stdin:1:1: found an empty file" in run("true | read 1 -").error


def test_a_terminal_is_not_waited_for(run: Run, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        command = [sys.executable, "read.py", "1", "-"]
        ended = subprocess.run(
            command, cwd=tmp_path, stdin=theirs, stdout=subprocess.PIPE, start_new_session=True, timeout=60, check=True
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert "stdin: found a terminal; expected CSV" in Ended(*json.loads(ended.stdout)).error


def test_stdin_can_be_read_only_once(run: Run) -> None:
    ended = run("cat f.json | read 2 -")
    assert ended.rows == ROWS
    assert ended.error.startswith("DataRefused: stdin: found what was read once already")
    assert not ended.complete
    assert 'stdin: found the same file as "stdin"' in run("cat f.json | read 1 - -").error


def test_a_pipe_of_the_shell_is_read_like_a_file(run: Run) -> None:
    ended = run("read 1 <(cat f.csv) f.json <(gzip < f.csv | cat; )")
    assert [row[1:] for row in ended.rows] == [[1, "1"], [2, "2"], [1, 1], [2, 2], [1, "1"], [2, "2"]]
    assert str(ended.rows[0][0]).startswith("/dev/fd/")
    assert ended.complete
    assert ended.position[1] is None
    assert "found what was read once already" in run("read 2 <(cat f.csv)").error
    assert run("cat f.json | read 1 /dev/stdin").rows == [["/dev/stdin", 1, 1], ["/dev/stdin", 2, 2]]


def test_a_packed_pipe_that_breaks_off_is_not_complete(run: Run, tmp_path: Path) -> None:
    (tmp_path / "f.gz").write_bytes(gzip.compress(b'{"id":1}\n{"id":2}\n')[:-4])
    ended = run("cat f.gz | read 1 -")
    assert ended.rows == ROWS
    assert ended.error.startswith("SourceBroke: stdin (behind row 2): found gzip data that is cut short, expected its")
    assert not ended.complete
