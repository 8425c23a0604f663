"""What a run says of itself: the sum is checked, a report does not change, and what is refused leaves no trace."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import syncline as library
from conftest import Emulate, Project, Row, Syncline, people
from syncline.cli.ends import ended
from syncline.emulators.customerio import Credentials
from syncline.flow.report import Report
from syncline.model import Outcome

ONCE = {"warnings", "caveats", "notes"}  # told by the run itself, and not kept


def rows(count: int, plan: str = "free") -> list[Row]:
    return [{"id": at, "name": f"Ada {at}", "plan": plan} for at in range(1, count + 1)]


@pytest.mark.promise("A1")
def test_a_sum_that_is_wrong_is_a_bug_and_is_told_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    counts = dict.fromkeys(Outcome, 1)
    assert ended(Report(1, "finished", 7, counts, 1, 1, 1.0, []).check) == 0
    assert ended(Report(1, "finished", 8, counts, 1, 1, 1.0, []).check) == 70
    assert "read 8 rows and ended 7" in capsys.readouterr().err


@pytest.mark.promise("A3", "A4")
def test_a_report_made_again_is_the_same_to_the_byte_in_every_form(
    project: Project, emulate: Emulate, syncline: Syncline
) -> None:
    """Six of the seven outcomes: the API refuses one of each second batch, and the key is revoked in the middle."""
    local = emulate()
    config = project.config(parallelism=1, destination={"baseUrl": local.url, "batchItems": 10})
    library.run(config, rows(10))
    local.turn("partial:every=2")
    local.at_request(5, lambda: setattr(local.app.workspace, "credentials", Credentials(api_key="another")))
    data = project.data([*rows(60), {"id": 60, "name": "last"}, {"id": None}])
    ran = syncline("run", config, "-d", data, "--json")
    counts = ran.document["counts"]
    assert all(counts[name] for name in ("delivered", "unchanged", "folded", "invalid", "rejected", "deferred")), counts
    assert (ran.code, sum(counts.values())) == (3, 62)

    told = [syncline("report", config, "--json") for _ in range(2)]
    assert told[0].stdout == told[1].stdout
    assert _kept(told[0].document) == _kept(ran.document)
    lines = [syncline("report", config, "--jsonl", "-").stdout for _ in range(2)]
    assert lines[0] == lines[1]
    assert len(lines[0].splitlines()) == counts["invalid"] + counts["rejected"] + counts["deferred"]
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    assert f"62 read = {said} (" in syncline("report", config).stdout
    assert json.loads(syncline("runs", config, "--json").stdout)["runs"][-1]["counts"] == counts


def _kept(document: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in document.items() if name not in ONCE}


def digests(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


Wrong = Callable[[Project], list[str | Path]]
WRONG: Mapping[str, Wrong] = {
    "a key that is no setting": lambda at: ["run", at.config(paralellism=3, file="wrong.json"), "-d", at.data(rows(9))],
    "a variable that is not set": lambda at: [
        "run",
        at.config(destination={"apiKey": "${NOWHERE_SET}"}, file="wrong.json"),
        "-d",
        at.data(rows(9)),
    ],
    "no data": lambda at: ["run", at.config(), "-d", at.folder / "nowhere.json"],
    "empty data": lambda at: ["run", at.config(), "-d", at.data("")],
    "data cut before its first row": lambda at: ["run", at.config(), "-d", at.data('[{"id": 1, "na')],
    "a list of no rows": lambda at: ["run", at.config(), "-d", at.data('{"count": 0}')],
    "an identifier that no row has": lambda at: [
        "run",
        at.config(name="configuration", userId="uid", file="wrong.json"),
        "-d",
        at.data(rows(9)),
    ],
    "options that contradict each other": lambda at: ["run", at.config(), "-d", at.data(rows(9)), "--resume"],
    "nothing to look back on": lambda at: ["report", at.config(), "--run", "9"],
}


@pytest.mark.promise("A5")
@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_before_anything_is_sent_changes_nothing(
    project: Project, emulate: Emulate, syncline: Syncline, wrong: str
) -> None:
    local = emulate()
    project.url = local.url
    library.run(project.config(), rows(5))
    words = WRONG[wrong](project)
    before, requests, held = digests(project.folder), local.app.log.total, people(local)
    assert syncline(*words).code == 2
    assert (digests(project.folder), local.app.log.total, people(local)) == (before, requests, held)
