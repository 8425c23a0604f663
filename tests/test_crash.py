"""Real processes, really killed: whatever the moment, the destination ends equal to the source, and nothing is lost.

SYNCLINE_KILLS scales the kills at random moments (default 2 a case), SYNCLINE_SEED replays them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from urllib.request import urlopen

import pytest

import syncline as library
from conftest import DEADLINE_S, Emulate, Known, Local, Project, Row, Syncline, people
from syncline import Report
from syncline.delivery import Policy
from syncline.emulators.customerio import Credentials
from syncline.errors import NothingToResume
from syncline.history import history
from syncline.model import Outcome

KILLS = int(os.environ.get("SYNCLINE_KILLS", "2"))
SEED = int(os.environ.get("SYNCLINE_SEED", str(time.time_ns() % 1_000_000)))

PARALLELISM, BATCH_ITEMS = 4, 20
LATENCY_S = 0.02
ENDPOINTS = {"batch": 600, "identify": 150}  # people
MANY = 20_000  # rows that take a moment to plan, and to merge


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> Random:
    """Seeded by SYNCLINE_SEED and the test's name; pytest shows the line when the test fails."""
    print(f"SYNCLINE_SEED={SEED} pytest {request.node.nodeid!r}")
    return Random(f"{SEED} {request.node.name}")


def source(count: int, version: int) -> list[Row]:
    """People of whom two thirds differ from version to version; the first has a second row, at the end."""
    many: list[Row] = [{"id": at, "name": f"Ada {at}", "plan": f"v{version}" if at % 3 else "-"} for at in range(count)]
    return [*many, {"id": 0, "name": f"Grace {version}"}]


def held(some: Sequence[Row]) -> dict[str, Row]:
    """What the destination holds when the source has arrived: attribute by attribute, the last value wins."""
    found: dict[str, dict[str, object]] = {}
    for row in some:
        found.setdefault(str(row["id"]), {}).update({name: value for name, value in row.items() if name != "id"})
    return {**found}


class Scene:
    """A project, its Customer.io, and the data files by version."""

    def __init__(self, folder: Path, local: Local, *, count: int, **destination: object) -> None:
        self.local, self.project, self.syncline = local, Project(folder, local.url), Syncline(folder)
        settings = {"batchItems": BATCH_ITEMS, **destination}
        self.config = self.project.config(parallelism=PARALLELISM, destination=settings)
        self._count = count

    def data(self, version: int) -> Path:
        return self.project.data(source(self._count, version), f"v{version}.json")

    def words(self, version: int, *, resume: bool = False) -> list[str | Path]:
        return ["run", self.config, "--json", *(["--resume"] if resume else ["-d", self.data(version)])]

    def run(self, version: int) -> Report:
        return library.run(self.config, data=self.data(version))

    def resume(self) -> Report:
        return library.run(self.config, resume=True)

    def recover(self, how: str, version: int) -> int:
        """After a kill: the same run again, one whose source has gone back, or `--resume`. Says what must be held."""
        report = self.resume() if how == "resume" else self.run(version - (how == "back"))
        assert (report.status, report.exit_code) == ("finished", 0)
        assert report.read == self._count + 1
        return version - (how == "back")

    def check(self, version: int) -> None:
        """The destination equals the source, one more run sends nothing, and every run of the history adds up."""
        expected = held(source(self._count, version))
        found = people(self.local)
        assert {key: found.get(key) for key in expected if found.get(key) != expected[key]} == {}
        assert found.keys() == expected.keys()
        before = self.local.app.log.total
        assert self.run(version).exit_code == 0
        assert self.local.app.log.total == before
        self.check_history()

    def check_history(self) -> None:
        for _, report in history(str(self.config), None):
            assert report.status in {"finished", "interrupted"}
            assert sum(report.counts.values()) == report.read

    def settle_down(self) -> None:
        """Until the emulator has read all that the dead process wrote: two turns of its loop."""
        for _ in range(2):
            urlopen(f"{self.local.url}/", timeout=DEADLINE_S).close()


@pytest.fixture
def scene(tmp_path: Path, emulate: Emulate) -> Callable[..., Scene]:
    def make(count: int, *, latency_s: float = 0.0, **destination: object) -> Scene:
        return Scene(tmp_path, emulate(latency_s=latency_s), count=count, **destination)

    return make


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.001)


def killed(process: subprocess.Popen[str]) -> bool:
    """SIGKILL; False when the process had ended before."""
    process.kill()
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode in {0, -signal.SIGKILL}
    return process.returncode == -signal.SIGKILL


