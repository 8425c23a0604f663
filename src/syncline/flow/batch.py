"""Changes → requests' worth of items, packed by exact bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from syncline.errors import Unfit
from syncline.model import BatchLimits, Change, Item, Outcome, Settled


class Batch(NamedTuple):
    """Items that share a request, and the changes that cannot be sent at all (met on the way)."""

    items: Sequence[Item]
    unfit: Sequence[Settled] = ()


def batches(
    changes: Iterable[Sequence[Change]],
    encode: Callable[[Change], Item],
    limits: BatchLimits,
    canary_items: int,
) -> Iterator[Batch]:
    """In plan order; the first batch holds at most `canary_items` (the engine's policy says how many and why)."""
    items: list[Item] = []
    unfit: list[Settled] = []
    size, most = limits.envelope, min(canary_items, limits.items)
    for chunk in changes:
        for change in chunk:
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
