"""HTTP requests → handlers → answers: the front door every emulator shares, as a plain ASGI callable.

A handler is a pure, synchronous function of a `Call`: all state lives in one thread, so nothing needs a lock. This
module does everything else: finds the route, reads the body, throws the dice, counts, waits, answers or drops the
connection. No framework's router, because the emulator shares its cores with the client that is being measured.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from email.utils import formatdate
from typing import NamedTuple

from starlette.types import Receive, Scope, Send

from syncline.emulators import wire
from syncline.emulators.dice import Bucket, Dice
from syncline.emulators.faults import SILENT, SPOILED, Fault
from syncline.emulators.log import Arrival, RequestLog
from syncline.emulators.routes import Answer, Call, Headers, Route, Routes, phrase

_HTML: Headers = ((b"content-type", b"text/html; charset=utf-8"), (b"server", b"nginx"))


class Style(NamedTuple):
    """How a vendor's answers look.

    headers(route, status): of every answer; refusal(route, status): the body of a fault; batched(word, route, call):
    what `partial`, `stray` or `errors` make of a request that carries items, None for any other request.
    """

    headers: Callable[[Route, int], Headers]
    refusal: Callable[[Route, int], bytes]
    batched: Callable[[str, Route, Call], Answer | None]


class Fate(NamedTuple):
    """How a request ends: with an answer, which may drip for `over_s`, or with a silent fault. `name`: for the log."""

    name: int | str
    answer: Answer | None
    over_s: float = 0.0


class Front:
    """The ASGI callable. `log`, `script` and `on_request` are for tests in the same process.

    rate: requests/s before 429 with `Retry-After: 1` (0: no limit); latency_s: wait between applying and answering.
    """

    def __init__(
        self,
        routes: Routes,
        style: Style,
        *,
        faults: Sequence[Fault] = (),
        seed: int = 0,
        rate: float = 0.0,
        latency_s: float = 0.0,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.log = RequestLog()
        self.latency_s = latency_s
        self._routes, self._style, self._now, self._clock = routes, style, now, clock
        self._dice, self._bucket = Dice(faults, seed, clock), Bucket(rate, clock)
        self._scripted: deque[Answer] = deque()
        self._hooks: list[Callable[[Arrival], None]] = []

    def script(self, status: int, body: bytes = b"", headers: Headers = ()) -> None:
        """The next write request is answered this, and nothing is applied. Several are used up in turn."""
        self._scripted.append(Answer(status, body, headers))

    def on_request(self, hook: Callable[[Arrival], None]) -> None:
        """Calls `hook` as each request arrives, before anything is decided; in the server's thread, so be quick."""
        self._hooks.append(hook)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("only http is spoken here")  # ASGI's way to decline lifespan
        route, parts = self._routes.find(scope["method"], scope["raw_path"].decode("latin-1"))
        body = await wire.read(receive)
        if body is None:
            return
        call = _call(scope, parts, body)
        if route.control:
            await wire.answer(send, _handle(route, call))
        else:
            await self._serve(route, call, scope, receive, send)

    async def _serve(self, route: Route, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        began = self._clock()
        arrival = self.log.begin(call.method, route.template)
        ended: int | str = "dropped"
        try:
            for hook in self._hooks:
                hook(arrival)
            fate = self._decide(route, call, scope)
            if self.latency_s:
                await asyncio.sleep(self.latency_s)
            ended = fate.name
            if fate.answer is None:
                await wire.silence(str(fate.name), scope, receive)
            else:
                await wire.answer(send, fate.answer, over_s=fate.over_s)
        finally:
            self.log.end(arrival, ended, round((self._clock() - began) * 1000, 3))

    def _decide(self, route: Route, call: Call, scope: Scope) -> Fate:
        """What is applied, is applied here."""
        if route.write and self._scripted:
            return self._whole(route, self._scripted.popleft())
        if not self._bucket.admits():
            return self._whole(route, self._refusal(route, Fault(429, 1.0, "1"), scope))
        fault = self._dice.throw()
        if fault is None:
            return self._whole(route, _handle(route, call))
        if isinstance(fault.what, int):
            return self._whole(route, self._refusal(route, fault, scope), vendors=not fault.html)
        if fault.what in SILENT:
            if fault.what == "lost":
                _handle(route, call)
            return Fate(fault.what, None)
        if fault.what in SPOILED:
            return self._spoiled(fault, route, _handle(route, call))
        return self._whole(route, self._style.batched(fault.what, route, call) or _handle(route, call))

    def _whole(self, route: Route, answer: Answer, *, vendors: bool = True) -> Fate:
        headers = self._style.headers(route, answer.status) if vendors else ()
        return Fate(answer.status, answer._replace(headers=headers + answer.headers))

    def _spoiled(self, fault: Fault, route: Route, answer: Answer) -> Fate:
        whole = self._whole(route, answer)
        if fault.what == "slow":
            return whole._replace(over_s=fault.over_s)
        assert whole.answer is not None
        half = whole.answer.body[: len(answer.body.rstrip()) // 2]
        return Fate("truncated", whole.answer._replace(body=half))

    def _refusal(self, route: Route, fault: Fault, scope: Scope) -> Answer:
        assert isinstance(fault.what, int)
        headers: Headers = ()
        if fault.retry_date_s >= 0:
            headers += ((b"retry-after", formatdate(self._now() + fault.retry_date_s, usegmt=True).encode()),)
        elif fault.retry_after:
            headers += ((b"retry-after", fault.retry_after.encode()),)
        if fault.to:
            headers += ((b"location", fault.to.encode() + scope["raw_path"] + _query(scope)),)
        if fault.html:
            return Answer(fault.what, _page(fault.what), headers + _HTML)
        return Answer(fault.what, self._style.refusal(route, fault.what), headers)


def _handle(route: Route, call: Call) -> Answer:
    try:
        return route.handle(call)
    except RecursionError:  # of the JSON decoder, before anything was applied
        return Answer(400, b'{"meta":{"error":"the JSON is nested too deeply for the emulator"}}\n')
    except Exception:
        # An emulator's bug must not look like the vendor's fault: it is printed, and its body says whose it is.
        logging.getLogger(__name__).exception("the emulator failed at %s %s", route.method, route.template)
        return Answer(500, b'{"meta":{"error":"a bug in the emulator"}}\n')


def _call(scope: Scope, parts: tuple[str, ...], body: bytes) -> Call:
    authorization = host = b""
    for name, value in scope["headers"]:
        if name == b"authorization":
            authorization = value
        elif name == b"host":
            host = value
    query = scope["query_string"].decode("latin-1")
    return Call(
        scope["method"],
        parts,
        query,
        host.decode("latin-1"),
        authorization.decode("latin-1"),
        body,
        scope["headers"],
    )


def _query(scope: Scope) -> bytes:
    return b"?" + scope["query_string"] if scope["query_string"] else b""


def _page(status: int) -> bytes:
    """What a proxy in front of an API answers; the text says that it is ours."""
    title = f"{phrase(status)} (injected by the emulator)"
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n".encode()
