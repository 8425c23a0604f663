"""A run's totals, wherever they are told: its own summary, its JSON, `report`, `runs`, the views of the ledger."""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

import syncline as library
from conftest import DEADLINE_S, Local, Project, Row, Syncline
from syncline.cli import cli
from syncline.delivery import Halt
from syncline.flow.report import Report
from syncline.history import recall
from syncline.model import Outcome

BAD: Row = {"id": True, "name": "Nobody"}
ONE_EACH = {"api": "identify"}


def rows(count: int) -> list[Row]:
    return [{"id": number, "name": f"Ada {number}"} for number in range(1, count + 1)]


class Scene:
    """A project whose API has weather, and what happens in it."""

    def __init__(self, project: Project, local: Local, syncline: Syncline) -> None:
        self.project, self.local, self.syncline = project, local, syncline
        self.config = project.config(destination=ONE_EACH)

    def run(self, *some: Row, **more: Any) -> Report:
        return library.run(self.config, data=some or None, **more)

    def interrupted_at(self, request: int, *some: Row, **more: Any) -> Report:
        halt = Halt()
        self.local.at_request(request, halt.request)
        return self.run(*some, halt=halt, **more)

    def process_in_which(self, act: Callable[[int], None], *some: Row) -> int:
        """Something is done to the process when its fifth request has arrived. Gives its exit code."""
        self.local.at_request(5, lambda: act(process.pid))
        process = self.syncline.start("run", self.config, "-d", self.project.data(some))
        process.communicate(timeout=DEADLINE_S)
        return process.returncode


End = Callable[[Scene], Report | None]


def finished(scene: Scene) -> Report:
    scene.run(*rows(20))
    return scene.run(*rows(30), rows(1)[0])


def with_bad_rows(scene: Scene) -> Report:
    return scene.run(*rows(5), BAD, BAD)


def rejected(scene: Scene) -> Report:
    scene.local.turn("400:every=3")
    return scene.run(*rows(12))


def rejected_since(scene: Scene) -> Report:
    rejected(scene)
    scene.local.turn()
    return scene.run(*rows(12))


def adopted(scene: Scene) -> Report:
    return scene.run(*rows(5), adopt=True)


def refused_credentials(scene: Scene) -> Report:
    scene.local.turn("401:100%")
    return scene.run(*rows(30), BAD)


def broken_source(scene: Scene) -> Report:
    return library.run(scene.config, data=scene.project.data('[{"id": 1}, {"id": 2}, {"id"'))


def interrupted(scene: Scene) -> Report:
    return scene.interrupted_at(5, *rows(200), BAD)


def resumed(scene: Scene) -> Report:
    interrupted(scene)
    return scene.run(resume=True)


def nothing_left(scene: Scene) -> Report:
    with_bad_rows(scene)
    return scene.run(resume=True)


def killed(scene: Scene) -> None:
    assert scene.process_in_which(lambda pid: os.kill(pid, signal.SIGKILL), *rows(200), BAD) == -signal.SIGKILL


def killed_and_resumed(scene: Scene) -> Report:
    killed(scene)
    return scene.run(resume=True)


def without_a_disk(scene: Scene) -> None:
    """From then on no file may grow: the run says so, and the ledger cannot."""
    if not hasattr(resource, "prlimit"):
        pytest.skip("only Linux takes the disk away from a process that is at work")

    def take(pid: int) -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))

    assert scene.process_in_which(take, *rows(200), BAD) == 3


ENDS: dict[End, tuple[str, dict[str, int] | set[str]]] = {
    finished: ("finished", {"delivered": 10, "unchanged": 20, "folded": 1}),
    with_bad_rows: ("finished", {"delivered": 5, "invalid": 2}),
    rejected: ("finished", {"delivered": 8, "rejected": 4}),
    rejected_since: ("finished", {"unchanged": 8, "rejected": 4}),
    adopted: ("finished", {"unchanged": 5}),
    refused_credentials: ("stopped", {"invalid": 1, "deferred": 30}),
    broken_source: ("stopped", {"delivered": 2}),
    interrupted: ("interrupted", {"delivered", "invalid", "deferred"}),  # how many of which, only time knows
    resumed: ("finished", {"delivered": 200, "invalid": 1}),
    nothing_left: ("finished", {"delivered": 5, "invalid": 2}),
    killed: ("interrupted", {"delivered", "invalid", "unknown"}),
    killed_and_resumed: ("finished", {"delivered": 200, "invalid": 1}),
    without_a_disk: ("interrupted", {"delivered", "invalid", "unknown"}),
}


