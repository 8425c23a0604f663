"""A ledger that a disk has changed is refused, or tells nothing else than before: no send fewer, no other body.

SYNCLINE_FLIPS=2000 flips more bits; SYNCLINE_SEED flips the same ones again.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

import ledgers_made as made
import syncline as library
from conftest import Emulate, Project, people
from syncline.errors import LedgerFailed, LedgerRefused
from syncline.job import Job, Options
from syncline.ledger import Journal, open_ledger, plan_run
from syncline.ledger.schema import APPLICATION_ID
from syncline.model import Outcome

FLIPS = int(os.environ.get("SYNCLINE_FLIPS", "200"))
SEED = int(os.environ.get("SYNCLINE_SEED", str(time.time_ns() % 1_000_000)))
PAGE = 4096

Make = Callable[[Path], Job]
Ask = Callable[[Job], made.Told]
ASKED: dict[str, tuple[Make, Ask]] = {
    "at rest, a new run": (made.at_rest, made.to_be_sent),
    "of a dead run, a new one": (made.dead, made.to_be_sent),
    "of a dead run, --resume": (made.dead, made.to_be_resumed),
    "of a dead run, a new one after --resume": (made.dead, made.sent_after_resuming),
    "of a plan that grows, --resume": (made.growing, made.to_be_resumed),
}


class Patient:
    """A ledger that is damaged again and again, and asked what a run would send."""

    def __init__(self, folder: Path, make: Make, ask: Ask) -> None:
        self._job, self._ask = make(folder), ask
        self.path = self._job.path
        self.sound = self.path.read_bytes()
        self.expected = ask(self._job)
        self.ends: Counter[str] = Counter()

    def put(self, content: bytes, wal: bytes | None = None) -> None:
        for file in self.path.parent.glob("*"):
            file.unlink()
        self.path.write_bytes(content)
        if wal is not None:
            self.path.with_name(self.path.name + "-wal").write_bytes(wal)

    def examine(self, content: bytes, wal: bytes | None = None) -> str:
        """How it ended: refused in one line with a way out; or the same is sent, or more."""
        self.put(content, wal)
        try:
            told = self._ask(self._job)
        except (LedgerRefused, LedgerFailed) as no:
            words = str(no)
            assert "\n" not in words
            assert str(self.path) in words
            assert re.search(r"(?i)good copy back|use the Syncline that wrote it", words), words
            end = "refused"
        else:
            sent = {key: told.get(key) for key in self.expected}
            assert sent == self.expected, {key for key in sent if sent[key] != self.expected[key]}
            end = "the same" if told == self.expected else "more"
        self.ends[end] += 1
        return end


@pytest.fixture(params=ASKED)
def patient(request: pytest.FixtureRequest, tmp_path: Path) -> Patient:
    return Patient(tmp_path, *ASKED[request.param])


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> Random:
    print(f"SYNCLINE_SEED={SEED}")
    return Random(f"{SEED} {request.node.name}")


@pytest.mark.promise("S7")
def test_65_a_flipped_bit_is_found_out_or_changes_nothing(patient: Patient, chance: Random) -> None:
    """Anywhere in the file but in the empty middle of its pages."""
    sound = patient.sound
    used = [at for at in range(len(sound)) if any(sound[max(0, at - 8) : at + 8])]
    for _ in range(FLIPS):
        damaged, at = bytearray(sound), chance.choice(used)
        damaged[at] ^= 1 << chance.randrange(8)
        patient.examine(bytes(damaged))
    print(dict(patient.ends))
    assert patient.ends["refused"] > FLIPS / 3


@pytest.mark.promise("S7")
def test_65_a_flipped_bit_of_every_page_and_4_kb_of_noise_in_its_place(patient: Patient, chance: Random) -> None:
    for page in range(len(patient.sound) // PAGE):
        flipped, at = bytearray(patient.sound), PAGE * page + chance.randrange(PAGE)
        flipped[at] ^= 1 << chance.randrange(8)
        patient.examine(bytes(flipped))
        noise = patient.sound[: PAGE * page] + chance.randbytes(PAGE) + patient.sound[PAGE * (page + 1) :]
        patient.examine(noise)
        zeros = patient.sound[: PAGE * page] + bytes(PAGE) + patient.sound[PAGE * (page + 1) :]
        patient.examine(zeros)
    print(dict(patient.ends))


@pytest.mark.promise("S7")
def test_65_a_ledger_that_was_cut_short_is_refused_and_left_alone(patient: Patient, chance: Random) -> None:
    pages = len(patient.sound) // PAGE
    for length in sorted({PAGE * page + more for page in range(pages) for more in (0, chance.randrange(1, PAGE))}):
        cut = patient.sound[:length]
        assert patient.examine(cut) == "refused"
        assert patient.path.read_bytes() == cut


COVERED = {
    "meta": ["value"],
    "run": ["closed", "mapping", "bookmark", "counts"],
    "doubt": ["key", "run"],
    "rejected": ["key", "digest", "at"],
    "plan": ["key", "digest", "body", "entry", "follows", "kind"],
    "body": ["json"],
    "ticket": ["entry", "ticket"],
    "settled": ["entry", "outcome", "doubt", "at", "passing", "reason"],
}


@pytest.mark.parametrize(("table", "column"), [(table, column) for table in COVERED for column in COVERED[table]])
@pytest.mark.promise("S7")
def test_65_no_value_that_decides_what_is_sent_can_change_unseen(tmp_path: Path, table: str, column: str) -> None:
    """The largest of the dead run's values: the ledger is refused before anything is made of it."""
    work = made.dead(tmp_path)
    with closing(sqlite3.connect(work.path)) as db:
        (kind,) = (row[2] for row in db.execute(f"PRAGMA table_info({table})") if row[1] == column)
        number = f"coalesce({column}, 0) + 1000"
        value = {"TEXT": "'another'", "BLOB": "x'0badc0de'"}.get(kind, number)
        last = {"plan": "entry", "settled": "entry", "body": "body", "run": "run"}.get(table, column)
        db.execute(f"UPDATE {table} SET {column} = {value} WHERE {last} = (SELECT max({last}) FROM {table})")
        assert db.total_changes >= 1
        db.commit()
    where = "plan" if table == "body" else table  # of a body is told whose it is
    with pytest.raises(LedgerRefused, match=rf"damaged \(a row of its table {where} is not as it was written\)"):
        open_ledger(work.path, "customerio", work.destination.account)


