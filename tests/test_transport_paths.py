"""No row steers a URL: whatever an identifier is, it is one segment of the path, at the origin that was configured."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import quote, unquote

import pytest

from syncline.model import Lane, Request
from syncline.transport import Transport

HOSTILE = [
    "a/b",
    "/../../x",
    "..%2f",
    "//evil.test/x",
    "https://evil.test",
    "@evil.test",
    "\\evil.test",
    "a?b=c",
    "a#b",
    "a;b",
    "%2e%2e",
    "%",
    "a b\r\nHost: evil.test",
    "é\u202e\x00",
    "a+b~c",
]


@contextmanager
def listening() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The origin of a server, and (path, host) of each request that it met."""
    met: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            met.append((self.path, self.headers["host"]))
            self.send_response_only(200)
            self.send_header("content-length", "0")
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", met
        finally:
            server.shutdown()
            thread.join()


async def _asked(origin: str, paths: list[str]) -> None:
    async with Transport(1) as post:
        for path in paths:
            await post(Lane(origin, (), 100.0, 5.0), Request("track", "GET", path, b""))


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_written_into_a_path_arrives_as_it_was_written(text: str) -> None:
    path = f"/api/v1/customers/{quote(text, safe='')}"
    with listening() as (origin, met):
        asyncio.run(_asked(origin, [path, "/after"]))
    host = origin.removeprefix("http://")
    assert met == [(path, host), ("/after", host)]
    assert [unquote(part) for part in met[0][0].split("/")] == ["", "api", "v1", "customers", text]
