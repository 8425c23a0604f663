"""The planted bugs still fit the code and name tests that exist; and whoever runs them tells the truth about each."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from mutants.catalogue import ROOT, Mutant, mutants
from mutants.run import main
from mutants.tree import Copy

MUTANTS = mutants()


def by_name(mutant: Mutant) -> str:
    return mutant.name


def test_there_are_twenty_at_least_and_each_has_a_name_of_its_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 20
    assert len({(mutant.file, mutant.find) for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=by_name)
def test_each_still_applies_exactly_once(mutant: Mutant) -> None:
    sound = (ROOT / mutant.file).read_text(encoding="utf-8")
    planted = mutant.planted_in(sound)
    assert planted != sound
    if mutant.file.endswith(".py"):
        compile(planted, mutant.file, "exec")


@cache
def named_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize("mutant", MUTANTS, ids=by_name)
def test_each_names_tests_that_exist(mutant: Mutant) -> None:
    for test in mutant.tests:
        file, _, name = test.partition("::")
        assert name.partition("[")[0] in named_in(file)


# --- the copy ---------------------------------------------------------------------------------------------------------


COPIED = """
from syncline._version import __version__

def test_here_and_in_a_process_of_the_suite(syncline):
    assert __version__ == "0.0.0+planted"
    assert __version__ in syncline("--version").stdout
"""


def test_what_is_tested_is_the_copy_in_every_process(tmp_path: Path) -> None:
    copy = Copy(ROOT, tmp_path / "copy")
    version = copy.folder / "src" / "syncline" / "_version.py"
    version.write_text('__version__ = "0.0.0+planted"\n', encoding="utf-8")
    (copy.folder / "tests" / "test_copied.py").write_text(COPIED, encoding="utf-8")
    ended = copy.test("tests/test_copied.py", within_s=60)
    assert ended.code == 0, ended.output
    assert "planted" not in (ROOT / "src" / "syncline" / "_version.py").read_text(encoding="utf-8")


# --- the runner, over a tree of three files ---------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A product that adds, and what tests it."""
    tree = tmp_path / "tree"
    for file, text in {
        "pyproject.toml": "",
        "src/syncline/__init__.py": "def total(a, b):\n    return a + b\n",
        "tests/test_total.py": "from syncline import total\n\ndef test_two_and_three():\n    assert total(2, 3) == 5\n",
    }.items():
        (tree / file).parent.mkdir(parents=True, exist_ok=True)
        (tree / file).write_text(text, encoding="utf-8")
    return tree


def bug(replace: str, test: str = "test_two_and_three", find: str = "a + b") -> Mutant:
    file = "src/syncline/__init__.py"
    return Mutant(f"{find} → {replace}", ("A1",), "", file, find, replace, (f"tests/test_total.py::{test}",))


def told(tree: Path, capsys: pytest.CaptureFixture[str], *some: Mutant) -> tuple[int, str]:
    code = main([], tree, some)
    return code, capsys.readouterr().out


def test_what_became_of_each_bug_is_told_as_it_is(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen, unseen, broken = bug("a - b"), bug("b + a"), bug("a +")
    moved, twice = bug("b", find="a * b"), bug("b", find="a")
    code, said = told(small, capsys, seen, unseen, broken, moved, twice)
    assert (code, "1/5 planted bugs caught" in said) == (1, True)
    words = {line[14:].partition(" [")[0]: line[:13].strip() for line in said.splitlines() if line.endswith(" [A1]")}
    assert words == {
        seen.name: "caught",
        unseen.name: "SURVIVED",
        broken.name: "NOT TESTED",  # a tree that cannot be imported proves nothing
        moved.name: "DID NOT APPLY",
        twice.name: "DID NOT APPLY",
    }
    assert "by test_total.py::test_two_and_three in" in said
    assert "SyntaxError" in said
    assert "a + b" in (small / "src/syncline/__init__.py").read_text(encoding="utf-8")


def test_all_caught_is_success(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = told(small, capsys, bug("a - b"))
    assert (code, "1/1 planted bugs caught" in said) == (0, True)


def test_a_test_that_always_fails_proves_nothing(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (small / "tests/test_total.py").open("a", encoding="utf-8") as file:
        file.write("\n\ndef test_wrong():\n    assert total(1, 1) == 3\n")
    code, said = told(small, capsys, bug("a - b", "test_wrong"))
    assert (code, "these tests must pass, and they do not" in said, "caught" in said) == (1, True, False)


def test_words_that_no_bug_has_in_its_name_are_no_success(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no such bug"], small, [bug("a - b")]) == 1
    assert "0/0 planted bugs caught" in capsys.readouterr().out
