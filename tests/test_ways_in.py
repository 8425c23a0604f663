"""The ancestors' configurations and data, through every way in and both endpoints, to a local Customer.io."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import syncline as library
from conftest import BATCH, DEADLINE_S, IDENTIFY, Emulate, Local, Project, Syncline, people, writes
from syncline import Report
from syncline.cli.demos.customerio import people as look_alikes
from syncline.model import Outcome

ENDPOINTS = ("batch", "identify")


class Ancestor(NamedTuple):
    """A configuration as its users have it, its rows, the people they make, and what it is warned of."""

    config: Mapping[str, object]
    rows: Sequence[Mapping[str, object]]
    people: Mapping[str, Mapping[str, object]]
    warnings: Sequence[str] = ()


def _same(*names: str) -> list[dict[str, str]]:
    return [{"from": name, "to": name} for name in names]


def _ada(number: int) -> dict[str, object]:
    return {
        "first_name": f"Ada {number}",
        "email": f"ada.{number}@example.com",
        "created_at": "2017-03-01T12:15:07.000123",
    }


GO = Ancestor(
    {"parallelism": 25, "userId": "id", "site_id": "site", "api_key": "key"}
    | {"mappings": _same("first_name", "email", "id", "created_at")},
    [{"id": number, "last_name": "not mapped", "hirable": True} | _ada(number) for number in range(7258, 7290)],
    {str(number): _ada(number) for number in range(7258, 7290)},
    ["created_at: 32 rows held text where unix seconds are expected: add `as: timestamp` (the first: data row 1)"],
)
NODE = Ancestor(
    {"parallelism": 25, "userId": "id", "siteId": "site", "apiKey": "key"}
    | {"mappings": [{"from": "computed_ltv", "to": "ltv"}, {"from": "name", "to": "name"}]},
    [
        {"id": number, "email": f"{number}@example.com", "created_at": 1361205308, "first_name": "A", "last_name": "B"}
        | {"plan": "premium"}
        for number in (1, 2, 3)
    ],
    {"1": {}, "2": {}, "3": {}},
    [f"no row has the field {name!r}, which is mapped" for name in ("computed_ltv", "name")],
)
PYTHON = Ancestor(
    {"site-id": "site", "api-key": "key", "parallelism": 4, "userId": "user_id_field_name"}
    | {"mappings": [{"from": "name", "to": "full_name"}, {"from": "revenue", "to": "ltv"}]},
    [
        {"user_id_field_name": "123", "name": "John Doe", "revenue": 100},
        {"user_id_field_name": "124", "name": "Jane Doe", "revenue": 0.25},
    ],
    {"123": {"full_name": "John Doe", "ltv": 100}, "124": {"full_name": "Jane Doe", "ltv": 0.25}},
)
NESTED = Ancestor(
    {"parallelism": 25, "userId": "id", "credential": {"siteId": "site", "apiKey": "key"}, "mappings": _same("plan")},
    NODE.rows,
    {key: {"plan": "premium"} for key in ("1", "2", "3")},
)
ANCESTORS = {"go": GO, "node": NODE, "python": PYTHON, "credential": NESTED}


class Way(NamedTuple):
    """A command line: what follows the name of the program, and whether that is the script or `python -m`."""

    words: Callable[[Path, Path], Sequence[str | Path]]
    script: bool = True


PROCESSES = {
    "-config C -data D": Way(lambda config, data: ["-config", config, "-data", data]),
    "-config=C -data=D": Way(lambda config, data: [f"-config={config}", f"-data={data}"]),
    "--config C --data D": Way(lambda config, data: ["--config", config, "--data", data]),
    "-c C -d D": Way(lambda config, data: ["-c", config, "-d", data]),
    "-data D -config C": Way(lambda config, data: ["-data", data, "-config", config]),
    "python -m syncline -c C -d D": Way(lambda config, data: ["-c", config, "-d", data], script=False),
    "run C --data D": Way(lambda config, data: ["run", config, "--data", data]),
}


def _by_paths(config: Path, data: Path) -> Report:
    return library.run(config, data=data)


def _by_objects(config: Path, data: Path) -> Report:
    settings = json.loads(config.read_text(encoding="utf-8")) | {"name": config.stem}
    rows = json.loads(data.read_text(encoding="utf-8"))
    return library.run(settings, data=iter(rows), state_dir=config.parent / ".syncline")


def _in_a_loop(config: Path, data: Path) -> Report:
    async def main() -> Report:
        return library.run(str(config), data=str(data))

    return asyncio.run(main())


def _in_a_thread(config: Path, data: Path) -> Report:
    reports: list[Report] = []
    thread = threading.Thread(target=lambda: reports.append(_by_objects(config, data)))
    thread.start()
    thread.join()
    return reports[0]


CALLS = {"paths": _by_paths, "objects": _by_objects, "inside a loop": _in_a_loop, "off the main thread": _in_a_thread}


def _files(project: Project, ancestor: Ancestor, endpoint: str) -> tuple[Path, Path]:
    config = project.write({**ancestor.config, "destination": {"baseUrl": project.url, "api": endpoint}})
    return config, project.data(ancestor.rows)


def _check(document: Mapping[str, Any], ancestor: Ancestor, local: Local, endpoint: str) -> None:
    """The report and the people say the same, and every write went to the endpoint that was asked for."""
    count = len(ancestor.rows)
    assert (document["status"], document["read"], document["counts"]["delivered"]) == ("finished", count, count)
    assert [re.sub(r"\S*data(\.json)? row", "data row", line) for line in document["warnings"]] == [*ancestor.warnings]
    assert people(local) == ancestor.people
    used, other = (BATCH, IDENTIFY) if endpoint == "batch" else (IDENTIFY, BATCH)
    assert local.app.log.arrivals[used] == document["requests"] == local.app.log.total
    assert local.app.log.arrivals[other] == 0
    assert local.app.workspace.writes == count


@pytest.mark.parametrize("way", PROCESSES)
@pytest.mark.parametrize("name", ANCESTORS)
def test_an_ancestors_files_sync_from_the_command_line(tmp_path: Path, emulate: Emulate, name: str, way: str) -> None:
    """Both endpoints at once, each with a Customer.io and a folder of its own."""
    ancestor, words = ANCESTORS[name], PROCESSES[way]
    started = []
    for endpoint in ENDPOINTS:
        folder, local = tmp_path / endpoint, emulate()
        folder.mkdir()
        config, data = _files(Project(folder, local.url), ancestor, endpoint)
        process = Syncline(folder).start(*words.words(config, data), "--json", script=words.script)
        started.append((endpoint, local, config, data, process))
    for endpoint, local, config, data, process in started:
        stdout, stderr = process.communicate(timeout=DEADLINE_S)
        assert (process.returncode, stderr) == (0, "")
        _check(json.loads(stdout), ancestor, local, endpoint)

        again = library.run(config, data=data)
        assert (again.exit_code, again.requests, local.app.workspace.writes) == (0, 0, len(ancestor.rows))


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("way", CALLS)
@pytest.mark.parametrize("name", ANCESTORS)
def test_an_ancestors_files_sync_from_python(
    project: Project, local: Local, name: str, way: str, endpoint: str
) -> None:
    ancestor = ANCESTORS[name]
    config, data = _files(project, ancestor, endpoint)
    report = CALLS[way](config, data)
    assert report.exit_code == 0
    _check(report.as_json(), ancestor, local, endpoint)

    before = local.app.log.total
    again = CALLS[way](config, data)
    assert (again.exit_code, again.requests, local.app.log.total) == (0, 0, before)
    assert again.counts[Outcome.UNCHANGED] == again.read == len(ancestor.rows)


def test_the_nodes_fields_that_no_row_has_are_told_in_words(project: Project, local: Local, syncline: Syncline) -> None:
    config, data = _files(project, NODE, "batch")
    ended = syncline("-config", config, "-data", data)
    assert ended.code == 0
    assert "warning: no row has the field 'computed_ltv', which is mapped" in ended.stdout
    assert set(people(local)) == {"1", "2", "3"}


# --- 490 look-alikes -----------------------------------------------------------------------------------------------


def _expected(user: Mapping[str, object]) -> dict[str, object]:
    return {name: user[name] for name in ("first_name", "email", "created_at")}


@pytest.mark.parametrize(("endpoint", "requests"), [("batch", 2), ("identify", 490)])
def test_490_people_then_nothing_then_three(
    project: Project, local: Local, syncline: Syncline, endpoint: str, requests: int
) -> None:
    users = look_alikes()
    config, data = _files(project, GO._replace(rows=users), endpoint)
    first = syncline("-config", config, "-data", data, "--json", script=True)
    assert first.code == 0
    assert people(local) == {str(user["id"]): _expected(user) for user in users}
    assert len(people(local)) == 490
    assert (first.document["requests"], local.app.log.total) == (requests, requests)

    second = syncline("-config", config, "-data", data, "--json", script=True)
    assert (second.code, second.document["requests"], local.app.log.total) == (0, 0, requests)
    assert second.document["counts"]["unchanged"] == 490

    changed = [{**user, "first_name": "Renée"} if at in (0, 200, 489) else user for at, user in enumerate(users)]
    third = syncline("-config", config, "-data", project.data(changed), "--json", script=True)
    counts = third.document["counts"]
    assert (third.code, counts["delivered"], counts["unchanged"]) == (0, 3, 487)
    assert local.app.workspace.writes == 493
    assert people(local) == {str(user["id"]): _expected(user) for user in changed}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_another_data_file_under_the_same_configuration(
    project: Project, local: Local, syncline: Syncline, endpoint: str
) -> None:
    """A second file of other people, other fields and one field more: nobody of the first file is touched."""
    config, data = _files(project, GO, endpoint)
    assert syncline("-config", config, "-data", data).code == 0
    others = [{"dob": "2021-04-19", "id": f"x-{at}", "first_name": "Björn\n"} for at in range(189)] + [{"id": 7258}]
    second = syncline("-config", config, "-data", project.data(others, "second.json"), "--json")
    assert (second.code, second.document["counts"]["delivered"]) == (0, 190)
    expected = {**GO.people} | {f"x-{at}": {"first_name": "Björn\n"} for at in range(189)}
    assert people(local) == expected

    third = syncline("-config", config, "-data", data, "--json")
    assert third.code == 0
    assert third.document["counts"]["delivered"] == 1  # 7258 had another record meanwhile
    assert people(local) == expected


# --- typos ---------------------------------------------------------------------------------------------------------

TYPOS = {
    "-confg=C -data=D": (["-confg=C", "-data=D"], "-config"),
    "-confg C -data D": (["-confg", "C", "-data", "D"], "-config"),
    "--confg C --data D": (["--confg", "C", "--data", "D"], "-config"),
    "--config C --dta D": (["--config", "C", "--dta", "D"], "-data"),
    "-config C -dat D": (["-config", "C", "-dat", "D"], "-data"),
    "-c C -d D --ful": (["-c", "C", "-d", "D", "--ful"], "--full"),
    "-c C -d D -resme": (["-c", "C", "-d", "D", "-resme"], "-resume"),
    "run C --dta D": (["run", "C", "--dta", "D"], "--data"),
    "run C --data D --dryrun": (["run", "C", "--data", "D", "--dryrun"], "--dry-run"),
}


@pytest.mark.parametrize("typo", TYPOS)
def test_a_typo_in_a_flag_is_refused_with_a_suggestion(
    project: Project, local: Local, syncline: Syncline, typo: str
) -> None:
    config, data = _files(project, GO, "batch")
    words, meant = TYPOS[typo]
    ended = syncline(*(word.replace("C", str(config)).replace("D", str(data)) for word in words))
    assert ended.code == 2
    assert meant in ended.stderr.replace("\n", " ").split("No such option", 1)[1]
    assert (local.app.log.total, project.ledgers) == (0, [])


@pytest.mark.parametrize("words", [["-config"], ["-data", "data.json"], ["-config", "c.json", "-data"], ["-c="]])
def test_a_flag_without_its_file_says_how_it_is_written(
    project: Project, local: Local, syncline: Syncline, words: list[str]
) -> None:
    project.config()
    ended = syncline(*words)
    assert ended.code == 2
    assert "-config configuration.json -data data.json" in ended.stderr
    assert local.app.log.total == 0


def test_writes_counts_both_endpoints(project: Project, local: Local) -> None:
    """The oracle of the other tests, checked once."""
    for endpoint in ENDPOINTS:
        config, data = _files(project, PYTHON, endpoint)
        library.run(config, data=data, full=True)
    assert (writes(local), local.app.log.total) == (3, 3)
