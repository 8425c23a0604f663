"""Bytes of a file → the line and column behind them (from 1, columns in characters), and what to raise there."""

from __future__ import annotations

from syncline.errors import DataRefused, Problem, SourceBroke
from syncline.sources.json_scan import JsonError

_CONTINUATION = bytes(range(0x80, 0xC0))  # bytes that only continue a UTF-8 character
FIX = "Mend it there, or export the file again."


class Place:
    """A spot in a file that moves forward. `line` and `column` count from 1."""

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


def broke(file: str, place: Place, error: JsonError, rows: int) -> SourceBroke | DataRefused:
    """What to raise for a document that ends at `place`, after `rows` rows."""
    if rows:
        return SourceBroke(f"{file}:{place.line}:{place.column}: found {error.found}, expected {error.expected}")
    return refused(file, place, error.found, error.expected, FIX)


def refused(file: str, place: Place, found: str, expected: str, fix: str) -> DataRefused:
    """A refusal with one problem."""
    return DataRefused([Problem(file, place.line, place.column, f"found {found}", expected, fix)])
