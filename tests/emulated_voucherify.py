"""What the tests of the emulated Voucherify share: short names for what is written and read, and a plain client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import msgspec
from msgspec import Raw

from emulated import Client, Time
from syncline.emulators.server import Emulator
from syncline.emulators.voucherify import Project, Schema, Switches, Voucherify
from syncline.emulators.voucherify.bulks import Bulks

KEYS = {"X-App-Id": "app", "X-App-Token": "secret"}
BULK = ("POST", "/v1/customers/bulk/async")
POLL = ("GET", "/v1/async-actions/{asyncActionId}")
CREATE = ("POST", "/v1/customers")


def given(**properties: object) -> dict[str, Raw]:
    return {name: Raw(msgspec.json.encode(value)) for name, value in properties.items()}


def items(*customers: object) -> list[Raw]:
    return [Raw(msgspec.json.encode(customer)) for customer in customers]


def project(now: Time | None = None, schema: Schema | None = None, delay_s: float = 0.0, **switches: Any) -> Project:
    return Project(now or Time(), switches=Switches(**switches), schema=schema, action_delay_s=delay_s)


def bulk(space: Project, *customers: object) -> str:
    """Accepts a bulk → the action's id."""
    return Bulks(space).accept(items(*customers)).id


def held(space: Project, identifier: str) -> dict[str, Any]:
    """What a customer holds, as JSON values."""
    customer = space.find(identifier)
    assert customer is not None, identifier
    return {name: msgspec.json.decode(raw) for name, raw in customer.held().items()}


class Caller(Client):
    """One connection kept alive, with the project's keys."""

    def call(
        self, method: str, path: str, body: object = None, keys: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        return self.ask(method, path, body, "", KEYS if keys is None else keys)

    def post_bulk(self, *customers: object) -> str:
        """→ the action's id."""
        status, answer = self.call(*BULK, list(customers))
        assert status == 202, answer
        action: str = answer["async_action_id"]
        return action

    def action(self, identifier: str) -> Any:
        status, answer = self.call("GET", f"/v1/async-actions/{identifier}")
        assert status == 200, answer
        return answer

    def result(self, *customers: object) -> Any:
        """Of a bulk that is over at once."""
        return self.action(self.post_bulk(*customers))["result"]

    def limits(self) -> dict[str, str]:
        """What the latest answer says of limits."""
        names = ("limit", "remaining", "retry", "type")
        told = {name: self.answer.headers.get(f"X-Rate-Limit-{name.title()}") for name in names}
        told["after"] = self.answer.headers.get("Retry-After")
        return {name: value for name, value in told.items() if value is not None}


_UNDERTAKER = ThreadPoolExecutor(2)  # ends emulators beside the tests that follow: a server needs a moment to close


@contextmanager
def emulated(space: Project | None = None, **settings: Any) -> Iterator[tuple[Caller, Voucherify]]:
    """A running emulator, and a client of it. Its clock stands still unless `space` or `now` has another."""
    app = Voucherify(space, **{"now": Time(), **settings})
    emulator = Emulator(app).start()
    client = Caller(emulator.url)
    try:
        yield client, app
    finally:
        client.connection.close()
        _UNDERTAKER.submit(emulator.stop)
