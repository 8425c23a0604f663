"""What was tried of one kind of input, and what was not as promised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Tried(NamedTuple):
    """taken, refused: how many inputs were; faults: a line for each that broke a promise."""

    what: str
    taken: int
    refused: int
    faults: Sequence[str]

    def __str__(self) -> str:
        found = f"{len(self.faults):,} faults" if self.faults else "no fault"
        return (
            f"{self.what}: {self.taken + self.refused:,} tried, {self.taken:,} taken, {self.refused:,} refused, {found}"
        )
