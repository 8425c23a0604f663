"""`/runs`: a sync that is begun, looked at, cancelled, resumed, asked for twice; and what a restart remembers."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import socket
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from conftest import Local, Project, Syncline, people, writes
from serving import ADA, BOB, BOUNDARY, Caller, Part, config, data, form, process, serving, uploads
from syncline.delivery import Halt
from syncline.flow.report import Report
from syncline.job import Watch
from syncline.ledger.queries import SUMS
from syncline.ledger.schema import APPLICATION_ID, SCHEMA_VERSION
from syncline.ledger.sums import teach
from syncline.service.assembly import sync
from syncline.service.registry import KEY_S, Entry, Registry
from syncline.service.runs import Order

SLOW_S = 0.02


@pytest.fixture
def call(tmp_path: Path, local: Local) -> Iterator[Caller]:
    with serving(tmp_path / ".syncline", local.url) as running:
        yield running.call


def crowd(people: int) -> Part:
    return data(*({"id": number, "name": f"n{number}"} for number in range(people)))


def one_by_one(local: Local, **more: object) -> Part:
    """A configuration by which the local Customer.io gets one request a person, and not two at once."""
    return config(local.url, parallelism=1, destination={"baseUrl": local.url, "api": "identify"}, **more)


def begun(call: Caller, *parts: Part, **headers: str) -> str:
    answer = call.upload("POST", "/runs", *parts, **headers)
    assert answer.status == 202, answer.body
    run: str = answer.document["id"]
    assert answer.headers["location"] == f"/runs/{run}"
    return run


# --- beginning and looking --------------------------------------------------------------------------------------------


def test_a_run_that_is_begun_can_be_looked_at_until_it_has_ended(call: Caller, local: Local) -> None:
    run = begun(call, config(local.url), data(ADA, {"name": "nobody"}))
    document = call.ended(run)
    assert (document["status"], document["sync"], document["run"]) == ("finished", "configuration", 1)
    assert document["report"]["counts"]["delivered"] == 1
    assert document["report"]["notes"] == ["no ledger yet: everything is new"]
    assert document["progress"] is None
    assert document["created"] <= document["started"] <= document["ended"]
    (listed,) = call("GET", "/runs").document["runs"]
    assert listed == {name: document[name] for name in listed}


def test_a_run_at_work_tells_how_far_it_is(call: Caller, local: Local) -> None:
    local.app.latency_s = SLOW_S
    run = begun(call, one_by_one(local), crowd(40))
    document = call.until(run, lambda document: document["progress"]["requests"] > 3)
    progress = document["progress"]
    assert (document["status"], document["report"], document["resumable"]) == ("running", None, False)
    assert (progress["phase"], progress["planned"], progress["rows"]) == ("delivering", 40, 40)
    assert 0 < progress["settled"]["delivered"] < 40
    rows = call("GET", f"/runs/{run}/rows")
    assert (rows.status, rows.document["status"]) == (409, "refused")
    local.app.latency_s = 0.0
    assert call.ended(run)["report"]["counts"]["delivered"] == 40


def test_run_ids_cannot_be_guessed_and_unknown_ones_are_404s(call: Caller, local: Local) -> None:
    runs = {begun(call, config(local.url, name=f"n{number}"), data(ADA)) for number in range(3)}
    assert len(runs) == 3
    assert all(len(run) >= 22 for run in runs)  # 128 bits, 6 a character
    for path in ("/runs/nobody", "/runs/nobody/rows", "/runs/%2e%2e"):
        assert call("GET", path).status == 404
    for path in ("/runs/nobody/cancel", "/runs/nobody/resume"):
        assert call.upload("POST", path, config(local.url)).status == 404


def test_the_newest_runs_come_first_and_no_more_than_are_asked_for(call: Caller, local: Local) -> None:
    names = [f"n{number}" for number in range(4)]
    for name in names:
        call.put(config(local.url, name=name), data(ADA))
    assert [run["sync"] for run in call("GET", "/runs").document["runs"]] == names[::-1]
    assert [run["sync"] for run in call("GET", "/runs?limit=2").document["runs"]] == names[:1:-1]
    assert call("GET", "/runs?limit=0").status == 422


def test_a_bad_configuration_begins_no_run(call: Caller, local: Local) -> None:
    assert call.upload("POST", "/runs", config(local.url, userId=""), data(ADA)).status == 422
    assert call("GET", "/runs").document == {"runs": []}


def test_a_run_whose_data_is_bad_shows_what_is_to_be_mended(call: Caller, local: Local) -> None:
    run = begun(call, config(local.url), ("people.json", "[}"))
    document = call.ended(run)
    assert (document["status"], document["resumable"], document["run"]) == ("refused", False, None)
    assert (document["problems"][0]["file"], document["problems"][0]["line"]) == ("people.json", 1)
    assert call("GET", f"/runs/{run}/rows").status == 409


# --- the rows that did not make it ------------------------------------------------------------------------------------


@pytest.fixture
def ended(call: Caller, local: Local) -> str:
    """A run of which one row is delivered, one rejected and two are invalid."""
    local.turn("400:every=2")  # batches of one: the first is taken, the second refused
    where = {"baseUrl": local.url, "batchItems": 1}
    rows = [ADA, BOB, {"id": "", "name": "=1+1"}, {"id": None, "name": "x"}]
    return begun(call, config(local.url, destination=where, parallelism=1), ("people.json", json.dumps(rows)))


def test_the_rows_that_did_not_make_it_come_as_json_lines(call: Caller, ended: str) -> None:
    call.ended(ended)
    answer = call("GET", f"/runs/{ended}/rows")
    rows = [json.loads(line) for line in answer.body.splitlines()]
    assert answer.headers["content-type"] == "application/jsonl"
    assert sorted((row["outcome"], row["row"]) for row in rows) == [("invalid", 3), ("invalid", 4), ("rejected", 2)]
    only = call("GET", f"/runs/{ended}/rows?outcome=rejected")
    assert [json.loads(line)["key"] for line in only.body.splitlines()] == ["id:2"]
    assert call("GET", f"/runs/{ended}/rows?outcome=delivered").status == 422


@pytest.mark.parametrize(("query", "accept"), [("?format=csv", "*/*"), ("", "text/csv"), ("?format=csv", "text/html")])
def test_they_come_as_csv_without_formulas_when_that_is_asked_for(
    query: str, accept: str, call: Caller, local: Local
) -> None:
    run = begun(call, config(local.url), ("=cmd|.json", json.dumps([ADA, {"name": "nobody"}])))
    call.ended(run)
    answer = call("GET", f"/runs/{run}/rows{query}", headers={"Accept": accept})
    (row,) = csv.DictReader(io.StringIO(answer.body.decode()))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert (row["outcome"], row["file"]) == ("invalid", "'=cmd|.json")


def test_what_comes_is_what_the_command_line_reports(
    call: Caller, ended: str, syncline: Syncline, project: Project
) -> None:
    call.ended(ended)
    by_http = call("GET", f"/runs/{ended}/rows").body.decode()
    project.config("name", "plan")
    assert syncline("report", "configuration.json", "--jsonl", "-").stdout == by_http


# --- cancelling and resuming ------------------------------------------------------------------------------------------


def test_a_run_that_is_cancelled_is_resumed_with_its_configuration_alone(call: Caller, local: Local) -> None:
    local.app.latency_s = SLOW_S
    run = begun(call, one_by_one(local), crowd(300))
    call.until(run, lambda document: document["progress"]["requests"] > 3)
    assert call("POST", f"/runs/{run}/cancel").status == 202
    document = call.ended(run)
    assert (document["status"], document["resumable"]) == ("interrupted", True)
    assert 3 < document["report"]["requests"] < 300
    local.app.latency_s = 0.0
    again = call.upload("POST", f"/runs/{run}/resume", one_by_one(local))
    assert (again.status, again.document["id"]) == (202, run)
    document = call.ended(run)
    assert (document["status"], document["run"], document["resumable"]) == ("finished", 1, False)
    assert document["report"]["counts"]["delivered"] == len(people(local)) == 300
    assert writes(local) <= 301
    over = call("POST", f"/runs/{run}/cancel")
    assert over.status == 409
    assert call.upload("POST", f"/runs/{run}/resume", one_by_one(local)).status == 409


def test_a_put_that_is_cancelled_answers_503(call: Caller, local: Local) -> None:
    local.app.latency_s = SLOW_S
    answers = []
    putting = threading.Thread(target=lambda: answers.append(call.put(one_by_one(local), crowd(300))))
    local.at_request(5, lambda: threading.Thread(target=cancel).start())

    def cancel() -> None:
        (run,) = call("GET", "/runs").document["runs"]
        call("POST", f"/runs/{run['id']}/cancel")

    putting.start()
    putting.join()
    (answer,) = answers
    assert (answer.status, answer.document["status"]) == (503, "interrupted")
    assert int(answer.headers["retry-after"]) > 0
    local.app.latency_s = 0.0
    assert call.upload("POST", answer.headers["location"] + "/resume", one_by_one(local)).status == 202
    assert call.ended(answer.headers["location"].removeprefix("/runs/"))["status"] == "finished"


def test_a_run_is_resumed_by_its_own_account_and_sync_alone(call: Caller, local: Local) -> None:
    local.app.latency_s = SLOW_S
    run = begun(call, one_by_one(local), crowd(300))
    call.until(run, lambda document: document["progress"]["requests"] > 3)
    call("POST", f"/runs/{run}/cancel")
    call.ended(run)
    for other in (one_by_one(local, siteId="another"), one_by_one(local, name="another")):
        answer = call.upload("POST", f"/runs/{run}/resume", other)
        assert (answer.status, answer.document["status"]) == (409, "refused")
    with_data = call.upload("POST", f"/runs/{run}/resume", one_by_one(local), crowd(60))
    assert with_data.status == 422
    assert call("GET", f"/runs/{run}").document["resumable"]


def test_a_run_that_waits_can_be_cancelled_and_sends_nothing(tmp_path: Path, local: Local) -> None:
    go = threading.Event()

    def held(order: Order, halt: Halt, watch: Watch) -> Report:
        assert go.wait(30)
        return sync(order, halt, watch)

    with serving(tmp_path, local.url, sync=held, at_once=1) as running:
        call = running.call
        first, second = (begun(call, config(local.url, name=name), data(ADA)) for name in ("one", "two"))
        assert call("POST", f"/runs/{second}/cancel").status == 202
        go.set()
        assert call.ended(first)["status"] == "finished"
        document = call.ended(second)
    assert (document["status"], document["run"]) == ("refused", None)
    assert "nothing was sent" in document["problems"][0]["found"]


def test_a_run_that_another_has_replaced_cannot_be_resumed(call: Caller, local: Local) -> None:
    local.turn("429:100%:after=1000")
    run = begun(call, config(local.url), data(ADA))
    assert call.ended(run)["resumable"]
    local.turn()
    assert call.put(config(local.url), data(ADA)).status == 200
    document = call("GET", f"/runs/{run}").document
    assert (document["status"], document["resumable"]) == ("stopped", False)


def test_the_command_line_can_go_on_with_a_run_of_the_service(
    call: Caller, local: Local, syncline: Syncline, project: Project
) -> None:
    local.turn("429:100%:after=1000")
    run = begun(call, config(local.url), data(ADA))
    call.ended(run)
    local.turn()
    assert syncline("run", project.config("name", "plan"), "--resume").code == 0
    document = call("GET", f"/runs/{run}").document
    assert (document["status"], document["report"]["counts"]["delivered"]) == ("finished", 1)


# --- the same request twice -------------------------------------------------------------------------------------------


def test_an_idempotency_key_gives_the_same_run_for_the_same_upload_and_refuses_another(
    call: Caller, local: Local
) -> None:
    run = begun(call, config(local.url), data(ADA), idempotency_key="a-key")
    call.ended(run)
    assert begun(call, data(ADA), config(local.url), idempotency_key="a-key") == run  # the order means nothing
    other = call.upload("POST", "/runs", config(local.url), data(BOB), idempotency_key="a-key")
    assert other.status == 422
    assert begun(call, config(local.url), data(BOB), idempotency_key="another") != run
    assert call.upload("POST", "/runs", config(local.url), data(BOB), idempotency_key="a b").status == 422
    assert len(call("GET", "/runs").document["runs"]) == 2


def test_a_refused_upload_does_not_use_up_its_key(call: Caller, local: Local) -> None:
    key = {"idempotency_key": "a-key"}
    assert call.upload("POST", "/runs", config(local.url, userId=""), data(ADA), **key).status == 422
    assert call.upload("POST", "/runs", config(local.url), data(ADA), **key).status == 202


def test_a_twin_that_is_still_being_read_is_a_409(call: Caller, local: Local) -> None:
    body = form(config(local.url), data(ADA))
    host, port = call.address.split(":")
    with socket.create_connection((host, int(port))) as slow:
        head = (
            f"POST /runs HTTP/1.1\r\nHost: {call.address}\r\nIdempotency-Key: k\r\nExpect: 100-continue\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        slow.sendall(head.encode())
        assert slow.recv(100).startswith(b"HTTP/1.1 100")  # it is being read
        twin = call.upload("POST", "/runs", config(local.url), data(ADA), idempotency_key="k")
        assert twin.status == 409
        slow.sendall(body)
        assert slow.recv(100).startswith(b"HTTP/1.1 202")
    assert call.upload("POST", "/runs", config(local.url), data(ADA), idempotency_key="k").status == 202
    assert len(call("GET", "/runs").document["runs"]) == 1


def test_a_key_is_forgotten_after_a_day(tmp_path: Path) -> None:
    now = 1_000_000.0
    registry = Registry(tmp_path / "service.db", lambda: now)
    registry.add(Entry.begun("run", "sync", "sync/ledger.db", now), b"key", b"body")
    assert registry.asked_before(b"key") == (b"body", "run")
    now += KEY_S + 1
    assert registry.asked_before(b"key") is None
    registry.close()


# --- what outlives the process ----------------------------------------------------------------------------------------


def test_a_restart_remembers_runs_and_keys_and_no_credentials(tmp_path: Path, local: Local) -> None:
    secret = "a-key-of-some-length"
    with serving(tmp_path, local.url) as first:
        run = begun(first.call, config(local.url, apiKey=secret, siteId="site"), data(ADA), idempotency_key="k")
        before = first.call.ended(run)
    with serving(tmp_path, local.url) as second:
        assert second.call("GET", f"/runs/{run}").document == before
        assert (
            begun(second.call, config(local.url, apiKey=secret, siteId="site"), data(ADA), idempotency_key="k") == run
        )
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if secret.encode() in path.read_bytes() or b'site"' in path.read_bytes()]
    kept = tmp_path / ".service" / "service.db"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


def test_a_service_that_is_killed_while_it_delivers_leaves_a_run_that_is_resumed_without_its_data(
    tmp_path: Path, local: Local
) -> None:
    words = ("--allow-origin-url", local.url)
    with process(tmp_path, *words) as first:
        local.app.latency_s = SLOW_S
        local.at_request(30, lambda: os.kill(first.pid, signal.SIGKILL))
        run = begun(first.call, one_by_one(local), crowd(60), idempotency_key="k")
        first.process.wait(60)
    before = writes(local)
    assert 30 <= before < 60
    local.app.latency_s = 0.0
    with process(tmp_path, *words) as second:
        document = second.call("GET", f"/runs/{run}").document
        assert (document["status"], document["resumable"], document["run"]) == ("interrupted", True, 1)
        assert document["report"]["stopped"]["reason"] == "killed"
        assert begun(second.call, one_by_one(local), crowd(60), idempotency_key="k") == run  # and nothing begins
        assert second.call.upload("POST", f"/runs/{run}/resume", one_by_one(local)).status == 202
        document = second.call.ended(run)
    assert (document["status"], document["report"]["counts"]["delivered"]) == ("finished", 60)
    assert len(people(local)) == 60
    assert writes(local) <= 60 + 1 + 0.25 / SLOW_S  # in flight, or acknowledged in the last quarter of a second
    assert not uploads(tmp_path)


def test_a_service_that_is_killed_while_it_plans_has_sent_nothing_and_says_so(tmp_path: Path, local: Local) -> None:
    words = ("--allow-origin-url", local.url)
    with process(tmp_path, *words) as first:
        run = begun(first.call, config(local.url), crowd(300_000))
        first.call.until(run, lambda document: document["progress"]["rows"] > 0)
        os.kill(first.pid, signal.SIGKILL)
        first.process.wait(60)
    assert uploads(tmp_path)
    with process(tmp_path, *words) as second:
        assert not uploads(tmp_path)
        document = second.call("GET", f"/runs/{run}").document
        assert (document["status"], document["resumable"], writes(local)) == ("refused", False, 0)
        assert "nothing was sent" in document["problems"][0]["found"]
        assert second.call.upload("POST", f"/runs/{run}/resume", config(local.url)).status == 409
        assert second.call.put(config(local.url), data(ADA)).status == 200


def test_a_plan_that_was_whole_before_anybody_noted_it_is_found_again(tmp_path: Path, local: Local) -> None:
    """The process may die between the two."""
    local.turn("429:100%:after=1000")
    with serving(tmp_path, local.url) as first:
        run = begun(first.call, config(local.url), data(ADA))
        document = first.call.ended(run)
    unnoted(tmp_path, run, document)
    with serving(tmp_path, local.url) as second:
        document = second.call("GET", f"/runs/{run}").document
        assert (document["status"], document["resumable"], document["run"]) == ("interrupted", True, 1)


def test_a_ledger_that_was_damaged_meanwhile_does_not_keep_the_service_from_starting(
    tmp_path: Path, local: Local
) -> None:
    with serving(tmp_path, local.url) as first:
        run = begun(first.call, config(local.url), data(ADA))
        document = first.call.ended(run)
    unnoted(tmp_path, run, document)
    (path,) = tmp_path.glob("configuration/*.db")
    path.write_bytes(b"no ledger" * 1_000)
    with serving(tmp_path, local.url) as second:
        document = second.call("GET", f"/runs/{run}").document
        assert (document["status"], document["resumable"]) == ("forgotten", False)
        assert "log" in document["problems"][0]["found"]


def test_a_run_whose_ledger_was_moved_away_is_forgotten(tmp_path: Path, local: Local) -> None:
    with serving(tmp_path, local.url) as running:
        run = begun(running.call, config(local.url), data(ADA))
        running.call.ended(run)
        (path,) = tmp_path.glob("configuration/*.db")
        path.unlink()
        document = running.call("GET", f"/runs/{run}").document
        assert (document["status"], document["report"]) == ("forgotten", None)
        assert running.call("GET", f"/runs/{run}/rows").status == 404


def unnoted(folder: Path, run: str, document: Any) -> None:
    """The registry and the ledger as they are in that moment."""
    registry = sqlite3.connect(folder / ".service" / "service.db", isolation_level=None)
    registry.execute("UPDATE run SET status = 'running', number = NULL, ended = NULL WHERE id = ?", (run,))
    registry.close()
    (path,) = folder.glob("configuration/*.db")
    ledger = sqlite3.connect(path, isolation_level=None)
    ledger.execute("UPDATE run SET status = 'running', closed = 0, ended = NULL WHERE run = ?", (document["run"],))
    teach(ledger)
    ledger.execute(SUMS["seal_all_runs"])
    ledger.close()


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_ledger_of_an_older_version_is_looked_at_and_run_like_any_other(
    version: int, tmp_path: Path, local: Local
) -> None:
    settings = config(local.url, refresh="off")
    with serving(tmp_path, local.url) as first:
        run = begun(first.call, settings, data())
        first.call.ended(run)
    (path,) = tmp_path.glob("configuration/*.db")
    make_older(path, version)
    before = path.read_bytes()
    with serving(tmp_path, local.url) as second:
        document = second.call("GET", f"/runs/{run}").document
        assert (document["status"], document["report"]["counts"]["delivered"]) == ("finished", 3)
        assert path.read_bytes() == before  # looking changes nothing
        rows = [{"id": number, "name": f"name {number}", "plan": "basic"} for number in (1, 2, 3)]
        assert second.call.put(settings, data(*rows)).document["counts"]["unchanged"] == 3


def make_older(path: Path, version: int) -> None:
    """Puts a ledger of that version into the place of one of ours: three people and a bad row."""
    with closing(sqlite3.connect(path)) as db:
        ((account,),) = db.execute("SELECT value FROM meta WHERE name = 'account'")
    path.unlink()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript((Path(__file__).parent / "ledgers" / f"version-{version}.sql").read_text(encoding="utf-8"))
        db.execute("UPDATE meta SET value = ? WHERE name = 'account'", (account,))
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {version}")


@pytest.mark.parametrize("wrong", [b"not a database at all" * 100, b"SQLite format 3\0" + bytes(4_080)])
def test_a_registry_that_is_none_is_left_alone_and_named(wrong: bytes, tmp_path: Path, syncline: Syncline) -> None:
    home = tmp_path / ".syncline" / ".service"
    home.mkdir(parents=True)
    (home / "service.db").write_bytes(wrong)
    ended = syncline("serve", "--port", "0")
    assert (ended.code, "service.db" in ended.stderr) == (2, True)
    assert (home / "service.db").read_bytes() == wrong


def test_two_services_do_not_share_a_state_directory(tmp_path: Path, syncline: Syncline) -> None:
    with process(tmp_path):
        ended = syncline("serve", "--port", "0")
    assert (ended.code, "--state-dir" in ended.stderr) == (75, True)


# --- signals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_service_ends_with_0(number: signal.Signals, tmp_path: Path) -> None:
    with process(tmp_path) as started:
        assert started.call("GET", "/healthz").document == {"status": "ok"}
        code, said = started.end(number)
    assert (code, said) == (0, "")


def test_a_signal_ends_runs_in_good_order_and_their_callers_hear_of_it(tmp_path: Path, local: Local) -> None:
    local.app.latency_s = SLOW_S
    words = ("--allow-origin-url", local.url)
    with process(tmp_path, *words) as started:
        local.at_request(10, lambda: os.kill(started.pid, signal.SIGTERM))
        answer = started.call.put(one_by_one(local), crowd(300))
        started.process.wait(60)
        assert started.process.returncode == 0
    assert (answer.status, answer.document["stopped"]["reason"]) == (503, "terminated")
    sent = answer.document["counts"]["delivered"]
    assert 10 <= sent < 300
    assert writes(local) == sent  # what was in flight came home, and nothing is in doubt
    with process(tmp_path, *words) as second:
        document = second.call("GET", answer.headers["location"]).document
    assert (document["status"], document["resumable"]) == ("interrupted", True)
    assert document["report"]["counts"]["delivered"] == sent


def test_a_service_that_is_stopping_begins_nothing_new(tmp_path: Path, local: Local) -> None:
    begun_, go = threading.Event(), threading.Event()

    def held(order: Order, halt: Halt, watch: Watch) -> Report:
        begun_.set()
        assert go.wait(30)
        return sync(order, halt, watch)

    with serving(tmp_path, local.url, sync=held) as running:
        run = begun(running.call, config(local.url, name="held"), data(ADA))
        assert begun_.wait(30)
        running.server.asked(signal.SIGTERM)
        running.call.until(run, lambda document: running.call("GET", "/healthz").status == 503)
        answer = running.call.put(config(local.url), data(ADA))
        go.set()
    assert (answer.status, int(answer.headers["retry-after"]) > 0) == (503, True)
    with serving(tmp_path, local.url) as after:
        assert after.call("GET", f"/runs/{run}").document["status"] == "refused"
    assert writes(local) == 0


def test_a_second_signal_ends_the_process_at_once(tmp_path: Path, local: Local) -> None:
    local.app.latency_s = 30.0
    asked = threading.Event()
    local.at_request(1, asked.set)
    with process(tmp_path, "--allow-origin-url", local.url) as started:
        run = begun(started.call, config(local.url), data(ADA))
        assert asked.wait(30)
        started.process.send_signal(signal.SIGTERM)
        started.call.until(run, lambda document: started.call("GET", "/healthz").status == 503)
        code, _ = started.end(signal.SIGTERM)
    assert code == 143
