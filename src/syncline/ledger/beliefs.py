"""What the ledger believes the destination to hold, as planning reads it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from syncline.ledger.queries import PLANNING
from syncline.ledger.sums import content_sum, damaged, sound_body, summing
from syncline.model import Belief, Outcome


class Beliefs:
    """Beliefs by key, overlaid with what is known and not merged yet. grown: the plan has portions already, and what
    they sent is part of the answer; guard: what a database error means at this point of a run.
    """

    def __init__(
        self, db: sqlite3.Connection, path: Path, guard: Callable[[Path], AbstractContextManager[None]], *, grown: bool
    ) -> None:
        self._db, self._path, self._guard, self._grown = db, path, guard, grown

    def of(self, keys: Sequence[str]) -> dict[str, Belief]:
        """What we think the destination holds for these keys; a key in doubt has a belief that says so."""
        beliefs: dict[str, Belief] = {}
        with self._guard(self._path), summing("belief"):
            for key, digest, body, doubtful, acked, due in self._db.execute(
                PLANNING["believed"], {"keys": json.dumps(keys)}
            ):
                if digest is None:
                    beliefs[key] = Belief(b"", 0, bool(doubtful))
                elif content_sum(key, digest, body) != due:
                    raise damaged("belief")
                else:
                    beliefs[key] = Belief(digest, body, bool(doubtful), acked)
            return beliefs | self._of_this_plan(keys) if self._grown else beliefs

    def _of_this_plan(self, keys: Sequence[str]) -> dict[str, Belief]:
        """What this very plan has delivered is believed already; what it is about to deliver is in doubt."""
        beliefs: dict[str, Belief] = {}
        rows = self._db.execute(PLANNING["planned_before"], {"keys": json.dumps(keys)})
        for key, digest, body, outcome, at, due in rows:
            if content_sum(key, digest, body) != due:
                raise damaged("plan")
            if outcome not in {Outcome.REJECTED, Outcome.INVALID}:
                delivered = outcome == Outcome.DELIVERED
                beliefs[key] = Belief(digest, body, not delivered, at if delivered else 0.0)
        return beliefs

    def met_before(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Of a plan that grows: the keys that an earlier portion had, each with its record as it stands since."""
        if not self._grown:
            return {}
        with self._guard(self._path):
            met = [key for (key,) in self._db.execute(PLANNING["met_before"], {"keys": json.dumps(keys)})]
            stands = {key: belief.body for key, belief in self.of(met).items() if belief.body}
            rows = {key: self._db.execute(PLANNING["body"], {"body": body}).fetchone() for key, body in stands.items()}
            return {key: sound_body(stands[key], *(row or (None, None))) for key, row in rows.items()}

    def newest_acknowledgement(self) -> float | None:
        """Unix seconds; None where nothing was ever acknowledged."""
        with self._guard(self._path):
            newest: float | None = self._db.execute(PLANNING["newest_acknowledgement"]).fetchone()[0]
            return newest
