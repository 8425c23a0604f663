"""tests/SECURITY.md tells the truth: every row of the checklist is there, and every test it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
ROWS = range(1, 50)


def _lines() -> list[str]:
    return (FOLDER / "SECURITY.md").read_text(encoding="utf-8").splitlines()


def table() -> dict[int, list[tuple[str, str]]]:
    """Row → (file, test)."""
    rows = [line.split("|") for line in _lines() if re.match(r"\| \d", line)]
    assert len(rows) == len(ROWS)
    return {int(row[1]): re.findall(r"`([\w./]+)::(\w+)`", row[3]) for row in rows}


@pytest.mark.parametrize("row", ROWS)
def test_every_row_of_the_checklist_names_tests_that_exist(row: int) -> None:
    tests = table()[row]
    assert tests
    for file, test in tests:
        text = (FOLDER / file).read_text(encoding="utf-8")
        assert re.search(rf"^def {test}\(", text, re.MULTILINE), f"{file} has no {test}"


def test_what_is_said_besides_is_of_a_row_that_there_is() -> None:
    rows = [int(number) for number in re.findall(r"^- Row (\d+): \S", "\n".join(_lines()), re.MULTILINE)]
    assert rows == sorted(set(rows))
    assert set(rows) <= set(ROWS)
