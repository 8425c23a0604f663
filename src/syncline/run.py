"""The whole tool on one screen: source → extract → mapping → diff → [plan] → batch → deliver → ledger → report."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from random import Random

from syncline.delivery import Delivery, Gauge, Halt, World, deliver
from syncline.errors import DataRefused, Interrupted, LedgerFailed, SourceBroke, Unfit
from syncline.flow.batch import batches
from syncline.flow.diff import differs, fold
from syncline.flow.extract import extract
from syncline.flow.mapping import Mapper
from syncline.flow.report import Preview, Report
from syncline.history import report_of, status_of
from syncline.job import Data, Job, Options, Watch, apart, new_event_loop, no_watch, preview_of
from syncline.ledger import Draft, Folded, Journal, Planned, bury_the_dead
from syncline.model import Belief, Change, Invalid, Kind, Record, RowRef

Mapped = Iterator[tuple[list[Record], list[Invalid]]]


def run(
    config: str | Path | Mapping[str, object],
    data: Data | None = None,
    *,
    limit: int | None = None,
    only: str | None = None,
    full: bool = False,
    resume: bool = False,
    state_dir: str | Path | None = None,
    halt: Halt | None = None,
    watch: Watch = no_watch,
) -> Report:
    """Syncs once and returns the report. Works inside a running event loop and off the main thread.

    config: a path, or the configuration as an object (which needs `name`). data: a path, or the rows themselves;
    it overrides `source`. Raises `Refusal` when nothing was sent, `Locked`, `LedgerFailed`.
    """
    job = Job.load(config, state_dir)
    options, halt = Options(limit, only, full, resume), halt or Halt()
    job.refuse_oddities(options, data)
    return apart(lambda: _run(job, data, options, halt, watch), halt)


def _run(job: Job, data: Data | None, options: Options, halt: Halt, watch: Watch) -> Report:
    began = time.monotonic()
    mapper = job.mapper()
    # The first rows are read and mapped before the ledger is touched: bad data leaves no trace.
    mapped = None if options.resume else _mapped(job, data, options, mapper)
    with job.ledger(options) as (db, lock):
        if mapped is None:
            journal, planned, warnings = job.resumed(db, died_planning=lock.died_planning)
        else:
            lock.phase("planning")
            bury_the_dead(db, job.path, time.time)
            warnings = job.superseded(db, options)
            with job.draft(db) as draft:
                plan = _plan(draft, mapped, job, options, halt, watch)
            journal, planned = Journal(db, job.path, plan.run, time.time), plan.entries
            warnings += job.unmet(mapper, plan.read, options)
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
        report = report_of(db, journal.run, [*warnings], job.destination.caveats, nothing_left=nothing_left)
    report.check()
    return report


def preview(
    config: str | Path | Mapping[str, object],
    data: Data | None = None,
    *,
    limit: int | None = None,
    only: str | None = None,
    full: bool = False,
    state_dir: str | Path | None = None,
    watch: Watch = no_watch,
) -> Preview:
    """What `run` would send. Plans in a private copy of the ledger: takes no lock, changes nothing, sends nothing."""
    job = Job.load(config, state_dir)
    options = Options(limit, only, full)
    job.refuse_oddities(options, data)
    mapped = _mapped(job, data, options, mapper := job.mapper())
    with job.scratch_ledger() as db:
        bury_the_dead(db, job.path, time.time)
        with job.draft(db) as draft:
            plan = _plan(draft, mapped, job, options, Halt(), watch)
            pending = Journal(db, job.path, plan.run, time.time).pending()
            requests = batches(pending, job.destination.encode, job.destination.limits)
            warnings, stop = job.unmet(mapper, plan.read, options), job.source_stop(db, plan.run)
            return preview_of(plan, draft.previewed(), requests, job, warnings, stop)


def _mapped(job: Job, data: Data | None, options: Options, mapper: Mapper) -> Mapped:
    """Mapped chunks; the first is made at once, so that what cannot be read is refused here."""
    chunks = map(mapper, extract(job.source(data), options.limit))
    first = next(chunks, None)
    if mapper.names_seen and not mapper.identified:
        have = ", ".join(mapper.names_seen[:10])
        rows = len(first[0]) + len(first[1]) if first else 0
        raise DataRefused(
            f"none of the first {rows:,} rows has the field {job.user_id!r}, which userId names; rows have: {have}"
        )
    return iter(()) if first is None else chain([first], chunks)


def _plan(draft: Draft, mapped: Mapped, job: Job, options: Options, halt: Halt, watch: Watch) -> Planned:
    """Diffs chunk by chunk; folds repeated keys at the end, over the whole source. One transaction."""
    read, broke, only = 0, None, job.only(options)
    try:
        for records, invalid in mapped:
            if halt.requested:
                break
            if only is not None:
                records = [record for record in records if record.key in only]
                invalid = [row for row in invalid if row.key in only]
            read += len(records) + len(invalid)
            beliefs = {} if options.full else draft.believed([record.key for record in records])
            fit, unfit = _fit(job, _diff(records, beliefs))
            draft.stage(fit)
            draft.refuse(invalid + unfit)
            watch.planning(read)
    except SourceBroke as early:
        broke = str(early)
    if halt.requested:
        raise Interrupted(halt.reason)

    def folded(key: str, ref: RowRef, bodies: Iterable[bytes], belief: Belief | None) -> Folded:
        body = fold(bodies, merges=job.destination.semantics.merges)
        record = Record(ref, key, body, job.digest(body))
        job.destination.encode(Change(0, ref, key, Kind.UPSERT, body))
        return Folded(record, options.full or differs(record, belief))

    return draft.seal(folded, read, broke)


def _diff(records: Iterable[Record], beliefs: Mapping[str, Belief]) -> Iterator[tuple[Record, Belief | None]]:
    """Each record with the belief it equals, or None: then there is something to send."""
    for record in records:
        belief = beliefs.get(record.key)
        yield record, None if differs(record, belief) else belief


def _fit(
    job: Job, diffed: Iterable[tuple[Record, Belief | None]]
) -> tuple[list[tuple[Record, Belief | None]], list[Invalid]]:
    """What the destination's limits allow; the encoded form is measured before the first request."""
    fit: list[tuple[Record, Belief | None]] = []
    unfit: list[Invalid] = []
    for record, belief in diffed:
        try:
            if belief is None:
                job.destination.encode(Change(0, record.ref, record.key, Kind.UPSERT, record.body))
            fit.append((record, belief))
        except Unfit as no:
            unfit.append(Invalid(record.ref, record.key, no.field, no.reason))
    return fit, unfit


def _deliver(journal: Journal, planned: int, job: Job, halt: Halt, watch: Watch) -> Delivery:
    """The one part that waits: requests in parallel, verdicts into the journal."""
    from syncline.transport import Transport  # the HTTP client is slow to import, and only delivery needs it

    destination, gauge = job.destination, Gauge()

    async def delivered() -> Delivery:
        async with Transport(job.parallelism) as post:
            world = World(post, Random(), time.time)  # noqa: S311 # jitter, not cryptography
            pending = lambda: batches(journal.pending(), destination.encode, destination.limits)  # noqa: E731 # one use
            with watch.delivering(gauge, planned):
                return await deliver(
                    pending, destination, journal.settle, world, parallelism=job.parallelism, halt=halt, gauge=gauge
                )

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(delivered())
