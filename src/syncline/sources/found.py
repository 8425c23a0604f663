"""Names as somebody wrote them (paths, glob patterns, `-`) → the files they mean, each looked at, and none twice.

All that can cheaply be known before the first row is known here: what is missing, unreadable, empty or no file at all.
"""

from __future__ import annotations

import glob
import os
import re
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from syncline.errors import DataRefused, Problem, printable
from syncline.sources.place import NOWHERE, Flaw, Place, problem
from syncline.sources.reading import EMPTY, ROWS

STDIN = 0
# Of a FIFO put in the file's place between look and open, a plain open would wait for a writer for ever.
OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

_FILE = f"a file with {ROWS}"
_PIPE_IN = "Pipe the rows in: … | syncline run CONFIG -d -"
_WRITE_IT = "Write what comes through it to a file first."
_KINDS = (
    (stat.S_ISFIFO, "a named pipe", _WRITE_IT),
    (stat.S_ISSOCK, "a socket", _WRITE_IT),
    (stat.S_ISCHR, "a device", _WRITE_IT),
    (stat.S_ISBLK, "a device", _WRITE_IT),
)
_PATTERN = re.compile(r"[*?[]")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+:)/{1,2}(?:[^/?#]*@)?([^/?#]*)")
_OPEN_PIPE = re.compile(r"/dev/stdin|(?:/dev|/proc/self)/fd/[0-9]+")  # `<(…)` of a shell is one: somebody writes to it


class Found(NamedTuple):
    """A file. name: as it is called in messages and rows; path: None for stdin; bytes: how many are to be read, where
    that is known; status: what it was when it was found."""

    name: str
    path: Path | None
    bytes: int | None
    status: os.stat_result

    @property
    def is_regular(self) -> bool:
        """Does it stay as it is when it is read?"""
        return stat.S_ISREG(self.status.st_mode)


def find(files: Iterable[str | Path], directory: Path) -> list[Found]:
    """The files in order, those of a pattern by name; relative ones begin at `directory`. Raises `DataRefused`."""
    found: list[Found] = []
    problems: list[Problem] = []
    seen: dict[tuple[int, int], str] = {}
    for written in map(str, files):
        try:
            names = _meant(written, directory)
        except Flaw as flaw:
            names, problems = [], [*problems, problem(_shown(written), flaw)]
        for name in names:
            try:
                found.append(_once(_look(name, directory), seen))
            except Flaw as flaw:
                problems.append(problem(_shown(name), flaw))
    if problems:
        raise DataRefused(problems)
    return found


def _meant(written: str, directory: Path) -> list[str]:
    """The names that a pattern fits, or the name itself: what is there by that very name is no pattern."""
    if written == "-" or os.path.lexists(directory / written):
        return [written]
    if _URL.match(written):
        fix = "Download it first, or pipe it in: curl -fsS URL | syncline run CONFIG -d -"
        raise Flaw("a URL", _FILE, NOWHERE, fix)
    if not _PATTERN.search(written):
        return [written]
    try:
        names = sorted(glob.glob(written, root_dir=directory, recursive=True))
    except ValueError:  # a NUL in it
        names = []
    if names := [name for name in names if not (directory / name).is_dir()]:
        return names
    raise Flaw("no file that fits this pattern", _FILE, NOWHERE, _check_it(directory))


def _check_it(directory: Path) -> str:
    begin = "where you are" if directory == Path() else f"in {printable(str(directory))}"
    return f"Check it; what is relative begins {begin}."


def _shown(name: str) -> str:
    """The name in messages. A URL may hold a credential, so only its beginning is shown."""
    url = _URL.match(name)
    return printable(f"{url[1]}//{url[2]}/…" if url else "stdin" if name == "-" else name)


def _once(file: Found, seen: dict[tuple[int, int], str]) -> Found:
    """The file; its rows must not be read twice under two names."""
    identity = file.status.st_dev, file.status.st_ino
    if identity in seen:
        raise Flaw(f'the same file as "{seen[identity]}"', "each file once", NOWHERE, "Name it once.")
    seen[identity] = file.name
    return file


def _look(name: str, directory: Path) -> Found:
    if name == "-":
        return _look_at_stdin()
    path = directory / name
    try:
        status = os.stat(path)
        _check_kind(status.st_mode, name)
        if stat.S_ISREG(status.st_mode):
            _check_readable(path, status)
    except FileNotFoundError:
        raise Flaw("no such file", _FILE, NOWHERE, _check_it(directory)) from None
    except PermissionError:
        raise Flaw("a file that may not be read", _FILE, NOWHERE, "Check who may read it: ls -l") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        why = error.strerror if isinstance(error, OSError) else "not a path"
        raise Flaw(f"a path that cannot be opened ({why})", _FILE, NOWHERE, "Check the path.") from None
    size = status.st_size if stat.S_ISREG(status.st_mode) else None
    return Found(printable(name), path, size, status)


def _check_kind(mode: int, name: str) -> None:
    if stat.S_ISDIR(mode):
        raise Flaw("a directory", _FILE, NOWHERE, f"Name the files in it: {printable(name.rstrip('/'))}/*.json")
    if stat.S_ISFIFO(mode) and _OPEN_PIPE.fullmatch(name):
        return
    for is_kind, found, fix in _KINDS:
        if is_kind(mode):
            raise Flaw(found, _FILE, NOWHERE, fix)


def _check_readable(path: Path, status: os.stat_result) -> None:
    """Raises unless the file can be opened and holds something."""
    file = os.open(path, OPEN_FLAGS)
    try:
        if status.st_size == 0 and stat.S_ISREG(os.fstat(file).st_mode):
            if os.read(file, 1):
                raise Flaw("a file of the system's that has no size", _FILE, NOWHERE, _WRITE_IT)
            raise Flaw("an empty file", ROWS, Place(), EMPTY)
    finally:
        os.close(file)


def _look_at_stdin() -> Found:
    if sys.__stdin__ is None:  # whatever has the number of stdin by now is none of ours
        raise Flaw("a stdin that is closed", ROWS, NOWHERE, _PIPE_IN)
    try:
        status = os.fstat(STDIN)
        if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
            raise Flaw("a terminal" if os.isatty(STDIN) else "a device on stdin", ROWS, NOWHERE, _PIPE_IN)
        is_file = stat.S_ISREG(status.st_mode)
        size = max(0, status.st_size - os.lseek(STDIN, 0, os.SEEK_CUR)) if is_file else None
    except OSError as error:
        raise Flaw(f"a stdin that cannot be read ({error.strerror})", ROWS, NOWHERE, _PIPE_IN) from None
    return Found("stdin", None, size, status)