@pytest.mark.parametrize("column", ["digest", "body", "acked", "run", "adopted"])
@pytest.mark.promise("S7")
def test_65_a_belief_is_checked_when_it_is_read(tmp_path: Path, column: str) -> None:
    work = made.at_rest(tmp_path)
    with closing(sqlite3.connect(work.path)) as db:
        value = "(SELECT digest FROM belief WHERE key = 'id:12')" if column == "digest" else f"{column} + 1"
        db.execute(f"UPDATE belief SET {column} = {value} WHERE key = 'id:3'")
        db.commit()
    with pytest.raises(LedgerRefused, match="a row of its table belief is not as it was written"):
        made.to_be_sent(work)


@pytest.mark.promise("S7")
def test_65_a_record_that_was_changed_takes_no_part_in_a_fold(tmp_path: Path) -> None:
    """11 comes twice, once as it is believed held: what is held is looked up, and must be what was written."""
    work = made.at_rest(tmp_path)
    with closing(sqlite3.connect(work.path)) as db:
        held = "SELECT body FROM belief WHERE key = 'id:12'"
        db.execute(f"UPDATE body SET json = replace(json, 'v1', 'v9') WHERE body = ({held})")
        db.commit()
    rows = [made.person(12), {"id": 12, "name": "another"}]
    with work.ledger(Options()) as (db, _), pytest.raises(LedgerRefused, match="its table body"):
        made.planned(db, work, rows)


@pytest.mark.promise("S7")
def test_65_a_ledger_of_an_older_version_is_checked_from_its_upgrade_on(tmp_path: Path) -> None:
    work = made.at_rest(tmp_path)
    with closing(sqlite3.connect(work.path)) as db:
        (account,) = db.execute("SELECT value FROM meta WHERE name = 'account'").fetchone()
    work.path.unlink()
    with closing(sqlite3.connect(work.path)) as db:
        db.executescript((Path(__file__).parent / "ledgers" / "version-3.sql").read_text(encoding="utf-8"))
        db.execute("UPDATE meta SET value = ? WHERE name = 'account'", (account,))
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("PRAGMA user_version = 3")
        db.commit()
    with work.ledger(Options()):
        pass
    with closing(sqlite3.connect(work.path)) as db:
        assert db.execute("SELECT count(*) FROM belief WHERE sum = 0").fetchone() == (0,)
        db.execute("UPDATE belief SET body = 1 WHERE key = 'id:3'")
        db.commit()
    with pytest.raises(LedgerRefused, match="its table belief"):
        made.to_be_sent(work)


def test_what_others_add_to_a_ledger_is_no_damage(tmp_path: Path) -> None:
    work = made.at_rest(tmp_path)
    expected = made.to_be_sent(work)
    with closing(sqlite3.connect(work.path)) as db:
        db.execute("CREATE VIEW paid AS SELECT key FROM people WHERE record LIKE '%v2%'")
        db.execute("CREATE INDEX by_run ON belief (run)")
        db.execute("ANALYZE")
        db.commit()
    assert made.to_be_sent(work) == expected


# --- the journal beside it --------------------------------------------------------------------------------------------


