"""A file that was found → its bytes in blocks; and whether it is still the file that was found."""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress

from syncline.sources.found import OPEN_FLAGS, STDIN, Found
from syncline.sources.place import NOWHERE, Flaw

BLOCK_BYTES = 131_072

_LOOKS_UP_EVERY_MS = 250  # from a pipe that has nothing

_LATER = "Run again when nothing writes to it."


class Opened:
    """A file, open while it is entered. Raises `Flaw`, also where it is another file by now.

    waiting: called again and again while a pipe has nothing, and before each read of it; what it raises ends the wait.
    """

    def __init__(self, file: Found, waiting: Callable[[], None]) -> None:
        self._file, self._waiting = file, waiting
        self._handle = STDIN

    def __enter__(self) -> Opened:
        if self._file.path is not None:
            try:
                self._handle = os.open(self._file.path, OPEN_FLAGS)
            except OSError:
                raise _changed() from None
        if _mark(os.fstat(self._handle)) != _mark(self._file.status):  # it may even be a pipe that nobody writes to
            self.__exit__()
            raise _changed()
        return self

    def __exit__(self, *_: object) -> None:
        if self._file.path is not None:
            os.close(self._handle)

    def blocks(self) -> Iterator[bytes]:
        """Its bytes, as they come."""
        try:
            while block := self._read():
                yield block
        except OSError as error:
            found = f"a read that failed ({error.strerror})"
            raise Flaw(found, "a file that can be read to its end", NOWHERE, "Run again.") from error

    def check_unchanged(self) -> None:
        """Compares with what was found: what is open, and what stands under the name by now."""
        if not self._file.is_regular:
            return
        try:
            statuses = [os.fstat(self._handle), *([os.stat(self._file.path)] if self._file.path else [])]
        except OSError:
            raise _changed() from None
        if any(_mark(status) != _mark(self._file.status) for status in statuses):
            raise _changed()

    def _read(self) -> bytes:
        if self._file.is_regular:
            return os.read(self._handle, BLOCK_BYTES)
        while True:
            self._await()
            with suppress(BlockingIOError):  # a pipe that another process, or we, made non-blocking; and it was quicker
                return os.read(self._handle, BLOCK_BYTES)

    def _await(self) -> None:
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        self._waiting()
        while not poll.poll(_LOOKS_UP_EVERY_MS):
            self._waiting()


def _changed() -> Flaw:
    found = "another file than was found at first: it changed while it was read"
    return Flaw(found, "a file at rest", NOWHERE, _LATER)


def _mark(status: os.stat_result) -> tuple[int, ...]:
    identity = (status.st_dev, status.st_ino)
    return (*identity, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else identity
