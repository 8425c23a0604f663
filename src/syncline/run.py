"""The whole tool on one screen: source → extract → mapping → diff → [plan] → batch → deliver → ledger → report."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path

from syncline.delivery import Halt
from syncline.errors import Interrupted, NothingToResume
from syncline.flow.mapping import Mapper
from syncline.flow.report import Report
from syncline.history import both, report_of, status_of
from syncline.job import Data, Job, Options, Watch, no_watch
from syncline.ledger import Figures, Journal, Lock, bury_the_dead, plan_number, plan_run, unplanned
from syncline.loops import apart
from syncline.notify import announced
from syncline.plan import NOTHING, Mapped, make_plan, mapped_rows
from syncline.send import Feed, OpenTickets, WholePlan, delivered
from syncline.stream import Stream


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
    retry_rejected: bool = False,
    reading: Mapping[str, str] | None = None,
    strict_permissions: bool = False,
    state_dir: str | Path | None = None,
    env_file: str | Path | None = None,
    halt: Halt | None = None,
    watch: Watch = no_watch,
) -> Report:
    """Syncs once and returns the report. Works inside a running event loop and off the main thread.

    config: a path, or the configuration as an object (which needs `name`). data: a path, several, or the rows
    themselves; it overrides `source`, and `reading` overrides how files are read ({"path": "data.users"}).
    strict_permissions: refuses a configuration whose credentials others may read.
    Raises `Refusal` when nothing was sent, `Locked`, `LedgerFailed`.
    """
    job = Job.load(config, state_dir, env_file, reading, strict_permissions=strict_permissions)
    options = Options(limit, only, full, resume, adopt, require_state, retry_rejected)
    return run_job(job, data, options, halt or Halt(), watch)


def run_job(job: Job, data: Data | None, options: Options, halt: Halt, watch: Watch = no_watch) -> Report:
    """The same, for a configuration that was loaded already."""
    job.refuse_oddities(options, data)
    return apart(lambda: announced(job, lambda: _run(job, data, options, halt, watch)), halt)


def _run(job: Job, data: Data | None, options: Options, halt: Halt, watch: Watch) -> Report:
    began, notes = time.monotonic(), job.announced(options)
    mapper, source = job.recipe.mapper(), job.api_source(data)
    # The first rows are read and mapped before the ledger is touched: bad data leaves no trace.
    mapped = NOTHING if options.resume or source is not None else mapped_rows(job, data, options, mapper, halt)
    with job.ledger(options) as (db, lock):
        stream = (
            Stream(job, db, source, mapper, options, lambda: lock.phase("delivering")) if source is not None else None
        )
        warnings: list[str] = []
        if options.resume:
            feed = _resumed(job, db, lock, stream)
        else:
            lock.phase("asking")
            bury_the_dead(db, job.path, time.time)
            warnings += job.superseded(db, options)
            if (unheard := _asked_what_became_of_the_last(job, db, options, halt, watch, warnings)) is not None:
                return unheard
            lock.phase("planning", over=plan_number(db))
            feed = stream or _planned(job, db, lock, mapped, mapper, options, halt, watch)
        if not feed.nothing_left:
            ended = delivered(feed, job, halt, watch)
            lock.phase("merging")
            stop = both(ended.stop, feed.stop)
            figures = Figures(ended.requests, feed.source_requests, ended.sent_bytes, time.monotonic() - began)
            feed.close(status_of(stop), stop, figures)
            warnings += ended.remarks
        said = (warnings + feed.warnings, job.destination.caveats, notes + feed.notes)
        report = report_of(db, feed.run, *said, nothing_left=feed.nothing_left, fail_on=job.fail_on)
    report.check()
    return report


def _planned(
    job: Job,
    db: sqlite3.Connection,
    lock: Lock,
    mapped: Mapped,
    mapper: Mapper,
    options: Options,
    halt: Halt,
    watch: Watch,
) -> Feed:
    """A plan that is whole before the first request."""
    with job.draft(db, options) as draft:
        made = make_plan(draft, mapped, job, options, halt, watch)
    lock.phase("delivering")
    warnings = made.warnings + job.unmet(mapper, made.plan.read, options)
    return WholePlan(job, db, made.plan.run, made.notes, warnings)


def _resumed(job: Job, db: sqlite3.Connection, lock: Lock, stream: Stream | None) -> Feed:
    """The rest of the last plan, and of its API source."""
    record, warnings = job.resumed(db, died_over=lock.died_over)
    if stream is not None and stream.go_on(record, warnings):
        lock.phase("delivering")
        return stream
    if record.reads and stream is None:
        raise NothingToResume(
            f"run {record.run} had not read its source to the end, and the configuration names that source no more:"
            " set it back, or run without --resume"
        )
    lock.phase("delivering")
    rest = WholePlan(job, db, record.run, [], warnings)
    if rest.journal.count_pending():
        rest.journal.reopen()
    else:
        rest.nothing_left = True
        rest.warnings.append("nothing left to resume")
    return rest


def _asked_what_became_of_the_last(
    job: Job, db: sqlite3.Connection, options: Options, halt: Halt, watch: Watch, warnings: list[str]
) -> Report | None:
    """Before its plan is replaced: what the last run sent under a ticket may have a result by now. Where nobody could
    be asked, nothing new is planned over it: this run is over. What alone gives no answer, while others do, stays in
    doubt, and must not hold up everybody for ever."""
    last = plan_run(db)
    if last is None or not Journal(db, job.path, last.run, time.time).has_tickets():
        return None
    tickets = OpenTickets(job, db, last.run)
    tickets.journal.reopen()  # should this process die, the next one finds the run as it finds every dead one
    ended = delivered(tickets, job, halt, watch)
    status = status_of(ended.stop) if ended.stop else last.status
    tickets.close(status, ended.stop or last.stopped, Figures(ended.requests, 0, ended.sent_bytes))
    if halt.requested:
        raise Interrupted(halt.reason)
    if ended.stop is None:
        return None
    if ended.stop.reason == "faults":
        warnings.append(f"what became of some of run {last.run} could not be asked for: they are in doubt")
        return None
    why = f"what run {last.run} had sent could not be asked for, so nothing was planned over it: {ended.stop.message}"
    stop = ended.stop._replace(message=why)
    return report_of(db, unplanned(db, job.path, job.new_run(options), status_of(stop), stop, Figures()))
