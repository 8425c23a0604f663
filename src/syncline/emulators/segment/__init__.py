"""A local Segment: `Segment` is the ASGI app, `Space` its profiles, `Switches` what nobody knows for certain.

    from syncline.emulators import segment
    from syncline.emulators.server import Emulator

    space = segment.Space(time.time)
    space.add(segment.profile(1, {"email": "ada@example.com"}, ("user_id", "42")))
    space.add(*segment.profiles(100))                   # made-up ones, of every awkward shape
    with Emulator(segment.Segment(space)) as emulator:
        ...                                             # GET emulator.url + segment.TRAITS, as token: with no password
        emulator.app.log.arrivals["GET", segment.TRAITS], emulator.app.log.most_in_a_second

Reading order: profile → space (pure), then paging, api and page (thin skins), then service.
"""

from __future__ import annotations

from syncline.emulators.segment.api import EVENTS, EXTERNAL_IDS, LINKS, LISTING, METADATA, TRAITS
from syncline.emulators.segment.made_up import profiles
from syncline.emulators.segment.profile import Event, ExternalId, Profile, profile
from syncline.emulators.segment.service import NOT_EMULATED, Segment
from syncline.emulators.segment.space import Space
from syncline.emulators.segment.switches import Switches

__all__ = [
    "EVENTS",
    "EXTERNAL_IDS",
    "LINKS",
    "LISTING",
    "METADATA",
    "NOT_EMULATED",
    "TRAITS",
    "Event",
    "ExternalId",
    "Profile",
    "Segment",
    "Space",
    "Switches",
    "profile",
    "profiles",
]
