"""A portion of a growing plan, and the place to go on from, become durable together or not at all."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from flows import Flow
from syncline.model import Outcome

FULL = "CREATE TRIGGER full BEFORE INSERT ON plan WHEN NEW.row > 100 BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"


def ledger(folder: Path, statement: str) -> None:
    (path,) = folder.glob("*/*.db")
    with closing(sqlite3.connect(path)) as db:
        db.execute(statement)


def test_a_page_that_could_not_be_planned_is_read_again(tmp_path: Path) -> None:
    flow = Flow(tmp_path)
    flow.space.add(250)

    def fill(listing: int) -> None:
        """The first page has been planned when the third is asked for: from here on nothing fits on the disk."""
        if listing == 3:
            ledger(tmp_path, FULL)

    flow.space.after_listing = fill
    stopped = flow.go()
    assert (stopped.exit_code, stopped.stopped and "the disk is full" in stopped.stopped.message) == (3, True)
    assert 0 < stopped.read < 250
    flow.space.after_listing = lambda listing: None
    ledger(tmp_path, "DROP TRIGGER full")
    resumed = flow.go(resume=True)
    assert (resumed.run, resumed.counts[Outcome.DELIVERED], resumed.exit_code) == (stopped.run, 250, 0)
    assert len(flow.vouchers.customers) == 250
