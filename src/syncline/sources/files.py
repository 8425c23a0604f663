"""A file's path → its rows: JSON arrays and NDJSON of any size, streamed in blocks.

The file is looked at before it is opened and never waited for; if it is not the same file at the end, the read is void.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from syncline.errors import DataRefused, SourceBroke, printable
from syncline.model import Row
from syncline.sources.json_rows import EXPECTED, json_rows
from syncline.sources.place import Place, refused
from syncline.sources.reading import AS_FOUND, Reading

BLOCK_BYTES = 131_072

# Of a FIFO put in the file's place between look and open, a plain open would wait for a writer for ever.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_KINDS = (
    (stat.S_ISDIR, "a directory", "Name a file in it."),
    (stat.S_ISFIFO, "a named pipe", "Write what comes through it to a file first."),
    (stat.S_ISSOCK, "a socket", "Write what comes through it to a file first."),
)


class FileSource:
    """The rows of one file. A row's values point into the block it came from: keep a row, and its block is kept.

    files: as they are called in messages and in each row's `ref`; relative ones begin at `directory`.
    """

    def __init__(self, files: Sequence[str | Path], reading: Reading = AS_FOUND, directory: Path | None = None) -> None:
        self._path = (directory or Path()) / files[0]
        self._name = printable(str(files[0]))
        self._complete = False
        self._read_bytes = 0
        self._total_bytes: int | None = None

    @property
    def complete(self) -> bool:
        """Was the file read to its end, without a break?"""
        return self._complete

    def position(self) -> tuple[int, int | None]:
        """Bytes read, and bytes in all where the file has been opened. May be asked from another thread."""
        return self._read_bytes, self._total_bytes

    def chunks(self) -> Iterator[Sequence[Row]]:
        """Rows in order, a block's worth a chunk. Raises `DataRefused` before the first row, `SourceBroke` after it."""
        self._complete, self._read_bytes = False, 0
        file = self._open()
        rows = 0
        try:
            before = os.fstat(file)
            self._total_bytes = before.st_size
            try:
                for chunk in json_rows(self._name, self._blocks(file)):
                    rows += len(chunk)
                    yield chunk
            except OSError as error:
                raise self._broken(rows, f"a read that failed ({error.strerror})", "a disk that answers") from error
            except (DataRefused, SourceBroke):
                self._check_unchanged(file, before, rows)  # the better explanation, where it is one
                raise
            self._check_unchanged(file, before, rows)
            self._complete = True
        finally:
            os.close(file)

    def _open(self) -> int:
        try:
            self._check_kind(os.stat(self._path).st_mode)
            file = os.open(self._path, _FLAGS)
        except FileNotFoundError:
            raise self._refused("no such file", "a file", "Check the path; it is relative to where you are.") from None
        except PermissionError:
            raise self._refused(
                "a file that may not be read", "a readable file", "Check who may read it: ls -l"
            ) from None
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            why = error.strerror if isinstance(error, OSError) else "not a path"
            raise self._refused(f"a path that cannot be opened ({why})", "a file", "Check the path.") from None
        try:
            self._check_kind(os.fstat(file).st_mode)
        except DataRefused:
            os.close(file)
            raise
        return file

    def _check_kind(self, mode: int) -> None:
        for is_kind, found, fix in _KINDS:
            if is_kind(mode):
                raise self._refused(found, "a file", fix)
        if not stat.S_ISREG(mode):
            raise self._refused("a device", "a file", "Write what comes from it to a file first.")

    def _blocks(self, file: int) -> Iterator[bytes]:
        while block := os.read(file, BLOCK_BYTES):
            self._read_bytes += len(block)
            yield block

    def _check_unchanged(self, file: int, before: os.stat_result, rows: int) -> None:
        """Compare with what was opened, both what is open and what stands under the name by now."""
        try:
            same = _mark(before) == _mark(os.fstat(file)) == _mark(os.stat(self._path))
        except OSError:
            same = False
        if not same:
            raise self._broken(rows, "another file than was opened: it changed while it was read", "a file at rest")

    def _broken(self, rows: int, found: str, expected: str) -> SourceBroke | DataRefused:
        if rows:
            return SourceBroke(f"{self._name}: found {found}, expected {expected}")
        return self._refused(found, expected, "Run again when nothing writes to it.")

    def _refused(self, found: str, expected: str, fix: str) -> DataRefused:
        return refused(
            self._name, Place(0, 0), found, expected if expected != "a file" else f"a file with {EXPECTED}", fix
        )


def _mark(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
