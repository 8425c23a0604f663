"""source → extract → mapping → diff → a durable plan: exactly what will be sent, before the first request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from syncline.delivery import Halt
from syncline.errors import DataRefused, Interrupted, SourceBroke, Unfit
from syncline.flow.diff import differs, fold
from syncline.flow.extract import extract
from syncline.flow.mapping import Mapper
from syncline.job import Data, Job, Options, Watch
from syncline.ledger import Draft, Folded, Growth, Planned
from syncline.model import Belief, Change, Invalid, Kind, Record, RowRef
from syncline.ports import Source


class Mapped(NamedTuple):
    """Mapped rows, chunk by chunk. `share`: how much of the source was read, from 0 to 1, where that is known."""

    chunks: Iterator[tuple[list[Record], list[Invalid]]]
    share: Callable[[], float | None]


NOTHING = Mapped(iter(()), lambda: None)


def mapped_rows(job: Job, data: Data | None, options: Options, mapper: Mapper, halt: Halt) -> Mapped:
    """Mapped chunks; the first is made at once, so that what cannot be read is refused here. Whoever asks to stop does
    not wait for a pipe that has nothing."""

    def waiting() -> None:
        if halt.requested:
            raise Interrupted(halt.reason)

    source = job.source(data, waiting)
    chunks = map(mapper, extract(source, options.limit))
    first = next(chunks, None)
    if mapper.names_seen and not mapper.identified:
        rows = len(first[0]) + len(first[1]) if first else 0
        whom = f"the field {job.recipe.user_id!r}, which userId names"
        which = "the one row has not" if rows == 1 else f"none of the first {rows:,} rows has"
        expected = f"one of those that rows have: {', '.join(mapper.names_seen[:10])}"
        fix = _meant(job.recipe.user_id, mapper.names_seen)
        raise DataRefused(job.problem("userId", f"{which} {whom}", expected, fix))
    return Mapped(iter(()) if first is None else chain([first], chunks), lambda: _share(source))


def _meant(named: str, names: Sequence[str]) -> str:
    """What to do about it; a hint at the name that is the same but for its case and the blanks around it."""
    near = (name for name in names if name.strip().casefold() == named.strip().casefold())
    hints = (f"Did you mean {json.dumps(name, ensure_ascii=False)}?" for name in near)
    return next(hints, "Set userId to the field that identifies a person.")


def _share(source: Source) -> float | None:
    read, total = source.position()
    return read / total if total else None


class Made(NamedTuple):
    """A plan, and what is to be told about it."""

    plan: Planned
    notes: list[str]
    warnings: list[str]


def make_plan(draft: Draft, mapped: Mapped, job: Job, options: Options, halt: Halt, watch: Watch) -> Made:
    """Diffs chunk by chunk; folds repeated keys at the end, over the whole source. One transaction."""
    broke, planner = "", Planner(draft, job, options)
    try:
        for records, invalid in mapped.chunks:
            if halt.requested:
                break
            planner.add(records, invalid)
            watch.planning(planner.read, mapped.share())
    except SourceBroke as early:
        broke = str(early)
    if halt.requested:
        raise Interrupted(halt.reason)
    plan = planner.seal(broke)
    return Made(plan, plan_notes(plan), plan_warnings(plan, planner.clock))


class Planner:
    """Records → a draft: those that differ from what is believed held, and fit. read: rows taken so far; clock: what is
    to be told of a clock that cannot be right."""

    def __init__(self, draft: Draft, job: Job, options: Options) -> None:
        self._draft, self._job, self._options = draft, job, options
        self._only = job.only(options)
        self._refresh, self.clock = job.refresh(options).trusting(draft.beliefs.newest_acknowledgement())
        self.read = 0

    def add(self, records: list[Record], invalid: list[Invalid]) -> None:
        if self._only is not None:
            records = [record for record in records if record.key in self._only]
            invalid = [row for row in invalid if row.key in self._only]
        self.read += len(records) + len(invalid)
        records = self._with_earlier(records)
        beliefs = {} if self._options.full else self._draft.beliefs.of([record.key for record in records])
        fit, unfit = _fit(self._job, _diff(records, beliefs, self._is_sent))
        self._draft.stage(fit)
        self._draft.refuse(invalid + unfit)

    def _with_earlier(self, records: list[Record]) -> list[Record]:
        """Whom an earlier portion had already is told of whole again: what this row does not say was not taken back.
        It is the first row of a key that is folded with what was; those after it are folded with it."""
        earlier = self._draft.beliefs.met_before([record.key for record in records])
        return [self._onto(earlier.pop(one.key), one) if one.key in earlier else one for one in records]

    def _onto(self, before: bytes, record: Record) -> Record:
        body = fold([before, record.body], merges=self._job.destination.semantics.merges)
        return self._job.recipe.record(record.ref, record.key, body)

    def fold_away(self, rows: int) -> None:
        """Rows that are the same as others of this run."""
        self.read += rows
        self._draft.fold_away(rows)

    def seal(self, broke: str = "", growth: Growth | None = None) -> Planned:
        adopt = self._options.adopt
        plan = self._draft.seal(
            self._folded,
            self.read,
            broke,
            adopt=adopt,
            growth=growth,
            spares=self._spares,
            findable_by=self._job.destination.findable_by,
        )
        ages = not self._options.full and self._refresh.every_s is not None
        return plan if ages else plan._replace(refreshed=0)

    def _spares(self, key: str, at: float) -> bool:
        """What was refused is sent again when it is asked for by name, and when the refusal is as old as a belief may
        be: the destination may have changed its mind."""
        asked = self._options
        if asked.full or asked.adopt or asked.retry_rejected or self._only is not None:
            return False
        return not self._refresh.is_old(key, at)

    def _is_sent(self, record: Record, belief: Belief | None) -> bool:
        return differs(record, belief) or (belief is not None and self._refresh.is_due(record.key, belief))

    def _folded(self, key: str, ref: RowRef, bodies: Iterable[bytes], belief: Belief | None) -> Folded:
        body = fold(bodies, merges=self._job.destination.semantics.merges)
        record = self._job.recipe.record(ref, key, body)
        self._job.destination.encode(Change(0, ref, key, Kind.UPSERT, body))
        return Folded(record, self._options.full or self._is_sent(record, belief))


def plan_warnings(plan: Planned, clock: str) -> list[str]:
    well = "and still answer that all is well"
    shared = "people share a further identity (an e-mail, say) with somebody else in the data"
    moved = "of those to send have another e-mail address than the destination was told before"
    warnings = [clock] if clock else []
    if plan.first_shared is not None:
        where = _first(plan.first_shared)
        warnings.append(f"{plan.shared:,} {shared} {where}: the destination may take them for one, {well}")
    if plan.first_moved is not None:
        where = _first(plan.first_moved)
        warnings.append(f"{plan.moved:,} {moved} {where}: it may keep the old one, {well}")
    return warnings


def _first(ref: RowRef) -> str:
    return f"(the first: {ref.file} row {ref.row})"


def plan_notes(plan: Planned) -> list[str]:
    """What the ledger does not keep: that rows were adopted, it says itself."""
    notes = []
    if plan.in_doubt:
        notes.append(f"{plan.in_doubt:,} of the adopted stay in doubt, and the next run sends them")
    if plan.refreshed:
        notes.append(f"{plan.refreshed:,} unchanged rows are sent again: their last acknowledgement is old (`refresh`)")
    return notes


def _diff(
    records: Iterable[Record],
    beliefs: Mapping[str, Belief],
    is_sent: Callable[[Record, Belief | None], bool],
) -> Iterator[tuple[Record, Belief | None]]:
    """Each record with the belief it equals, or None: then there is something to send."""
    for record in records:
        belief = beliefs.get(record.key)
        yield record, None if is_sent(record, belief) else belief


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
            unfit.append(Invalid(record.ref, record.key, no.field, no.reason, no.rule))
    return fit, unfit
