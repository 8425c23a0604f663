"""A run is killed after it changed people, and the source goes back to what it said before: so must the destination."""

from __future__ import annotations

import signal
import threading

import pytest

import syncline as library
from conftest import DEADLINE_S, Local, Project, Row, Syncline, people
from syncline.model import Outcome


def rows(plan: str) -> list[Row]:
    return [{"id": at, "name": f"Ada {at}", "plan": plan} for at in range(1, 31)]


@pytest.mark.promise("S3b")
def test_a_source_that_goes_back_after_a_kill_is_followed(project: Project, local: Local, syncline: Syncline) -> None:
    config = project.config()
    assert library.run(config, rows("pro")).exit_code == 0
    local.turn("lost:100%")  # applied, and the answer never comes
    tried_again = threading.Event()
    local.at_request(2, tried_again.set)
    process = syncline.start("run", config, "-d", project.data(rows("free")))
    try:
        assert tried_again.wait(DEADLINE_S)
    finally:
        process.kill()
        process.communicate(timeout=DEADLINE_S)
    assert process.returncode == -signal.SIGKILL
    assert people(local)["1"]["plan"] == "free"
    local.turn()
    back = library.run(config, rows("pro"))
    assert {person["plan"] for person in people(local).values()} == {"pro"}
    assert back.counts[Outcome.DELIVERED] > 0
    assert library.run(config, rows("pro")).requests == 0
