"""The name or path of a field → how its value is read off a row, and what an empty value is taken for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from syncline.flow.canonical import Fields, canonical, encode
from syncline.flow.casts import to_string

NULL = b"null"
EMPTY_TEXT = b'""'
CLEARS = b""  # what was read is empty and clears the attribute, whatever `nulls` says of an explicit null
_BRACE = ord("{")
_CELL = b""  # an empty cell, which JSON cannot say (see `model.Row`)

Read = Callable[[Mapping[str, msgspec.Raw]], bytes | None]

# By the setting `empty`: what an empty cell and an empty text are taken for; None: they are absent.
EMPTIES: Mapping[str, Mapping[bytes, bytes | None]] = {
    "": {_CELL: None},
    "omit": {_CELL: None, EMPTY_TEXT: None},
    "keep": {_CELL: EMPTY_TEXT},
    "clear": {_CELL: CLEARS, EMPTY_TEXT: CLEARS},
}


def exceptions(empty: str, *, clears: bool) -> Mapping[bytes, bytes | None]:
    """The few texts that do not travel as they stand, and what travels instead; None: nothing does."""
    instead = {text: NULL if taken == CLEARS else taken for text, taken in EMPTIES[empty].items()}
    return instead if clears else instead | {NULL: None}


class Inside:
    """The objects in a row, each parsed once, however many paths lead through it: one may hold thousands of fields.

    What is kept is that of the row read last, by the very `Raw` that it was parsed from.
    """

    def __init__(self) -> None:
        self._parsed: dict[str, tuple[msgspec.Raw, Mapping[str, msgspec.Raw]]] = {}

    def __call__(self, place: str, raw: msgspec.Raw) -> Mapping[str, msgspec.Raw]:
        """The members of the object that stands at a place, of those that a configuration names."""
        held = self._parsed.get(place)
        if held is None or held[0] is not raw:
            self._parsed[place] = held = raw, Fields.decode(raw)
        return held[1]


def at(source: str, inside: Inside) -> Read:
    """The field of exactly this name, else the dotted path; None when the row has neither."""
    parts = source.split(".")

    def read(fields: Mapping[str, msgspec.Raw]) -> bytes | None:
        raw = fields.get(source)
        if raw is not None:
            return bytes(raw)
        return _descend(fields, parts, inside) if len(parts) > 1 else None

    return read


def _descend(fields: Mapping[str, msgspec.Raw], parts: Sequence[str], inside: Inside, place: str = "") -> bytes | None:
    """A part may itself be a name with dots, so the longest name that exists wins."""
    for cut in range(len(parts) - 1, 0, -1):
        name, rest = ".".join(parts[:cut]), parts[cut:]
        raw = fields.get(name)
        if not raw or memoryview(raw)[0] != _BRACE:
            continue
        here = f"{place}.{name}"
        inner = inside(here, raw)
        found = inner.get(".".join(rest))
        return bytes(found) if found is not None else _descend(inner, rest, inside, here)
    return None


def filled(read: Read, empty: str) -> Read:
    """The same value, unless it is empty: then what `empty` takes it for."""
    taken = EMPTIES[empty]

    def read_filled(fields: Mapping[str, msgspec.Raw]) -> bytes | None:
        text = read(fields)
        return None if text is None else taken.get(text, text)

    return read_filled


def blank_is_empty(read: Read) -> Read:
    """The same value, but a text of blanks is an empty cell: for what is trimmed anyway."""

    def read_trimmed(fields: Mapping[str, msgspec.Raw]) -> bytes | None:
        text = read(fields)
        return _CELL if text and text[:1] == b'"' and not msgspec.json.decode(text, type=str).strip() else text

    return read_trimmed


def first(reads: Sequence[Read]) -> Read:
    """The first that says something; null when all that is present is null; what clears, before that."""
    if len(reads) == 1:
        return reads[0]

    def read(fields: Mapping[str, msgspec.Raw]) -> bytes | None:
        best = None
        for one in reads:
            text = one(fields)
            if text and text != NULL:
                return text
            best = text if best is None or text == CLEARS else best
        return best

    return read


def joined(reads: Sequence[Read], separator: str) -> Read:
    """The texts of all that say something, in order, with the separator between; else as `first`."""
    otherwise = first(reads)

    def read(fields: Mapping[str, msgspec.Raw]) -> bytes | None:
        texts = [text for one in reads if (text := one(fields)) and text != NULL]
        parts = [msgspec.json.decode(to_string(canonical(text))) for text in texts]
        return encode(separator.join(parts)) if parts else otherwise(fields)

    return read
