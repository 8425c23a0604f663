"""The rows that did not make it, as files: exact as JSON lines, harmless as CSV."""

from __future__ import annotations

import csv
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import syncline as library
from conftest import Project, Syncline
from syncline.flow.report import RowProblem
from syncline.flow.rows import COLUMNS, as_csv, as_jsonl
from syncline.model import Outcome, RowRef


def problem(key: str = "id:1", field: str = "", reason: str = "no") -> RowProblem:
    return RowProblem(RowRef("data.json", 3, 4), key, field, Outcome.REJECTED, reason)


def cells(problems: list[RowProblem]) -> list[list[str]]:
    return [*csv.reader(StringIO("".join(as_csv(problems)), newline=""))]


def test_the_columns() -> None:
    assert cells([problem(field="plan")]) == [
        list(COLUMNS),
        ["data.json", "3", "4", "id:1", "plan", "rejected", "no", ""],
    ]


@pytest.mark.parametrize("lead", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "  @"])
def test_no_cell_is_a_formula(lead: str) -> None:
    _, row = cells([problem(key=f"{lead}1+1", reason=f'{lead}cmd|" /C calc"!A0')])
    assert row[3] == f"'{lead}1+1"
    assert row[6].startswith("'")


@given(st.text(), st.text())
def test_any_text_survives_both_forms(key: str, reason: str) -> None:
    one = problem(key=key, reason=reason)
    (line,) = as_jsonl([one])
    assert line.count("\n") == 1
    assert json.loads(line) == one.as_json()
    _, row = cells([one])
    assert len(row) == len(COLUMNS)
    assert row[3].removeprefix("'") == key.removeprefix("'")


def test_files_hold_every_row_and_belong_to_their_owner(project: Project, syncline: Syncline, tmp_path: Path) -> None:
    config = project.config()
    library.run(config, data=[{"id": 1}, *({"id": True} for _ in range(150))])
    assert syncline("report", config, "--jsonl", "bad.jsonl").code == 0
    assert syncline("report", config, "--csv", "bad.csv").code == 0
    assert len((tmp_path / "bad.jsonl").read_text(encoding="utf-8").splitlines()) == 150
    assert len((tmp_path / "bad.csv").read_bytes().split(b"\r\n")) == 1 + 150 + 1
    for name in ("bad.jsonl", "bad.csv"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert syncline("report", config, "--jsonl", "-").stdout == (tmp_path / "bad.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "words", [["--csv", "a", "--jsonl", "b"], ["--csv", "a", "--json"], ["--csv", "no/such/dir/a"]]
)
def test_what_cannot_be_written_is_said(project: Project, syncline: Syncline, words: list[str]) -> None:
    config = project.config()
    library.run(config, data=[{"id": 1}])
    assert syncline("report", config, *words).code == 2


def test_a_report_replaces_no_device_no_configuration_and_writes_through_a_link(
    project: Project, syncline: Syncline, tmp_path: Path
) -> None:
    config = project.config()
    library.run(config, data=[{"id": True}])
    before = config.read_bytes()
    assert syncline("report", config, "--csv", config.name).code == 2
    assert config.read_bytes() == before
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit((tmp_path / "pipe").read_text)
        assert syncline("report", config, "--jsonl", "pipe").code == 0
        assert json.loads(read.result(timeout=30))["outcome"] == "invalid"
    assert (tmp_path / "pipe").is_fifo()
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    assert syncline("report", config, "--csv", "link.csv").code == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").is_file()
