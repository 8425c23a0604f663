"""Where a ledger lives, how it is opened, and when it is refused."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from syncline.errors import LedgerFailed, LedgerRefused
from syncline.ledger.queries import HISTORY, read

APPLICATION_ID = 0x53594E43  # "SYNC" in the header of the file: this SQLite file is ours
SCHEMA_VERSION = 1
FORMAT_VERSION = "1"  # of bodies and digests
_CACHE_KIB = 48 * 1024  # keeps a million keys' worth of index pages at hand, within the memory goal of 150 MB


def path_of(state_dir: Path, name: str, destination: str, account: str) -> Path:
    """`<state>/<name>/<destination>-<account digest>.db`: another account is another ledger."""
    digest = hashlib.blake2b(account.encode(), digest_size=8).hexdigest()
    return state_dir / name / f"{destination}-{digest}.db"


def prepare_folder(path: Path, state_dir: Path) -> None:
    """Private folders, and a .gitignore that keeps the ledger out of every repository."""
    try:
        for folder in (state_dir, path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ignore = state_dir / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise LedgerRefused(
            f"the ledger cannot be kept in {state_dir}: {error.strerror}; make it writable or name another place"
        ) from None


def open_ledger(path: Path, destination: str, account: str) -> sqlite3.Connection:
    """Opens, or creates, the ledger at `path`. Raises `LedgerRefused`: never treats a bad file as an empty one."""
    fresh = _create_file(path)
    with refusing(path):
        db = _connect(path)
        if fresh or db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            _create_schema(db, path, destination, account)
        _verify(db, path, destination, account)
    return db


def open_to_read(path: Path, destination: str, account: str) -> sqlite3.Connection | None:
    """The ledger for verbs that only look: no lock, no change; None where there is none yet."""
    if not path.exists():
        return None
    with refusing(path):
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
        _verify(db, path, destination, account)
    return db


@contextmanager
def scratch_copy(path: Path, destination: str, account: str) -> Iterator[sqlite3.Connection]:
    """A private copy of the ledger to plan in: `--dry-run` changes nothing and waits for nobody."""
    handle, name = tempfile.mkstemp(prefix="syncline-", suffix=".db")
    os.close(handle)
    copy = Path(name)
    try:
        with refusing(path):
            db = _connect(copy)
            db.execute("PRAGMA journal_mode = OFF")
            original = open_to_read(path, destination, account)
            if original is None:
                _create_schema(db, copy, destination, account)
            else:
                original.backup(db)
                original.close()
        yield db
        db.close()
    finally:
        for leftover in copy.parent.glob(copy.name + "*"):
            leftover.unlink(missing_ok=True)


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """While nothing has been sent, a database error refuses the run."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise LedgerRefused(f"the ledger {path} cannot be used: {error}. {_way_out(path)}") from None
    except OSError as error:
        raise LedgerRefused(f"the ledger {path} cannot be opened: {error.strerror}") from None


@contextmanager
def failing(path: Path) -> Iterator[None]:
    """Once something has been sent, a database error stops the run: no new request may start."""
    try:
        yield
    except sqlite3.Error as error:
        raise LedgerFailed(
            f"the ledger {path} could not be written: {error}. Free the disk, then run with --resume"
        ) from None


def _way_out(path: Path) -> str:
    return f"Put a good copy back, or move it away ({path} → {path}.bad): then everything counts as new"


def _create_file(path: Path) -> bool:
    """Created by us with 0600 before SQLite opens it; its -wal and -shm files inherit the mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if path.is_symlink() or not path.is_file():
            raise LedgerRefused(f"the ledger {path} is not a plain file; move it away") from None
        return False
    except OSError as error:
        raise LedgerRefused(f"the ledger {path} cannot be created: {error.strerror}") from None
    return True


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")  # an acknowledgement that was recorded survives a power cut
    db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    db.execute("PRAGMA temp_store = FILE")  # staging a million rows must not cost a million rows of memory
    return db


def _create_schema(db: sqlite3.Connection, path: Path, destination: str, account: str) -> None:
    db.executescript("BEGIN IMMEDIATE;" + read("schema.sql"))
    meta = {"destination": destination, "account": _account_digest(account), "format": FORMAT_VERSION, "plan_run": "0"}
    db.executemany(HISTORY["set_meta"], meta.items())
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    db.execute("COMMIT")


def _verify(db: sqlite3.Connection, path: Path, destination: str, account: str) -> None:
    if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise LedgerRefused(f"{path} is not a Syncline ledger. {_way_out(path)}")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA_VERSION:
        raise LedgerRefused(
            f"the ledger {path} has schema version {version}, and this Syncline reads version {SCHEMA_VERSION}:"
            " use the Syncline that wrote it, or a newer one"
        )
    if (verdict := db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise LedgerRefused(f"the ledger {path} is damaged ({verdict}). {_way_out(path)}")
    meta = dict(db.execute(HISTORY["meta"]).fetchall())
    if (meta.get("destination"), meta.get("account")) != (destination, _account_digest(account)):
        raise LedgerRefused(f"the ledger {path} belongs to another destination or account; move it away")
    if meta.get("format") != FORMAT_VERSION:
        raise LedgerRefused(f"the ledger {path} keeps records in format {meta.get('format')}, not {FORMAT_VERSION}")


def _account_digest(account: str) -> str:
    return hashlib.blake2b(account.encode(), digest_size=16).hexdigest()
