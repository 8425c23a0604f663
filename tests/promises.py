"""Which tests show which promise: markers and the simulation → the table of tests/INVARIANTS.md.

    make docs        # writes its last two columns anew; the sentences are written by hand

A test says `@pytest.mark.promise("R3")` of what it shows; the checks of the simulation begin with the codes they check.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from simulation import invariants, twins

FOLDER = Path(__file__).parent
TABLE = FOLDER / "INVARIANTS.md"

_ROW = re.compile(r"^\| ([A-Z]\d+b?) \| (.*?) \|")
_CODE = re.compile(r"\b[A-Z]\d+b?\b")
# When the simulation asks, by the lists of its checks; what is in none of them is asked when a scene ends.
_ASKED: Mapping[str, Sequence[Callable[..., None]]] = {
    "each request": [*invariants.LEAVING, *invariants.ENDING],
    "each run": invariants.AT_THE_END,
    "each death": invariants.AT_A_DEATH,
    "each scene": [invariants.converged, invariants.state_converged, invariants.c8_liveness],
}


def sentences() -> dict[str, str]:
    """Code → the promise in a sentence, as the table has it."""
    found = (_ROW.match(line) for line in TABLE.read_text(encoding="utf-8").splitlines())
    return {row[1]: row[2] for row in found if row}


def marked() -> dict[str, list[str]]:
    """Code → the tests that are marked with it, as `file::test`."""
    found: dict[str, list[str]] = {}
    for path in sorted(FOLDER.glob("test_*.py")):
        for test, codes in _markers(ast.parse(path.read_text(encoding="utf-8"))):
            for code in codes:
                found.setdefault(code, []).append(f"{path.name}::{test}")
    return found


def _markers(module: ast.Module) -> Iterator[tuple[str, list[str]]]:
    for test in module.body:
        if isinstance(test, ast.FunctionDef):
            for mark in test.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.promise":
                    yield test.name, [ast.literal_eval(argument) for argument in mark.args]


def simulated() -> dict[str, list[str]]:
    """Code → when the simulation checks it."""
    found: dict[str, list[str]] = {}
    for when, checks in _ASKED.items():
        for check in checks:
            for code in _CODE.findall((check.__doc__ or "").partition(":")[0]):
                found.setdefault(code, []).append(when)
    for code in _CODE.findall(twins.__doc__ or ""):
        found.setdefault(code, []).append("scenes played twice")
    return {code: sorted({*when}, key=when.index) for code, when in found.items()}


def lines() -> Iterator[str]:
    """The table's page as it should be."""
    tests, checks = marked(), simulated()
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        row = _ROW.match(line)
        if row is None:
            yield line
        else:
            named = "<br>".join(f"`{test}`" for test in tests.get(row[1], []))
            yield f"| {row[1]} | {row[2]} | {', '.join(checks.get(row[1], [])) or '—'} | {named} |"


if __name__ == "__main__":
    TABLE.write_text("\n".join(lines()) + "\n", encoding="utf-8")
