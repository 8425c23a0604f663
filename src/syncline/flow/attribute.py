"""What one attribute is made of, by its mapping → how its value is read off a row and converted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from syncline.errors import Unfit
from syncline.flow import paths
from syncline.flow.canonical import canonical, encode
from syncline.flow.casts import CASTS
from syncline.flow.normalise import HASHES, NORMALISERS, TRIMMING
from syncline.flow.paths import CLEARS, EMPTY_TEXT, NULL

Part = str | tuple[str, ...]  # a field; of several, the first that a row has, as one part of what is joined


class Otherwise(NamedTuple):
    """Another way to a value, for rows that say nothing on the first."""

    sources: Sequence[Part]
    join: str | None = None


class Attribute(NamedTuple):
    """How one attribute is made. `constant` and `default` are canonical JSON. `clears`: an explicit null travels.

    empty: what an empty value means: omit | keep | clear; "" for the custom of its source (an empty cell of a CSV file
    is absent, an empty text of a JSON file is a value). normalise: email | phone | lower | trim; what that leaves empty
    counts as an empty cell. hash: sha256, in lower-case hexadecimal; what is null or empty has none. otherwise: comes
    after `sources` and before `default`. omits: a value that cannot be converted is left out, and does not make the row
    invalid.
    """

    sources: Sequence[Part]
    to: str
    join: str | None = None
    constant: bytes | None = None
    default: bytes | None = None
    cast: str | None = None
    clears: bool = False
    empty: str = ""
    normalise: str | None = None
    hash: str | None = None
    otherwise: Otherwise | None = None
    omits: bool = False

    @property
    def ways(self) -> Sequence[Otherwise]:
        """The ways to its value, in the order in which they are tried."""
        first = Otherwise(self.sources, self.join)
        return (first, self.otherwise) if self.otherwise else (first,)

    @property
    def names(self) -> list[str]:
        """All fields and paths that it is read from."""
        parts = [part for way in self.ways for part in way.sources]
        return [name for part in parts for name in ((part,) if isinstance(part, str) else part)]


class Field:
    """One attribute, ready to be made. label: what it is made of, in words; rename: is it a field as it stands?"""

    def __init__(self, attribute: Attribute, inside: paths.Inside) -> None:
        self.name, self.clears, self.empty = attribute.to, attribute.clears, attribute.empty
        self.omits = attribute.omits
        self.label = " | ".join(map(_label, attribute.ways))
        self.prefix = encode(attribute.to) + b":"
        self._default = attribute.default
        self._cast = CASTS[attribute.cast] if attribute.cast else None
        self._normalise = NORMALISERS[attribute.normalise] if attribute.normalise else None
        self._hash = HASHES[attribute.hash] if attribute.hash else None
        self._reads = [paths.at(name, inside) for name in attribute.names]
        self._read = _reader(attribute, inside)
        self.rename = (
            attribute == Attribute(attribute.sources[:1], attribute.to, clears=self.clears, empty=self.empty)
            and "." not in attribute.sources[0]
        )

    def is_in(self, fields: Mapping[str, msgspec.Raw]) -> bool:
        """Does the row have what this attribute reads, be it empty or null? A constant is always there."""
        return not self._reads or any(read(fields) is not None for read in self._reads)

    def value(self, fields: Mapping[str, msgspec.Raw]) -> bytes | None:
        """The mapped value as canonical JSON; None when the row has nothing to say. Raises `Unfit`.

        A default stands in for what is absent, and then fares as if the row had said it.
        """
        text = self._read(fields)
        if text is None:
            text = self._default
        if text and text != NULL:
            text = self._converted(canonical(text))
        if text == CLEARS:
            return NULL
        return text if self.clears or text != NULL else None

    def _converted(self, text: bytes) -> bytes | None:
        """Cast, then normalised, then hashed. A cast may give null: `as: json` reads it from text."""
        try:
            if self._cast is not None:
                text = self._cast(text)
            if self._normalise is not None and text != NULL:
                text = self._normalise(text)
                if text == EMPTY_TEXT:
                    return paths.EMPTIES[self.empty][b""]
            # The hash of an empty text would look like somebody's, and would not clear.
            if self._hash is not None and text not in {NULL, EMPTY_TEXT}:
                text = self._hash(text)
        except Unfit as unfit:
            raise Unfit(self.label or self.name, unfit.reason, unfit.rule) from None
        return text


def _label(way: Otherwise) -> str:
    """`name`, `mobile | phone`, `(firstName | first_name) + (lastName | last_name)`"""
    if way.join is None:
        return " | ".join(part if isinstance(part, str) else " | ".join(part) for part in way.sources)
    return " + ".join(part if isinstance(part, str) else f"({' | '.join(part)})" for part in way.sources)


def _reader(attribute: Attribute, inside: paths.Inside) -> paths.Read:
    if (constant := attribute.constant) is not None:
        return lambda fields: constant

    def read(name: str) -> paths.Read:
        one = paths.at(name, inside)
        one = paths.blank_is_empty(one) if attribute.normalise in TRIMMING else one
        return paths.filled(one, attribute.empty)

    def part(names: Part) -> paths.Read:
        return read(names) if isinstance(names, str) else paths.first([*map(read, names)])

    def way(sources: Sequence[Part], join: str | None) -> paths.Read:
        parts = [*map(part, sources)]
        return paths.first(parts) if join is None else paths.joined(parts, join)

    return paths.first([way(*one) for one in attribute.ways])
