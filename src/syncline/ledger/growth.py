"""A plan that grows: what a portion of it adds besides rows, and which rows of its API source are known already."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from syncline.ledger.queries import PLANNING
from syncline.ledger.store import failing


class Growth(NamedTuple):
    """What a portion of an API source adds to its plan besides rows. bookmark: where reading goes on, "" at the end;
    seen: (ref, number, why it could not be read: None when it was, the key of its record if it has one)."""

    bookmark: str
    seen: Sequence[tuple[str, int, str | None, str | None]]


def seen(db: sqlite3.Connection, path: Path, refs: Sequence[str]) -> set[str]:
    """Which of these the run of the current plan has met already."""
    with failing(path):
        return {ref for (ref,) in db.execute(PLANNING["seen"], {"refs": json.dumps(refs)})}


def unread(db: sqlite3.Connection, path: Path) -> list[tuple[str, int]]:
    """(ref, number) of the rows that the run of the current plan could not read, in order."""
    with failing(path):
        return db.execute(PLANNING["unread"]).fetchall()
