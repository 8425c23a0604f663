"""From a simulated Segment space to a simulated Voucherify: the real plan, engine and ledger, in virtual time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import virtual
from simulated import Both, Space, Vouchers
from syncline.delivery import Gauge, Halt, World
from syncline.flow.report import Report
from syncline.history import report_of, status_of
from syncline.job import Job, Options
from syncline.ledger import Figures, Journal, bury_the_dead, plan_run
from syncline.run import _resumed
from syncline.send import Feed, OpenTickets
from syncline.stream import Stream


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

    def config(self) -> dict[str, object]:
        mappings = [{"from": "traits.name", "to": "name"}, {"from": "traits.plan", "to": "metadata.plan"}]
        source = {"type": "segment", "spaceId": "s", "accessToken": "t", **self.source}
        destination = {"type": "voucherify", "applicationId": "app", "secretKey": "secret", **self.destination}
        config = {"name": "flow", "source": source, "destination": destination, "mappings": mappings}
        return {**config, "refresh": "off", **self.settings}

    def go(self, *, resume: bool = False, halt: Halt | None = None, **options: Any) -> Report:
        """One run; what it raises passes through, and leaves the ledger as a death would."""
        job = Job.load(self.config(), self.folder)
        asked = Options(resume=resume, **options)
        source, halt = job.api_source(None), halt or Halt()
        assert source is not None
        both = Both(segment=self.space, voucherify=self.vouchers)
        world = World(both, Random(1), lambda: virtual.EPOCH + virtual.now())
        with job.ledger(asked) as (db, lock):
            stream = Stream(job, db, source, job.recipe.mapper(), asked, lambda: lock.phase("delivering"))
            feed: Feed = stream
            if resume:
                feed = _resumed(job, db, lock, stream)
            else:
                bury_the_dead(db, job.path, time.time)
                last = plan_run(db)
                if last is not None and Journal(db, job.path, last.run, time.time).has_tickets():
                    tickets = OpenTickets(job, db, last.run)
                    tickets.journal.reopen()
                    virtual.run(tickets.flow(world, halt, Gauge()))
                    tickets.close(last.status, last.stopped, Figures())
            if not feed.nothing_left:
                gauge = Gauge()
                ended = virtual.run(self._timed(feed, world, halt, gauge))
                stop = ended.stop or feed.stop
                figures = Figures(ended.requests, feed.source_requests, ended.sent_bytes)
                feed.close(status_of(stop), stop, figures)
            report = report_of(db, feed.run, feed.warnings, (), feed.notes, nothing_left=feed.nothing_left)
        report.check()
        return report

    async def _timed(self, feed: Feed, world: World, halt: Halt, gauge: Gauge) -> Any:
        ended = await feed.flow(world, halt, gauge)
        self.seconds = virtual.now()
        return ended
