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
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import unquote

from starlette.types import Receive, Scope, Send

from syncline.emulators.faults import SILENT, Bucket, Dice, Fault
from syncline.emulators.log import Arrival, RequestLog

MAX_BODY_BYTES = 16_000_000  # far above every vendor's limit: an answer can still name the vendor's
Headers = tuple[tuple[bytes, bytes], ...]


class Call(NamedTuple):
    """A request as its handler sees it. `parts`: the variable path segments, percent-decoded one by one."""

    method: str
    parts: tuple[str, ...]
    query: str
    host: str
    authorization: str
    body: bytes


class Answer(NamedTuple):
    """A status, a body, and headers beside `content-length`, which is added."""

    status: int
    body: bytes = b""
    headers: Headers = ()


Handler = Callable[[Call], Answer]


class Route(NamedTuple):
    """A template such as `/v1/customers/{id}`. `control`: no faults, no log; `write`: takes scripted answers."""

    method: str
    template: str
    handle: Handler
    control: bool = False
    write: bool = False


class Routes:
    """A raw path → its route. Only the raw path tells `a%2Fb`, which is one segment, from `a/b`, which is two."""

    def __init__(self, routes: Sequence[Route], unknown: Route) -> None:
        self._unknown = unknown
        self._by_shape: dict[tuple[str, int], list[tuple[Route, list[str]]]] = {}
        self.add(routes)

    def add(self, routes: Sequence[Route]) -> None:
        for route in routes:
            segments = route.template.split("/")
            self._by_shape.setdefault((route.method, len(segments)), []).append((route, segments))

    def find(self, method: str, raw_path: str) -> tuple[Route, tuple[str, ...]]:
        """The first route that matches, and its variable segments; bytes that are not UTF-8 become U+FFFD."""
        given = raw_path.split("/")
        for route, segments in self._by_shape.get((method, len(given)), ()):
            if all(want == got or want[:1] == "{" for want, got in zip(segments, given, strict=True)):
                variable = zip(segments, given, strict=True)
                return route, tuple(unquote(got) for want, got in variable if want[:1] == "{")
        return self._unknown, ()


class Style(NamedTuple):
    """How a vendor's answers look: `headers(status)` of every answer, `refusal(route, status)` the body of a fault."""

    headers: Callable[[int], Headers]
    refusal: Callable[[Route, int], bytes]


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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.log = RequestLog()
        self.latency_s = latency_s
        self._routes, self._style, self._clock = routes, style, clock
        self._dice, self._bucket = Dice(faults, seed), Bucket(rate, clock)
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
        body = await _read(receive)
        if body is None:
            return
        call = _call(scope, parts, body)
        if route.control:
            await _send(send, _handle(route, call))
        else:
            await self._serve(route, call, scope, receive, send)

    async def _serve(self, route: Route, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        began = self._clock()
        arrival = self.log.begin(call.method, route.template)
        ended: int | str = "dropped"
        try:
            for hook in self._hooks:
                hook(arrival)
            fate = self._decide(route, call)
            if self.latency_s:
                await asyncio.sleep(self.latency_s)
            if isinstance(fate, Answer):
                ended = fate.status
                await _send(send, fate._replace(headers=self._style.headers(fate.status) + fate.headers))
            else:
                ended = fate
                await _go_silent(fate, scope, receive)
        finally:
            self.log.end(arrival, ended, round((self._clock() - began) * 1000, 3))

    def _decide(self, route: Route, call: Call) -> Answer | str:
        """The answer, or the name of the silent fault that takes its place. What is applied, is applied here."""
        if route.write and self._scripted:
            return self._scripted.popleft()
        if not self._bucket.admits():
            return self._refuse(route, 429, "1")
        fault = self._dice.throw()
        if fault is None:
            return _handle(route, call)
        if isinstance(fault.what, int):
            return self._refuse(route, fault.what, fault.retry_after)
        if fault.what == "lost":
            _handle(route, call)
        return fault.what

    def _refuse(self, route: Route, status: int, retry_after: str) -> Answer:
        headers = ((b"retry-after", retry_after.encode()),) if retry_after else ()
        return Answer(status, self._style.refusal(route, status), headers)


def _handle(route: Route, call: Call) -> Answer:
    try:
        return route.handle(call)
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
    return Call(scope["method"], parts, query, host.decode("latin-1"), authorization.decode("latin-1"), body)


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None when the client left, or sent more than anybody could mean."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY_BYTES:
            raise ValueError(f"a request body of more than {MAX_BODY_BYTES} bytes")
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _send(send: Send, answer: Answer) -> None:
    length = (b"content-length", b"%d" % len(answer.body))
    await send({"type": "http.response.start", "status": answer.status, "headers": [*answer.headers, length]})
    await send({"type": "http.response.body", "body": answer.body})


async def _go_silent(fault: str, scope: Scope, receive: Receive) -> None:
    """Drops the connection (or, for `timeout`, leaves that to the client) and waits until it is gone."""
    assert fault in SILENT
    transport: asyncio.Transport = scope["state"]["transport"]  # put there by server.py
    try:
        if fault != "timeout":
            transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass
    finally:
        transport.abort()  # also when the emulator stops first: a hanging client must not be given an answer


def phrase(status: int) -> str:
    """`404` → `404 Not Found`; statuses of the proxy tier (522, 524) have no registered phrase."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
