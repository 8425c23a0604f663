"""What must not bring the service to a stand: guessers, slow clients, callers that leave, vendors that hang, kills."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from conftest import Local, people, writes
from serving import ADA, BOB, FORM, Answered, Caller, config, data, form, process, serving, uploads
from syncline.delivery import Halt
from syncline.errors import Interrupted
from syncline.flow.report import Report
from syncline.job import Watch
from syncline.service.assembly import sync
from syncline.service.limits import Limits
from syncline.service.protocol import Bounds
from syncline.service.registry import Entry, Registry
from syncline.service.runs import Order
from syncline.service.server import Ending, Server, listen
from syncline.service.tokens import BAD_A_MINUTE

TOKEN = "0123456789abcdef0123456789abcdef"
DEADLINE_S = 30.0


def connected(call: Caller) -> socket.socket:
    host, port = call.address.split(":")
    return socket.create_connection((host, int(port)), timeout=DEADLINE_S)


def rest(one: socket.socket) -> bytes:
    said = b""
    while block := one.recv(65_536):
        said += block
    return said


def head(method: str, path: str, length: int, *more: str) -> bytes:
    """Of an upload; each line of `more` is a header of it."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Type: {FORM['Content-Type']}", *more]
    return "".join(f"{line}\r\n" for line in (*lines, f"Content-Length: {length}", "")).encode()


def begin(call: Caller, local: Local, key: str, *rows: object) -> Answered:
    return call.upload("POST", "/runs", config(local.url), data(*rows), idempotency_key=key)


# --- guessers ---------------------------------------------------------------------------------------------------------


def test_who_guesses_locks_nobody_out_who_knows_the_token(tmp_path: Path) -> None:
    """Everybody on this machine, and everybody behind one proxy, has one address."""
    with serving(tmp_path, token=TOKEN) as running:
        wrong = {"Authorization": f"Bearer {'x' * 32}"}
        guesses = [running.call("GET", "/runs", headers=wrong) for _ in range(BAD_A_MINUTE + 5)]
        right = running.call("GET", "/runs", headers={"Authorization": f"Bearer {TOKEN}"})
    assert [one.status for one in guesses] == [401] * BAD_A_MINUTE + [429] * 5
    assert int(guesses[-1].headers["retry-after"]) > 0
    assert right.status == 200


# --- who leaves, and who is slow --------------------------------------------------------------------------------------


def test_a_caller_that_leaves_while_its_sync_is_at_work_does_not_stop_it(tmp_path: Path, local: Local) -> None:
    arrived, go = threading.Event(), threading.Event()

    def hold() -> None:
        arrived.set()
        assert go.wait(DEADLINE_S)

    local.at_request(1, hold)
    with serving(tmp_path, local.url, at_once=1, accepted=1) as running:
        body = form(config(local.url), data(ADA, BOB))
        with connected(running.call) as one:
            one.sendall(head("PUT", "/", len(body)) + body)
            assert arrived.wait(DEADLINE_S)
        go.set()
        (run,) = [run["id"] for run in running.call("GET", "/runs").document["runs"]]
        document = running.call.ended(run)
        assert (document["status"], document["report"]["counts"]["delivered"]) == ("finished", 2)
        assert running.call.put(config(local.url), data(ADA)).status == 200  # and its place is free
    assert len(people(local)) == 2


