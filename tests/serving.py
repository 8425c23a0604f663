"""What the service's tests share: a service in this process or in one of its own, and a client that sends what curl
sends, byte by byte."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from canaries import API_KEY, SITE_ID, hear_answer
from syncline.config.uploaded import listed
from syncline.service.assembly import Told, opened, sync
from syncline.service.protocol import Bounds
from syncline.service.runs import Sync
from syncline.service.server import Server, listen

DEADLINE_S = 60.0
BOUNDARY = "------------------------d74496d66958873e"

Part = tuple[str, bytes | str]


class Answered(NamedTuple):
    """An answer, as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


def form(*parts: Part, name: str = "inputs") -> bytes:
    """(file name, content) … → the body that curl makes of them."""
    body = b""
    for filename, content in parts:
        disposition = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
        head = f"--{BOUNDARY}\r\n{disposition}Content-Type: application/octet-stream\r\n\r\n"
        body += head.encode() + (content.encode() if isinstance(content, str) else content) + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


def uploads(folder: Path) -> list[Path]:
    """The files of uploads that are somewhere below a service's state directory."""
    return [path for path in folder.rglob("*/uploads*/*") if path.is_file()]


FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


ADA, BOB = {"id": 1, "name": "Ada", "plan": "free"}, {"id": 2, "name": "Bob", "plan": "pro"}


def config(url: str, **more: object) -> Part:
    """A configuration as it is uploaded."""
    mappings = [{"from": name, "to": name} for name in ("name", "plan")]
    plain = {"parallelism": 25, "userId": "id", "siteId": SITE_ID, "apiKey": API_KEY, "mappings": mappings}
    return "configuration.json", json.dumps(plain | {"destination": {"baseUrl": url}} | more)


def data(*rows: object) -> Part:
    return "data.json", json.dumps(rows, indent=0)


def _check_refusal(told: Answered) -> None:
    """Whoever refuses says where, what was found, what was expected, and what to do: in a field each."""
    is_json = told.headers.get("content-type") == "application/json"
    if is_json and (document := told.document).get("status") == "refused":
        for problem in document["problems"]:
            assert all(problem[name] for name in ("file", "found", "expected", "fix")), problem


class Caller:
    """A client of one service; each request has a connection of its own."""

    def __init__(self, url: str) -> None:
        self.url, self.address = url, url.removeprefix("http://")

    def __call__(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answered:
        connection = http.client.HTTPConnection(self.address, timeout=DEADLINE_S)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            told = Answered(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()
        hear_answer(told.headers, told.body)
        _check_refusal(told)
        return told

    def upload(self, method: str, path: str, *parts: Part, **headers: str) -> Answered:
        """headers: `idempotency_key="x"` is `Idempotency-Key: x`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self(method, path, form(*parts), FORM | named)

    def put(self, *parts: Part) -> Answered:
        return self.upload("PUT", "/", *parts)

    def until(self, run: str, come_to: Callable[[Any], bool]) -> Any:
        """The run's document, once it is so. The wait is the server's: each question takes it a moment."""
        for _ in range(20_000):
            document = self("GET", f"/runs/{run}").document
            if come_to(document):
                return document
        raise AssertionError(document)

    def ended(self, run: str) -> Any:
        return self.until(run, lambda document: document["status"] not in ("queued", "running"))


class Running(NamedTuple):
    """A service in this process. `server`: to be asked things of another thread."""

    call: Caller
    server: Server


@contextmanager
def serving(
    folder: Path, *origins: str, sync: Sync = sync, bounds: Bounds | None = None, **told: Any
) -> Iterator[Running]:
    """A service on a socket of its own, in a thread. folder: its state directory."""
    asked = Told(folder, told.pop("environment", {}), origins=listed(origins), **told)
    ready = threading.Event()
    with opened(asked, sync) as service:
        (listener,) = listen("127.0.0.1", 0)
        server = Server(service.app, ready.set, service.ending, None, bounds or Bounds())
        thread = threading.Thread(target=server.run, args=([listener],), name="service")
        port = listener.getsockname()[1]
        thread.start()
        try:
            assert ready.wait(DEADLINE_S)
            yield Running(Caller(f"http://127.0.0.1:{port}"), server)
        finally:
            if server.signal is None:
                server.asked(signal.SIGTERM)
            thread.join(DEADLINE_S)
            assert not thread.is_alive()


class Process:
    """`syncline serve` as a process of its own, in a project's folder."""

    def __init__(self, folder: Path, *words: str, environment: Mapping[str, str] | None = None) -> None:
        kept = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH") if name in os.environ
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "syncline", "serve", "--port", "0", *words],
            cwd=folder,
            env=kept | {"TERM": "dumb"} | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        said = re.search(r"http\S+", self.process.stdout.readline())
        if said is None:
            self.process.wait(DEADLINE_S)
            raise AssertionError(self.process.communicate()[1])
        self.call = Caller(said[0])

    @property
    def pid(self) -> int:
        return self.process.pid

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """(its exit code, what it said on stderr)"""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, said


@contextmanager
def process(folder: Path, *words: str, environment: Mapping[str, str] | None = None) -> Iterator[Process]:
    started = Process(folder, *words, environment=environment)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.communicate()


def curl(url: str, *words: str, folder: Path) -> Answered:
    """The real curl, with what a person types behind it."""
    given = [shutil.which("curl") or "curl", "--silent", "--show-error", "--include", *words]
    ended = subprocess.run(given, cwd=folder, capture_output=True, timeout=DEADLINE_S, check=True)
    head, _, body = ended.stdout.partition(b"\r\n\r\n")
    while head.startswith(b"HTTP/1.1 100"):
        head, _, body = body.partition(b"\r\n\r\n")
    lines = head.decode().splitlines()
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    return Answered(int(lines[0].split()[1]), headers, body)


def in_threads(calls: Sequence[Callable[[], Answered]]) -> list[Answered]:
    """All at once → their answers, in order."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(lambda call: call(), calls))
