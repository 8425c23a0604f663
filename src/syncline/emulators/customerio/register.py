"""Everybody, by running number and by identifier. No rules: who may be written is decided in `profiles`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from syncline.emulators.customerio.identity import Identifier, Kind, Mode, number_of
from syncline.emulators.customerio.people import Person


class Register:
    """people: running number → person, oldest first; born: the latest number, never given twice.

    Mode `id+email` keeps e-mails unique; in mode `id` an e-mail is any other attribute.
    """

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.people: dict[int, Person] = {}
        self.born = 0
        self.by_anonymous_id: dict[str, int] = {}
        self._by_id: dict[str, Person] = {}
        self._by_email: dict[str, Person] = {}  # lower case; stays empty in mode `id`
        self._by_phone: dict[str, Person] = {}

    def find(self, who: Identifier) -> Person | None:
        """The one person so identified; by e-mail only where the workspace identifies people by e-mail."""
        return self.owner(who.kind, who.value)

    def owner(self, kind: Kind, value: str) -> Person | None:
        if kind == "id":
            return self._by_id.get(value)
        if kind == "email":
            return self._by_email.get(value.lower())
        if kind == "phone":
            return self._by_phone.get(value)
        return self.people.get(number_of(value) if kind == "cio_id" else self.by_anonymous_id.get(value, 0))

    def with_email(self, email: str) -> list[Person]:
        """Everybody with this e-mail: at most one in mode `id+email`. In mode `id` it is a walk over all people."""
        if self.mode == "id+email":
            person = self.find(Identifier("email", email))
            return [person] if person else []
        wanted = email.lower()
        return [person for person in self.people.values() if person.email and person.email.lower() == wanted]

    def after(self, number: int) -> Iterator[Person]:
        """Everybody with a higher number, in order: what pages are cut from, while people come and go."""
        if number <= 0:
            return iter(self.people.values())
        return (self.people[later] for later in range(number + 1, self.born + 1) if later in self.people)

    def search(self, text: str, limit: int) -> tuple[int, list[Person]]:
        """How many mention the text, and the first of them. Everybody mentions "", the newest first."""
        if not text:
            return len(self.people), list(islice(reversed(self.people.values()), limit))
        found = [person for person in self.people.values() if _mentions(person, text.lower())]
        return len(found), found[:limit]

    def create(self, since: int) -> Person:
        self.born += 1  # never used twice: who is created again has a new cio_id
        person = Person(self.born, since)
        self.people[person.number] = person
        return person

    def restore(self, person: Person) -> None:
        """Somebody of another life of this workspace."""
        self.people[person.number] = person
        self.index(person)

    def remove(self, person: Person) -> None:
        self.unindex(person)
        del self.people[person.number]
        if self.by_anonymous_id:
            for anonymous_id in [name for name, number in self.by_anonymous_id.items() if number == person.number]:
                del self.by_anonymous_id[anonymous_id]

    def index(self, person: Person) -> None:
        if person.id is not None:
            self._by_id[person.id] = person
        if person.email and self.mode == "id+email":
            self._by_email[person.email.lower()] = person
        if person.phone:
            self._by_phone[person.phone] = person

    def unindex(self, person: Person) -> None:
        if person.id is not None:
            del self._by_id[person.id]
        if person.email and self.mode == "id+email":
            del self._by_email[person.email.lower()]
        if person.phone:
            del self._by_phone[person.phone]


def _mentions(person: Person, text: str) -> bool:
    identifiers = f"{person.id or ''}\n{person.email or ''}\n{person.cio_id}"
    return text in identifiers.lower() or text in person.text.decode().lower()
