"""Mapped rows and beliefs → a durable plan, in one transaction: all of it, or no trace."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from syncline.errors import Unfit
from syncline.ledger.queries import PLANNING
from syncline.ledger.store import refusing
from syncline.model import Belief, Invalid, Kind, Record, RowRef


class Planned(NamedTuple):
    """What planning found. Rows: read = unchanged + folded + invalid + entries.

    new: entries without a belief; adopted: of the unchanged, those recorded as held without being sent;
    in_doubt: of the adopted, those whose doubt remains; shared: people who share a further identity with somebody else.
    """

    run: int
    read: int
    unchanged: int
    folded: int
    invalid: int
    entries: int
    new: int
    adopted: int = 0
    in_doubt: int = 0
    shared: int = 0
    first_shared: RowRef | None = None


class Folded(NamedTuple):
    """The records of one key as one: its record, and whether there is something to send."""

    record: Record
    changed: bool


class Draft:
    """A plan in the making. Use as a context: leaving it without `seal` discards everything.

    The old plan stays as it was until `seal` commits; the same commit turns its unsettled entries into doubts.
    """

    def __init__(
        self, db: sqlite3.Connection, path: Path, started: float, mapping: str, dialect: str, *, whole: bool
    ) -> None:
        self._db, self._path, self._started = db, path, started
        self._invalid = self._folded = self._entry = 0
        with refusing(path):
            db.execute(PLANNING["drop_staging"])
            db.execute(PLANNING["create_staging"])
            db.execute("BEGIN IMMEDIATE")
            self._supersede()
            self.run: int = db.execute(PLANNING["next_run"]).fetchone()[0]
            self._body: int = db.execute(PLANNING["next_body"]).fetchone()[0]
            run = {"run": self.run, "started": started, "mapping": mapping, "dialect": dialect, "whole": whole}
            db.execute(PLANNING["insert_run"], run)
            db.execute(PLANNING["name_plan"], {"run": str(self.run)})

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, *_: object) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _supersede(self) -> None:
        for step in ("doubt_the_unsettled", "drop_superseded_bodies", "clear_plan", "clear_settled"):
            self._db.execute(PLANNING[step])

    def believed(self, keys: Sequence[str]) -> dict[str, Belief]:
        """What we think the destination holds for these keys; a key in doubt has a belief that says so."""
        with refusing(self._path):
            rows = self._db.execute(PLANNING["believed"], {"keys": json.dumps(keys)})
            return {
                key: Belief(digest or b"", body or 0, bool(doubtful), acked or 0.0)
                for key, digest, body, doubtful, acked in rows
            }

    def newest_acknowledgement(self) -> float | None:
        """Unix seconds; None where nothing was ever acknowledged."""
        with refusing(self._path):
            newest: float | None = self._db.execute(PLANNING["newest_acknowledgement"]).fetchone()[0]
            return newest

    def stage(self, records: Iterable[tuple[Record, Belief | None]]) -> None:
        """Takes records in source order; one with a belief is unchanged and points at the body believed held."""
        bodies: list[tuple[int, bytes]] = []
        staged: list[tuple[int, str, bytes, int, bool, int, str, int, int]] = []
        for record, belief in records:
            if belief is None:
                bodies.append((self._body, record.body))
                body, self._body = self._body, self._body + 1
            else:
                body = belief.body
            self._entry += 1
            staged.append((self._entry, record.key, record.digest, body, belief is None, record.also, *record.ref))
        with refusing(self._path):
            self._db.executemany(PLANNING["insert_body"], bodies)
            self._db.executemany(PLANNING["stage"], staged)

    def refuse(self, rows: Sequence[Invalid]) -> None:
        """Takes rows that cannot be sent."""
        self._invalid += len(rows)
        problems = [(self.run, *row.ref, row.key, row.field, row.reason, row.rule) for row in rows]
        with refusing(self._path):
            self._db.executemany(PLANNING["insert_problem"], problems)

    def seal(
        self,
        fold: Callable[[str, RowRef, Iterable[bytes], Belief | None], Folded],
        read: int,
        source_stop: str | None,
        *,
        adopt: bool = False,
    ) -> Planned:
        """Folds repeated keys, makes the plan of what changed, and commits. From here on the run can be resumed.

        read: rows the source gave, counted by the caller; adopt: what changed becomes belief, and nothing is planned.
        """
        with refusing(self._path):
            self._db.execute(PLANNING["index_staging"])
            for (key,) in self._db.execute(PLANNING["repeated_keys"]).fetchall():
                self._fold_key(key, fold)
            self._db.execute(PLANNING["make_plan"], {"kind": Kind.UPSERT})
            shared, _, *first = self._db.execute(PLANNING["shared_identity"]).fetchone()
            unchanged = self._db.execute(PLANNING["count_unchanged"]).fetchone()[0]
            new = self._db.execute(PLANNING["count_new"]).fetchone()[0]
            entries = self._db.execute(PLANNING["count_entries"]).fetchone()[0]
            planned = Planned(self.run, read, unchanged, self._folded, self._invalid, entries, new, shared=shared)
            if shared:
                planned = planned._replace(first_shared=RowRef(*first))
            if adopt:
                planned = self._adopted(planned)
            figures = {"planned": planned.entries, "source_stop": source_stop}
            self._db.execute(PLANNING["record_plan"], {**planned._asdict(), **figures, "first_shared": None})
            self._db.execute("COMMIT")
            self._db.execute(PLANNING["drop_staging"])
        return planned

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
        belief = self.believed([key]).get(key)
        rows = self._db.execute(PLANNING["rows_of_key"], (key,))
        bodies = (body for _, body in rows)
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
            self._db.execute(PLANNING["insert_body"], (body, folded.record.body))
            self._body += 1
        self._db.execute(PLANNING["restage"], (folded.record.digest, body, folded.changed, folded.record.also, last))

    def _drop_earlier(self, key: str, last: int) -> None:
        self._db.execute(PLANNING["drop_folded_bodies"], {"key": key})
        self._folded += self._db.execute(PLANNING["drop_folded"], {"key": key, "last": last}).rowcount

    def count_refreshed(self) -> int:
        """After `seal`: entries that say what is believed held already, and are not in doubt."""
        with refusing(self._path):
            return int(self._db.execute(PLANNING["count_refreshed"]).fetchone()[0])

    def previewed(self) -> Iterator[tuple[str, bytes, bytes | None]]:
        """After `seal`: (key, body, body believed held) of each entry, in plan order."""
        yield from self._db.execute(PLANNING["planned_with_beliefs"])
