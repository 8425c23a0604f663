"""An empty SQLite file → a ledger; an older ledger → this version's; anything else → refused, with a way out."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from pathlib import Path

from syncline.errors import LedgerRefused, Problem
from syncline.ledger.queries import HISTORY, read
from syncline.ledger.sums import Damaged, damaged, row_sum, seal_all, teach
from syncline.ledger.sums import verify as verify_sums

APPLICATION_ID = 0x53594E43  # "SYNC" in the header of the file: this SQLite file is ours
SCHEMA_VERSION = 4
FORMAT_VERSION = "1"  # of bodies and digests
# An older version → what takes it to the next.
_STEPS = {1: "from_1_to_2.sql", 2: "from_2_to_3.sql", 3: "from_3_to_4.sql"}
_NAMES = re.compile(r"^CREATE (?:TABLE|VIEW|INDEX) (\w+)", re.MULTILINE)


def create(db: sqlite3.Connection, destination: str, account: str) -> None:
    """Makes an empty database a ledger, in one transaction."""
    teach(db)
    db.executescript("BEGIN IMMEDIATE;" + read("schema.sql") + read("views.sql"))
    meta = {"destination": destination, "account": _digest(account), "format": FORMAT_VERSION, "plan_run": "0"}
    db.executemany(HISTORY["set_meta"], (meta | {"schema": _schema_sum(db)}).items())
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    db.execute("COMMIT")


def is_older(db: sqlite3.Connection) -> bool:
    return _version(db) < SCHEMA_VERSION


def upgrade(db: sqlite3.Connection) -> None:
    """Takes an older ledger to this version: all the way, in one transaction, or not at all."""
    steps = "".join(read(_STEPS[version]) for version in range(_version(db), SCHEMA_VERSION))
    named = db.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall()
    views = "".join(f"DROP VIEW {name};" for (name,) in named)
    teach(db)
    try:
        db.executescript("BEGIN IMMEDIATE;" + views + steps + read("views.sql"))
        db.execute(HISTORY["set_meta"], ("schema", _schema_sum(db)))
        seal_all(db)
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def verify(db: sqlite3.Connection, path: Path, destination: str, account: str | None) -> None:
    """Raises `LedgerRefused` unless this is a sound ledger of this destination and account, of a version we know.

    account: None where nobody says whose it has to be.
    """
    if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise LedgerRefused(Problem(str(path), 0, 0, "a file that is no ledger", "a Syncline ledger", way_out(path)))
    if (version := _version(db)) != SCHEMA_VERSION and version not in _STEPS:
        expected = f"a version that this Syncline knows (up to {SCHEMA_VERSION})"
        fix = "To go on with it, use the Syncline that wrote it, or a newer one."
        raise LedgerRefused(Problem(str(path), 0, 0, f"a ledger of schema version {version}", expected, fix))
    if (verdict := db.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok":
        raise Damaged(verdict.splitlines()[-1])  # the line before says which database
    if version == SCHEMA_VERSION:
        teach(db)
        verify_sums(db)
        if db.execute(HISTORY["meta_of"], ("schema",)).fetchone() != (_schema_sum(db),):
            raise damaged("sqlite_master")
    meta = dict(db.execute(HISTORY["meta"]).fetchall())
    whose = meta.get("account") if account is None else _digest(account)
    if (meta.get("destination"), meta.get("account")) != (destination, whose):
        found, expected = "a ledger of another destination or account", "the ledger of this one"
        raise LedgerRefused(Problem(str(path), 0, 0, found, expected, "Put the right one back, or move it away."))
    if meta.get("format") != FORMAT_VERSION:
        found, expected = f"a ledger with records in format {meta.get('format')}", f"format {FORMAT_VERSION}"
        raise LedgerRefused(Problem(str(path), 0, 0, found, expected, "Use the Syncline that wrote it."))


def way_out(path: Path) -> str:
    return f"Put a good copy back, or move it away ({path} → {path}.bad): then everything counts as new."


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _schema_sum(db: sqlite3.Connection) -> str:
    """Of the statements that made tables, views and index: in a damaged one a column may have another name. What others
    have added is their business."""
    ours = set(_NAMES.findall(read("schema.sql") + read("views.sql")))
    made = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()
    return str(row_sum(*(text for one in made if one[1] in ours for text in one)))


def _digest(account: str) -> str:
    return hashlib.blake2b(account.encode(), digest_size=16).hexdigest()
