"""source → … → a plan that grows: each page of an API source is mapped, compared and planned while the next is read.

A portion and the place to go on from become durable in one transaction, so a run that was killed reads on from there.
What is planned is delivered meanwhile, in batches as large as they may be.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial

from syncline.delivery import Bookmark, Delivery, Gauge, Halt, Portion, Signal, Sink, Wanted, World, read
from syncline.errors import LedgerFailed, NothingToResume
from syncline.flow.mapping import Mapper
from syncline.job import Job, Options
from syncline.ledger import Figures, Growth, Journal, Planned, RunRecord, seen, unplanned, unread
from syncline.model import Change, Record, Row, Stop
from syncline.plan import Planner, plan_notes, plan_warnings
from syncline.ports import ApiSource
from syncline.send import send

_SIGNALLED = {"interrupted", "terminated"}


class Stream:
    """An API source on its way into a ledger; a `Feed`. run: 0 until the source gave its first portion."""

    nothing_left = False
    sends = True

    def __init__(
        self,
        job: Job,
        db: sqlite3.Connection,
        source: ApiSource,
        mapper: Mapper,
        options: Options,
        begun: Callable[[], None],
    ) -> None:
        self._job, self._db, self._source, self._mapper, self._options = job, db, source, mapper, options
        self._begun = begun  # to be told when there is a plan
        self._mark = Bookmark(source.first)
        self._gauge = Gauge()  # of reading
        self._reads = True
        self._sending: Halt | None = None
        self._portions = Planned(0, 0, 0, 0, 0, 0, 0)
        self._told: dict[str, None] = {}
        self.more = Signal()
        self.run = 0
        self.stop: Stop | None = None

    def go_on(self, record: RunRecord, warnings: Sequence[str]) -> bool:
        """Takes the place where a run stopped, and what it was told to do. False when it has nothing left to read."""
        if record.bookmark is None:
            return False
        place = json.loads(record.bookmark)
        again = [Wanted(ref, number) for ref, number in unread(self._db, self._job.path)]
        if place["listing"] != self._source.listing:
            raise NothingToResume(
                f"run {record.run} read {place['listing']}, and the configuration now says {self._source.listing}:"
                " set it back, or run without --resume"
            )
        self._mark = Bookmark(place["cursor"], place["listed"], again)
        self._options = Options(**place["options"])
        if not (place["cursor"] or again):
            return False
        self.run = record.run
        self.stop = Stop("source", record.source_stop) if record.source_stop else None
        self._told |= dict.fromkeys(warnings)
        self.journal.reopen()
        return True

    # --- what the run asks ----------------------------------------------------------------------------------------

    @property
    def journal(self) -> Journal:
        return Journal(self._db, self._job.path, self.run, time.time)

    @property
    def planned(self) -> Planned:
        """All portions, added up."""
        return self._portions

    @property
    def source_requests(self) -> int:
        return self._gauge.requests

    @property
    def notes(self) -> list[str]:
        return plan_notes(self._portions)

    @property
    def warnings(self) -> list[str]:
        told = [*self._told, *plan_warnings(self._portions, "")]
        return [*told, *self._job.unmet(self._mapper, self._portions.read, self._options)]

    def close(self, status: str, stop: Stop | None, figures: Figures) -> None:
        """Ends the run; where the source gave nothing at all there is nothing to it but its end."""
        if self.run:
            self.journal.close(status, stop, figures)
        else:
            if stop is not None and stop.reason in _SIGNALLED:
                stop = stop._replace(message="nothing was planned yet: run again")
            elif stop is not None:  # there is no plan to go on with
                stop = stop._replace(message=stop.message.replace("run with --resume", "run again"))
            self.run = unplanned(self._db, self._job.path, self._job.new_run(self._options), status, stop, figures)

    # --- reading --------------------------------------------------------------------------------------------------

    async def reading(self, world: World, halt: Halt, gauge: Gauge, sending: Halt | None = None) -> None:
        """Reads to the end, or a stop. Whoever delivers meanwhile is told of each portion, and of the end; sending:
        what stops them when the disk fails."""
        gauge.source, self._sending = self._gauge, sending
        self._delivered = gauge
        try:
            stop = await read(
                self._source,
                Sink(self._take, self._seen),
                world,
                parallelism=self._job.parallelism,
                mark=self._mark,
                limit=self._options.limit,
                halt=halt,
                gauge=self._gauge,
                policy=self._job.policy,
            )
            if stop is not None:
                named = stop.message if stop.reason in _SIGNALLED else f"{self._source.name}: {stop.message}"
                self.stop = stop._replace(message=named)
        finally:
            self._reads = False
            self.more.ring()

    def _seen(self, refs: Sequence[str]) -> Collection[str]:
        return seen(self._db, self._job.path, refs) if self.run else ()

    def _take(self, portion: Portion) -> None:
        """A portion → a part of the plan, in one transaction with the place to go on from."""
        try:
            self._plan(portion)
        except LedgerFailed as failure:  # at once, for the requests that are still being read may take long
            if self._sending is not None:
                self._sending.request("disk", str(failure))
            raise

    def _plan(self, portion: Portion) -> None:
        rows = self._not_met(portion)
        records, invalid = self._mapper(rows)
        with self._job.draft(self._db, self._options, self.run or None) as draft:
            planner = Planner(draft, self._job, self._options)
            if self._options.only is None:
                planner.fold_away(portion.repeated + len(portion.rows) - len(rows))
            planner.add(records, invalid)
            plan = planner.seal(portion.broke, self._growth(portion, rows, records))
        if not self.run:
            self._begun()
        self.run = plan.run
        self._add(plan, planner.clock)
        self.more.ring()

    def _not_met(self, portion: Portion) -> list[Row]:
        """Two names may lead to one profile: the rows that no earlier name has brought."""
        names = [row.name for row in portion.rows if row.name and row.name not in portion.refs]
        met = set(self._seen(names))
        rows: list[Row] = []
        for row in portion.rows:
            if row.name not in met:
                rows.append(row)
                met |= {row.name} if row.name else set()
        return rows

    def _growth(self, portion: Portion, rows: Sequence[Row], records: Sequence[Record]) -> Growth:
        """rows: of the portion, those that were not met before; records: what became of them."""
        keys = {record.ref.row: record.key for record in records}
        options = self._options._asdict() | {"resume": False}
        place = {
            "source": self._source.name,
            "listing": self._source.listing,
            "cursor": portion.cursor,
            "listed": portion.listed,
            "options": options,
        }
        named = {row.name: (row.name, row.ref.row, None, keys.get(row.ref.row)) for row in rows if row.name}
        read = {ref: (ref, number, None, keys.get(number)) for ref, number in portion.refs.items()}
        missing = {one.ref: (one.ref, one.number, one.reason, None) for one in portion.unread}
        return Growth(json.dumps(place), [*(named | read | missing).values()])

    def _add(self, plan: Planned, clock: str) -> None:
        sums = {name: getattr(self._portions, name) + getattr(plan, name) for name in _ADDED}
        self._portions = self._portions._replace(run=plan.run, **sums)
        if self._portions.first_shared is None:
            self._portions = self._portions._replace(first_shared=plan.first_shared)
        if self._portions.first_moved is None:
            self._portions = self._portions._replace(first_moved=plan.first_moved)
        self._told |= dict.fromkeys(filter(None, [clock]))
        self._delivered.planned += plan.entries

    # --- delivering -----------------------------------------------------------------------------------------------

    def tickets(self) -> Iterator[tuple[bytes, Sequence[Change]]]:
        """Until there is a first portion, the ledger holds the plan of another run, which is none of our business."""
        return self.journal.tickets() if self.run else iter(())

    def pending(self) -> Iterator[Sequence[Change] | None]:
        """The plan as far as it has grown; None while there may be more to come."""
        after = 0
        while True:
            reads = self._reads  # asked first: what came before the end of reading is not missed
            for changes in self.journal.pending(after) if self.run else ():
                after = changes[-1].entry
                yield changes
            if not reads:
                return
            if self._reads:  # else the end came meanwhile, and there may be more: nobody would ring again
                yield None

    def held(self) -> bool:
        return self.run > 0 and self.journal.count_held() > 0

    async def flow(self, world: World, halt: Halt, gauge: Gauge) -> Delivery:
        """Reads and delivers side by side. When delivery stops, so does reading; when reading stops, what was read is
        delivered, unless the disk failed: then nobody sends any more."""
        halt_reading, halt_sending = Halt(), Halt()
        unlisten = [halt.listen(partial(_pass_on, halt, to)) for to in (halt_reading, halt_sending)]
        reading = asyncio.create_task(self.reading(world, halt_reading, gauge, halt_sending))
        try:
            return await send(self, self._job, world, halt_sending, gauge)
        finally:
            halt_reading.request("interrupted")
            await reading
            for end in unlisten:
                end()


def _pass_on(halt: Halt, to: Halt) -> None:
    to.request(halt.reason)


_ADDED = (
    "read",
    "unchanged",
    "folded",
    "invalid",
    "rejected",
    "entries",
    "new",
    "adopted",
    "in_doubt",
    "refreshed",
    "shared",
    "moved",
)
