"""Where a ledger lives, how it is opened, and when it is refused."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from syncline.errors import LedgerFailed, LedgerRefused, Placed, Problem, said
from syncline.ledger import schema
from syncline.ledger.sums import Damaged, teach

# What is the matter with the disk, and not with what stands on it → what to do about it.
_DISK = {
    sqlite3.SQLITE_FULL: "Free the disk",
    sqlite3.SQLITE_IOERR: "Free or mend the disk",
    sqlite3.SQLITE_READONLY: "Make it writable or put a good copy back",
    sqlite3.SQLITE_CANTOPEN: "Make its folder readable and writable",
    sqlite3.SQLITE_BUSY: "Close what else has it open",
    sqlite3.SQLITE_NOMEM: "Free some memory",
}
_CACHE_KIB = 24 * 1024  # SQLite takes it twice while it sorts; a million rows then stay well under 150 MB in all


def path_of(state_dir: Path, name: str, destination: str, account: str) -> Path:
    """`<state>/<name>/<destination>-<account digest>.db`: another account is another ledger."""
    digest = hashlib.blake2b(account.encode(), digest_size=8).hexdigest()
    return state_dir / name / f"{destination}-{digest}.db"


def paths_of(state_dir: Path, name: str, destination: str) -> list[Path]:
    """The ledgers of a sync, one an account. Raises `LedgerRefused` where their folder may not be read."""
    folder = state_dir / name
    if not is_kept(folder):
        return []
    with refusing(folder):
        return sorted(folder / file for file in os.listdir(folder) if fnmatchcase(file, f"{destination}-*.db"))


def is_kept(path: Path) -> bool:
    """Is there a ledger? A folder that nobody may look into is not one without: raises `LedgerRefused`."""
    with refusing(path):
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
    return True


def prepare_folder(path: Path, state_dir: Path) -> None:
    """Private folders, and a .gitignore that keeps the ledger out of every repository."""
    try:
        for folder in (state_dir, path.parent):
            if not folder.is_dir():
                folder.mkdir(mode=0o700, parents=True)
                _sync(folder.parent)
        ignore = state_dir / ".gitignore"
        if not ignore.exists() or not ignore.stat().st_size:  # a full disk may have left an empty one
            ignore.write_text("*\n", encoding="utf-8")
    except OSError as error:
        found = f"the ledger cannot be kept in {state_dir}: {error.strerror}"
        fix = "Check its owner, make it writable or name another place by --state-dir."
        raise LedgerRefused(
            Placed(str(state_dir), 0, 0, found, "a folder that this user may make and write", fix)
        ) from None


def open_ledger(path: Path, destination: str, account: str) -> sqlite3.Connection:
    """Opens, or creates, the ledger at `path`. Raises `LedgerRefused`: never treats a bad file as an empty one."""
    with refusing(path):
        if not os.path.lexists(path):
            _create(path, destination, account)
        if path.is_symlink() or not path.is_file():
            found, expected = f"the ledger {path} is not a plain file", "a file, and no link to one"
            raise LedgerRefused(Placed(str(path), 0, 0, found, expected, "Move it away."))
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


def open_to_read(path: Path, destination: str, account: str | None) -> sqlite3.Connection | None:
    """The ledger for verbs that only look: no lock, no change; None where there is none yet. account: None for any."""
    if not is_kept(path):
        return None
    # Without a -wal nobody has it open, and nothing is pending: `immutable` reads it and leaves no -wal of its own.
    how = "mode=ro" if is_kept(path.with_name(path.name + "-wal")) else "immutable=1"
    with refusing(path):
        db = sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True, isolation_level=None)
        try:
            schema.verify(db, path, destination, account)
            db.text_factory = _legible
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
def scratch_copy(path: Path, destination: str, account: str | None) -> Iterator[sqlite3.Connection]:
    """A private copy of the ledger to plan in: `--dry-run` changes nothing and waits for nobody. account: as above."""
    try:
        handle, name = tempfile.mkstemp(prefix="syncline-", suffix=".db")
    except OSError as error:
        why = f"no copy of the ledger can be made: {error.strerror}"
        fix = "Make room, or name another place by TMPDIR."
        raise LedgerRefused(Problem("", 0, 0, why, "a folder for temporary files that has room", fix)) from None
    os.close(handle)
    copy = Path(name)
    db = sqlite3.connect(copy, isolation_level=None, check_same_thread=False)
    try:
        with refusing(path):
            original = open_to_read(path, destination, account)
            if original is None:
                schema.create(db, destination, account or "")
            else:
                with closing(original):
                    original.backup(db)
            _tune(db, "MEMORY")  # a copy of a WAL database is one, too, until it is told otherwise
        copy.unlink()  # open and nameless: whatever ends this process, nothing of it stays behind
        teach(db)
        with sound(path):
            yield db
    finally:
        db.close()
        for leftover in copy.parent.glob(copy.name + "*"):
            leftover.unlink(missing_ok=True)


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """While nothing has been sent, a database error refuses the run."""
    try:
        with sound(path):
            yield
    except OSError as error:
        found, fix = f"the ledger {path} cannot be opened: {error.strerror}", "Check who may read and write it."
        raise LedgerRefused(Placed(str(path), 0, 0, found, "a ledger that this user may read and write", fix)) from None


@contextmanager
def sound(path: Path) -> Iterator[None]:
    """The same, of what the database says alone."""
    try:
        yield
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise LedgerRefused(_trouble(error, path, "run again")) from None


@contextmanager
def failing(path: Path) -> Iterator[None]:
    """Once something has been sent, a database error stops the run: no new request may start."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        trouble = _trouble(error, path, "run with --resume")
        raise LedgerFailed(f"{trouble.found}. {trouble.fix.removesuffix('.')}") from None


def _trouble(error: Exception, path: Path, then: str) -> Problem:
    """In one line. Where the disk is at fault, the ledger need not be given up. SQLite quotes what it cannot read, and
    says it in lines of its own."""
    what = said(str(error))
    whole, way_out = "a ledger as it was written", schema.way_out(path)
    if isinstance(error, Damaged | UnicodeDecodeError):
        return Placed(str(path), 0, 0, f"the ledger {path} is damaged ({what})", whole, way_out)
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # without what it adds to say where
    if code in _DISK:
        found, fix = f"the ledger {path} cannot be read or written: {what}", f"{_DISK[code]}, then {then}."
        return Placed(str(path), 0, 0, found, "a disk that can be read and written", fix)
    return Placed(str(path), 0, 0, f"the ledger {path} cannot be used: {what}", whole, way_out)


def settle_down(db: sqlite3.Connection, path: Path) -> None:
    """What was committed goes from the -wal into the ledger's own file: before the first request it is to know that a
    run is under way, and of which keys, whatever becomes of the -wal."""
    with failing(path):  # the commit stands, so this is no refusal
        db.execute("PRAGMA wal_checkpoint")


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
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """What was made in it, or moved there, survives a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _legible(text: bytes) -> str:
    """For who only looks: damage in a row's reason is no reason to show nothing. What decides anything has its sum."""
    return text.decode(errors="replace")


def _tune(db: sqlite3.Connection, journal_mode: str) -> None:
    db.execute(f"PRAGMA journal_mode = {journal_mode}")
    db.execute("PRAGMA synchronous = FULL")  # an acknowledgement that was recorded survives a power cut
    db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    db.execute("PRAGMA temp_store = FILE")  # staging a million rows must not cost a million rows of memory
