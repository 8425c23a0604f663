"""A plan under delivery: what is pending, what was settled, and the merge into beliefs at the end."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from syncline.errors import LedgerFailed
from syncline.ledger.history import Figures, as_json, need_ours, plan_run
from syncline.ledger.queries import DELIVERING, SUMS
from syncline.ledger.store import failing, refusing, settle_down
from syncline.ledger.sums import damaged, entry_sum, summing, teach, words_sum
from syncline.model import Change, Kind, Outcome, RowRef, Settled, Stop

_KINDS = {str(kind): kind for kind in Kind}
_SLICE = 2_000  # changes read at a time: a few batches' worth

_MERGE = (
    "drop_replaced_bodies",
    "merge_beliefs",
    "drop_overtaken_bodies",
    "lift_doubts",
    "forgive",
    "remember_rejected",
    "drop_delivery_problems",
    "keep_problems",
)

KILLED = Stop("killed", "the run's process ended without a word; what it had sent is not known")


class Journal:
    """The current plan of a ledger. `now`: unix seconds, for the time of each acknowledgement."""

    def __init__(self, db: sqlite3.Connection, path: Path, run: int, now: Callable[[], float]) -> None:
        self._db, self._path, self.run, self._now = db, path, run, now

    def pending(self, after: int = 0) -> Iterator[Sequence[Change]]:
        """What is not settled for good after an entry, in plan order."""
        while True:
            with failing(self._path):
                rows = self._db.execute(DELIVERING["pending"], {"after": after, "limit": _SLICE}).fetchall()
                changes = _changes(rows)
            if not changes:
                return
            yield changes
            after = changes[-1].entry

    def tickets(self) -> Iterator[tuple[bytes, Sequence[Change]]]:
        """What was sent under a ticket and has no result yet, ticket by ticket; of those that are open now, for what is
        sent from here on has somebody who asks."""
        for ticket in self._open_tickets(-1):
            with failing(self._path):
                changes = _changes(self._db.execute(DELIVERING["sent_under"], {"ticket": ticket}).fetchall())
            if changes:
                yield ticket, changes

    def _open_tickets(self, most: int) -> Sequence[bytes]:
        with failing(self._path):
            rows = self._db.execute(DELIVERING["open_tickets"], {"limit": most}).fetchall()
        return [ticket for (ticket,) in rows]

    def has_tickets(self) -> bool:
        return bool(self._open_tickets(1))

    def keep(self, changes: Iterable[Change], ticket: bytes | None) -> None:
        """Records durably under which ticket these were sent; None: nothing came of it. Raises `LedgerFailed`."""
        with self._at_work():
            if ticket is None:
                self._db.executemany(DELIVERING["drop_ticket"], [(change.entry,) for change in changes])
            else:
                self._db.executemany(DELIVERING["keep_ticket"], [(change.entry, ticket) for change in changes])

    def count_held(self) -> int:
        """Entries that waited for an earlier entry of their key, and wait no longer."""
        with failing(self._path):
            return int(self._db.execute(DELIVERING["count_held"]).fetchone()[0])

    def count_pending(self) -> int:
        with refusing(self._path):
            return int(self._db.execute(DELIVERING["count_pending"]).fetchone()[0])

    def settle(self, settled: Sequence[Settled]) -> None:
        """Records verdicts durably, in one transaction. Raises `LedgerFailed`."""
        at = self._now()
        rows = [
            (s.change.entry, s.outcome, s.doubt, at, s.field, s.reason, s.passing, words_sum(s.field, s.reason))
            for s in settled
        ]
        with self._at_work():
            self._db.executemany(DELIVERING["settle"], rows)

    def reopen(self) -> None:
        """Goes on with a run that ended before its plan was delivered. Raises `LedgerRefused`: nothing is sent yet."""
        with self._transaction(refusing):
            self._db.execute(DELIVERING["reopen_run"], {"run": self.run})
            self._db.execute(SUMS["seal_run"], {"run": self.run})
        settle_down(self._db, self._path)

    def bury(self, source_stop: str | None, *, reads: bool) -> None:
        """Closes a run whose process died: what was not settled for good is unknown, and its key in doubt.

        One that died after its last verdict has ended as it would have: as its source did. reads: it had not read its
        API source to the end.
        """
        if reads or self.count_pending():
            stop: Stop | None = KILLED
        else:
            stop = Stop("source", source_stop) if source_stop else None
        status = "interrupted" if stop is KILLED else "stopped" if stop else "finished"
        with self._transaction(refusing):
            self._db.execute(DELIVERING["doubt_the_untouched"], {"at": self._now(), "reason": KILLED.message})
            self._db.execute(DELIVERING["count_death"], {"run": self.run})
            self._close(status, stop, Figures())

    def close(self, status: str, stop: Stop | None, figures: Figures) -> None:
        """Ends the run: verdicts become beliefs, what did not make it becomes the report. Entries without a verdict
        were never sent."""
        with self._at_work():
            self._close(status, stop, figures)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """A transaction of a run that is under way."""
        with self._transaction():
            if not self._path.exists():  # what is written from now on goes into a file without a name
                raise LedgerFailed(f"the ledger {self._path} was removed while run {self.run} was at work")
            need_ours(self._db, self._path, self.run)
            yield

    @contextmanager
    def _transaction(self, guard: Callable[[Path], AbstractContextManager[None]] = failing) -> Iterator[None]:
        """guard: `refusing` before this process has sent anything."""
        with guard(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def _close(self, status: str, stop: Stop | None, figures: Figures) -> None:
        for step in _MERGE:
            self._db.execute(DELIVERING[step], {"run": self.run} if ":run" in DELIVERING[step] else {})
        reason = f"not sent: the run had stopped ({stop.reason})" if stop else "not sent"
        self._db.execute(DELIVERING["keep_untouched"], {"run": self.run, "reason": reason})
        self._db.execute(DELIVERING["keep_unread"], {"run": self.run})
        self._db.execute(DELIVERING["count_unread"], {"run": self.run})
        self._db.execute(
            DELIVERING["close_run"],
            {"run": self.run, "status": status, "ended": self._now(), "stopped": as_json(stop)}
            | {"counts": json.dumps(self._counts()), **figures._asdict()},
        )
        self._db.execute(SUMS["seal_run"], {"run": self.run})

    def _counts(self) -> dict[str, int]:
        """The seven outcomes: what planning settled, what delivery settled, and the rest, which was never sent."""
        planning = self._db.execute(DELIVERING["counts_of_planning"], {"run": self.run})
        unchanged, folded, invalid, rejected, unread = planning.fetchone()
        counts = dict.fromkeys(map(str, Outcome), 0) | {"unchanged": unchanged, "folded": folded, "invalid": invalid}
        counts[Outcome.REJECTED] += rejected
        counts[Outcome.DEFERRED] += unread
        for outcome, count in self._db.execute(DELIVERING["count_settled"]):
            counts[outcome] += count
        counts[Outcome.DEFERRED] += self._db.execute(DELIVERING["count_untouched"]).fetchone()[0]
        return counts


def _changes(rows: Sequence[Sequence[Any]]) -> list[Change]:
    """Nothing is sent, and nobody is asked for, that is not as it was planned. The last column: what a row's content
    and its body must add up to."""
    with summing("plan"):
        changes = [
            Change(entry, RowRef(file, row, line), key, _KINDS[kind], json)
            for entry, file, row, line, key, kind, json, digest, body, due in rows
            if entry_sum(key, digest, body, json) == due
        ]
    if len(changes) != len(rows):
        raise damaged("plan")
    return changes


def bury_the_dead(db: sqlite3.Connection, path: Path, now: Callable[[], float]) -> None:
    """Closes the last run when its process died before it could. To be called under the lock, or on a private copy."""
    teach(db)  # whoever opened it
    last = plan_run(db)
    if last is not None and not last.closed:
        Journal(db, path, last.run, now).bury(last.source_stop, reads=last.reads)
