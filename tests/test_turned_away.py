"""A run that finds another one at work leaves everything as it is."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import threading
from pathlib import Path

import pytest

import syncline as library
from conftest import Emulate, Local, Project, people
from syncline.errors import LedgerFailed, LedgerRefused, Locked
from syncline.history import history
from syncline.job import Job
from syncline.ledger import Lock, prepare_folder

ROWS = [{"id": 1, "name": "Ada", "plan": "pro"}]


@pytest.mark.promise("C3")
def test_a_run_that_is_turned_away_has_not_touched_the_ledger(project: Project, local: Local) -> None:
    config = project.config()
    job = Job.load(config)
    prepare_folder(job.path, job.state_dir)
    with Lock(job.lock_path):
        with pytest.raises(Locked):
            library.run(config, ROWS)
        assert sorted(path.name for path in job.path.parent.iterdir()) == [job.lock_path.name]
    assert local.app.log.total == 0
    assert library.run(config, ROWS).exit_code == 0


@pytest.mark.parametrize("note", [b'{"started": 1e300}', b'{"started": NaN}', b"[1]", b'{"pid": "\x00', b"\xff\xfe"])
def test_a_note_that_was_damaged_turns_away_all_the_same(project: Project, note: bytes) -> None:
    config = project.config()
    job = Job.load(config)
    prepare_folder(job.path, job.state_dir)
    with Lock(job.lock_path):
        job.lock_path.write_bytes(note)
        with pytest.raises(Locked, match="since unknown"):
            library.run(config, ROWS)
    job.lock_path.write_bytes(note)
    assert library.run(config, ROWS).exit_code == 0


@pytest.mark.promise("C3")
def test_where_nobody_can_lock_nobody_is_said_to_hold_the_lock(
    project: Project, local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network share may know no locks; two runs at once would then be possible, so there is none."""
    config = project.config()

    def refuse(file: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(fcntl, "flock", refuse)
        with pytest.raises(LedgerRefused, match=r"No locks available.*network share"):
            library.run(config, ROWS)
        assert not Lock.is_held(Job.load(config).lock_path)
    assert local.app.log.total == 0
    assert library.run(config, ROWS).exit_code == 0


@pytest.mark.promise("C3")
@pytest.mark.parametrize("removed", ["lock", "ledger"])
def test_a_run_whose_lock_or_ledger_is_removed_notices_and_stops(
    tmp_path: Path, emulate: Emulate, removed: str
) -> None:
    """Nobody should; and who does is told, instead of a ledger that believes two runs at once."""
    local = emulate(latency_s=0.1)
    project = Project(tmp_path, local.url)
    rows = [{"id": number, "name": f"Ada {number}", "plan": "pro"} for number in range(400)]
    config = project.config(parallelism=1, destination={"batchItems": 10})
    job = Job.load(config)
    another = threading.Thread(target=lambda: library.run(config, [{"id": 1, "name": "Another", "plan": "free"}]))

    def meddle() -> None:
        if removed == "lock":
            job.lock_path.unlink()
            another.start()
        else:
            shutil.rmtree(job.state_dir)

    local.at_request(8, meddle)
    with pytest.raises(LedgerFailed, match="taken over" if removed == "lock" else "was removed"):
        library.run(config, rows)
    assert local.app.log.total < 30
    if removed == "lock":
        another.join()
    for _, report in history(str(config), None):
        assert sum(report.counts.values()) == report.read
    assert library.run(config, rows, full=True).exit_code == 0
    assert people(local) == {str(row["id"]): {key: row[key] for key in ("name", "plan")} for row in rows}
