"""`PUT /`: the curl line that the Node service's users know, and each way in which its answer can end."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import Local, Project, Syncline, people, writes
from serving import ADA, BOB, Answered, Caller, Process, config, curl, data, in_threads, process, serving, uploads
from syncline.delivery import Halt
from syncline.flow.report import Report
from syncline.job import Watch
from syncline.service.assembly import sync
from syncline.service.runs import Order


@pytest.fixture
def call(tmp_path: Path, local: Local) -> Iterator[Caller]:
    """A service that may reach the local Customer.io."""
    with serving(tmp_path / ".syncline", local.url) as running:
        yield running.call


# --- the curl line ----------------------------------------------------------------------------------------------------


@pytest.fixture
def served(tmp_path: Path, local: Local) -> Iterator[Process]:
    with process(tmp_path, "--allow-origin-url", local.url) as started:
        yield started


def by_curl(served: Process, folder: Path) -> Answered:
    """The line as it has always been, but for the port."""
    url = served.call.url.replace("127.0.0.1", "localhost")
    line = f"--request PUT --url {url} --form inputs=@configuration.json --form inputs=@data.json"
    return curl(url, *line.split(), folder=folder)


def byte_by_byte(served: Process, folder: Path) -> Answered:
    """What that line sends, for machines that have no curl."""
    return served.call.put(*((name, (folder / name).read_bytes()) for name in ("configuration.json", "data.json")))


CLIENTS = [byte_by_byte, *([by_curl] if shutil.which("curl") else [])]


@pytest.mark.parametrize("client", CLIENTS)
def test_the_node_services_curl_line_syncs_and_the_second_time_sends_nothing(
    client: Callable[[Process, Path], Answered], served: Process, project: Project, local: Local, syncline: Syncline
) -> None:
    settings = project.config("name", "plan")
    project.data([ADA, BOB])
    first = client(served, project.folder)
    assert (first.status, first.document["counts"]["delivered"]) == (200, 2)
    assert people(local) == {"1": {"name": "Ada", "plan": "free"}, "2": {"name": "Bob", "plan": "pro"}}
    sent = writes(local)
    again = client(served, project.folder)
    assert (again.status, again.document["counts"]["unchanged"], writes(local)) == (200, 2, sent)
    # It is the very ledger of the command line.
    report = syncline("run", settings, "-d", "data.json", "--json").document
    assert (report["run"], report["counts"]["unchanged"], writes(local)) == (3, 2, sent)


def test_the_answer_is_the_document_of_the_command_line(
    call: Caller, project: Project, local: Local, syncline: Syncline
) -> None:
    by_http = call.put(config(local.url, name="by-http"), data(ADA, {"name": "nobody"})).document
    project.config("name", "plan", name="by-hand")
    project.data([ADA, {"name": "nobody"}])
    by_hand = syncline("run", "configuration.json", "-d", "data.json", "--json").document
    assert by_http | {"seconds": 0} == by_hand | {"seconds": 0}


def test_the_parts_may_come_in_either_order(call: Caller, local: Local) -> None:
    assert call.put(data(ADA), config(local.url)).status == 200
    assert call.put(config(local.url), data(ADA)).document["counts"]["unchanged"] == 1


# --- how it answers ---------------------------------------------------------------------------------------------------


def test_rows_that_are_invalid_make_it_a_207(call: Caller, local: Local) -> None:
    answer = call.put(config(local.url), data(ADA, {"name": "nobody"}))
    assert (answer.status, answer.document["counts"]["invalid"]) == (207, 1)
    assert answer.document["problems"][0]["file"] == "data.json"


def test_rows_that_the_destination_rejects_make_it_a_207(call: Caller, local: Local) -> None:
    local.turn("400:100%")
    answer = call.put(config(local.url), data(ADA))
    assert (answer.status, answer.document["counts"]["rejected"]) == (207, 1)


def test_credentials_that_the_destination_refuses_make_it_a_401(call: Caller, local: Local) -> None:
    answer = call.put(config(local.url, siteId="another"), data(ADA))
    assert (answer.status, answer.document["stopped"]["reason"]) == (401, "credentials")
    assert answer.document["counts"]["deferred"] == 1
    assert people(local) == {}


def test_what_the_destination_has_no_time_for_is_a_503_that_says_when_to_come_back(call: Caller, local: Local) -> None:
    local.turn("429:100%:after=1000")
    answer = call.put(config(local.url), data(ADA))
    assert (answer.status, answer.document["stopped"]["reason"]) == (503, "throttled")
    assert 900 < int(answer.headers["retry-after"]) <= 1_000
    local.turn()
    assert call.put(config(local.url), data(ADA)).status == 200


def test_a_bad_configuration_is_a_422_with_all_its_problems(call: Caller, local: Local) -> None:
    text = '{"userId": "id",\n "paralellism": 3,\n "mappings": [],\n "siteId": "", "apiKey": "k"}'
    answer = call.put(("my settings.json", text), data(ADA))
    assert answer.status == 422
    assert answer.document["status"] == "refused"
    problems = answer.document["problems"]
    assert {problem["file"] for problem in problems} == {"my settings.json"}
    assert {problem["line"] for problem in problems} >= {2, 3, 4}
    assert all(problem["found"] and problem["expected"] for problem in problems)
    assert writes(local) == 0


def test_bad_data_is_a_422_with_its_place(call: Caller, local: Local, tmp_path: Path) -> None:
    answer = call.put(config(local.url), ("people.json", '[\n{"id": 1,,}]'))
    (problem,) = answer.document["problems"]
    assert (answer.status, problem["file"], problem["line"]) == (422, "people.json", 2)
    assert str(tmp_path) not in answer.body.decode()


def test_data_that_breaks_off_is_a_207_for_coming_back_would_not_mend_it(call: Caller, local: Local) -> None:
    answer = call.put(config(local.url), ("people.json", '[{"id": 1, "name": "Ada"},\n{"id": 2, "na'))
    assert (answer.status, answer.document["stopped"]["reason"]) == (207, "source")
    assert "people.json:2" in answer.document["stopped"]["message"]
    assert people(local) == {"1": {"name": "Ada"}}
    assert "retry-after" not in answer.headers


def test_a_part_too_few_is_named(call: Caller, local: Local) -> None:
    alone = call.put(config(local.url))
    assert alone.status == 422
    assert "data" in alone.document["problems"][0]["found"]


@pytest.mark.parametrize("name", ["../../etc/cron.d/x.json", "C:\\x.json", "a\u202eb.json", "CON", "", "\u00e4.json"])
def test_a_file_name_is_a_name_and_never_a_place(name: str, call: Caller, local: Local, tmp_path: Path) -> None:
    answer = call.put((name, config(local.url)[1]), (name, json.dumps([ADA, {"name": "nobody"}])))
    assert answer.status == 207
    shown = answer.document["problems"][0]["file"]
    assert shown.isprintable()
    assert str(tmp_path) not in shown
    (ledger,) = (tmp_path / ".syncline").glob("*/customerio-*.db")
    assert ledger.parent.name in {"x", "upload", "CON"}


def test_a_sync_that_is_at_work_is_not_begun_twice(tmp_path: Path, local: Local) -> None:
    begun, go = threading.Event(), threading.Event()

    def held(order: Order, halt: Halt, watch: Watch) -> Report:
        begun.set()
        assert go.wait(30)
        return sync(order, halt, watch)

    with serving(tmp_path, local.url, sync=held) as running:
        first = threading.Thread(target=lambda: running.call.put(config(local.url), data(ADA)))
        first.start()
        assert begun.wait(30)
        twin = running.call.put(config(local.url), data(BOB))
        other = running.call.upload("POST", "/runs", config(local.url, name="another"), data(BOB))
        go.set()
        first.join()
        (run,) = [run["id"] for run in running.call("GET", "/runs").document["runs"] if run["sync"] == "configuration"]
        running.call.ended(other.document["id"])
    assert (twin.status, twin.headers["location"]) == (409, f"/runs/{run}")
    assert other.status == 202


def test_a_sync_that_the_command_line_runs_is_not_begun_here(
    call: Caller, project: Project, local: Local, syncline: Syncline
) -> None:
    local.app.latency_s = 1.0
    asked = threading.Event()
    local.at_request(1, asked.set)
    running = syncline.start("run", project.config("name"), "-d", project.data([ADA, BOB]))
    assert asked.wait(30)
    answer = call.put(("configuration.json", project.config("name").read_bytes()), data(ADA))
    assert (answer.status, answer.document["status"]) == (409, "refused")
    running.communicate(timeout=60)
    local.app.latency_s = 0.0
    assert call.put(("configuration.json", project.config("name").read_bytes()), data(ADA)).status == 200


def test_more_syncs_than_are_accepted_are_a_503(tmp_path: Path, local: Local) -> None:
    go = threading.Event()

    def held(order: Order, halt: Halt, watch: Watch) -> Report:
        assert go.wait(30)
        return sync(order, halt, watch)

    with serving(tmp_path, local.url, sync=held, at_once=1, accepted=2) as running:
        begun = [running.call.upload("POST", "/runs", config(local.url, name=f"n{n}"), data(ADA)) for n in range(3)]
        first, second = (answer.document["id"] for answer in begun[:2])
        running.call.until(first, lambda document: document["status"] == "running")
        waits = running.call("GET", f"/runs/{second}").document["status"]
        go.set()
        ends = [running.call.ended(run)["status"] for run in (first, second)]
    assert [answer.status for answer in begun] == [202, 202, 503]
    assert int(begun[2].headers["retry-after"]) > 0
    assert waits == "queued"
    assert ends == ["finished", "finished"]


def test_a_bug_is_a_500_that_shows_nothing_of_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def broken(order: Order, halt: Halt, watch: Watch) -> Report:
        raise RuntimeError("ada@example.com")

    with serving(tmp_path, "https://example.com", sync=broken) as running:
        answer = running.call.put(config("https://example.com"), data(ADA))
        after = running.call("GET", "/runs").document["runs"]
    assert (answer.status, answer.document["stopped"]["reason"]) == (500, "bug")
    assert after[0]["status"] == "refused"
    said = capfd.readouterr().err
    assert "ada@example.com" not in answer.body.decode() + said
    assert '"kind": "RuntimeError"' in said


def test_a_ledger_that_cannot_be_used_is_a_503_that_names_no_place(
    call: Caller, local: Local, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert call.put(config(local.url), data(ADA)).status == 200
    (ledger,) = (tmp_path / ".syncline").glob("configuration/*.db")
    ledger.write_bytes(b"not a database" * 1_000)
    answer = call.put(config(local.url), data(ADA))
    assert answer.status == 503
    assert str(tmp_path) not in answer.body.decode()
    assert str(ledger) in capfd.readouterr().err


def test_many_syncs_at_once_keep_their_ledgers_apart(call: Caller, local: Local) -> None:
    def put(name: str) -> Callable[[], Answered]:
        return lambda: call.put(config(local.url, name=name), data(ADA, BOB))

    answers = in_threads([put(f"sync-{number}") for number in range(8)])
    assert [answer.document["counts"]["delivered"] for answer in answers] == [2] * 8


def test_nothing_of_an_upload_is_left_when_it_has_been_planned(tmp_path: Path, local: Local) -> None:
    left: list[list[Any]] = []
    state = tmp_path / ".syncline"
    local.at_request(1, lambda: left.append(uploads(state)))
    with serving(state, local.url) as running:
        assert running.call.put(config(local.url), data(ADA)).status == 200
        assert running.call.put(("c.json", "{}"), data(ADA)).status == 422
        assert uploads(state) == []
    assert left == [[]]
