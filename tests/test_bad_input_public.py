"""What tries the public collections finds no fault with two of our own, and finds the faults that are planted."""

from __future__ import annotations

from pathlib import Path

import pytest

from corpus import ours, public, texts
from corpus.strings import compared
from corpus.tried import Tried


def test_our_own_collections_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert public.main(*ours.write(tmp_path)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 11
    assert all(line.endswith("no fault") for line in lines)
    assert lines[0] == f"JSON as a value: {len(ours.TEXTS)} tried, 6 taken, 16 refused, no fault"


def test_a_text_that_is_taken_and_must_not_be_or_the_reverse_is_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parsing, _ = ours.write(tmp_path, {"y_word.json": b"[NaN]", "n_word.json": b"[null]"}, [])
    assert public.main(parsing, "") == 1
    said = capsys.readouterr().out
    assert "n_word.json: taken\n" in said
    assert "y_word.json: refused: f row 1: found NaN" in said


def test_readers_that_disagree_are_a_fault(tmp_path: Path) -> None:
    """The name of a number of which rows and configurations may differ, for a text of which they do; then another."""
    parsing, _ = ours.write(tmp_path, {"i_number_real_underflow.json": b"1e-400", "i_other.json": b"1e-400"}, [])
    (as_value, *_) = texts.check_texts(Path(parsing), tmp_path)
    assert as_value.faults == ["i_other.json: taken by an array and NDJSON alone"]


def test_a_string_that_is_lost_or_changed_is_a_fault() -> None:
    tried = compared("a value", ["a", "b", "c", "d"], {0: "a", 1: "B", 3: "d"}, {3})
    assert tried == Tried("strings as a value", 3, 1, ["arrived as 'B': 'b'", "lost: 'c'", "arrived and refused: 'd'"])
    assert str(tried) == "strings as a value: 4 tried, 3 taken, 1 refused, 3 faults"


@pytest.mark.parametrize("named", [("", ""), ("nowhere", ""), ("", "nowhere.json")])
def test_collections_that_are_not_there_are_no_success(
    named: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert public.main(*named) == 2
    assert "SYNCLINE_JSONTESTSUITE" in capsys.readouterr().out
