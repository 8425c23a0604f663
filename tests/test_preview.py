"""`--dry-run` beside other runs: it waits for nobody, and says what its figures are worth."""

from __future__ import annotations

import subprocess

from conftest import DEADLINE_S, Emulate, Project, Row, Syncline
from syncline.flow.report import Preview
from syncline.preview import preview
from syncline.run import run


def rows(count: int) -> list[Row]:
    return [{"id": number, "name": f"Ada {number}"} for number in range(1, count + 1)]


def test_beside_a_run_at_work_it_says_so_and_takes_nobody_for_killed(project: Project, emulate: Emulate) -> None:
    local = emulate()
    project.url = local.url
    config, shown = project.config("name", parallelism=1, destination={"batchItems": 10}), list[Preview]()
    run(config, rows(10))
    local.at_request(2, lambda: shown.append(preview(config, rows(30))))
    assert run(config, rows(30)).exit_code == 0
    (beside,) = shown
    (warning,) = beside.warnings
    assert warning.startswith("a run of this sync is at work, and what it delivers does not count here yet")
    assert (beside.counts["unchanged"], beside.counts["new"]) == (10, 20)
    assert preview(config, rows(30)).warnings == []


def test_what_a_run_at_work_leaves_is_not_taken_for_left_by_a_limited_run_either(
    project: Project, emulate: Emulate
) -> None:
    local = emulate()
    project.url = local.url
    config, shown = project.config("name"), list[Preview]()
    local.at_request(1, lambda: shown.append(preview(config, rows(30), limit=3)))
    run(config, rows(30))
    assert [len(one.warnings) for one in shown] == [1]
    assert "is at work" in shown[0].warnings[0]


def test_after_a_run_that_was_killed_it_says_that(project: Project, emulate: Emulate, syncline: Syncline) -> None:
    local = emulate(latency_s=0.5)
    project.url = local.url
    config = project.config("name")
    processes = list[subprocess.Popen[str]]()
    local.at_request(1, lambda: processes[0].kill())
    processes.append(syncline.start("run", config, "-d", project.data(rows(3))))
    processes[0].communicate(timeout=DEADLINE_S)
    (warning,) = preview(config, rows(3)).warnings
    assert warning.startswith("run 1 was killed, and of 3 rows nobody knows what became")
