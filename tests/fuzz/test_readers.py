"""No input makes a reader fail otherwise than it promises, or read a value that is not there.

The same readers for longer: `make fuzz MINUTES=60`. The public collections of odd input: `make corpora`.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
from collections.abc import Sequence

import pytest

import syncline as library
from conftest import Local, Project, people
from fuzz.corpus import BAD_JSON, GOOD_JSON, NAUGHTY, NO_ROWS
from fuzz.readers import READERS, check_csv, check_json, rows_of, strict
from fuzz.trial import tried
from syncline.sources.reading import Reading

INPUTS = 100
# Another one each time, which a failure tells; in CI always the same.
SEED = int(os.environ.get("SYNCLINE_FUZZ_SEED") or (1 if os.environ.get("CI") else random.randrange(1_000_000)))


@pytest.mark.parametrize("name", READERS)
def test_a_reader_stands_anything(name: str) -> None:
    print(f"replay: SYNCLINE_FUZZ_SEED={SEED} .venv/bin/pytest tests/fuzz/test_readers.py -k stands_anything")
    tried(READERS[name], INPUTS, SEED)


# --- JSON -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", GOOD_JSON, ids=repr)
def test_good_json_is_read_digit_by_digit(text: bytes) -> None:
    for document in (b"[%b]" % text, text + b"\n" + text):
        check_json(document)
        read = rows_of(document)
        assert read.good
        assert {name: strict(bytes(value)) for name, value in read.rows[0].fields.items()} == strict(text)


@pytest.mark.parametrize("text", BAD_JSON, ids=repr)
def test_what_is_no_json_is_refused(text: bytes) -> None:
    check_json(b"[%b]" % text)
    assert not rows_of(b"[%b]" % text).good
    assert not rows_of(b"{}\n" + text).good


@pytest.mark.parametrize("text", NO_ROWS, ids=lambda text: repr(text[:20]))
def test_json_that_is_no_row_is_a_fault_of_its_row_alone(text: bytes) -> None:
    for document in (b'[{"id": 1},%b,{"id": 2}]' % text, b'{"id": 1}\n%b\n{"id": 2}' % text):
        check_json(document)
        read = rows_of(document)
        assert ([bool(row.fault) for row in read.rows], read.ending) == ([False, True, False], "")


# --- naughty strings --------------------------------------------------------------------------------------------------


def _arrive(texts: Sequence[str], project: Project, local: Local, suffix: str) -> None:
    """Each text as somebody's name, and as a key of its own where it may be one, from the file to the vendor."""
    rows = [{"id": f"u{number}", "name": text} for number, text in enumerate(texts)]
    if suffix == "csv":
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, ["id", "name"], quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
        check_csv(out.getvalue().encode())
        data = project.data(out.getvalue(), "data.csv")
    else:
        data = project.data(rows)
    report = library.run(project.config("name"), data)
    held = people(local)
    assert len(held) + len([one for one in report.problems if one.rule]) == len(texts)
    for number, text in enumerate(texts):
        if f"u{number}" in held and (text or suffix == "json"):
            assert held[f"u{number}"] == {"name": text}
    assert all(line.isprintable() for line in report.lines(all_problems=True))
    json.dumps(report.as_json())


@pytest.mark.parametrize("suffix", ["json", "csv"])
def test_naughty_strings_arrive_as_they_are_or_are_refused_by_name(suffix: str, project: Project, local: Local) -> None:
    _arrive(NAUGHTY, project, local, suffix)


@pytest.mark.parametrize("text", NAUGHTY, ids=ascii)
def test_a_naughty_identifier_is_one_person_or_an_invalid_row(text: str, project: Project, local: Local) -> None:
    report = library.run(project.config("name"), project.data([{"id": text, "name": "Ada"}, {"id": "7258"}]))
    assert report.read == 2
    assert "7258" in people(local)
    assert len(people(local)) == 2 - sum(bool(one.rule) for one in report.problems)


def test_semicolons_are_told_apart_from_commas() -> None:
    assert not rows_of(b"id;name\n1;Ada\n", Reading(format="csv")).good
