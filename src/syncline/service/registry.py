"""Runs of the service → a small SQLite file, so that a restart knows of them. Holds no credential, no row, no upload.

What a run came to stands in its ledger; here stands which run of which ledger it is, and what a ledger does not keep.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from syncline.errors import LedgerRefused

KEPT_RUNS = 1_000  # the newest; older ones are forgotten here, and stay in their ledgers
KEY_S = 24 * 3600.0  # how long an Idempotency-Key is remembered
_APPLICATION_ID = 0x53594E53  # "SYNS" in the header of the file
_VERSION = 1

_SCHEMA = """
-- One line a run. `ledger`: its file, from the state directory; `number`: its run there, null until its plan is whole;
-- `before`: the newest run there when it began; `said`: warnings, caveats and notes, or why it was refused, as JSON.
CREATE TABLE run (
    id      TEXT PRIMARY KEY,
    sync    TEXT NOT NULL,
    ledger  TEXT NOT NULL,
    status  TEXT NOT NULL,              -- queued | running | ended | refused | forgotten
    number  INTEGER,
    before  INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL,
    started REAL,
    ended   REAL,
    said    TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX run_created ON run (created);

-- Which run an Idempotency-Key asked for. `key` and `body` are digests.
CREATE TABLE key (key BLOB PRIMARY KEY, body BLOB NOT NULL, run TEXT NOT NULL, at REAL NOT NULL) WITHOUT ROWID;
"""
_COLUMNS = "id, sync, ledger, status, number, before, created, started, ended, said"
_ADD = "INSERT INTO run VALUES (:id, :sync, :ledger, :status, :number, :before, :created, :started, :ended, :said)"

Said = Mapping[str, object]


class Entry(NamedTuple):
    """One run, as it is remembered."""

    id: str
    sync: str
    ledger: str
    status: str
    number: int | None
    before: int
    created: float
    started: float | None
    ended: float | None
    said: Said

    @classmethod
    def begun(cls, run: str, sync: str, ledger: str, at: float) -> Entry:
        return cls(run, sync, ledger, "queued", None, 0, at, None, None, {})


class Registry:
    """Opens, or makes, the file. Any thread may call. now: unix seconds. Raises `LedgerRefused`."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._path, self._now, self._lock = path, now, threading.Lock()
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            self._verify()
        except sqlite3.DatabaseError as error:
            raise LedgerRefused(f"{path} cannot be used: {error}. {self._way_out}") from None
        except OSError as error:
            raise LedgerRefused(f"{path} cannot be opened: {error.strerror}") from None

    def _verify(self) -> None:
        """An empty file becomes ours; anything else that is not ours stays as it is."""
        self._db.execute("PRAGMA busy_timeout = 10000")
        if self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            mark = f"PRAGMA application_id = {_APPLICATION_ID}; PRAGMA user_version = {_VERSION}; COMMIT;"
            self._db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} {mark}")
        if self._db.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
            raise LedgerRefused(f"{self._path} is not the service's. {self._way_out}")
        if self._db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
            raise LedgerRefused(f"{self._path} is of another version of Syncline. {self._way_out}")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")

    @property
    def _way_out(self) -> str:
        return "Move it away: the service then forgets its runs, and the ledgers keep theirs"

    def close(self) -> None:
        with self._lock:
            self._db.close()

    # --- runs -----------------------------------------------------------------------------------------------------

    def add(self, entry: Entry, key: bytes | None = None, body: bytes = b"") -> None:
        """A run that was accepted, with the key that asked for it: both, or neither."""
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            row = entry._asdict() | {"said": json.dumps(entry.said)}
            self._db.execute(_ADD, row)
            if key is not None:
                self._db.execute("INSERT INTO key VALUES (?, ?, ?, ?)", (key, body, entry.id, self._now()))
            self._db.execute(
                "DELETE FROM run WHERE status IN ('ended', 'refused', 'forgotten')"
                " AND id NOT IN (SELECT id FROM run ORDER BY created DESC LIMIT ?) AND id NOT IN (SELECT run FROM key)",
                (KEPT_RUNS,),
            )

    def update(self, run: str, **facts: str | float | int | None) -> None:
        """Notes what has become known of a run. The names are columns, and ours."""
        columns = ", ".join(f"{name} = ?" for name in facts)
        with self._lock:
            self._db.execute(f"UPDATE run SET {columns} WHERE id = ?", (*facts.values(), run))  # noqa: S608 # our names

    def end(self, run: str, status: str, said: Said, at: float) -> None:
        self.update(run, status=status, said=json.dumps(said), ended=at)

    def find(self, run: str) -> Entry | None:
        return next(iter(self._entries("WHERE id = ?", (run,))), None)

    def newest(self, most: int) -> Sequence[Entry]:
        return self._entries("ORDER BY created DESC, rowid DESC LIMIT ?", (most,))

    def unfinished(self) -> Sequence[Entry]:
        return self._entries("WHERE status IN ('queued', 'running')", ())

    def _entries(self, which: str, values: Sequence[object]) -> list[Entry]:
        with self._lock:
            rows = self._db.execute(f"SELECT {_COLUMNS} FROM run {which}", values).fetchall()  # noqa: S608 # our words
        return [Entry._make([*row[:-1], json.loads(row[-1])]) for row in rows]

    # --- keys -----------------------------------------------------------------------------------------------------

    def asked_before(self, key: bytes) -> tuple[bytes, str] | None:
        """The body and the run that came with this key within a day."""
        with self._lock:
            self._db.execute("DELETE FROM key WHERE at < ?", (self._now() - KEY_S,))
            row = self._db.execute("SELECT body, run FROM key WHERE key = ?", (key,)).fetchone()
        return None if row is None else (bytes(row[0]), str(row[1]))

    def forget_key(self, run: str) -> None:
        """Of a run that the service itself cut short before anything was sent: who asks again is to get a new one."""
        with self._lock:
            self._db.execute("DELETE FROM key WHERE run = ?", (run,))
