"""Processes whose system calls are asked about: they are as without, until a judge has one fail or be the last."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from errno import EIO, ENOSPC
from pathlib import Path

import pytest

from conftest import Project
from syscalls import DIE, LET, Call, Nursery, die_at, fail, lacking

NOBODY = "http://127.0.0.1:9"  # nothing listens there


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    if missing := lacking():
        pytest.skip(f"no call can be asked about here, for want of {missing}")
    with Nursery() as nursery:
        yield nursery


@pytest.fixture
def words(tmp_path: Path) -> list[str | Path]:
    """A run that plans, and then finds nobody to send to: it waits, so whoever lets it come so far ends it there."""
    project = Project(tmp_path, NOBODY)
    return ["run", project.config(), "-d", project.data([{"id": 1, "name": "Ada"}]), "--json"]


def speaks(call: Call) -> bool:
    return call.path == "/dev/stdout"


def named(name: str, path: str = "x.db") -> Call:
    return Call(1, name, path, "write")


# --- judges -----------------------------------------------------------------------------------------------------------


def test_the_nth_call_that_counts_is_the_last() -> None:
    judge = die_at(2, speaks)
    calls = [named("write", "/dev/stdout"), named("write"), named("write", "/dev/stdout"), named("write")]
    assert [judge(call) for call in calls] == [LET, LET, DIE, DIE]


@pytest.mark.parametrize(("sticky", "acts"), [(False, [LET, EIO, LET]), (True, [LET, EIO, EIO])])
def test_the_nth_call_of_a_name_fails_and_later_ones_where_it_is_sticky(sticky: bool, acts: list[int]) -> None:
    judge = fail("fsync", EIO, at=2, path=".db", sticky=sticky)
    assert [judge(named("fsync")) for _ in range(3)] == acts
    assert judge(named("fsync", "x.db-wal")) == judge(named("fdatasync")) == LET


# --- processes --------------------------------------------------------------------------------------------------------


def test_a_process_does_what_it_would_have_done_and_its_calls_are_told(nursery: Nursery, tmp_path: Path) -> None:
    ended = nursery.run(["schema"], tmp_path)
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.document["$schema"]
    assert [(call.name, call.kind) for call in ended.calls if speaks(call)] == [("write", "write")]
    assert [call.number for call in ended.calls] == [*range(1, len(ended.calls) + 1)]
    assert nursery.run(["schema"], tmp_path, names=()).calls == []


def test_who_is_to_die_is_killed_before_the_call_is_made(nursery: Nursery, tmp_path: Path) -> None:
    ended = nursery.run(["schema"], tmp_path, die_at(1, speaks))
    assert (ended.code, ended.stdout) == (-signal.SIGKILL, "")
    assert nursery.run(["schema"], tmp_path).code == 0  # the next one is born all the same


@pytest.mark.parametrize(("name", "error"), [("fdatasync", EIO), ("pwrite64", ENOSPC), ("rename", EIO)])
def test_a_call_that_fails_has_not_happened(
    nursery: Nursery, tmp_path: Path, words: list[str | Path], name: str, error: int
) -> None:
    ended = nursery.run(words, tmp_path, fail(name, error, path=".new"))
    assert (ended.code, ended.document["status"]) == (2, "refused"), ended.stderr
    assert [call.name for call in ended.calls if call.path.endswith(".new")].count(name) >= 1
    assert not list(tmp_path.glob(".syncline/*/*.db"))


def test_a_call_of_another_thread_is_asked_about_too(nursery: Nursery, tmp_path: Path, words: list[str | Path]) -> None:
    """The delivery has an event loop, and where names are looked up it has threads."""
    config = Project(tmp_path, "http://localhost:9").config()
    ended = nursery.run(["run", config, *words[2:]], tmp_path, die_at(1, lambda call: call.path.endswith("/hosts")))
    assert ended.code == -signal.SIGKILL


def test_a_process_that_hangs_is_ended_and_that_is_an_error(
    nursery: Nursery, tmp_path: Path, words: list[str | Path]
) -> None:
    with pytest.raises(TimeoutError, match="had not ended after 1 s"):
        nursery.run(words, tmp_path, within_s=1)
    assert nursery.run(["schema"], tmp_path).code == 0
