"""A YAML text → its tree and the place of every key and value.

YAML 1.2's core schema and nothing more: `no` and 2024-01-01 are texts; tags, anchors, aliases and second documents are
refused (a "billion laughs" file is 400 bytes of aliases), and so are 01234 and +49301234, which the schema takes for
numbers and people mostly do not mean as such. Read from the parser's events, so depth exhausts no stack.
"""

from __future__ import annotations

import math
import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml import events as ev
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.scanner import Scanner

from syncline.config.findings import Path
from syncline.config.parse import (
    MAX_DEPTH,
    MAX_VALUES,
    Parsed,
    Unreadable,
    fraction,
    pairs_to_object,
    too_deep,
    too_many,
    whole,
)
from syncline.config.places import Place, Places, place_at
from syncline.config.standins import Disguised, disguised

MAX_LINE = 100_000  # the parser takes time in the square of some tokens' length

_INT = re.compile(r"[-+]?[0-9]+")
_ODD_NUMBER = re.compile(r"\+|-?0[0-9]")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_ODD_FLOAT = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    word: value for value, name in ((True, "true"), (False, "false")) for word in (name, name.title(), name.upper())
}

# What ruamel says (its messages may quote the text) → what it means to a person, and what to do.
_SYNTAX = {
    "mapping values are not allowed": (
        "a colon where none can stand",
        "Indent the line like its neighbours; put text with ': ' in quotes.",
    ),
    "'\\t'": ("a tab", "Write spaces in its place."),
    "cannot start any token": ("a character that cannot begin a text", "Put the text in quotes."),
    "unexpected end of stream": ("a text without its closing quote", "Close the quote."),
    "expected <block end>": (
        "a line that is not indented like its neighbours",
        "Line it up with the keys or dashes around it.",
    ),
    "expected ',' or": (
        "a list or object that is not closed",
        "Close it with ] or }, with commas between the entries.",
    ),
    "could not find expected ':'": ("a key without a colon", "Write `key: value`."),
}


def parse_yaml(text: str) -> Parsed:
    """Read a YAML configuration. Raises Unreadable."""
    long = next((number for number, line in enumerate(text.split("\n"), 1) if len(line) > MAX_LINE), 0)
    if long:
        raise Unreadable((long, 1), f"a line of more than {MAX_LINE:,} characters", "shorter lines", "Break it up.")
    plain = disguised(text)
    builder, yaml = _Builder(plain), YAML(typ="safe", pure=True)
    yaml.Scanner = _Scanner
    try:
        for event in yaml.parse(plain.text):
            builder.take(event)
    except ReaderError as error:
        place = place_at(text, error.position)
        raise Unreadable(
            place, "a control character", "readable text", "Delete it, or write it as an escape in quotes."
        ) from None
    except MarkedYAMLError as error:
        raise _syntax(error) from None
    except (YAMLError, ValueError, RecursionError):
        raise Unreadable((1, 1), "a syntax error", "valid YAML", "Compare with the examples.") from None
    return Parsed(builder.tree, lambda: builder.places)


def _syntax(error: MarkedYAMLError) -> Unreadable:
    mark = error.problem_mark or error.context_mark
    place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    said = str(error.problem)
    for part, (found, fix) in _SYNTAX.items():
        if part in said:
            return Unreadable(place, found, "valid YAML", fix)
    return Unreadable(place, "a syntax error", "valid YAML", "Check the indentation and the quotes around here.")


class _Scanner(Scanner):
    """A tab between two tokens of a line is white space to YAML (`key:<TAB>5`), and to the library it is none. One that
    indents stays refused: it cannot be known how far."""

    def scan_to_next_token(self) -> None:
        super().scan_to_next_token()
        while not self.allow_simple_key and self.reader.peek() == "\t":
            self.reader.forward()
            super().scan_to_next_token()


class _Open:
    """A list or an object that has begun; `key` is the key that waits for its value."""

    def __init__(self, path: Path, *, is_object: bool) -> None:
        self.path, self.is_object = path, is_object
        self.pairs: list[tuple[str, object]] = []
        self.key: str | None = None

    def close(self) -> object:
        return pairs_to_object(self.pairs) if self.is_object else [value for _, value in self.pairs]


class _Builder:
    """Takes events in order, and has a tree and its index at the end. plain: what the parser was given."""

    def __init__(self, plain: Disguised) -> None:
        self._plain = plain
        self.tree: object = None
        self.places = Places({}, {})
        self._open: list[_Open] = []
        self._documents = self._count = 0

    def take(self, event: Any) -> None:
        place = (event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, ev.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise Unreadable(
                    place, "a second document", "one configuration a file", "Delete the --- line and what follows it."
                )
        elif isinstance(event, ev.NodeEvent):
            self._node(event, place)
        elif isinstance(event, (ev.MappingEndEvent, ev.SequenceEndEvent)):
            done = self._open.pop()
            self._value(done.close(), done.path)

    def _node(self, event: Any, place: Place) -> None:
        _refuse_extras(event, place)
        self._count += 1
        if self._count > MAX_VALUES:
            raise too_many(place)
        top = self._open[-1] if self._open else None
        if top and top.is_object and top.key is None:
            if not isinstance(event, ev.ScalarEvent):
                raise Unreadable(place, "a list or an object as a key", "a text as the key", "Write `key: value`.")
            top.key = self._plain.restored(event.value)
            self.places.keys[(*top.path, top.key)] = place
            return
        path: Path = () if top is None else (*top.path, len(top.pairs) if top.key is None else top.key)
        self.places.values[path] = place
        if isinstance(event, ev.ScalarEvent):
            text = self._plain.restored(event.value)
            self._value(_scalar(text, place) if event.implicit[0] else text, path)
        elif len(self._open) >= MAX_DEPTH:
            raise too_deep(place)
        else:
            self._open.append(_Open(path, is_object=isinstance(event, ev.MappingStartEvent)))

    def _value(self, value: object, path: Path) -> None:
        if not path:
            self.tree = value
            return
        top = self._open[-1]
        top.pairs.append((top.key or "", value))
        top.key = None


def _refuse_extras(event: Any, place: Place) -> None:
    if isinstance(event, ev.AliasEvent) or event.anchor is not None:
        raise Unreadable(
            place,
            "an anchor or alias (& or *)",
            "values written out",
            "Write the value itself; put text with & or * in quotes.",
        )
    if event.tag is not None:
        raise Unreadable(place, "a tag (!)", "plain values", "Delete the tag; put text that begins with ! in quotes.")


def _scalar(text: str, place: Place) -> object:
    """A plain (unquoted) scalar in YAML 1.2's core schema, with decimal numbers only."""
    if text in _WORDS:
        return _WORDS[text]
    if _ODD_FLOAT.fullmatch(text):
        return math.inf
    if not _FLOAT.fullmatch(text):
        return text
    if _ODD_NUMBER.match(text):
        found = "digits that begin with a plus or a zero"
        raise Unreadable(place, found, "a number without it, or a text", "Put a text in quotes.")
    return whole(text) if _INT.fullmatch(text) else fraction(text)
