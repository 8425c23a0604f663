"""The whole tool on one screen: source → extract → mapping → diff → [plan] → batch → deliver → ledger → report."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random

from syncline.delivery import Delivery, Gauge, Halt, Policy, World, deliver
from syncline.errors import LedgerFailed
from syncline.flow.batch import batches
from syncline.flow.report import Report
from syncline.history import report_of, status_of
from syncline.job import Data, Job, Options, Watch, no_watch
from syncline.ledger import Journal, bury_the_dead
from syncline.loops import apart, new_event_loop
from syncline.notify import announced
from syncline.plan import make_plan, mapped_rows


def run(
    config: str | Path | Mapping[str, object],
    data: Data | None = None,
    *,
    limit: int | None = None,
    only: str | None = None,
    full: bool = False,
    resume: bool = False,
    adopt: bool = False,
    require_state: bool = False,
    reading: Mapping[str, str] | None = None,
    state_dir: str | Path | None = None,
    env_file: str | Path | None = None,
    halt: Halt | None = None,
    watch: Watch = no_watch,
) -> Report:
    """Syncs once and returns the report. Works inside a running event loop and off the main thread.

    config: a path, or the configuration as an object (which needs `name`). data: a path, several, or the rows
    themselves; it overrides `source`, and `reading` overrides how files are read ({"path": "data.users"}).
    Raises `Refusal` when nothing was sent, `Locked`, `LedgerFailed`.
    """
    job = Job.load(config, state_dir, env_file, reading)
    options, halt = Options(limit, only, full, resume, adopt, require_state), halt or Halt()
    job.refuse_oddities(options, data)
    return apart(lambda: announced(job, lambda: _run(job, data, options, halt, watch)), halt)


def _run(job: Job, data: Data | None, options: Options, halt: Halt, watch: Watch) -> Report:
    began = time.monotonic()
    mapper = job.recipe.mapper()
    # The first rows are read and mapped before the ledger is touched: bad data leaves no trace.
    mapped = None if options.resume else mapped_rows(job, data, options, mapper)
    notes = job.announced(options)
    with job.ledger(options) as (db, lock):
        if mapped is None:
            journal, planned, warnings = job.resumed(db, died_planning=lock.died_planning)
        else:
            lock.phase("planning")
            bury_the_dead(db, job.path, time.time)
            warnings = job.superseded(db, options)
            with job.draft(db, options) as draft:
                made = make_plan(draft, mapped, job, options, halt, watch)
            journal, planned = Journal(db, job.path, made.plan.run, time.time), made.plan.entries
            notes += made.notes
            warnings += made.warnings + job.unmet(mapper, made.plan.read, options)
        lock.phase("delivering")
        nothing_left = mapped is None and not planned
        if not nothing_left:
            ended = _deliver(journal, planned, job, halt, watch)
            if ended.unrecorded:  # the plan stays open, so that the next run takes what has no verdict for doubtful
                raise LedgerFailed(ended.stop.message if ended.stop else "verdicts could not be recorded")
            stop = ended.stop or job.source_stop(db, journal.run)
            lock.phase("merging")
            seconds = time.monotonic() - began
            journal.close(status_of(stop), stop, requests=ended.requests, sent_bytes=ended.sent_bytes, seconds=seconds)
        said = (warnings, job.destination.caveats, notes)
        report = report_of(db, journal.run, *said, nothing_left=nothing_left, fail_on=job.fail_on)
    report.check()
    return report


def _deliver(journal: Journal, planned: int, job: Job, halt: Halt, watch: Watch) -> Delivery:
    """The one part that waits: requests in parallel, verdicts into the journal."""
    from syncline.transport import Transport  # the HTTP client is slow to import, and only delivery needs it

    destination, gauge, canary = job.destination, Gauge(), Policy().canary_rows

    async def delivered() -> Delivery:
        async with Transport(job.parallelism) as post:
            world = World(post, Random(), time.time)  # noqa: S311 # jitter, not cryptography
            pending = lambda: batches(journal.pending(), destination.encode, destination.limits, canary)  # noqa: E731 # one use
            with watch.delivering(gauge, planned):
                return await deliver(
                    pending, destination, journal.settle, world, parallelism=job.parallelism, halt=halt, gauge=gauge
                )

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(delivered())
