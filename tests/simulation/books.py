"""A ledger's file → what it says, read from a copy: looking must not change what a dead process left."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from simulation.film import spelt
from syncline.model import Outcome

FINAL = {Outcome.DELIVERED, Outcome.REJECTED, Outcome.INVALID}


class Entry(NamedTuple):
    """One of the plan; outcome: "" while there is none; passing: refused, and not for what it says."""

    entry: int
    key: str
    told: str
    outcome: str
    doubt: bool
    passing: bool

    @property
    def is_open(self) -> bool:
        """May something have been applied of which no acknowledgement is recorded?"""
        return self.doubt and self.outcome != Outcome.DELIVERED


class Books(NamedTuple):
    """beliefs: key → what it is believed to hold; closed: has the plan's run ended?"""

    beliefs: dict[str, str]
    doubts: set[str]
    plan: Sequence[Entry]
    tickets: dict[str, frozenset[str]]
    run: int
    closed: bool

    def believed(self) -> dict[str, str]:
        """With what the plan has delivered and a dead run had no time to merge: the next one buries it, or asks for its
        tickets, and merges."""
        merged = self.closed and not self.tickets
        return self.beliefs | ({} if merged else self._delivered())

    def _delivered(self) -> dict[str, str]:
        return {entry.key: entry.told for entry in self.plan if entry.outcome == Outcome.DELIVERED}

    def open_keys(self) -> set[str]:
        """Keys that the ledger knows it does not know: in doubt, or of a plan under way."""
        lifted = set() if self.closed else self._delivered().keys()
        doubted = {entry.key for entry in self.plan if entry.is_open}
        wordless = set() if self.closed else {entry.key for entry in self.plan if entry.outcome not in FINAL}
        return (self.doubts - lifted) | doubted | wordless


NOTHING = Books({}, set(), (), {}, 0, closed=True)


def books_of(path: Path) -> Books:
    """Of a ledger that nobody works with."""
    if not path.exists():
        return NOTHING
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        copy = Path(folder) / "copy.db"
        shutil.copyfile(path, copy)
        if (wal := path.with_name(path.name + "-wal")).exists():
            shutil.copyfile(wal, copy.with_name("copy.db-wal"))
        with closing(sqlite3.connect(copy)) as db:
            return _read(db)


def _read(db: sqlite3.Connection) -> Books:
    beliefs = db.execute("SELECT key, json FROM belief JOIN body USING (body)")
    plan = db.execute(
        "SELECT entry, key, json, coalesce(outcome, ''), coalesce(doubt, 0), coalesce(passing, 0)"
        " FROM plan JOIN body USING (body) LEFT JOIN settled USING (entry) ORDER BY entry"
    )
    tickets: dict[str, frozenset[str]] = {}
    waiting = "outcome IS NULL OR outcome IN ('deferred', 'unknown')"
    sql = f"SELECT ticket, key FROM ticket JOIN plan USING (entry) LEFT JOIN settled USING (entry) WHERE {waiting}"
    for ticket, key in db.execute(sql):
        tickets[ticket.decode()] = tickets.get(ticket.decode(), frozenset()) | {key}
    (run,) = db.execute("SELECT value FROM meta WHERE name = 'plan_run'").fetchone()
    closed = db.execute("SELECT closed FROM run WHERE run = ?", (run,)).fetchone()
    return Books(
        {key: _told(body) for key, body in beliefs},
        {key for (key,) in db.execute("SELECT key FROM doubt")},
        [
            Entry(entry, key, _told(body), outcome, bool(doubt), bool(passing))
            for entry, key, body, outcome, doubt, passing in plan
        ],
        tickets,
        int(run),
        closed is None or bool(closed[0]),
    )


def _told(body: bytes) -> str:
    return spelt(msgspec.json.decode(body))
