"""An empty SQLite file → a ledger; an older ledger → this version's; anything else → refused, with a way out."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

from syncline.errors import LedgerRefused
from syncline.ledger.queries import HISTORY, read

APPLICATION_ID = 0x53594E43  # "SYNC" in the header of the file: this SQLite file is ours
SCHEMA_VERSION = 3
FORMAT_VERSION = "1"  # of bodies and digests
_STEPS = {1: "from_1_to_2.sql", 2: "from_2_to_3.sql"}  # an older version → what takes it to the next


def create(db: sqlite3.Connection, destination: str, account: str) -> None:
    """Makes an empty database a ledger, in one transaction."""
    db.executescript("BEGIN IMMEDIATE;" + read("schema.sql") + read("views.sql"))
    meta = {"destination": destination, "account": _digest(account), "format": FORMAT_VERSION, "plan_run": "0"}
    db.executemany(HISTORY["set_meta"], meta.items())
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
    end = f"PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
    try:
        db.executescript("BEGIN IMMEDIATE;" + views + steps + read("views.sql") + end)
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def verify(db: sqlite3.Connection, path: Path, destination: str, account: str) -> None:
    """Raises `LedgerRefused` unless this is a sound ledger of this destination and account, of a version we know."""
    if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise LedgerRefused(f"{path} is not a Syncline ledger. {way_out(path)}")
    if (version := _version(db)) != SCHEMA_VERSION and version not in _STEPS:
        raise LedgerRefused(
            f"the ledger {path} has schema version {version}, and this Syncline knows versions up to {SCHEMA_VERSION}:"
            " use the Syncline that wrote it, or a newer one"
        )
    if (verdict := db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise LedgerRefused(f"the ledger {path} is damaged ({verdict}). {way_out(path)}")
    meta = dict(db.execute(HISTORY["meta"]).fetchall())
    if (meta.get("destination"), meta.get("account")) != (destination, _digest(account)):
        raise LedgerRefused(f"the ledger {path} belongs to another destination or account; move it away")
    if meta.get("format") != FORMAT_VERSION:
        raise LedgerRefused(f"the ledger {path} keeps records in format {meta.get('format')}, not {FORMAT_VERSION}")


def way_out(path: Path) -> str:
    return f"Put a good copy back, or move it away ({path} → {path}.bad): then everything counts as new"


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _digest(account: str) -> str:
    return hashlib.blake2b(account.encode(), digest_size=16).hexdigest()
