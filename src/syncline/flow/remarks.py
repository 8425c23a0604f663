"""Remarks about rows that are sent all the same → one line for each kind: how many rows, and which was the first."""

from __future__ import annotations

from syncline.errors import printable
from syncline.model import RowRef

# Names may come with the data, so the kinds that are counted have a limit: memory must not grow with the rows.
_KINDS = 100


class Remarks:
    """The tally of a run."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}
        self._first: dict[tuple[str, str], RowRef] = {}
        self._uncounted = 0

    def add(self, field: str, what: str, ref: RowRef) -> None:
        """what: completes "3 rows …"."""
        kind = (field, what)
        if kind not in self._counts and len(self._counts) == _KINDS:
            self._uncounted += 1
            return
        self._counts[kind] = self._counts.get(kind, 0) + 1
        self._first.setdefault(kind, ref)

    def lines(self) -> list[str]:
        """In the order in which they were first met."""
        lines = []
        for (field, what), count in self._counts.items():
            first = self._first[field, what]
            rows = f"{count:,} row{'s' * (count != 1)}"
            lines.append(printable(f"{field}: {rows} {what} (the first: {first.file} row {first.row})"))
        return lines + [f"{self._uncounted:,} more remarks, of other kinds than these {_KINDS}"] * bool(self._uncounted)
