"""An answer, or none → bytes on a connection, through ASGI: whole, dripping, or never."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope, Send

from syncline.emulators.faults import SILENT
from syncline.emulators.routes import Answer

MAX_BODY_BYTES = 16_000_000  # far above every vendor's limit: an answer can still name the vendor's
_BODILESS = (204, 304)


async def read(receive: Receive) -> bytes | None:
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


async def answer(send: Send, given: Answer, *, over_s: float = 0.0) -> None:
    """The whole answer at once, or byte by byte so that it takes `over_s`."""
    body = b"" if given.status in _BODILESS else given.body
    length = () if given.status in _BODILESS else ((b"content-length", b"%d" % len(body)),)
    await send({"type": "http.response.start", "status": given.status, "headers": [*given.headers, *length]})
    for position in range(len(body)) if over_s else ():
        await asyncio.sleep(over_s / len(body))
        await send({"type": "http.response.body", "body": body[position : position + 1], "more_body": True})
    await send({"type": "http.response.body", "body": b"" if over_s else body})


async def silence(fault: str, scope: Scope, receive: Receive) -> None:
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
