"""A run that has ended, or died → what its ledger says of it: read without a lock, and without a change."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from syncline.errors import LedgerRefused
from syncline.flow.report import Report, RowProblem
from syncline.history import report_of
from syncline.ledger import Journal, Lock, RunRecord, bury_the_dead, is_kept, plan_run, runs, schema, unread
from syncline.ledger.queries import HISTORY
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
    """The ledger, to read; None where there is none (any more). One of an older version is brought up to date in a
    copy: the next run does it for good. Raises `Declined` where it cannot be read."""
    if not is_there(path):
        yield None
        return
    with _telling(path), ExitStack() as held:
        db = held.enter_context(closing(_opened(path)))
        if schema.is_older(db):
            db = held.enter_context(closing(_copied(db)))
            schema.upgrade(db)
        yield db


def is_there(path: Path) -> bool:
    """Raises `Declined` where nobody can tell."""
    with _telling(path):
        return is_kept(path)


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """What keeps a ledger from being read is for the log: whoever called cannot mend it."""
    try:
        yield
    except (sqlite3.Error, OSError, LedgerRefused) as error:
        tell("ledger", path=str(path), trouble=str(error))
        raise later(503, MAINTENANCE) from None


def _opened(path: Path) -> sqlite3.Connection:
    # Without a -wal nobody has it open, and nothing is pending: `immutable` reads it and leaves no -wal of its own.
    how = "mode=ro" if is_kept(path.with_name(path.name + "-wal")) else "immutable=1"
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
    if not record.closed and _is_at_work(path):
        return Standing("running", False)
    return Standing(record.status if record.closed else "interrupted", _has_a_rest(db, path, record))


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
    with closing(_copied(db)) as copy:
        bury_the_dead(copy, path, time.time)
        return report_of(copy, number, *words)


def _copied(db: sqlite3.Connection) -> sqlite3.Connection:
    """In a nameless database of SQLite's own, which is gone when it is closed."""
    copy = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    db.backup(copy)
    copy.execute("PRAGMA journal_mode = MEMORY")
    return copy


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
