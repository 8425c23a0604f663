"""How a run's end is told: the JSON posted to `notify`, and what `failOn` makes of rows that were bad before."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest

import syncline as library
from conftest import Emulate, Local, Project, Syncline
from syncline.delivery import Halt
from syncline.errors import DataRefused, Interrupted, Locked
from syncline.ledger import Lock

ROWS: list[dict[str, object]] = [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Bo"}]


class Posted(NamedTuple):
    path: str
    headers: dict[str, str]
    document: Any


class Receiver:
    """Takes what is posted; answers with `statuses` in turn, the last for ever."""

    def __init__(self, *statuses: int) -> None:
        self.posted: list[Posted] = []
        self._statuses = list(statuses)

    def take(self, posted: Posted) -> int:
        self.posted.append(posted)
        return self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]


@contextmanager
def receiving(*statuses: int) -> Iterator[tuple[str, Receiver]]:
    receiver = Receiver(*statuses or (200,))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(receiver.take(Posted(self.path, dict(self.headers), json.loads(body))))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the standard library's name
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook/s3cret?token=t0ken", receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_json_of_a_run_is_posted_at_its_end(project: Project, local: Local, syncline: Syncline) -> None:
    with receiving() as (url, receiver):
        ended = syncline("run", project.config(notify=url), "-d", project.data([*ROWS, {"id": True}]), "--json")
    (posted,) = receiver.posted
    assert posted.path == "/hook/s3cret?token=t0ken"
    assert "Authorization" not in posted.headers
    assert posted.document == {"name": "configuration", **ended.document}
    assert posted.document["counts"]["invalid"] == 1


def test_a_refused_run_is_told_of_as_well(project: Project, local: Local) -> None:
    with receiving() as (url, receiver), pytest.raises(DataRefused):
        library.run(project.config(notify=url), project.folder / "missing.json")
    (posted,) = receiver.posted
    assert posted.document["status"] == "refused"
    assert posted.document["problems"][0]["found"] == "no such file"


def test_a_run_that_finds_another_at_work_is_told_of(project: Project, local: Local) -> None:
    with receiving() as (url, receiver):
        config = project.config(notify=url)
        library.run(config, ROWS)
        with Lock(project.ledger.with_suffix(".lock")), pytest.raises(Locked):
            library.run(config, ROWS)
    assert [posted.document["status"] for posted in receiver.posted] == ["finished", "refused"]
    assert "another run of this sync is at work" in receiver.posted[1].document["problems"][0]["found"]


def test_an_interrupted_plan_is_told_of(project: Project, local: Local) -> None:
    halt = Halt()
    halt.request("terminated")
    with receiving() as (url, receiver), pytest.raises(Interrupted):
        library.run(project.config(notify=url), ROWS, halt=halt)
    assert receiver.posted[0].document["stopped"]["reason"] == "terminated"


def test_a_preview_is_not_told_of(project: Project, local: Local) -> None:
    with receiving() as (url, receiver):
        library.preview(project.config("name", notify=url), ROWS)
    assert receiver.posted == []


def test_a_receiver_that_fails_once_is_asked_again(project: Project, local: Local) -> None:
    with receiving(503, 200) as (url, receiver):
        report = library.run(project.config("name", notify=url), ROWS)
    assert (len(receiver.posted), report.warnings) == (2, [])


@pytest.mark.parametrize("status", [404, 302, 401])
def test_a_receiver_that_says_no_changes_no_outcome(project: Project, local: Local, status: int) -> None:
    with receiving(status) as (url, receiver):
        report = library.run(project.config("name", notify=url), ROWS)
    assert (report.exit_code, len(receiver.posted)) == (0, 1)
    assert report.warnings == [f"notify: 127.0.0.1 was told how the run ended, and answered {status}"]


def test_a_receiver_that_is_not_there_changes_no_outcome_and_is_named_without_its_path(
    project: Project, local: Local, syncline: Syncline
) -> None:
    with receiving() as (url, _):
        pass
    ended = syncline("run", project.config(notify=url), "-d", project.data(ROWS))
    assert ended.code == 0
    assert "warning: notify: 127.0.0.1 was not told how the run ended" in ended.stdout
    assert "s3cret" not in ended.stdout + ended.stderr
    assert "t0ken" not in ended.stdout + ended.stderr


# --- failOn -----------------------------------------------------------------------------------------------------------

BAD = {"id": 9, "name": "x" * 1_001}


def test_rows_that_were_bad_last_time_fail_again_by_default(project: Project, local: Local) -> None:
    config = project.config()
    assert [library.run(config, [*ROWS, BAD]).exit_code for _ in range(2)] == [1, 1]


def test_fail_on_new_forgives_what_was_bad_last_time_and_nothing_else(project: Project, local: Local) -> None:
    config = project.config(failOn="new")

    def code(*rows: dict[str, object]) -> int:
        return library.run(config, [*ROWS, *rows]).exit_code

    assert code(BAD) == 1
    assert code(BAD) == 0
    assert code(BAD, {"id": 10, "name": "x" * 2_000}) == 1  # one more row
    assert code({"id": 10, "name": "x" * 1_999}, BAD) == 0  # the same rows elsewhere, as bad as before
    assert code(BAD, {"id": True}) == 1  # nobody: a row without a key is known by its place
    assert code(BAD, {"id": True}) == 0
    assert code({"id": True}, BAD) == 1
    assert code() == 0
    assert code(BAD) == 1  # it was good in between


def test_fail_on_new_compares_with_the_last_run_that_looked_at_all_rows_and_finished(
    project: Project, local: Local
) -> None:
    config = project.config(failOn="new")
    rows: list[dict[str, object]] = [*ROWS, BAD]
    assert [library.run(config, rows).exit_code for _ in range(2)] == [1, 0]
    assert library.run(config, rows, only="1").exit_code == 0
    assert library.run(config, rows, limit=1).exit_code == 0
    assert library.run(config, rows).exit_code == 0  # a part of the rows is nothing to compare with

    worse: list[dict[str, object]] = [*rows, {"id": 3}, {"id": 10, "name": "x" * 2_000}]
    local.turn("401:100%")
    assert library.run(config, worse).exit_code == 3
    local.turn()
    assert library.run(config, worse).exit_code == 1  # a run that was cut short has told nobody


def test_every_row_that_is_newly_bad_counts(project: Project, local: Local) -> None:
    assert library.run(project.config(), [*ROWS, *[BAD] * 5]).new_problems == 5


def test_fail_on_new_counts_rejections_too(project: Project, emulate: Emulate) -> None:
    local = emulate(mode="id")  # knows no e-mails, and says so in a 207
    config = project.config(destination={"baseUrl": local.url}, failOn="new")
    rows: list[dict[str, object]] = [*ROWS, {"id": "ada@example.com"}]
    assert [library.run(config, rows).exit_code for _ in range(2)] == [1, 0]
    assert library.run(config, [*rows, {"id": "bo@example.com"}]).new_problems == 1


def test_fail_on_never_still_fails_for_rows_that_are_left(project: Project, emulate: Emulate) -> None:
    local = emulate()
    config = project.config(destination={"baseUrl": local.url}, failOn="never")
    assert library.run(config, [*ROWS, BAD]).exit_code == 0
    local.turn("401:100%")
    assert library.run(config, [{"id": 3}, BAD]).exit_code == 3


def test_a_summary_says_how_much_is_new(project: Project, local: Local, syncline: Syncline) -> None:
    config = project.config()
    library.run(config, [*ROWS, BAD])
    data = project.data([*ROWS, BAD, {"id": 10, "name": "x" * 2_000}])
    assert "1 of them were not so in the last whole run" in syncline("run", config, "-d", data).stdout
