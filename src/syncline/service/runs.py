"""Syncs in threads: at most one a ledger, a few at once, and a few that wait for their turn.

A run is remembered before it begins and after it ends; between the two the ledger remembers. So a process that dies
leaves behind what the next one needs to say what became of its runs.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from syncline.delivery import Halt
from syncline.errors import Bug, Interrupted, LedgerFailed, LedgerRefused, SynclineError
from syncline.flow.report import Report
from syncline.job import Watch
from syncline.ledger import Lock
from syncline.service.answers import LOCKED, MAINTENANCE, Declined, busy, declined, later, problems_of
from syncline.service.diary import tell, tell_bug
from syncline.service.past import newest
from syncline.service.progress import Progress
from syncline.service.recall import Recall
from syncline.service.registry import Entry, Registry, Said
from syncline.service.uploaded_job import UploadedJob

AT_ONCE = 4  # runs that work side by side; a plan in the making takes a core
ACCEPTED = 8  # runs that work or wait
_ID_BYTES = 16


class Order(NamedTuple):
    """What is to be run. resume: the rest of a plan; body: a digest of all that was uploaded; discard: deletes it, and
    may be called again."""

    job: UploadedJob
    resume: bool
    body: bytes
    discard: Callable[[], None]


Sync = Callable[[Order, Halt, Watch], Report]
Ended = Report | Exception


class Work:
    """A run that was accepted and has not ended. ended: what it came to, once it has; status: queued or running."""

    def __init__(self, run: str, order: Order, delivers: Callable[[Work], None]) -> None:
        self.run, self.order = run, order
        self.halt, self.ended = Halt(), Future[Ended]()
        self.progress = Progress(lambda: delivers(self))
        self.status = "queued"


class Runs:
    """Any thread may call. sync: runs an order; on_end: is told of every end; now: unix seconds."""

    def __init__(
        self,
        registry: Registry,
        recall: Recall,
        sync: Sync,
        *,
        at_once: int = AT_ONCE,
        accepted: int = ACCEPTED,
        on_end: Callable[[Work, Ended], None] = lambda work, ended: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._registry, self._recall, self._sync, self._now = registry, recall, sync, now
        self._on_end = on_end
        self._accepted = accepted
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="run")
        self._lock = threading.Lock()
        self._works: dict[str, Work] = {}
        self.stopping = False

    # --- what is at work ------------------------------------------------------------------------------------------

    @property
    def works(self) -> Sequence[Work]:
        with self._lock:
            return list(self._works.values())

    def check_room(self) -> None:
        """Raises `Declined`, before an upload is read."""
        with self._lock:
            self._check_room()

    def _check_room(self) -> None:
        if self.stopping:
            raise later(503, busy("a service that is stopping; nothing was sent", "one that takes runs"))
        if len(self._works) >= self._accepted:
            raise later(503, busy(f"{self._accepted} runs at work or waiting", "fewer: one of them has to end first"))

    def work(self, run: str) -> Work | None:
        with self._lock:
            return self._works.get(run)

    def halt(self, reason: str) -> None:
        """No new runs, and an end in good order for those at work."""
        with self._lock:
            self.stopping = True
            works = list(self._works.values())
        for work in works:
            work.halt.request(reason)

    def close(self) -> None:
        """When everything has ended."""
        self._pool.shutdown(wait=not self.works)

    # --- beginning ------------------------------------------------------------------------------------------------

    def begin(self, order: Order, key: bytes | None = None) -> Work:
        """A new run, for a key if one came. Raises `Declined`."""

        def remember(work: Work) -> None:
            path = order.job.path
            entry = Entry.begun(work.run, order.job.name, str(path.relative_to(self._recall.state_dir)), self._now())
            self._registry.add(entry._replace(before=self._newest_number(path)), key, order.body)

        return self._started(order, secrets.token_urlsafe(_ID_BYTES), remember)

    def resume(self, entry: Entry, order: Order) -> Work:
        """Goes on with a run, under its own id. Raises `Declined`."""
        if order.job.path != self._recall.path_of(entry):
            same = order.job.name == entry.sync
            found = "one that goes into another account" if same else f"one of the sync {order.job.name!r}"
            expected = "the run's own" if same else f"one of the sync {entry.sync!r}"
            raise declined(409, "the configuration", found, expected, "Resume a run with its own configuration.")

        def remember(work: Work) -> None:
            if not self._recall.standing(entry).resumable:
                found = "there is nothing left of this run to go on with"
                raise declined(409, "the run", found, "a run that is resumable", "Begin a new one, with its data.")
            self._registry.update(entry.id, status="queued", ended=None)

        return self._started(order, entry.id, remember)

    def _started(self, order: Order, run: str, remember: Callable[[Work], None]) -> Work:
        """A run that is accepted is remembered before it may begin; one that cannot be is not accepted."""
        work = Work(run, order, self._delivers)
        with self._lock:
            self._check_room()
            self._check_alone(order)
            self._works[run] = work
        try:
            if Lock.is_held(order.job.lock_path):
                raise Declined(409, [LOCKED])
            remember(work)
        except BaseException as error:
            self._forget(work)
            if isinstance(error, sqlite3.Error):
                tell("registry", trouble=str(error))
                raise later(503, MAINTENANCE) from None
            raise
        self._pool.submit(self._run, work)
        return work

    def _check_alone(self, order: Order) -> None:
        for work in self._works.values():
            if work.order.job.path == order.job.path:
                place = f"/runs/{work.run}"
                found, fix = f"the run {work.run} of it, at work", f"Wait until `GET {place}` says that it has ended."
                raise declined(409, "the sync", found, "one run at a time", fix, [("location", place)])

    def _forget(self, work: Work) -> None:
        with self._lock:
            self._works.pop(work.run, None)

    # --- the thread of a run --------------------------------------------------------------------------------------

    def _run(self, work: Work) -> None:
        work.status = "running"
        ended = self._ended(work)
        try:
            with self._noting():
                work.order.discard()
                self._remember(work, ended)
        finally:  # whatever happens, somebody waits
            self._forget(work)
            self._on_end(work, ended)
            work.ended.set_result(ended)

    def _ended(self, work: Work) -> Ended:
        """What the sync came to. A bug is an end, too."""
        name = work.order.job.name
        try:
            if work.halt.requested:
                raise Interrupted(work.halt.reason)
            with self._noting():
                self._registry.update(work.run, status="running", started=self._now())
            report = self._sync(work.order, work.halt, work.progress)
        except Exception as error:
            if not isinstance(error, SynclineError) or isinstance(error, Bug):
                tell_bug(error)
            elif isinstance(error, (LedgerRefused, LedgerFailed)):
                tell("ledger", trouble=str(error))
            tell("run refused", sync=name, why=type(error).__name__)
            return error
        tell("run ended", sync=name, status=report.status, rows=report.read, requests=report.requests)
        return report

    def _delivers(self, work: Work) -> None:
        """A plan that is durable needs no upload any more, and a later process can go on with it. What is delivered
        before is no plan: questions that the run before has left open."""
        with self._noting():
            entry, number = self._registry.find(work.run), self._newest_number(work.order.job.path)
            if entry is not None and number > entry.before:
                self._registry.update(work.run, number=number)
                work.order.discard()

    def _remember(self, work: Work, ended: Ended) -> None:
        """Without a plan nothing was sent, and the run was refused; its ledger knows nothing of that."""
        if isinstance(ended, Report):
            said: Said = {"warnings": ended.warnings, "caveats": ended.caveats, "notes": ended.notes}
            self._registry.update(work.run, number=ended.run)
            self._registry.end(work.run, "ended", said, self._now())
        elif (entry := self._registry.find(work.run)) is not None:
            said = dict(entry.said) | {"problems": [problem._asdict() for problem in problems_of(ended)]}
            self._registry.end(work.run, "refused" if entry.number is None else "ended", said, self._now())
            if entry.number is None and self.stopping:
                self._registry.forget_key(work.run)

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """What cannot be noted is told, and the run goes on: its ledger is what counts."""
        try:
            yield
        except (sqlite3.Error, OSError, Declined) as error:
            tell("registry", trouble=f"{type(error).__name__}: {error}")

    def _newest_number(self, path: Path) -> int:
        last = newest(path)
        return last.run if last is not None else 0
