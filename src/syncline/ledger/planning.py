"""Mapped rows and beliefs → a durable plan, in one transaction: all of it, or no trace."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from syncline.errors import Unfit
from syncline.ledger.beliefs import Beliefs
from syncline.ledger.growth import Growth
from syncline.ledger.history import Figures, as_json, need_ours
from syncline.ledger.queries import PLANNING, SUMS
from syncline.ledger.store import failing, refusing, settle_down
from syncline.ledger.sums import body_sum, content_sum, sound_body
from syncline.model import Belief, Invalid, Kind, Record, RowRef, Stop

_SLICE = 2_000  # rows read at a time


class Planned(NamedTuple):
    """What planning found. Rows: read = unchanged + folded + invalid + rejected + entries.

    new: entries without a belief; adopted: of the unchanged, those recorded as held without being sent; rejected: what
    the destination refused in an earlier run, and is not sent again; in_doubt: of the adopted, those whose doubt
    remains; refreshed: entries that say what is believed held already, and are not in doubt; shared: people who share a
    further identity with somebody else; moved: people whose further identity is another than is believed held.
    """

    run: int
    read: int
    unchanged: int
    folded: int
    invalid: int
    entries: int
    new: int
    adopted: int = 0
    rejected: int = 0
    in_doubt: int = 0
    refreshed: int = 0
    shared: int = 0
    first_shared: RowRef | None = None
    moved: int = 0
    first_moved: RowRef | None = None


class NewRun(NamedTuple):
    """What a run is begun with. started: unix seconds; mapping: the fingerprint of what decides a body; whole: does it
    look at all rows?"""

    started: float
    mapping: str
    dialect: str
    whole: bool


class Folded(NamedTuple):
    """The records of one key as one: its record, and whether there is something to send."""

    record: Record
    changed: bool


class Draft:
    """A plan in the making, or the next portion of one that grows. Use as a context: leaving it without `seal` discards
    everything.

    The old plan stays as it was until `seal` commits; the same commit turns its unsettled entries into doubts.
    """

    def __init__(self, db: sqlite3.Connection, path: Path, started: float, run: NewRun | int) -> None:
        self._db, self._path, self._started = db, path, started
        self._invalid = self._folded = 0
        goes_on = isinstance(run, int)
        # What was sent by an earlier portion stands: a disk that fails now stops the run, and does not refuse it.
        self._guard = failing if goes_on else refusing
        self.beliefs = Beliefs(db, path, self._guard, grown=goes_on)
        with self._guard(path):
            db.execute(PLANNING["drop_staging"])
            db.execute(PLANNING["create_staging"])
            db.execute("BEGIN IMMEDIATE")
            try:
                if isinstance(run, int):
                    need_ours(db, path, run)
                self.run: int = run if isinstance(run, int) else self._begun(run)
                self._first: int = db.execute(PLANNING["last_entry"]).fetchone()[0]
                self._entry = self._first
                self._body: int = db.execute(PLANNING["next_body"]).fetchone()[0]
            except BaseException:  # nobody enters what was never made, so nobody else would end its transaction
                db.execute("ROLLBACK")
                raise

    def _begun(self, new: NewRun) -> int:
        self._supersede()
        run: int = self._db.execute(PLANNING["next_run"]).fetchone()[0]
        self._db.execute(PLANNING["insert_run"], {"run": run, **new._asdict()})
        self._db.execute(PLANNING["name_plan"], {"run": str(run)})
        return run

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, *_: object) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _supersede(self) -> None:
        for step in ("doubt_the_unsettled", "drop_superseded_bodies", "clear_plan", "clear_settled"):
            self._db.execute(PLANNING[step])
        for step in ("clear_tickets", "clear_seen", "drop_plan_index"):
            self._db.execute(PLANNING[step])

    def stage(self, records: Iterable[tuple[Record, Belief | None]]) -> None:
        """Takes records in source order; one with a belief is unchanged and points at the body believed held."""
        bodies: list[tuple[int, bytes, int]] = []
        staged: list[tuple[int, str, bytes, int, bool, int, str, int, int, int]] = []
        for record, belief in records:
            key, digest = record.key, record.digest
            if belief is None:
                bodies.append((self._body, record.body, body_sum(self._body, record.body)))
                body, self._body = self._body, self._body + 1
                total = content_sum(key, digest, body)
            else:  # it is not planned, unless it is folded with others: then it is summed up again
                body, total = belief.body, 0
            self._entry += 1
            staged.append((self._entry, key, digest, body, belief is None, record.also, *record.ref, total))
        with self._guard(self._path):
            self._db.executemany(PLANNING["insert_body"], bodies)
            self._db.executemany(PLANNING["stage"], staged)

    def refuse(self, rows: Sequence[Invalid]) -> None:
        """Takes rows that cannot be sent."""
        self._invalid += len(rows)
        problems = [(self.run, *row.ref, row.key, row.field, row.reason, row.rule) for row in rows]
        with self._guard(self._path):
            self._db.executemany(PLANNING["insert_problem"], problems)

    def seal(
        self,
        fold: Callable[[str, RowRef, Iterable[bytes], Belief | None], Folded],
        read: int,
        source_stop: str | None,
        *,
        adopt: bool = False,
        growth: Growth | None = None,
        spares: Callable[[str, float], bool] = lambda key, at: False,
        findable_by: str = "",
    ) -> Planned:
        """Folds repeated keys, makes the plan of what changed, and commits. From here on the run can be resumed.

        read: rows the source gave, counted by the caller; adopt: what changed becomes belief, and nothing is planned;
        growth: there may be more to come; spares: is a key that was refused at that time, in this very form, to be left
        alone? findable_by: the attribute that is a further identity.
        """
        with self._guard(self._path):
            self._db.execute(PLANNING["index_staging"])
            for (key,) in self._db.execute(PLANNING["repeated_keys"]).fetchall():
                self._fold_key(key, fold)
            rejected = self._spare(spares)
            self._db.execute(PLANNING["make_plan"], {"kind": Kind.UPSERT})
            if growth is not None:
                self._grow(growth)
            planned = Planned(
                self.run,
                read,
                unchanged=self._db.execute(PLANNING["count_unchanged"]).fetchone()[0],
                folded=self._folded,
                invalid=self._invalid,
                entries=self._db.execute(PLANNING["count_entries"]).fetchone()[0],
                new=self._db.execute(PLANNING["count_new"]).fetchone()[0],
                rejected=rejected,
                refreshed=self._db.execute(PLANNING["count_refreshed"]).fetchone()[0],
            )
            planned = self._alike(planned, findable_by)
            if adopt:
                planned = self._adopted(planned)
            figures = {
                "planned": planned.entries,
                "source_stop": source_stop,
                "first_shared": None,
                "first_moved": None,
            }
            self._db.execute(PLANNING["record_plan"], {**planned._asdict(), **figures})
            self._db.execute(SUMS["seal_run"], {"run": self.run})
            self._db.execute("COMMIT")
            self._db.execute(PLANNING["drop_staging"])
        settle_down(self._db, self._path)
        return planned

    def _alike(self, planned: Planned, findable_by: str) -> Planned:
        """Who shares a further identity, and whose is another than it was."""
        shared, _, *first = self._db.execute(PLANNING["shared_identity"]).fetchone()
        if shared:
            planned = planned._replace(shared=shared, first_shared=RowRef(*first))
        if findable_by:
            where = {"first": self._first, "path": f'$."{findable_by}"'}
            moved, _, *first = self._db.execute(PLANNING["moved_identity"], where).fetchone()
            if moved:
                planned = planned._replace(moved=moved, first_moved=RowRef(*first))
        return planned

    def _spare(self, spares: Callable[[str, float], bool]) -> int:
        """Takes out what the destination would only refuse again."""
        spared = after = 0
        while rows := self._db.execute(PLANNING["rejected_before"], {"after": after, "limit": _SLICE}).fetchall():
            for entry, body, key, at, file, row, line, field, reason, since in rows:
                if spares(key, at):
                    self._db.execute(PLANNING["drop_staged"], (entry,))
                    self._db.execute(PLANNING["drop_body"], (body,))
                    problem = (self.run, file, row, line, key, field, reason, since)
                    self._db.execute(PLANNING["insert_rejected_again"], problem)
                    spared += 1
            after = rows[-1][0]
        return spared

    def _grow(self, growth: Growth) -> None:
        self._db.execute(PLANNING["index_plan"])
        self._db.execute(PLANNING["follow"], {"first": self._first})
        self._db.execute(PLANNING["sum_followers"], {"first": self._first})
        self._db.executemany(PLANNING["see"], growth.seen)
        self._db.execute(PLANNING["bookmark"], {"bookmark": growth.bookmark or None, "run": self.run})

    def fold_away(self, rows: int) -> None:
        """Counts rows that are the same as others of this run."""
        self._folded += rows

    def _adopted(self, planned: Planned) -> Planned:
        """The plan becomes belief, unsent: its rows are held already, the user says."""
        doubtful = self._db.execute(PLANNING["count_doubtful"]).fetchone()[0]
        self._db.execute(PLANNING["drop_adopted_bodies"])
        self._db.execute(PLANNING["adopt"], {"at": self._started, "run": self.run})
        self._db.execute(PLANNING["clear_plan"])
        unchanged = planned.unchanged + planned.entries
        return planned._replace(unchanged=unchanged, adopted=planned.entries, in_doubt=doubtful, entries=0, new=0)

    def _fold_key(self, key: str, fold: Callable[[str, RowRef, Iterable[bytes], Belief | None], Folded]) -> None:
        """The last row of the key carries the folded record; the earlier ones end as folded."""
        last, *ref = self._db.execute(PLANNING["last_of_key"], (key,)).fetchone()
        belief = self.beliefs.of([key]).get(key)
        rows = self._db.execute(PLANNING["rows_of_key"], (key,))
        bodies = (sound_body(*row) for row in rows)
        try:
            folded = fold(key, RowRef(*ref), bodies, belief)
        except Unfit as unfit:
            self._drop_earlier(key, last)
            self._db.execute(PLANNING["drop_staged"], (last,))
            self.refuse([Invalid(RowRef(*ref), key, unfit.field, unfit.reason, unfit.rule)])
            return
        finally:
            rows.close()
        self._drop_earlier(key, last)
        body = self._body if folded.changed or belief is None else belief.body
        if folded.changed:
            self._db.execute(PLANNING["insert_body"], (body, folded.record.body, body_sum(body, folded.record.body)))
            self._body += 1
        digest = folded.record.digest
        restaged = (digest, body, folded.changed, folded.record.also, content_sum(key, digest, body), last)
        self._db.execute(PLANNING["restage"], restaged)

    def _drop_earlier(self, key: str, last: int) -> None:
        self._db.execute(PLANNING["drop_folded_bodies"], {"key": key})
        self._folded += self._db.execute(PLANNING["drop_folded"], {"key": key, "last": last}).rowcount


def previewed(db: sqlite3.Connection) -> Iterator[tuple[str, bytes, bytes | None]]:
    """(key, body, body believed held) of each entry of the current plan, in its order."""
    for key, body, planned, due, believed, held, held_due in db.execute(PLANNING["planned_with_beliefs"]):
        before = None if believed is None else sound_body(believed, held, held_due)
        yield key, sound_body(body, planned, due), before


def unplanned(db: sqlite3.Connection, path: Path, new: NewRun, status: str, stop: Stop | None, figures: Figures) -> int:
    """Records a run whose API source gave nothing at all. The plan of the run before stays as it is."""
    with refusing(path):
        run: int = db.execute(PLANNING["next_run"]).fetchone()[0]
        db.execute("BEGIN IMMEDIATE")
        try:
            db.execute(PLANNING["insert_run"], {"run": run, **new._asdict()})
            closing = {"run": run, "status": status, "stopped": as_json(stop), "ended": new.started + figures.seconds}
            db.execute(PLANNING["close_unplanned"], closing | figures._asdict())
            db.execute(SUMS["seal_run"], {"run": run})
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")
    return run
