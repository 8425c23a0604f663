"""One way, ready to be tried: its vendors behind their doors, a folder for each trial, and the processes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from crashes.door import Open, Sent
from crashes.story import How
from crashes.ways import Row, Way, rows
from syncline.history import history
from syscalls import Ended, Judge, Nursery, let_all
from syscalls.table import TABLE

_CONFIGURATION = "configuration.json"
_READS = ("pread64",)  # of files alone, and nobody is to die there
_WATCHED = tuple(name for name in TABLE if name not in _READS)


class Scene:
    """`home`: where each trial has a folder. `begin` makes everything as if nothing had ever happened."""

    def __init__(self, way: Way, nursery: Nursery, home: Path) -> None:
        self.way, self._nursery, self._home = way, nursery, home
        self.vendor = Open(way.vendor())
        self._source = Open(way.source(0)) if way.source is not None else None
        self._trials = 0

    def close(self) -> None:
        self.vendor.close()
        if self._source is not None:
            self._source.close()

    def begin(self) -> None:
        self._trials += 1
        self.folder = self._home / f"{self.way.name}-{self._trials}"
        self.folder.mkdir()
        self.vendor.door.replace(self.way.vendor())
        self.turn(0)
        document = self.way.configuration(self.vendor.url, self._source.url if self._source else "")
        self._write(_CONFIGURATION, document)

    def end(self) -> None:
        shutil.rmtree(self.folder)

    def turn(self, version: int) -> None:
        """From now on the source holds this version."""
        self.version = version
        if self._source is not None and self.way.source is not None:
            self._source.door.replace(self.way.source(version))
        self._write("data.json", rows(version, self.way.people))

    def _write(self, name: str, document: object) -> None:
        path = self.folder / name
        path.write_text(json.dumps(document), encoding="utf-8")
        path.chmod(0o600)

    def run(self, how: How, judge: Judge | None = None) -> Ended:
        """One process, to its end, or to where the judge ends it."""
        words = ["run", _CONFIGURATION, "--json"]
        if how == "resume":
            words.append("--resume")
        elif self._source is None:
            words += ["-d", "data.json"]
        ended = self._nursery.run(words, self.folder, judge or let_all, _WATCHED if judge else ())
        self.vendor.settle_down()
        return ended

    @property
    def sent(self) -> list[Sent]:
        return self.vendor.door.sent

    @property
    def held(self) -> Mapping[str, Row]:
        """What the destination holds."""
        return self.way.held(self.vendor.door.vendor)

    @property
    def files(self) -> set[str]:
        return {path.name for path in self.folder.glob(".syncline/**/*")}

    def check_history(self) -> None:
        """Every run that the ledger tells of adds up."""
        for _, report in history(str(self.folder / _CONFIGURATION), None):
            assert sum(report.counts.values()) == report.read, f"the counts of run {report.run} do not add up"
