"""The App API's people → who they are, what they did, what they belong to; one, a hundred, or by filter.

https://docs.customer.io/integrations/api/app/tag/customers/ (checked 2026-10); the shapes of activities, relationships
and preferences are those that go-customerio reads (checked 2026-10).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Raw, Struct

from syncline.emulators.customerio.activities import Activity
from syncline.emulators.customerio.answers import json
from syncline.emulators.customerio.app import Desk, RefusedError, ulid
from syncline.emulators.customerio.filters import matcher
from syncline.emulators.customerio.identity import Identifier
from syncline.emulators.customerio.people import Person, read_back, unsubscribed
from syncline.emulators.customerio.preferences import PREFERENCES, topics
from syncline.emulators.routes import Answer, Call, Handler

MAX_IDS = 100
_USUAL, _MAX_FOUND = 50, 1000
_MAX_ACTIVITIES = 100


class _Wanted(Struct):
    ids: list[str]


class _Search(Struct):
    filter: object


_wanted = msgspec.json.Decoder(_Wanted, strict=False)  # ids may be numbers
_search = msgspec.json.Decoder(_Search)


class People:
    """The handlers, each `Call` → `Answer`."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._workspace = desk, desk.workspace

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        one = "/v1/customers/{customer_id}"
        return {
            ("GET", f"{one}/attributes"): self.attributes,
            ("GET", f"{one}/segments"): self.segments,
            ("GET", f"{one}/relationships"): self.relationships,
            ("GET", f"{one}/activities"): self.activities,
            ("GET", f"{one}/subscription_preferences"): self.preferences,
            ("POST", "/v1/customers/attributes"): self.attributes_of_many,
            ("GET", "/v1/customers"): self.by_email,
            ("POST", "/v1/customers"): self.search,
            ("GET", "/v1/activities"): self.all_activities,
        }

    def attributes(self, call: Call) -> Answer:
        return json({"customer": self._customer(self._desk.person(call))})

    def attributes_of_many(self, call: Call) -> Answer:
        """`{"ids": […]}` → `{"customers": […]}` without those unknown."""
        try:
            ids = _wanted.decode(call.body).ids
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RefusedError(400, str(error)) from None
        if len(ids) > MAX_IDS:
            raise RefusedError(400, f"ids cannot hold more than {MAX_IDS} values")
        found = [self._workspace.find(self._desk.identifier(call, value)) for value in ids]
        return json({"customers": [{"customer": self._customer(person)} for person in found if person]})

    def by_email(self, call: Call) -> Answer:
        """`?email=` → `{"results": […]}`, empty when nobody has it."""
        email = call.parameter("email")
        if not email:
            raise RefusedError(400, "email must be present")
        return json({"results": [identifiers(person) for person in self._workspace.register.with_email(email)]})

    def search(self, call: Call) -> Answer:
        """`{"filter": …}` → `{"identifiers": […], "ids": […], "next": …}`."""
        page = self._desk.page(call, _USUAL, _MAX_FOUND)
        try:
            matches = matcher(_search.decode(call.body).filter, self._workspace.segments)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
            raise RefusedError(400, str(error)) from None
        found = filter(matches, self._workspace.register.after(page.after))
        people, following = self._desk.cut(found, page, lambda person: person.number)
        return json(listing(people, following))

    def segments(self, call: Call) -> Answer:
        mine = self._workspace.segments.of(self._desk.person(call).number)
        return json({"segments": [{"id": one.id, "name": one.name, "description": one.description} for one in mine]})

    def relationships(self, call: Call) -> Answer:
        page = self._desk.page(call, _USUAL, _MAX_FOUND)
        mine = sorted(self._workspace.objects.of(self._desk.person(call).number), key=lambda pair: pair[0].number)
        rest = (pair for pair in mine if pair[0].number > page.after)
        cut, following = self._desk.cut(rest, page, lambda pair: pair[0].number)
        related = [
            {
                "object_type_id": thing.type_id,
                "identifiers": {"object_id": thing.object_id, "cio_object_id": thing.cio_object_id},
                "attributes": _texts(attributes),
            }
            for thing, attributes in cut
        ]
        return json({"cio_relationships": related, "next": following})

    def activities(self, call: Call) -> Answer:
        number = self._desk.person(call).number
        return self._activities(call, (one for one in self._workspace.log.newest_first() if one.person == number))

    def all_activities(self, call: Call) -> Answer:
        """Everybody's; of one person with `customer_id`."""
        found = self._workspace.log.newest_first()
        if customer_id := call.parameter("customer_id"):
            person = self._workspace.find(self._desk.identifier(call, customer_id))
            return self._activities(call, (one for one in found if person and one.person == person.number))
        return self._activities(call, found)

    def _activities(self, call: Call, found: Iterable[Activity]) -> Answer:
        page = self._desk.page(call, 10, _MAX_ACTIVITIES)
        kind, name = call.parameter("type"), call.parameter("name")
        wanted = (
            one
            for one in found
            if (not page.after or one.number < page.after)
            and kind in ("", one.what)
            and (not name or name == one.name or name in (change[0] for change in one.changes))
        )
        cut, following = self._desk.cut(wanted, page, lambda one: one.number)
        return json({"activities": [self._activity(one) for one in cut], "next": following})

    def _activity(self, one: Activity) -> dict[str, object]:
        person = self._workspace.people.get(one.person)
        return {
            "id": ulid(one.at, one.number),
            "type": one.what,
            "timestamp": int(one.at),
            "customer_id": person.id if person else _told(one.who, "id"),
            "customer_identifiers": identifiers(person) if person else {one.who.kind: one.who.value},
            "name": one.name,
            "data": one.data or {name: {"from": _read(old), "to": _read(new)} for name, old, new in one.changes},
        }

    def preferences(self, call: Call) -> Answer:
        """Only topics that were chosen: the workspace's own list of topics, with their names, is not emulated."""
        person = self._desk.person(call)
        chosen = topics(person.given().get(PREFERENCES))
        return json(
            {
                "customer": {
                    "id": person.id or "",
                    "identifiers": identifiers(person),
                    "topics": [{"id": name.removeprefix("topic_"), "subscribed": is_} for name, is_ in chosen.items()],
                    "unsubscribed": unsubscribed(person.read().attributes),
                }
            }
        )

    def _customer(self, person: Person) -> dict[str, object]:
        """Every attribute as text, ids included: recorded from the live service in 2021, still in the spec."""
        reading = person.read()
        return {
            "id": person.id or "",
            "identifiers": identifiers(person),
            "attributes": reading.attributes,
            "timestamps": reading.timestamps,
            "unsubscribed": unsubscribed(reading.attributes),
            "devices": [
                {"id": one.token, "platform": one.platform, "last_used": one.last_used, "attributes": one.attributes}
                for one in self._workspace.devices.of(person.number)
            ],
        }


def identifiers(person: Person) -> dict[str, str | None]:
    return {"email": person.email, "id": person.id, "cio_id": person.cio_id}


def listing(people: Iterable[Person], following: str) -> dict[str, object]:
    """People as search and segments list them: who has no id is an empty text among the ids."""
    listed = list(people)
    ids = [person.id or "" for person in listed]
    return {"identifiers": [identifiers(person) for person in listed], "ids": ids, "next": following}


def _read(raw: Raw | None) -> str:
    return "" if raw is None else read_back(raw)


def _texts(attributes: bytes) -> dict[str, str]:
    return {name: read_back(raw) for name, raw in msgspec.json.decode(attributes, type=dict[str, Raw]).items()}


def _told(who: Identifier, kind: str) -> str:
    return who.value if who.kind == kind else ""
