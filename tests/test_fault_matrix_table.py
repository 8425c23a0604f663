"""tests/FAULTS.md tells the truth: every test it names exists, every row has one, and every numbered test is in it."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parent
ROWS = {*range(1, 69)}
WITHOUT = {29, 52}  # deletes and reading back, of which there are none yet


def table() -> dict[int, set[tuple[str, str]]]:
    """Row → (file, test)."""
    lines = (FOLDER / "FAULTS.md").read_text(encoding="utf-8").splitlines()
    rows = [line.split("|") for line in lines if re.match(r"\| \d", line)]
    return {int(row[1]): set(re.findall(r"`([\w.]+)::(\w+)`", row[3])) for row in rows}


def defined_in(file: str) -> set[str]:
    return set(re.findall(r"^def (test_\w+)", (FOLDER / file).read_text(encoding="utf-8"), re.MULTILINE))


def test_every_row_of_the_matrix_names_tests_that_exist() -> None:
    assert table().keys() == ROWS
    assert {number for number, tests in table().items() if not tests} == WITHOUT
    assert not [(file, test) for tests in table().values() for file, test in tests if test not in defined_in(file)]


def test_every_numbered_test_is_in_its_row() -> None:
    for path in FOLDER.glob("test_fault_matrix_*.py"):
        for test in defined_in(path.name):
            if number := re.match(r"test_(\d\d)_", test):
                assert (path.name, test) in table()[int(number[1])]
