"""A metadata schema → what is wrong with a customer's metadata. Defined keys are checked; others may be forbidden.

https://docs.voucherify.io/api-reference/metadata-schemas/metadata-schema-object (checked 2026-10). The texts of what is
wrong are those of the documented errors; the ones for `allow_defined_only`, dates and points are ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct, field

from syncline.emulators.voucherify.ids import timestamp
from syncline.emulators.voucherify.problems import Problem

Type = Literal["string", "number", "boolean", "date", "datetime", "geopoint", "image_url", "object"]
_GEOPOINT = re.compile(r"-?\d+(\.\d+)?,-?\d+(\.\d+)?")
_IMAGE = re.compile(r"https?://\S+\.(jpe?g|png)", re.IGNORECASE)


class Property(Struct, frozen=True):
    """A key's definition, in the vendor's own words."""

    type: Type
    array: bool = False
    optional: bool = True
    object_type: str | None = field(name="objectType", default=None)
    eq: list[Any] | None = None
    ne: list[Any] | None = None
    lt: float | None = None
    lte: float | None = None
    gt: float | None = None
    gte: float | None = None
    min_length: int | None = field(name="minLength", default=None)
    max_length: int | None = field(name="maxLength", default=None)
    exact_length: int | None = field(name="exactLength", default=None)

    def shown(self) -> dict[str, object]:
        """As an answer has it: only the limits that are set."""
        given: dict[str, object] = msgspec.to_builtins(self)
        return {name: value for name, value in given.items() if value is not None or name == "objectType"}


class Schema(Struct, frozen=True):
    """Of customers. Without properties and `allow_defined_only` it allows everything, as a new project does."""

    properties: dict[str, Property] = {}
    allow_defined_only: bool = False

    @property
    def checks(self) -> bool:
        return bool(self.properties) or self.allow_defined_only

    def wrong(self, metadata: Mapping[str, Raw]) -> Problem | None:
        """All that is wrong, in one text."""
        found = list(self._wrong(metadata))
        return Problem("metadata_validation_failed", "Metadata validation failed", "; ".join(found)) if found else None

    def shown(self, since_ms: int) -> dict[str, object]:
        """As an answer has it."""
        return {
            "id": f"ms_{0:024x}",
            "related_object": "customer",
            "properties": {name: definition.shown() for name, definition in self.properties.items()},
            "allow_defined_only": self.allow_defined_only,
            "created_at": timestamp(since_ms),
            "updated_at": timestamp(since_ms),
            "object": "metadata_schema",
        }

    def _wrong(self, metadata: Mapping[str, Raw]) -> Iterator[str]:
        for name, definition in self.properties.items():
            value = msgspec.json.decode(metadata[name]) if name in metadata else None
            missing = value is None and not definition.optional
            if missing or (value is not None and not _fits(definition, value)):
                yield f"{name}: {_rules(definition)} (actual value is '{_shown(value)}')"
        for name in metadata if self.allow_defined_only else ():
            if name not in self.properties:
                yield f"{name}: must be defined in the schema (actual value is '{bytes(metadata[name]).decode()}')"


def schema_of(document: bytes) -> Schema:
    """`{"properties": {"tier": {"type": "string"}}, "allow_defined_only": true}` → the schema. Raises ValueError."""
    try:
        return msgspec.json.decode(document, type=Schema)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        wanted = '{"properties": {"tier": {"type": "string"}}, "allow_defined_only": true}'
        raise ValueError(f"it is no metadata schema: {error}; expected something like {wanted}") from None


def _fits(definition: Property, value: object) -> bool:
    if definition.array != isinstance(value, list):
        return False
    return all(_one_fits(definition, one) for one in (value if isinstance(value, list) else [value]))


def _one_fits(definition: Property, value: Any) -> bool:
    if not _KINDS[definition.type](value):
        return False
    limits: list[tuple[float | None, Callable[[float], bool]]] = [
        (definition.lt, lambda limit: value < limit),
        (definition.lte, lambda limit: value <= limit),
        (definition.gt, lambda limit: value > limit),
        (definition.gte, lambda limit: value >= limit),
        (definition.min_length, lambda limit: len(value) >= limit),
        (definition.max_length, lambda limit: len(value) <= limit),
        (definition.exact_length, lambda limit: len(value) == limit),
    ]
    within = all(limit is None or holds(limit) for limit, holds in limits)
    return within and (definition.eq is None or value in definition.eq) and value not in (definition.ne or ())


def _rules(definition: Property) -> str:
    """Every rule of the key, whichever is broken: so does the vendor say it."""
    told = [
        _NAMES[definition.type],
        *([] if definition.optional else ["property is required"]),
        *(f"{words} {_listed(limit)}" for words, limit in _limits(definition) if limit is not None),
    ]
    return ("must be an array, and every element: " if definition.array else "") + ", ".join(told)


def _limits(definition: Property) -> list[tuple[str, object]]:
    return [
        ("must be equal to one of", definition.eq),
        ("must not be equal to one of", definition.ne),
        ("must be less than", definition.lt),
        ("must be less than or equal to", definition.lte),
        ("must be greater than", definition.gt),
        ("must be greater than or equal to", definition.gte),
        ("must have at least this many characters:", definition.min_length),
        ("must have at most this many characters:", definition.max_length),
        ("must have exactly this many characters:", definition.exact_length),
    ]


def _listed(limit: object) -> str:
    return ",".join(map(_shown, limit)) if isinstance(limit, list) else _shown(limit)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _is_moment(value: object) -> bool:
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return isinstance(value, str)


_KINDS: Mapping[Type, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "date": lambda value: _is_moment(value) and len(value) == 10,
    "datetime": _is_moment,
    "geopoint": lambda value: isinstance(value, str) and _GEOPOINT.fullmatch(value) is not None,
    "image_url": lambda value: isinstance(value, str) and _IMAGE.fullmatch(value) is not None,
    "object": lambda value: isinstance(value, dict),
}
_NAMES: Mapping[Type, str] = {
    "string": "must be a string",
    "number": "must be a number",
    "boolean": "must be a boolean",
    "date": "must be a date",
    "datetime": "must be a datetime",
    "geopoint": "must be a geopoint",
    "image_url": "must be a URL pointing to JPG/JPEG or PNG resource",
    "object": "must be an object",
}
