"""One call of the transport is one request to the origin that it names, whatever comes back; its errors name nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from syncline.errors import Unanswered
from syncline.model import Lane, Request, Response, Secret
from syncline.transport import Transport

PERSON = "/api/v1/customers/ada%40example.com"


@contextmanager
def answering(status: int, **headers: str) -> Iterator[tuple[str, list[str]]]:
    """The origin of a server, and the requests it met. status 0: it hangs up without a word."""
    met: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:  # the library's name
            met.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers["content-length"]))
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {**headers, "content-length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", met
        finally:
            server.shutdown()
            thread.join()


def put(origin: str) -> Response:
    """One person, under a credential."""

    async def main() -> Response:
        lane = Lane(origin, (("authorization", Secret("Basic c2VjcmV0")),), 100.0, 5.0)
        async with Transport(1) as post:
            return await post(lane, Request("track", "PUT", PERSON, b'{"plan":"pro"}'))

    return asyncio.run(main())


@pytest.mark.promise("R8")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_nobody_goes_there(status: int) -> None:
    with answering(200) as (elsewhere, there), answering(status, location=f"{elsewhere}{PERSON}") as (origin, here):
        answer = put(origin)
    assert (here, there) == ([f"PUT {PERSON}"], [])
    assert (answer.status, answer.headers["location"]) == (status, f"{elsewhere}{PERSON}")


def test_a_connection_that_breaks_is_told_without_the_person_it_was_about() -> None:
    with answering(0) as (origin, here), pytest.raises(Unanswered) as broke:
        put(origin)
    assert here == [f"PUT {PERSON}"]  # and not sent again behind our back
    assert str(broke.value).startswith("the connection to 127.0.0.1 broke")
    assert not any(word in str(broke.value) for word in ("ada", "example.com", "customers", "c2VjcmV0"))
