"""A state that is kept in a file: whole or as it was before, readable by nobody else, and never far behind."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

EVERY_S = 5.0
_SHARE = 20  # saving takes at most a twentieth of the time, however large the state has grown

T = TypeVar("T", bound=Struct)


class StateError(Exception):
    """The state cannot be used. Says why, and what to do."""


class _Header(Struct):
    emulator: str
    format: int


def read(document: bytes, shape: type[T], emulator: str, version: int) -> T:
    """A document that begins as `{"emulator": …, "format": …}` → its state. Raises StateError."""
    try:
        header = msgspec.json.decode(document, type=_Header)
        if (header.emulator, header.format) != (emulator, version):
            raise StateError(f"it is of {header.emulator} in format {header.format}; expected {emulator} in {version}")
        return msgspec.json.decode(document, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateError(f"it is no state of an emulator: {error}") from None


class Keeper:
    """dump: the state, as it is to be written; version: something that differs whenever the state does."""

    def __init__(
        self, path: Path, dump: Callable[[], bytes], version: Callable[[], object], clock: Callable[[], float]
    ) -> None:
        self._path, self._dump, self._version, self._clock = path, dump, version, clock
        self._saved = version()
        self._due = clock() + EVERY_S

    def tick(self) -> None:
        """Saves what has changed, when it is time. Raises OSError, and tries again when it is time again."""
        began = self._clock()
        if began < self._due or self._version() == self._saved:
            return
        try:
            self.save()
        finally:
            ended = self._clock()
            self._due = ended + max(EVERY_S, (ended - began) * _SHARE)

    def save(self) -> None:
        """Replaces the file. Raises OSError; then the file is as it was."""
        version = self._version()
        write(self._path, self._dump())
        self._saved = version


def write(path: Path, content: bytes) -> None:
    """Writes beside the file, mode 0600, and puts it in its place."""
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
