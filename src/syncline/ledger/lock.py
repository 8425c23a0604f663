"""One run at a time: a kernel lock that dies with its process, and a note of who holds it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from syncline.errors import LedgerFailed, LedgerRefused, Locked, Placed, Problem

_ASKED_TIMES = 5
_ASKED_EVERY_S = 0.05


class Lock:
    """Holds `<ledger>.lock`, with a note of pid, host, start and phase.

    `died_over`: the run whose plan was there (0: none) when the last holder died planning; None where it did not.
    Nobody has begun anything since.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._file, self._started = path, -1, time.time()
        self.died_over: int | None = None

    def __enter__(self) -> Lock:
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LedgerRefused(
                Placed(
                    str(self._path),
                    0,
                    0,
                    f"the lock {self._path} cannot be opened: {error.strerror}",
                    "a file that can be made and written",
                    "Move it away, or make its folder writable.",
                )
            ) from None
        try:
            if not self._taken():
                raise Locked(_held_by(self._note(), self._path))
            note = self._note()
            self.died_over = _number(note.get("over")) if note.get("phase") == "planning" else None
            self._write("opening" if self.died_over is None else "planning", self.died_over or 0)
        except OSError as error:
            os.close(self._file)
            why = f"the lock {self._path} cannot be taken: {error.strerror}"
            fix = "Free or mend the disk; a network share may know no locks."
            raise LedgerRefused(Placed(str(self._path), 0, 0, why, "a disk that has locks", fix)) from None
        except Locked:
            os.close(self._file)
            raise
        return self

    def _taken(self) -> bool:
        """Asks a few times: a verb that only looks (`is_held`) holds the lock for an instant."""
        for _ in range(_ASKED_TIMES):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_ASKED_EVERY_S)
            else:
                return True
        return False

    def phase(self, name: str, over: int = 0) -> None:
        """Notes what the run is at, so that a run that comes after its death knows. over: whose plan is still there.

        Raises `LedgerRefused` before there is a plan, and `LedgerFailed` once there is one.
        """
        self.died_over = None
        try:
            self._write(name, over)
        except OSError as error:
            what = f"the lock {self._path} cannot be written: {error.strerror}"
            if name == "planning":
                fix = "Free the disk, then run again."
                raise LedgerRefused(Placed(str(self._path), 0, 0, what, "a disk that can be written", fix)) from None
            if name == "delivering":  # the note would go on saying that nothing was sent
                raise LedgerFailed(f"{what}. Free the disk, then run with --resume") from None

    def _write(self, name: str, over: int = 0) -> None:
        note = {"pid": os.getpid(), "host": socket.gethostname(), "started": self._started, "phase": name, "over": over}
        os.pwrite(self._file, json.dumps(note).encode().ljust(512), 0)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.died_over is None:  # else this run was refused, and what the dead one left is still to be told
            with suppress(OSError):  # a note that stays costs nobody anything
                os.ftruncate(self._file, 0)
        os.close(self._file)

    @staticmethod
    def is_held(path: Path) -> bool:
        """Is a run at work right now? Asks the kernel, so a dead run never seems alive."""
        try:
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # it cannot be asked, and a run could not have taken it either
            return False
        finally:
            os.close(file)
        return False

    def _note(self) -> dict[str, object]:
        try:
            note = json.loads(os.pread(self._file, 4096, 0) or b"{}")
        except ValueError:
            return {}
        return note if isinstance(note, dict) else {}


def _number(noted: object) -> int:
    return noted if isinstance(noted, int) else 0


def _held_by(note: dict[str, object], path: Path) -> Problem:
    since, started = "unknown", note.get("started")
    with suppress(OverflowError, OSError, ValueError):  # of a note that was damaged
        if isinstance(started, float):
            since = datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds")
    found = (
        f"another run of this sync is at work: process {note.get('pid', '?')} on {note.get('host', '?')}, since {since}"
    )
    return Placed(str(path), 0, 0, found, "one run at a time", "Wait for it, or stop it with Ctrl-C.")
