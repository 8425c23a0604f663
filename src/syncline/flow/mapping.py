"""Rows → records: rename, path, first present, join, constant, default, cast. Absent is omitted, never null."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from syncline.errors import Unfit
from syncline.flow.canonical import Fields, Hasher, canonical, encode
from syncline.flow.casts import CASTS, to_string
from syncline.model import Invalid, Record, Row

NULL = b"null"
Read = Callable[[Mapping[str, msgspec.Raw]], bytes | None]


class Attribute(NamedTuple):
    """How one attribute is made. `constant` and `default` are canonical JSON. `clears`: an explicit null travels.

    empty: what an empty value means: omit | keep | clear; "" for the custom of its source (an empty cell of a CSV file
    is absent, an empty text of a JSON file is a value). normalise: email | phone | lower | trim; hash: sha256.
    """

    sources: Sequence[str]
    to: str
    join: str | None = None
    constant: bytes | None = None
    default: bytes | None = None
    cast: str | None = None
    clears: bool = False
    empty: str = ""
    normalise: str | None = None
    hash: str | None = None


class _Field:
    """One attribute, ready to be made."""

    __slots__ = ("_cast", "_default", "clears", "label", "name", "prefix", "read", "rename")

    def __init__(self, attribute: Attribute) -> None:
        self.name, self.clears = attribute.to, attribute.clears
        self.label = " + ".join(attribute.sources) if attribute.join is not None else " | ".join(attribute.sources)
        self.prefix = encode(attribute.to) + b":"
        self._default = attribute.default
        self._cast = CASTS[attribute.cast] if attribute.cast else None
        self.read = _reader(attribute)
        self.rename = (
            attribute == Attribute(attribute.sources[:1], attribute.to, clears=attribute.clears)
            and "." not in attribute.sources[0]
        )

    def value(self, fields: Mapping[str, msgspec.Raw]) -> bytes | None:
        """The mapped value as canonical JSON; None when the row has nothing to say. Raises `Unfit`.

        A default stands in for what is absent, and then fares as if the row had said it.
        """
        text = self.read(fields)
        if text is None:
            text = self._default
        if text is not None and text != NULL:
            text = self._converted(canonical(text))  # which may be null: `as: json` reads it from text
        return text if self.clears or text != NULL else None

    def _converted(self, text: bytes) -> bytes:
        if self._cast is None:
            return text
        try:
            return self._cast(text)
        except Unfit as unfit:
            raise Unfit(self.label or self.name, unfit.reason) from None


def _reader(attribute: Attribute) -> Read:
    if (constant := attribute.constant) is not None:
        return lambda fields: constant
    paths = [_path(source) for source in attribute.sources]
    if attribute.join is not None:
        return _joined(paths, attribute.join)
    return paths[0] if len(paths) == 1 else _first(paths)


def _path(source: str) -> Read:
    """The field of exactly this name, else the dotted path."""
    parts = source.split(".")

    def read(fields: Mapping[str, msgspec.Raw]) -> bytes | None:
        raw = fields.get(source)
        if raw is not None:
            return bytes(raw)
        return _descend(fields, parts) if len(parts) > 1 else None

    return read


def _descend(fields: Mapping[str, msgspec.Raw], parts: Sequence[str]) -> bytes | None:
    """A part may itself be a name with dots, so the longest name that exists wins."""
    for cut in range(len(parts) - 1, 0, -1):
        raw = fields.get(".".join(parts[:cut]))
        if raw is None or bytes(raw)[:1] != b"{":
            continue
        inner = Fields.decode(raw)
        rest = parts[cut:]
        found = inner.get(".".join(rest))
        return bytes(found) if found is not None else _descend(inner, rest)
    return None


def _first(paths: Sequence[Read]) -> Read:
    """The first that is present and not null; null when all that is present is null."""

    def read(fields: Mapping[str, msgspec.Raw]) -> bytes | None:
        best = None
        for path in paths:
            text = path(fields)
            if text is not None and text != NULL:
                return text
            best = text if best is None else best
        return best

    return read


def _joined(paths: Sequence[Read], separator: str) -> Read:
    """The texts of all that are present, in order, with the separator between; absent when none is."""

    def read(fields: Mapping[str, msgspec.Raw]) -> bytes | None:
        texts = [text for path in paths if (text := path(fields)) is not None]
        parts = [msgspec.json.decode(to_string(canonical(text))) for text in texts if text != NULL]
        if parts:
            return encode(separator.join(parts))
        return NULL if texts else None

    return read


class Mapper:
    """Rows → records, under one configuration and for one destination.

    `key` is the destination's identity, `check` its limits on names and values; both raise `Unfit`.
    """

    def __init__(
        self,
        user_id: str,
        attributes: Iterable[Attribute],
        key: Callable[[object], str],
        check: Callable[[str, Mapping[str, bytes]], None],
        digest: Hasher,
    ) -> None:
        self._user_id, self._key, self._check, self._digest = user_id, key, check, digest
        self._identify = _path(user_id)
        # Sorted by name, so that a body does not depend on the order in which mappings are written down.
        fields = sorted(
            (_Field(attribute) for attribute in attributes if not self._is_identifier(attribute)), key=lambda f: f.name
        )
        self._prefixes = [(field.name, field.prefix) for field in fields]
        self._renames = [(field.name, field.label, field.clears) for field in fields if field.rename]
        self._others = [field for field in fields if not field.rename]
        self._unmet = fields
        self.identified = False
        self.names_seen: list[str] = []

    def _is_identifier(self, attribute: Attribute) -> bool:
        """A mapping of the userId field to `id` is the identifier itself, which already travels as the key."""
        return attribute.to == "id" and list(attribute.sources) == [self._user_id]

    def __call__(self, rows: Iterable[Row]) -> tuple[list[Record], list[Invalid]]:
        records: list[Record] = []
        invalid: list[Invalid] = []
        for row in rows:
            key = ""
            if self._unmet:
                self._unmet = [field for field in self._unmet if field.read(row.fields) is None]
            try:
                key = self._key_of(row)
                body = self._body(key, row.fields)
                records.append(Record(row.ref, key, body, self._digest(body)))
            except Unfit as unfit:
                invalid.append(Invalid(row.ref, key, unfit.field, unfit.reason, unfit.rule))
        return records, invalid

    def _key_of(self, row: Row) -> str:
        if row.fault:
            raise Unfit("", row.fault)
        text = self._identify(row.fields)
        if text is None:
            if not self.names_seen:
                self.names_seen = list(row.fields)[:20]
            raise Unfit(self._user_id, "missing; it identifies the person")
        self.identified = True
        try:
            return self._key(_identifier(text))
        except Unfit as unfit:
            raise Unfit(self._user_id, unfit.reason) from None

    def _body(self, key: str, fields: Mapping[str, msgspec.Raw]) -> bytes:
        """Most fields are only renamed: taken as they stand, until one look at the whole row says they may not be."""
        record: dict[str, bytes] = {}
        for name, source, clears in self._renames:
            if source in fields:
                text = bytes(fields[source])
                if clears or text != NULL:
                    record[name] = text
        for field in self._others:
            if (value := field.value(fields)) is not None:
                record[field.name] = value
        body = self._assembled(record)
        if not _is_flat(body):
            record = {name: canonical(text) for name, text in record.items()}
            body = self._assembled(record)
        self._check(key, record)
        return body

    def _assembled(self, record: Mapping[str, bytes]) -> bytes:
        return b"{" + b",".join([prefix + record[name] for name, prefix in self._prefixes if name in record]) + b"}"

    def never_met(self) -> list[str]:
        """The mapped fields that no row had, whether or not the rows were of use."""
        return [field.label for field in self._unmet if field.label]


def _is_flat(body: bytes) -> bool:
    """No escape, no object and no list in it: then it is canonical as it stands. A no may be a false alarm."""
    return not (b"\\" in body or b":{" in body or b":[" in body)


def _identifier(text: bytes) -> object:
    """What the row names a person by, as Python has it; a float for every number that is not written as an integer."""
    if text == b"-0":
        return -0.0  # JSON knows it and identifiers do not; msgspec would read the integer 0
    try:
        return msgspec.json.decode(text)
    except msgspec.ValidationError:  # a number beyond a double
        return math.inf
