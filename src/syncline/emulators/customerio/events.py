"""Events, of people and of nobody yet → who did what when; each ULID counts once.

https://docs.customer.io/integrations/api/track/#operation/track (checked 2026-10); the messages:
https://docs.customer.io/journeys/invalid-api-requests (checked 2026-10).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from msgspec import Raw

from syncline.emulators.customerio.identity import string

EventKind = Literal["event", "page", "screen"]
MAX_NAME_BYTES, MAX_NAME_CHARACTERS = 100, 500
MAX_DATA_BYTES = 100_000
JOINED_S = 30 * 86_400  # anonymous events are joined to a person, and a merged person's kept, for 30 days


class Event(NamedTuple):
    """at: unix seconds; data: a JSON object, as it was given; id: a ULID, or empty."""

    name: str
    kind: EventKind
    at: int
    data: Raw
    id: str = ""


class Flaw(NamedTuple):
    """What is wrong with an event: whether of its name or its data, and Customer.io's words."""

    field: Literal["name", "data"]
    message: str


class Events:
    """by_person: running number → events in order of arrival; anonymous: anonymous_id → the same; seen: ULIDs."""

    def __init__(self) -> None:
        self.by_person: dict[int, list[Event]] = {}
        self.anonymous: dict[str, list[Event]] = {}
        self.seen: set[str] = set()

    def of(self, number: int) -> list[Event]:
        return self.by_person.get(number, [])

    def add(self, number: int, event: Event) -> bool:
        """False for one that was there already."""
        if self._repeats(event):
            return False
        self.by_person.setdefault(number, []).append(event)
        return True

    def add_anonymous(self, anonymous_id: str, event: Event) -> bool:
        """Without an anonymous_id nobody can ever be told to have done it."""
        if self._repeats(event):
            return False
        if anonymous_id:
            self.anonymous.setdefault(anonymous_id, []).append(event)
        return True

    def join(self, anonymous_id: str, number: int, now: float) -> bool:
        """The anonymous events of the last 30 days become this person's. Were there any?"""
        recent = [event for event in self.anonymous.pop(anonymous_id, []) if event.at >= now - JOINED_S]
        if recent:
            self.by_person.setdefault(number, []).extend(recent)
        return bool(recent)

    def merge(self, primary: int, secondary: int, now: float) -> None:
        recent = [event for event in self.by_person.pop(secondary, []) if event.at >= now - JOINED_S]
        if recent:
            self.by_person.setdefault(primary, []).extend(recent)

    def forget(self, number: int) -> None:
        self.by_person.pop(number, None)

    def _repeats(self, event: Event) -> bool:
        if not event.id:
            return False
        repeated = event.id in self.seen
        self.seen.add(event.id)
        return repeated


def event_kind(told: str) -> EventKind:
    """Whatever is neither a page nor a screen is an event."""
    return "page" if told == "page" else "screen" if told == "screen" else "event"


def read(given: Mapping[str, Raw], kind: EventKind, data_key: str, now: float) -> Event | Flaw:
    """`{"name", "id", "timestamp", data}` → the event. v1 calls its data `data`, v2 `attributes`."""
    name = _text(given.get("name")).strip()
    if not name:
        return Flaw("name", "event name must not be blank")
    if len(name) >= MAX_NAME_CHARACTERS:
        return Flaw("name", f"event name must be less than {MAX_NAME_CHARACTERS} characters")
    if len(name.encode()) > MAX_NAME_BYTES:
        return Flaw("name", f"event name cannot be longer than {MAX_NAME_BYTES} bytes")
    data = given.get(data_key, Raw(b"{}"))
    if bytes(data) == b"null":
        data = Raw(b"{}")
    if bytes(data)[:1] != b"{":
        return Flaw("data", 'event data must be a hash (e.g. send "data":{})')
    if memoryview(data).nbytes > MAX_DATA_BYTES:
        return Flaw("data", f"event data cannot be longer than {MAX_DATA_BYTES} bytes")
    return Event(name, kind, seconds(given.get("timestamp"), now), data.copy(), _text(given.get("id")))


def seconds(raw: Raw | None, now: float) -> int:
    """A timestamp in unix seconds, as a number or its text; the present for anything else."""
    text = bytes(raw or b"").strip(b'"')
    return int(text) if text.isdigit() and len(text) <= 15 else int(now)


def _text(raw: Raw | None) -> str:
    return string.decode(raw) if raw is not None and bytes(raw)[:1] == b'"' else ""
