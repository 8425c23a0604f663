"""A file of identifiers, one a line → pages of them. The file is closed between pages; memory does not grow with it."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from syncline.errors import DataRefused, Found, Problem, SourceBroke, printable
from syncline.model import Page
from syncline.sources.found import OPEN_FLAGS
from syncline.sources.place import NOWHERE, Flaw, Place, problem

LINE_BYTES = 2_000  # Segment takes at most 500 characters for a group id, and says nothing of others
PROBLEMS = 100  # bad lines that are named one by one

_ONE = "an identifier with its type, such as user_id:42 or email:ada@example.com, or a segment id (use_…)"
_EACH = "identifiers, one a line, such as user_id:42 or email:ada@example.com"
_MARK = b"\xef\xbb\xbf"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_TYPED = re.compile(r"[^:]+:.+|use_\S+")


class IdentifierFile:
    """Checked as a whole when it is made: raises `DataRefused` with all its bad lines.

    Blank lines, and those that begin with #, are skipped, as are blanks around an identifier.
    """

    def __init__(self, written: str, directory: Path) -> None:
        self._name, self._path = printable(written), directory / written
        try:
            with self._opened() as file:
                self._was = _identity(file)
                self._sum = hashlib.blake2b(digest_size=8)
                problems = self._problems(file)
        except Flaw as flaw:
            problems = [problem(self._name, flaw)]
        if problems:
            raise DataRefused(problems)

    @property
    def digest(self) -> str:
        """Of what the file holds: a place in it means something in this very list only."""
        return self._sum.hexdigest()

    def page(self, cursor: str, items: int) -> Page:
        """The next identifiers from that byte on. Raises `SourceBroke` where it is another file by now."""
        try:
            with self._opened() as file:
                size = self._go_to(file, int(cursor))
                refs: list[str] = []
                for line in _lines(file):
                    refs += filter(None, [_identifier(line)])
                    if len(refs) == items:
                        break
                return Page(refs, str(file.tell()) if file.tell() < size else "")
        except Flaw as flaw:
            raise SourceBroke(f"{self._name}: {flaw}. {flaw.fix}") from None

    def _opened(self) -> BinaryIO:
        """Raises `Flaw` where there is no such file to be read."""
        try:
            handle = os.open(self._path, OPEN_FLAGS)
        except FileNotFoundError:
            fix = "Check `profiles`; what is relative begins where the configuration is."
            raise Flaw("no such file", _EACH, NOWHERE, fix) from None
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            why = error.strerror if isinstance(error, OSError) else "not a path"
            raise Flaw(f"a file that cannot be opened ({why})", _EACH, NOWHERE, "Check `profiles`.") from None
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise Flaw("what is no plain file", _EACH, NOWHERE, "Write the identifiers to a file first.")
        return os.fdopen(handle, "rb")

    def _problems(self, file: BinaryIO) -> list[Problem]:
        problems: list[Problem] = []
        identifiers = unnamed = 0
        for number, line in enumerate(_lines(file), start=1):
            self._sum.update(line)
            try:
                identifiers += _identifier(line) != ""
            except Flaw as flaw:
                flaw.place = Place(number, 0)
                if len(problems) < PROBLEMS:
                    problems.append(problem(self._name, flaw))
                else:
                    unnamed += 1
        if unnamed:
            problems.append(Found(self._name, 0, 0, f"{unnamed:,} more such lines", _EACH, ""))
        if not identifiers and not problems:
            raise Flaw("no identifier", _EACH, NOWHERE, "Was the export finished?")
        return problems

    def _go_to(self, file: BinaryIO, offset: int) -> int:
        """To the beginning of a line; gives the size. A run that goes on may find that somebody edited the file."""
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, offset - 1))
        if _identity(file) != self._was or (offset and file.read(1) != b"\n"):
            fix = "Run again from its beginning, without --resume."
            raise Flaw("another file than was read before: it has changed", "a file at rest", NOWHERE, fix)
        return size


def _identity(file: BinaryIO) -> tuple[int, ...]:
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """From where the file stands; of one that is too long, its beginning. A byte order mark is no part of the first."""
    at_start = file.tell() == 0
    while line := _part(file):
        part = line
        while part and not part.endswith(b"\n"):
            part = _part(file)
        yield line.removeprefix(_MARK) if at_start else line
        at_start = False


def _part(file: BinaryIO) -> bytes:
    """A line, or as much of it as may be one."""
    try:
        return file.readline(LINE_BYTES + 1)
    except OSError as error:
        raise Flaw(f"a read that failed ({error.strerror})", _EACH, NOWHERE, "Run again.") from error


def _identifier(line: bytes) -> str:
    """Empty where the line holds none. Raises `Flaw`."""
    if len(line.rstrip(b"\r\n")) > LINE_BYTES:
        raise Flaw(f"a line of over {LINE_BYTES:,} bytes", _ONE, fix="Write one identifier a line.")
    try:
        text = line.decode().strip()
    except UnicodeDecodeError as error:
        found = f"the byte 0x{line[error.start]:02X}, which is not UTF-8"
        raise Flaw(found, "UTF-8", fix="Save the file as UTF-8.") from None
    if not text or text.startswith("#"):
        return ""
    if _CONTROL.search(text) or not _TYPED.fullmatch(text):
        fix = "Write the type of each identifier before it, and a colon between."
        raise Flaw(f'"{printable(text)[:40]}"', _ONE, fix=fix)
    return text
