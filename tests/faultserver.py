"""Bytes that go wrong, exactly as scripted: a raw TCP server that plays the Track API and its failures.

Each write takes the next act of a script; what comes after the script is in fair weather. What was asked is kept for
the test to read, and so are the people that the writes made.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self
from urllib.parse import unquote

import msgspec

REGION = "/api/v1/accounts/region"


class Act(NamedTuple):
    """What is done about one request.

    reads: how much of it (`nothing`: it is met when its connection is made); applies: is the write done?
    says: these very bytes; None: the API's own answer, for which the write is done; drip_s: rest between two bytes.
    ends: is the connection kept, closed, reset, or silent until the client has left? after_s: it rests before that.
    """

    reads: Literal["all", "head", "half", "nothing"] = "all"
    applies: bool = False
    says: bytes | None = b""
    waits_s: float = 0.0
    drip_s: float = 0.0
    ends: Literal["keep", "fin", "rst", "hang"] = "keep"
    after_s: float = 0.0


FAIR = Act(says=None)


def answer(
    status: int, body: bytes = b"{}", *headers: str, applies: bool = False, ends: Literal["keep", "fin"] = "keep"
) -> Act:
    """A well-formed answer, whole."""
    return Act(applies=applies, says=written(status, body, *headers), ends=ends)


def written(status: int, body: bytes = b"{}", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", "Content-Type: application/json", *headers]
    if not any(line.lower().startswith(("content-length:", "transfer-encoding:")) for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@dataclass
class Asked:
    """One request as it arrived. at, over: monotonic seconds; connection: counted from 1; body: what was read of it."""

    connection: int
    at: float
    method: str = ""
    path: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    act: Act = FAIR
    over: float = 0.0

    @property
    def is_write(self) -> bool:
        return self.method != "GET"

    @property
    def entries(self) -> list[tuple[str, dict[str, Any]]]:
        """(id, attributes) of everybody it writes."""
        if self.path == "/api/v2/batch":
            items = msgspec.json.decode(self.body)["batch"]
            return [(item["identifiers"]["id"], item["attributes"]) for item in items]
        return [(unquote(self.path.rpartition("/")[2]), msgspec.json.decode(self.body))] if self.is_write else []

    @property
    def keys(self) -> set[str]:
        return {key for key, _ in self.entries}


Weather = Callable[[Asked], Act | None]
"""What happens to a request that was read to its end, before the script is looked at; None: whatever that says."""


class FaultServer:
    """A context manager. script: the acts of the next writes; probes: of the next questions; then fair weather.

    blamed: ids that a batch's answer lists as refused; most_bytes: of one person, what is larger is dropped without a
    word; port: where it listens once it is entered; listener: a socket of one's own; tls: its context; sliced: byte by
    byte, both ways; bytes_per_s: both ways.
    """

    def __init__(
        self,
        script: Iterable[Act] = (),
        *,
        probes: Iterable[Act] = (),
        weather: Weather = lambda asked: None,
        blamed: Iterable[str] = (),
        most_bytes: int = 1 << 30,
        port: int = 0,
        listener: socket.socket | None = None,
        tls: ssl.SSLContext | None = None,
        sliced: bool = False,
        bytes_per_s: int = 0,
    ) -> None:
        self._script, self._probes, self._weather = [*script], [*probes], weather
        self._fair = FAIR
        self.blamed, self._most_bytes = {*blamed}, most_bytes
        self._tls, self._sliced, self._bytes_per_s = tls, sliced, bytes_per_s
        self._listener, self.port = listener, port
        if listener is not None or not port:
            self._listener = listener or listening()
            self.port = self._listener.getsockname()[1]
        self.asked: list[Asked] = []
        self.connections = 0
        self.heard = 0  # bytes that came in, decrypted
        self.people: dict[str, dict[str, Any]] = {}
        self.applied: Counter[str] = Counter()
        self._ready = threading.Event()
        self._tasks: set[asyncio.Task[object]] = set()

    # --- what tests ask -------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def writes(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.is_write]

    @property
    def probes(self) -> list[Asked]:
        return [asked for asked in self.asked if not asked.is_write]

    def clear_up(self) -> None:
        """Fair weather from now on, and nothing was asked so far."""
        self._script, self._probes, self._weather, self._fair = [], [], lambda asked: None, FAIR
        self.blamed, self.asked, self._sliced, self._bytes_per_s = set(), [], False, 0

    def always(self, act: Act) -> Self:
        """What comes after the script, in the place of fair weather."""
        self._fair = act
        return self

    # --- its thread -----------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="faults", daemon=True)
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, sock=self._listener or listening(self.port), ssl=self._tls)
        self._ready.set()
        await self._stopping.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.ensure_future(self._connection(self.connections, reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connection(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = _Wire(reader, writer)
        try:
            while await self._exchange(number, wire):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.transport.abort()

    # --- one request ----------------------------------------------------------------------------------------------

    async def _exchange(self, number: int, wire: _Wire) -> bool:
        """True when the connection is kept."""
        asked = Asked(number, time.monotonic())
        early = self._script[0] if self._script and self._script[0].reads != "all" else None
        if early is not None and early.reads == "nothing":
            self.asked.append(asked)
            await wire.say(early.says or b"", early.drip_s)
            return await self._end(wire, asked, self._script.pop(0))
        wire.sliced, wire.bytes_per_s = self._sliced, self._bytes_per_s
        head = await wire.until(b"\r\n\r\n")
        asked.at = time.monotonic()
        self.heard += len(head)
        self._read_head(asked, head)
        self.asked.append(asked)
        if early is not None:
            if early.reads == "half":
                asked.body = await wire.exactly(int(asked.headers["content-length"]) // 2)
            return await self._end(wire, asked, self._script.pop(0))
        asked.body = await wire.exactly(int(asked.headers.get("content-length", "0")))
        self.heard += len(asked.body)
        return await self._act(wire, asked, self._choose(asked))

    @staticmethod
    def _read_head(asked: Asked, head: bytes) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")
        asked.method, asked.path, _ = first.split(" ")
        pairs = (line.partition(": ") for line in lines if line)
        asked.headers = {name.lower(): value for name, _, value in pairs}

    def _choose(self, asked: Asked) -> Act:
        script = self._script if asked.is_write else self._probes
        return self._weather(asked) or (script.pop(0) if script else self._fair if asked.is_write else FAIR)

    async def _act(self, wire: _Wire, asked: Asked, act: Act) -> bool:
        asked.act = act
        await asyncio.sleep(act.waits_s)
        good = self._apply(asked) if act.applies or act.says is None else b""
        await wire.say(good if act.says is None else act.says, act.drip_s)
        return await self._end(wire, asked, act)

    async def _end(self, wire: _Wire, asked: Asked, act: Act) -> bool:
        asked.act = act
        await asyncio.sleep(act.after_s)
        if act.ends == "hang":
            await wire.wait_until_left()
        elif act.ends == "rst":
            wire.reset()
        elif act.ends == "fin":
            await wire.close()
        asked.over = time.monotonic()
        return act.ends == "keep"

    # --- the API --------------------------------------------------------------------------------------------------

    def _apply(self, asked: Asked) -> bytes:
        """Does the write; the answer the API gives."""
        if not asked.is_write:
            return written(200, b'{"region":"us"}')
        errors = []
        for index, (key, attributes) in enumerate(asked.entries):
            if key in self.blamed:
                errors.append({"batch_index": index, "reason": "invalid", "message": "not this one"})
            elif len(msgspec.json.encode(attributes)) <= self._most_bytes:
                self.applied[key] += 1
                self.people.setdefault(key, {}).update(attributes)
        return written(207 if errors else 200, msgspec.json.encode({"errors": errors} if errors else {}))


class _Wire:
    """One connection, byte by byte where that is asked for."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.sliced, self.bytes_per_s = False, 0

    async def until(self, end: bytes) -> bytes:
        return await self._reader.readuntil(end)

    async def exactly(self, size: int) -> bytes:
        part = 1 if self.sliced else self.bytes_per_s // 20 or size
        found = bytearray()
        while len(found) < size:
            found += await self._reader.readexactly(min(part, size - len(found)))
            await self._rest()
        return bytes(found)

    async def say(self, words: bytes, drip_s: float) -> None:
        part = 1 if self.sliced or drip_s else self.bytes_per_s // 20 or len(words) or 1
        for at in range(0, len(words), part):
            self._writer.write(words[at : at + part])
            await self._writer.drain()
            await self._rest()
            await asyncio.sleep(drip_s)
            if self._reader.at_eof():  # whoever listened has left
                raise ConnectionError

    async def _rest(self) -> None:
        if self.bytes_per_s:
            await asyncio.sleep(1 / 20)

    async def wait_until_left(self) -> None:
        while await self._reader.read(1 << 16):
            pass

    def reset(self) -> None:
        """Without a FIN: the client's next read or write fails with ECONNRESET."""
        linger = struct.pack("ii", 1, 0)
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


# --- sockets of one's own --------------------------------------------------------------------------------------------


def listening(port: int = 0, *, backlog: int = 100) -> socket.socket:
    """Small buffers, so that who sends a large body is still at it when something goes wrong."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    listener.bind(("127.0.0.1", port))
    listener.listen(backlog)
    return listener


def closed_port() -> int:
    """Where nobody listens."""
    with listening() as listener:
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def black_hole() -> Iterator[socket.socket]:
    """A listener whose queue is full: whoever knocks hears nothing, until it is served."""
    listener = listening(backlog=0)
    with contextlib.ExitStack() as knocking:
        for _ in range(2):
            knocker = knocking.enter_context(socket.socket())
            knocker.setblocking(False)
            knocker.connect_ex(listener.getsockname())
        yield listener
