"""What the tests of Segment share: a local Segment, a client of it, and a hand that plays the source over a socket."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec

from emulated import Time
from syncline.emulators.segment import Profile, Segment, Space, Switches
from syncline.emulators.server import Emulator
from syncline.model import Lane, Response
from syncline.ports import Inquiry
from syncline.sources.segment import SegmentSource, Settings

T = TypeVar("T")

PROFILES = "/v1/spaces/space/collections/users/profiles"


def basic(token: str = "token", password: str = "") -> str:
    return "Basic " + base64.b64encode(f"{token}:{password}".encode()).decode()


def space(*profiles: Profile, now: Time | None = None, **switches: Any) -> Space:
    """A space whose rate nobody has to wait for, unless a test is about it."""
    made = Space(now or Time(), switches=Switches(**{"rate": 0, **switches}))
    made.add(*profiles)
    return made


class Client:
    """One connection kept alive. `answer`: the latest."""

    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)

    def get(self, path: str, authorization: str = "", headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
        """`path`: behind that of the profiles, unless it is a whole one."""
        target = path if path.lower().startswith(("http:", "https:", "/v1", "/__")) else PROFILES + path
        self.connection.putrequest("GET", target, skip_accept_encoding=True)
        for name, value in {"Authorization": authorization or basic(), **(headers or {})}.items():
            self.connection.putheader(name, value)
        self.connection.endheaders()
        self.answer = self.connection.getresponse()
        body = self.answer.read()
        return self.answer.status, msgspec.json.decode(body) if body else None


_UNDERTAKER = ThreadPoolExecutor(4)  # ends emulators beside the tests that follow: a server needs a moment to close


@contextmanager
def segmented(held: Space | None = None, **settings: Any) -> Iterator[tuple[Client, Segment]]:
    """A running emulator, and a client of it."""
    app = Segment(held or space(), **settings)
    emulator = Emulator(app).start()
    client = Client(emulator.url)
    try:
        yield client, app
    finally:
        client.connection.close()
        _UNDERTAKER.submit(emulator.stop)


class Hand:
    """Plays conversations of the source over one connection, as plainly as can be: no retries, no pace."""

    def __init__(self, client: Client, **settings: object) -> None:
        self._connection = client.connection
        address = f"http://{client.connection.host}:{client.connection.port}"
        given = {"spaceId": "space", "accessToken": "token", "baseUrl": address, **settings}
        self.source = SegmentSource(Settings.model_validate(given))

    def play(self, conversation: Inquiry[T]) -> T:
        try:
            request = next(conversation)
            while True:
                request = conversation.send(self._ask(self.source.lanes[request.lane], request.path))
        except StopIteration as end:
            result: T = end.value
            return result

    def _ask(self, lane: Lane, path: str) -> Response:
        self._connection.request("GET", path, headers={name: secret.reveal() for name, secret in lane.headers})
        answer = self._connection.getresponse()
        return Response(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read())

    def refs(self) -> list[str]:
        """All that is listed."""
        found: list[str] = []
        cursor = self.source.first
        while cursor:
            page = self.play(self.source.page(cursor))
            found += page.refs
            cursor = page.next
        return found
