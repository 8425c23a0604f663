"""A workspace → one JSON document, and back. Activities are forgotten; everything else lives on, numbers included."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from syncline.emulators.customerio.devices import Device
from syncline.emulators.customerio.events import Event
from syncline.emulators.customerio.identity import Identifier, Mode
from syncline.emulators.customerio.objects import Thing
from syncline.emulators.customerio.people import Person
from syncline.emulators.customerio.segments import Segment
from syncline.emulators.customerio.workspace import Workspace
from syncline.emulators.keeper import StateError, read

FORMAT = 1


class _Person(Struct, omit_defaults=True):
    number: int
    since: int
    id: str | None = None
    email: str | None = None
    phone: str | None = None
    attributes: Raw = Raw(b"{}")
    moved: dict[str, int] | None = None


class _Thing(Struct):
    number: int
    type_id: str
    object_id: str
    attributes: Raw


class _Snapshot(Struct):
    emulator: str
    format: int
    mode: Mode
    phone_identifies: bool
    writes: int
    born: int
    people: list[_Person]
    by_anonymous_id: dict[str, int]
    events: dict[int, list[Event]]
    anonymous_events: dict[str, list[Event]]
    seen: list[str]
    devices: dict[int, list[Device]]
    segments_made: int
    segments: list[Segment]
    objects_made: int
    objects: list[_Thing]
    links: dict[int, dict[int, Raw]]
    suppressed: list[list[Identifier]]


def version(workspace: Workspace) -> object:
    """Differs whenever the document would."""
    segments = workspace.segments
    return workspace.writes, segments.made, len(segments.by_id), workspace.pending.applied


def dump(workspace: Workspace) -> bytes:
    """What has taken effect; what is still waiting for its delay is not in it."""
    objects, events = workspace.objects, workspace.events
    return msgspec.json.encode(
        _Snapshot(
            "customerio",
            FORMAT,
            workspace.mode,
            workspace.switches.phone_identifies,
            workspace.writes,
            workspace.register.born,
            [
                _Person(one.number, one.since, one.id, one.email, one.phone, Raw(one.text), one.moved)
                for one in workspace.people.values()
            ],
            workspace.register.by_anonymous_id,
            events.by_person,
            events.anonymous,
            sorted(events.seen),
            {number: workspace.devices.of(number) for number in workspace.devices.by_person},
            workspace.segments.made,
            list(workspace.segments.by_id.values()),
            objects.made,
            [_Thing(one.number, one.type_id, one.object_id, Raw(one.text)) for one in objects.things.values()],
            {person: {thing: Raw(text) for thing, text in held.items()} for person, held in objects.links.items()},
            [list(group) for group in sorted(set(workspace.suppression.groups.values()))],
        )
    )


def _own(events: list[Event]) -> list[Event]:
    """Copies: as decoded, each would keep the whole document in memory."""
    return [event._replace(data=event.data.copy()) for event in events]


def load(workspace: Workspace, document: bytes) -> None:
    """Into an empty workspace. Raises StateError; then nothing was loaded."""
    state = read(document, _Snapshot, "customerio", FORMAT)
    if state.mode != workspace.mode:
        raise StateError(f"it was saved with --mode {state.mode}; start with the same")
    if state.phone_identifies != workspace.switches.phone_identifies:
        was = str(state.phone_identifies).lower()
        raise StateError(f"it was saved with --switch phone_identifies={was}; start with the same")
    _people(workspace, state)
    _belongings(workspace, state)


def _people(workspace: Workspace, state: _Snapshot) -> None:
    register = workspace.register
    for one in state.people:
        register.restore(Person(one.number, one.since, one.id, one.email, one.phone, bytes(one.attributes), one.moved))
    register.born = max([state.born, *register.people])
    register.by_anonymous_id.update(state.by_anonymous_id)
    workspace.writes = state.writes
    for group in state.suppressed:
        workspace.suppression.add(group)


def _belongings(workspace: Workspace, state: _Snapshot) -> None:
    known, objects = workspace.people, workspace.objects
    workspace.events.by_person = {number: _own(events) for number, events in state.events.items() if number in known}
    workspace.events.anonymous = {name: _own(events) for name, events in state.anonymous_events.items()}
    workspace.events.seen = set(state.seen)
    for number, held in state.devices.items():
        for device in held if number in known else ():
            workspace.devices.add(number, device._replace(attributes=device.attributes.copy()))
    workspace.segments.made = state.segments_made
    for segment in state.segments:
        segment.members &= known.keys()
        workspace.segments.by_id[segment.id] = segment
    objects.made = state.objects_made
    for thing in state.objects:
        objects.restore(Thing(thing.number, thing.type_id, thing.object_id, bytes(thing.attributes)))
    for number, links in state.links.items():
        if number in known:
            objects.links[number] = {thing: bytes(text) for thing, text in links.items() if thing in objects.things}
