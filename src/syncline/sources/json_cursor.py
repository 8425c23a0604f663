"""Blocks of JSON text → its signs and values, one after the other; what has been passed is forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from syncline.json_scan import END, SPACE, TOKEN_BYTES, JsonError, Scanner, describe
from syncline.sources.json_fields import ROW_BYTES
from syncline.sources.place import Flaw, Place


class Cursor:
    """A place in a JSON text that moves forward. Raises `Flaw` where the text is not JSON."""

    def __init__(self, place: Place, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._begin = place  # of the first byte of _text
        self._text = b""
        self._at = 0
        self._ended = False

    @property
    def place(self) -> Place:
        """Where the cursor stands."""
        return self._begin.after(self._text[: self._at])

    def sign(self) -> bytes:
        """The next byte that is no blank, where the cursor stands then; none at the end of the text."""
        while True:
            blanks = SPACE.match(self._text, self._at)
            self._at = blanks.end() if blanks else self._at
            if self._at < len(self._text):
                return self._text[self._at : self._at + 1]
            if not self._refill():
                return b""

    def stands_at(self, pattern: re.Pattern[bytes]) -> bool:
        """Does the text go on like this, as far as it is here?"""
        return bool(pattern.match(self._text, self._at))

    def step(self) -> None:
        """Pass the sign."""
        self._at += 1

    def value(self) -> None:
        """Pass one value, whatever its size."""
        self._follow(keep=False)

    def text(self) -> bytes:
        """Pass one value and return its text: empty, if it is longer than a row may be."""
        return self._follow(keep=True)

    def wrong(self, expected: str) -> Flaw:
        """What to raise when something else should stand here."""
        return Flaw(describe(self._text, self._at), expected, self.place)

    def end(self) -> None:
        """Raises unless nothing but blanks is left."""
        if self.sign():
            raise self.wrong(f"{END} after the document")

    def lend(self) -> Iterator[bytes]:
        """The rest of the text, for somebody who reads on from `place` and gives back what is left."""
        return chain(filter(None, [self._text[self._at :]]), self._blocks)

    def take_back(self, place: Place, rest: bytes) -> None:
        """Go on at `place`, which is where `rest` and then the unread blocks begin."""
        self._begin, self._text, self._at = place, rest, 0

    def _follow(self, *, keep: bool) -> bytes:
        scanner, scanned = Scanner(), self._at
        while (end := self._feed(scanner, scanned)) is None:
            keep = keep and len(self._text) - self._at <= ROW_BYTES
            self._at = self._at if keep else max(self._at, len(self._text) - TOKEN_BYTES)
            scanned = len(self._text) - self._at
            self._refill()
        text = self._text[self._at : end] if keep and end - self._at <= ROW_BYTES else b""
        self._at = end
        return text

    def _feed(self, scanner: Scanner, scanned: int) -> int | None:
        try:
            return scanner.feed(self._text, scanned, last=self._ended)
        except JsonError as error:
            raise Flaw(error.found, error.expected, self._begin.after(self._text[: error.at])) from None

    def _refill(self) -> bool:
        """Another block; False where there is none."""
        block = next(self._blocks, b"")
        self._begin, self._text, self._at = self.place, self._text[self._at :] + block, 0
        self._ended = not block
        return bool(block)
