"""Files, as somebody named them → their rows, one file after the other, in chunks; memory does not grow with them.

What cannot be read is refused before the first row where that can be known, and breaks the source after it; gzip data
that is damaged is refused wherever that shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from syncline.errors import DataRefused, SourceBroke
from syncline.model import Row
from syncline.sources.formats import read_rows
from syncline.sources.found import Found, find
from syncline.sources.opened import Opened
from syncline.sources.place import Damaged, Flaw, stopped
from syncline.sources.reading import AS_FOUND, Reading, check


class FileSource:
    """The rows of files. A row's values point into the block it came from: keep a row, and its block is kept.

    files: paths, glob patterns (`data/*.csv`, `**`) and `-` for stdin, as they are called in messages and in each row's
    `ref`; relative ones begin at `directory`. Rows are numbered from 1 in each file. A pipe can be read only once.
    waiting: called while a pipe has nothing to read; what it raises ends the reading.
    """

    def __init__(
        self,
        files: Sequence[str | Path],
        reading: Reading = AS_FOUND,
        directory: Path | None = None,
        waiting: Callable[[], None] = lambda: None,
    ) -> None:
        self._files, self._reading, self._directory = tuple(files), reading, directory or Path()
        self._waiting = waiting
        self._complete = self._is_spent = False
        self._read_bytes = 0
        self._total_bytes: int | None = None

    @property
    def complete(self) -> bool:
        """Were all files read to their ends, without a break?"""
        return self._complete

    def position(self) -> tuple[int, int | None]:
        """Bytes read, and bytes in all where that is known, as they are on the disk. Another thread may ask."""
        return self._read_bytes, self._total_bytes

    def chunks(self) -> Iterator[Sequence[Row]]:
        """Rows in order, a block's worth a chunk. Raises `DataRefused` before the first row, `SourceBroke` after it;
        `DataRefused` also after it, where the rows before cannot be trusted."""
        self._complete, self._read_bytes = False, 0
        files = self._find()
        rows = 0
        for index, file in enumerate(files):
            row = 0
            try:
                for chunk in self._chunks(file):
                    rows, row = rows + len(chunk), row + len(chunk)
                    yield chunk
            except Flaw as flaw:
                raise _ended(stopped(file.name, flaw, rows, row), files[index + 1 :]) from flaw
        self._complete = True

    def _find(self) -> list[Found]:
        try:
            check(self._reading)
            if not self._files:
                raise Flaw("no files", "at least one", fix="Name one.")
        except Flaw as flaw:
            raise stopped("source", flaw, 0) from None
        files = find(self._files, self._directory)
        self._spend([file.name for file in files if file.path is None or not file.is_regular])
        sizes = [file.bytes for file in files if file.bytes is not None]
        self._total_bytes = sum(sizes) if len(sizes) == len(files) else None
        return files

    def _spend(self, streams: Sequence[str]) -> None:
        if streams and self._is_spent:
            again = Flaw("what was read once already", "what can be read again", fix="Write it to a file first.")
            raise stopped(streams[0], again, 0)
        self._is_spent = bool(streams)

    def _chunks(self, file: Found) -> Iterator[list[Row]]:
        with Opened(file, self._waiting) as opened:
            try:
                yield from read_rows(file.name, self._count(opened.blocks()), self._reading)
            except Damaged:
                raise
            except Flaw:
                opened.check_unchanged()  # the better explanation, where it is one
                raise
            opened.check_unchanged()

    def _count(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        for block in blocks:
            self._read_bytes += len(block)
            yield block


def _ended(error: SourceBroke | DataRefused, unread: Sequence[Found]) -> SourceBroke | DataRefused:
    """What also goes unread, where rows before stand."""
    if not unread or isinstance(error, DataRefused):
        return error
    others = f" and {len(unread) - 1} more" if len(unread) > 1 else ""
    return SourceBroke(f"{error} ({unread[0].name}{others} not read)")
