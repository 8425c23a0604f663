"""tests/BAD_INPUT.md tells the truth: each code has cases, a test or a reason, and each case and test is there."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from corpus.configurations import ACCEPTED, REFUSED, WARNED
from corpus.files import FILES
from test_bad_rows import IDENTIFIERS, LIMITS, VALUES
from test_bad_runs import CASES
from test_service_uploads_refused import BODIES, HEADERS

FOLDER = Path(__file__).parent
# The codes of the reliability page, section 6.
CODES = """
    C1 C2 C3 C4 C5 C7 C9 C11 C12 C13 C14 C16 C17 C18 C19 C20 C21 C23 C24 C25 C26 C27 C28 C29 C30 C31 C32 C34 C35 C36
    C37 C39 C40 C41 C43 C44 C46 C47 C48 C49 C50 C51 C52
    F1 F2 F4 F5 F6 F7 F8 F10 F12 F13 F14 F16 F18 F20 F21 F23 F24 F25 F27 F28 F30 F32 F34 F35 F36 F38 F39 F40 F41 F42 F43
    R1 R2 R3 R4 R6 R7 R9 R10 R11 R12 R14 R15 R17 R18 R20 R22 R23 R24 R26 R27 R28 R29 R31 R32 R33 R35 R36 R38 R39 R40 R41
    R42 R43
    U1 U3 U4 U6 U8 U9 U10
"""
# What this version does not do, or cannot know: no case, and a reason in the table.
WITHOUT = {"C51", "F40", "R40", "R41", "R42"}

# By what the table names: the codes that it has cases of.
CASES_OF: Mapping[str, Collection[str]] = {
    "corpus/configurations.py": [
        *(refused.code for refused in REFUSED),
        *(accepted.code for accepted in ACCEPTED),
        *(code for code, *_ in WARNED),
    ],
    "corpus/files.py": [case.code for case in FILES],
    "test_bad_rows.py::test_a_row_is_sent_exactly_or_told_why_not": [
        case.number for case in (*IDENTIFIERS, *VALUES, *LIMITS)
    ],
    "test_bad_runs.py::test_rows_beside_each_other": [case.number for case in CASES],
    "test_bad_uploads.py::test_what_is_no_form_is_refused_in_words": [code for code, *_ in BODIES],
    "test_bad_uploads.py::test_what_the_headers_give_away_is_refused_in_words": [code for code, *_ in HEADERS],
}


def table() -> dict[str, str]:
    """Code → its last cell."""
    lines = (FOLDER / "BAD_INPUT.md").read_text(encoding="utf-8").splitlines()
    rows = [re.fullmatch(r"\| ([CFRU]\d+) \| .+ \| (.+) \|", line) for line in lines]
    return {row[1]: row[2] for row in rows if row}


def named(cell: str) -> list[str]:
    return re.findall(r"`([\w./:]+)`", cell)


def test_every_code_of_the_page_is_in_the_table() -> None:
    assert sorted(table()) == sorted(CODES.split())


def test_every_code_has_cases_a_test_or_a_reason() -> None:
    assert {code for code, cell in table().items() if not named(cell)} == WITHOUT
    assert all(re.fullmatch(r"— [a-z][^`]{20,}", table()[code]) for code in WITHOUT)


def test_every_catalogue_has_the_codes_that_the_table_says_and_no_others() -> None:
    for catalogue, codes in CASES_OF.items():
        said = {code for code, cell in table().items() if catalogue in named(cell)}
        assert said == {code for code in codes if code in table()}, catalogue


def test_every_test_that_is_named_exists() -> None:
    tests = {name for cell in table().values() for name in named(cell) if "::" in name}
    for file, test in (name.split("::") for name in tests):
        text = (FOLDER / file).read_text(encoding="utf-8")
        assert re.search(rf"^def {test}\(", text, re.MULTILINE), f"{file}::{test}"