@pytest.fixture
def dead_in_its_journal(tmp_path: Path) -> tuple[Patient, bytes]:
    """A ledger as a killed process leaves it, with its -wal: in there are the verdicts of the run, and not its plan."""
    work = made.at_rest(tmp_path / "one")
    with work.ledger(Options()) as (db, _):
        journal = made.planned(db, work, [made.person(number, 3) for number in made.NEW])
        made.settle(journal, {f"id:{number}": made.DELIVERED for number in range(1, 21)})
        made.settle(journal, {"id:21": made.SILENT, "id:22": made.SILENT})
        left = work.path.read_bytes(), work.path.with_name(work.path.name + "-wal").read_bytes()
    patient = Patient(tmp_path / "two", made.at_rest, made.to_be_sent)
    patient.put(*left)
    patient.sound, expected = left[0], made.to_be_sent(made.job(tmp_path / "two"))
    assert len(expected) == len(made.BACK)  # whatever it said, nobody knows what is held
    # 9 was refused in this very form. That a later one was taken, only the -wal knows.
    patient.expected = {key: bodies for key, bodies in expected.items() if key != "id:9"}
    return patient, left[1]


@pytest.mark.promise("S3b", "S7")
def test_65_without_its_journal_a_ledger_still_knows_whom_it_is_in_doubt_of(
    dead_in_its_journal: tuple[Patient, bytes],
) -> None:
    """The run sent version 3 and died, its -wal was lost, and the source has gone back to version 1."""
    patient, _ = dead_in_its_journal
    assert patient.examine(patient.sound) in {"the same", "more"}


@pytest.mark.promise("S7")
def test_65_a_journal_that_was_cut_or_changed_costs_no_send(
    dead_in_its_journal: tuple[Patient, bytes], chance: Random
) -> None:
    patient, wal = dead_in_its_journal
    for _ in range(40):
        patient.examine(patient.sound, wal[: chance.randrange(len(wal))])
        flipped, at = bytearray(wal), chance.randrange(len(wal))
        flipped[at] ^= 1 << chance.randrange(8)
        patient.examine(patient.sound, bytes(flipped))
    print(dict(patient.ends))


@pytest.mark.promise("S7")
def test_65_the_journal_of_another_ledger_is_refused_or_costs_no_send(
    dead_in_its_journal: tuple[Patient, bytes], tmp_path: Path
) -> None:
    patient, _ = dead_in_its_journal
    other = made.growing(tmp_path / "three")
    with closing(open_ledger(other.path, "voucherify", other.destination.account)) as db:
        last = plan_run(db)
        assert last is not None
        Journal(db, other.path, last.run, lambda: made.EPOCH_S).reopen()
        foreign = other.path.with_name(other.path.name + "-wal").read_bytes()
    assert patient.examine(patient.sound, foreign) == "refused"


@pytest.mark.promise("S6", "S7")
def test_65_an_older_ledger_put_back_beside_a_younger_journal_is_that_older_ledger_or_refused(
    dead_in_its_journal: tuple[Patient, bytes], tmp_path: Path
) -> None:
    """ "Put a good copy back", and the -wal was left where it was."""
    older = Patient(tmp_path / "three", made.at_rest, made.to_be_sent)
    assert older.examine(older.sound, dead_in_its_journal[1]) in {"refused", "the same", "more"}


# --- found while a run is at work -------------------------------------------------------------------------------------


@pytest.mark.promise("S8")
def test_65_damage_that_comes_while_a_run_sends_stops_it_before_the_damaged_record(
    project: Project, emulate: Emulate
) -> None:
    local = emulate()
    config = project.config(parallelism=1, destination={"baseUrl": local.url, "batchItems": 100})
    rows = [{"id": number, "name": f"name {number}", "plan": "basic"} for number in range(1, 2_401)]
    done = threading.Event()

    def damage() -> None:
        with closing(sqlite3.connect(project.ledger)) as db:
            db.execute("UPDATE body SET json = replace(json, 'basic', 'b4sic') WHERE body = 2300")
            db.commit()
        done.set()

    local.at_request(2, damage)
    report = library.run(config, rows)
    assert done.is_set()
    assert report.stopped is not None
    assert (report.exit_code, report.stopped.reason) == (3, "disk")
    assert "damaged (a row of its table plan is not as it was written)" in report.stopped.message
    assert {person["plan"] for person in people(local).values()} == {"basic"}
    assert report.counts[Outcome.DELIVERED] == len(people(local)) <= 2_000
    requests = local.app.log.total
    with pytest.raises(LedgerRefused, match="damaged"):
        library.run(config, resume=True)
    assert local.app.log.total == requests
    shutil.move(project.ledger, project.folder / "away")  # the way out
    assert library.run(config, rows).counts[Outcome.DELIVERED] == 2_400
