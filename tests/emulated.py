"""What the emulator's tests share: a clock, short names for what is written and read, and a plain HTTP client."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import msgspec
from msgspec import Raw

from syncline.emulators.customerio import Customerio, Identifier, Mode, Switches, Workspace
from syncline.emulators.server import Emulator

BASIC = "Basic c2l0ZTprZXk="
BEARER = "Bearer app"
CDP = "Basic Y2RwOg=="
START = 1_700_000_000


class Time:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.at = float(START)

    def __call__(self) -> float:
        return self.at


def given(**attributes: object) -> dict[str, Raw]:
    return {name: Raw(msgspec.json.encode(value)) for name, value in attributes.items()}


def by_id(value: str) -> Identifier:
    return Identifier("id", value)


def by_email(value: str) -> Identifier:
    return Identifier("email", value)


def workspace(mode: Mode = "id+email", switches: Switches | None = None, now: Time | None = None) -> Workspace:
    return Workspace(now or Time(), mode=mode, switches=switches)


def attributes(space: Workspace, who: Identifier) -> dict[str, str]:
    person = space.find(who)
    assert person is not None
    return {name: value for name, value in person.read().attributes.items() if name != "cio_id"}


def failures(space: Workspace) -> list[str]:
    return [activity.what for activity in space.failures]


def person(action: str = "identify", who: object = None, **attributes: object) -> dict[str, object]:
    """A v2 item."""
    return {"type": "person", "action": action, "identifiers": who or {"id": "1"}, "attributes": attributes}


class Client:
    """One connection kept alive. `answer`, `body`: the latest."""

    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        authorization: str = BASIC,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        payload = body if isinstance(body, bytes) else None if body is None else msgspec.json.encode(body)
        self.connection.request(method, path, payload, {"Authorization": authorization, **(headers or {})})
        self.answer = self.connection.getresponse()
        self.body = self.answer.read()
        return self.answer.status, msgspec.json.decode(self.body) if self.body else None

    def app(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        return self.ask(method, path, body, BEARER)

    def cdp(self, path: str, body: object, *, strict: bool = False) -> tuple[int, Any]:
        return self.ask("POST", path, body, CDP, {"X-Strict-Mode": "1"} if strict else {})


_UNDERTAKER = ThreadPoolExecutor(4)  # ends emulators beside the tests that follow: a server needs a moment to close


@contextmanager
def emulated(space: Workspace | None = None, **settings: Any) -> Iterator[tuple[Client, Customerio]]:
    """A running emulator, and a client of it. Nobody waits for the App API's 10 requests a second."""
    app = Customerio(space or Workspace(Time(), switches=Switches(app_rate=0)), **settings)
    emulator = Emulator(app).start()
    client = Client(emulator.url)
    try:
        yield client, app
    finally:
        client.connection.close()
        _UNDERTAKER.submit(emulator.stop)
