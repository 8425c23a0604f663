"""A text known to be JSON → the line and column of every key and value. Built only when there is something to report.

JSON has its own index because a YAML parser refuses some valid JSON (U+007F, surrogate pairs) and is far slower. Lines
and columns count from 1, columns in characters. Of a key written twice, the last is the one that counts.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from typing import NamedTuple

from syncline.config.findings import Finding, Path

Place = tuple[int, int]

_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[{}\[\],:]|[^\s{}\[\],:"]++', re.DOTALL)


class Places(NamedTuple):
    """Where each path stands; an object that never was a file has no places."""

    keys: dict[Path, Place]
    values: dict[Path, Place]

    def of(self, finding: Finding) -> Place:
        """The place of a finding; of what is missing, that of what should hold it; (0, 0) where there is no file."""
        path = finding.path
        if finding.at_key and path in self.keys:
            return self.keys[path]
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, (0, 0))


def json_places(text: str) -> Places:
    """The index of a text that a JSON parser has accepted."""
    places = Places({}, {})
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    path: list[str | int] = []
    open_brackets: list[str] = []
    key_is_next = False
    for match in _TOKEN.finditer(text):
        word, place = match[0], _place(starts, match.start())
        if word in "]}":
            open_brackets.pop()
            path.pop()
        elif word == ",":
            key_is_next = open_brackets[-1] == "{"
            if not key_is_next:
                path[-1] = int(path[-1]) + 1
        elif key_is_next and word != ":":
            path[-1] = str(json.loads(word, strict=False))
            places.keys[tuple(path)] = place
            key_is_next = False
        elif word != ":":
            places.values[tuple(path)] = place
            if word in "[{":
                open_brackets.append(word)
                path.append(0)
                key_is_next = word == "{"
    return places


def place_at(text: str, offset: int) -> Place:
    """The line and column of the character at `offset`."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _place(starts: list[int], offset: int) -> Place:
    line = bisect_right(starts, offset)
    return line, offset - starts[line - 1] + 1
