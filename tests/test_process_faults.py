"""What befalls a process, and not what it speaks to: signals, sleep, too little of everything. Nobody is lost by it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import syncline as library
from conftest import DEADLINE_S, Emulate, Local, Project, Row, Syncline, people
from syncline.history import history
from syncline.model import Outcome


def rows(plan: str, count: int = 40) -> list[Row]:
    return [{"id": at, "name": f"Ada {at}", "plan": plan} for at in range(1, count + 1)]


def plans(local: Local) -> dict[str, object]:
    return {key: person["plan"] for key, person in people(local).items()}


def everybody(plan: str, count: int = 40) -> dict[str, object]:
    return {str(at): plan for at in range(1, count + 1)}


@pytest.mark.promise("S3", "S3b")
def test_56_a_terminal_that_is_closed_costs_nobody(project: Project, emulate: Emulate, syncline: Syncline) -> None:
    """SIGHUP under way, and the source has gone back by the next run."""
    local = emulate(latency_s=0.02)
    config = project.config(parallelism=2, destination={"baseUrl": local.url, "batchItems": 4})
    library.run(config, rows("old"))
    arrived = threading.Event()
    local.at_request(3, arrived.set)
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # where these tests run under nohup, so would it
    process = syncline.start("run", config, "-d", project.data(rows("new")))
    signal.signal(signal.SIGHUP, before)
    assert arrived.wait(DEADLINE_S)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 143
    assert "new" in plans(local).values()
    library.run(config, rows("old"))
    assert plans(local) == everybody("old")
    assert library.run(config, rows("old")).requests == 0


@pytest.mark.promise("O2")
def test_57_a_machine_that_slept_goes_on_where_it_was(project: Project, emulate: Emulate, syncline: Syncline) -> None:
    """Stopped for longer than an attempt may take, with requests in flight."""
    local = emulate(latency_s=0.05)
    settings = {"baseUrl": local.url, "batchItems": 4, "timeout": 1}
    config = project.config(parallelism=2, destination=settings)
    arrived = threading.Event()
    local.at_request(3, arrived.set)
    process = syncline.start("run", config, "-d", project.data(rows("new")))
    assert arrived.wait(DEADLINE_S)
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    time.sleep(1.5)  # the sleep itself
    process.send_signal(signal.SIGCONT)
    _, stderr = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, plans(local)) == (0, everybody("new")), stderr
    assert library.run(config, rows("new")).requests == 0


Limit = Callable[[], None]


def run_under(limit: Limit, config: Path, data: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "syncline", "run", str(config), "-d", str(data)]
    return subprocess.run(
        words, cwd=config.parent, preexec_fn=limit, capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )


def at_most(what: int, number: int) -> Limit:
    return lambda: resource.setrlimit(what, (number, number))


@pytest.mark.promise("S3")
@pytest.mark.parametrize("megabytes", [60, 100, 130])
def test_58_too_little_memory_ends_a_process_and_costs_nobody(project: Project, local: Local, megabytes: int) -> None:
    """Whether it gets as far as planning or sending, or does not even start: the next run makes it good."""
    config = project.config()
    library.run(config, rows("old"))
    run_under(at_most(resource.RLIMIT_AS, megabytes << 20), config, project.data(rows("new")))
    report = library.run(config, rows("new"))
    assert (report.exit_code, plans(local)) == (0, everybody("new"))
    assert library.run(config, rows("new")).counts[Outcome.UNCHANGED] == 40


@pytest.mark.promise("S8")
def test_58_a_file_that_may_not_grow_refuses_the_run(project: Project, local: Local) -> None:
    config, data = project.config(), project.data(rows("new", 2_000))
    refused = run_under(at_most(resource.RLIMIT_FSIZE, 200_000), config, data)
    assert (refused.returncode, local.app.log.total) == (2, 0)
    assert refused.stderr.strip().endswith("Free or mend the disk, then run again.")
    assert library.run(config, rows("new", 2_000)).counts[Outcome.DELIVERED] == 2_000


@pytest.mark.parametrize(("handles", "fewer"), [(20, "1 request at a time"), (40, "requests at a time")])
def test_58_too_few_file_handles_cost_time_and_nobody(
    project: Project, emulate: Emulate, handles: int, fewer: str
) -> None:
    """As many connections as there are handles for, and no request that could not be sent for want of one."""
    local = emulate(latency_s=0.02)
    config = project.config(parallelism=60, destination={"baseUrl": local.url, "api": "identify"})
    ended = run_under(at_most(resource.RLIMIT_NOFILE, handles), config, project.data(rows("new", 100)))
    assert (ended.returncode, plans(local)) == (0, everybody("new", 100)), ended.stderr
    assert f"{fewer}, not 60: this process may open no more files" in ended.stdout
    ((_, report),) = history(str(config), None)
    assert report.requests == local.app.log.total == 100
    assert library.run(config, rows("new", 100)).requests == 0


@pytest.mark.parametrize("handles", [7, 10, 12, 16, 18])
def test_58_too_few_file_handles_for_one_connection_refuse_the_run(
    project: Project, local: Local, handles: int
) -> None:
    """Before there is a plan: an event loop or a socket that cannot be had would leave one behind, and its run dead."""
    config = project.config()
    refused = run_under(at_most(resource.RLIMIT_NOFILE, handles), config, project.data(rows("new")))
    assert (refused.returncode, refused.stdout, project.ledgers, local.app.log.total) == (2, "", [], 0)
    (line,) = refused.stderr.splitlines()
    assert line.startswith(f"error: this process may open {handles} files at a time; expected at least ")
    assert line.endswith("Raise that with `ulimit -n`.")
    assert library.run(config, rows("new")).warnings == []


def test_58_a_limit_on_file_handles_that_may_be_raised_is_raised(project: Project, emulate: Emulate) -> None:
    local = emulate(latency_s=0.02)
    config = project.config(parallelism=60, destination={"baseUrl": local.url, "api": "identify"})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    ended = run_under(
        lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, hard)), config, project.data(rows("new", 100))
    )
    assert (ended.returncode, plans(local)) == (0, everybody("new", 100)), ended.stderr
    assert "at a time, not" not in ended.stdout
    ((_, report),) = history(str(config), None)
    assert report.requests == 100
