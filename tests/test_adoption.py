"""Moving in from another tool, and beliefs that age: what is taken for held without being sent, and for how long."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import syncline as library
from conftest import Emulate, Local, Project, Syncline, people, writes
from syncline.emulators.customerio import Identifier
from syncline.errors import ConfigRefused, LedgerRefused
from syncline.flow.diff import Refresh
from syncline.ledger.queries import SUMS
from syncline.ledger.schema import APPLICATION_ID, SCHEMA_VERSION
from syncline.ledger.sums import teach
from syncline.model import Belief, Outcome

DAY_S = 86_400.0


def rows(count: int, **more: object) -> list[dict[str, object]]:
    return [{"id": number, "name": f"name {number}", "plan": "basic", **more} for number in range(1, count + 1)]


def in_ledger(project: Project, *statements: str) -> list[tuple[object, ...]]:
    """Runs SQL on the ledger by hand → the rows of the last statement."""
    with closing(sqlite3.connect(project.ledger)) as db:
        teach(db)
        found: list[tuple[object, ...]] = []
        for statement in statements:
            found = db.execute(statement).fetchall()
        db.commit()
        return found


def aged(project: Project, days: float) -> None:
    """Turns the ledger's clock back, as if all its runs were `days` older."""
    seconds = days * DAY_S
    in_ledger(
        project,
        f"UPDATE belief SET acked = acked - {seconds}",
        f"UPDATE run SET started = started - {seconds}, ended = ended - {seconds}",
        SUMS["seal_all_beliefs"],
        SUMS["seal_all_runs"],
    )


# --- adoption ---------------------------------------------------------------------------------------------------------


def test_adopted_rows_are_unchanged_and_nothing_is_sent(project: Project, local: Local, syncline: Syncline) -> None:
    config, data = project.config(), project.data(rows(40))
    ended = syncline("run", config, "-d", data, "--adopt", "--json")
    assert (ended.code, local.app.log.total) == (0, 0)
    assert ended.document["counts"]["unchanged"] == 40
    assert "40 rows adopted" in " ".join(ended.document["notes"])
    assert in_ledger(project, "SELECT count(*), sum(adopted), sum(in_doubt) FROM people") == [(40, 40, 0)]

    project.data([*rows(39), {"id": 40, "name": "another"}])
    report = library.run(config, data)
    assert (report.counts[Outcome.DELIVERED], report.counts[Outcome.UNCHANGED], list(people(local))) == (1, 39, ["40"])
    # What was adopted is never taken for created by this sync, also when it was sent since.
    assert in_ledger(project, "SELECT count(*) FROM people WHERE adopted") == [(40,)]


def test_invalid_rows_are_not_adopted(project: Project, local: Local) -> None:
    report = library.run(project.config(), [*rows(3), {"id": True}], adopt=True)
    assert (report.counts[Outcome.UNCHANGED], report.counts[Outcome.INVALID], report.exit_code) == (3, 1, 1)
    assert local.app.log.total == 0


def test_an_adoption_replaces_what_was_believed_and_marks_it(project: Project, local: Local) -> None:
    config = project.config()
    library.run(config, rows(3))
    library.run(config, rows(3, plan="pro"), adopt=True)
    assert library.run(config, rows(3, plan="pro")).counts[Outcome.UNCHANGED] == 3
    assert {person["plan"] for person in people(local).values()} == {"basic"}
    assert in_ledger(project, "SELECT count(*) FROM body") == [(3,)]


def test_keys_in_doubt_stay_in_doubt(project: Project, emulate: Emulate) -> None:
    local = emulate()
    config = project.config(destination={"baseUrl": local.url})
    library.run(config, rows(5))
    in_ledger(project, "INSERT INTO doubt (key, run, sum) VALUES ('id:3', 1, row_sum('id:3', 1))")
    adopted = library.run(config, rows(5), adopt=True)
    assert adopted.counts[Outcome.UNCHANGED] == 5
    assert any("1 of the adopted stay in doubt" in note for note in adopted.notes)
    after = library.run(config, rows(5))
    assert (after.counts[Outcome.DELIVERED], after.counts[Outcome.UNCHANGED]) == (1, 4)


