"""`cio_relationships`, in the forms of v1 and v2 → links to add or to delete; and how they are applied.

v1: `{"action": "add_relationships", "relationships": […]}` in the body of an identify; v2: a list.
https://docs.customer.io/integrations/api/track/#operation/identify (checked 2026-10)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec
from msgspec import Raw, Struct

from syncline.emulators.customerio.activities import Activities
from syncline.emulators.customerio.objects import Objects, Thing, flaw
from syncline.emulators.customerio.people import Person
from syncline.emulators.customerio.rules import Violation, too_long
from syncline.emulators.customerio.switches import Switches

Action = Literal["add_relationships", "delete_relationships"]


class Link(Struct, gc=False):
    """The other end: an object's identifiers from a person's side, a person's from an object's."""

    identifiers: dict[str, Raw]
    relationship_attributes: dict[str, Raw] = {}


class Links(NamedTuple):
    """What is to happen to them."""

    action: Action
    links: Sequence[Link]


class _V1(Struct):
    action: Action
    relationships: list[Link]


_v1 = msgspec.json.Decoder(_V1)
_v2 = msgspec.json.Decoder(list[Link])


def of_v1(raw: Raw, switches: Switches) -> Links | list[Violation]:
    try:
        given = _v1.decode(raw)
    except msgspec.DecodeError as error:
        return [Violation("cio_relationships", f"cio_relationships: {error}", str(error))]
    return _checked(Links(given.action, given.relationships), switches)


def of_v2(raw: Raw, action: Action, switches: Switches) -> Links | list[Violation]:
    """From a person's side."""
    given = links_of(raw, action)
    return given if isinstance(given, list) else _checked(given, switches)


def links_of(raw: Raw, action: Action) -> Links | list[Violation]:
    """A list, whoever is at the other end; empty bytes where there is none."""
    if not bytes(raw):
        return [Violation("cio_relationships", "cio_relationships must be present", "must be present")]
    try:
        return Links(action, _v2.decode(raw))
    except msgspec.DecodeError as error:
        return [Violation("cio_relationships", f"cio_relationships: {error}", str(error))]


def _checked(given: Links, switches: Switches) -> Links | list[Violation]:
    wrong: list[Violation] = []
    for index, link in enumerate(given.links):
        where = f"cio_relationships[{index}]"
        if told := flaw(link.identifiers):
            wrong.append(Violation(f"{where}.identifiers", f"{where}.identifiers {told}", told))
        wrong += too_long(link.relationship_attributes, switches, f"{where}.relationship_attributes")
    return wrong or given


class Relating:
    """Applies links."""

    def __init__(self, objects: Objects, activities: Activities, switches: Switches) -> None:
        self._objects, self._activities, self._switches = objects, activities, switches

    def person(self, person: Person, given: Links, at: int) -> None:
        for link in given.links:
            make = given.action == "add_relationships" and self._switches.relating_creates
            find = self._objects.found_or_made if make else self._objects.find
            thing = find(link.identifiers)
            if thing is not None:
                self.one(person, thing, given.action, link.relationship_attributes, at)

    def one(self, person: Person, thing: Thing, action: Action, attributes: Mapping[str, Raw], at: int) -> None:
        if action == "add_relationships":
            self._objects.relate(person.number, thing, attributes)
        elif not self._objects.part(person.number, thing):
            return
        what: Literal["add_relationship", "delete_relationship"] = (
            "add_relationship" if action == "add_relationships" else "delete_relationship"
        )
        name = f"{thing.type_id}:{thing.object_id}"
        self._activities.note(at, what, person.identifier, person=person.number, name=name)
