"""What is sent of a customer → what is wrong with it, or what of it is stored. Types are strict: a text is a text.

https://docs.voucherify.io/api-reference/customers/customer-object (checked 2026-10): no limit of a field is published.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

import msgspec
from msgspec import Raw

from syncline.emulators.voucherify.problems import Problem, payload
from syncline.emulators.voucherify.switches import Switches

Given = Mapping[str, Raw]

IDENTIFIERS = ("id", "source_id")
TEXTS = ("name", "description", "email", "phone", "birthdate")
ADDRESS = ("city", "state", "line_1", "line_2", "country", "postal_code")
_OBJECTS = ("address", "metadata", "system_metadata")
# Only answers have these; who sends an answer back is not refused for them.
_ANSWERED = ("summary", "loyalty", "referrals", "created_at", "updated_at", "assets", "object")
_PROPERTIES = frozenset((*IDENTIFIERS, *TEXTS, "birthday", *_OBJECTS, *_ANSWERED))
NULL = Raw(b"null")

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_PHONE = re.compile(r"[\d\s()+./#*-]+")
_members = msgspec.json.Decoder(dict[str, Raw])
_text = msgspec.json.Decoder(str)


def members(raw: Raw | bytes) -> dict[str, Raw]:
    """Of a JSON object. Raises `msgspec.DecodeError` for anything else."""
    return _members.decode(raw)


def text(raw: Raw | None) -> str | None:
    """None for null, and for what is not there."""
    return _text.decode(raw) if raw is not None and _kind(raw) == "string" else None


def wrong(given: Given, switches: Switches) -> Problem | None:
    """The first thing that is wrong with a customer as it was sent, metadata schema aside."""
    if switches.unknown_properties == "refused" and (unknown := given.keys() - _PROPERTIES):
        return payload(f"Property .{min(unknown)} is not allowed")
    if switches.system_metadata == "refused" and "system_metadata" in given:
        return payload("Property .system_metadata is not allowed")
    for name in (*TEXTS, "birthday", *IDENTIFIERS):
        if name in given and (problem := _wrong_text(name, given[name], switches)):
            return problem
    return _wrong_address(given.get("address", NULL)) or _wrong_metadata(given, switches)


def _wrong_text(name: str, raw: Raw, switches: Switches) -> Problem | None:
    kind = _kind(raw)
    if kind == "null":
        refused = switches.null_text == "refused" and name not in IDENTIFIERS
        return payload(f"Property .{name} must be string") if refused else None
    if kind != "string":
        return payload(f"Property .{name} must be string")
    value = _text.decode(raw)
    if switches.text_limit and len(value) > switches.text_limit:
        return payload(f"Property .{name} must not be longer than {switches.text_limit} characters")
    if switches.birthdate_checked and name in ("birthdate", "birthday") and _date(value) is None:
        return payload(f"Property .{name} cannot be recognized as a ISO-8601 compliant date")
    if switches.email_checked and name == "email" and not _EMAIL.fullmatch(value):
        return payload("Property .email must be email")
    if switches.phone_checked and name == "phone" and not _PHONE.fullmatch(value):
        return payload("Property .phone must be phone")
    return None


def _wrong_address(raw: Raw) -> Problem | None:
    if _kind(raw) == "null":
        return None
    if _kind(raw) != "object":
        return payload("Property .address must be object")
    address = members(raw)
    odd = (name for name in ADDRESS if _kind(address.get(name, NULL)) not in ("string", "null"))
    return next((payload(f"Property .address.{name} must be string") for name in odd), None)


def _wrong_metadata(given: Given, switches: Switches) -> Problem | None:
    for name in ("metadata", "system_metadata"):
        kind = _kind(given.get(name, NULL))
        null = name in given and kind == "null" and switches.null_metadata == "refused"
        if null or kind not in ("object", "null"):
            return payload(f"Property .{name} must be object")
    return None


def stored(given: Given, switches: Switches) -> dict[str, Raw]:
    """What of it is kept, once nothing is wrong with it."""
    kept = {name: given[name] for name in TEXTS if name in given}
    if "birthday" in given:  # deprecated, and still in the vendor's own example of a bulk
        kept.setdefault("birthdate", given["birthday"])
    if switches.null_text == "ignored":
        kept = {name: raw for name, raw in kept.items() if _kind(raw) != "null"}
    if (day := _date(text(kept.get("birthdate")) or "")) is not None:
        kept["birthdate"] = Raw(msgspec.json.encode(day))
    if "address" in given:
        kept["address"] = _address(given["address"])
    if _kind(given.get("metadata", NULL)) == "object" or ("metadata" in given and switches.null_metadata == "cleared"):
        kept["metadata"] = given["metadata"]
    if switches.system_metadata == "stored" and _kind(given.get("system_metadata", NULL)) == "object":
        kept["system_metadata"] = given["system_metadata"]
    return kept


def merged(held: Given, new: Given, switches: Switches) -> dict[str, Raw]:
    """What a customer holds after a write: what the write does not name stays."""
    after = {**held, **new}
    for name, how in (("address", switches.address), ("metadata", switches.metadata)):
        both = name in held and name in new and _kind(held[name]) == _kind(new[name]) == "object"
        if both and how == "merge":
            after[name] = Raw(msgspec.json.encode({**members(held[name]), **members(new[name])}))
    if "metadata" in after and _kind(after["metadata"]) == "null":
        del after["metadata"]  # cleared: a customer without metadata has no such key
    return after


def _address(raw: Raw) -> Raw:
    if _kind(raw) == "null":
        return NULL
    given = members(raw)
    return Raw(msgspec.json.encode({name: given[name] for name in ADDRESS if name in given}))


def _date(value: str) -> str | None:
    """`1990-05-05`, also of a date with a time, whatever its zone; None for what is no date."""
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return None
    return value[:10] if re.match(r"\d{4}-\d\d-\d\d", value) else None


def _kind(raw: Raw) -> str:
    """JSON's word for it."""
    return _KINDS.get(bytes(raw)[:1], "number")


_KINDS = {b'"': "string", b"{": "object", b"[": "array", b"n": "null", b"t": "boolean", b"f": "boolean"}
