"""Customers, by running number and by source_id, small enough that a million of them fit; and how they are answered."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

import msgspec
from msgspec import Raw, Struct

from syncline.emulators.voucherify.fields import NULL, TEXTS, Given, members
from syncline.emulators.voucherify.ids import customer_id, number_of, timestamp

# Of somebody who bought nothing: what the schema of an answer requires, in the shape of the documented example.
_REDEMPTIONS = dict.fromkeys(
    (
        "total_redeemed",
        "total_failed",
        "total_succeeded",
        "total_rolled_back",
        "total_rollback_failed",
        "total_rollback_succeeded",
    ),
    0,
)
_NOTHING_BOUGHT = {
    "summary": {
        "redemptions": {
            **_REDEMPTIONS,
            "gift": {"redeemed_amount": 0, "amount_to_go": 0},
            "loyalty_card": {"redeemed_points": 0, "points_to_go": 0},
        },
        "orders": dict.fromkeys(("total_amount", "total_count", "average_amount", "last_order_amount"), 0),
    },
    "loyalty": {"points": 0, "referred_customers": 0, "campaigns": {}},
    "referrals": {"total": 0, "campaigns": []},
}


class Customer(Struct, gc=False, eq=False):
    """source_id: None when it was created without. `text`: what it holds as JSON. updated_ms: 0 before any update.

    writes: how often it was written, the first time included.
    """

    number: int
    created_ms: int
    source_id: str | None = None
    text: bytes = b"{}"
    updated_ms: int = 0
    writes: int = 0

    @property
    def id(self) -> str:
        return customer_id(self.number)

    def held(self) -> dict[str, Raw]:
        return members(self.text)

    def keep(self, held: Given) -> None:
        self.text = msgspec.json.encode(held)

    def shown(self) -> dict[str, object]:
        """As an answer has it: no metadata, no updated_at where there are none; the address is null then."""
        held = self.held()
        return {
            "id": self.id,
            **({} if self.source_id is None else {"source_id": self.source_id}),
            **{name: held[name] for name in TEXTS if name in held},
            "address": held.get("address", NULL),
            **_NOTHING_BOUGHT,
            **({"metadata": held["metadata"]} if "metadata" in held else {}),
            "system_metadata": held.get("system_metadata", {}),
            "created_at": timestamp(self.created_ms),
            **({"updated_at": timestamp(self.updated_ms)} if self.updated_ms else {}),
            "object": "customer",
        }


class Register:
    """customers: running number → customer, oldest first; born: the latest number, never given twice."""

    def __init__(self) -> None:
        self.customers: dict[int, Customer] = {}
        self.born = 0
        self._by_source_id: dict[str, Customer] = {}

    def find(self, identifier: str) -> Customer | None:
        """By the vendor's id, or by the source_id."""
        return self.with_id(identifier) or self._by_source_id.get(identifier)

    def with_id(self, identifier: str) -> Customer | None:
        return self.customers.get(number_of(identifier))

    def with_source_id(self, source_id: str) -> Customer | None:
        return self._by_source_id.get(source_id)

    def create(self, source_id: str | None, at_ms: int) -> Customer:
        self.born += 1
        customer = Customer(self.born, at_ms, source_id)
        self.restore(customer)
        return customer

    def restore(self, customer: Customer) -> None:
        """Somebody new, or of another life of this project."""
        self.customers[customer.number] = customer
        if customer.source_id is not None:
            self._by_source_id[customer.source_id] = customer

    def remove(self, customer: Customer) -> None:
        del self.customers[customer.number]
        if customer.source_id is not None:
            del self._by_source_id[customer.source_id]

    def search(self, text: str, limit: int) -> tuple[int, list[Customer]]:
        """How many mention the text, and the first of them. Everybody mentions "", the newest first."""
        if not text:
            return len(self.customers), list(islice(reversed(self.customers.values()), limit))
        found = [customer for customer in self.customers.values() if _mentions(customer, text.lower())]
        return len(found), found[:limit]


def _mentions(customer: Customer, text: str) -> bool:
    identifiers = f"{customer.source_id or ''}\n{customer.id}"
    return text in identifiers.lower() or text in customer.text.decode().lower()


def flat(held: Mapping[str, Raw]) -> list[tuple[str, str]]:
    """What a customer holds, one line a value: `address.city`, `metadata.tier`. For people."""
    lines: list[tuple[str, str]] = []
    for name, raw in held.items():
        inner = members(raw) if bytes(raw)[:1] == b"{" else {}
        lines += [(f"{name}.{key}", _words(value)) for key, value in inner.items()] or [(name, _words(raw))]
    return lines


def _words(raw: Raw) -> str:
    value = bytes(raw)
    return msgspec.json.decode(value, type=str) if value[:1] == b'"' else value.decode()
