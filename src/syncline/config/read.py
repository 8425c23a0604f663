"""A file beside a sync → its text. Says plainly what is wrong with one that cannot be read; never waits for a FIFO."""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from syncline.config.parse import Unreadable
from syncline.config.places import Place

MAX_BYTES = 1_000_000
_NOWHERE: Place = (0, 0)


class Wanted(NamedTuple):
    """What a file was to be; what to do when it is missing; what to do when it is too large to be that."""

    kind: str
    if_missing: str
    if_large: str


CONFIGURATION = Wanted(
    "a configuration file",
    "Check the path; `syncline init` writes one to start from.",
    "If this is the data, give it with -d; the configuration is the file with userId and mappings.",
)
VARIABLES = Wanted(
    "a file of NAME=value lines",
    "Check the path; it is relative to where you are.",
    "Name the file that has the variables.",
)
PYTHON = Wanted(
    "a Python file",
    "Check the path; it is relative to the configuration.",
    "Put the function into a file of its own, and import the rest.",
)


class Text(NamedTuple):
    """A file's text, and the permission bits of the file it was read from (a symbolic link's target)."""

    text: str
    mode: int


class Missing(Unreadable):
    """There is no such file."""


class NotUtf8(Unreadable):
    """A byte of the file's is not UTF-8. lenient: the text, in which each such byte is half a surrogate pair."""

    def __init__(self, place: Place, found: str, lenient: str) -> None:
        self.lenient = lenient
        super().__init__(place, found, "UTF-8", "Save the file as UTF-8.")


def read(path: Path, wanted: Wanted = CONFIGURATION, decode: Callable[[bytes], str] | None = None) -> Text:
    """Read a small text file. decode: what makes text of it, as `decoded` does. Raises Unreadable."""
    try:
        _refuse_unless_file(path.stat(), wanted)
        # O_NONBLOCK: should a FIFO have taken the file's place since, opening it must not wait for a writer.
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as file:
            status = os.fstat(file.fileno())
            _refuse_unless_file(status, wanted)
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _unopened(error, wanted) from None
    if len(content) > MAX_BYTES:
        raise _too_large(status.st_size, wanted)
    return Text((decode or decoded)(content), stat.S_IMODE(status.st_mode))


def is_empty(text: str) -> bool:
    """Nothing but white space and YAML comments."""
    return all(not line.strip() or line.lstrip().startswith("#") for line in text.splitlines())


def _refuse_unless_file(status: os.stat_result, wanted: Wanted) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise Unreadable(_NOWHERE, "a directory", wanted.kind, "Name the file in it.")
    if not stat.S_ISREG(status.st_mode):
        kind = "a FIFO (named pipe)" if stat.S_ISFIFO(status.st_mode) else "a device or socket"
        raise Unreadable(_NOWHERE, kind, wanted.kind, "Write its content to a file first.")
    if status.st_size > MAX_BYTES:
        raise _too_large(status.st_size, wanted)


def _too_large(size: int, wanted: Wanted) -> Unreadable:
    return Unreadable(
        _NOWHERE, f"a file of {size:,} bytes", f"{wanted.kind} of at most {MAX_BYTES:,} bytes", wanted.if_large
    )


def _unopened(error: Exception, wanted: Wanted) -> Unreadable:
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return Missing(_NOWHERE, "no such file", wanted.kind, wanted.if_missing)
    if isinstance(error, PermissionError):
        return Unreadable(
            _NOWHERE, "a file that may not be read", "a file this user may read", "Change its owner, or chmod u+r."
        )
    reason = error.strerror if isinstance(error, OSError) else "not a path"
    return Unreadable(_NOWHERE, f"a file that cannot be opened ({reason})", wanted.kind, "Check the path.")


def decoded(content: bytes) -> str:
    """UTF-8, with or without its mark: guessing another encoding would turn names into others. Raises Unreadable."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in content[:4]:
        raise Unreadable((1, 1), "text in UTF-16 or UTF-32", "UTF-8", "Save the file as UTF-8.")
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        place = (before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        found = f"the byte 0x{content[error.start]:02x}, which is not UTF-8"
        raise NotUtf8(place, found, content.decode(errors="surrogateescape")) from None
