"""Track API, App API and page over one workspace → one ASGI app."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cache

from syncline.emulators.customerio import app, page, track
from syncline.emulators.customerio.workspace import Workspace
from syncline.emulators.faults import Fault
from syncline.emulators.front import Answer, Call, Front, Headers, Route, Routes, Style, phrase

NOT_EMULATED: Sequence[str] = (
    "people: suppression, merging, devices, events, manual segments, forms, delivery metrics (501)",
    "v2: objects, deliveries, and every action on a person but identify and delete (an error for that item)",
    "phone and anonymous_id as identifiers; relationships (cio_relationships is accepted and ignored)",
    "the order of writes by _timestamp, and dotted keys of cio_subscription_preferences (kept as plain attributes)",
    "App API: search by filter, segments, messages, activities, imports, exports (501)",
    "the delay between a write's 200 and its visibility: here a write can be read at once",
    "redirects between regions, and everything of the Pipelines API",
)


class Customerio(Front):
    """The emulator: an ASGI app with `workspace`, `log`, `script(…)` and `on_request(…)`.

    rate: requests/s before 429 (0: no limit); latency_s: wait before each answer; faults: see `emulators.faults`.
    Without a workspace it makes an empty one, with the default credentials `site`, `key` and `app`.
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
        routes = Routes(
            [
                *track.routes(self.workspace),
                *app.routes(self.workspace, now, clock),
            ],
            Route("", "(unknown)", _unknown),
        )
        super().__init__(
            routes, Style(_headers, _refusal), faults=faults, seed=seed, rate=rate, latency_s=latency_s, clock=clock
        )
        routes.add(page.routes(self.workspace, self.log))


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
    detail = f"{phrase(status)} (injected by the emulator)"
    return app.refusal(status, detail) if route.template.startswith("/v1/") else track.refusal(detail)


def _unknown(call: Call) -> Answer:
    return Answer(404, track.refusal("not found"))
