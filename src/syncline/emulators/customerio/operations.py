"""One v2 item → the write it means: a table of what there is to do, and what is wrong with an item.

https://docs.customer.io/integrations/api/track/#operation/entity (checked 2026-10). Of the texts one is recorded,
`property value cannot be longer than 1000 bytes`; the others are modelled on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from syncline.emulators.customerio import devices, events, objects, relationships
from syncline.emulators.customerio.events import Flaw, event_kind
from syncline.emulators.customerio.identity import Identifier, of_object, scalar_text
from syncline.emulators.customerio.relationships import Action, Links
from syncline.emulators.customerio.rules import Violation, too_long
from syncline.emulators.customerio.workspace import Workspace

_ABSENT = Raw(b"")  # no JSON value is empty


class Operation(Struct, gc=False):
    """One v2 item, as far as most of them go; what few have is read again from the item."""

    type: str
    action: str = "identify"
    identifiers: dict[str, Raw] | UnsetType = UNSET
    attributes: dict[str, Raw] = {}
    timestamp: Raw = _ABSENT
    cio_relationships: Raw = _ABSENT


class Problem(NamedTuple):
    """One entry of v2's `errors`."""

    field: str
    message: str
    reason: str = "invalid"


Problems = Sequence[Problem]
_operation = msgspec.json.Decoder(Operation)
_members = msgspec.json.Decoder(dict[str, Raw])
_NONE = Raw(b"null")


