"""Changes → requests' worth of items: nothing lost, nothing reordered, as much as fits and not a byte more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from play import answer, change, customerio, play
from syncline.delivery import Policy
from syncline.destinations.customerio import CustomerIo
from syncline.flow.batch import Batch, batches
from syncline.model import Change, Item, Outcome, Settled

CANARY = Policy().canary_rows
_WORDS = ["a", "é", "😀", '"', "\n"]


def body_of(destination: CustomerIo, some: Sequence[Item]) -> bytes:
    """The request as the destination really makes it."""
    ((request,), _) = play(destination.converse(some), answer())
    return request.body


def all_of(changes: Iterable[Sequence[Change]], destination: CustomerIo, canary: int = CANARY) -> list[Batch]:
    packed = batches(changes, destination.encode, destination.limits, canary)
    return [batch for batch in packed if batch is not None]


def entries(packed: Iterable[Batch]) -> list[int]:
    return [item.change.entry for batch in packed for item in batch.items]


def people(sizes: Iterable[int], word: str = "a") -> list[Change]:
    return [change(f"id:{entry}", {"a": word * size}, entry) for entry, size in enumerate(sizes, start=1)]


def of_bytes(size: int, entry: int) -> Change:
    """A person whose item has exactly so many bytes, whatever the entry (of one digit)."""
    empty = len(customerio().encode(change(f"id:{entry}", {"a": ""})).payload)
    return change(f"id:{entry}", {"a": "a" * (size - empty)}, entry)


@given(
    st.lists(st.integers(0, 400), max_size=60),
    st.sampled_from(_WORDS),
    st.integers(1, 12),
    st.integers(1_000, 3_000),
    st.integers(1, 15),
    st.integers(1, 20),
)
def test_packing(sizes: list[int], word: str, most: int, room: int, canary: int, chunk: int) -> None:
    destination = customerio(batchItems=most, batchBytes=room)
    changes = people(sizes, word)
    chunks = [changes[start : start + chunk] for start in range(0, len(changes), chunk)]
    packed = all_of(chunks, destination, canary)
    unfit = [settled.change.entry for batch in packed for settled in batch.unfit]

    assert sorted(entries(packed) + unfit) == list(range(1, len(sizes) + 1))
    assert entries(packed) == sorted(entries(packed))

    full = [batch for batch in packed if batch.items]
    for number, batch in enumerate(full):
        limit = min(canary, most) if number == 0 else most
        assert len(batch.items) <= limit
        assert len(body_of(destination, batch.items)) <= room
        if number + 1 < len(full) and len(batch.items) < limit:
            assert len(body_of(destination, [*batch.items, full[number + 1].items[0]])) > room


@given(st.lists(st.booleans(), max_size=40))
def test_what_cannot_be_sent_is_settled_on_the_way(fits: list[bool]) -> None:
    destination = customerio(batchBytes=1_000, batchItems=3)
    packed = all_of([people(1 if fit else 1_000 for fit in fits)], destination)
    unfit = [settled for batch in packed for settled in batch.unfit]
    assert [settled.change.entry for settled in unfit] == [entry for entry, fit in enumerate(fits, 1) if not fit]
    assert entries(packed) == [entry for entry, fit in enumerate(fits, 1) if fit]
    assert all(settled.outcome is Outcome.INVALID and settled.reason and not settled.doubt for settled in unfit)


def test_the_first_request_touches_few_people() -> None:
    destination = customerio()
    packed = all_of([people([1] * 1_020)], destination)
    assert [len(batch.items) for batch in packed] == [10, 500, 500, 10]


def test_through_v1_every_person_is_a_request() -> None:
    destination = customerio(api="identify")
    packed = all_of([people([1] * 3)], destination)
    assert [len(batch.items) for batch in packed] == [1, 1, 1]


@pytest.mark.parametrize(("last", "expected"), [(688, [3]), (689, [2, 1])])
def test_a_request_is_filled_to_the_byte(last: int, expected: list[int]) -> None:
    """12 bytes around, two commas between: 149 + 149 + 688 + 14 are exactly 1,000."""
    destination = customerio(batchBytes=1_000)
    three = [of_bytes(149, 1), of_bytes(149, 2), of_bytes(last, 3)]
    packed = all_of([three], destination)
    assert [len(batch.items) for batch in packed] == expected
    if expected == [3]:
        assert len(body_of(destination, packed[0].items)) == 1_000


@pytest.mark.promise("R9")
def test_half_a_megabyte_holds_for_the_whole_body() -> None:
    destination = customerio()
    some = [change(f"id:{n}", {f"{m:02}": "é" * 490 for m in range(30)}, n) for n in range(60)]
    packed = all_of([some], destination)
    lengths = [len(body_of(destination, batch.items)) for batch in packed]
    item = len(destination.encode(some[-1]).payload)
    assert entries(packed) == list(range(60))
    assert max(lengths) <= 500_000 < max(lengths) + item + 1
    assert len(msgspec.json.decode(body_of(destination, packed[1].items))["batch"]) == len(packed[1].items)


def test_nothing_to_send_is_no_request() -> None:
    destination = customerio()
    assert all_of([], destination) == []
    assert all_of([[], []], destination) == []


def test_only_what_cannot_be_sent_is_still_told() -> None:
    destination = customerio(batchBytes=1_000)
    (long,) = people([1_000])
    size = len(customerio().encode(long).payload)
    reason = f"the person is {size} bytes as JSON; one item of a batch may have 988"
    assert all_of([[long]], destination) == [Batch([], [Settled(long, Outcome.INVALID, reason)])]


def test_where_there_is_nothing_at_the_moment_what_is_there_waits_to_be_filled() -> None:
    destination = customerio(batchItems=30)
    grown = [people([1] * 15), None, people([1] * 10), None, people([1] * 20)]
    packed = [batch and len(batch.items) for batch in batches(grown, destination.encode, destination.limits, CANARY)]
    assert packed == [10, None, None, 30, 5]
