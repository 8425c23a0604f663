"""Changes → requests' worth of items, packed by exact bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from syncline.errors import Unfit
from syncline.model import BatchLimits, Change, Item, Outcome, Settled


class Batch(NamedTuple):
    """Items that share a request, and the changes that cannot be sent at all (met on the way). `ticket`: they were sent
    already, and this is what to ask for their result by."""

    items: Sequence[Item]
    unfit: Sequence[Settled] = ()
    ticket: bytes | None = None


def batches(
    changes: Iterable[Sequence[Change] | None],
    encode: Callable[[Change], Item],
    limits: BatchLimits,
    canary_items: int,
) -> Iterator[Batch | None]:
    """In plan order; the first batch holds at most `canary_items` (the engine's policy says how many and why).

    None where `changes` has nothing at the moment: a plan that grows fills a batch before it is sent, for there may be
    few requests to be had.
    """
    items: list[Item] = []
    unfit: list[Settled] = []
    size, most = limits.envelope, min(canary_items, limits.items)
    for chunk in changes:
        if chunk is None:
            yield None
        for change in chunk or ():
            try:
                item = encode(change)
            except Unfit as reason:
                unfit.append(Settled(change, Outcome.INVALID, reason.reason, reason.field))
                continue
            cost = len(item.payload) + bool(items)  # a comma before every item but the first
            if items and (len(items) == most or size + cost > limits.bytes):
                yield Batch(items, unfit)
                items, unfit, size, most = [], [], limits.envelope, limits.items
                cost = len(item.payload)
            items.append(item)
            size += cost
    if items or unfit:
        yield Batch(items, unfit)


def asked_again(changes: Iterable[Change], ticket: bytes, encode: Callable[[Change], Item]) -> Batch:
    """What was sent under a ticket: encoded, should it have to be sent once more."""
    items: list[Item] = []
    unfit: list[Settled] = []
    for change in changes:
        try:
            items.append(encode(change))
        except Unfit as reason:
            unfit.append(Settled(change, Outcome.INVALID, reason.reason, reason.field))
    return Batch(items, unfit, ticket)
