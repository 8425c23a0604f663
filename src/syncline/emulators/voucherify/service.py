"""The API and a page over one project → one ASGI app."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from syncline.emulators.faults import Fault
from syncline.emulators.front import Front, Style
from syncline.emulators.routes import Answer, Call, Headers, Route, Routes
from syncline.emulators.voucherify import page
from syncline.emulators.voucherify.answers import UNKNOWN, injected
from syncline.emulators.voucherify.api import BULK, REPORT, Api
from syncline.emulators.voucherify.bulks import Twist
from syncline.emulators.voucherify.limits import Allowance, Meter
from syncline.emulators.voucherify.project import Project
from syncline.emulators.voucherify.switches import Switches

NOT_EMULATED: Sequence[str] = (
    "customers' activities, segments and redeemables, and tokens of OAuth (501)",
    "vouchers, campaigns, orders and events: everything about a customer but the profile (404)",
    "segments: a list by segment_id finds nobody",
    "the client-side API, and the routes of Segment's own destination (404)",
    "redirects and errors between regions, unless a switch or a fault asks for them",
    "limits of the billing cycle",
)
_UNLIMITED = Allowance()
_TWISTS: dict[str, Twist] = {"partial": "partial", "stray": "stray", "errors": "errors"}


class Voucherify(Front):
    """The emulator: an ASGI app with `project`, `log`, `script(…)` and `on_request(…)`.

    How an action ends is `project.actions.script(…)`; how often somebody was sent, `project.sent`.
    rate: requests/s before 429 (0: no limit); latency_s: wait before each answer; faults: see `emulators.faults`.
    calls, bulk_calls: what the plan allows. Without a project it makes an empty one with the default credentials `app`
    and `secret`; switches and action_delay_s are for that one.
    """

    def __init__(
        self,
        project: Project | None = None,
        *,
        switches: Switches | None = None,
        action_delay_s: float = 0.0,
        calls: Allowance = _UNLIMITED,
        bulk_calls: Allowance = _UNLIMITED,
        faults: Sequence[Fault] = (),
        seed: int = 0,
        rate: float = 0.0,
        latency_s: float = 0.0,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.project = project or Project(now, switches=switches, action_delay_s=action_delay_s)
        meters = (
            Meter(kind, allowed, now, self.project.switches)
            for kind, allowed in (("api_calls", calls), ("bulk_api_calls", bulk_calls))
        )
        self._api = Api(self.project, *meters)
        routes = Routes(self._api.routes(), Route("", "(unknown)", lambda _: UNKNOWN))
        super().__init__(
            routes,
            Style(self._headers, lambda _, status: injected(status), self._batched),
            faults=faults,
            seed=seed,
            rate=rate,
            latency_s=latency_s,
            now=now,
            clock=clock,
        )
        routes.add(page.routes(self.project, self.log))
        self.routes = routes

    def _headers(self, route: Route, status: int) -> Headers:
        report = route.template == REPORT and status == 200
        kind = b"text/csv; charset=utf-8" if report else b"application/json; charset=utf-8"
        meter = () if route.template == REPORT else self._api.meter(route.template).headers(status)
        return ((b"content-type", kind), *meter)

    def _batched(self, word: str, route: Route, call: Call) -> Answer | None:
        if route.template != BULK:
            return None
        return self._api.guarded(lambda given: self._api.bulk(given, _TWISTS[word]), BULK)(call)
