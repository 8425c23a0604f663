"""A run that has ended, or died → what its ledger says of it: read without a lock, and without a change."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from syncline.flow.report import Report, RowProblem
from syncline.history import report_of
from syncline.ledger import Journal, Lock, RunRecord, bury_the_dead, plan_run, runs, unread
from syncline.ledger.queries import HISTORY
from syncline.ledger.schema import SCHEMA_VERSION
from syncline.model import Outcome, RowRef
from syncline.service.answers import MAINTENANCE, later
from syncline.service.diary import tell
from syncline.service.registry import Said


class Standing(NamedTuple):
    """How a run stands: its status, and whether the rest of its plan can still be delivered."""

    status: str
    resumable: bool


@contextmanager
def looking(path: Path) -> Iterator[sqlite3.Connection | None]:
    """The ledger, to read; None where there is none (any more). Raises `Declined` where it cannot be read."""
    if not path.exists():
        yield None
        return
    try:
        with closing(_opened(path)) as db:
            if db.execute("PRAGMA user_version").fetchone()[0] != SCHEMA_VERSION:
                raise sqlite3.DatabaseError("it is of another version")
            yield db
    except (sqlite3.Error, OSError) as error:
        tell("ledger", path=str(path), trouble=str(error))
        raise later(503, MAINTENANCE) from None


def _opened(path: Path) -> sqlite3.Connection:
    # Without a -wal nobody has it open, and nothing is pending: `immutable` reads it and leaves no -wal of its own.
    how = "mode=ro" if path.with_name(path.name + "-wal").exists() else "immutable=1"
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?{how}", uri=True, isolation_level=None, check_same_thread=False, timeout=10
    )


def newest(path: Path) -> RunRecord | None:
    """The run whose plan the ledger holds."""
    with looking(path) as db:
        return plan_run(db) if db is not None else None


def standing(db: sqlite3.Connection, path: Path, number: int) -> Standing | None:
    """None where the ledger does not know that run."""
    record = next(iter(runs(db, number)), None)
    if record is None:
        return None
    if not record.closed:
        return (
            Standing("running", False) if _is_at_work(path) else Standing("interrupted", _has_a_rest(db, path, record))
        )
    return Standing(record.status, _has_a_rest(db, path, record))


def _has_a_rest(db: sqlite3.Connection, path: Path, record: RunRecord) -> bool:
    last = plan_run(db)
    if last is None or last.run != record.run:
        return False
    return Journal(db, path, record.run, time.time).count_pending() > 0 or _has_more_to_read(db, path, record)


def _has_more_to_read(db: sqlite3.Connection, path: Path, record: RunRecord) -> bool:
    """Of an API source."""
    if record.bookmark is None:
        return False
    return bool(json.loads(record.bookmark)["cursor"] or unread(db, path))


def told(db: sqlite3.Connection, path: Path, number: int, said: Said) -> Report:
    """Its report. One whose process died is first buried, in a private copy, as the next run will do it for good."""
    words = [_texts(said.get(kind)) for kind in ("warnings", "caveats", "notes")]
    if runs(db, number)[0].closed or _is_at_work(path):
        return report_of(db, number, *words)
    with closing(sqlite3.connect("", isolation_level=None, check_same_thread=False)) as copy:  # SQLite's own, nameless
        db.backup(copy)
        copy.execute("PRAGMA journal_mode = MEMORY")
        bury_the_dead(copy, path, time.time)
        return report_of(copy, number, *words)


def _texts(kept: object) -> list[str]:
    return [str(text) for text in kept] if isinstance(kept, list) else []


def _is_at_work(path: Path) -> bool:
    return Lock.is_held(path.with_suffix(".lock"))


def rows(path: Path, number: int, outcome: Outcome | None) -> Iterator[RowProblem]:
    """The rows of a run that did not make it, one after the other, however many there are."""
    with looking(path) as db:
        if db is not None:
            found = db.execute(HISTORY["problems"], {"run": number, "limit": -1})
            for file, row, line, key, field, ended, *why in found:
                if outcome in (None, ended):
                    yield RowProblem(RowRef(file, row, line), key, field, Outcome(ended), *why)
