"""What is no upload, through the real service: each is a client's mistake in words, and the service goes on.

What is read of a form, byte for byte, is in test_service_uploads_refused.py, whose cases these are.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from forms import BOUNDARY, Headers
from serving import DEADLINE_S, Running, serving, uploads
from test_service_uploads_refused import BODIES, HEADERS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Running]:
    with serving(folder) as running:
        yield running


def put(service: Running, headers: Headers, body: bytes) -> tuple[int, str]:
    """PUT / as it stands → the status, and what is said."""
    host, port = service.call.address.split(":")
    head = b"PUT / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    head += b"".join(name + b": " + value + b"\r\n" for name, value in headers) + b"\r\n"
    with socket.create_connection((host, int(port)), timeout=DEADLINE_S) as one:
        said = b""
        with suppress(ConnectionError):  # it has answered, and takes no more of what it does not want
            one.sendall(head + body)
        with suppress(ConnectionResetError):
            while block := one.recv(65_536):
                said += block
    top, _, told = said.partition(b"\r\n\r\n")
    return int(top.split(b" ", 2)[1]), told.decode()


def check(service: Running, folder: Path, told: str) -> None:
    """It is one document that says what to do, and leaves neither a file nor a service that is worse off."""
    document = json.loads(told)
    assert document["status"] == "refused"
    assert "Traceback" not in told
    assert all(problem["found"] for problem in document["problems"])
    assert uploads(folder) == []
    assert service.call("GET", "/healthz").status == 200


@pytest.mark.parametrize(("case", "body", "status", "words"), BODIES)
def test_what_is_no_form_is_refused_in_words(
    service: Running, folder: Path, case: str, body: bytes, status: int, words: str
) -> None:
    said = (b"content-type", f"multipart/form-data; boundary={BOUNDARY}".encode())
    answered, told = put(service, [said, (b"content-length", str(len(body)).encode())], body)
    assert answered == status
    check(service, folder, told)


@pytest.mark.parametrize(("case", "said", "status", "words"), HEADERS)
def test_what_the_headers_give_away_is_refused_in_words(
    service: Running, folder: Path, case: str, said: Headers, status: int, words: str
) -> None:
    """The server of the HTTP library may be the first to see it; then it is a 400."""
    answered, told = put(service, said, b"")
    assert answered in {status, 400}
    check(service, folder, told)
