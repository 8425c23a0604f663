"""An ASGI app → a server on this machine: in a thread for tests and the demo (`Emulator`), or blocking (`serve`).

    with Emulator(customerio.Customerio()) as emulator:
        requests.get(emulator.url + "/auth")        # port 0 picked a free port
        emulator.app.log.total                      # the app itself stays in reach

uvicorn with uvloop (its "auto" takes it when installed) and h11; nothing is logged.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Generic, Self, TypeVar

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

_STARTUP_S = 10.0
_STOP_S = 10.0
_KEEP_ALIVE_S = 75  # longer than any client's pool keeps an idle connection, so that it is never us who hang up

App = TypeVar("App", bound=ASGIApp)


class _Protocol(H11Protocol):
    """h11, with the transport in `scope["state"]`: ASGI has no word for dropping a connection, and our faults do it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


class _Server(uvicorn.Server):
    """uvicorn, which says when it is ready and leaves the signals to us."""

    def __init__(self, app: ASGIApp, on_ready: Callable[[], None], tick: Callable[[], None]) -> None:
        silent = logging.CRITICAL + 1
        super().__init__(
            uvicorn.Config(
                app,
                http=_Protocol,
                loop="auto",
                ws="none",
                log_config=None,
                log_level=silent,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # one wrapper less around every request, and nobody stands before us
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=1,
                backlog=1024,
            )
        )
        self._on_ready, self._tick = on_ready, tick

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        self._tick()
        return await super().on_tick(counter)

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        return contextlib.nullcontext()  # uvicorn's own would raise the signal again at the end: exit 130 and not 0

    def end(self) -> None:
        self.should_exit = True
        self.force_exit = True  # a request that hangs (a fault we injected) must not hold up the end


class Emulator(Generic[App]):
    """A running app: a context manager, or `start` and `stop`. Raises OSError when the port is taken."""

    def __init__(self, app: App, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.app = app
        self._address = (host, port)
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self.url = ""

    def start(self) -> Self:
        listener = _listen(*self._address)
        self.url = _url(listener)
        self._server = _Server(self.app, self._ready.set, _idle)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="emulator", daemon=True)
        self._thread.start()
        if not self._ready.wait(_STARTUP_S):
            raise RuntimeError("the emulator did not start")
        return self

    def stop(self) -> None:
        """Ends the server and its connections; requests in flight are dropped. May be called twice."""
        if self._thread is not None:
            self._server.end()
            self._thread.join(_STOP_S)
            self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _idle() -> None:
    """What most servers do about ten times a second."""


def serve(
    app: ASGIApp, host: str, port: int, on_ready: Callable[[str], None], tick: Callable[[], None] = _idle
) -> None:
    """Runs until SIGINT or SIGTERM, then returns. `on_ready` is given the URL, once connections are accepted.

    tick: called about ten times a second, between requests. For the main thread only (signals). Raises OSError when
    the port is taken.
    """
    listener = _listen(host, port)
    url = _url(listener)
    server = _Server(app, lambda: on_ready(url), tick)

    def end(number: int, frame: FrameType | None) -> None:
        server.end()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.run([listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=1024)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
