"""The power is cut at any moment of a run: what it had recorded is there, and nothing is taken for empty."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from conftest import Emulate, Project, Row
from powercuts import Disk, Recorder, cuts
from syncline.job import Job
from syncline.ledger import open_ledger
from syscalls import LET, Nursery, lacking

pytestmark = pytest.mark.skipif(bool(lacking()), reason=f"no write can be seen here, for want of {lacking()}")

SEED = int(os.environ.get("SYNCLINE_SEED", str(time.time_ns() % 1_000_000)))
CUTS = int(os.environ.get("SYNCLINE_CUTS", "2"))  # torn disks a moment


class Known(NamedTuple):
    """What a ledger says: people and the plan they were delivered by, those in doubt, and those a plan is to send."""

    delivered: set[tuple[str, bytes]]
    doubted: set[str]
    planned: set[str]


def known(db: sqlite3.Connection) -> Known:
    believed = "SELECT belief.key, json FROM belief JOIN body USING (body)"
    merged = (
        "SELECT plan.key, json FROM plan JOIN body USING (body) JOIN settled USING (entry) WHERE outcome = 'delivered'"
    )
    left = "SELECT plan.key FROM plan LEFT JOIN settled USING (entry) WHERE outcome IS NOT 'delivered'"
    return Known(
        {*db.execute(believed), *db.execute(merged)},
        {key for (key,) in db.execute("SELECT key FROM doubt")},
        {key for (key,) in db.execute(left)},
    )


def looked_at(disk: Disk, folder: Path, work: Job) -> Known | None:
    """As the next run finds it; None where there is no ledger."""
    for file in folder.iterdir():
        file.unlink()
    for name, content in disk.items():
        (folder / name).write_bytes(content)
    path = folder / work.path.name
    if not path.exists():
        return None
    with closing(open_ledger(path, work.destination.name, work.destination.account)) as db:
        return known(db)


def rows(plan: str) -> list[Row]:
    return [{"id": at, "name": f"Ada {at}", "plan": plan} for at in range(1, 61)]


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as one:
        yield one


@pytest.mark.promise("S1", "S2", "S7")
@pytest.mark.parametrize("already", [False, True], ids=["first run", "later run"])
def test_after_a_power_cut_every_recorded_acknowledgement_is_there(
    project: Project, emulate: Emulate, nursery: Nursery, tmp_path: Path, already: bool
) -> None:
    local = emulate(latency_s=0.03)
    config = project.config(parallelism=2, destination={"baseUrl": local.url, "batchItems": 2})
    words = ["run", str(config), "-d", str(project.data(rows("old"))), "--json"]
    if already:
        assert nursery.run(words, project.folder, lambda call: LET).code == 0
        project.data(rows("new"))
    recorder = Recorder(project.folder / ".syncline")
    assert nursery.run(words, project.folder, recorder).code == 0
    print(f"SYNCLINE_SEED={SEED}")
    chance, place, work = Random(SEED), tmp_path / "after", Job.load(config)
    place.mkdir()
    recorded, tried, commits, peaceful = Known(set(), set(), set()), 0, set(), 0
    for moment in recorder.moments:
        certain = looked_at(moment.certain, place, work)
        if certain is not None:  # what was certain once stays so
            assert recorded.delivered <= certain.delivered | _replaced(recorded, certain)
            recorded = certain
            commits.add(len(certain.delivered))
            if moment.at_peace:
                assert looked_at(moment.seen, place, work) == certain
                peaceful += 1
        for disk in cuts(moment, chance, CUTS):
            tried += 1
            found = looked_at(disk, place, work)
            assert (found is None) == (certain is None) or certain is None
            if found is not None:
                assert recorded.delivered <= found.delivered | _replaced(recorded, found)
                assert {key for key, _ in found.delivered} | found.planned >= {key for key, _ in recorded.delivered}
    assert tried > 200
    assert (len(commits) >= 3, peaceful >= 2) == (True, True)  # verdicts became certain portion by portion
    with open_ledger(work.path, work.destination.name, work.destination.account) as db:
        assert len(known(db).delivered) == 60


def _replaced(before: Known, after: Known) -> set[tuple[str, bytes]]:
    """What was believed of those of whom a later record was delivered."""
    now = dict(after.delivered)
    return {(key, body) for key, body in before.delivered if now.get(key, body) != body}
