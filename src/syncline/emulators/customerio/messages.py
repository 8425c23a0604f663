"""A Pipelines call (identify, track, page, screen, group, alias) → what it does to a workspace.

Some names of events are orders: `User Deleted`, `Device Created or Updated`, …
https://docs.customer.io/integrations/api/cdp/customerio/ (checked 2026-10)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import msgspec
from msgspec import Raw, Struct

from syncline.emulators.customerio import devices, events
from syncline.emulators.customerio.events import Flaw, event_kind
from syncline.emulators.customerio.identity import Identifier, encode, scalar_text
from syncline.emulators.customerio.relationships import Link, Links
from syncline.emulators.customerio.rules import violations
from syncline.emulators.customerio.workspace import Workspace

KINDS = ("identify", "track", "page", "screen", "group", "alias")
_NULL = Raw(b"null")
Act = Callable[[], None]


class MessageError(Exception):
    """The call makes no sense. Says why."""


class Message(Struct, rename="camel"):
    """One call. A batch says the type of each; elsewhere the path does."""

    type: str = ""
    user_id: Raw = _NULL
    anonymous_id: Raw = _NULL
    group_id: Raw = _NULL
    object_type_id: Raw = _NULL
    event: str = ""
    name: str = ""
    message_id: str = ""
    timestamp: str = ""
    traits: dict[str, Raw] = {}
    properties: dict[str, Raw] = {}
    context: dict[str, Raw] = {}


class Messages:
    """Checks first, acts later: a batch that is refused whole must have done nothing."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._orders: Mapping[str, Callable[[Message, Identifier], Act]] = {
            "User Deleted": lambda message, who: lambda: workspace.delete(who),
            "User Suppressed": lambda message, who: lambda: workspace.suppress(who),
            "User Unsuppressed": lambda message, who: lambda: workspace.unsuppress(who),
            "Device Created or Updated": self._device,
            "Device Deleted": self._device_gone,
            "Relationship Deleted": self._relationship_gone,
            "Object Deleted": self._object_gone,
        }

    def take(self, message: Message) -> Act:
        """What it is to do. Raises MessageError."""
        if message.type not in KINDS:
            raise MessageError(f"type must be one of {', '.join(KINDS)}")
        if message.type == "alias":
            return lambda: None  # means something to other destinations, not to Customer.io
        who = self._who(message)
        if message.type == "identify":
            return self._identify(message, who)
        if message.type == "group":
            return self._group(message, who)
        if message.type == "track" and message.event in self._orders and who is not None:
            return self._orders[message.event](message, who)
        return self._event(message, who)

    def _who(self, message: Message) -> Identifier | None:
        """By userId, or else by the trait email; None for somebody anonymous."""
        if user_id := scalar_text(message.user_id):
            return Identifier("id", user_id)
        if self._workspace.mode == "id+email" and (email := scalar_text(message.traits.get("email", _NULL))):
            return Identifier("email", email)
        if scalar_text(message.anonymous_id):
            return None
        raise MessageError("userId or anonymousId must be present")

    def _identify(self, message: Message, who: Identifier | None) -> Act:
        if who is None:
            return lambda: None
        given = dict(message.traits)
        if scalar_text(message.anonymous_id):
            given["anonymous_id"] = message.anonymous_id
        if wrong := violations(who, given, self._workspace.switches):
            raise MessageError("; ".join(violation.v2 for violation in wrong))
        stamp = Raw(encode(self._seconds(message)) if message.timestamp else b"")

        def act() -> None:
            self._workspace.identify(who, given, stamp)

        return act

    def _event(self, message: Message, who: Identifier | None) -> Act:
        kind = event_kind(message.type)
        told = {"name": message.event or message.name, "id": message.message_id, "timestamp": self._seconds(message)}
        given = {name: Raw(encode(value)) for name, value in told.items()} | {"data": Raw(encode(message.properties))}
        event = events.read(given, kind, "data", self._workspace.now())
        if isinstance(event, Flaw):
            raise MessageError(event.message)
        if who is None:
            return lambda: self._workspace.track_anonymous(scalar_text(message.anonymous_id) or "", event)
        return lambda: self._workspace.track(who, event)

    def _group(self, message: Message, who: Identifier | None) -> Act:
        """A group is an object, and the person is related to it."""
        thing = self._object(message, message.group_id, "groupId")

        def act() -> None:
            self._workspace.identify_object(thing, message.traits)
            if who is not None:
                self._workspace.relate(who, Links("add_relationships", [Link(thing)]))

        return act

    def _device(self, message: Message, who: Identifier) -> Act:
        given = self._device_members(message)
        device = devices.read({**given, "platform": given.get("type", _NULL)}, "token", self._workspace.now())
        if isinstance(device, str):
            raise MessageError(f"context.device.{'type' if device == 'platform' else device} must be present")
        return lambda: self._workspace.add_device(who, device)

    def _device_gone(self, message: Message, who: Identifier) -> Act:
        token = scalar_text(self._device_members(message).get("token", _NULL))
        if not token:
            raise MessageError("context.device.token must be present")
        return lambda: self._workspace.delete_device(who, token)

    def _relationship_gone(self, message: Message, who: Identifier) -> Act:
        thing = self._object(message, message.properties.get("objectId", _NULL), "properties.objectId")
        return lambda: self._workspace.relate(who, Links("delete_relationships", [Link(thing)]))

    def _object_gone(self, message: Message, who: Identifier) -> Act:
        thing = self._object(message, message.properties.get("objectId", _NULL), "properties.objectId")
        return lambda: self._workspace.delete_object(thing)

    def _object(self, message: Message, object_id: Raw, field: str) -> dict[str, Raw]:
        if not scalar_text(object_id):
            raise MessageError(f"{field} must be present")
        told = (message.object_type_id, message.properties.get("objectTypeId", _NULL))
        type_id = next((raw for raw in told if scalar_text(raw)), Raw(b'"1"'))
        return {"object_type_id": type_id, "object_id": object_id}

    def _device_members(self, message: Message) -> Mapping[str, Raw]:
        raw = message.context.get("device", _NULL)
        return msgspec.json.decode(raw, type=dict[str, Raw]) if bytes(raw)[:1] == b"{" else {}

    def _seconds(self, message: Message) -> int:
        """ISO 8601, or the present."""
        if not message.timestamp:
            return int(self._workspace.now())
        try:
            at = datetime.fromisoformat(message.timestamp)
        except ValueError:
            raise MessageError("timestamp must be ISO 8601") from None
        return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
