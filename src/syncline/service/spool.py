"""Where uploads are kept until they are planned: private files of random names, in a private folder."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from syncline.errors import Refusal
from syncline.service.heads import too_large
from syncline.service.limits import Limits
from syncline.service.refused import UploadRefused

Free = Callable[[Path], int]  # the bytes that are free where a folder is

_BUFFER_BYTES = 131_072
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# A name's ending ends doubts about what is in a file (sources/formats.py). These are all that is ever kept of a name.
_ENDING = re.compile(r"(\.(?:json|ndjson|jsonl|csv|tsv|tab))(?:\.gz)?$", re.IGNORECASE)


class Received(NamedTuple):
    """A part. filename: as it was sent, for messages and for the name of the sync; digest: SHA-256 of what is in it."""

    path: Path
    filename: str
    bytes: int
    digest: str


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


class Spool:
    """The files of one upload. Leaving it deletes them, unless they are `kept`."""

    def __init__(self, folder: Path, limits: Limits, free: Free) -> None:
        self._folder, self._limits, self._free = folder, limits, free
        self._open: _Writing | None = None
        self._done: list[Received] = []
        self._is_kept = False
        self._unlooked = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_kept:
            return
        if self._open is not None:
            with suppress(OSError):  # what is in its buffer may have no room
                self._open.file.close()
            self._open.path.unlink(missing_ok=True)
        for part in self._done:
            part.path.unlink(missing_ok=True)

    def look(self, expected: int = 0) -> None:
        """Is there room for so much more? Raises `UploadRefused`: a full disk would stop runs that are at work."""
        self._unlooked = 0
        with _told():
            free = self._free(self._folder)
        if free < expected + self._limits.spare_bytes:
            raise _no_room()

    def begin(self, filename: str) -> None:
        """A part begins, and the one before it is whole."""
        with _told():
            self._end()
            self._open = _Writing(self._folder, filename)

    def write(self, piece: bytes) -> None:
        """More of this part. Raises `UploadRefused`."""
        assert self._open is not None
        if self._open.bytes + len(piece) > self._limits.part_bytes:
            raise too_large(f"a file of more than {self._limits.part_bytes:,} bytes", self._limits)
        with _told():
            self._open.write(piece)
        self._unlooked += len(piece)
        if self._unlooked >= self._limits.look_every_bytes:
            self.look()

    @property
    def parts(self) -> int:
        return len(self._done) + (self._open is not None)

    def kept(self) -> tuple[Received, ...]:
        """All parts, which are somebody else's to delete from now on."""
        with _told():
            self._end()
        self._is_kept = True
        return tuple(self._done)

    def _end(self) -> None:
        if self._open is not None:
            self._done.append(self._open.received())
            self._open = None


class _Writing:
    """A file that is being written, which nobody else can have made or can read."""

    def __init__(self, folder: Path, filename: str) -> None:
        ending = _ENDING.search(filename)
        self.filename, self.bytes = filename, 0
        self.path = folder / (secrets.token_hex(16) + (ending[1].lower() if ending else ""))
        self.file = os.fdopen(os.open(self.path, _FLAGS, 0o600), "wb", buffering=_BUFFER_BYTES)
        self._digest = hashlib.sha256()

    def write(self, piece: bytes) -> None:
        self.file.write(piece)
        self._digest.update(piece)
        self.bytes += len(piece)

    def received(self) -> Received:
        self.file.close()
        return Received(self.path, self.filename, self.bytes, self._digest.hexdigest())


@contextmanager
def _told() -> Iterator[None]:
    """What a disk can do to an upload, as a refusal."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise _no_room() from error
        found = f"an upload that cannot be kept ({error.strerror})"
        raise UploadRefused(503, found, "a disk that takes it", "Tell whoever runs the service.") from error


def _no_room() -> UploadRefused:
    fix = "Try again later, or tell whoever runs the service: its disk is full."
    return UploadRefused(507, "no room for the upload", "free space on the service's disk", fix)


@contextmanager
def private_folder(parent: Path) -> Iterator[Path]:
    """A folder for uploads in `parent`, which is one service's alone; gone when it is left, and whatever a service that
    died left in it is deleted first. Raises `Refusal`."""
    folder = parent / "uploads"
    try:
        if os.path.lexists(folder):
            shutil.rmtree(folder)
        folder.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise Refusal(f"uploads cannot be kept in {folder}: {error.strerror or 'a link'}; move it away") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
