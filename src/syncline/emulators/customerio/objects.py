"""Objects (companies, courses, …) and people's relationships to them, as far as a person's relationships need them.

https://docs.customer.io/integrations/api/track/#operation/entity (checked 2026-10)
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Raw, Struct

from syncline.emulators.customerio.identity import encode, scalar_text

_REMOVES = (Raw(b"null"), Raw(b'""'))  # documented, for objects and relationships
_attributes = msgspec.json.Decoder(dict[str, Raw])
Key = tuple[str, str]  # object_type_id, object_id


class Thing(Struct):
    """An object of Customer.io's. `text`: its attributes as JSON."""

    number: int
    type_id: str
    object_id: str
    text: bytes = b"{}"

    @property
    def cio_object_id(self) -> str:
        return f"ob{self.number}"


class Objects:
    """things: number → object; links: a person's number → an object's number → the relationship's attributes, JSON."""

    def __init__(self) -> None:
        self.things: dict[int, Thing] = {}
        self.links: dict[int, dict[int, bytes]] = {}
        self.made = 0
        self._by_key: dict[Key, Thing] = {}

    def find(self, identifiers: Mapping[str, Raw]) -> Thing | None:
        """By `cio_object_id`, or by `object_type_id` and `object_id`."""
        if "cio_object_id" in identifiers:
            text = (scalar_text(identifiers["cio_object_id"]) or "").removeprefix("ob")
            return self.things.get(int(text)) if text.isdigit() and len(text) < 16 else None
        return self._by_key.get(_key(identifiers))

    def found_or_made(self, identifiers: Mapping[str, Raw]) -> Thing | None:
        """None for an unknown `cio_object_id`: it can only update."""
        found = self.find(identifiers)
        if found is not None or "cio_object_id" in identifiers:
            return found
        self.made += 1
        thing = Thing(self.made, *_key(identifiers))
        self.restore(thing)
        return thing

    def restore(self, thing: Thing) -> None:
        self.things[thing.number] = thing
        self._by_key[thing.type_id, thing.object_id] = thing

    def identify(self, thing: Thing, attributes: Mapping[str, Raw]) -> None:
        thing.text = _merged(thing.text, attributes)

    def delete(self, thing: Thing) -> None:
        """The relationships to it go as well."""
        del self.things[thing.number], self._by_key[thing.type_id, thing.object_id]
        for held in self.links.values():
            held.pop(thing.number, None)

    def relate(self, person: int, thing: Thing, attributes: Mapping[str, Raw]) -> None:
        held = self.links.setdefault(person, {})
        held[thing.number] = _merged(held.get(thing.number, b"{}"), attributes)

    def part(self, person: int, thing: Thing) -> bool:
        """Ends a relationship. Was there one?"""
        return self.links.get(person, {}).pop(thing.number, None) is not None

    def of(self, person: int) -> list[tuple[Thing, bytes]]:
        return [(self.things[number], attributes) for number, attributes in self.links.get(person, {}).items()]

    def forget(self, person: int) -> None:
        self.links.pop(person, None)


def flaw(identifiers: object) -> str:
    """What is wrong with an object's identifiers; empty when nothing is."""
    if not isinstance(identifiers, dict):
        return "must be an object"
    if identifiers.keys() == {"cio_object_id"} and scalar_text(identifiers["cio_object_id"]):
        return ""
    if identifiers.keys() == {"object_type_id", "object_id"} and all(_key(identifiers)):
        return ""
    return "must hold object_type_id and object_id, or cio_object_id alone"


def _key(identifiers: Mapping[str, Raw]) -> Key:
    type_id, object_id = (scalar_text(identifiers[name]) or "" for name in ("object_type_id", "object_id"))
    return type_id, object_id


def _merged(text: bytes, attributes: Mapping[str, Raw]) -> bytes:
    held = _attributes.decode(text)
    for name, raw in attributes.items():
        if raw in _REMOVES:
            held.pop(name, None)
        else:
            held[name] = raw
    return encode(held)
