"""Listening sockets → connections, each within its limits → the application; until a signal, and then in good order."""

from __future__ import annotations

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
from typing import NamedTuple

import uvicorn
from starlette.types import ASGIApp

from syncline.service.protocol import Bounds, Protocol

FAREWELL_S = 5.0  # for answers under way when everything else has ended
WORK_S = 60.0  # for runs to end: 10 s for what is in flight, and the rest for a large ledger
_BACKLOG = 128
_NO_IPV6 = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
_CODES = {signal.SIGINT: ("interrupted", 130), signal.SIGTERM: ("terminated", 143)}


class Certificate(NamedTuple):
    """Files in PEM."""

    chain: str
    key: str


class Ending(NamedTuple):
    """What a signal does besides ending the server: `ask` everybody at work to stop; have they `ended`?"""

    ask: Callable[[str], None]
    ended: Callable[[], bool]


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
                http=partial(Protocol, bounds),  # type: ignore[arg-type] # it is called, whatever it is
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
