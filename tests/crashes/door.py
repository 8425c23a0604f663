"""A server whose vendor can be replaced while it runs, and which writes down what it was sent.

A new server for each trial would take longer than the trial.
"""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Sequence
from contextlib import closing
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crashes.ways import STAMP
from syncline.emulators.server import Emulator

_ACCEPTED = re.compile(rb'"async_action_id": ?"([^"]+)"')
_ASKED_FOR = re.compile(rb"/async-actions/([^/?]+)$")
_TURNS = 2  # of the server's loop, after which it has met all that a dead process wrote


class Sent(NamedTuple):
    """A request that wrote somebody, when it had come in whole."""

    stamps: Sequence[str]
    arrived: float


class Door:
    """An ASGI app in front of another. `sent`: in the order of their coming; `answered`: stamps of requests that had an
    answer; `asked_for`: stamps that were accepted under a ticket, and then asked for by it."""

    def __init__(self, vendor: ASGIApp) -> None:
        self.replace(vendor)

    def replace(self, vendor: ASGIApp) -> None:
        self.vendor, self.sent = vendor, list[Sent]()
        self.answered, self.asked_for = set[str](), set[str]()
        self._tickets: dict[bytes, Sequence[str]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytearray()
        for ticket in _ASKED_FOR.findall(scope.get("raw_path", b"")):
            self.asked_for.update(self._tickets.get(ticket, ()))

        async def heard() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                body.extend(message.get("body", b""))
                if not message.get("more_body", False) and (stamps := _stamps(body)):
                    self.sent.append(Sent(stamps, time.monotonic()))
            return message

        async def said(message: Message) -> None:
            self.answered.update(_stamps(body))
            for ticket in _ACCEPTED.findall(message.get("body", b"")):
                self._tickets[ticket] = _stamps(body)
            await send(message)

        await self.vendor(scope, heard, said)


def _stamps(body: bytearray) -> list[str]:
    return [each.decode() for each in STAMP.findall(body)]


class Open:
    """The door, open: a server in a thread."""

    def __init__(self, vendor: ASGIApp) -> None:
        self.door = Door(vendor)
        self._server = Emulator(self.door).start()
        self.url = self._server.url

    def settle_down(self) -> None:
        """Until all that a dead process wrote has arrived."""
        with closing(http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)) as line:
            for _ in range(_TURNS):
                line.request("GET", "/")
                line.getresponse().read()

    def close(self) -> None:
        self._server.stop()
