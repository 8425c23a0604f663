"""A text → its tree, by a strict JSON parser or as YAML 1.2, with the place of every key and value.

Syntax errors say what is wrong in our own words: a parser's message quotes the text, and the text holds credentials.
Numbers that only some parsers accept (NaN, 1e400, a 5,000-digit number), and those that would lose digits here, become
infinity; tree.py refuses it with its path.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from syncline.config.places import Place, Places, json_places, place_at

MAX_DEPTH = 16  # reliability.md 5.2-16
MAX_VALUES = 20_000  # keys and values: 300 mappings need about 3,000
MAX_DIGITS = 40


class Parsed(NamedTuple):
    """A tree, and its index, which may cost something to build."""

    tree: object
    places: Callable[[], Places]


class Twice(dict[str, object]):
    """An object in which a key was written more than once; `repeated` names those keys."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        self.repeated = {key for key, times in Counter(key for key, _ in pairs).items() if times > 1}


class Unreadable(Exception):
    """The text is neither JSON nor YAML as we read it: where it stops making sense, and how to mend it."""

    def __init__(self, place: Place, found: str, expected: str, fix: str) -> None:
        self.place, self.found, self.expected, self.fix = place, found, expected, fix
        super().__init__(found)


def parse(text: str, *, is_json: bool) -> Parsed:
    """Read a configuration's text. Raises Unreadable."""
    if is_json or text.lstrip()[:1] in ("{", "["):
        return _json(text)
    from syncline.config.yamltext import parse_yaml  # ruamel costs 80 ms, and most configurations are JSON

    return parse_yaml(text)


def too_deep(place: Place) -> Unreadable:
    return Unreadable(
        place,
        f"objects nested more than {MAX_DEPTH} deep",
        f"at most {MAX_DEPTH} levels",
        "A configuration needs three or four.",
    )


def too_many(place: Place) -> Unreadable:
    return Unreadable(
        place,
        f"more than {MAX_VALUES} keys and values",
        "a configuration",
        "If this is the data, give it with -d; the configuration is the file with userId and mappings.",
    )


def whole(digits: str) -> int | float:
    """The number that digits spell, or infinity."""
    return int(digits) if len(digits) <= MAX_DIGITS else math.inf


def fraction(digits: str) -> float:
    """The number that digits spell, or infinity where a double is another one: what is written is what is sent."""
    value = float(digits) if len(digits) <= MAX_DIGITS else math.inf
    try:
        return value if math.isfinite(value) and Decimal(digits) == Decimal(repr(value)) else math.inf
    except InvalidOperation:  # an exponent beyond all
        return math.inf


def pairs_to_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else Twice(pairs)


def _json(text: str) -> Parsed:
    try:
        tree = json.loads(
            text,
            object_pairs_hook=pairs_to_object,
            parse_constant=lambda _: math.inf,
            parse_int=whole,
            parse_float=fraction,
        )
    except json.JSONDecodeError as error:
        raise _syntax(text, error) from None
    except RecursionError:
        raise too_deep((1, 1)) from None
    return Parsed(tree, lambda: json_places(text))


# What the standard library's parser says → what it means to a person, and what to do.
_SYNTAX = {
    "Expecting ',' delimiter": (
        "something where a comma should be",
        "Put a comma between two entries; check the quotes before it.",
    ),
    "Expecting ':' delimiter": ("a key without a colon", 'Write "key": value.'),
    "Expecting property name": ("something where a quoted key should be", 'Write keys in double quotes: "userId".'),
    "Illegal trailing comma": ("a comma after the last entry", "Delete the last comma."),
    "Expecting value": (
        "something that is not a JSON value",
        "Write text in double quotes, and no comma after the last entry.",
    ),
    "Unterminated string": ("a text without its closing quote", 'Close it with ".'),
    "Invalid control character": (
        "a line break or control character inside a text",
        "Write \\n for a line break, \\t for a tab.",
    ),
    "Invalid \\escape": ("a backslash that escapes nothing", "Write \\\\ for one backslash."),
    "Invalid \\uXXXX": ("an incomplete \\u escape", "Write four hexadecimal digits after \\u."),
    "Extra data": ("more text after the end", "A configuration is one JSON object; delete what follows it."),
}


def _syntax(text: str, error: json.JSONDecodeError) -> Unreadable:
    """Plain words for a syntax error, with the two commonest causes looked up: a comment, a comma too many."""
    place = place_at(text, error.pos)
    if re.match(r"//|/\*|#", text[error.pos :]):
        return Unreadable(place, "a comment", "JSON, which has no comments", "Delete it, or write the file as YAML.")
    if error.pos >= len(text.rstrip()):
        return Unreadable(place, "the end of the file", "the rest of the JSON", "A closing } or ] is missing.")
    if text[error.pos] in "]}" and text[: error.pos].rstrip().endswith(","):
        found, fix = _SYNTAX["Illegal trailing comma"]
        return Unreadable(place, found, "valid JSON", fix)
    for start, (found, fix) in _SYNTAX.items():
        if error.msg.startswith(start):
            return Unreadable(place, found, "valid JSON", fix)
    return Unreadable(place, "a syntax error", "valid JSON", "Compare with the examples.")
