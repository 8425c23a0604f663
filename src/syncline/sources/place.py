"""Bytes of a file → the line and column behind them (from 1, columns in characters), and what to raise there."""

from __future__ import annotations

from syncline.errors import DataRefused, Found, Problem, SourceBroke

_CONTINUATION = bytes(range(0x80, 0xC0))  # bytes that only continue a UTF-8 character
_FIX = "Mend it there, or export the file again."


class Place:
    """A spot in a file that moves forward. `line` and `column` count from 1; 0 where that is not known."""

    __slots__ = ("column", "line")

    def __init__(self, line: int = 1, column: int = 1) -> None:
        self.line, self.column = line, column

    def after(self, data: bytes) -> Place:
        """The place behind `data`, which begins here."""
        return self.on(self.line + data.count(b"\n"), data)

    def on(self, line: int, data: bytes) -> Place:
        """The place behind `data`, which begins here, where that is known to be on `line`."""
        tail = data[data.rfind(b"\n") + 1 :] if line > self.line else data
        chars = len(tail) if tail.isascii() else len(tail.translate(None, _CONTINUATION))
        return Place(line, chars + (1 if line > self.line else self.column))


NOWHERE = Place(0, 0)


class Flaw(Exception):
    """Reading ends here: at `place` stands `found`, where `expected` should be. What it is to the run depends on how
    many rows came before, so `stopped` says that."""

    def __init__(self, found: str, expected: str, place: Place = NOWHERE, fix: str = _FIX) -> None:
        self.found, self.expected, self.place, self.fix = found, expected, place, fix
        super().__init__(f"found {found}, expected {expected}")


class Damaged(Flaw):
    """The same, where what was read before cannot be trusted either: the source is refused, whatever came before."""


def problem(file: str, flaw: Flaw) -> Problem:
    """The flaw as a reason to refuse."""
    return Found(file, flaw.place.line, flaw.place.column, flaw.found, flaw.expected, flaw.fix)


def stopped(file: str, flaw: Flaw, rows: int, row: int = 0) -> SourceBroke | DataRefused:
    """What to raise for a flaw in `file`, when `rows` rows of the source have been read, and `row` of this file."""
    if not rows or isinstance(flaw, Damaged):
        return DataRefused([problem(file, flaw)])
    where = ":".join(str(part) for part in (file, flaw.place.line, flaw.place.column) if part)
    if flaw.place is NOWHERE and row:
        where = f"{file} (behind row {row:,})"
    return SourceBroke(f"{where}: {flaw}. {flaw.fix}")