@pytest.fixture
def scene(project: Project, local: Local, syncline: Syncline) -> Scene:
    return Scene(project, local, syncline)


@pytest.fixture
def told(scene: Scene, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What a verb that only looks prints, to the byte."""

    def tell(verb: str, *words: str) -> str:
        capsys.readouterr()
        assert cli([verb, str(scene.config), *words], standalone_mode=False) == 0
        return capsys.readouterr().out

    return tell


def in_the_views(scene: Scene, run: int) -> dict[str, Any]:
    """The run as `runs` and `problems` have it, under the names of the JSON."""
    with closing(sqlite3.connect(scene.project.ledger)) as db:
        db.row_factory = sqlite3.Row
        kept = dict(db.execute("SELECT * FROM runs WHERE run = ?", [run]).fetchone())
        bad = dict(db.execute("SELECT outcome, count(*) FROM problems WHERE run = ? GROUP BY 1", [run]).fetchall())
    counts = {str(outcome): kept[outcome] for outcome in Outcome}
    assert bad == {name: count for name, count in counts.items() if count and name not in MADE_IT}
    costs = {"requests": kept["requests"], "sourceRequests": kept["source_requests"], "bytes": kept["bytes"]}
    return {"run": run, "status": kept["status"], "read": kept["rows_read"], "counts": counts} | costs


MADE_IT = {Outcome.DELIVERED, Outcome.UNCHANGED, Outcome.FOLDED}
OF_THE_LEDGER = {"run", "status", "read", "counts", "requests", "sourceRequests", "bytes"}
ONCE = {"warnings", "caveats", "notes"}  # told when the run ends, and kept by nobody


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_the_totals_agree_wherever_they_are_told(scene: Scene, told: Callable[..., str], end: End) -> None:
    summary = end(scene)
    report, document = told("report"), json.loads(told("report", "--json"))
    figures = {name: value for name, value in document.items() if name not in {"problems", "groups", "newProblems"}}
    started, *of_history = json.loads(told("runs", "--json"))["runs"][-1].items()
    status, counts = ENDS[end]
    ended = {name: count for name, count in document["counts"].items() if count}
    assert document["status"] == status
    assert ended == counts if isinstance(counts, dict) else {*ended} <= counts
    assert sum(ended.values()) == document["read"]
    assert (dict(of_history), started[0]) == (figures, "started")
    assert told("runs").splitlines()[-1].split("Z  ")[1] == report.splitlines()[0]
    if summary is not None:
        assert summary.lines()[0] == report.splitlines()[0]
        assert {**summary.as_json(), **dict.fromkeys(ONCE)} == {**document, **dict.fromkeys(ONCE)}
        assert summary.exit_code == recall(str(scene.config), None, None).exit_code
    scene.local.turn()
    scene.run(*rows(2))
    assert in_the_views(scene, document["run"]) == {name: document[name] for name in sorted(OF_THE_LEDGER)}


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_a_report_stays_the_same_to_the_byte_whatever_happens_later(
    scene: Scene, told: Callable[..., str], end: End
) -> None:
    """Of a killed one, too: the first to look reckons in a copy what the next run writes down."""
    end(scene)
    number = str(json.loads(told("report", "--json"))["run"])
    before = [told("report", "--run", number, *form) for form in FORMS]
    told("runs")
    library.preview(scene.config, data=rows(3), full=True)
    assert [told("report", "--run", number, *form) for form in FORMS] == before
    scene.local.turn()
    scene.run(*rows(3), full=True)
    scene.run(BAD)
    assert [told("report", "--run", number, *form) for form in FORMS] == before


FORMS = [(), ("--json",), ("--csv", "-"), ("--jsonl", "-")]
