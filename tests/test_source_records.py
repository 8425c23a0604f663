"""Python objects in, rows out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncline.errors import DataRefused, SourceBroke
from syncline.model import Row
from syncline.sources.json_fields import CHUNK_ROWS
from syncline.sources.records import RecordsSource

CHARS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])  # what no row may hold
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(CHARS, max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(CHARS, max_size=4), inner, max_size=3),
    max_leaves=6,
)


@dataclass
class Score:
    value: float


def rows_of(*records: object) -> list[Row]:
    source = RecordsSource(cast("list[Mapping[str, object]]", list(records)))
    rows = [row for chunk in source.chunks() for row in chunk]
    assert source.complete
    return rows


def text_of(value: object) -> bytes:
    (row,) = rows_of({"v": value})
    assert not row.fault
    return bytes(row.fields["v"])


def fault_of(record: object) -> str:
    (row,) = rows_of(record)
    assert not row.fields
    return row.fault


@given(st.lists(st.dictionaries(st.text(CHARS, max_size=5), JSON, max_size=4), max_size=5))
@settings(max_examples=300, deadline=None)
def test_what_json_can_say_arrives_as_it_is(records: list[dict[str, object]]) -> None:
    for row, record in zip(rows_of(*records), records, strict=True):
        assert row.fault.startswith("found a number of") or {
            key: json.loads(bytes(value)) for key, value in row.fields.items()
        } == json.loads(json.dumps(record))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2**64, b"18446744073709551616"),
        (10**30, b"1" + b"0" * 30),
        (Decimal("0.1000000000000000055"), b"0.1000000000000000055"),
        (Decimal("1E+5"), b"1E+5"),
        (date(2024, 5, 6), b'"2024-05-06"'),
        (datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC), b'"2024-05-06T07:08:09Z"'),
        (Score(0.5), b'{"value":0.5}'),
        (True, b"true"),
        (None, b"null"),
    ],
)
def test_a_value_becomes_its_json_text(value: object, text: bytes) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        [1.0, [float("-inf")]],
        {"a": (float("nan"),)},
        {float("nan"): 1},
        Score(float("nan")),
        [Score(float("inf"))],
        Decimal("NaN"),
        [Decimal("-Infinity")],
        {"a": Decimal("sNaN")},
    ],
)
def test_what_is_no_number_is_a_fault_and_never_null(value: object) -> None:
    fault = fault_of({"id": 1, "v": value})
    assert fault.startswith("found ")
    assert "NaN" in fault or "Infinity" in fault


@pytest.mark.parametrize(
    ("record", "fault"),
    [
        ({"v": object()}, 'found a object in "v" that cannot be encoded (TypeError), expected a JSON value'),
        ({"v": "\ud800"}, "expected one of JSON values"),
        ({1: "x"}, "found a key of type int, expected text"),
        ([1], "found a value of type list, expected a mapping"),
        ({"v": 10**50}, "found a number of 51 characters, expected at most 40"),
        ({"v": "x" * 1_000_001}, "found a row of over 1,000,000 bytes"),
    ],
)
def test_a_record_that_cannot_be_sent_has_a_fault(record: object, fault: str) -> None:
    assert fault in fault_of(record)


def test_a_record_in_itself_has_a_fault_and_its_neighbours_none() -> None:
    endless: dict[str, object] = {}
    endless["v"] = [endless]
    rows = rows_of({"id": 1}, endless, {"id": 3})
    assert [bool(row.fault) for row in rows] == [False, True, False]
    assert [row.ref for row in rows] == [("data", 1, 0), ("data", 2, 0), ("data", 3, 0)]


def numbers(count: int, then: Exception | None = None) -> Iterator[dict[str, object]]:
    for number in range(count):
        yield {"id": number}
    if then:
        raise then


def test_records_are_taken_as_they_are_asked_for() -> None:
    records = numbers(2 * CHUNK_ROWS + 1)
    chunks = RecordsSource(records).chunks()
    assert len(next(chunks)) == CHUNK_ROWS
    assert next(records) == {"id": CHUNK_ROWS}


def test_an_error_in_the_records_breaks_the_source_without_its_text() -> None:
    source = RecordsSource(numbers(3, OSError("secret")), label="crm\x1b")
    chunks = source.chunks()
    assert len(next(chunks)) == 3
    with pytest.raises(SourceBroke) as broke:
        next(chunks)
    assert str(broke.value).startswith("crm\\x1b: found OSError raised by the records after row 3, expected")
    assert "secret" not in str(broke.value)
    assert not source.complete


def test_an_error_before_the_first_record_is_a_refusal() -> None:
    with pytest.raises(DataRefused, match="found KeyError raised by the records"):
        list(RecordsSource(numbers(0, KeyError("secret"))).chunks())
