"""`report` and `runs` read the ledger alone: they need no credentials, and change nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import syncline as library
from conftest import Ended, Local, Project, Syncline
from syncline.errors import LedgerRefused
from syncline.ledger import paths_of
from syncline.service.answers import Declined
from syncline.service.past import looking

FROM_VARIABLES: dict[str, Any] = {"siteId": "${CIO_SITE_ID}", "apiKey": "${CIO_API_KEY}"}
ROWS = [{"id": 1, "name": "Ada"}, {"id": True, "name": "Bo"}]


@pytest.fixture
def config(project: Project) -> Path:
    """A configuration whose credentials come from variables, after a run that had them."""
    return ran(project, ".env.account")


def ran(project: Project, name: str, credentials: str = "site:key") -> Path:
    file = project.folder / name
    site_id, _, key = credentials.partition(":")
    file.write_text(f"CIO_SITE_ID={site_id}\nCIO_API_KEY={key}\n", encoding="utf-8")
    file.chmod(0o600)
    path = project.config(**FROM_VARIABLES)
    library.run(path, data=ROWS, env_file=file)
    return path


@pytest.mark.parametrize("verb", ["report", "runs"])
def test_what_only_looks_needs_no_credentials(config: Path, syncline: Syncline, verb: str) -> None:
    told = syncline(verb, config)
    assert (told.code, told.stderr) == (0, "")
    assert "run 1 finished: 2 read = 1 delivered, 1 invalid" in told.stdout
    assert told == syncline(verb, config, "--env-file", ".env.account")


def test_what_only_looks_needs_no_more_of_a_configuration_than_its_name(
    config: Path, project: Project, syncline: Syncline
) -> None:
    """It was good when the run was made."""
    before = syncline("report", config)
    project.config(**FROM_VARIABLES, parallelism=-1, mapings=[])
    assert syncline("report", config) == before


def test_where_two_accounts_are_meant_what_is_missing_is_named(
    config: Path, project: Project, syncline: Syncline
) -> None:
    ran(project, ".env.other", "another:key")
    refused = syncline("report", config)
    assert refused.code == 2
    assert "CIO_SITE_ID" in refused.stderr
    assert "error: 2 ledgers of this sync are in " in refused.stderr
    assert syncline("report", config, "--env-file", ".env.other").code == 0


def test_where_there_is_no_ledger_there_are_no_runs(project: Project, syncline: Syncline) -> None:
    path = project.config(**FROM_VARIABLES)
    assert syncline("runs", path) == Ended(0, "no runs yet\n", "")
    assert syncline("report", path).stderr == "error: there is no run of this sync; it has no runs yet\n"


@pytest.mark.parametrize(
    "words",
    [
        ["runs"],
        ["report"],
        ["run", "--dry-run"],
        ["run"],
        ["run", "--resume"],
        ["run", "--require-state"],
        ["run", "--require-state", "--dry-run"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("keys", [{}, FROM_VARIABLES])
def test_where_nobody_can_tell_whether_there_is_a_ledger_nobody_is_told_that_there_is_none(
    project: Project, local: Local, syncline: Syncline, words: list[str], keys: dict[str, Any]
) -> None:
    """A name that is too long stands for every folder that cannot be looked into."""
    data = ["-d", project.data(ROWS).name] if words[0] == "run" and "--resume" not in words else []
    refused = syncline(*words, project.config(**keys), *data, "--state-dir", "x" * 300, "--json")
    assert (refused.code, refused.document["status"], local.app.log.total) == (2, "refused", 0)
    assert "File name too long" in refused.stderr or (words[0], keys) == ("run", FROM_VARIABLES)
    assert "no run" not in refused.stderr


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    (tmp_path / "closed").mkdir(mode=0)
    return tmp_path / "closed"


def test_a_folder_that_may_not_be_entered_is_refused(closed: Path, as_nobody: None) -> None:
    config = {"name": "people", "userId": "id", "pick": "all", "destination": {"siteId": "site", "apiKey": "key"}}
    for call in (library.run, library.preview):
        with pytest.raises(LedgerRefused, match="Permission denied"):
            call(config, ROWS, state_dir=closed / "state")
    with pytest.raises(LedgerRefused, match="Permission denied"):
        paths_of(closed / "state", "people", "customerio")


def test_the_service_asks_to_come_back_where_nobody_can_tell(tmp_path: Path) -> None:
    with pytest.raises(Declined) as no, looking(tmp_path / ("x" * 300)):
        raise AssertionError("it cannot be looked at")
    assert no.value.answer.status == 503
    with looking(tmp_path / "nothing.db") as db:
        assert db is None


@pytest.mark.parametrize(
    "text", ["", "[]", '{"name": "../elsewhere"}', '{"name": 3}', "{", '{"name": "${NOBODY_SET_IT}"}']
)
def test_a_configuration_that_names_no_sync_is_refused(project: Project, syncline: Syncline, text: str) -> None:
    path = project.data(text, "configuration.json")
    refused = syncline("runs", path)
    assert (refused.code, refused.stdout) == (2, "")
    assert "error: " in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_summary_of_a_run_names_the_command_that_tells_the_rest(project: Project, syncline: Syncline) -> None:
    path = project.config(file="my users.json", name="users")
    data = project.data([{"id": True}, {"id": False}])
    ended = syncline("run", path.name, "-d", data.name, "--state-dir", "state")
    command = "syncline report 'my users.json' --state-dir state --run 1"
    assert ended.stdout.endswith(f"  each of them: {command}\n")
    told = syncline("report", path.name, "--state-dir", "state", "--run", "1")
    why = "id: a boolean is not an identifier; expected text or a whole number"
    kind, *each = told.stdout.splitlines()[1:]
    assert kind == f"  invalid   2 rows  {why} (identifier-unfit)"
    assert [line.split(" (line")[0] for line in each] == [f"    invalid   data.json row {row}" for row in (1, 2)]
    assert all(line.endswith(why) for line in each)
