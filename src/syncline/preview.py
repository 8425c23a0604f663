"""What a run would send, without sending it: the plan of a run, made in a private copy of the ledger."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from syncline.delivery import Halt
from syncline.flow.batch import Batch, batches
from syncline.flow.diff import changed_fields
from syncline.flow.report import Preview
from syncline.history import adopted_note, groups_of
from syncline.job import Data, Job, Options, Watch, no_watch
from syncline.ledger import Journal, Lock, Planned, bury_the_dead, previewed
from syncline.plan import NOTHING, make_plan, mapped_rows
from syncline.send import waited
from syncline.stream import Stream

_SAMPLES = 3
_ASSUMED_ANSWER_S = 0.1  # of one request, for the time a preview announces
_AT_WORK = "a run of this sync is at work, and what it delivers does not count here yet: ask again when it has ended"


def preview(
    config: str | Path | Mapping[str, object],
    data: Data | None = None,
    *,
    limit: int | None = None,
    only: str | None = None,
    full: bool = False,
    adopt: bool = False,
    require_state: bool = False,
    retry_rejected: bool = False,
    reading: Mapping[str, str] | None = None,
    strict_permissions: bool = False,
    state_dir: str | Path | None = None,
    env_file: str | Path | None = None,
    halt: Halt | None = None,
    watch: Watch = no_watch,
) -> Preview:
    """What `run` would send. Plans in a private copy of the ledger: takes no lock, changes nothing, sends nothing."""
    halt = halt or Halt()
    job = Job.load(config, state_dir, env_file, reading, strict_permissions=strict_permissions)
    options = Options(limit, only, full, adopt=adopt, require_state=require_state, retry_rejected=retry_rejected)
    job.refuse_oddities(options, data)
    job.require_state(options)
    mapper, source, notes = job.recipe.mapper(), job.api_source(data), job.announced(options)
    mapped = NOTHING if source is not None else mapped_rows(job, data, options, mapper, halt)
    is_at_work = Lock.is_held(job.lock_path)  # asked before the copy is made: in that, who has ended since has ended
    with job.scratch_ledger() as db:
        if is_at_work:
            warnings = [_AT_WORK]
        else:
            bury_the_dead(db, job.path, time.time)
            warnings = job.superseded(db, options)
        if source is not None:
            stream = Stream(job, db, source, mapper, options, begun=lambda: None)
            waited(lambda world, gauge: stream.reading(world, halt, gauge), job, watch)
            plan, stop = stream.planned, stream.stop
            notes, warnings = notes + stream.notes, warnings + stream.warnings
        else:
            with job.draft(db, options) as draft:
                made = make_plan(draft, mapped, job, options, halt, watch)
            plan, stop = made.plan, job.source_stop(db, made.plan.run)
            notes, warnings = notes + made.notes, warnings + made.warnings + job.unmet(mapper, plan.read, options)
        # A source that gave nothing left the plan of another run in its place.
        pending = Journal(db, job.path, plan.run, time.time).pending() if plan.run else iter(())
        requests = batches(pending, job.destination.encode, job.destination.limits, job.policy.canary_rows)
        notes += adopted_note(plan.adopted, "would be ")
        shown = _preview_of(plan, previewed(db) if plan.run else (), requests, job)
        return replace(shown, notes=notes, warnings=warnings, groups=groups_of(db, plan.run), stopped=stop)


def _preview_of(
    plan: Planned,
    entries: Iterable[tuple[str, bytes, bytes | None]],
    requests: Iterable[Batch | None],
    job: Job,
) -> Preview:
    """Counts what each entry would change, packs the requests as a run would, and keeps the first payloads."""
    fields: dict[str, int] = {}
    cleared = 0
    for _, body, held in entries:
        changes = changed_fields(held, body)
        for name in changes:
            fields[name] = fields.get(name, 0) + 1
        # Of somebody new there is nothing to clear.
        cleared += held is not None and any(after == b"null" != before for before, after in changes.values())
    samples: list[Mapping[str, object]] = []
    count = size = 0
    for batch in filter(None, requests):
        count += 1
        size += job.destination.limits.envelope + sum(len(item.payload) + 1 for item in batch.items) - 1
        some = batch.items[: _SAMPLES - len(samples)]
        samples += [{"key": item.change.key, "payload": msgspec.Raw(item.payload)} for item in some]
    counts = {"new": plan.new, "changed": plan.entries - plan.new, "unchanged": plan.unchanged, "folded": plan.folded}
    counts |= {"cleared": cleared, "deleted": 0, "invalid": plan.invalid, "rejected": plan.rejected}
    lane = next(iter(job.destination.lanes.values()))
    seconds = max(
        count / lane.rate,
        count * _ASSUMED_ANSWER_S / job.parallelism,
        plan.entries / lane.rows_per_second if lane.rows_per_second else 0.0,
    )
    return Preview(counts, dict(sorted(fields.items())), count, size, seconds, samples)
