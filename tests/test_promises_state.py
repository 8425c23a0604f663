"""Whatever ledger is found, the destination comes to be what the source says; and a lock ends with its process."""

from __future__ import annotations

import shutil
import threading

import pytest

import syncline as library
from conftest import DEADLINE_S, Emulate, Local, Project, Row, Syncline, people
from syncline.model import Outcome


def rows(plan: str, count: int = 20) -> list[Row]:
    return [{"id": at, "name": f"Ada {at}", "plan": plan} for at in range(1, count + 1)]


def plans(local: Local) -> set[object]:
    return {person["plan"] for person in people(local).values()}


@pytest.mark.promise("S2", "S6")
@pytest.mark.parametrize(("says", "full"), [("third", False), ("second", False), ("first", True)])
def test_with_an_older_ledger_put_back_it_comes_right_at_once(
    project: Project, local: Local, says: str, full: bool
) -> None:
    """Where the source has gone back to what the old ledger believes, `--full` is what does not trust it."""
    config = project.config()
    library.run(config, rows("first"))
    older = project.folder / "older"
    shutil.copytree(project.ledger.parent, older)
    library.run(config, rows("second"))
    home = project.ledger.parent
    shutil.rmtree(home)
    shutil.copytree(older, home)
    assert library.run(config, rows(says), full=full).exit_code == 0
    assert plans(local) == {says}
    assert library.run(config, rows(says)).counts[Outcome.UNCHANGED] == 20


@pytest.mark.promise("C4", "C3")
def test_a_lock_ends_with_its_process_however_that_ended(
    project: Project, emulate: Emulate, syncline: Syncline
) -> None:
    local = emulate(latency_s=30.0)
    config, data = project.config(destination={"baseUrl": local.url}), project.data(rows("first"))
    arrived = threading.Event()
    local.at_request(1, arrived.set)
    process = syncline.start("run", config, "-d", data)
    try:
        assert arrived.wait(DEADLINE_S)
        assert syncline("run", config, "-d", data).code == 75
        assert local.app.log.total == 1
    finally:
        process.kill()
        process.communicate(timeout=DEADLINE_S)
    (lock,) = project.folder.glob(".syncline/*/*.lock")
    assert str(process.pid) in lock.read_text()  # its note is there still, and means nothing
    local.app.latency_s = 0.0
    assert library.run(config, data=data).exit_code == 0
    assert plans(local) == {"first"}
