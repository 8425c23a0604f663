"""From a simulated Segment space to a simulated Voucherify: the real plan, engine and ledger, in virtual time."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from unittest.mock import patch

import virtual
from simulated import Both, Space, Vouchers
from syncline import config as configuration
from syncline import send
from syncline.delivery import Gauge, Halt, World
from syncline.flow.report import Report
from syncline.job import Job, Options, Watch
from syncline.ledger import Lock
from syncline.run import run_job
from syncline.sources.reading import Reading

T = TypeVar("T")


class _Open(Job):
    """A job that shows its ledger: what happens to the disk happens there."""

    opened: Callable[[sqlite3.Connection], None]

    @contextmanager
    def ledger(self, options: Options) -> Iterator[tuple[sqlite3.Connection, Lock]]:
        with super().ledger(options) as (db, lock):
            self.opened(db)
            yield db, lock


@dataclass
class Flow:
    """Runs, one after the other, over one ledger."""

    folder: Path
    space: Space = field(default_factory=Space)
    vouchers: Vouchers = field(default_factory=Vouchers)
    source: dict[str, Any] = field(default_factory=dict)
    destination: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    ledger: sqlite3.Connection = field(init=False)  # of the run that is at work

    def config(self) -> dict[str, object]:
        mappings = [{"from": "traits.name", "to": "name"}, {"from": "traits.plan", "to": "metadata.plan"}]
        source = {"type": "segment", "spaceId": "s", "accessToken": "t", **self.source}
        destination = {"type": "voucherify", "applicationId": "app", "secretKey": "secret", **self.destination}
        config = {"name": "flow", "source": source, "destination": destination, "mappings": mappings}
        return {**config, "refresh": "off", **self.settings}

    def go(self, *, resume: bool = False, halt: Halt | None = None, **options: Any) -> Report:
        """One run of the product, in virtual time; what it raises passes through, and leaves the ledger as a death
        would."""
        job = _Open(configuration.load(self.config()), self.folder, Reading())
        job.opened = self._opened
        with patch.object(send, "waited", self._waited):
            return run_job(job, None, Options(resume=resume, **options), halt or Halt())

    def _opened(self, db: sqlite3.Connection) -> None:
        self.ledger = db

    def _waited(self, work: Callable[[World, Gauge], Awaitable[T]], job: Job, watch: Watch) -> T:
        """In the place of `send.waited`: another event loop, and another internet."""
        both = Both(segment=self.space, voucherify=self.vouchers)
        world = World(both, Random(1), lambda: virtual.EPOCH + virtual.now())
        return virtual.run(self._timed(work(world, Gauge())))

    async def _timed(self, work: Awaitable[T]) -> T:
        ended = await work
        self.seconds = virtual.now()
        return ended


def flow(folder: Path, profiles: int = 250, **settings: Any) -> Flow:
    made = Flow(folder, **settings)
    made.space.add(profiles)
    return made


def counts(report: Report) -> dict[str, int]:
    return {str(outcome): count for outcome, count in report.counts.items() if count}