class Operations:
    """Applies items to a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._plain: Mapping[str, Callable[[Identifier], None]] = {
            "delete": workspace.delete,
            "suppress": workspace.suppress,
            "unsuppress": workspace.unsuppress,
        }
        self._person: Mapping[str, Callable[[Operation, Raw, Identifier], Problems]] = {
            "identify": self._identify,
            "event": self._event,
            "page": self._event,
            "screen": self._event,
            "add_device": self._add_device,
            "delete_device": self._delete_device,
            "add_relationships": self._relate,
            "delete_relationships": self._relate,
        }
        self._object: Mapping[str, Callable[[Operation], Problems]] = {
            "identify": self._identify_object,
            "delete": self._delete_object,
            "add_relationships": self._relate_object,
            "delete_relationships": self._relate_object,
        }

    def apply(self, item: Raw) -> Problems:
        """What is wrong with it; empty when it was accepted."""
        try:
            operation = _operation.decode(item)
        except msgspec.ValidationError as error:
            return [Problem(*_placed(str(error)))]
        if operation.type == "person":
            return self._of_person(operation, item)
        if operation.type != "object":
            return [Problem("type", f"not emulated: {operation.type}")]
        act = self._object.get(operation.action)
        if act is None:
            return [Problem("action", f"not emulated: object {operation.action}")]
        wrong = "must be present" if operation.identifiers is UNSET else objects.flaw(operation.identifiers)
        return [Problem("identifiers", wrong)] if wrong else act(operation)

    # People

    def _of_person(self, operation: Operation, item: Raw) -> Problems:
        if operation.action == "merge":
            return self._merge(item)
        plain, act = self._plain.get(operation.action), self._person.get(operation.action)
        if plain is None and act is None:
            return [Problem("action", f"is no action on a person: {operation.action}")]
        if operation.identifiers is UNSET:
            return [Problem("identifiers", "must be present")]
        who = of_object(operation.identifiers, self._workspace.mode, self._workspace.also)
        if isinstance(who, str):
            return [Problem(".".join(["identifiers", *operation.identifiers][:2]), who)]
        if act is not None:
            return act(operation, item, who)
        if plain is not None:
            plain(who)
        return ()

    def whom(self, item: Raw) -> Identifier | None:
        """The person an item names, as far as it does."""
        try:
            operation = _operation.decode(item)
        except msgspec.ValidationError:
            return None
        given = {} if operation.identifiers is UNSET else operation.identifiers
        who = of_object(given, self._workspace.mode, self._workspace.also)
        return who if isinstance(who, Identifier) else None

    def _identify(self, operation: Operation, item: Raw, who: Identifier) -> Problems:
        links: Links | list[Violation] | None = None
        if operation.cio_relationships:
            links = relationships.of_v2(operation.cio_relationships, "add_relationships", self._workspace.switches)
        if isinstance(links, list):
            return _problems(links)
        wrong = self._workspace.identify(who, operation.attributes, operation.timestamp, links)
        return _problems(wrong) if wrong else ()

    def _event(self, operation: Operation, item: Raw, who: Identifier) -> Problems:
        kind = event_kind(operation.action)
        event = events.read(_members.decode(item), kind, "attributes", self._workspace.now())
        if isinstance(event, Flaw):
            return [Problem("attributes" if event.field == "data" else event.field, event.message)]
        if who.kind == "anonymous_id":
            self._workspace.track_anonymous(who.value, event)
        else:
            self._workspace.track(who, event)
        return ()

    def _add_device(self, operation: Operation, item: Raw, who: Identifier) -> Problems:
        device = devices.read(_member(item, "device"), "token", self._workspace.now())
        if isinstance(device, str):
            return [Problem(f"device.{device}", "must be present")]
        self._workspace.add_device(who, device)
        return ()

    def _delete_device(self, operation: Operation, item: Raw, who: Identifier) -> Problems:
        token = scalar_text(_member(item, "device").get("token", _NONE))
        if not token:
            return [Problem("device.token", "must be present")]
        self._workspace.delete_device(who, token)
        return ()

    def _relate(self, operation: Operation, item: Raw, who: Identifier) -> Problems:
        links = relationships.of_v2(operation.cio_relationships, _action(operation), self._workspace.switches)
        if isinstance(links, list):
            return _problems(links)
        self._workspace.relate(who, links)
        return ()

    def _merge(self, item: Raw) -> Problems:
        return merge(self._workspace, _member(item, "primary"), _member(item, "secondary"))

    # Objects

    def _identify_object(self, operation: Operation) -> Problems:
        assert operation.identifiers is not UNSET
        if wrong := too_long(operation.attributes, self._workspace.switches):
            return _problems(wrong)
        self._workspace.identify_object(operation.identifiers, operation.attributes)
        return self._relate_object(operation) if operation.cio_relationships else ()

    def _delete_object(self, operation: Operation) -> Problems:
        assert operation.identifiers is not UNSET
        self._workspace.delete_object(operation.identifiers)
        return ()

    def _relate_object(self, operation: Operation) -> Problems:
        assert operation.identifiers is not UNSET
        links = relationships.links_of(operation.cio_relationships, _action(operation))
        if isinstance(links, list):
            return _problems(links)
        people: list[Identifier] = []
        for index, link in enumerate(links.links):
            who = of_object(link.identifiers, self._workspace.mode, self._workspace.also)
            if isinstance(who, str):
                return [Problem(f"cio_relationships[{index}].identifiers", who)]
            people.append(who)
        self._workspace.relate_object(operation.identifiers, people, links)
        return ()


def merge(workspace: Workspace, primary: Mapping[str, Raw], secondary: Mapping[str, Raw]) -> Problems:
    """v1 merges by the same rule: exactly one of id, email and cio_id on each side."""
    sides = [of_object(identifiers, workspace.mode) for identifiers in (primary, secondary)]
    wrong: list[Problem] = []
    for side, identifiers, who in zip(("primary", "secondary"), (primary, secondary), sides, strict=True):
        if isinstance(who, str):
            wrong.append(Problem(".".join([side, *identifiers][:2]), who))
    if not wrong:
        workspace.merge(*[who for who in sides if isinstance(who, Identifier)])
    return wrong


def _action(operation: Operation) -> Action:
    return "delete_relationships" if operation.action == "delete_relationships" else "add_relationships"


def _member(item: Raw, name: str) -> Mapping[str, Raw]:
    """An object inside the item; empty where there is none."""
    raw = _members.decode(item).get(name, _NONE)
    return _members.decode(raw) if bytes(raw)[:1] == b"{" else {}


def _problems(wrong: Sequence[Violation]) -> Problems:
    return [Problem(violation.field, violation.v2) for violation in wrong]


def _placed(message: str) -> Iterator[str]:
    """msgspec's "Expected `object`, got `int` - at `$.identifiers`" → the field, and the message."""
    text, _, place = message.partition(" - at `$")
    yield place.strip("`.")
    yield text
