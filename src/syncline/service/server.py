"""Listening sockets → connections, each within its limits → the application; until a signal, and then in good order.

uvicorn with h11, of which this adds what it leaves open: how long a request's head may take, how many connections there
may be, what an answer looks like that never reaches the application, and for how long a body is still taken in that
nobody wants.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import ssl
import time
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any, NamedTuple

import h11
import msgspec
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from syncline.service.answers import Answer, Declined, later
from syncline.service.doors import SEALS

FAREWELL_S = 5.0  # for answers under way when everything else has ended
WORK_S = 60.0  # for runs to end: 10 s for what is in flight, and the rest for a large ledger
_BACKLOG = 128
_NO_IPV6 = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
_CODES = {signal.SIGINT: ("interrupted", 130), signal.SIGTERM: ("terminated", 143)}


class Bounds(NamedTuple):
    """How many connections there may be, and for how long, in seconds: head_s: from a request's first byte to the last
    of its head; read_s: for an answer that never reached the application to be read; unwanted_s: how long the rest of a
    body is still taken in when its answer is there."""

    connections: int = 32
    head_s: float = 10.0
    read_s: float = 1.0
    unwanted_s: float = 5.0


class Certificate(NamedTuple):
    """Files in PEM."""

    chain: str
    key: str


class Ending(NamedTuple):
    """What a signal does besides ending the server: `ask` everybody at work to stop; have they `ended`?"""

    ask: Callable[[str], None]
    ended: Callable[[], bool]


class _Protocol(H11Protocol):
    """h11, with a watch on each request's head."""

    def __init__(self, bounds: Bounds, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._bounds = bounds
        self._head_due: asyncio.TimerHandle | None = None
        self._is_ended = False  # answered without the application, and about to close

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn narrows it too
        super().connection_made(transport)
        most = self._bounds.connections
        if len(self.connections) > most:
            self._end_with(later(503, f"the service has {most} connections, and takes no more").answer)
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        if not self._is_ended:
            super().data_received(data)
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        if self._is_ended:
            self.transport.close()
        else:
            super().shutdown()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self.loop.call_later(self._bounds.unwanted_s, self._enough)

    def send_400_response(self, msg: str) -> None:
        self._end_with(Declined(400, "this is no HTTP request").answer)

    def _watch(self) -> None:
        """A head that has begun, or a connection that has just been made, must become a request."""
        if self._is_ended or self.conn.their_state is not h11.IDLE:
            self._unwatch()
        elif self._head_due is None:
            self._head_due = self.loop.call_later(self._bounds.head_s, self._too_slow)

    def _unwatch(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None

    def _too_slow(self) -> None:
        self._end_with(Declined(408, f"the request's head did not come within {self._bounds.head_s:g} s").answer)

    def _enough(self) -> None:
        """The answer has been there for a while, and the body that it did not wait for still comes."""
        if self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY:
            self.transport.close()

    def _end_with(self, answer: Answer) -> None:
        """Writes an answer past h11, unless another has begun, and closes when it can have been read."""
        self._is_ended = True
        self._unwatch()
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.write(_written(answer))
        self.conn.send_failed()
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(self._bounds.read_s, self.transport.close)


def _written(answer: Answer) -> bytes:
    """The answer on the wire."""
    body = msgspec.json.encode(answer.document)
    headers = [(name.encode(), value.encode()) for name, value in answer.headers]
    headers += [*SEALS, (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    head = b"".join(name + b": " + value + b"\r\n" for name, value in (*headers, (b"connection", b"close")))
    return b"HTTP/1.1 %d \r\n%b\r\n%b" % (answer.status, head, body)


class Server(uvicorn.Server):
    """uvicorn, which goes on until everybody at work has ended, and leaves the signals to others: they call `asked`."""

    def __init__(
        self,
        app: ASGIApp,
        on_ready: Callable[[], None],
        ending: Ending,
        certificate: Certificate | None = None,
        bounds: Bounds = Bounds(),  # noqa: B008 # immutable
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=partial(_Protocol, bounds),  # type: ignore[arg-type] # it is called, whatever it is
                loop="auto",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level=logging.CRITICAL + 1,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=int(FAREWELL_S),
                backlog=_BACKLOG,
                ssl_certfile=certificate.chain if certificate else None,
                ssl_keyfile=certificate.key if certificate else None,
            )
        )
        self._on_ready, self._ending = on_ready, ending
        self.signal: signal.Signals | None = None
        self._asked_at = 0.0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        """About ten times a second. A signal is acted on here, where nothing else of this thread is half done."""
        await super().on_tick(counter)
        if self.signal is None:
            return False
        if not self._asked_at:
            self._asked_at = time.monotonic()
            self._ending.ask(_CODES[self.signal][0])
        return self._ending.ended() or time.monotonic() > self._asked_at + WORK_S

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override] # it is a generator
        return contextlib.nullcontext()

    def asked(self, number: int, frame: FrameType | None = None) -> None:
        """The first signal ends everything in good order; the second ends the process at once."""
        if self.signal is not None:
            os._exit(_CODES[signal.Signals(number)][1])
        self.signal = signal.Signals(number)


def serve(
    app: ASGIApp,
    listeners: list[socket.socket],
    certificate: Certificate | None,
    on_ready: Callable[[], None],
    ending: Ending,
) -> int:
    """Runs until a signal → the exit code: 0 when all that was at work has ended in good order, else the signal's.

    For the main thread (signals). A service manager takes 0 for a stop that went well, and 143 for a failure.
    """
    server = Server(app, on_ready, ending, certificate)
    before = {number: signal.signal(number, server.asked) for number in _CODES}
    try:
        server.run(listeners)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    code = _CODES[server.signal][1] if server.signal is not None else 0
    return 0 if ending.ended() else code


def check(certificate: Certificate) -> None:
    """Raises OSError (an `ssl.SSLError` is one) where these files are no certificate and its key."""
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate.chain, certificate.key)


def listen(host: str, port: int) -> list[socket.socket]:
    """Raises OSError when the port is taken. "": this machine alone, by both its addresses, where it has both."""
    if host:
        return [_listener(host, port)]
    first = _listener("127.0.0.1", port)
    try:
        return [first, _listener("::1", first.getsockname()[1])]
    except OSError as error:
        if error.errno in _NO_IPV6:
            return [first]
        first.close()
        raise


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)
