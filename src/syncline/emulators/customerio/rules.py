"""A person's identifier and attributes → everything Customer.io says is wrong with them, all at once.

Limits: https://docs.customer.io/integrations/api/track/ (checked 2026-10); bytes are UTF-8 bytes.
v1's messages: https://docs.customer.io/journeys/invalid-api-requests (checked 2026-10).
v2's: one recorded 207, `property value cannot be longer than 1000 bytes`; the others are modelled on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

from msgspec import Raw

from syncline.emulators.customerio.identity import Identifier, encode, scalar_text, string
from syncline.emulators.customerio.preferences import is_one
from syncline.emulators.customerio.switches import Switches

MAX_ID_BYTES = 150
MAX_NAME_BYTES = 150
MAX_VALUE_BYTES = 1000
MAX_ATTRIBUTES = 300
MAX_ITEM_KB = 32
MAX_REQUEST_KB = 500

RESERVED = frozenset({"anonymous_id", "cio_id", "cio_relationships"})  # and every name that starts with `_`
IDENTIFYING = frozenset({"id", "email"})


class Violation(NamedTuple):
    """One thing that is wrong. `field`: `identifiers.id`, `attributes.plan`; v1 and v2 word it differently."""

    field: str
    v1: str
    v2: str


@lru_cache(4096)  # people share their attributes' names
def part(name: str) -> Literal["attribute", "identifier", "reserved", "preference"]:
    """What a name in an identify means. A reserved one is a word to the service, and never stored."""
    if name[:1] == "_" or name in RESERVED:
        return "reserved"
    if name in IDENTIFYING:
        return "identifier"
    return "preference" if is_one(name) else "attribute"


def violations(who: Identifier, given: Mapping[str, Raw], switches: Switches) -> list[Violation]:
    """What the edge refuses; empty when the write is accepted."""
    found: list[Violation] = []
    if len(given) > MAX_ATTRIBUTES and sum(part(name) != "reserved" for name in given) > MAX_ATTRIBUTES:
        found.append(_same("attributes", f"cannot identify more than {MAX_ATTRIBUTES} attributes in one request"))
    found += _identifiers(who, given)
    found += too_long(given, switches)
    return found


def too_long(given: Mapping[str, Raw], switches: Switches, where: str = "attributes") -> list[Violation]:
    """The names and values that exceed their limits: of a person, of an object, of a relationship."""
    return [] if not given or _all_short(given) else list(_too_long(given, switches, where))


def _all_short(given: Mapping[str, Raw]) -> bool:
    """Can nothing be too long? A character has at most 4 bytes, and no value is longer than the whole text."""
    return max(map(len, given)) * 4 <= MAX_NAME_BYTES and len(encode(given)) <= MAX_VALUE_BYTES


def _too_long(given: Mapping[str, Raw], switches: Switches, where: str) -> Iterator[Violation]:
    for name, raw in given.items():
        if len(name.encode()) > MAX_NAME_BYTES:
            limit = f"name cannot be longer than {MAX_NAME_BYTES} bytes"
            yield Violation(f"{where}.{name}", f"attribute {limit}", f"property {limit}")
        if part(name) != "reserved" and _size(bytes(raw), switches) > MAX_VALUE_BYTES:
            limit = f"cannot be longer than {MAX_VALUE_BYTES} bytes"
            yield Violation(f"{where}.{name}", f"value for attribute '{name}' {limit}", f"property value {limit}")


def _identifiers(who: Identifier, given: Mapping[str, Raw]) -> Iterator[Violation]:
    if not who.value:
        yield _same(f"identifiers.{who.kind}", f"{who.kind} attribute cannot be an empty string")
    if len(who.value.encode()) > MAX_ID_BYTES:
        yield _same(f"identifiers.{who.kind}", f"{who.kind} cannot be longer than {MAX_ID_BYTES} bytes")
    if "id" in given:
        yield from _assigned_id(who, given["id"])
    if who.kind == "email" and "email" in given and not _same_email(who.value, given["email"]):
        yield _same("attributes.email", "email attribute and identifier are not the same value")


def _assigned_id(who: Identifier, raw: Raw) -> Iterator[Violation]:
    value = scalar_text(raw)
    if bytes(raw) == b"null":
        yield _same("attributes.id", "id attribute must be present")
    elif value is None:
        yield _same("attributes.id", "id attribute must be a string value")
    elif not value:
        yield _same("attributes.id", "id attribute cannot be an empty string")
    elif who.kind == "id" and value != who.value:
        yield _same("attributes.id", "id attribute and identifier are not the same value")
    elif len(value.encode()) > MAX_ID_BYTES:
        yield _same("attributes.id", f"id cannot be longer than {MAX_ID_BYTES} bytes")


def _same_email(value: str, raw: Raw) -> bool:
    return value.lower() == (scalar_text(raw) or "").lower()


def _same(field: str, message: str) -> Violation:
    return Violation(field, message, message)


def _size(text: bytes, switches: Switches) -> int:
    """At most this many bytes: what an escape shortens matters only where the text itself is too long."""
    if text[:1] == b'"' and len(text) > MAX_VALUE_BYTES:
        return len(string.decode(text).encode())
    return len(text) if switches.nested_measured or text[:1] == b'"' else 0
