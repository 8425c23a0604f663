"""Two people → one: what the primary gains from the secondary, which is deleted.

https://docs.customer.io/integrations/api/track/#operation/merge (checked 2026-10): attributes that are unset or empty
on the primary, the events of the last 30 days, and manual segments. Nothing is said of devices and relationships:
those of the secondary go with it.
"""

from __future__ import annotations

from msgspec import Raw

from syncline.emulators.customerio.events import Events
from syncline.emulators.customerio.people import Person
from syncline.emulators.customerio.register import Register
from syncline.emulators.customerio.segments import Segments

_EMPTY = (None, Raw(b"null"), Raw(b'""'))


def merge(register: Register, events: Events, segments: Segments, primary: Person, secondary: Person, at: int) -> None:
    """Everything of the secondary that is kept moves; the caller forgets the rest."""
    register.remove(secondary)
    register.unindex(primary)
    primary.id = primary.id or secondary.id
    primary.email = primary.email or secondary.email
    primary.phone = primary.phone or secondary.phone
    register.index(primary)
    held = primary.given()
    gained = {name: raw for name, raw in secondary.given().items() if held.get(name) in _EMPTY}
    for name in gained:
        primary.touch(name, at)
    primary.keep(held | gained)
    events.merge(primary.number, secondary.number, at)
    segments.merge(primary.number, secondary.number)
