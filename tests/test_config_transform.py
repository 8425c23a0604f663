"""`transform: rules.py:clean`: the function is found without running its file, or the message says why not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from syncline.config import Loaded, load
from syncline.errors import ConfigRefused, Problem

BASE: dict[str, object] = {
    "name": "test",
    "userId": "id",
    "siteId": "5174e",
    "apiKey": "9a8b7",
    "mappings": [{"from": "email", "to": "email"}],
}


def loaded(folder: Path, transform: object = "rules.py:clean") -> Loaded:
    file = folder / "config.json"
    file.write_text(json.dumps({**BASE, "transform": transform}, indent=1))
    file.chmod(0o600)
    return load(file, environment={})


def the_problem(folder: Path, transform: object = "rules.py:clean") -> Problem:
    with pytest.raises(ConfigRefused) as refused:
        loaded(folder, transform)
    (problem,) = refused.value.problems
    assert (problem.line, problem.column) == (12, 15)
    return problem


@pytest.mark.parametrize(
    "source",
    [
        "def clean(row): return row",
        "async def clean(row): ...\ndef clean(row): return row",
        "clean = lambda row: row",
        "keep, (clean, *rest) = make()",
        "clean: object = print",
        "from elsewhere import scrub as clean",
        "import clean",
        "from elsewhere import *",
        "try:\n    from fast import clean\nexcept ImportError:\n    pass",
        "try:\n    pass\nexcept ImportError:\n    def clean(row): return row",
        "if True:\n    pass\nelse:\n    def clean(row): return row",
        "raise SystemExit('it was run')\ndef clean(row): return row",
        'odd = "\\d"\ndef clean(row): return row',
    ],
)
def test_a_function_is_found_and_not_run(tmp_path: Path, source: str) -> None:
    (tmp_path / "rules.py").write_text(source)
    held = loaded(tmp_path)
    assert held.transform == (tmp_path / "rules.py", "clean")
    assert held.sync.transform == "rules.py:clean"


def test_it_is_looked_for_beside_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conf" / "lib").mkdir(parents=True)
    (tmp_path / "conf" / "lib" / "rules.py").write_text("def clean(row): return row")
    monkeypatch.chdir(tmp_path)
    loaded(tmp_path / "conf", "lib/rules.py:clean")
    held = load("conf/config.json", environment={})
    assert held.transform == (tmp_path / "conf/lib/rules.py", "clean")


def test_it_may_be_anywhere(tmp_path: Path) -> None:
    (tmp_path / "a:b.py").write_text("def clean(row): return row")
    (tmp_path / "conf").mkdir()
    assert loaded(tmp_path / "conf", f"{tmp_path}/a:b.py:clean").transform == (tmp_path / "a:b.py", "clean")


def test_without_one_there_is_none() -> None:
    assert load(BASE, environment={}).transform is None


@pytest.mark.parametrize(
    ("source", "found", "fix"),
    [
        ("def cleann(row): ...\ndef other(row): ...", "nothing of that name", 'Did you mean "cleann"?'),
        ("def scrub(row): ...\ndef polish(row): ...", "nothing of that name", 'The file has "scrub", "polish".'),
        ("", "nothing of that name", "Define it"),
        ("def outer():\n    def clean(row): ...", "nothing of that name", 'The file has "outer".'),
        ("clean: object", "nothing of that name", "Define it"),
        ("class clean: ...", "a class", "Define it"),
        ("def clean(row): ...\nclass clean: ...", "a class", "Define it"),
        ("async def clean(row): ...", "an async function", "Write `def`"),
        ("x = 1\ndef clean(row:\n    return row", "line 2 is no Python", "py_compile"),
        ("(" * 5_000, "no Python", "py_compile"),
        ("x = 1\0", "no Python", "py_compile"),
    ],
)
def test_a_function_that_is_not_there(tmp_path: Path, source: str, found: str, fix: str) -> None:
    (tmp_path / "rules.py").write_text(source)
    problem = the_problem(tmp_path)
    assert problem.found.startswith('transform is the text "rules.py:clean": ')
    assert found in problem.found
    assert fix in problem.fix


def test_a_file_that_is_not_there_or_none(tmp_path: Path) -> None:
    assert "no such file" in the_problem(tmp_path).found
    os.mkfifo(tmp_path / "rules.py")
    assert "a FIFO" in the_problem(tmp_path).found
    (tmp_path / "rules.py").unlink()
    (tmp_path / "rules.py").mkdir()
    assert "a directory" in the_problem(tmp_path).found
    (tmp_path / "rules.py").rmdir()
    (tmp_path / "rules.py").write_bytes(b"# caf\xe9")
    assert "the byte 0xe9" in the_problem(tmp_path).found


@pytest.mark.parametrize(
    ("transform", "fix"),
    [
        ("rules.py", "the function's name behind it"),
        ("clean", "rules.py:clean"),
        ("rules:clean", "rules.py:clean"),
        ("rules.py:", "rules.py:clean"),
        ("rules.py:a b", "rules.py:clean"),
        ("rules.py:a.b", "rules.py:clean"),
        ("", "rules.py:clean"),
        (5, "rules.py:clean"),
        (None, "leave the key out"),
    ],
)
def test_what_is_no_file_and_function(tmp_path: Path, transform: object, fix: str) -> None:
    problem = the_problem(tmp_path, transform)
    assert problem.expected == "a Python file and a function in it: rules.py:clean"
    assert fix in problem.fix


def test_an_odd_file_does_not_hide_other_problems(tmp_path: Path) -> None:
    with pytest.raises(ConfigRefused) as refused:
        load({**BASE, "transform": str(tmp_path / "rules.py:clean"), "parallelism": 0}, environment={})
    assert len(refused.value.problems) == 2
