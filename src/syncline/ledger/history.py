"""What the ledger remembers of its runs."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import NamedTuple

from syncline.errors import LedgerFailed
from syncline.ledger.queries import HISTORY
from syncline.model import RowRef, Stop


class Figures(NamedTuple):
    """What a run, or the part of it since it was resumed, cost. source_requests: of an API source; bytes: that were
    sent; seconds: of wall time."""

    requests: int = 0
    source_requests: int = 0
    bytes: int = 0
    seconds: float = 0.0


class Problem(NamedTuple):
    """One row that did not make it. `rule`: the check that an invalid row failed; `since`: the run in which the
    destination refused a rejected one, where it was not sent again."""

    row: RowRef
    key: str
    field: str
    outcome: str
    reason: str
    rule: str
    since: int | None = None


class RunRecord(NamedTuple):
    """One run as it is kept. `closed` is False while it is at work, and for a run whose process died; `bookmark`: where
    the reading of its API source goes on; `killed`: how many parts of it died, whose cost is in no figure.
    """

    run: int
    status: str
    closed: bool
    started: float
    ended: float | None
    mapping: str
    dialect: str
    read: int
    planned: int
    adopted: int
    counts: dict[str, int]
    requests: int
    source_requests: int
    bytes: int
    seconds: float
    source_stop: str | None
    bookmark: str | None
    killed: int
    stopped: Stop | None

    @property
    def reads(self) -> bool:
        """Has its API source pages left?"""
        return self.bookmark is not None and bool(json.loads(self.bookmark)["cursor"])


def as_json(stop: Stop | None) -> str | None:
    """As it is kept."""
    if stop is None:
        return None
    return json.dumps({"reason": stop.reason, "message": stop.message, "retryAt": stop.retry_at})


def runs(db: sqlite3.Connection, run: int | None = None) -> list[RunRecord]:
    return [_record(row) for row in db.execute(HISTORY["runs"], {"run": run})]


def plan_number(db: sqlite3.Connection) -> int:
    """Of the run whose plan the ledger holds; 0 where it holds none."""
    return int(dict(db.execute(HISTORY["meta"]).fetchall()).get("plan_run", 0))


def need_ours(db: sqlite3.Connection, path: Path, run: int) -> None:
    """Raises `LedgerFailed` unless a run is at work on its own plan still: whoever removes its lock lets another in."""
    if not db.execute(HISTORY["is_ours"], {"run": run}).fetchone()[0]:
        why = f"another run has taken over the ledger {path}: was the lock of run {run} removed?"
        raise LedgerFailed(f"{why} What it sent last is not recorded. Run again, with --full if values went back")


def plan_run(db: sqlite3.Connection) -> RunRecord | None:
    """The run whose plan the ledger holds."""
    return next(iter(runs(db, plan_number(db))), None)


def problems(db: sqlite3.Connection, run: int, limit: int = -1) -> list[Problem]:
    rows = db.execute(HISTORY["problems"], {"run": run, "limit": limit})
    return [Problem(RowRef(file, row, line), *rest) for file, row, line, *rest in rows]


def problem_groups(db: sqlite3.Connection, run: int, limit: int = -1) -> list[tuple[int, bool, Problem]]:
    """How many rows failed in the same way, whether for the same reason to the letter, and the first of them; the
    largest groups first."""
    rows = db.execute(HISTORY["problem_groups"], {"run": run, "limit": limit})
    return [
        (count, bool(alike), Problem(RowRef(file, row, line), *rest))
        for count, alike, _, file, row, line, *rest in rows
    ]


def count_new_problems(db: sqlite3.Connection, run: int) -> int:
    """Invalid and rejected rows that were not so, in the same way, in the last whole run."""
    return int(db.execute(HISTORY["count_new_problems"], {"run": run}).fetchone()[0])


def _record(row: tuple[object, ...]) -> RunRecord:
    names = "run status closed started ended mapping dialect read unchanged folded invalid planned adopted counts"
    figures = "requests source_requests bytes seconds source_stop bookmark killed stopped"
    kept = dict(zip([*names.split(), *figures.split()], row, strict=True))
    for planning_only in ("unchanged", "folded", "invalid"):
        kept.pop(planning_only)
    stopped = json.loads(str(kept["stopped"])) if kept["stopped"] else None
    stop = Stop(stopped["reason"], stopped["message"], stopped["retryAt"]) if stopped else None
    fields = kept | {"closed": bool(kept["closed"]), "counts": json.loads(str(kept["counts"])), "stopped": stop}
    return RunRecord(**fields)  # type: ignore[arg-type] # SQLite's columns are typed by the schema, not by mypy
