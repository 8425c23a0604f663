"""What an upload costs the service, measured from outside: the kernel's word on the memory of its process."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Local, people
from serving import ADA, BOUNDARY, FORM, Process, config, data, form, process

ROWS, ROW_BYTES = 222, 900_000  # 200 MB
MORE_MB = 30  # what a sync of large rows takes, however many there are (measured: 7)


def peak_mb(started: Process) -> float:
    """The most memory that the process ever had."""
    status = Path(f"/proc/{started.pid}/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


def large_rows() -> Iterator[bytes]:
    for number in range(ROWS):
        row = {"id": number, "name": f"n{number}", "unmapped": "x" * (ROW_BYTES - 60)}
        yield (b",\n" if number else b"[") + json.dumps(row).encode()
    yield b"]"


@pytest.mark.promise("C7")
def test_an_upload_of_200_mb_leaves_memory_flat(tmp_path: Path, local: Local) -> None:
    head, tail = form(config(local.url), ("large.json", "|")).split(b"|")
    length = len(head) + sum(map(len, large_rows())) + len(tail)
    with process(tmp_path, "--allow-origin-url", local.url, "--max-upload", "300MB") as started:
        assert started.call.put(config(local.url, name="small"), data(ADA)).status == 200
        before = peak_mb(started)
        connection = http.client.HTTPConnection(started.call.address, timeout=60)
        body = (block for part in ([head], large_rows(), [tail]) for block in part)
        connection.request("PUT", "/", body, FORM | {"Content-Length": str(length)})
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["counts"]["delivered"]) == (200, ROWS)
        connection.close()
        assert peak_mb(started) < before + MORE_MB
    assert length > 199_000_000
    assert len(people(local)) == ROWS


def test_data_that_is_larger_than_the_service_takes_is_a_413_that_leaves_nothing(tmp_path: Path, local: Local) -> None:
    with process(tmp_path, "--allow-origin-url", local.url, "--max-upload", "1MB") as started:
        rows = b"[" + b",".join(b'{"id": %d}' % number for number in range(200_000)) + b"]"
        said = started.call.put(config(local.url), ("large.json", rows))
        assert said.status == 413
        assert "--max-upload" in said.document["problems"][0]["fix"]
        chunked = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Transfer-Encoding": "chunked"}
        connection = http.client.HTTPConnection(started.call.address, timeout=60)
        body = form(config(local.url), ("large.json", rows))
        connection.request("PUT", "/", iter([body[:1_000_000], body[1_000_000:]]), chunked, encode_chunked=True)
        assert connection.getresponse().status == 413
        connection.close()
    assert people(local) == {}
