"""Writes → customers and actions. Pure state: no HTTP, no threads; `now` is given.

A write of one customer takes effect at once. A bulk is accepted, and takes effect when its action ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from syncline.emulators.voucherify import fields
from syncline.emulators.voucherify.actions import Actions
from syncline.emulators.voucherify.customers import Customer, Register
from syncline.emulators.voucherify.problems import Problem, RefusedError, missing, payload
from syncline.emulators.voucherify.schema import Schema
from syncline.emulators.voucherify.switches import Switches


class Credentials(NamedTuple):
    """What the emulator accepts. Replace `project.credentials` to revoke a key while it runs."""

    application_id: str = "app"
    secret_key: str = "secret"  # noqa: S105 # of an emulator: it opens nothing


class Project:
    """Everything a Voucherify project holds, as far as it is emulated.

    customers: running number → customer, oldest first; sent: source_id → how often it was in a request that was
    accepted, whatever came of it; writes: how often any customer was written; deleted: how many.
    """

    def __init__(
        self,
        now: Callable[[], float],
        *,
        switches: Switches | None = None,
        schema: Schema | None = None,
        credentials: Credentials | None = None,
        action_delay_s: float = 0.0,
    ) -> None:
        self.switches, self.schema = switches or Switches(), schema or Schema()
        self.credentials = credentials or Credentials()
        self.register = Register()
        self.customers = self.register.customers
        self.actions = Actions(now, action_delay_s, self.switches)
        self.sent: Counter[str] = Counter()
        self.writes = self.deleted = 0
        self.now, self.since_ms = now, round(now() * 1000)
        self._latest_ms = 0

    def find(self, identifier: str) -> Customer | None:
        """By the vendor's id, or by the source_id."""
        return self.register.find(identifier)

    def settle(self) -> None:
        """Does what is due by now."""
        self.actions.settle()

    # One customer

    def upsert(self, given: fields.Given) -> Customer:
        """Creates or updates. Raises RefusedError."""
        self._refuse(self.wrong(given))
        identifier, source_id = (fields.text(given.get(name)) for name in fields.IDENTIFIERS)
        known = self.register.with_id(identifier) if identifier else None
        if identifier and not known and self.switches.unknown_id == "not_found":
            raise missing("customer", identifier)
        customer = known or (self.register.with_source_id(source_id) if source_id is not None else None)
        self._refuse(self.wrong_metadata(customer, given))
        if source_id is not None:
            self.sent[source_id] += 1
        return self.write(customer, source_id, given)

    def update(self, identifier: str, given: fields.Given) -> Customer:
        """Raises RefusedError, also where nobody is so identified."""
        customer = self._found(identifier)
        self._refuse(self.wrong(given) or self._wrong_source_id(customer, given))
        self._refuse(self.wrong_metadata(customer, given))
        if customer.source_id is not None:
            self.sent[customer.source_id] += 1
        return self.write(customer, customer.source_id, given)

    def delete(self, identifier: str) -> Customer:
        """Raises RefusedError where nobody is so identified."""
        customer = self._found(identifier)
        self.register.remove(customer)
        self.deleted += 1
        return customer

    def _found(self, identifier: str) -> Customer:
        customer = self.register.find(identifier)
        if customer is None:
            raise missing("customer", identifier)
        return customer

    def _wrong_source_id(self, customer: Customer, given: fields.Given) -> Problem | None:
        asked = fields.text(given.get("source_id"))
        differs = asked is not None and asked != customer.source_id
        if differs and self.switches.source_id_change == "refused":
            return payload("Property .source_id cannot be changed")
        return None

    def _refuse(self, problem: Problem | None) -> None:
        if problem:
            raise RefusedError(problem)

    # What single writes and bulks share

    def wrong(self, given: fields.Given) -> Problem | None:
        return fields.wrong(given, self.switches)

    def wrong_metadata(self, customer: Customer | None, given: fields.Given) -> Problem | None:
        """Against the schema, as it would be after the write; not asked where a write leaves known metadata alone."""
        if not self.schema.checks:
            return None
        new = fields.stored(given, self.switches)
        if customer and "metadata" not in new:
            return None
        after = fields.merged(customer.held() if customer else {}, new, self.switches)
        return self.schema.wrong(fields.members(after["metadata"]) if "metadata" in after else {})

    def write(
        self,
        customer: Customer | None,
        source_id: str | None,
        given: fields.Given,
        at_ms: int = 0,
        *,
        whole: bool = False,
    ) -> Customer:
        """Nothing is wrong with it any more. None for somebody new; whole: what it does not name is gone."""
        at_ms = at_ms or round(self.now() * 1000)
        new = fields.stored(given, self.switches)
        if customer is None:
            customer = self.register.create(source_id, self._stamp(at_ms))
            customer.keep(fields.merged({}, new, self.switches))
        else:
            customer.updated_ms = max(at_ms, customer.created_ms)
            customer.keep(fields.merged({} if whole else customer.held(), new, self.switches))
        customer.writes += 1
        self.writes += 1
        return customer

    def _stamp(self, at_ms: int) -> int:
        """When somebody new was created: in bulks a millisecond apart, so that pages lose nobody."""
        self._latest_ms = at_ms if self.switches.created_at_shared else max(at_ms, self._latest_ms + 1)
        return self._latest_ms

    def restored(self, customers: Iterable[Customer]) -> None:
        """Of another life of this project."""
        for customer in customers:
            self.register.restore(customer)
            self._latest_ms = max(self._latest_ms, customer.created_ms)
