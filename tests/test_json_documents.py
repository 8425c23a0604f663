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

import click
import pytest

import syncline as library
from canaries import API_KEY, SITE_ID
from conftest import DEADLINE_S, Emulate, Ended, Local, Project, Row, Syncline
from syncline.cli import VERBS, cli
from syncline.cli.argv import normalised
from syncline.cli.ends import ended
from syncline.cli.options import usage_problem
from syncline.errors import Bug, Locked
from syncline.ledger import Lock

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


@pytest.mark.parametrize(
    ("end", "file", "found"),
    [
        (
            after("run {config} -d data.json", userId="uid"),
            "{config}:1:",
            "none of the first 3 rows has the field 'uid'",
        ),
        (after("run {config}"), "{config}:1:1", "there is no data"),
        (after("run {config} -d data.json --delimiter ;;"), "", '--delimiter is ";;"'),
        (after("run {config} -d data.json --encoding latin"), "", '--encoding is "latin"'),
        (after("run {config} -d data.json --path a..b"), "", '--path is "a..b"'),
        (after(f"run {{config}} -d data.json --only {'x' * 200}"), "", "--only xxx"),
        (after("run {config} --resme"), "", "No such option '--resme'"),
        (after("rnu {config}"), "", "No such verb: rnu"),
        (after("run {config} --limit 0"), "", "--limit is 0"),
        (after("run {config} -d empty.json"), "empty.json:1:1", "an empty file"),
        (after("run {config} --data="), "", "a data file without a name"),
        (after("run {config} -d data.json --adopt --full"), "", "--adopt together with --full"),
        (after("run {config} -d data.json --resume"), "", "--data beside --resume"),
        (after("run {config} --resume"), "", "there is no run to resume"),
        (after("run {config} -d data.json --require-state"), "{ledger}", "--require-state, and there is no ledger at"),
        (
            after("run {config} -d data.json --state-dir data.json"),
            "data.json",
            "the ledger cannot be kept in data.json",
        ),
        (
            after("run {config} -d data.json", data=rows(1), ledger="PRAGMA user_version = 99"),
            "{ledger}",
            "a ledger of schema version 99",
        ),
        (
            after("run {config} -d data.json", data=rows(1), ledger="PRAGMA application_id = 1"),
            "{ledger}",
            "a file that is no ledger",
        ),
        (
            after("run {config} -d data.json", data=rows(1), ledger="UPDATE belief SET digest = 'x'"),
            "{ledger}",
            "is damaged (a row of its table belief",
        ),
    ],
)
def test_what_is_refused_says_apart_what_was_found_and_expected_and_how_to_mend_it(
    project: Project, local: Local, syncline: Syncline, end: End, file: str, found: str
) -> None:
    said = end(project, local, syncline)
    (problem,) = said.document["problems"]
    place = ":".join(str(problem[part]) for part in ("file", "line", "column") if problem[part])
    held = project.ledger if "{ledger}" in file and project.ledgers else ""
    wanted = file.format(config="configuration.json", ledger=held)
    assert place.startswith(wanted) if wanted else place == "" or "{ledger}" in file, place
    assert found in problem["found"]
    assert problem["expected"]
    assert problem["fix"]
    words = f"{problem['found']}; expected {problem['expected']}. {problem['fix']}"
    assert said.stderr in (
        f"error: {words}\n",
        f"error: {place}: {words}\n",
        f"error: {place}: found {words}\n",
    ) or said.stderr.lstrip().startswith("Usage: ")


@pytest.mark.parametrize(
    ("words", "found", "expected", "fix"),
    [
        ("run --resme", "No such option '--resme'", "what syncline run takes", "Did you mean '--resume'?"),
        ("run --limit x", "--limit is 'x'", "a whole number", "`syncline run --help` lists it."),
        ("run --limit 0", "--limit is 0", "a number in the range x>=1", "`syncline run --help` lists it."),
        (
            "run --format xml",
            "--format is 'xml'",
            "one of 'auto', 'json', 'csv', 'tsv'",
            "`syncline run --help` lists it.",
        ),
        ("rnu", "No such verb: rnu", "what syncline takes", "Did you mean syncline run?"),
        ("-confg=a", "No such option: -confg", "what syncline takes", "Did you mean -config?"),
        ("-config", "-config without a file", "one behind it", "Write it like -config configuration.json -data"),
        ("run", "no configuration in this folder", "a configuration", "Name one that is elsewhere"),
    ],
)
def test_so_does_a_command_line_that_makes_no_sense(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, found: str, expected: str, fix: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(click.ClickException) as refused:
        cli(normalised(words.split(), list(VERBS)), "syncline", standalone_mode=False)
    problem = usage_problem(refused.value)
    assert (problem.found, problem.expected) == (found, expected)
    assert problem.fix.startswith(fix)


def test_so_does_a_lock_that_another_run_holds(tmp_path: Path) -> None:
    with Lock(tmp_path / "a.lock"), pytest.raises(Locked) as refused, Lock(tmp_path / "a.lock"):
        pass
    problem = refused.value.problem
    assert (problem.file, problem.expected) == (str(tmp_path / "a.lock"), "one run at a time")
    assert problem.found.startswith(f"another run of this sync is at work: process {os.getpid()} on ")
    assert problem.fix == "Wait for it, or stop it with Ctrl-C."
    assert str(refused.value) == problem.words


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
    (problem,) = locked.document["problems"]
    assert problem["found"].startswith("another run of this sync is at work")
    assert (problem["expected"], problem["fix"]) == ("one run at a time", "Wait for it, or stop it with Ctrl-C.")
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