def kill_at(scene: Scene, words: Sequence[str | Path], request: int, delay_s: float) -> bool:
    """Kills a process so long after its nth request arrived."""
    arrived = threading.Event()
    scene.local.at_request(request, arrived.set)
    process = scene.syncline.start(*words)
    wait_until(lambda: arrived.is_set() or process.poll() is not None)
    time.sleep(delay_s)  # the random moment
    dead = killed(process)
    scene.settle_down()
    return dead


def phase(scene: Scene) -> str:
    """What the lock's note says that the run is at."""
    for lock in scene.project.folder.glob(".syncline/*/*.lock"):
        note = json.loads(lock.read_bytes().strip() or b"{}")
        return str(note.get("phase", ""))
    return ""


def start_until(scene: Scene, words: Sequence[str | Path], name: str) -> subprocess.Popen[str]:
    """A process that has reached this phase."""
    process = scene.syncline.start(*words)
    wait_until(lambda: phase(scene) == name or process.poll() is not None)
    assert process.poll() is None, f"it ended before it was seen {name}"
    return process


# --- while delivering ----------------------------------------------------------------------------------------------


@pytest.mark.promise("S3", "S3b")
@pytest.mark.parametrize("then", ["again", "back", "resume"])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_killed_while_delivering(scene: Callable[..., Scene], chance: Random, endpoint: str, then: str) -> None:
    here = scene(ENDPOINTS[endpoint], api=endpoint)
    here.run(0)
    kills, version = 0, 0
    for _ in range(KILLS):
        version += 1
        planned = len(held(source(ENDPOINTS[endpoint], version))) * 2 // 3
        requests = planned // BATCH_ITEMS if endpoint == "batch" else planned
        here.local.app.latency_s = LATENCY_S
        kills += kill_at(here, here.words(version), chance.randint(1, requests - 4), chance.uniform(0, LATENCY_S))
        here.local.app.latency_s = 0.0
        here.check_history()
        version = here.recover(then, version)
        here.check(version)
    assert kills, "every process ended before it was killed: nothing was shown"


@pytest.mark.promise("S4")
@pytest.mark.parametrize("then", ["again", "back", "resume"])
@pytest.mark.parametrize("between", ["again", "resume"])
def test_killed_twice_in_a_row(scene: Callable[..., Scene], chance: Random, between: str, then: str) -> None:
    """The recovery is killed, too."""
    here = scene(ENDPOINTS["batch"], latency_s=LATENCY_S)
    here.run(0)
    for words, latest in ((here.words(1), 8), (here.words(1, resume=between == "resume"), 4)):
        assert kill_at(here, words, chance.randint(1, latest), chance.uniform(0, LATENCY_S))
    here.check(here.recover(then, 1))


@pytest.mark.promise("S5")
@pytest.mark.parametrize("then", ["again", "resume"])
def test_what_a_kill_sends_again_is_bounded(scene: Callable[..., Scene], chance: Random, then: str) -> None:
    """At most what was in flight, and what the commit window held: by then acknowledged, not yet recorded."""
    count, items, latency_s = 400, 5, 0.1
    here = scene(count, latency_s=latency_s, batchItems=items)
    arrivals: list[float] = []
    here.local.app.on_request(lambda arrival: arrivals.append(time.monotonic()))
    assert kill_at(here, here.words(0), chance.randint(40, 65), chance.uniform(0, latency_s))
    at = arrivals[-1]
    held_back_s = Policy().window_s + latency_s + 0.1  # the last: for a commit to reach the disk of a busy machine
    unrecorded = items * sum(moment >= at - held_back_s for moment in arrivals)
    sent = here.local.app.workspace.writes

    here.local.app.latency_s = 0.0
    here.recover(then, 0)
    again = here.local.app.workspace.writes - count
    assert 0 < again <= PARALLELISM * items + unrecorded < sent
    here.check(0)


def test_killed_while_what_had_been_turned_away_was_sent_again(scene: Callable[..., Scene]) -> None:
    """A 401 proves that nothing was applied; but the resumed run sends it once more, and dies of it."""
    here = scene(30)
    here.run(0)
    here.local.app.workspace.credentials = Credentials(api_key="rotated")
    assert here.run(1).exit_code == 3
    here.local.app.workspace.credentials = Known()
    here.local.app.latency_s = 30.0  # applied at once, answered never
    assert kill_at(here, here.words(1, resume=True), 1, 0.0) is True
    here.local.app.latency_s = 0.0
    (_, report) = history(str(here.config), None)[-1]
    assert (report.status, report.counts[Outcome.UNKNOWN]) == ("interrupted", 21)
    here.check(here.recover("back", 1))


# --- while planning, while merging ---------------------------------------------------------------------------------


