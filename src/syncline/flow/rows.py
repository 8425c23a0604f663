"""Rows that did not make it → CSV or JSON lines, for a spreadsheet or a script."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from io import StringIO

from syncline.flow.report import RowProblem

COLUMNS = ("file", "row", "line", "key", "field", "outcome", "reason", "rule")

# A spreadsheet takes a cell that begins with one of these for a formula, also behind white space:
# https://owasp.org/www-community/attacks/CSV_Injection (checked 2026-11)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def as_jsonl(problems: Iterable[RowProblem]) -> Iterator[str]:
    """One JSON object a line, exact."""
    for problem in problems:
        yield json.dumps(problem.as_json()) + "\n"


def as_csv(problems: Iterable[RowProblem]) -> Iterator[str]:
    """A header and a line a row; every cell quoted, and none a formula. JSON lines are the exact form."""
    yield _line(COLUMNS)
    for problem in problems:
        cells = problem.as_json()
        yield _line([_harmless(cells[name]) for name in COLUMNS])


def _line(cells: Iterable[object]) -> str:
    buffer = StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue()


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip(" ").startswith(_FORMULA) else cell
