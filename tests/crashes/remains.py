"""What a process left on the disk → what it has recorded, and whether it is sound.

Read from a copy: whoever opens a ledger that was in use mends it.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from crashes.ways import STAMP

_RECORDED = """
SELECT json FROM plan JOIN body USING (body) JOIN settled USING (entry) WHERE outcome = 'delivered'
UNION ALL SELECT json FROM plan JOIN body USING (body) JOIN ticket USING (entry)
UNION ALL SELECT json FROM belief JOIN body USING (body) WHERE key NOT IN (SELECT key FROM doubt)
"""


class State(NamedTuple):
    """What a ledger believes, times apart; and how many bodies it keeps."""

    beliefs: dict[str, tuple[bytes, bytes]]
    doubts: int
    rejected: int
    pending: int
    bodies: int


@contextmanager
def _copy(folder: Path) -> Iterator[sqlite3.Connection | None]:
    """The ledger below a folder as SQLite finds it after the death; None where there is none."""
    ledgers = [*folder.glob(".syncline/*/*.db")]
    if not ledgers:
        yield None
        return
    (ledger,) = ledgers
    with TemporaryDirectory(prefix="remains-") as place:
        for part in ledger.parent.glob(f"{ledger.name}*"):
            if not part.name.endswith("-shm"):
                shutil.copy(part, place)
        with closing(sqlite3.connect(Path(place, ledger.name))) as db:
            try:
                assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                yield db
            except (AssertionError, sqlite3.DatabaseError) as damage:
                raise AssertionError(f"the ledger is damaged: {damage}") from None


def recorded(folder: Path) -> set[str]:
    """The stamps that are acknowledged, or accepted under a ticket, as far as the disk knows."""
    with _copy(folder) as db:
        if db is None:
            return set()
        return {found[0].decode() for (body,) in db.execute(_RECORDED) if (found := STAMP.search(body))}


def plan_of(folder: Path) -> int:
    """The number of the run whose plan the ledger holds; 0 for none."""
    with _copy(folder) as db:
        found = db and db.execute("SELECT value FROM meta WHERE name = 'plan_run'").fetchone()
        return int(found[0]) if found else 0


def state(folder: Path) -> State:
    with _copy(folder) as db:
        assert db is not None, "there is no ledger"

        def count(what: str) -> int:
            return int(db.execute(f"SELECT count(*) FROM {what}").fetchone()[0])

        beliefs = {
            key: (digest, body)
            for key, digest, body in db.execute("SELECT key, digest, json FROM belief JOIN body USING (body)")
        }
        return State(beliefs, count("doubt"), count("rejected"), count("pending"), count("body"))
