"""Text in pieces → its lines, with their ends, for the csv module; the last ones are kept for who must explain a flaw.

A line ends in LF or CRLF; in a file of an old Mac, in CR. What else Unicode counts as a line break may stand in a cell,
and so may a CR, in quotes.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from io import StringIO

from syncline.sources.json_fields import ROW_BYTES
from syncline.sources.place import Flaw, Place

ROW_CHARS = ROW_BYTES


class Lines:
    """An iterator of lines. Whoever reads rows from it sets `done`: how many lines the finished rows have."""

    def __init__(self, texts: Iterable[str], delimiter: str, before: int, *, old_mac: bool) -> None:
        self.before = before  # lines of the file before the first of these, which is number 1
        self.done = 0
        self.recent: list[
            str
        ] = []  # a new list with each piece of text: the lines of the unfinished row, and the new ones
        self.too_long: deque[int] = deque()  # the numbers of lines that were shortened
        self.is_cut = False  # has the last line no end?
        self.has_ended = False
        self._texts = texts
        self._ends = "" if old_mac else "\n"  # as `newline` says it to Python: of both kinds, or of one
        self._run = re.compile(rf'([^"\r\n{re.escape(delimiter)}])[^"\r\n{re.escape(delimiter)}]+')
        self._given = 0
        self._skipped = 0  # lines before `recent`

    def __iter__(self) -> Iterator[str]:
        for lines in self._pieces():
            if (flaw := self.runaway(self.done, self._given)) is not None:
                raise flaw
            self.recent, self._skipped = self.unfinished + lines, self.done
            self._given += len(lines)
            yield from lines
        self.has_ended = True

    @property
    def unfinished(self) -> list[str]:
        """The lines of the row that is being read, and the new ones behind it."""
        return self.recent[self.done - self._skipped :]

    def begun(self, line: int) -> list[str]:
        """The lines of the row that is being read, up to `line`."""
        return self.recent[self.done - self._skipped : line - self._skipped]

    def split(self, text: str) -> list[str]:
        """The lines of a text, with their ends."""
        return list(StringIO(text, newline=self._ends))

    def runaway(self, begun: int, line: int) -> Flaw | None:
        """The flaw of the row behind line `begun` up to `line`, where that is too long to be one."""
        if sum(map(len, self.recent[begun - self._skipped : line - self._skipped])) <= ROW_CHARS:
            return None
        found = f"a row of over {ROW_CHARS:,} characters in several lines"
        return Flaw(found, "at most that (does its quote never close?)", self.place_of(begun + 1))

    def place_of(self, number: int) -> Place:
        """Where a line stands in the file."""
        return Place(self.before + number, 0)

    def _pieces(self) -> Iterator[list[str]]:
        held = ""
        for text in self._texts:
            text = held + text
            lines = self.split(text)
            if len(text) > ROW_CHARS:
                lines = [self._short(line, number) for number, line in enumerate(lines, self._given + 1)]
            held = "" if lines[-1].endswith("\n") else lines.pop()  # an LF may still come, also after a CR
            yield lines
        if held:
            self.is_cut = not held.endswith("\r")
            yield [held]

    def _short(self, line: str, number: int) -> str:
        """The line, or of one that is too long what shows how it ends: inside a quote, or outside."""
        if len(line) <= ROW_CHARS:
            return line
        if not self.too_long or self.too_long[-1] < number:
            self.too_long.append(number)
        text = line.rstrip("\r\n")
        short = self._run.sub(r"\1", text) if '"' in text else text[-1:] or " "
        if len(short) > ROW_CHARS:
            found = f"a row of over {ROW_CHARS:,} characters, most of them quotes and delimiters"
            raise Flaw(found, "a row of cells", self.place_of(number))
        return short + line[len(text) :][-2:]
