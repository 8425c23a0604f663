"""Where a ledger lives, how it is opened, and when it is refused."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from syncline.errors import LedgerFailed, LedgerRefused
from syncline.ledger.queries import HISTORY, read

APPLICATION_ID = 0x53594E43  # "SYNC" in the header of the file: this SQLite file is ours
SCHEMA_VERSION = 1
FORMAT_VERSION = "1"  # of bodies and digests
_CACHE_KIB = 24 * 1024  # SQLite takes it twice while it sorts; a million rows then stay well under 150 MB in all


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
    with refusing(path):
        if not os.path.lexists(path):
            _create(path, destination, account)
        if path.is_symlink() or not path.is_file():
            raise LedgerRefused(f"the ledger {path} is not a plain file; move it away")
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        try:
            _verify(db, path, destination, account)  # before anything is written: what is not ours stays as it is
            _tune(db, "WAL")
        except BaseException:
            db.close()
            raise
    return db


def open_to_read(path: Path, destination: str, account: str) -> sqlite3.Connection | None:
    """The ledger for verbs that only look: no lock, no change; None where there is none yet."""
    if not path.exists():
        return None
    # Without a -wal nobody has it open, and nothing is pending: `immutable` reads it and leaves no -wal of its own.
    how = "mode=ro" if path.with_name(path.name + "-wal").exists() else "immutable=1"
    with refusing(path):
        db = sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True, isolation_level=None)
        try:
            _verify(db, path, destination, account)
        except BaseException:
            db.close()
            raise
    return db


@contextmanager
def scratch_copy(path: Path, destination: str, account: str) -> Iterator[sqlite3.Connection]:
    """A private copy of the ledger to plan in: `--dry-run` changes nothing and waits for nobody."""
    handle, name = tempfile.mkstemp(prefix="syncline-", suffix=".db")
    os.close(handle)
    copy = Path(name)
    db = sqlite3.connect(copy, isolation_level=None, check_same_thread=False)
    try:
        with refusing(path):
            original = open_to_read(path, destination, account)
            if original is None:
                _create_schema(db, destination, account)
            else:
                with closing(original):
                    original.backup(db)
            _tune(db, "MEMORY")  # a copy of a WAL database is one, too, until it is told otherwise
        copy.unlink()  # open and nameless: whatever ends this process, nothing of it stays behind
        yield db
    finally:
        db.close()
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


def _create(path: Path, destination: str, account: str) -> None:
    """Made whole beside its place and then moved there, so that a ledger which is empty was damaged, not just begun.

    Created by us with 0600 before SQLite opens it; its -wal and -shm files inherit the mode.
    """
    draft = path.with_suffix(".new")
    for leftover in (draft, *(path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal"))):
        leftover.unlink(missing_ok=True)  # the journal of a ledger that was moved away would be played into this one
    os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    db = sqlite3.connect(draft, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = MEMORY")  # half a draft is thrown away, never mended
        _create_schema(db, destination, account)
    finally:
        db.close()
    draft.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _tune(db: sqlite3.Connection, journal_mode: str) -> None:
    db.execute(f"PRAGMA journal_mode = {journal_mode}")
    db.execute("PRAGMA synchronous = FULL")  # an acknowledgement that was recorded survives a power cut
    db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    db.execute("PRAGMA temp_store = FILE")  # staging a million rows must not cost a million rows of memory


def _create_schema(db: sqlite3.Connection, destination: str, account: str) -> None:
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
