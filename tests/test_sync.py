"""What a sync promises, end to end: `syncline.run` against a local Customer.io over a real socket."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import syncline as library
from conftest import BATCH, DEADLINE_S, IDENTIFY, Emulate, Ended, Known, Local, Project, Row, Syncline, people
from syncline import Report
from syncline.delivery import Halt
from syncline.emulators.customerio import Credentials, Identifier
from syncline.errors import LedgerRefused, Locked, Refusal
from syncline.job import Job
from syncline.model import Outcome, RowRef


def rows(count: int, *, first: int = 1, plan: object = "free") -> list[dict[str, object]]:
    return [{"id": first + at, "name": f"Ada {first + at}", "plan": plan} for at in range(count)]


def held(some: Sequence[Row]) -> dict[str, dict[str, object]]:
    """The people that rows make, with the mappings of `Project.config`."""
    return {str(row["id"]): {name: value for name, value in row.items() if name != "id"} for row in some}


def counts(report: Report) -> dict[str, int]:
    """The outcomes that happened."""
    return {str(outcome): count for outcome, count in report.counts.items() if count}


def snapshot(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file and folder below, with its mode and a digest: what must not change."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in folder.rglob("*")
    }


# --- folding -------------------------------------------------------------------------------------------------------


@pytest.mark.promise("O2")
def test_a_key_in_the_first_and_the_last_of_50_000_rows_is_one_entry(project: Project, local: Local) -> None:
    """Attribute by attribute: the last value wins, and what only the first row has survives."""
    many = rows(50_000)
    many[0] = {"id": 7, "name": "first", "plan": "kept"}
    many[6] = {"id": 50_001, "name": "Ada 50001", "plan": "free"}
    many[-1] = {"id": 7, "name": "last"}
    config, data = project.config(), project.data(many)
    report = library.run(config, data=data)
    assert counts(report) == {"delivered": 49_999, "folded": 1}
    assert local.app.workspace.writes == 49_999
    expected = held(many[1:-1]) | {"7": {"name": "last", "plan": "kept"}}
    assert people(local) == expected

    before = local.app.log.total
    again = library.run(config, data=data)
    assert counts(again) == {"unchanged": 49_999, "folded": 1}
    assert (again.requests, local.app.log.total) == (0, before)


def test_a_row_that_equals_the_belief_still_takes_part_in_the_fold(project: Project, local: Local) -> None:
    """Row 1 is what we believe, the last row is another: the second run sends nothing, and the last row has won."""
    config = project.config()
    library.run(config, data=rows(3))
    two: list[Row] = [{"id": 2, "name": "Ada 2", "plan": "free"}, {"id": 2, "name": "Grace"}]
    assert counts(library.run(config, data=two)) == {"delivered": 1, "folded": 1}
    assert people(local)["2"] == {"name": "Grace", "plan": "free"}

    before = local.app.log.total
    assert counts(library.run(config, data=two)) == {"unchanged": 1, "folded": 1}
    assert local.app.log.total == before


def test_rows_that_fold_back_to_the_belief_are_not_sent(project: Project, local: Local) -> None:
    config = project.config()
    library.run(config, data=rows(1))
    before = local.app.log.total
    there_and_back: list[Row] = [{"id": 1, "name": "Grace"}, {"id": "1", "name": "Ada 1", "plan": "free"}]
    assert counts(library.run(config, data=there_and_back)) == {"unchanged": 1, "folded": 1}
    assert local.app.log.total == before


def test_an_invalid_row_joins_no_fold(project: Project, local: Local) -> None:
    config = project.config()
    report = library.run(config, data=[{"id": 1, "name": "Ada", "plan": "a"}, {"id": 1, "name": "x" * 1_001}])
    assert (counts(report), report.exit_code) == ({"delivered": 1, "invalid": 1}, 1)
    assert people(local) == {"1": {"name": "Ada", "plan": "a"}}


# --- options -------------------------------------------------------------------------------------------------------


def test_limit_reads_only_the_first_rows(project: Project, local: Local) -> None:
    config, data = project.config(), project.data(rows(40))
    report = library.run(config, data=data, limit=15)
    assert (report.read, counts(report), set(people(local))) == (15, {"delivered": 15}, {str(n) for n in range(1, 16)})
    assert counts(library.run(config, data=data)) == {"delivered": 25, "unchanged": 15}


@pytest.mark.parametrize("spelling", ["7", "id:7"])
def test_only_one_key(project: Project, local: Local, spelling: str) -> None:
    config = project.config()
    many: list[Row] = [*rows(9), {"id": 7, "plan": "paid"}, {"name": "nobody"}]
    report = library.run(config, data=many, only=spelling)
    assert (report.read, counts(report)) == (2, {"delivered": 1, "folded": 1})
    assert people(local) == {"7": {"name": "Ada 7", "plan": "paid"}}


@pytest.mark.parametrize("spelling", ["Ada@Example.com", "ada@example.com", "email:Ada@Example.com"])
def test_only_one_email_in_any_case(project: Project, local: Local, spelling: str) -> None:
    config = project.config(userId="mail")
    report = library.run(
        config, data=[{"mail": "ADA@example.com", "name": "A"}, {"mail": "b@example.com"}], only=spelling
    )
    assert counts(report) == {"delivered": 1}
    assert [person.email for person in local.app.workspace.people.values()] == ["ada@example.com"]


@pytest.mark.parametrize("options", [{"only": "2"}, {"only": "id:2"}, {"limit": 1}])
def test_a_part_of_the_rows_leaves_other_keys_doubts_alone(
    project: Project, local: Local, options: dict[str, Any]
) -> None:
    """All were sent and no answer came; then only one is asked for; then everybody, with the values of before."""
    config, old = project.config(), rows(8)
    library.run(config, data=old)
    assert counts(run_unheard(config, rows(8, plan="paid"), local)) == {"unknown": 8}
    assert people(local) == held(rows(8, plan="paid"))
    assert counts(library.run(config, data=old, **options)) == {"delivered": 1}
    assert counts(library.run(config, data=old)) == {"delivered": 7, "unchanged": 1}
    assert people(local) == held(old)


def test_full_sends_everybody_again(project: Project, local: Local) -> None:
    config, data = project.config(), project.data(rows(30))
    library.run(config, data=data)
    local.app.workspace.delete(Identifier("id", "3"))
    assert counts(library.run(config, data=data)) == {"unchanged": 30}
    assert "3" not in people(local)
    assert counts(library.run(config, data=data, full=True)) == {"delivered": 30}
    assert people(local) == held(rows(30))


# --- resume --------------------------------------------------------------------------------------------------------


def run_halted(config: Path, data: Sequence[Row], local: Local, at_request: int) -> Report:
    """A run that is asked to stop when that request arrives."""
    halt = Halt()
    local.at_request(at_request, halt.request)
    return library.run(config, data=data, halt=halt)


def run_unheard(config: Path, data: Sequence[Row], local: Local) -> Report:
    """A run whose first write is applied and never answered, and which is then stopped."""
    local.turn("lost:100%")
    report = run_halted(config, data, local, 1)
    local.turn()
    return report


def test_resume_goes_on_with_the_rest_under_its_own_number(project: Project, local: Local) -> None:
    config, data = project.config(parallelism=1, destination={"batchItems": 10}), rows(60)
    first = run_halted(config, data, local, 3)
    assert (first.status, first.exit_code) == ("interrupted", 130)
    assert counts(first) == {"delivered": 30, "deferred": 30}
    second = library.run(config, resume=True)
    assert (second.run, second.status, second.exit_code, second.read) == (first.run, "finished", 0, 60)
    assert (counts(second), second.requests) == ({"delivered": 60}, 6)
    assert local.app.workspace.writes == 60  # nobody twice
    assert people(local) == held(data)


def test_resume_with_nothing_left_sends_nothing_and_ends_as_the_run_did(
    project: Project, local: Local, syncline: Syncline
) -> None:
    config = project.config()
    library.run(config, data=[*rows(5), {"id": True}])
    before = snapshot(project.folder)
    ended = syncline("run", config, "--resume")
    assert (ended.code, ended.stderr) == (1, "")
    assert "nothing left to resume" in ended.stdout
    assert (snapshot(project.folder), local.app.log.total) == (before, 1)


def test_resume_without_a_run_is_refused_and_leaves_no_trace(
    project: Project, local: Local, syncline: Syncline
) -> None:
    config = project.config()
    before = snapshot(project.folder)
    ended = syncline("run", config, "--resume", "--json")
    assert (ended.code, ended.document["status"]) == (2, "refused")
    assert "run without --resume" in ended.stderr
    assert (snapshot(project.folder), local.app.log.total) == (before, 0)


@pytest.mark.parametrize("words", [["-d", "data.json"], ["--limit", "3"], ["--only", "3"], ["--full"], ["--dry-run"]])
def test_resume_with_what_shapes_a_plan_is_a_usage_error(
    project: Project, local: Local, syncline: Syncline, words: list[str]
) -> None:
    config = project.config()
    project.data(rows(3))
    ended = syncline("run", config, "--resume", *words)
    assert ended.code == 2
    assert "--resume" in ended.stderr
    assert words[0].removeprefix("-d") in ended.stderr
    assert (project.ledgers, local.app.log.total) == ([], 0)


def test_resume_says_that_the_mapping_has_changed_and_sends_what_was_planned(project: Project, local: Local) -> None:
    data = rows(20)
    run_halted(project.config(parallelism=1, destination={"batchItems": 10}), data, local, 1)
    report = library.run(project.config("plan"), resume=True)
    assert report.exit_code == 0
    assert any("the mapping has changed since this plan was made" in warning for warning in report.warnings)
    assert people(local) == held(data)


@pytest.mark.promise("A6")
def test_a_doubt_outlives_every_word_but_an_acknowledgement(project: Project, local: Local) -> None:
    """Applied and never answered; the resumed run is turned away with 401; the source goes back to what it was."""
    config, old = project.config(), rows(8)
    library.run(config, data=old)
    assert counts(run_unheard(config, rows(8, plan="paid"), local)) == {"unknown": 8}
    local.app.workspace.credentials = Credentials(api_key="rotated")
    turned_away = library.run(config, resume=True)
    assert (counts(turned_away), turned_away.exit_code) == ({"unknown": 8}, 3)
    local.app.workspace.credentials = Known()
    assert counts(library.run(config, data=old)) == {"delivered": 8}
    assert people(local) == held(old)
    assert counts(library.run(config, data=old)) == {"unchanged": 8}


def test_a_doubt_outlives_a_refusal(project: Project, local: Local) -> None:
    config, old = project.config(), rows(1)
    library.run(config, data=old)
    run_unheard(config, rows(1, plan="paid"), local)
    local.app.script(400, b'{"errors":[{"message":"no"}]}')
    assert counts(library.run(config, resume=True)) == {"rejected": 1}
    assert counts(library.run(config, data=old)) == {"delivered": 1}
    assert people(local) == held(old)


# --- dry run -------------------------------------------------------------------------------------------------------


@pytest.mark.promise("C5")
def test_a_dry_run_tells_what_the_run_then_does_and_changes_nothing(
    project: Project, local: Local, syncline: Syncline
) -> None:
    config = project.config()
    library.run(config, data=rows(100))
    data = project.data(
        [*rows(60), *rows(30, first=61, plan="paid"), *rows(20, first=101), {"id": 101, "name": "again"}, {"id": 1.5}]
    )
    before, requests = snapshot(project.folder), local.app.log.total
    shown = syncline("run", config, "-d", data, "--dry-run", "--json")
    assert shown.code == 0
    assert (snapshot(project.folder), local.app.log.total) == (before, requests)
    told = shown.document
    assert told["counts"] == {
        "new": 20,
        "changed": 30,
        "unchanged": 60,
        "folded": 1,
        "invalid": 1,
        "cleared": 0,
        "deleted": 0,
        "rejected": 0,
    }
    assert told["fields"] == {"name": 20, "plan": 50}
    assert told["samples"][0] == {
        "key": "id:61",
        "payload": {"type": "person", "action": "identify", "identifiers": {"id": "61"}}
        | {"attributes": {"name": "Ada 61", "plan": "paid"}},
    }
    words = syncline("run", config, "-d", data, "--dry-run")
    assert (words.code, words.stdout.splitlines()[0]) == (
        0,
        "would send: 20 new, 30 changed, 60 unchanged, 1 folded, 1 invalid",
    )

    report = library.run(config, data=data)
    assert counts(report) == {"delivered": 50, "unchanged": 60, "folded": 1, "invalid": 1}
    assert (report.requests, report.bytes) == (told["requests"], told["bytes"])


def test_a_dry_run_before_the_first_run_leaves_no_trace(project: Project, local: Local, syncline: Syncline) -> None:
    config, data = project.config(), project.data(rows(10))
    before = snapshot(project.folder)
    preview = library.preview(config, data=data)
    assert (preview.counts["new"], preview.exit_code) == (10, 0)
    assert (snapshot(project.folder), local.app.log.total) == (before, 0)


def test_a_dry_run_waits_for_nobody(project: Project, local: Local) -> None:
    """While a run is at work, the preview is of what the ledger holds by then."""
    config, seen = project.config(parallelism=1, destination={"batchItems": 10}), list[int]()
    library.run(config, data=rows(10))
    local.at_request(2, lambda: seen.append(library.preview(config, data=rows(30)).counts["unchanged"]))
    assert counts(library.run(config, data=rows(30))) == {"delivered": 20, "unchanged": 10}
    assert seen == [10]


# --- data that is broken -------------------------------------------------------------------------------------------


def test_a_document_that_breaks_off_delivers_the_rows_before(
    project: Project, local: Local, syncline: Syncline
) -> None:
    text = "[\n" + ",\n".join(json.dumps(row) for row in rows(700)) + ',\n{"id": 701, "name" "Ada"}]'
    ended = syncline("run", project.config(), "-d", project.data(text), "--json")
    assert ended.code == 3
    stopped = ended.document["stopped"]
    assert (ended.document["status"], stopped["reason"], ended.document["read"]) == ("stopped", "source", 700)
    assert "data.json:702:20" in stopped["message"]
    assert people(local) == held(rows(700))


@pytest.mark.promise("A5")
@pytest.mark.parametrize("text", ['[{"id" 1}]', "", "[", "nonsense", '{"rows": ['])
def test_a_document_without_a_first_row_is_refused_and_changes_nothing(
    project: Project, local: Local, syncline: Syncline, text: str
) -> None:
    config = project.config()
    library.run(config, data=rows(3))
    data = project.data(text)
    before = snapshot(project.folder)
    ended = syncline("run", config, "-d", data, "--json")
    assert (ended.code, ended.document["status"]) == (2, "refused")
    problem = ended.document["problems"][0]
    assert "data.json" in problem["file"]
    assert problem["expected"]
    assert (snapshot(project.folder), local.app.log.total) == (before, 1)


def test_an_empty_list_is_no_row_and_no_failure(project: Project, local: Local) -> None:
    config = project.config()
    library.run(config, data=rows(3))
    report = library.run(config, data=project.data([]))
    assert (report.exit_code, report.read, local.app.log.total) == (0, 0, 1)
    assert counts(library.run(config, data=rows(3))) == {"unchanged": 3}


def test_a_user_id_that_no_row_has_is_refused_with_the_names_there_are(project: Project, local: Local) -> None:
    config = project.config(userId="userid")
    with pytest.raises(Refusal, match=r"'userid'.*rows have: id, name, plan"):
        library.run(config, data=rows(3))
    assert (project.ledgers, local.app.log.total) == ([], 0)


def test_records_that_raise_after_some_rows_deliver_those(project: Project, local: Local) -> None:
    def broken() -> Iterator[Row]:
        yield from rows(4)
        raise OSError("the cable")

    report = library.run(project.config(), data=broken())
    assert (counts(report), report.exit_code) == ({"delivered": 4}, 3)
    assert report.stopped is not None
    assert "after row 4" in report.stopped.message


# --- the API says no -----------------------------------------------------------------------------------------------


def test_rows_the_api_rejects_are_named_with_their_reason(
    project: Project, emulate: Emulate, syncline: Syncline
) -> None:
    """A workspace that knows ids only refuses two items of a 207; the others are applied."""
    local = emulate(mode="id")
    config = project.config(destination={"baseUrl": local.url})
    data = project.data([*rows(4), {"id": "ada@example.com"}, *rows(4, first=10), {"id": "b@example.com"}])
    ended = syncline("run", config, "-d", data, "--json")
    assert ended.code == 1
    reason = "this workspace does not identify people by email"
    expected = [
        {
            "file": str(data),
            "row": row,
            "key": key,
            "field": "identifiers.email",
            "outcome": "rejected",
            "reason": reason,
            "rule": "",
            "since": None,
        }
        for row, key in ((5, "email:ada@example.com"), (10, "email:b@example.com"))
    ]
    told = [
        {name: value for name, value in problem.items() if name != "line"} for problem in ended.document["problems"]
    ]
    assert told == expected
    assert [problem["line"] for problem in ended.document["problems"]] == [22, 45]
    assert ended.document["counts"] | {"delivered": 8, "rejected": 2} == ended.document["counts"]
    assert people(local) == held([*rows(4), *rows(4, first=10)])

    assert syncline("report", config, "--json").document["problems"] == ended.document["problems"]
    words = syncline("report", config)
    assert words.code == 0
    assert "rejected" in words.stdout
    assert reason in words.stdout
    assert counts(library.run(config, data=data)) == {"unchanged": 8, "rejected": 2}


def test_a_batch_refused_whole_is_halved_until_the_culprit_stands_alone(project: Project, local: Local) -> None:
    no = b'{"errors":[{"field":"batch","message":"malformed"}]}'
    local.app.script(400, no)  # both rows
    local.app.script(400, no)  # the first alone
    report = library.run(project.config(), data=rows(2))
    assert (counts(report), report.exit_code, report.requests) == ({"delivered": 1, "rejected": 1}, 1, 3)
    (problem,) = report.problems
    assert (problem.row, problem.key, problem.reason) == (RowRef("data", 1, 0), "id:1", "malformed")
    assert people(local) == held(rows(2)[1:])


@pytest.mark.parametrize("api", ["batch", "identify"])
def test_a_200_that_tells_of_an_error_is_no_acknowledgement(project: Project, local: Local, api: str) -> None:
    local.turn("200:100%")
    config = project.config(destination={"baseUrl": local.url, "api": api})
    report = library.run(config, rows(3))
    assert (report.counts[Outcome.DELIVERED], report.exit_code, people(local)) == (0, 3, {})
    local.turn()
    assert library.run(config, rows(3)).counts[Outcome.DELIVERED] == 3


def test_a_closed_stderr_costs_nothing_but_its_words(project: Project, local: Local, tmp_path: Path) -> None:
    config, data = project.config(), project.data(rows(3))
    command = f"exec {sys.executable} -m syncline run {config} -d {data} 2>&-"
    assert subprocess.run(["sh", "-c", command], cwd=tmp_path, check=False, timeout=60).returncode == 0
    assert len(people(local)) == 3


def test_a_bad_key_costs_one_request_and_one_probe(project: Project, local: Local, syncline: Syncline) -> None:
    data = project.data(rows(2_000))
    ended = syncline("run", project.config(apiKey="wrong"), "-d", data, "--json")
    assert ended.code == 3
    assert (ended.document["status"], ended.document["counts"]["deferred"]) == ("stopped", 2_000)
    assert ended.document["stopped"]["reason"] == "credentials"
    assert "siteId and apiKey" in ended.document["stopped"]["message"]
    assert local.app.log.arrivals == {BATCH: 1, ("GET", "/api/v1/accounts/region"): 1}
    assert ended.document["requests"] == 2

    report = library.run(project.config(), resume=True)
    assert (counts(report), report.exit_code) == ({"delivered": 2_000}, 0)
    assert people(local) == held(rows(2_000))


def test_a_wrong_region_is_named(project: Project, emulate: Emulate) -> None:
    local = emulate(region="eu")
    local.app.script(401, b'{"meta":{"error":"Unauthorized request"}}')
    config = project.config(destination={"baseUrl": local.url, "region": "us"})
    report = library.run(config, data=rows(20))
    assert (counts(report), report.exit_code) == ({"deferred": 20}, 3)
    assert report.stopped is not None
    assert "region eu, not us: set `region: eu`" in report.stopped.message
    right = project.config(destination={"baseUrl": local.url, "region": "eu"})
    assert counts(library.run(right, resume=True)) == {"delivered": 20}


# --- weather -------------------------------------------------------------------------------------------------------


def test_a_retry_after_is_waited_for_by_everybody(project: Project, local: Local) -> None:
    arrivals: list[float] = []
    config = project.config(destination={"batchItems": 5})
    local.app.on_request(lambda arrival: arrivals.append(time.monotonic()))
    local.at_request(2, lambda: local.app.script(429, b"{}", ((b"retry-after", b"1"),)))
    report = library.run(config, data=rows(20))
    assert (counts(report), report.exit_code, report.requests) == ({"delivered": 20}, 0, 5)
    throttled = local.app.log.counts[(*BATCH, 429)]
    assert throttled == 1
    assert arrivals[-1] - arrivals[1] >= 1.0
    assert local.app.workspace.writes == 20


@pytest.mark.promise("S2", "R10")
@pytest.mark.parametrize("endpoint", ["batch", "identify"])
@pytest.mark.parametrize("faults", ["lost:5%", "500:5%", "lost:5%,500:5%,reset:5%,503:5%"])
def test_in_foul_weather_everybody_arrives(project: Project, emulate: Emulate, endpoint: str, faults: str) -> None:
    local, count = emulate(faults), 600 if endpoint == "batch" else 300
    config = project.config(destination={"baseUrl": local.url, "api": endpoint, "batchItems": 10})
    data = rows(count)
    report = library.run(config, data=data)
    assert (counts(report), report.exit_code) == ({"delivered": count}, 0)
    assert people(local) == held(data)
    failed = sum(n for (_, _, status), n in local.app.log.counts.items() if status != 200)
    assert failed > 0, "the weather was fair: nothing was shown"
    assert (
        report.requests
        == local.app.log.total
        == failed + local.app.log.counts[(*(BATCH if endpoint == "batch" else IDENTIFY), 200)]
    )
    local.turn()
    assert library.run(config, data=data).requests == 0


def test_update_never_creates_and_says_what_it_cannot_know(project: Project, local: Local, syncline: Syncline) -> None:
    library.run(project.config(), data=rows(5))
    config, data = project.config(mode="update"), project.data(rows(10, plan="paid"))
    ended = syncline("run", config, "-d", data, "--json")
    assert (ended.code, ended.document["counts"]["delivered"]) == (0, 10)
    assert people(local) == held(rows(5, plan="paid"))
    (caveat,) = ended.document["caveats"]
    assert "then writes nothing" in caveat
    assert f"note: {caveat}" in syncline("run", config, "-d", data, "--full").stdout


# --- the verbs that look back --------------------------------------------------------------------------------------

OUTCOMES = {"delivered", "unchanged", "folded", "invalid", "rejected", "deferred", "unknown"}
RUN_KEYS = {"run", "status", "read", "counts", "deletes", "requests", "bytes", "seconds", "problems", "stopped"}


def test_the_shapes_of_run_runs_and_report(project: Project, local: Local, syncline: Syncline) -> None:
    config = project.config()
    assert syncline("runs", config, "--json").document == {"runs": []}
    assert syncline("report", config).code == 2
    data = project.data([*rows(150), *[{"id": None, "name": f"{at}"} for at in range(120)]])
    began = time.time()
    first = syncline("run", config, "-d", data, "--json")
    second = syncline("run", config, "-d", data, "--json")
    assert (first.code, second.code) == (1, 1)
    for document in (first.document, second.document):
        assert document.keys() >= RUN_KEYS
        assert document["counts"].keys() == document["deletes"].keys() == OUTCOMES
        assert sum(document["counts"].values()) == document["read"] == 270
        assert len(document["problems"]) == 100
        assert document["problems"][0].keys() >= {"file", "row", "key", "field", "outcome", "reason"}

    told = syncline("runs", config, "--json").document["runs"]
    assert [run["run"] for run in told] == [1, 2]
    assert [run["counts"] for run in told] == [first.document["counts"], second.document["counts"]]
    assert began - 1 < told[0]["started"] <= told[1]["started"] <= time.time()
    assert [line.split("  ")[1][:15] for line in syncline("runs", config).stdout.splitlines()] == [
        "run 1 finished:",
        "run 2 finished:",
    ]
    assert syncline("report", config, "--run", "1", "--json").document["counts"] == first.document["counts"]
    assert syncline("report", config).stdout.count("\n    invalid   ") == 120
    unknown = syncline("report", config, "--run", "3")
    assert unknown.code == 2
    assert "its runs are 1 to 2" in unknown.stderr


def test_looking_back_changes_nothing(project: Project, local: Local, syncline: Syncline) -> None:
    config = project.config()
    library.run(config, data=rows(5))
    before = snapshot(project.folder)
    assert syncline("runs", config).code == 0
    assert syncline("report", config).code == 0
    assert snapshot(project.folder) == before


def test_a_reader_that_leaves_does_not_change_how_the_run_ended(
    project: Project, local: Local, syncline: Syncline
) -> None:
    config, data = project.config(), project.data([*rows(5), {"id": ""}])
    process = syncline.start("run", config, "-d", data)
    assert process.stdout is not None
    process.stdout.close()
    process.wait(DEADLINE_S)
    assert process.stderr is not None
    with process.stderr:
        assert (process.returncode, process.stderr.read()) == (1, "")
    assert people(local) == held(rows(5))


# --- the ledger ----------------------------------------------------------------------------------------------------


def test_another_account_has_another_ledger(project: Project, local: Local, emulate: Emulate) -> None:
    other, data = emulate(), rows(12)
    library.run(project.config(), data=data)
    there = project.config(destination={"baseUrl": other.url})
    assert counts(library.run(there, data=data)) == {"delivered": 12}
    assert len(project.ledgers) == 2
    assert people(local) == people(other) == held(data)
    for config in (there, project.config()):
        assert counts(library.run(config, data=data)) == {"unchanged": 12}
    assert (local.app.log.total, other.app.log.total) == (2, 2)


def test_a_rotated_key_keeps_its_ledger_and_a_labelled_workspace_keeps_it_for_a_new_site_id(
    project: Project, local: Local
) -> None:
    data = rows(3)
    library.run(project.config(destination={"workspace": "prod"}), data=data)
    local.app.workspace.credentials = Credentials("site-2", "key-2")
    rotated = project.config(siteId="site-2", apiKey="key-2", destination={"workspace": "prod"})
    assert counts(library.run(rotated, data=data)) == {"unchanged": 3}
    assert len(project.ledgers) == 1


def test_the_ledger_is_private_and_kept_out_of_repositories(project: Project, local: Local) -> None:
    previous = os.umask(0)
    try:
        modes: dict[str, int] = {}
        config = project.config()
        local.at_request(1, lambda: modes.update({name: mode for name, (mode, _) in snapshot(project.folder).items()}))
        library.run(config, data=rows(3))
    finally:
        os.umask(previous)
    state = {name: mode for name, mode in modes.items() if name.startswith(".syncline")}
    endings = {Path(name).suffix for name in state}
    assert {".db", ".lock", ".db-wal", ".db-shm"} <= endings
    for name, mode in state.items():
        if name != ".syncline/.gitignore":
            assert stat.S_IMODE(mode) == (0o700 if stat.S_ISDIR(mode) else 0o600), name
    assert (project.folder / ".syncline" / ".gitignore").read_text(encoding="utf-8") == "*\n"


def _foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE notes (text)")
        db.commit()


def _newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _symlink(path: Path) -> None:
    path.rename(path.with_suffix(".real"))
    path.symlink_to(path.with_suffix(".real"))


def _dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_suffix(".nowhere"))


def _of_another_account(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE meta SET value = 'another' WHERE name = 'account'")
        db.commit()


DAMAGE = {
    "empty": lambda path: os.truncate(path, 0),
    "half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "one page": lambda path: os.truncate(path, 4096),
    "text": lambda path: path.write_text("not a database, but long enough to be taken for one " * 100),
    "overwritten pages": lambda path: path.write_bytes(path.read_bytes()[:4096] + bytes(range(256)) * 200),
    "foreign": _foreign,
    "newer": _newer,
    "another account's": _of_another_account,
    "a directory": _directory,
    "a symlink": _symlink,
    "a dangling symlink": _dangling,
}


@pytest.mark.promise("S7")
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_ledger_that_cannot_be_used_is_refused_with_a_way_out_and_left_alone(
    project: Project, local: Local, damage: str
) -> None:
    config, data = project.config(), rows(400)
    library.run(config, data=data)
    ledger = project.ledger
    DAMAGE[damage](ledger)
    before, requests = snapshot(project.folder), local.app.log.total
    with pytest.raises(LedgerRefused, match=r"[Mm]ove it away|use the Syncline that wrote it"):
        library.run(config, data=data)
    assert (snapshot(project.folder), local.app.log.total) == (before, requests)
    if "symlink" not in damage:
        with pytest.raises(LedgerRefused):
            library.preview(config, data=data)
        assert snapshot(project.folder) == before

    ledger.rename(ledger.with_name("away"))  # the way out
    assert counts(library.run(config, data=data)) == {"delivered": 400}


def test_the_way_out_works_when_the_damaged_ledger_leaves_its_journal_behind(project: Project, local: Local) -> None:
    """Moved away alone, without its -wal: what is in there must not be played into the ledger that takes its place."""
    config, wal = project.config(), Path()
    library.run(config, data=rows(50))
    wal = project.ledger.with_name(project.ledger.name + "-wal")
    local.at_request(1, lambda: _keep(wal, project.folder / "kept"))
    library.run(config, data=rows(50, plan="paid"))
    project.ledger.unlink()
    assert (project.folder / "kept").stat().st_size > 0
    (project.folder / "kept").rename(wal)
    report = library.run(config, data=rows(50))
    assert (report.run, counts(report)) == (1, {"delivered": 50})
    assert counts(library.run(config, data=rows(50))) == {"unchanged": 50}


def _keep(file: Path, place: Path) -> None:
    shutil.copyfile(file, place)


@pytest.mark.parametrize("place", ["state", "sync", "lock"])
def test_a_ledger_that_has_no_place_is_refused(project: Project, local: Local, syncline: Syncline, place: str) -> None:
    config, data = project.config(), project.data(rows(3))
    if place == "lock":
        library.run(config, data=data)
        lock = project.ledger.with_suffix(".lock")
        lock.unlink()
        lock.mkdir()
    else:
        path = project.folder / ".syncline" if place == "state" else project.folder / ".syncline" / "configuration"
        path.parent.mkdir(exist_ok=True)
        path.write_text("a file where a folder should be", encoding="utf-8")
    requests = local.app.log.total
    ended = syncline("run", config, "-d", data, "--json")
    assert (ended.code, ended.document["status"]) == (2, "refused")
    assert local.app.log.total == requests


@pytest.mark.promise("C3")
def test_a_second_run_at_once_is_turned_away(project: Project, emulate: Emulate, syncline: Syncline) -> None:
    local = emulate(latency_s=2.0)
    arrived = threading.Event()
    local.at_request(1, arrived.set)
    config, data = project.config(destination={"baseUrl": local.url}), project.data(rows(10))
    first = syncline.start("run", config, "-d", data)
    try:
        assert arrived.wait(DEADLINE_S)
        began = time.monotonic()
        with pytest.raises(Locked, match=rf"process {first.pid} on {re.escape(socket.gethostname())}, since 20"):
            library.run(config, data=data)
        assert time.monotonic() - began < 1.0
        second = syncline("run", config, "-d", data, "--json")
        assert (second.code, second.document["status"]) == (75, "refused")
        assert f"process {first.pid} on" in second.stderr
        assert local.app.log.total == 1
        running = syncline("runs", config, "--json")
        assert [run["status"] for run in running.document["runs"]] == ["running"]
    finally:
        stdout, _ = first.communicate(timeout=DEADLINE_S)
    assert first.returncode == 0, stdout
    assert counts(library.run(config, data=data)) == {"unchanged": 10}


# --- what arrives, and what is told --------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", ["batch", "identify"])
def test_numbers_arrive_digit_for_digit(project: Project, local: Local, endpoint: str) -> None:
    numbers = ["18446744073709551616", "0.1000000000000000055", "-0.0", "1e400", "9007199254740993", "1.10"]
    members = ",".join(f'"n{at}":{text}' for at, text in enumerate(numbers))
    data = project.data(f'[{{"id":18446744073709551617,{members},"deep":{{"b":[0.30000000000000004440],"a":1E5}}}}]')
    names = [*(f"n{at}" for at in range(len(numbers))), "deep"]
    report = library.run(project.config(*names, destination={"api": endpoint}), data=data)
    assert counts(report) == {"delivered": 1}
    (person,) = local.app.workspace.people.values()
    assert person.id == "18446744073709551617"
    given = {name: bytes(raw).decode() for name, raw in person.given().items()}
    assert [given[f"n{at}"] for at in range(len(numbers))] == numbers
    assert given["deep"] == '{"a":1E5,"b":[0.30000000000000004440]}'


def test_secrets_are_told_to_the_api_alone(project: Project, local: Local, syncline: Syncline) -> None:
    site, key = "canary-site-41bb", "canary-key-97ce"
    secrets = [site, key, base64.b64encode(f"{site}:{key}".encode()).decode()]
    local.app.workspace.credentials = Credentials(site, key)
    config, data = project.config(siteId=site, apiKey=key), project.data([*rows(30), {"id": False}])
    told: list[Ended] = [syncline("run", config, "-d", data, "--dry-run"), syncline("run", config, "-d", data)]
    local.app.workspace.credentials = Credentials(site, "rotated")
    told += [syncline("run", config, "-d", data, "--full", "--json")]
    assert told[-1].code == 3
    local.app.workspace.credentials = Credentials(site, key)
    local.app.script(400, f"refused: {secrets[2]}".encode())
    told += [syncline("run", config, "--resume"), syncline("runs", config, "--json"), syncline("report", config)]
    nonsense = project.config(siteId=site, apiKey=key, paralelism=3, file="nonsense.json")
    told += [syncline("run", nonsense, "-d", data)]
    for ended in told:
        for secret in secrets:
            assert secret not in ended.stdout + ended.stderr
    files = [path for path in project.folder.rglob("*") if path.is_file() and path not in (config, nonsense)]
    assert len(files) >= 3
    for path in files:
        content = path.read_bytes()
        for secret in secrets:
            assert secret.encode() not in content, path


def test_the_private_copy_of_a_dry_run_has_no_name(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds people's data: whatever ends the process, nothing of it may stay behind."""
    folder = project.folder / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    config = project.config()
    library.run(config, data=rows(3))
    with Job.load(config, None).scratch_ledger() as copy:
        assert copy.execute("SELECT count(*) FROM belief").fetchone() == (3,)
        copy.execute("DELETE FROM belief")
        assert [*folder.iterdir()] == []
    assert library.preview(config, data=rows(3)).counts["unchanged"] == 3


# --- addresses that change --------------------------------------------------------------------------------------------


def test_who_has_another_address_than_before_is_warned_of(project: Project) -> None:
    """Customer.io answers 200, and may keep the address it has: nothing that it says tells."""
    config = project.config("name", "email")
    ada: dict[str, object] = {"id": 1, "name": "A", "email": "Ada@Old.example"}
    bob: dict[str, object] = {"id": 2}
    assert not library.run(config, data=[ada, bob]).warnings
    renamed = [ada | {"name": "Ada", "email": "ada@old.example"}, bob | {"email": "bob@new.example"}]
    assert not library.run(config, data=renamed).warnings, "the same to Customer.io; and one who had none"
    [warning] = library.run(config, data=[ada | {"email": "ada@new.example"}, bob]).warnings
    assert warning.startswith("1 of those to send have another e-mail address than the destination was told before")
    found = project.config("name", "email", destination={"identifier": "cio_id"}, file="cio.json")
    library.run(found, data=[ada | {"id": "cio_a1"}])
    assert not library.run(found, data=[ada | {"id": "cio_a1", "email": "ada@new.example"}]).warnings
