"""The Profile API and a page over one space → one ASGI app."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from uuid import UUID

from starlette.types import Receive, Scope, Send

from syncline.emulators.faults import Fault
from syncline.emulators.front import Front, Style
from syncline.emulators.routes import Answer, Call, Headers, Route, Routes, phrase
from syncline.emulators.segment import page
from syncline.emulators.segment.answers import refusal
from syncline.emulators.segment.api import ProfileApi
from syncline.emulators.segment.desk import Desk
from syncline.emulators.segment.paced import PacedLog
from syncline.emulators.segment.space import Space

NOT_EMULATED: Sequence[str] = (
    "accounts: their profiles, traits and links (501); the links of users are there",
    "deleting an identifier, which is a private beta (501)",
    "sending: there is no Tracking API; profiles are made up, or put there by a test",
    "identity resolution: nobody is merged unless a test says so",
    "what Segment knows of sources and messages: one source, and no first and last message",
)
_ORIGIN = re.compile(rb"https?://[^/]*", re.IGNORECASE)


class Segment(Front):
    """The emulator: an ASGI app with `space`, `log` (which knows how fast requests came) and `on_request(…)`.

    rate: requests/s before 429 with a `Retry-After` (0: only the space's own limit, which is a switch); latency_s: wait
    before each answer; faults: see `emulators.faults`. Without a space it makes an empty one, `space`, with the token
    `token`.
    """

    def __init__(
        self,
        space: Space | None = None,
        *,
        faults: Sequence[Fault] = (),
        seed: int = 0,
        rate: float = 0.0,
        latency_s: float = 0.0,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.space = space or Space(now)
        self._answers = 0
        routes = Routes(ProfileApi(Desk(self.space, clock)).routes(), Route("", "(unknown)", _unknown))
        super().__init__(
            routes,
            Style(self._headers, _refusal, lambda *_: None),
            faults=faults,
            seed=seed,
            rate=rate,
            latency_s=latency_s,
            now=now,
            clock=clock,
        )
        self.log: PacedLog = PacedLog(clock)
        routes.add(page.routes(self.space, self.log))
        self.routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Takes `GET https://profiles.segment.com/v1/… HTTP/1.1`, as a proxy is asked, for `GET /v1/…`.

        Handlers find the path as it was written under the name that HTTP/2 has for it, which no header can have.
        """
        if scope["type"] == "http":
            path = _ORIGIN.sub(b"", scope["raw_path"], count=1)
            scope = {**scope, "raw_path": path, "headers": [*scope["headers"], (b":path", path)]}
        await super().__call__(scope, receive, send)

    def _headers(self, route: Route, status: int) -> Headers:
        self._answers += 1
        return (
            (b"content-type", b"application/json"),
            (b"request-id", str(UUID(int=self._answers)).encode()),
        )


def _refusal(route: Route, status: int) -> bytes:
    """The body of an injected fault, in the API's own shape; the text says that it is ours."""
    return refusal(status, f"{phrase(status)} (injected by the emulator)")


def _unknown(call: Call) -> Answer:
    return Answer(404, refusal(404, "There is no such route."))