def test_a_preview_of_an_adoption_changes_nothing(project: Project, local: Local, syncline: Syncline) -> None:
    config, data = project.config(), project.data(rows(5))
    ended = syncline("run", config, "-d", data, "--adopt", "--dry-run", "--json")
    assert (ended.code, ended.document["counts"]["unchanged"], ended.document["requests"]) == (0, 5, 0)
    assert (project.ledgers, local.app.log.total) == ([], 0)


def test_a_report_looked_up_again_says_that_it_was_an_adoption(
    project: Project, local: Local, syncline: Syncline
) -> None:
    config = project.config()
    library.run(config, rows(1), adopt=True)
    assert "note: 1 row adopted" in syncline("report", config).stdout


def test_what_needs_no_adoption_is_left_as_it_is(project: Project, local: Local) -> None:
    config = project.config()
    library.run(config, rows(5))
    aged(project, 31)
    report = library.run(config, [*rows(5), {"id": 6}], adopt=True)
    assert any("1 row adopted" in note for note in report.notes)
    assert in_ledger(project, "SELECT count(*) FROM people WHERE adopted") == [(1,)]


def test_adopt_and_full_contradict_each_other(project: Project) -> None:
    with pytest.raises(ConfigRefused, match="give one of them"):
        library.run(project.config(), rows(1), adopt=True, full=True)


def test_adopt_and_resume_contradict_each_other(project: Project) -> None:
    with pytest.raises(ConfigRefused, match="takes no --adopt"):
        library.run(project.config(), adopt=True, resume=True)


# --- refresh ----------------------------------------------------------------------------------------------------------


def test_each_key_falls_due_at_a_point_of_its_own_between_half_and_the_whole() -> None:
    def due(age_days: float) -> int:
        refresh = Refresh(now=100 * DAY_S, every_s=30 * DAY_S)
        belief = Belief(b"", 1, False, (100 - age_days) * DAY_S)
        return sum(refresh.is_due(f"id:{number}", belief) for number in range(2_000))

    assert (due(14.9), due(30)) == (0, 2_000)
    assert due(22.5) == pytest.approx(1_000, abs=100)
    assert due(18) < due(22.5) < due(27)


def test_what_was_acknowledged_long_ago_is_sent_again(project: Project, local: Local) -> None:
    config = project.config()
    library.run(config, rows(40))
    for number in range(1, 41):  # somebody deletes them by hand
        local.app.workspace.delete(Identifier("id", str(number)))
    assert library.run(config, rows(40)).counts[Outcome.UNCHANGED] == 40
    aged(project, 31)
    report = library.run(config, rows(40))
    assert (report.counts[Outcome.DELIVERED], len(people(local))) == (40, 40)
    assert any("40 unchanged rows are sent again" in note for note in report.notes)
    assert library.run(config, rows(40)).counts[Outcome.UNCHANGED] == 40


def test_half_the_way_about_half_are_due(project: Project, local: Local) -> None:
    config = project.config()
    library.run(config, rows(400))
    aged(project, 22.5)
    shown = library.preview(config, rows(400))
    report = library.run(config, rows(400))
    assert 150 < report.counts[Outcome.DELIVERED] < 250
    assert shown.counts["changed"] == report.counts[Outcome.DELIVERED]


def test_refresh_off_never_sends_again(project: Project, local: Local) -> None:
    config = project.config(refresh="off")
    library.run(config, rows(5))
    aged(project, 300)
    assert library.run(config, rows(5)).counts[Outcome.UNCHANGED] == 5


@pytest.mark.parametrize(("days", "where"), [(-2, "before"), (400, "over a year after")])
def test_a_clock_that_cannot_be_right_refreshes_nothing_and_says_so(
    project: Project, local: Local, days: float, where: str
) -> None:
    config = project.config()
    library.run(config, rows(5))
    aged(project, days)
    before = writes(local)
    report = library.run(config, rows(5))
    assert (report.counts[Outcome.UNCHANGED], writes(local)) == (5, before)
    assert any(f"the clock stands {where} the last run" in warning for warning in report.warnings)


# --- the ledger that is not there -------------------------------------------------------------------------------------


