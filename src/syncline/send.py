"""A plan → its delivery: requests in parallel, verdicts into the journal. A plan that grows is delivered as it does."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from random import Random
from typing import Protocol, TypeVar

from syncline.delivery import Delivery, Gauge, Halt, Signal, World, deliver
from syncline.discretion import discreet
from syncline.errors import LedgerFailed
from syncline.flow.batch import Batch, asked_again, batches
from syncline.job import Job, Watch
from syncline.ledger import Figures, Journal
from syncline.loops import new_event_loop
from syncline.model import Change, Lane, Request, Response, Settled, Stop

T = TypeVar("T")


class Feed(Protocol):
    """What is to be delivered, and what is to be told of it.

    more: rings when there is something again where there was nothing; stop: why its source ended early;
    source_requests: how many an API source was asked; nothing_left: a run is to be resumed that came to its end.
    """

    @property
    def run(self) -> int: ...
    @property
    def journal(self) -> Journal: ...
    @property
    def nothing_left(self) -> bool: ...
    @property
    def notes(self) -> list[str]: ...
    @property
    def warnings(self) -> list[str]: ...
    @property
    def more(self) -> Signal | None: ...
    @property
    def stop(self) -> Stop | None: ...
    @property
    def source_requests(self) -> int: ...
    @property
    def sends(self) -> bool: ...
    def tickets(self) -> Iterator[tuple[bytes, Sequence[Change]]]:
        """What was sent under a ticket and has no result yet."""
        ...

    def pending(self) -> Iterator[Sequence[Change] | None]:
        """What else is not settled for good, in plan order; None: nothing at the moment."""
        ...

    def held(self) -> bool:
        """Is there an entry that waited for an earlier one of its key, and waits no longer?"""
        ...

    async def flow(self, world: World, halt: Halt, gauge: Gauge) -> Delivery:
        """Until everything is delivered, or a stop."""
        ...

    def close(self, status: str, stop: Stop | None, figures: Figures) -> None:
        """Ends the run."""
        ...


class WholePlan:
    """A plan that was complete before the first request."""

    more = None
    source_requests = 0
    sends = True

    def __init__(
        self, job: Job, db: sqlite3.Connection, run: int, notes: Sequence[str] = (), warnings: Sequence[str] = ()
    ) -> None:
        self._job, self.run, self.notes, self.warnings = job, run, list(notes), list(warnings)
        self.journal = Journal(db, job.path, run, time.time)
        self.stop = job.source_stop(db, run)
        self.nothing_left = False

    def tickets(self) -> Iterator[tuple[bytes, Sequence[Change]]]:
        return self.journal.tickets()

    def pending(self) -> Iterator[Sequence[Change]]:
        return self.journal.pending()

    def held(self) -> bool:
        return self.journal.count_held() > 0

    async def flow(self, world: World, halt: Halt, gauge: Gauge) -> Delivery:
        gauge.planned = self.journal.count_pending()
        return await send(self, self._job, world, halt, gauge)

    def close(self, status: str, stop: Stop | None, figures: Figures) -> None:
        self.journal.close(status, stop, figures)


class OpenTickets(WholePlan):
    """What an earlier run sent, and never heard the result of. It is asked for, and not sent again."""

    sends = False

    def pending(self) -> Iterator[Sequence[Change]]:
        return iter(())

    def held(self) -> bool:
        return False


def delivered(feed: Feed, job: Job, halt: Halt, watch: Watch) -> Delivery:
    """The one part of a run that waits. Raises `LedgerFailed` where verdicts could not be recorded: the plan then stays
    open, so that the next run takes what has no verdict for doubtful."""
    ended = waited(lambda world, gauge: feed.flow(world, halt, gauge), job, watch)
    if ended.unrecorded:
        raise LedgerFailed(ended.stop.message if ended.stop else "verdicts could not be recorded")
    return ended


def waited(work: Callable[[World, Gauge], Awaitable[T]], job: Job, watch: Watch) -> T:
    """Runs `work` on an event loop of its own, with connections to the world."""
    from syncline.transport import Transport  # the HTTP client is slow to import, and only this needs it

    gauge = Gauge()

    async def working() -> T:
        async with Transport(2 * job.parallelism, job.trusted) as post:  # an API source has as many as the destination
            world = World(post, Random(), time.time)  # noqa: S311 # jitter, not cryptography
            with watch.delivering(gauge):
                return await work(world, gauge)

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(working())


async def send(feed: Feed, job: Job, world: World, halt: Halt, gauge: Gauge) -> Delivery:
    """Delivers until nothing is left, or a stop. What was sent under a ticket is asked for, not sent again."""
    destination, canary = job.destination, job.policy.canary_rows

    async def post(lane: Lane, request: Request) -> Response:
        """An acknowledgement holds no data of anybody's, and its words end in reports: of items that failed, say."""
        return discreet(await world.post(lane, request), lane)

    def work() -> Iterator[Batch | None]:
        for ticket, changes in feed.tickets():
            yield asked_again(changes, ticket, destination.encode)
        yield from batches(feed.pending(), destination.encode, destination.limits, canary)

    def settle(settled: Sequence[Settled]) -> None:
        feed.journal.settle(settled)

    def keep(changes: Sequence[Change], ticket: bytes | None) -> None:
        feed.journal.keep(changes, ticket)

    return await deliver(
        work,
        destination,
        settle,
        world._replace(post=post),
        parallelism=job.parallelism,
        keep=keep,
        halt=halt,
        gauge=gauge,
        policy=job.policy,
        more=feed.more,
        sends=feed.sends,
        released=feed.held,
    )
