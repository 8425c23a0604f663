"""docs/reference/bad-input.md against the corpus: what it says is told, is told; what it says arrives, arrives."""

from __future__ import annotations

import re

from corpus import texts, values
from corpus.configurations import REFUSED
from corpus.files import FILES
from pages import DOCS

PAGE = (DOCS / "reference" / "bad-input.md").read_text(encoding="utf-8")


def cells(heading: str, column: int) -> list[str]:
    """What stands in backticks in a column of the table under a heading."""
    part = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")]
    return [words for row in rows[1:] if len(row) > column for words in re.findall(r"`([^`]+)`", row[column])]


def said_in_the_corpus(words: str) -> bool:
    told = [part for case in REFUSED for part in (case.found, case.expected, case.fix)]
    return any(words in part for part in [*told, *(part for case in FILES for part in case.says)])


def test_every_message_of_the_page_is_one_of_the_corpus() -> None:
    told = [*cells("A configuration", 1), *cells("A file of rows", 2), *cells("A row", 1)]
    assert len(told) > 60
    # A changed file is a test of its own (F39), for it changes under the reader.
    assert [words for words in told if not said_in_the_corpus(words)] == ["changed while it was read"]


def test_every_value_of_the_page_is_one_of_the_corpus() -> None:
    arrives = {*values.KEPT, *values.SPELLED, *values.SPELLED.values(), "null"}
    assert set(cells("A value", 0)) <= arrives
    numbers = re.findall(r"(\S+) as\s(\S+?)[,.]?\s", PAGE.partition("in one spelling: ")[2].partition("\n\n")[0] + " ")
    assert numbers
    assert [values.NUMBERS[written] for written, _ in numbers] == [sent for _, sent in numbers]


def test_what_is_refused_on_purpose_is_counted_right() -> None:
    assert f"are but\n{['no', 'one', 'two', 'three', 'four', 'five'][len(texts.REFUSED)]}, refused on purpose" in PAGE