def test_an_upload_that_is_broken_off_frees_its_key_and_its_files(tmp_path: Path, local: Local) -> None:
    with serving(tmp_path, local.url) as running:
        body = form(config(local.url), data(ADA))
        with connected(running.call) as one:
            one.sendall(head("POST", "/runs", len(body), "Idempotency-Key: k") + body[: len(body) // 2])
            while not uploads(tmp_path):
                pass
        while uploads(tmp_path):
            pass
        assert begin(running.call, local, "k", ADA).status == 202
        assert len(running.call("GET", "/runs").document["runs"]) == 1


def test_an_upload_that_drips_is_a_408_and_frees_its_key_and_its_files(tmp_path: Path, local: Local) -> None:
    with serving(tmp_path, local.url, limits=Limits(grace_s=0.2), bounds=Bounds(unwanted_s=0.1)) as running:
        with connected(running.call) as one:
            one.sendall(head("POST", "/runs", 100_000, "Idempotency-Key: k") + form(config(local.url))[:200])
            said = rest(one)
        assert said.startswith(b"HTTP/1.1 408 ")
        assert not uploads(tmp_path)
        assert begin(running.call, local, "k", ADA).status == 202


def test_as_many_slow_clients_as_there_may_be_hold_the_service_up_for_no_longer_than_a_head_may_take(
    tmp_path: Path,
) -> None:
    with serving(tmp_path, bounds=Bounds(connections=4, head_s=0.2, read_s=0.1)) as running, ExitStack() as held:
        slow = [held.enter_context(connected(running.call)) for _ in range(4)]
        for one in slow:
            one.sendall(b"GET / HT")
        assert [rest(one)[:13] for one in slow] == [b"HTTP/1.1 408 "] * 4
        while running.call("GET", "/healthz").status == 503:  # until they have been hung up on
            pass
        assert running.call("GET", "/healthz").status == 200


class Endless:
    """An application whose answer has no end. `left`: its client has gone."""

    def __init__(self) -> None:
        self.left = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def blocks() -> AsyncIterator[bytes]:
            while True:
                yield bytes(65_536)
                await asyncio.sleep(0)

        try:
            await StreamingResponse(blocks())(scope, receive, send)
        finally:
            self.left.set()


@contextmanager
def answering(app: Endless, bounds: Bounds) -> Iterator[Caller]:
    ready = threading.Event()
    (listener,) = listen("127.0.0.1", 0)
    server = Server(app, ready.set, Ending(lambda reason: None, lambda: True), None, bounds)
    thread = threading.Thread(target=server.run, args=([listener],))
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    thread.start()
    try:
        assert ready.wait(DEADLINE_S)
        yield Caller(f"http://{address}")
    finally:
        server.asked(signal.SIGTERM)
        thread.join(DEADLINE_S)


def test_an_answer_that_nobody_reads_on_does_not_hold_its_connection(tmp_path: Path) -> None:
    app = Endless()
    with answering(app, Bounds(unread_s=0.3)) as call, connected(call) as one:
        one.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert one.recv(100).startswith(b"HTTP/1.1 200")  # and no more
        assert app.left.wait(DEADLINE_S)


def test_an_answer_that_is_read_slowly_is_not_cut_off(tmp_path: Path) -> None:
    """Whoever reads on, however much, is waited for."""
    app = Endless()
    with answering(app, Bounds(unread_s=5.0)) as call, connected(call) as one:
        one.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        taken = 0
        while taken < 30_000_000:
            taken += len(one.recv(262_144))
            assert not app.left.is_set()


# --- runs that hang ---------------------------------------------------------------------------------------------------


def test_a_run_whose_vendor_never_answers_can_be_cancelled_and_its_place_is_free(tmp_path: Path, local: Local) -> None:
    hung = threading.Event()
    local.app.latency_s = 600.0
    local.at_request(1, hung.set)
    impatient = {"baseUrl": local.url, "timeout": 1}
    with serving(tmp_path, local.url, at_once=1, accepted=1) as running:
        run = running.call.upload(
            "POST", "/runs", config(local.url, destination=impatient), data(ADA), idempotency_key="k"
        ).document["id"]
        assert hung.wait(DEADLINE_S)
        assert running.call.put(config(local.url, name="other"), data(BOB)).status == 503  # there is one place
        assert running.call("POST", f"/runs/{run}/cancel").status == 202
        document = running.call.ended(run)
        assert (document["status"], document["resumable"]) == ("interrupted", True)
        local.app.latency_s = 0.0
        assert running.call.put(config(local.url, name="other"), data(BOB)).status == 200


# --- kills and ends ---------------------------------------------------------------------------------------------------


def test_a_service_that_is_killed_while_an_upload_comes_has_kept_nothing_of_it(tmp_path: Path, local: Local) -> None:
    body = form(config(local.url), data(ADA))
    words = ("--allow-origin-url", local.url)
    with process(tmp_path, *words) as first, connected(first.call) as one:
        one.sendall(head("POST", "/runs", len(body), "Idempotency-Key: k") + body[: len(body) // 2])
        while not uploads(tmp_path):
            pass
        os.kill(first.pid, signal.SIGKILL)
        first.process.wait(DEADLINE_S)
    assert uploads(tmp_path)
    with process(tmp_path, *words) as second:
        assert not uploads(tmp_path)
        assert second.call("GET", "/runs").document == {"runs": []}
        run = begin(second.call, local, "k", ADA).document["id"]
        assert begin(second.call, local, "k", ADA).document["id"] == run
        assert second.call.ended(run)["status"] == "finished"
    assert (len(people(local)), writes(local)) == (1, 1)


def test_a_key_whose_run_was_killed_before_its_plan_begins_it_anew(tmp_path: Path, local: Local) -> None:
    """Nothing was sent, so nothing is sent twice; and who asks again is not told for a day that it was refused."""
    (tmp_path / ".service").mkdir()
    with closing(Registry(tmp_path / ".service" / "service.db", time.time)) as registry:
        killed = Entry.begun("killed", "configuration", "configuration/ledger.db", time.time())
        registry.add(killed._replace(status="running", started=killed.created), hashlib.sha256(b"k").digest(), b"body")
    with serving(tmp_path, local.url) as after:
        assert after.call("GET", "/runs/killed").document["status"] == "refused"
        again = begin(after.call, local, "k", ADA)
        assert (again.status, again.document["id"] != "killed") == (202, True)
        assert after.call.ended(again.document["id"])["status"] == "finished"
    assert len(people(local)) == 1


def test_a_run_that_ends_with_the_service_before_its_plan_gives_its_key_back(tmp_path: Path, local: Local) -> None:
    begun = threading.Event()

    def planning(order: Order, halt: Halt, watch: Watch) -> Report:
        begun.set()
        while not halt.requested:
            pass
        raise Interrupted(halt.reason)

    with serving(tmp_path, local.url, sync=planning) as running:
        run = begin(running.call, local, "k", ADA).document["id"]
        assert begun.wait(DEADLINE_S)
        running.server.asked(signal.SIGTERM)
    with serving(tmp_path, local.url, sync=sync) as after:
        assert after.call("GET", f"/runs/{run}").document["status"] == "refused"
        again = begin(after.call, local, "k", ADA)
        assert (again.status, again.document["id"] != run) == (202, True)
        after.call.ended(again.document["id"])
    assert writes(local) == 1


def test_a_run_that_its_caller_cancelled_keeps_its_key(tmp_path: Path, local: Local) -> None:
    """Whoever cancelled it did not mean it to begin again by itself."""
    begun = threading.Event()

    def planning(order: Order, halt: Halt, watch: Watch) -> Report:
        begun.set()
        while not halt.requested:
            pass
        raise Interrupted(halt.reason)

    with serving(tmp_path, local.url, sync=planning) as running:
        run = begin(running.call, local, "k", ADA).document["id"]
        assert begun.wait(DEADLINE_S)
        assert running.call("POST", f"/runs/{run}/cancel").status == 202
        running.call.ended(run)
        assert begin(running.call, local, "k", ADA).document["id"] == run


# --- what is broken ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        ('{"userId": "id",\n "siteId": "a"\n "apiKey": "b"}', 3),
        ('{\n"userId: "id", "mappings": []}', 2),
        ("{", 1),
        ('{"userId": "id", "mappings": [', 1),
    ],
)
def test_a_configuration_that_is_broken_is_told_with_its_line(broken: str, line: int, tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        for parts in ([("conf.json", broken), data(ADA)], [data(ADA), ("conf.json", broken)], [("conf.json", broken)]):
            answer = running.call.put(*parts)
            (problem,) = answer.document["problems"]
            assert (answer.status, problem["file"], problem["line"]) == (422, "conf.json", line)
            assert problem["column"] > 0


def test_looking_at_runs_takes_no_credential_and_shows_none(tmp_path: Path, local: Local) -> None:
    """The harness looks for the planted ones in every answer; here for what they belong to as well."""
    with serving(tmp_path, local.url) as running:
        run = running.call.upload("POST", "/runs", config(local.url), data(ADA, {"name": "nobody"})).document["id"]
        running.call.ended(run)
        looks = ("/runs", f"/runs/{run}", f"/runs/{run}/rows", f"/runs/{run}/rows?format=csv", "/metrics", "/healthz")
        answers = [running.call("GET", path) for path in looks]
    assert [one.status for one in answers] == [200] * len(looks)
    told = b"".join(one.body for one in answers)
    for kept in (local.url, "siteId", "apiKey", "baseUrl", "mappings"):
        assert kept.encode() not in told
