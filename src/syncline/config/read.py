"""A configuration file → its text. Says plainly what is wrong with a file that is none; never waits for a FIFO."""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path
from typing import NamedTuple

from syncline.config.parse import Unreadable
from syncline.config.places import Place

MAX_BYTES = 1_000_000
_NOWHERE: Place = (0, 0)


class Text(NamedTuple):
    """A file's text, and the permission bits of the file it was read from (a symbolic link's target)."""

    text: str
    mode: int


def read(path: Path) -> Text:
    """Read a configuration file. Raises Unreadable."""
    try:
        _refuse_unless_file(path.stat())
        # O_NONBLOCK: should a FIFO have taken the file's place since, opening it must not wait for a writer.
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as file:
            status = os.fstat(file.fileno())
            _refuse_unless_file(status)
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _unopened(error) from None
    if len(content) > MAX_BYTES:
        raise _too_large(status.st_size)
    return Text(_decode(content), stat.S_IMODE(status.st_mode))


def is_empty(text: str) -> bool:
    """Nothing but white space and YAML comments."""
    return all(not line.strip() or line.lstrip().startswith("#") for line in text.splitlines())


def _refuse_unless_file(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise Unreadable(_NOWHERE, "a directory", "a configuration file", "Name the file in it.")
    if not stat.S_ISREG(status.st_mode):
        kind = "a FIFO (named pipe)" if stat.S_ISFIFO(status.st_mode) else "a device or socket"
        raise Unreadable(
            _NOWHERE,
            kind,
            "a configuration file",
            "Write the configuration to a file; credentials can be ${VARIABLES}.",
        )
    if status.st_size > MAX_BYTES:
        raise _too_large(status.st_size)


def _too_large(size: int) -> Unreadable:
    fix = "If this is the data, give it with -d; the configuration is the file with userId and mappings."
    return Unreadable(_NOWHERE, f"a file of {size:,} bytes", f"a configuration of at most {MAX_BYTES:,} bytes", fix)


def _unopened(error: Exception) -> Unreadable:
    expected = "a configuration file"
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return Unreadable(
            _NOWHERE, "no such file", expected, "Check the path; `syncline init` writes one to start from."
        )
    if isinstance(error, PermissionError):
        return Unreadable(
            _NOWHERE, "a file that may not be read", "a file this user may read", "Change its owner, or chmod u+r."
        )
    reason = error.strerror if isinstance(error, OSError) else "not a path"
    return Unreadable(_NOWHERE, f"a file that cannot be opened ({reason})", expected, "Check the path.")


def _decode(content: bytes) -> str:
    """UTF-8, with or without its mark. Guessing another encoding would turn names into other names."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in content[:4]:
        raise Unreadable((1, 1), "text in UTF-16 or UTF-32", "UTF-8", "Save the file as UTF-8.")
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        place = (before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        found = f"the byte 0x{content[error.start]:02x}, which is not UTF-8"
        raise Unreadable(place, found, "UTF-8", "Save the file as UTF-8.") from None