def test_a_missing_ledger_is_announced_or_refused(project: Project, local: Local, syncline: Syncline) -> None:
    config, data = project.config(), project.data(rows(2))
    refused = syncline("run", config, "-d", data, "--require-state")
    assert (refused.code, local.app.log.total, project.ledgers) == (2, 0, [])
    assert "there is no ledger at" in refused.stderr
    assert syncline("run", config, "-d", data, "--require-state", "--dry-run").code == 2
    assert "note: no ledger yet: everything is new" in syncline("run", config, "-d", data, "--dry-run").stdout
    first = syncline("run", config, "-d", data)
    assert (first.code, "note: no ledger yet: everything is new" in first.stdout) == (0, True)
    assert syncline("run", config, "-d", data, "--require-state").code == 0


# --- the ledger's own story -------------------------------------------------------------------------------------------

OLDER = Path(__file__).parent / "ledgers"  # as each version left it: three people and a bad row


def older(project: Project, version: int = 1) -> Path:
    """A configuration whose ledger is of that version. Its beliefs are of 2026, so that none may fall due."""
    config = project.config(refresh="off")
    library.run(config, [])
    ((account,),) = in_ledger(project, "SELECT value FROM meta WHERE name = 'account'")
    path = project.ledger
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.executescript((OLDER / f"version-{version}.sql").read_text(encoding="utf-8"))
        db.execute("UPDATE meta SET value = ? WHERE name = 'account'", (account,))
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {version}")
        db.commit()
    return config


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_ledger_of_an_older_version_is_brought_up_to_date(
    project: Project, local: Local, syncline: Syncline, version: int
) -> None:
    config = older(project, version)
    before = project.ledger.read_bytes()
    assert "3 delivered, 1 invalid" in syncline("report", config).stdout
    assert library.preview(config, rows(3)).counts["unchanged"] == 3
    assert project.ledger.read_bytes() == before  # looking changes nothing
    report = library.run(config, rows(4))
    assert (report.counts[Outcome.UNCHANGED], report.counts[Outcome.DELIVERED]) == (3, 1)
    assert in_ledger(project, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert in_ledger(project, "SELECT count(*), sum(adopted) FROM people") == [(4, 0)]


def test_an_upgrade_that_fails_leaves_the_ledger_as_it_was(project: Project) -> None:
    config = older(project)
    in_ledger(project, "CREATE TABLE people (in_the_way)")
    with pytest.raises(LedgerRefused, match="already exists"):
        library.run(config, rows(3))
    assert in_ledger(project, "PRAGMA user_version") == [(1,)]
    assert "adopted" not in {column[1] for column in in_ledger(project, "PRAGMA table_info(belief)")}


def _people(project: Project) -> object:
    return in_ledger(project, "SELECT key, json_extract(record, '$.plan'), run, adopted, in_doubt FROM people")


def _runs(project: Project) -> object:
    columns = "run, status, rows_read, delivered, unchanged, folded, invalid, rejected, deferred, unknown"
    return in_ledger(project, f"SELECT {columns} FROM runs")


def _problems(project: Project) -> object:
    return in_ledger(project, "SELECT run, row, field, outcome, rule FROM problems")


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (_people, [("id:1", "basic", 1, 0, 0), ("id:2", "basic", 1, 0, 0)]),
        (_runs, [(1, "finished", 4, 2, 0, 1, 1, 0, 0, 0)]),
        (_problems, [(1, 4, "id", "invalid", "identifier-unfit")]),
        (lambda project: in_ledger(project, "SELECT * FROM pending"), []),
        (lambda project: in_ledger(project, "SELECT * FROM doubts"), []),
    ],
)
def test_the_views_tell_what_happened(
    project: Project, local: Local, view: Callable[[Project], object], expected: object
) -> None:
    library.run(project.config(), [*rows(2), *rows(1), {"id": True}])
    assert view(project) == expected


def test_the_pending_view_shows_what_resume_would_send(project: Project, emulate: Emulate, tmp_path: Path) -> None:
    local = emulate("401:100%")
    library.run(project.config(destination={"baseUrl": local.url}), rows(3))
    assert in_ledger(project, "SELECT key FROM pending") == [("id:1",), ("id:2",), ("id:3",)]
