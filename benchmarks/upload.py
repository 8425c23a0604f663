"""What an upload of any size costs the service: its memory, before it and at its most, and the time it takes.

    python benchmarks/upload.py                     # 10 MB, 100 MB and 1 GB, each by one `PUT /`
    python benchmarks/upload.py --megabytes 4000

The rows are large (900 KB, of which two small fields are mapped), so that what is measured is the upload and not the
sync of its rows, which is the same as the command line's. Everything is real: a service and a local Customer.io, each a
process of its own, and a client that sends the form block by block.
"""

from __future__ import annotations

import argparse
import http.client
import json
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from first_sync import SYNCLINE, emulated

ROW_BYTES = 900_000
_BOUNDARY = "syncline-benchmark"
_BLOCK_BYTES = 131_072


class Server(NamedTuple):
    """A service that runs. pid: of its process."""

    address: str
    pid: int

    def peak_mb(self) -> float:
        """The most memory it ever had."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        return int(found[1]) / 1024 if found else 0.0


@contextmanager
def served(folder: Path, url: str, most_bytes: int) -> Iterator[Server]:
    """`syncline serve` that may reach `url`."""
    command = [*SYNCLINE, "serve", "--port", "0", "--allow-origin-url", url, "--max-upload", str(most_bytes)]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        found = re.search(r"http://(\S+)", process.stdout.readline() if process.stdout else "")
        if found is None:
            raise RuntimeError("the service did not start")
        yield Server(found[1], process.pid)
    finally:
        process.terminate()
        process.communicate()


def configuration(url: str) -> bytes:
    mappings = [{"from": "name", "to": "name"}]
    plain = {"name": "upload", "userId": "id", "siteId": "site", "apiKey": "key", "mappings": mappings}
    return json.dumps(plain | {"destination": {"baseUrl": url}}).encode()


def write_rows(path: Path, size: int) -> int:
    """A JSON array of about so many bytes → how many rows it has."""
    count = max(1, size // ROW_BYTES)
    with path.open("wb") as file:
        for number in range(count):
            row = {"id": number, "name": f"n{number}", "unmapped": "x" * (ROW_BYTES - 60)}
            file.write((b"[" if not number else b",\n") + json.dumps(row).encode())
        file.write(b"]")
    return count


def form(config: bytes, data: Path) -> Iterator[bytes]:
    """The body, block by block."""
    yield _head("configuration.json") + config + b"\r\n" + _head("data.json")
    with data.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            yield block
    yield b"\r\n--" + _BOUNDARY.encode() + b"--\r\n"


def _head(filename: str) -> bytes:
    disposition = f'Content-Disposition: form-data; name="inputs"; filename="{filename}"'
    return f"--{_BOUNDARY}\r\n{disposition}\r\n\r\n".encode()


def put(address: str, config: bytes, data: Path) -> dict[str, object]:
    """Sends both, and waits for the end of the sync → its report. Raises RuntimeError where that is no 200."""
    around = len(b"".join(form(config, Path("/dev/null"))))
    headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
    headers["Content-Length"] = str(around + data.stat().st_size)
    connection = http.client.HTTPConnection(address, timeout=3_600)
    connection.request("PUT", "/", form(config, data), headers)
    answer = connection.getresponse()
    report: dict[str, object] = json.loads(answer.read())
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {report}")
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, action="append", help="of data; may be repeated")
    sizes = [megabytes * 1_000_000 for megabytes in parser.parse_args().megabytes or [10, 100, 1_000]]
    for size in sizes:
        with tempfile.TemporaryDirectory() as name, emulated("0ms") as url:
            folder = Path(name)
            data = folder / "data.json"
            rows = write_rows(data, size)
            with served(folder, url, 2 * size + 1_000_000) as server:
                before_mb = server.peak_mb()
                began = time.perf_counter()
                put(server.address, configuration(url), data)
                seconds = time.perf_counter() - began
                print(
                    f"{size / 1e6:>7,.0f} MB, {rows:>5,} rows {seconds:>7.2f} s"
                    f"  peak {server.peak_mb():>4.0f} MB ({before_mb:.0f} MB before it)",
                    flush=True,
                )


if __name__ == "__main__":
    main()
