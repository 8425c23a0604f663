"""A write → whom it means, and what it changes, as Customer.io resolves and merges. Pure state, on a `Register`.

Rules: https://docs.customer.io/integrations/api/track/#operation/identify (checked 2026-10). What the service accepts
and then silently does not do is an activity, not an answer: that is how the real one behaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Raw, Struct
from msgspec.structs import replace

from syncline.emulators.customerio.activities import Activities, Change, What
from syncline.emulators.customerio.identity import Identifier, encode, scalar_text
from syncline.emulators.customerio.people import Person, read_back
from syncline.emulators.customerio.preferences import PREFERENCES, with_one
from syncline.emulators.customerio.register import Register
from syncline.emulators.customerio.rules import MAX_ATTRIBUTES, part
from syncline.emulators.customerio.switches import Switches

_NULL, _EMPTY, _TRUE = Raw(b"null"), Raw(b'""'), Raw(b"true")
Assigned = Literal["id", "email", "phone"]
Claims = Mapping[Assigned, str | None]


class Write(Struct, gc=False):
    """An identify. `claims`: the identifiers it asserts, None where an e-mail is removed.

    at: unix seconds; stamped: whether the sender said so, rather than the clock when it arrived.
    """

    who: Identifier
    given: Mapping[str, Raw]
    claims: Claims
    at: int
    stamped: bool


class NotAppliedError(Exception):
    """The write was accepted and is not applied. Says the activity and the reason."""

    def __init__(self, what: What, reason: str) -> None:
        self.what, self.reason = what, reason
        super().__init__(reason)


class Profiles:
    """Creates and updates people."""

    def __init__(self, register: Register, activities: Activities, switches: Switches) -> None:
        self._register, self._activities, self._switches = register, activities, switches
        self._removals = (_NULL, _EMPTY) if switches.empty_removes else (_NULL,)
        self._latest = 0  # no change is timed later: most writes need no look at what they would overtake

    def claimed(self, who: Identifier, given: Mapping[str, Raw]) -> Claims:
        claims: dict[Assigned, str | None] = {}
        if "id" in given:
            claims["id"] = scalar_text(given["id"])
        if "email" in given:
            claims["email"] = self._text(given["email"])
        if self._switches.phone_identifies and "phone" in given:
            claims["phone"] = self._text(given["phone"])
        if who.kind == "id" or who.kind == "email" or who.kind == "phone":
            claims.setdefault(who.kind, who.value)
        return claims

    def write(self, write: Write) -> Person | None:
        """The person written; None where nothing was, which an activity tells."""
        if write.who.kind == "phone" and "phone" not in write.given:
            write = replace(write, given={**write.given, "phone": Raw(encode(write.who.value))})
        try:
            person = self._addressed(write)
            if person is not None and self._switches.cap_counts_stored:
                self._cap(person, write.given)
        except NotAppliedError as error:
            self._activities.note(write.at, error.what, write.who, reason=error.reason, person=self._number(write.who))
            return None
        if person is None:
            person = self._create(write)
            self._activities.note(write.at, "profile_create", write.who, person=person.number)
        elif changes := self._update(person, write):
            self._activities.note(write.at, "attribute_change", write.who, person=person.number, changes=changes)
        if write.at > self._latest:
            self._latest = write.at
        return person

    # Who is meant

    def _addressed(self, write: Write) -> Person | None:
        """The person to update, None for a new one. Raises NotAppliedError where identifiers contradict each other."""
        person = self._owner(write.who, write.claims)
        if person is not None:
            for kind, value in write.claims.items():
                self._permit(person, write.who, kind, value)
            return person
        if write.who.kind == "cio_id":
            raise NotAppliedError("failed_attribute_change", "nobody has this cio_id")
        if write.given.get("_update") == _TRUE:
            raise NotAppliedError("skipped_update", "nobody to update, and _update forbids to create")
        return None

    def _owner(self, who: Identifier, claims: Claims) -> Person | None:
        owner = self._register.owner
        person = owner(who.kind, who.value)
        for kind, value in claims.items():
            other = owner(kind, value) if value and kind != who.kind else None
            if other is not None and other is not person:
                if person is not None:
                    raise NotAppliedError("failed_attribute_change", "the identifiers belong to different people")
                person = other
        return person

    def _permit(self, person: Person, who: Identifier, kind: Assigned, value: str | None) -> None:
        """An identifier that is set may be changed by `cio_<cio_id>`; by others only as the switches say."""
        held: str | None = getattr(person, kind)
        if not held or held == value or who.kind == "cio_id":
            return
        by_id = who.kind == "id"
        if kind == "email":
            same = value is not None and value.lower() == held.lower()
            allowed = same or self._register.mode == "id" or (by_id and self._switches.email_changes_by_id)
        else:
            allowed = kind == "id" and by_id and self._switches.new_id_takes_over
        if not allowed:
            raise NotAppliedError("failed_attribute_change", f"{kind} is set already; only cio_<cio_id> may change it")

    def _cap(self, person: Person, given: Mapping[str, Raw]) -> None:
        names = person.given().keys() | {name for name in given if part(name) != "reserved"}
        if len(names) > MAX_ATTRIBUTES:
            raise NotAppliedError("failed_attribute_change", f"more than {MAX_ATTRIBUTES} attributes in all")

    def _number(self, who: Identifier) -> int:
        person = self._register.find(who)
        return person.number if person else 0

    # What is written

    def _create(self, write: Write) -> Person:
        claims, given, removals = write.claims, write.given, self._removals
        person = self._register.create(write.at)
        person.id, person.email, person.phone = claims.get("id"), claims.get("email"), claims.get("phone")
        self._register.index(person)
        kept = {name: raw for name, raw in given.items() if part(name) == "attribute" and raw not in removals}
        person.keep(kept)
        if len(kept) + ("id" in given) + ("email" in given) < len(given):  # some names mean something else
            chosen = {name: raw for name, raw in given.items() if part(name) == "preference"}
            self._merge(person, kept, chosen, write.at)
        return person

    def _update(self, person: Person, write: Write) -> tuple[Change, ...]:
        held = person.given()
        given, claims = write.given, write.claims
        if write.at < self._latest or (write.stamped and write.at == self._latest):
            stale = {name for name in given if self._overtaken(person, held, name, write)}
            given = {name: raw for name, raw in given.items() if name not in stale}
            claims = {kind: value for kind, value in claims.items() if kind not in stale}
        changes = self._assign(person, claims, write.at)
        for name, before in self._merge(person, held, given, write.at):
            after = held.get(name)
            changes.append((name, before, after.copy() if after is not None else None))  # a view of a whole request
        return tuple(changes)

    def _overtaken(self, person: Person, held: Mapping[str, Raw], name: str, write: Write) -> bool:
        """Was it changed later than this write says it was made?"""
        assigned = (name == "id" and person.id) or (name == "email" and person.email)
        if not assigned and name not in held and name not in (person.moved or {}):
            return False  # new to this person, and never removed
        last = person.touched(name)
        tie_lost = write.at == last and write.stamped and self._switches.tie_goes_to == "earlier"
        return write.at < last or tie_lost

    def _assign(self, person: Person, claims: Claims, at: int) -> list[Change]:
        changed = [kind for kind, value in claims.items() if getattr(person, kind) != value]
        if not changed:
            return []
        changes: list[Change] = []
        self._register.unindex(person)
        for kind in changed:
            if kind != "phone":  # of which its attribute tells
                changes.append((kind, _raw(getattr(person, kind)), _raw(claims[kind])))
                person.touch(kind, at)
            setattr(person, kind, claims[kind])
        self._register.index(person)
        return changes

    def _merge(
        self, person: Person, held: dict[str, Raw], given: Mapping[str, Raw], at: int
    ) -> list[tuple[str, Raw | None]]:
        """Puts what is given into what is held → the names that changed, with their values before.

        What is new on a new person needs no time of its own.
        """
        changed: list[tuple[str, Raw | None]] = []
        removals, timeless = self._removals, at == person.since and person.moved is None
        for name, raw in given.items():
            if held.get(name) == raw:
                continue
            kind = part(name)
            if kind == "preference":
                person.touch(name, at)  # of its own: topics overtake each other one by one
                name, raw = PREFERENCES, with_one(held.get(PREFERENCES), name, raw)
            elif kind != "attribute":
                continue
            before = held.get(name)
            if raw not in removals:
                held[name] = raw
            elif before is not None:
                del held[name]
            else:
                continue
            changed.append((name, before))
            if not timeless:
                person.touch(name, at)
        if changed:
            person.keep(held)
        return changed

    def _text(self, raw: Raw) -> str | None:
        return None if raw in self._removals else read_back(raw)


def _raw(text: str | None) -> Raw | None:
    return None if text is None else Raw(encode(text))
