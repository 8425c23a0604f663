"""tests/INVARIANTS.md tells the truth: every promise is there and has a test, and its columns are the code's word."""

from __future__ import annotations

from promises import TABLE, lines, marked, sentences, simulated

CODES = {
    *(f"A{number}" for number in range(1, 7)),
    *(f"S{number}" for number in range(1, 9)),
    "S3b",
    *(f"O{number}" for number in range(1, 6)),
    *(f"R{number}" for number in range(1, 11)),
    *(f"B{number}" for number in range(1, 5)),
    *(f"C{number}" for number in range(1, 10)),
    *(f"P{number}" for number in range(1, 3)),
}


def test_every_promise_is_in_the_table_and_nothing_else() -> None:
    assert sentences().keys() == CODES


def test_every_promise_has_a_test_of_its_own_besides_the_simulation() -> None:
    tests = marked()
    assert tests.keys() == CODES
    assert all("::test_" in test for named in tests.values() for test in named)
    alone = [code for code, named in tests.items() if all(test.startswith("test_simulation.py") for test in named)]
    assert not alone


def test_the_simulation_checks_no_promise_that_nobody_knows() -> None:
    assert simulated().keys() <= CODES


def test_the_columns_are_what_the_code_says() -> None:
    assert [*lines()] == TABLE.read_text(encoding="utf-8").splitlines(), "make docs"
