"""What a process wrote → what a disk may hold of it after a power cut.

A write is certain once the file it went to has been synced; until then any part of it may be there or not, in sectors
of 512 bytes and in any order. A name in a folder is certain once the folder or any file has been synced after it was
made (journalling file systems commit names in their order); what is in a file goes with it when it is renamed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import NamedTuple

from syscalls import LET, Act, Call

SECTOR = 512
Disk = Mapping[str, bytes]  # name → content
_KEPT = (".db", ".db-wal", ".db-journal", ".new")


class Moment(NamedTuple):
    """certain: what is there whatever happens; seen: all that the process has written; synced: what is certain of
    each file seen, by the name it has now; at_peace: it speaks to somebody, so it takes what it wrote for recorded."""

    certain: Disk
    seen: Disk
    synced: Disk
    at_peace: bool


class Recorder:
    """A judge that lets everything happen, and notes the ledger's files before each call that touches them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[str, int] = {}  # certain: name → file
        self._contents: dict[int, bytes] = {}  # certain: file → content
        self._synced: str | None = None
        self.moments: list[Moment] = []
        self._note(first=True)

    def __call__(self, call: Call) -> Act:
        if "/.syncline" in call.path:
            self._note()
            self._synced = Path(call.path).name if call.name in {"fsync", "fdatasync"} else None
        elif call.path.startswith("socket:") and call.kind == "send":
            self._note(at_peace=True)
            self._synced = None
        return LET

    def _note(self, *, first: bool = False, at_peace: bool = False) -> None:
        """The call before has happened by now. What was there from the first is certain."""
        paths = [path for path in self._folder.glob("*/*") if path.name.endswith(_KEPT)]
        names = {path.name: path.stat().st_ino for path in paths}
        seen = {path.name: path.read_bytes() for path in paths}
        if first or self._synced is not None:
            self._names = names
            certain = {name: content for name, content in seen.items() if first or name == self._synced}
            self._contents |= {names[name]: content for name, content in certain.items()}
        held = {name: self._contents.get(file, b"") for name, file in self._names.items()}
        synced = {name: self._contents.get(file, b"") for name, file in names.items()}
        moment = Moment(held, seen, synced, at_peace)
        if not self.moments or self.moments[-1] != moment:
            self.moments.append(moment)


def cuts(moment: Moment, chance: Random, some: int) -> Iterator[Disk]:
    """Disks that a power cut at this moment may leave: without what is uncertain, with all of it, and with parts."""
    yield moment.certain
    yield moment.seen
    for _ in range(some):
        yield {name: _torn(moment.synced[name], content, chance) for name, content in moment.seen.items()}


def _torn(certain: bytes, seen: bytes, chance: Random) -> bytes:
    """Sector by sector, the old or the new; and of a file that grew, as much as had been added by then."""
    length = len(seen) if len(seen) <= len(certain) else chance.randrange(len(certain), len(seen) + 1)
    share = chance.random()
    sectors = []
    for at in range(0, length, SECTOR):
        old, new = certain[at : at + SECTOR].ljust(SECTOR, b"\0"), seen[at : at + SECTOR].ljust(SECTOR, b"\0")
        sectors.append(new if chance.random() < share else old)
    return b"".join(sectors)[:length]
