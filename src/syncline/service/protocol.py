"""One connection: bytes → requests to the application, within its limits; and the answers that never reach it.

uvicorn's h11, to which this adds what it leaves open: how long a request's head may take, how many connections there
may be, for how long a body is still taken in that nobody wants, and for how long an answer waits that nobody reads.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import h11
import msgspec
from uvicorn.protocols.http.h11_impl import H11Protocol

from syncline.service.answers import Answer, busy, declined, later
from syncline.service.doors import SEALS


class Bounds(NamedTuple):
    """How many connections there may be, and for how long, in seconds: head_s: from a request's first byte to the last
    of its head; read_s: for an answer that never reached the application to be read; unwanted_s: how long the rest of a
    body is still taken in when its answer is there; unread_s: how long an answer waits for somebody to read on."""

    connections: int = 32
    head_s: float = 10.0
    read_s: float = 1.0
    unwanted_s: float = 5.0
    unread_s: float = 60.0


class Protocol(H11Protocol):
    """h11, with a watch on each request's head."""

    def __init__(self, bounds: Bounds, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._bounds = bounds
        self._head_due: asyncio.TimerHandle | None = None
        self._read_due: asyncio.TimerHandle | None = None
        self._is_ended = False  # answered without the application, and about to close

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn narrows it too
        super().connection_made(transport)
        most = self._bounds.connections
        if len(self.connections) > most:
            self._end_with(later(503, busy(f"{most} connections", "fewer: one of them has to end first")).answer)
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        if not self._is_ended:
            super().data_received(data)
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        self._is_read()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not take in what it asked for, and holds a connection meanwhile."""
        super().pause_writing()
        self._read_due = self.loop.call_later(self._bounds.unread_s, self.transport.abort)

    def resume_writing(self) -> None:
        self._is_read()
        super().resume_writing()

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
        fix = "Speak plain HTTP/1.1, or over TLS where the service was started with a certificate."
        self._end_with(declined(400, "the request", "what is no HTTP", "HTTP/1.1", fix).answer)

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

    def _is_read(self) -> None:
        if self._read_due is not None:
            self._read_due.cancel()
            self._read_due = None

    def _too_slow(self) -> None:
        found = f"a head that did not come within {self._bounds.head_s:g} s"
        self._end_with(declined(408, "the request", found, "a head that comes at once", "Send it again.").answer)

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
