"""Writes → people, as Customer.io merges them. Pure state: no HTTP, no threads; `now` is an argument.

Rules: https://docs.customer.io/integrations/api/track/#operation/identify (checked 2026-10). Mode `id+email` keeps
both identifiers unique; mode `id` treats the e-mail as any other attribute. What the service accepts and then silently
does not do is an activity in `failures`, not an answer: that is how the real one behaves.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Literal, NamedTuple

from msgspec import Raw

from syncline.emulators.customerio.identity import Identifier, Mode, number_of, scalar_text
from syncline.emulators.customerio.people import Person, read_back
from syncline.emulators.customerio.rules import IDENTIFYING, MAX_ATTRIBUTES, Violation, reserved, violations
from syncline.emulators.customerio.switches import Switches

REMEMBERED = 1000  # activities, and failures
_NULL, _EMPTY, _TRUE = Raw(b"null"), Raw(b'""'), Raw(b"true")

What = Literal["profile_create", "attribute_change", "profile_delete", "failed_attribute_change", "skipped_update"]
Claims = Mapping[Literal["id", "email"], str | None]


class Credentials(NamedTuple):
    """What the emulator accepts. Replace `workspace.credentials` to revoke a key while it runs."""

    site_id: str = "site"
    api_key: str = "key"
    app_api_key: str = "app"

    def basic(self) -> tuple[str, str]:
        """The two spellings of the Track API's password: go-customerio uses the URL-safe alphabet (checked 2026-10)."""
        pair = f"{self.site_id}:{self.api_key}".encode()
        return base64.b64encode(pair).decode(), base64.urlsafe_b64encode(pair).decode()


class Activity(NamedTuple):
    """Something that happened to a person. `at`: unix seconds; `who`: as it was addressed; `reason`: why not."""

    at: float
    what: What
    who: Identifier
    reason: str


class NotAppliedError(Exception):
    """The write was accepted and is not applied. Says the activity and the reason."""

    def __init__(self, what: What, reason: str) -> None:
        self.what, self.reason = what, reason
        super().__init__(reason)


