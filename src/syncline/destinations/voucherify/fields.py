"""The fields of a customer: which there are, what each means, and why a mapping may not write to another name.

The facts are the vendor's: https://docs.voucherify.io/api-reference/customers/customer-object and its OpenAPI document,
https://github.com/voucherifyio/voucherify-openapi (checked 2026-10).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from syncline.destinations.meaning import Meaning, is_text
from syncline.destinations.voucherify.nesting import OBJECTS
from syncline.errors import printable

# What may be written, besides any key of `metadata`. Types and names: the OpenAPI document (checked 2026-10)
TEXTS = ("name", "description", "email", "phone")
ADDRESS = ("city", "state", "line_1", "line_2", "country", "postal_code")
PARTS = tuple(f"address.{part}" for part in ADDRESS)
FIELDS = (*TEXTS, "birthdate", *OBJECTS, *PARTS)

IDENTIFIERS = ("id", "source_id")
# Read in a customer, never written: the OpenAPI document (checked 2026-10)
KEPT = ("object", "summary", "loyalty", "referrals", "system_metadata", "assets", "created_at", "updated_at")

_SHOWN = 40  # characters of a name in a message
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def is_date(value: object) -> bool:
    """A day that the calendar has, as text: 1990-05-05."""
    try:
        return isinstance(value, str) and bool(_DATE.fullmatch(value) and date.fromisoformat(value))
    except ValueError:
        return False


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


_TEXT = Meaning("text", frozenset({"string"}), is_text)
_OBJECT = Meaning("an object", frozenset({"json"}), _is_object)

MEANINGS: Mapping[str, Meaning] = MappingProxyType(
    {
        **dict.fromkeys((*TEXTS, *PARTS), _TEXT),
        "birthdate": Meaning("a date (YYYY-MM-DD)", frozenset({"date"}), is_date),
        "address": _OBJECT,
        "metadata": _OBJECT,
    }
)


def refuse_name(target: str, is_identifier: bool) -> tuple[str, str] | None:
    """Why no mapping may write to this name: (found, fix), or None. `is_identifier`: it maps the userId field."""
    top, dot, key = target.partition(".")
    if target in FIELDS or (top == "metadata" and key):
        return None
    own = f'"to": "metadata.{printable(target[:_SHOWN])}"'
    if target in IDENTIFIERS:
        why = f"{target} says who the customer is, and comes from userId"
        return why, "Delete this mapping." if is_identifier else f"Name that field in `userId`, or write {own}."
    if target in KEPT:
        return f"{target} is written by Voucherify alone", f"Write {own}."
    if top == "metadata" and dot:
        return "there is no key behind the dot", 'Write one: "to": "metadata.tier".'
    whole = _nearest(top, _WHOLE) if dot else ""
    if whole == "address":
        near = _nearest(key, _MEANT_IN_ADDRESS)
    else:
        near = f"metadata.{printable(key[:_SHOWN])}" if whole and key else _nearest(target, _MEANT)
    why = "a customer has no such field; fields of your own go under metadata"
    if top == "address" and dot:
        why = f"an address has only {', '.join(ADDRESS)}"
    return why, f'Did you mean "{near}"? Else write {own}.' if near else f"Write {own}."


def _squashed(name: str) -> str:
    """`Postal-Code`, `postal_code` and `postalCode` are one name to a person."""
    return re.sub(r"[^a-z0-9]", "", name[:100].lower())


# What others call it; `birthday` is Voucherify's own former name.
_ELSEWHERE = {"street": "address.line_1", "zip": "address.postal_code", "zipcode": "address.postal_code"}
_MEANT_IN_ADDRESS = {_squashed(part): f"address.{part}" for part in ADDRESS} | _ELSEWHERE
_WHOLE = {name: name for name in OBJECTS}
_MEANT = {_squashed(name): name for name in FIELDS} | _MEANT_IN_ADDRESS | {"birthday": "birthdate"}


def _nearest(name: str, meant: Mapping[str, str]) -> str:
    """The field that was probably meant, or ""."""
    near = difflib.get_close_matches(_squashed(name), meant, n=1, cutoff=0.75)
    return meant[near[0]] if near else ""
