"""A space → one JSON document, and back: its profiles in the order of their activity, and who is gone."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from syncline.emulators.keeper import read
from syncline.emulators.segment.profile import Event, Profile
from syncline.emulators.segment.space import Space

FORMAT = 1


class _Snapshot(Struct):
    emulator: str
    format: int
    pages: int
    profiles: list[Profile]
    gone: dict[str, str]


def version(space: Space) -> object:
    """Differs whenever the document would."""
    return space.changes, space.pages


def dump(space: Space) -> bytes:
    return msgspec.json.encode(_Snapshot("segment", FORMAT, space.pages, [*space.profiles.values()], space.gone))


def load(space: Space, document: bytes) -> None:
    """Into an empty space. Raises `StateError`; then nothing was loaded."""
    state = read(document, _Snapshot, "segment", FORMAT)
    space.add(*map(_own, state.profiles))
    space.gone |= state.gone
    space.pages = state.pages


def _own(profile: Profile) -> Profile:
    """With copies of its JSON texts: as decoded, each would keep the whole document in memory."""
    if profile.traits is not None:
        profile.traits = {name: text.copy() for name, text in profile.traits.items()}
    profile.events = [
        Event(one.name, one.message_id, one.at_ns, one.properties.copy(), one.context.copy()) for one in profile.events
    ]
    return profile