class Workspace:
    """People, and what was done to them.

    people: running number → person, oldest first; activities, failures: the latest 1000, newest last;
    writes: identifies and deletes accepted, whether or not they changed anything.
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
    ) -> None:
        self.mode, self.switches = mode, switches or Switches()
        self.credentials = credentials or Credentials()
        self.region, self.environment_id = region, environment_id
        self.people: dict[int, Person] = {}
        self.activities: deque[Activity] = deque(maxlen=REMEMBERED)
        self.failures: deque[Activity] = deque(maxlen=REMEMBERED)
        self.writes = 0
        self._now = now
        self._born = 0
        self._removals = (_NULL, _EMPTY) if self.switches.empty_removes else (_NULL,)
        self._by_id: dict[str, Person] = {}
        self._by_email: dict[str, Person] = {}  # lower case; stays empty in mode `id`

    # Reading

    def find(self, who: Identifier) -> Person | None:
        """The one person so identified; by e-mail only where the workspace identifies people by e-mail."""
        if who.kind == "id":
            return self._by_id.get(who.value)
        if who.kind == "email":
            return self._by_email.get(who.value.lower())
        return self.people.get(number_of(who.value))

    def with_email(self, email: str) -> list[Person]:
        """Everybody with this e-mail: at most one in mode `id+email`. In mode `id` it is a walk over all people."""
        if self.mode == "id+email":
            person = self.find(Identifier("email", email))
            return [person] if person else []
        wanted = email.lower()
        return [person for person in self.people.values() if person.email and person.email.lower() == wanted]

    # Writing

    def identify(self, who: Identifier, given: Mapping[str, Raw]) -> Sequence[Violation]:
        """Creates or updates. Returns what is wrong (then nothing is written), or nothing: the write was accepted."""
        wrong = violations(who, given, self.switches)
        if wrong:
            return wrong
        self.writes += 1
        claims = self._claims(who, given)
        try:
            person = self._addressed(who, claims, update_only=given.get("_update") == _TRUE)
            self._cap(person, given)
        except NotAppliedError as error:
            self._note(error.what, who, error.reason)
            return ()
        if person is None:
            self._note("profile_create", who)
            self._create(claims, given)
        elif self._update(person, claims, given):
            self._note("attribute_change", who)
        return ()

    def delete(self, who: Identifier) -> None:
        """Idempotent: who does not exist is deleted as well."""
        self.writes += 1
        person = self.find(who)
        if person is None:
            return
        self._unindex(person)
        del self.people[person.number]
        self._note("profile_delete", who)

    # Who is meant

    def _claims(self, who: Identifier, given: Mapping[str, Raw]) -> Claims:
        """The identifiers a write asserts, from its address and its attributes; None where an e-mail is removed."""
        claims: dict[Literal["id", "email"], str | None] = {}
        if "id" in given:
            claims["id"] = scalar_text(given["id"])
        if "email" in given:
            raw = given["email"]
            claims["email"] = None if raw in self._removals else read_back(raw)
        if who.kind != "cio_id":
            claims.setdefault(who.kind, who.value)
        return claims

    def _addressed(self, who: Identifier, claims: Claims, *, update_only: bool) -> Person | None:
        """The person to update, None for a new one. Raises NotAppliedError where identifiers contradict each other."""
        owners = self._owners(who, claims)
        if owners:
            person = owners[0]
            if any(other is not person for other in owners[1:]):
                raise NotAppliedError("failed_attribute_change", "the identifiers belong to different people")
            for kind, value in claims.items():
                self._permit(person, who, kind, value)
            return person
        if who.kind == "cio_id":
            raise NotAppliedError("failed_attribute_change", "nobody has this cio_id")
        if update_only:
            raise NotAppliedError("skipped_update", "nobody to update, and _update forbids to create")
        return None

    def _owners(self, who: Identifier, claims: Claims) -> list[Person]:
        found = [self.find(who)]
        if who.kind != "id" and (given_id := claims.get("id")):
            found.append(self._by_id.get(given_id))
        if who.kind != "email" and (email := claims.get("email")):
            found.append(self._by_email.get(email.lower()))
        return [person for person in found if person is not None]

    def _permit(self, person: Person, who: Identifier, kind: Literal["id", "email"], value: str | None) -> None:
        """An identifier that is set may be changed by `cio_<cio_id>`; by others only as the switches say."""
        held = person.id if kind == "id" else person.email
        if not held or held == value or who.kind == "cio_id":
            return
        if kind == "email":
            same = value is not None and value.lower() == held.lower()
            allowed = same or self.mode == "id" or (who.kind == "id" and self.switches.email_changes_by_id)
        else:
            allowed = who.kind == "id" and self.switches.new_id_takes_over
        if not allowed:
            raise NotAppliedError("failed_attribute_change", f"{kind} is set already; only cio_<cio_id> may change it")

    def _cap(self, person: Person | None, given: Mapping[str, Raw]) -> None:
        if person is not None and self.switches.cap_counts_stored:
            names = person.given().keys() | {name for name in given if not reserved(name)}
            if len(names) > MAX_ATTRIBUTES:
                raise NotAppliedError("failed_attribute_change", f"more than {MAX_ATTRIBUTES} attributes in all")

    # What is written

    def _create(self, claims: Claims, given: Mapping[str, Raw]) -> None:
        self._born += 1  # never used twice: who is created again has a new cio_id
        person = Person(self._born, int(self._now()))
        self.people[person.number] = person
        person.id, person.email = claims.get("id"), claims.get("email")
        self._index(person)
        removals = self._removals
        person.keep({name: raw for name, raw in given.items() if _stored(name) and raw not in removals})

    def _update(self, person: Person, claims: Claims, given: Mapping[str, Raw]) -> bool:
        now = int(self._now())
        changed = self._identify_anew(person, claims, now)
        held = person.given()
        before = len(changed)
        for name, raw in given.items():
            if not _stored(name):
                continue
            if raw in self._removals:
                if held.pop(name, None) is not None:
                    changed.append(name)
            elif held.get(name) != raw:
                held[name] = raw
                person.touch(name, now)
                changed.append(name)
        if len(changed) > before:
            person.keep(held)
        return bool(changed)

    def _identify_anew(self, person: Person, claims: Claims, now: int) -> list[str]:
        changed = [kind for kind, value in claims.items() if getattr(person, kind) != value]
        if changed:
            self._unindex(person)
            for kind in changed:
                setattr(person, kind, claims[kind])
                person.touch(kind, now)
            self._index(person)
        return list(changed)

    def _index(self, person: Person) -> None:
        if person.id is not None:
            self._by_id[person.id] = person
        if person.email and self.mode == "id+email":
            self._by_email[person.email.lower()] = person

    def _unindex(self, person: Person) -> None:
        if person.id is not None:
            del self._by_id[person.id]
        if person.email and self.mode == "id+email":
            del self._by_email[person.email.lower()]

    def _note(self, what: What, who: Identifier, reason: str = "") -> None:
        activity = Activity(self._now(), what, who, reason)
        self.activities.append(activity)
        if reason:
            self.failures.append(activity)

    # For the page

    def search(self, text: str, limit: int) -> tuple[int, list[Person]]:
        """How many match, and the first of them. Everybody matches "", the newest first."""
        if not text:
            return len(self.people), list(islice(reversed(self.people.values()), limit))
        found = [person for person in self.people.values() if _mentions(person, text.lower())]
        return len(found), found[:limit]


def _mentions(person: Person, text: str) -> bool:
    identifiers = f"{person.id or ''}\n{person.email or ''}\n{person.cio_id}"
    return text in identifiers.lower() or text in person.text.decode().lower()


@lru_cache(4096)
def _stored(name: str) -> bool:
    return name not in IDENTIFYING and not reserved(name)
