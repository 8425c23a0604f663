"""The annotated .sql files → statements by name. All SQL of the ledger stands in `sql/`."""

from __future__ import annotations

import re
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def read(file: str) -> str:
    return (files("syncline.ledger") / "sql" / file).read_text(encoding="utf-8")


def named(file: str) -> dict[str, str]:
    """`-- name: pending` and the text up to the next name → {"pending": "SELECT …"}."""
    parts = _NAME.split(read(file))
    return dict(zip(parts[1::2], (text.strip().rstrip(";") for text in parts[2::2]), strict=True))


PLANNING = named("planning.sql")
DELIVERING = named("delivering.sql")
HISTORY = named("history.sql")
SUMS = named("sums.sql")
