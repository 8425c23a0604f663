"""What a run costs in memory, measured from outside: the kernel's word on its process."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from conftest import Project

ROWS, ROW_BYTES = 200_000, 1_000
LARGE_EVERY, LARGE_BYTES = 1_000, 65_536
MOST_MB = 150  # measured: 121, and 130 with a million rows
# At its end it tells its own peak: what `getrusage` says of a child holds that of its parent before the exec.
TELLING = """
import atexit
from syncline.cli import main
atexit.register(lambda: print(open("/proc/self/status").read()))
main()
"""


async def _agree(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Yes to everything; nothing is kept, so that the other side is not what costs."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = re.search(rb"(?i)content-length: (\d+)", head)
            await reader.readexactly(int(length[1]) if length else 0)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
    except asyncio.IncompleteReadError:
        writer.close()
        await writer.wait_closed()


@contextmanager
def agreeable() -> Iterator[str]:
    """The origin of a server that says yes."""
    started = Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]]()

    async def main() -> None:
        stop = asyncio.Event()
        async with await asyncio.start_server(_agree, "127.0.0.1", 0, limit=1 << 20) as server:
            origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            started.set_result((origin, asyncio.get_running_loop(), stop))
            await stop.wait()

    thread = Thread(target=lambda: asyncio.run(main()))
    thread.start()
    origin, loop, stop = started.result()
    try:
        yield origin
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def write_rows(path: Path) -> Path:
    with path.open("w") as file:
        for row in range(ROWS):
            size = LARGE_BYTES if row % LARGE_EVERY == 0 else ROW_BYTES
            person = {"id": row, "name": f"Ada {row}", "plan": f"plan {row % 9}", "unmapped": "x" * size}
            file.write(json.dumps(person) + "\n")
    return path


@pytest.mark.promise("C7")
def test_a_large_file_is_synced_in_less_memory_than_it_has_bytes(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "people.jsonl")
    assert data.stat().st_size > 200_000_000
    with agreeable() as origin:
        words = ["run", str(Project(tmp_path, origin).config()), "-d", str(data)]
        ended = subprocess.run([sys.executable, "-c", TELLING, *words], stdout=subprocess.PIPE, text=True, check=True)
    assert "200,000 read = 200,000 delivered" in ended.stdout
    peak = re.search(r"VmHWM:\s+(\d+) kB", ended.stdout)
    assert peak is not None
    assert int(peak[1]) / 1024 < MOST_MB
