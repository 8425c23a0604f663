"""The corpus of bad input through the real command line: the exit code, the requests, the words, and who arrives.

What is refused costs no request; what is wrong with a row costs that row alone; what arrives is what the file says.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from conftest import Local, Project, people
from corpus.command import typed
from corpus.configurations import ACCEPTED, REFUSED, WARNED, Accepted, Refused, write
from corpus.files import FILES, File
from corpus.values import CELLS, IDS, KEPT, NUMBERS, SPELLED
from syncline.config import load
from syncline.emulators.customerio import Workspace
from syncline.emulators.server import Emulator
from syncline.emulators.voucherify import Voucherify
from syncline.emulators.voucherify.fields import members


@pytest.fixture(scope="module")
def nobody(undertaker: ThreadPoolExecutor) -> Iterator[Local]:
    """A vendor that is never asked for anything."""
    local = Local(Workspace(lambda: 0.0), "").start()
    yield local
    undertaker.submit(local.stop)


def shown(*words: str) -> str:
    return " ".join(words)[:50].encode("ascii", "backslashreplace").decode()


# --- configurations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: shown(case.code, case.found))
def test_a_bad_configuration_is_refused_in_words_and_sends_nothing(
    case: Refused, tmp_path: Path, nobody: Local
) -> None:
    (tmp_path / ".env").write_text("EMPTY=\n")
    (tmp_path / "data.json").write_text('[{"id":1,"email":"ada@x.org"}]')
    file = write(tmp_path, case.written, nobody.url, case.file)
    ended = typed("run", file, "-d", tmp_path / "data.json", "--json")
    assert (ended.code, ended.document["status"], nobody.app.log.total) == (2, "refused", 0)
    assert not (tmp_path / ".syncline").exists()
    problems = ended.document["problems"]
    problem = next((one for one in problems if case.found in one["found"]), problems[0])
    assert problem["file"] == str(file)
    for part, words in (("found", case.found), ("expected", case.expected), ("fix", case.fix)):
        assert words in problem[part]
        assert problem[part]
        assert problem[part] in ended.stderr
    if isinstance(case.written, dict):
        assert (len(problems), problem["line"]) == (1, 1)


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case.code)
def test_its_good_neighbour_sends_exactly_what_it_says(case: Accepted, tmp_path: Path, local: Local) -> None:
    data = tmp_path / "data.json"
    data.write_text(f"[{case.rows}]")
    ended = typed("run", write(tmp_path, case.written, local.url), "-d", data, "--json")
    assert (ended.code, people(local)) == (0, case.held)
    assert [case.told in warning for warning in ended.document["warnings"]] == [True] * bool(case.told)


@pytest.mark.parametrize(("written", "mode", "words"), [pytest.param(*row[1:], id=row[0]) for row in WARNED])
def test_what_is_allowed_and_unwise_is_a_warning(
    tmp_path: Path, written: dict[str, object], mode: int, words: str
) -> None:
    file = write(tmp_path, written, "")
    file.chmod(mode)
    (warning,) = load(file, environment={}).warnings
    assert words in warning


@pytest.mark.parametrize("place", ["the data file", "a link to nowhere", "where nobody may write"])
def test_a_ledger_that_has_no_place_is_refused_and_nothing_is_sent(project: Project, nobody: Local, place: str) -> None:
    data, link = project.data([{"id": 1}]), project.folder / "link"
    link.symlink_to(project.folder / "nowhere" / "at all")
    state = {"the data file": data, "a link to nowhere": link, "where nobody may write": Path("/dev/null/state")}[place]
    ended = typed("run", project.config(destination={"baseUrl": nobody.url}), "-d", data, "--state-dir", state)
    assert (ended.code, nobody.app.log.total) == (2, 0)
    assert f"the ledger cannot be kept in {state}: " in ended.stderr
    assert "make it writable or name another place" in ended.stderr


# --- data files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", FILES, ids=lambda case: shown(case.code, case.name, *case.says[-1:]))
def test_a_file_is_read_as_it_is_or_told_why_not(case: File, project: Project, local: Local) -> None:
    config = project.config("a", **{"name": "sync", **case.settings})
    file = project.folder / "in" / case.name
    file.parent.mkdir()
    file.write_bytes(case.data) if isinstance(case.data, bytes) else case.data(file)
    told = typed("run", config, "-d", file, *case.words)
    assert told.code == case.exit
    assert [words for words in case.says if words not in told.stdout + told.stderr] == []
    assert (sorted(people(local)), bool(local.app.log.total)) == (sorted(case.arrived), bool(case.arrived))
    if case.exit == 2:
        assert (told.stdout, project.ledgers) == ("", [])
        return
    again = typed("run", config, "-d", file, *case.words, "--json").document
    before = case.counts.get("delivered", 0)
    counts = {**case.counts, "unchanged": before, "delivered": 0}
    assert {name: count for name, count in again["counts"].items() if count} == {k: n for k, n in counts.items() if n}
    assert again["requests"] == 0


def test_damage_that_shows_behind_planned_rows_leaves_the_ledger_as_it_was(project: Project, local: Local) -> None:
    config, rows = project.config("a", name="sync"), lines(20_000)
    sound, data = gzip.compress(rows), project.folder / "d.ndjson.gz"
    data.write_bytes(gzip.compress(lines(3)))
    assert typed("run", config, "-d", data).code == 0
    before, sent = dumped(project.ledger), local.app.log.total
    data.write_bytes(gzip.compress(rows.replace(b'"x7"', b'"x8"'))[:-8] + sound[-8:])
    for words in ([], ["--full"], ["--dry-run"]):
        ended = typed("run", config, "-d", data, *words)
        assert (ended.code, ended.stdout) == (2, "")
        assert "d.ndjson.gz: found gzip data that is damaged (incorrect data check); expected gzip data" in ended.stderr
    assert (dumped(project.ledger), local.app.log.total) == (before, sent)
    data.write_bytes(sound)
    assert typed("run", config, "-d", data, "--json").document["counts"]["unchanged"] == 3


def lines(count: int) -> bytes:
    return b"".join(b'{"id":%d,"a":"x%d"}\n' % (number, number) for number in range(1, count + 1))


def dumped(ledger: Path) -> list[str]:
    with closing(sqlite3.connect(ledger)) as db:
        return list(db.iterdump())


# --- what arrives -----------------------------------------------------------------------------------------------------


def given(local: Local) -> dict[str, str]:
    """id → the JSON text of `a`, as it arrived."""
    held = local.app.workspace.people.values()
    return {person.id or "": bytes(person.given()["a"]).decode() for person in held}


DOCUMENTS: dict[str, Callable[[Sequence[str]], str]] = {
    "d.json": lambda rows: f"[{','.join(rows)}]",
    "d.ndjson": "\n".join,
}


@pytest.mark.parametrize("api", ["batch", "identify"])
@pytest.mark.parametrize("file", DOCUMENTS)
def test_a_value_arrives_as_it_is_written(project: Project, local: Local, file: str, api: str) -> None:
    values = {**dict(zip(KEPT, KEPT, strict=True)), **SPELLED}
    rows = [f'{{"id":"v{number}","a":{text}}}' for number, text in enumerate(values)]
    ended = typed("run", project.config("a", destination={"api": api}), "-d", project.data(DOCUMENTS[file](rows), file))
    assert ended.code == 0
    assert given(local) == {f"v{number}": text for number, text in enumerate(values.values())}


def test_a_value_arrives_at_voucherify_as_it_is_written(project: Project, undertaker: ThreadPoolExecutor) -> None:
    values = {**dict(zip(KEPT, KEPT, strict=True)), **SPELLED}
    rows = [f'{{"id":"v{number}","a":{text}}}' for number, text in enumerate(values)]
    vendor = Emulator(Voucherify()).start()
    config = project.write(
        {
            "userId": "id",
            "destination": {"type": "voucherify", "applicationId": "app", "secretKey": "secret", "baseUrl": vendor.url},
            "mappings": [{"from": "a", "to": "metadata.a"}],
        }
    )
    ended = typed("run", config, "-d", project.data(f"[{','.join(rows)}]"))
    held = {one.source_id: bytes(members(one.held()["metadata"])["a"]) for one in vendor.app.project.customers.values()}
    undertaker.submit(vendor.stop)
    assert ended.code == 0
    assert held == {f"v{number}": text.encode() for number, text in enumerate(values.values())}


def test_a_cell_arrives_as_text(project: Project, local: Local) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(
        [["id", "a"], *([f"v{at}", cell] for at, cell in enumerate(CELLS))]
    )
    assert typed("run", project.config("a"), "-d", project.data(out.getvalue(), "d.csv")).code == 0
    assert {one: json.loads(text) for one, text in given(local).items()} == {f"v{n}": c for n, c in enumerate(CELLS)}


@pytest.mark.parametrize("key", ["constant", "default"])
def test_a_number_of_a_configuration_arrives_as_the_same_number(project: Project, local: Local, key: str) -> None:
    for number, text in enumerate(NUMBERS):
        source = {"from": "b"} if key == "default" else {}
        config = project.config(mappings=[{**source, "to": "a", key: "%"}])
        config.write_text(config.read_text().replace('"%"', text))
        assert typed("run", config, "-d", project.data([{"id": f"v{number}"}])).code == 0
    assert given(local) == {f"v{number}": text for number, text in enumerate(NUMBERS.values())}


@pytest.mark.parametrize("api", ["batch", "identify"])
def test_an_identifier_names_exactly_that_person_or_its_row_is_invalid(
    project: Project, local: Local, api: str
) -> None:
    rows = [f'{{"id":{written},"a":{number}}}' for number, (written, *_) in enumerate(IDS)]
    ended = typed(
        "run", project.config("a", destination={"api": api}), "-d", project.data(f"[{','.join(rows)}]"), "--json"
    )
    expected = {ids[api == "identify"]: str(number) for number, (_, *ids) in enumerate(IDS)}
    expected.pop(None)
    assert (ended.code, given(local)) == (1, expected)
    assert ended.document["counts"]["invalid"] == len(IDS) - len(expected)
    assert all(problem["reason"] and problem["rule"] for problem in ended.document["problems"])
