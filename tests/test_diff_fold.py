"""Records and beliefs → what differs; the records of one key → one."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.flow.canonical import canonical
from syncline.flow.diff import changed_fields, differs, fold
from syncline.model import Belief, Record, RowRef

names = st.sampled_from(["a", "b", "c", 'q"', "é"])
plain = st.integers() | st.text(st.characters(codec="utf-8"), max_size=5) | st.none() | st.booleans()
records = st.dictionaries(names, plain | st.lists(plain, max_size=2) | st.dictionaries(names, plain, max_size=2))


def body(record: object) -> bytes:
    return canonical(msgspec.json.encode(record))


@pytest.mark.promise("O2")
@given(st.lists(records, max_size=6))
def test_where_attributes_merge_a_fold_is_the_left_fold_of_updates(rows: list[dict[str, object]]) -> None:
    expected: dict[str, object] = {}
    for row in rows:
        expected.update(row)
    assert fold(map(body, rows), merges=True) == body(expected)


@given(st.lists(records, min_size=1, max_size=6))
def test_where_records_are_replaced_the_last_one_wins(rows: list[dict[str, object]]) -> None:
    assert fold(map(body, rows), merges=False) == body(rows[-1])


@given(records)
def test_one_record_folds_to_itself(row: dict[str, object]) -> None:
    assert fold([body(row)], merges=True) == body(row)


def test_a_nested_value_travels_whole_and_a_null_is_a_value() -> None:
    assert fold([b'{"a":{"x":1},"b":1}', b'{"a":{"y":2},"b":null}'], merges=True) == b'{"a":{"y":2},"b":null}'


def test_ten_thousand_records_of_one_key_fold_in_one_pass() -> None:
    rows = iter([b'{"n":%d}' % number for number in range(10_000)])
    assert fold(rows, merges=True) == b'{"n":9999}'


@pytest.mark.parametrize(
    ("belief", "expected"),
    [
        (None, True),
        (Belief(b"same", 1, False), False),
        (Belief(b"same", 1, True), True),
        (Belief(b"other", 1, False), True),
        (Belief(b"", 0, True), True),
    ],
)
def test_a_record_is_sent_unless_we_are_sure_that_it_is_held(belief: Belief | None, expected: bool) -> None:
    assert differs(Record(RowRef("f", 1, 1), "id:1", b"{}", b"same"), belief) is expected


@given(records, records)
def test_changed_fields_are_those_that_a_merge_would_change(
    before: dict[str, object], after: dict[str, object]
) -> None:
    changes = changed_fields(body(before), body(after))
    assert {name: pair[1] for name, pair in changes.items()} == {
        name: body(value) for name, value in after.items() if name not in before or body(before[name]) != body(value)
    }
    assert all(old == (body(before[name]) if name in before else None) for name, (old, _) in changes.items())


def test_everything_is_new_where_nothing_is_believed() -> None:
    assert changed_fields(None, b'{"a":1,"b":null}') == {"a": (None, b"1"), "b": (None, b"null")}
