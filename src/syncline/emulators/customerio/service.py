"""Track API, App API, Pipelines and page over one workspace → one ASGI app."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cache

from syncline.emulators.customerio import app, page, track
from syncline.emulators.customerio.answers import app_refusal, track_refusal
from syncline.emulators.customerio.app_people import People
from syncline.emulators.customerio.app_segments import SegmentDesk
from syncline.emulators.customerio.batch import V2
from syncline.emulators.customerio.credentials import token
from syncline.emulators.customerio.pipelines import Pipelines
from syncline.emulators.customerio.workspace import Workspace
from syncline.emulators.faults import Fault
from syncline.emulators.front import Front, Style
from syncline.emulators.routes import Answer, Call, Headers, Route, Routes, phrase

NOT_EMULATED: Sequence[str] = (
    "Track v1: forms, delivery metrics, unsubscribing by delivery (501)",
    "Track v2: deliveries, and objects of anonymous people (an error for that item)",
    "App API: messages, imports, exports, what uses a segment, topics and their names (501 or 404)",
    "data-driven segments, campaigns and everything that sends a message",
    "objects beyond what people's relationships need: they can be written, and read only through people",
    "redirects between regions, unless a fault asks for them (301 or 307)",
    "limits in requests a second of the Track API, unless --rate sets one",
)


class Customerio(Front):
    """The emulator: an ASGI app with `workspace`, `pipelines`, `log`, `script(…)` and `on_request(…)`.

    rate: requests/s before 429 (0: no limit); latency_s: wait before each answer; faults: see `emulators.faults`.
    Without a workspace it makes an empty one, with the default credentials `site`, `key`, `app` and `cdp`.
    """

    def __init__(
        self,
        workspace: Workspace | None = None,
        *,
        faults: Sequence[Fault] = (),
        seed: int = 0,
        rate: float = 0.0,
        latency_s: float = 0.0,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.workspace = workspace or Workspace(now)
        self.pipelines = Pipelines(self.workspace)
        self._v2 = V2(self.workspace)
        desk = app.Desk(self.workspace, now, clock)
        routes = Routes(
            [
                *track.routes(self.workspace, self._v2),
                *desk.routes({**People(desk).handlers(), **SegmentDesk(desk).handlers(), **app.not_emulated()}),
                *self.pipelines.routes(),
            ],
            Route("", "(unknown)", _unknown),
        )
        super().__init__(
            routes,
            Style(lambda _, status: _headers(status), _refusal, self._batched),
            faults=faults,
            seed=seed,
            rate=rate,
            latency_s=latency_s,
            now=now,
            clock=clock,
        )
        routes.add(page.routes(self.workspace, self.log))
        self.routes = routes

    def _batched(self, word: str, route: Route, call: Call) -> Answer | None:
        known = token(call.authorization, "basic") in self.workspace.credentials.basic()
        return self._v2.injected(word, call) if known and route.template == "/api/v2/batch" else None


@cache
def _headers(status: int) -> Headers:
    """As recorded from the live service in 2026-05 (customerio-node's fixtures): no request id, no rate limit."""
    return (
        (b"content-type", b"application/json; charset=utf-8"),
        (b"cache-control", b"no-cache, no-store, must-revalidate, max-age=0"),
        (b"access-control-allow-origin", b"*"),
        (b"status", phrase(status).encode()),
        (b"via", b"1.1 google"),
        (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
    )


def _refusal(route: Route, status: int) -> bytes:
    """The body of an injected fault, in the API's own shape; the text says that it is ours."""
    detail = f"{'wrong datacenter' if status == 301 else phrase(status)} (injected by the emulator)"
    return app_refusal(status, detail) if route.template.startswith("/v1/") else track_refusal(detail)


def _unknown(call: Call) -> Answer:
    return Answer(404, track_refusal("not found"))
