"""Writes → people, their events, devices, segments and relationships. Pure state: no HTTP, no threads; `now` is given.

What is written is checked and accepted at once, and applied when the consistency delay has passed: a 200 means
"accepted". What the service accepts and then silently does not do is an activity in `failures`, not an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from msgspec import Raw

from syncline.emulators.customerio.activities import Activities
from syncline.emulators.customerio.credentials import Credentials
from syncline.emulators.customerio.devices import Device, Devices
from syncline.emulators.customerio.events import Event, Events, seconds
from syncline.emulators.customerio.identity import Identifier, Mode, scalar_text
from syncline.emulators.customerio.merging import merge
from syncline.emulators.customerio.objects import Objects
from syncline.emulators.customerio.pending import Pending
from syncline.emulators.customerio.people import Person
from syncline.emulators.customerio.profiles import Profiles, Write
from syncline.emulators.customerio.register import Register
from syncline.emulators.customerio.relationships import Links, Relating
from syncline.emulators.customerio.rules import Violation, violations
from syncline.emulators.customerio.segments import Segments
from syncline.emulators.customerio.suppression import Suppression
from syncline.emulators.customerio.switches import Switches


class Workspace:
    """Everything a Customer.io workspace holds, as far as it is emulated.

    people: running number → person, oldest first; activities, failures: the latest, newest last; writes: accepted,
    whether or not they changed anything; pending: what was accepted and waits `delay_s` for its effect.
    """

    def __init__(
        self,
        now: Callable[[], float],
        *,
        mode: Mode = "id+email",
        switches: Switches | None = None,
        credentials: Credentials | None = None,
        region: Literal["us", "eu"] = "us",
        environment_id: int = 1,
        delay_s: float = 0.0,
    ) -> None:
        self.mode, self.switches = mode, switches or Switches()
        self.credentials = credentials or Credentials()
        self.region, self.environment_id = region, environment_id
        self.also = self.switches.also_identifying()
        self.register, self.log = Register(mode), Activities()
        self.people, self.activities, self.failures = self.register.people, self.log.latest, self.log.failures
        self.events, self.devices, self.segments = Events(), Devices(), Segments()
        self.objects, self.suppression = Objects(), Suppression()
        self.writes = 0
        self.now = now
        self.pending = Pending(now, delay_s)
        self._profiles = Profiles(self.register, self.log, self.switches)
        self._relating = Relating(self.objects, self.log, self.switches)

    def find(self, who: Identifier) -> Person | None:
        """The one person so identified; by e-mail only where the workspace identifies people by e-mail."""
        return self.register.find(who)

    def settle(self) -> None:
        """Applies what is due by now. For whoever reads; writes wait for their turn."""
        self.pending.settle()

    def _accept(self, apply: Callable[[], None]) -> None:
        self.writes += 1
        self.pending.accept(apply)

    # People

    def identify(
        self, who: Identifier, given: Mapping[str, Raw], timestamp: Raw | None = None, links: Links | None = None
    ) -> Sequence[Violation]:
        """Creates or updates. Returns what is wrong (then nothing is written), or nothing: the write was accepted.

        timestamp: when the change was made, as v2 says it beside the attributes; v1 says it among them, `_timestamp`.
        """
        if wrong := violations(who, given, self.switches):
            return wrong
        now, stamp = self.now(), given.get("_timestamp", timestamp)
        at = seconds(stamp, -1) if stamp else -1
        write = Write(who, given, self._profiles.claimed(who, given), at if at >= 0 else int(now), at >= 0)
        self.writes += 1
        if self.pending.idle:
            self._identify(write, links)
        else:
            self.pending.accept(lambda: self._identify(write, links))
        return ()

    def _identify(self, write: Write, links: Links | None) -> None:
        if self.suppression.groups:  # asked first: most workspaces have none
            asserted = (Identifier(kind, value) for kind, value in write.claims.items() if value)
            if self.suppression.blocks((write.who, *asserted)):
                return
        person = self._profiles.write(write)
        if person is None:
            return
        if write.who.kind == "anonymous_id":
            self._join(person, write.who.value, write.at)
        if (anonymous := write.given.get("anonymous_id")) is not None:
            self._join(person, scalar_text(anonymous) or "", write.at)
        if links:
            self._relating.person(person, links, write.at)

    def _join(self, person: Person, anonymous_id: str, at: int) -> None:
        """An anonymous_id is one person's for good; its events of the last 30 days are, too."""
        if not anonymous_id:
            return
        if self.register.by_anonymous_id.setdefault(anonymous_id, person.number) != person.number:
            reason = "the anonymous_id belongs to somebody else"
            self.log.note(at, "failed_attribute_change", person.identifier, person=person.number, reason=reason)
        elif self.events.join(anonymous_id, person.number, self.now()):
            self.log.note(at, "anon_merge", person.identifier, person=person.number, name=anonymous_id)

    def delete(self, who: Identifier) -> None:
        """Idempotent: who does not exist is deleted as well."""
        self._accept(lambda: self._delete(who))

    def _delete(self, who: Identifier) -> None:
        if person := self.register.find(who):
            self.register.remove(person)
            self._forget(person)
            self.log.note(self.now(), "profile_delete", who, person=person.number)

    def _forget(self, person: Person) -> None:
        for table in (self.events, self.devices, self.segments, self.objects):
            table.forget(person.number)

    def suppress(self, who: Identifier) -> None:
        """Deletes the person, and ignores whatever names one of the identifiers from now on."""
        self._accept(lambda: self._suppress(who))

    def _suppress(self, who: Identifier) -> None:
        person = self.register.find(who)
        known = [who]
        if person is not None:
            known += [Identifier("id", person.id)] if person.id else []
            known += [Identifier("email", person.email)] if person.email and self.mode == "id+email" else []
            known += [Identifier("phone", person.phone)] if person.phone else []
        self._delete(who)
        self.suppression.add(known)

    def unsuppress(self, who: Identifier) -> None:
        """Frees the identifiers; the person does not come back."""
        self._accept(lambda: self.suppression.free(who))

    def merge(self, primary: Identifier, secondary: Identifier) -> None:
        """Nothing happens when one of the two does not exist."""
        self._accept(lambda: self._merge(primary, secondary))

    def _merge(self, primary: Identifier, secondary: Identifier) -> None:
        kept, gone = self.register.find(primary), self.register.find(secondary)
        if kept is None or gone is None or kept is gone:
            return
        merge(self.register, self.events, self.segments, kept, gone, int(self.now()))
        self._forget(gone)
        self.log.note(self.now(), "profile_merge", primary, person=kept.number, name=gone.cio_id)

    def refuse(self, who: Identifier | None, reason: str) -> None:
        """An item of a batch was not accepted; its answer says so, and so does the log of whom it names."""
        person = self.register.find(who) if who else None
        if who and person:
            self.log.note(self.now(), "failed_batch_update", who, person=person.number, reason=reason)

    # What people do, have and belong to

    def track(self, who: Identifier, event: Event) -> None:
        self._accept(lambda: self._track(who, event))

    def _track(self, who: Identifier, event: Event) -> None:
        person = self._somebody(who, event.at)
        if person and self.events.add(person.number, event):
            self._tell(event, who, person.number)

    def track_anonymous(self, anonymous_id: str, event: Event) -> None:
        """Kept until somebody is given the anonymous_id; straight to whom it belongs already."""
        self._accept(lambda: self._track_anonymous(anonymous_id, event))

    def _track_anonymous(self, anonymous_id: str, event: Event) -> None:
        owner = Identifier("anonymous_id", anonymous_id)
        if self.register.find(owner):
            self._track(owner, event)
        elif self.events.add_anonymous(anonymous_id, event):
            self._tell(event, owner, 0)

    def _tell(self, event: Event, who: Identifier, number: int) -> None:
        self.log.note(event.at, event.kind, who, person=number, name=event.name, data=event.data)

    def add_device(self, who: Identifier, device: Device) -> None:
        self._accept(lambda: self._add_device(who, device))

    def _add_device(self, who: Identifier, device: Device) -> None:
        if person := self._somebody(who, int(self.now())):
            self.devices.add(person.number, device)
            self.log.note(self.now(), "device_change", who, person=person.number, name=device.token)

    def delete_device(self, who: Identifier, token: str) -> None:
        self._accept(lambda: self._delete_device(who, token))

    def _delete_device(self, who: Identifier, token: str) -> None:
        person = self.register.find(who)
        if person and self.devices.remove(person.number, token):
            self.log.note(self.now(), "device_change", who, person=person.number, name=token)

    def change_segment(self, number: int, people: Sequence[Identifier], *, join: bool) -> None:
        """Who is unknown is left out."""
        self._accept(lambda: self._change_segment(number, people, join))

    def _change_segment(self, number: int, people: Sequence[Identifier], join: bool) -> None:
        found = [person.number for person in map(self.register.find, people) if person]
        (self.segments.add if join else self.segments.remove)(number, found, self.now())

    def relate(self, who: Identifier, links: Links) -> None:
        self._accept(lambda: self._relate(who, links))

    def _relate(self, who: Identifier, links: Links) -> None:
        at = int(self.now())
        if person := self._somebody(who, at):
            self._relating.person(person, links, at)

    def _somebody(self, who: Identifier, at: int) -> Person | None:
        """Whom an event or the like belongs to: perhaps somebody new, nobody where it is to be ignored."""
        if self.suppression.blocks((who,)):
            return None
        person = self.register.find(who)
        if person or (self.switches.event_creates and who.kind != "cio_id"):
            return person or self._profiles.write(Write(who, {}, self._profiles.claimed(who, {}), at, False))
        self.log.note(at, "failed_event", who, reason="nobody is so identified")
        return None

    # Objects

    def identify_object(self, identifiers: Mapping[str, Raw], attributes: Mapping[str, Raw]) -> None:
        self._accept(lambda: self._identify_object(identifiers, attributes))

    def _identify_object(self, identifiers: Mapping[str, Raw], attributes: Mapping[str, Raw]) -> None:
        if thing := self.objects.found_or_made(identifiers):
            self.objects.identify(thing, attributes)

    def delete_object(self, identifiers: Mapping[str, Raw]) -> None:
        self._accept(lambda: self._delete_object(identifiers))

    def _delete_object(self, identifiers: Mapping[str, Raw]) -> None:
        if thing := self.objects.find(identifiers):
            self.objects.delete(thing)

    def relate_object(self, identifiers: Mapping[str, Raw], people: Sequence[Identifier], links: Links) -> None:
        """`people`: whom each link names, in the same order. Who is unknown is left out."""
        self._accept(lambda: self._relate_object(identifiers, people, links))

    def _relate_object(self, identifiers: Mapping[str, Raw], people: Sequence[Identifier], links: Links) -> None:
        make = links.action == "add_relationships" and self.switches.relating_creates
        thing = (self.objects.found_or_made if make else self.objects.find)(identifiers)
        for who, link in zip(people, links.links, strict=True):
            person = self.register.find(who)
            if person and thing:
                self._relating.one(person, thing, links.action, link.relationship_attributes, int(self.now()))