@pytest.mark.promise("S3", "S3b")
@pytest.mark.parametrize("then", ["again", "back"])
def test_killed_while_planning(scene: Callable[..., Scene], chance: Random, then: str) -> None:
    """Nothing was sent, `--resume` says so as often as it is asked, and the run before is as it was."""
    here = scene(MANY, batchItems=500)
    here.run(0)
    before = here.local.app.log.total
    process = start_until(here, here.words(1), "planning")
    time.sleep(chance.uniform(0, 0.05))  # the random moment
    assert killed(process)
    assert phase(here) == "planning"
    assert here.local.app.log.total == before
    for _ in range(2):
        ended = here.syncline("run", here.config, "--resume", "--json")
        assert (ended.code, ended.document["status"]) == (2, "refused")
        assert "nothing was sent" in ended.stderr
    assert [report.status for _, report in history(str(here.config), None)] == ["finished"]
    assert here.local.app.log.total == before
    here.check(here.recover(then, 1))


def test_killed_while_planning_after_answers_were_lost(scene: Callable[..., Scene], chance: Random) -> None:
    """What the run before the dead one left in doubt stays in doubt."""
    here = scene(MANY, batchItems=500)
    here.run(0)
    here.local.app.latency_s = 30.0  # applied at once, answered never
    assert kill_at(here, here.words(1), 1, 0.0)
    here.local.app.latency_s = 0.0
    process = start_until(here, here.words(1), "planning")
    time.sleep(chance.uniform(0, 0.05))  # the random moment
    assert killed(process)
    here.check(here.recover("back", 1))


@pytest.mark.promise("S3", "S3b")
@pytest.mark.parametrize("then", ["again", "back", "resume"])
def test_killed_while_merging(scene: Callable[..., Scene], chance: Random, then: str) -> None:
    """All was acknowledged and recorded; what is cut is only the book-keeping."""
    here = scene(MANY, batchItems=500)
    here.run(0)
    process = start_until(here, here.words(1), "merging")
    time.sleep(chance.uniform(0, 0.03))  # the random moment
    assert killed(process)
    requests = here.local.app.log.total
    assert [report.status for _, report in history(str(here.config), None)] == ["finished", "finished"]
    version = here.recover(then, 1)
    if then != "back":
        assert here.local.app.log.total == requests
    here.check(version)


# --- signals -------------------------------------------------------------------------------------------------------


@pytest.mark.promise("C1")
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    ("number", "code", "reason"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_ends_the_run_in_good_order(
    scene: Callable[..., Scene], chance: Random, endpoint: str, number: signal.Signals, code: int, reason: str
) -> None:
    count = ENDPOINTS[endpoint]
    here = scene(count, latency_s=LATENCY_S, api=endpoint)
    arrived = threading.Event()
    here.local.at_request(chance.randint(1, 20), arrived.set)
    process = here.syncline.start(*here.words(0))
    assert arrived.wait(DEADLINE_S)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == code, stderr
    assert "stopping" in stderr
    document = json.loads(stdout)
    counts = document["counts"]
    assert (document["status"], document["stopped"]["reason"]) == ("interrupted", reason)
    assert sum(counts.values()) == document["read"] == count + 1
    assert counts["delivered"] == here.local.app.workspace.writes  # what was in flight came home
    assert (counts["unknown"], counts["deferred"]) == (0, count - counts["delivered"])
    assert 0 < counts["delivered"] < count
    assert document["requests"] == here.local.app.log.total

    ended = here.syncline(*here.words(0, resume=True))
    assert (ended.code, ended.document["status"], ended.document["counts"]["delivered"]) == (0, "finished", count)
    assert here.local.app.workspace.writes == count
    here.check(0)


@pytest.mark.promise("C2")
def test_a_second_interrupt_ends_at_once(scene: Callable[..., Scene]) -> None:
    here = scene(30)
    here.run(0)
    here.local.app.latency_s = 30.0
    arrived = threading.Event()
    here.local.at_request(1, arrived.set)
    process = here.syncline.start(*here.words(1))
    assert arrived.wait(DEADLINE_S)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while "stopping" not in (line := process.stderr.readline()):
        assert line, "it said nothing"
    assert process.poll() is None
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=DEADLINE_S)
    assert time.monotonic() - began < Policy().grace_s / 2
    assert process.returncode == 130
    here.local.app.latency_s = 0.0
    here.check(here.recover("back", 1))


def test_an_interrupt_while_planning_sends_nothing(scene: Callable[..., Scene]) -> None:
    here = scene(MANY)
    process = start_until(here, here.words(0), "planning")
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130, stderr
    assert "nothing was sent" in stderr
    document = json.loads(stdout)
    assert (document["status"], document["stopped"]["reason"]) == ("interrupted", "interrupted")
    assert here.local.app.log.total == 0
    assert history(str(here.config), None) == []
    with pytest.raises(NothingToResume):
        here.resume()
