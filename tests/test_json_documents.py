"""`--json`: however a verb ends, stdout is one document and nothing else, and its words are those of the exit code."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import syncline as library
from canaries import API_KEY, SITE_ID
from conftest import DEADLINE_S, Emulate, Ended, Local, Project, Row, Syncline
from syncline.cli.ends import ended
from syncline.errors import Bug

End = Callable[[Project, Local, Syncline], Ended]


def rows(count: int) -> list[Row]:
    return [{"id": number, "name": f"Ada {number}"} for number in range(1, count + 1)]


def after(words: str, *, data: Sequence[Row] | None = None, ledger: str = "", **config: Any) -> End:
    """`words`: of the command line; `data`: what was synced before; `ledger`: SQL over what that left behind."""

    def end(project: Project, local: Local, syncline: Syncline) -> Ended:
        path = project.config(**config)
        project.data([*rows(3), {"id": True}], "bad.json")
        project.data(rows(3))
        project.data('[{"id": 1}, {"id"', "cut.json")
        project.data("", "empty.json")
        if data is not None:
            library.run(path, data=data)
        if ledger:
            db = sqlite3.connect(project.ledger)
            db.executescript(ledger)
            db.close()
        return syncline(*words.format(config=path.name).split(), "--json")

    return end


REFUSED = ["status", "problems"]
WITHOUT_REPORT = ["status", "stopped"]
ENDS: list[tuple[str, End, int, list[str]]] = [
    ("all well", after("run {config} -d data.json"), 0, ["run", "status"]),
    ("bad rows", after("run {config} -d bad.json"), 1, ["run", "status"]),
    ("a dry run", after("run {config} -d data.json --dry-run"), 0, ["counts", "fields"]),
    ("a source that broke", after("run {config} -d cut.json"), 3, ["run", "status"]),
    ("a dry run of it", after("run {config} -d cut.json --dry-run"), 3, ["counts", "fields"]),
    ("the history", after("runs {config}", data=rows(1)), 0, ["runs"]),
    ("a report", after("report {config}", data=rows(1)), 0, ["run", "status"]),
    ("an option nobody knows", after("run {config} --resme"), 2, REFUSED),
    ("a verb nobody knows", after("rnu {config}"), 2, REFUSED),
    ("options that contradict", after("run {config} --dry-run --resume"), 2, REFUSED),
    ("the ancestors' spelling", after("-confg={config} -d data.json"), 2, REFUSED),
    ("no configuration", after("run nowhere.json -d data.json"), 2, REFUSED),
    ("a bad configuration", after("run {config} -d data.json", parallelism=0), 2, REFUSED),
    ("no data", after("run {config} -d nowhere.json"), 2, REFUSED),
    ("empty data", after("run {config} -d empty.json"), 2, REFUSED),
    ("nothing to resume", after("run {config} --resume"), 2, REFUSED),
    ("no such run", after("report {config} --run 9", data=rows(1)), 2, REFUSED),
    ("a newer ledger", after("run {config} -d data.json", data=rows(1), ledger="PRAGMA user_version = 99"), 2, REFUSED),
]


@pytest.mark.parametrize(("end", "code", "keys"), [pytest.param(*end, id=name) for name, *end in ENDS])
def test_stdout_is_one_document(
    project: Project, local: Local, syncline: Syncline, end: End, code: int, keys: list[str]
) -> None:
    said = end(project, local, syncline)
    assert said.code == code, said.stderr
    assert said.stdout.endswith("}\n")
    assert [*said.document][: len(keys)] == keys
    assert bool(said.stderr) == (code == 2)
    assert "Traceback" not in said.stderr


def nobody_foresaw() -> None:
    json.loads('{"apiKey": "canary"')


def adds_up_wrong() -> None:
    raise Bug("run 1 read 4 rows and ended 3")


@pytest.mark.parametrize(
    ("work", "what"),
    [
        (nobody_foresaw, r"JSONDecodeError at test_json_documents\.py:\d+, decoder\.py:\d+\)"),
        (adds_up_wrong, r"Bug at test_json_documents\.py:\d+\): run 1 read 4 rows and ended 3"),
    ],
)
def test_a_bug_is_told_by_its_place_and_what_to_do_and_without_the_data_in_its_text(
    capsys: pytest.CaptureFixture[str], work: Callable[[], None], what: str
) -> None:
    code = ended(work, as_json=True, ours=Path(__file__).parent)
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    document = json.loads(said.out)
    assert (code, [*document]) == (70, WITHOUT_REPORT)
    assert line == f"stopped (bug): {document['stopped']['message']}"
    assert re.search(rf"a bug in Syncline {re.escape(library.__version__)} \({what}", line)
    assert "open an issue in Syncline's repository" in line
    assert "canary" not in line


def test_ctrl_c_before_a_run_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    code = ended(interrupted, as_json=True)
    said = capsys.readouterr()
    assert (code, json.loads(said.out)["stopped"]["reason"]) == (130, "interrupted")
    assert said.err == "stopped (interrupted): ended by Ctrl-C\n"


# --- what is stopped --------------------------------------------------------------------------------------------------


def test_a_stop_is_one_document(project: Project, local: Local, syncline: Syncline) -> None:
    local.turn("401:100%")
    said = syncline("run", project.config(), "-d", project.data(rows(30)), "--json")
    assert (said.code, said.stderr) == (3, "")
    document = said.document
    assert (document["status"], document["stopped"]["reason"]) == ("stopped", "credentials")
    assert document["counts"]["deferred"] == document["read"] == 30
    assert SITE_ID not in said.stdout
    assert API_KEY not in said.stdout


@pytest.mark.parametrize(
    ("sign", "code", "reason"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_lock_and_a_signal_are_one_document_each(
    emulate: Emulate, tmp_path: Path, syncline: Syncline, sign: signal.Signals, code: int, reason: str
) -> None:
    local = emulate(latency_s=0.1)
    project = Project(tmp_path, local.url)
    config, data = project.config(destination={"api": "identify"}), project.data(rows(2_000))
    at_work = threading.Event()
    local.at_request(30, at_work.set)
    process = syncline.start("run", config, "-d", data, "--json")
    assert at_work.wait(DEADLINE_S)
    locked = syncline("run", config, "-d", data, "--json")
    process.send_signal(sign)
    stdout, _ = process.communicate(timeout=DEADLINE_S)
    assert (locked.code, locked.document["status"]) == (75, "refused")
    assert "another run of this sync is at work" in locked.document["problems"][0]["found"]
    document = json.loads(stdout)
    assert (process.returncode, document["status"], document["stopped"]["reason"]) == (code, "interrupted", reason)
    assert sum(document["counts"].values()) == document["read"] == 2_000


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_signal_while_planning_is_one_document(project: Project, syncline: Syncline, more: list[str]) -> None:
    reader, writer = os.pipe()
    with open(reader, "rb") as theirs:
        process = syncline.start("run", project.config(), "-d", "-", "--json", *more, stdin=theirs)
    assert process.stderr is not None
    with open(writer, "wb") as pipe:
        pipe.writelines(b'{"id": %d}\n' % number for number in range(100_000))  # more than fits: it is being read
        process.send_signal(signal.SIGINT)
        heard = [process.stderr.readline() for _ in range(2)]
    stdout, stderr = process.communicate(timeout=DEADLINE_S)
    document = json.loads(stdout)
    assert (process.returncode, document["status"], document["stopped"]["reason"]) == (
        130,
        "interrupted",
        "interrupted",
    )
    assert heard[1].startswith("stopping: ")
    assert "nothing was sent" in stderr
    assert project.ledgers == [] or library.run(project.config(), data=[]).run == 1
