"""Syncline connects to the origins that a configuration names, and nowhere else: no telemetry, no updates, no proxies.

Each process here is watched by an audit hook (https://docs.python.org/3/library/audit_events.html), and told of proxies
that it must not use.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from conftest import Local, Project, people
from serving import ADA, Caller, config, data

# Every event by which a name or an address leaves a process, one line each. uvloop connects through the socket itself,
# but looks names up where no hook hears it; so it is asked to stay away wherever names matter.
_WATCHED = """
import json, os, sys

out = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
EVENTS = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}

def hook(event, arguments):
    if event in EVENTS:
        where = arguments[1] if event.startswith(("socket.c", "socket.s")) else arguments[0]
        os.write(out, json.dumps([event, where], default=repr).encode() + b"\\n")

sys.addaudithook(hook)
if sys.argv.pop(1) == "plain":
    sys.modules["uvloop"] = None
from syncline.cli import main
main()
"""
_PROXIES = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"), "http://127.0.0.1:9")
_CURL_LINE = "test_the_node_services_curl_line_syncs_and_the_second_time_sends_nothing"
_LOOPS = ["plain", "uvloop"] if sys.platform != "win32" else ["plain"]

Event = tuple[str, object]


def watched(folder: Path, loop: str, *words: str | Path) -> tuple[int, list[Event]]:
    """Runs a verb → its exit code, and whom it looked up and connected to."""
    log = folder / "events.jsonl"
    log.unlink(missing_ok=True)
    log.touch()
    done = subprocess.run(
        [sys.executable, "-c", _WATCHED, str(log), loop, *map(str, words)],
        cwd=folder,
        env={name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ} | _PROXIES,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
    )
    lines = log.read_text(encoding="utf-8").splitlines()
    return done.returncode, [tuple(json.loads(line)) for line in lines]


def connected(events: Sequence[Event]) -> set[tuple[str, int]]:
    """(address, port) of every connection; what is no such pair stays visible."""
    places = (where for event, where in events if event in {"socket.connect", "socket.sendto", "socket.sendmsg"})
    return {(where[0], where[1]) if isinstance(where, list) else (str(where), 0) for where in places}


def looked_up(events: Sequence[Event]) -> set[object]:
    return {where for event, where in events if event in {"socket.getaddrinfo", "socket.gethostbyname"}}


@pytest.mark.promise("R8")
@pytest.mark.parametrize("loop", _LOOPS)
def test_a_run_connects_to_the_origin_it_is_told_of_and_to_nobody_else(
    loop: str, project: Project, local: Local
) -> None:
    port = urlsplit(local.url).port
    assert port is not None
    config = project.config(destination={"baseUrl": f"http://localhost:{port}"})
    code, events = watched(project.folder, loop, "run", config, "-d", project.data([{"id": 1, "name": "Ada"}]))
    assert (code, len(people(local))) == (0, 1)
    assert {place[1] for place in connected(events)} == {port}
    assert {place[0] for place in connected(events)} <= {"127.0.0.1", "::1"}
    assert looked_up(events) <= {"localhost", "127.0.0.1", "::1"}


def test_the_hook_hears_a_name_that_is_looked_up(project: Project) -> None:
    """Without this the tests beside it could not fail."""
    config = project.config(destination={"baseUrl": "https://nope.invalid"})
    code, events = watched(project.folder, "plain", "run", config, "-d", project.data([{"id": 1, "name": "Ada"}]))
    assert (code, looked_up(events), connected(events)) == (3, {"nope.invalid"}, set())


@pytest.mark.parametrize(
    "words",
    [
        ["--version"],
        ["run", "configuration.json", "-d", "data.json", "--dry-run"],
        ["runs", "configuration.json"],
        ["report", "configuration.json"],
        ["schema"],
        ["init", "customerio"],
    ],
    ids=" ".join,
)
def test_what_sends_nothing_connects_to_nobody(words: list[str], project: Project, local: Local) -> None:
    project.config()
    project.data([{"id": 1, "name": "Ada"}])
    _, events = watched(project.folder, "plain", *words)
    assert events == []


def test_the_demo_stays_on_this_machine(tmp_path: Path) -> None:
    code, events = watched(tmp_path, "plain", "demo")
    assert code == 0
    assert {place[0] for place in connected(events)} <= {"127.0.0.1", "::1"}
    assert looked_up(events) <= {"127.0.0.1", "::1", "localhost", None}


def _can_unshare() -> bool:
    tools = all(map(shutil.which, ("unshare", "ip")))
    return tools and subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0


needs_root = pytest.mark.skipif(
    not _can_unshare(), reason="needs root, `unshare` and `ip`: a network of its own, without a route"
)


def without_a_route(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Python, in a network of its own, in which there is the loopback and nothing else."""
    line = 'ip link set lo up && test -z "$(ip route)" && exec "$0" "$@"'
    return subprocess.run(
        ["unshare", "--net", "sh", "-c", line, sys.executable, *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@needs_root
def test_without_any_route_but_the_loopback_a_sync_works_as_ever(tmp_path: Path) -> None:
    done = without_a_route(tmp_path, "-m", "syncline", "demo")
    assert (done.returncode, "delivered" in done.stdout) == (0, True), done.stderr


@needs_root
def test_without_any_route_but_the_loopback_the_service_works_as_ever(tmp_path: Path) -> None:
    test = f"{Path(__file__).with_name('test_service_sync.py')}::{_CURL_LINE}"
    words = ("-m", "pytest", "-v", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'there'}", test)
    done = without_a_route(Path(__file__).parent.parent, *words)
    assert done.returncode == 0, done.stdout
    assert re.search("[1-9] passed", done.stdout)


@needs_root
def test_in_such_a_network_nobody_else_can_be_reached(tmp_path: Path) -> None:
    """Without this the tests beside it could not fail."""
    line = "import socket; socket.create_connection(('192.0.2.1', 443), 5)"
    assert "Network is unreachable" in without_a_route(tmp_path, "-c", line).stderr


def test_the_service_connects_to_the_origin_it_was_told_of_and_to_nobody_else(tmp_path: Path, local: Local) -> None:
    log = tmp_path / "events.jsonl"
    words = ("serve", "--port", "0", "--allow-origin-url", local.url)
    process = subprocess.Popen(
        [sys.executable, "-c", _WATCHED, str(log), "plain", *words],
        cwd=tmp_path,
        env={name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ} | _PROXIES,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        call = Caller(process.stdout.readline().split()[-1])
        assert call.put(config(local.url), data(ADA)).status == 200
        assert call.put(config("https://nope.invalid"), data(ADA)).status == 422
    finally:
        process.terminate()
        process.communicate(timeout=60)
    events = [tuple(json.loads(line)) for line in log.read_text(encoding="utf-8").splitlines()]
    assert connected(events) == {("127.0.0.1", urlsplit(local.url).port)}
    assert looked_up(events) <= {"127.0.0.1", "localhost", "::1"}
