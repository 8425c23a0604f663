"""Batches → settled changes: the engine at work for an outbox."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from syncline.delivery.attempt import World
from syncline.delivery.controls import Gauge, Halt, Signal
from syncline.delivery.engine import Engine
from syncline.delivery.outbox import Batches, Keep, Outbox
from syncline.delivery.policy import Policy
from syncline.delivery.scribe import Scribe
from syncline.errors import LedgerFailed
from syncline.model import Change, Stop
from syncline.ports import Destination, Settle


class Delivery(NamedTuple):
    """How it ended: `stop` is None when every change was settled for good.

    unrecorded: words about changes that the disk did not take. Such changes have no word, and yet they were sent: as
    long as there are any, nobody may conclude that what has no word was never sent. remarks: what was odd, and cost
    nobody anything.
    """

    stop: Stop | None
    requests: int
    sent_bytes: int
    unrecorded: int = 0
    remarks: Sequence[str] = ()


def _keeps_nothing(changes: Sequence[Change], ticket: bytes | None) -> None:
    raise LedgerFailed("there is nowhere to keep a ticket")


async def deliver(
    batches: Batches,
    destination: Destination,
    settle: Settle,
    world: World,
    *,
    parallelism: int,
    keep: Keep = _keeps_nothing,
    halt: Halt | None = None,
    gauge: Gauge | None = None,
    policy: Policy | None = None,
    more: Signal | None = None,
    sends: bool = True,
    released: Callable[[], bool] = lambda: False,
) -> Delivery:
    """Delivers what `batches` gives; asked again, it must give what is still unsettled.

    sends: may it send, or only ask by its tickets? more: rings, in this thread, when batches that had nothing at the
    moment may have something again. released: would `batches`, asked again, give what had to wait until now?
    """
    gauge, policy = gauge or Gauge(), policy or Policy()
    scribe = Scribe(settle, policy)
    outbox = Outbox(batches, destination, scribe, keep, gauge, policy, sends=sends, released=released)
    engine = Engine(outbox, world, parallelism, gauge, policy)
    scribe.tell(engine.disk_failed)
    await engine.run(halt or Halt(), more)
    return Delivery(engine.stop, gauge.requests, gauge.sent_bytes, scribe.held, engine.remarks)
