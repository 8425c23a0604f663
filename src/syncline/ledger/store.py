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
from syncline.ledger import schema

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
            schema.verify(db, path, destination, account)  # before anything is written: what is not ours stays as it is
            _tune(db, "WAL")
            if schema.is_older(db):
                schema.upgrade(db)
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
            schema.verify(db, path, destination, account)
            return _upgraded_copy(db) if schema.is_older(db) else db
        except BaseException:
            db.close()
            raise


def _upgraded_copy(db: sqlite3.Connection) -> sqlite3.Connection:
    """An older ledger as this version sees it, in a private database of SQLite's own: looking changes nothing."""
    copy = sqlite3.connect("", isolation_level=None)
    with closing(db):
        db.backup(copy)
    _tune(copy, "MEMORY")
    schema.upgrade(copy)
    return copy


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
                schema.create(db, destination, account)
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
        raise LedgerRefused(f"the ledger {path} cannot be used: {error}. {schema.way_out(path)}") from None
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
        schema.create(db, destination, account)
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
