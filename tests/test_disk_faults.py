"""A disk that fails at any call: no new request after it, nothing lost, and a way on that is told in one line.

The faults are the kernel's own answers to the calls of a real process (`syscalls/`), or a small disk that is full.
SYNCLINE_POINTS=all lets each call fail in turn, where by default 8 of each kind do; SYNCLINE_SEED says which.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from conftest import Emulate, Local, Project, Row, Syncline, people
from syncline.history import history
from syscalls import LET, Act, Call, Ended, Judge, Nursery, lacking

needs_seccomp = pytest.mark.skipif(bool(lacking()), reason=f"no call can be made to fail here, for want of {lacking()}")

POINTS = os.environ.get("SYNCLINE_POINTS", "8")
SEED = int(os.environ.get("SYNCLINE_SEED", str(time.time_ns() % 1_000_000)))
PARALLELISM, ITEMS, PEOPLE = 4, 5, 120
WRITES = ("pwrite64", "write", "ftruncate", "fallocate")
READS = ("pread64", "read")
NAMES = ("openat", "mkdir", "mkdirat", "rename", "renameat", "renameat2", "unlink", "unlinkat")
SYNCS = ("fsync", "fdatasync")


def rows(plan: str, count: int = PEOPLE) -> list[Row]:
    return [{"id": at, "name": f"Ada {at}", "plan": plan} for at in range(1, count + 1)]


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as one:
        yield one


class Disk:
    """A judge of the calls that touch what Syncline keeps: the nth such call fails, and with `sticky` all that follow.
    requests: how many had arrived when the first one failed."""

    def __init__(self, local: Local, names: Sequence[str], error: int, at: int, *, sticky: bool) -> None:
        self._local, self._names, self._error, self._at, self._sticky = local, names, error, at, sticky
        self.met = 0
        self.requests: int | None = None

    def __call__(self, call: Call) -> Act:
        if call.name not in self._names or "/.syncline" not in call.path:
            return LET
        self.met += 1
        if self.met < self._at or (self.met > self._at and not self._sticky):
            return LET
        if self.requests is None:
            self.requests = self._local.app.log.total
        return self._error


class Scene(NamedTuple):
    """A project that has run once, and whose source has changed since."""

    nursery: Nursery
    project: Project
    local: Local
    config: Path
    data: Path
    before: int = 0  # requests of the first run

    def run(self, judge: Judge, *more: str) -> Ended:
        data = () if "--resume" in more else ("-d", self.data)
        return self.nursery.run(["run", self.config, *data, *more, "--json"], self.project.folder, judge)

    def check(self, ended: Ended, disk: Disk) -> None:
        """Refused if nothing had been sent, else stopped for the disk; and after the failure nobody set out."""
        assert "Traceback" not in ended.stderr
        assert len(ended.stderr.strip().splitlines()) <= 1, ended.stderr
        sent = self.local.app.log.total - self.before
        if disk.requests is None or ended.code == 0:  # it failed where nothing hangs on it: at the tidying up, say
            assert ended.code == 0, ended
            return
        assert self.local.app.log.total - disk.requests <= PARALLELISM
        assert ended.code in ({2, 3} if not sent else {3}), ended
        if ended.code == 3:
            assert ended.document["stopped"]["reason"] == "disk", ended.stdout
        else:
            assert ended.document["status"] == "refused"

    def come_right(self, ended: Ended) -> None:
        """The disk is well again: the rest arrives, by `--resume` where there is something to resume."""
        after = self.run(lambda call: LET, *(["--resume"] if ended.code == 3 else []))
        if after.code == 2:
            assert "no run to resume" in after.stderr or "killed while it planned" in after.stderr, after.stderr
            after = self.run(lambda call: LET)
        assert after.code == 0, after
        assert self.run(lambda call: LET).document["requests"] == 0
        wanted = {str(row["id"]): {"name": row["name"], "plan": row["plan"]} for row in rows("new")}
        assert people(self.local) == wanted
        assert all(sum(report.counts.values()) == report.read for _, report in history(str(self.config), None))


@pytest.fixture
def scene(nursery: Nursery, tmp_path: Path, emulate: Emulate) -> Callable[[str], Scene]:
    """A fresh one at each call; known: has it run before?"""

    def make(name: str, *, known: bool = True) -> Scene:
        local = emulate()
        folder = tmp_path / name
        folder.mkdir()
        project = Project(folder, local.url)
        config = project.config(parallelism=PARALLELISM, destination={"batchItems": ITEMS})
        made = Scene(nursery, project, local, config, project.data(rows("old")))
        if known:
            assert made.run(lambda call: LET).code == 0
        project.data(rows("new"))
        return made._replace(before=local.app.log.total)

    return make


def points(scene: Scene, names: Sequence[str]) -> int:
    """How many such calls an undisturbed run makes."""
    disk = Disk(scene.local, names, 0, 10**9, sticky=False)
    assert scene.run(disk).code == 0
    return disk.met


@needs_seccomp
@pytest.mark.promise("S8")
@pytest.mark.parametrize("known", [False, True], ids=["first run", "later run"])
@pytest.mark.parametrize("sticky", [False, True], ids=["once", "for good"])
def test_62_a_disk_that_is_full_at_any_write_stops_the_run_and_costs_nothing(
    scene: Callable[..., Scene], known: bool, sticky: bool
) -> None:
    _at_each(scene, WRITES, errno.ENOSPC, known=known, sticky=sticky)


@needs_seccomp
@pytest.mark.promise("S8")
@pytest.mark.parametrize("known", [False, True], ids=["first run", "later run"])
@pytest.mark.parametrize("sticky", [False, True], ids=["once", "for good"])
def test_63_an_error_of_any_fsync_stops_the_run_and_costs_nothing(
    scene: Callable[..., Scene], known: bool, sticky: bool
) -> None:
    _at_each(scene, SYNCS, errno.EIO, known=known, sticky=sticky)


@needs_seccomp
@pytest.mark.promise("S8")
@pytest.mark.parametrize("known", [False, True], ids=["first run", "later run"])
@pytest.mark.parametrize("sticky", [False, True], ids=["once", "for good"])
def test_63_an_error_of_any_read_stops_the_run_and_costs_nothing(
    scene: Callable[..., Scene], known: bool, sticky: bool
) -> None:
    _at_each(scene, READS, errno.EIO, known=known, sticky=sticky)


@needs_seccomp
@pytest.mark.promise("S8")
@pytest.mark.parametrize("known", [False, True], ids=["first run", "later run"])
@pytest.mark.parametrize("error", [errno.EIO, errno.EMFILE, errno.EACCES], ids=errno.errorcode.get)
def test_63_a_file_that_cannot_be_opened_moved_or_removed_stops_the_run_and_costs_nothing(
    scene: Callable[..., Scene], known: bool, error: int
) -> None:
    _at_each(scene, NAMES, error, known=known, sticky=False)


def _at_each(scene: Callable[..., Scene], names: Sequence[str], error: int, *, known: bool, sticky: bool) -> None:
    count = points(scene("undisturbed", known=known), names)
    chosen = range(1, count + 1)
    ends: dict[int, int] = {}
    for at in chosen if POINTS == "all" else Random(SEED).sample(chosen, min(count, int(POINTS))):
        one = scene(f"{at}", known=known)
        disk = Disk(one.local, names, error, at, sticky=sticky)
        ended = one.run(disk)
        one.check(ended, disk)
        one.come_right(ended)
        ends[ended.code] = ends.get(ended.code, 0) + 1
    print(f"SYNCLINE_SEED={SEED}: of {count} calls, exits {ends}")


@needs_seccomp
@pytest.mark.promise("A5")
@pytest.mark.parametrize("verb", [("runs",), ("report", "--run", "1"), ("run", "--dry-run")], ids=lambda verb: verb[0])
def test_63_who_only_looks_is_told_of_an_error_of_any_read(scene: Callable[..., Scene], verb: Sequence[str]) -> None:
    one = scene("looked at")
    data = ("-d", one.data) if verb[0] == "run" else ()
    words = (verb[0], one.config, *verb[1:], *data, "--json")

    def look(judge: Judge) -> Ended:
        return one.nursery.run(words, one.project.folder, judge)

    counting = Disk(one.local, READS, errno.EIO, 10**9, sticky=False)
    whole = look(counting)
    assert (whole.code, counting.met > 3) == (0, True)
    for at in range(1, counting.met + 1):
        ended = look(Disk(one.local, READS, errno.EIO, at, sticky=False))
        assert "Traceback" not in ended.stderr
        assert (ended.code, len(ended.stderr.strip().splitlines())) == (2, 1) or ended.stdout == whole.stdout, ended


# --- a small disk, really full, and one that is read only -------------------------------------------------------------


class SmallDisk(NamedTuple):
    """A file system of its own in memory."""

    folder: Path

    def remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", self.folder], check=True)

    def fill(self) -> None:
        """To the last byte."""
        with suppress(OSError), (self.folder / "filler").open("wb", buffering=0) as filler:
            for size in (1 << 16, 1 << 12, 1):
                with suppress(OSError):
                    while True:
                        filler.write(bytes(size))

    def free(self) -> None:
        (self.folder / "filler").unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a disk of its own needs root, and the right to mount one")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.promise("S8", "A5")
def test_62_a_plan_that_does_not_fit_on_the_disk_is_refused_and_leaves_the_ledger_as_it_was(
    project: Project, local: Local, syncline: Syncline, small_disk: SmallDisk
) -> None:
    config, state = project.config(), ("--state-dir", small_disk.folder)
    assert syncline("run", config, "-d", project.data(rows("old", 50)), *state).code == 0
    (ledger,) = small_disk.folder.glob("*/*.db")
    before, sent = ledger.read_bytes(), local.app.log.total
    many = project.data(rows("new", 20_000), "many.json")
    refused = syncline("run", config, "-d", many, *state)
    assert (refused.code, local.app.log.total) == (2, sent)
    assert "database or disk is full; " in refused.stderr
    assert refused.stderr.strip().endswith("Free the disk, then run again.")
    assert len(refused.stderr.strip().splitlines()) == 1
    assert (ledger.read_bytes(), [*ledger.parent.glob("*-wal")]) == (before, [])
    small_disk.remount("size=64m")
    assert syncline("run", config, "-d", many, *state).code == 0
    assert len(people(local)) == 20_000


@pytest.mark.promise("S8")
def test_62_a_disk_that_fills_up_under_way_stops_the_run_which_goes_on_when_there_is_room(
    project: Project, emulate: Emulate, syncline: Syncline, small_disk: SmallDisk
) -> None:
    """A run that is resumed: of one that has just planned, the -wal has room for all that follows."""
    local = emulate("401:100%", latency_s=0.02)
    small_disk.remount("size=4m")
    config = project.config(parallelism=PARALLELISM, destination={"baseUrl": local.url, "batchItems": ITEMS})
    data, state = project.data(rows("new", 1_500)), ("--state-dir", small_disk.folder)
    assert syncline("run", config, "-d", data, *state).code == 3
    local.turn()
    local.at_request(20, small_disk.fill)
    stopped = syncline("run", config, "--resume", *state, "--json")
    assert (stopped.code, stopped.document["stopped"]["reason"]) == (3, "disk")
    assert stopped.stderr.strip().endswith("database or disk is full. Free the disk, then run with --resume")
    assert len(people(local)) < 1_500
    small_disk.free()
    assert syncline("run", config, "--resume", *state).code == 0
    assert len(people(local)) == 1_500
    assert syncline("run", config, "-d", data, *state, "--json").document["requests"] == 0


@pytest.mark.promise("A5")
@pytest.mark.parametrize("known", [False, True])
def test_64_a_folder_that_is_read_only_is_refused_before_anything_is_sent(
    project: Project, local: Local, syncline: Syncline, small_disk: SmallDisk, known: bool
) -> None:
    """Nobody, not even root, writes there; who only looks is told as ever."""
    config, data, state = project.config(), project.data(rows("old", 5)), ("--state-dir", small_disk.folder)
    if known:
        assert syncline("run", config, "-d", data, *state).code == 0
    small_disk.remount("ro")
    sent = local.app.log.total
    refused = syncline("run", config, "-d", data, *state, "--json")
    assert (refused.code, refused.document["status"], local.app.log.total) == (2, "refused", sent)
    assert len(refused.stderr.strip().splitlines()) == 1
    assert "make its folder writable" in refused.stderr if known else "make it writable" in refused.stderr
    shown = syncline("run", config, "-d", data, "--dry-run", *state, "--json")
    assert (shown.code, shown.document["counts"]["unchanged" if known else "new"]) == (0, 5)
    small_disk.remount("rw")
    assert syncline("run", config, "-d", data, *state).code == 0


@pytest.mark.promise("S8")
def test_62_a_report_that_cannot_be_written_costs_nothing_but_itself(
    project: Project, local: Local, syncline: Syncline, small_disk: SmallDisk
) -> None:
    """The run tells its own on stdout and keeps it in the ledger; a file is written by a verb of its own."""
    config = project.config()
    told = syncline("run", config, "-d", project.data([*rows("new", 5), {"id": True}]))
    assert (told.code, "1 invalid" in told.stdout) == (1, True)
    small_disk.fill()
    assert syncline("report", config, "--csv", small_disk.folder / "bad.csv").code == 2
    assert not (small_disk.folder / "bad.csv").exists()
    small_disk.free()
    assert syncline("report", config, "--csv", small_disk.folder / "bad.csv").code == 0
    assert "identifier-unfit" in (small_disk.folder / "bad.csv").read_text(encoding="utf-8")


def test_62_a_full_stdout_changes_nothing_of_how_a_run_ended(
    project: Project, local: Local, syncline: Syncline
) -> None:
    config, data = project.config(), project.data(rows("new", 5))
    with open("/dev/full", "wb") as full:
        words = [sys.executable, "-m", "syncline", "run", str(config), "-d", str(data)]
        ended = subprocess.run(words, cwd=project.folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, len(people(local))) == (0, 5)
    assert "cannot write to stdout: No space left on device" in ended.stderr
    assert "1 finished: 5 read = 5 delivered" in syncline("report", config).stdout
