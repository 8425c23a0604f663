"""A story → what it came to; raises `AssertionError` for the first promise that was broken.

S3, S3b, S4: however often it was killed, the destination ends as without a crash, and so does the ledger; one more run
sends nothing. S5: nothing is sent a second time that the ledger had recorded, or that has a ticket; the rest was in
flight, or acknowledged within the commit window. A1: every run adds up.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from crashes.remains import State, plan_of, recorded, state
from crashes.scene import Scene
from crashes.story import How, Start, Story
from crashes.ways import PARALLELISM, Row
from syscalls import DIE, Act, Call, Ended, Judge, die_at, let_all

_KINDS = ("send", "receive", "write", "sync", "name")
_WINDOW_S = 0.25  # as docs/explanation/plan-and-doubt.md has it, whatever the policy may say
_BUSY_S = 0.15  # for a commit that is due to reach the disk of a busy machine


def counts(call: Call) -> bool:
    """Whatever can be seen from outside. What only reads a file changes nothing that a death could leave behind."""
    return call.kind in _KINDS


class Told(NamedTuple):
    """died: the calls in whose place; empty where a process came to its end before. resent: how many people were sent
    again after one death, at most; bound: how many the documentation allows then."""

    died: Sequence[Call]
    resent: int = 0
    bound: int = 0


class Death(NamedTuple):
    """In the place of which call, when, and what had been answered by then."""

    call: Call
    at: float
    answered: frozenset[str]


class Truth(NamedTuple):
    """What is there when nothing was killed."""

    held: Mapping[str, Row]
    state: State
    files: set[str]


def length(scene: Scene, start: Start) -> int:
    """How many calls that count a run makes, if nobody ends it."""
    _begin(scene, start)
    ended = scene.run("again", let_all)
    scene.end()
    return sum(map(counts, ended.calls))


def truth(scene: Scene, story: Story) -> Truth:
    """The same story without a death."""
    _begin(scene, story.start)
    _finished(scene.run("again"))
    if story.goes_back:
        scene.turn(0)
        _finished(scene.run("back"))
    _finished(scene.run("again"))
    found = Truth(scene.held, state(scene.folder), scene.files)
    scene.end()
    return found


def _begin(scene: Scene, start: Start) -> None:
    """Up to where the source has new values and nobody has run yet."""
    scene.begin()
    if start == "known":
        _finished(scene.run("again"))
    scene.turn(1)


def _finished(ended: Ended) -> Any:
    """Its report, when all is well."""
    assert (ended.code, ended.document["status"]) == (0, "finished"), ended.stdout + ended.stderr
    report = ended.document
    assert sum(report["counts"].values()) == report["read"], report
    assert report["counts"]["delivered"] + report["counts"]["unchanged"] + report["counts"]["folded"] == report["read"]
    return report


class Trial:
    """One story, as it is played."""

    def __init__(self, scene: Scene, story: Story, expected: Truth) -> None:
        self._scene, self._story, self._expected = scene, story, expected
        self._before: Counter[str] = Counter()  # stamps sent so far, and how often
        self._risked: set[str] = set()  # of these, what the ledger had not recorded at the latest death
        self._allowed = self._resent = self._bound = self._met = 0
        self._died: list[Call] = []
        self._latest: set[str] = set()  # what the latest process sent
        self._planned = False  # is the ledger's plan the one for what the source holds now?

    def play(self) -> Told:
        _begin(self._scene, self._story.start)
        self._met = len(self._scene.sent)
        how: How = "again"
        for step in self._story.steps:
            ended = self._kill(how, step.call)
            if ended.code != -signal.SIGKILL:
                assert ended.code in (0, 2), ended.stderr
                self._scene.end()
                return Told(())
            how = step.then
            if how == "back":
                self._scene.turn(0)
                self._planned = False
        self._recover(how)
        self._check()
        self._scene.end()
        return Told(self._died, self._resent, self._bound)

    def _kill(self, how: How, call: int) -> Ended:
        """Runs until death, and sees what the dead one left."""
        before, deaths = plan_of(self._scene.folder), list[Death]()
        ended = self._scene.run(how, _noting(deaths, die_at(call, counts), self._scene))
        assert "Traceback" not in ended.stderr, ended.stderr
        self._latest = sent = self._count()
        if how != "resume":
            self._planned = plan_of(self._scene.folder) > before
            assert self._planned or not sent, f"sent before its plan was durable: {sorted(sent)}"
        if deaths:
            self._bury(deaths[0])  # another thread may ask after that, while the process is dying
        return ended

    def _count(self) -> set[str]:
        """What the latest process sent. Of that, what had been sent before was at risk, and is within the bound."""
        new = Counter(stamp for sent in self._scene.sent[self._met :] for stamp in sent.stamps)
        self._met = len(self._scene.sent)
        again = {stamp for stamp in new if self._before[stamp]}
        assert max(new.values(), default=1) == 1, f"one process sent the same twice: {new}"
        assert again <= self._risked, f"sent again, and the ledger had it: {sorted(again - self._risked)}"
        assert len(again) <= self._allowed, f"{len(again)} sent again; the bound is {self._allowed}"
        if len(again) >= self._resent:
            self._resent, self._bound = len(again), self._allowed
        self._before += new
        return set(new)

    def _bury(self, death: Death) -> None:
        """What is at risk now: it was in flight, or acknowledged within the commit window."""
        self._died.append(death.call)
        safe, door = recorded(self._scene.folder), self._scene.vendor.door
        assert safe <= death.answered, f"recorded before its answer had come: {sorted(safe - death.answered)}"
        asked_for = {stamp for stamp in door.asked_for if stamp.endswith(f"v{self._scene.version}")}
        assert asked_for <= safe, f"asked for before its ticket was durable: {sorted(asked_for - safe)}"
        self._risked = set(self._before) - safe
        since = death.at - _WINDOW_S - self._scene.way.latency_s - _BUSY_S
        recent = {stamp for sent in self._scene.sent if sent.arrived >= since for stamp in sent.stamps}
        self._allowed = PARALLELISM * self._scene.way.batch + len(recent)

    def _recover(self, how: How) -> None:
        """Nobody is killed any more. Where no plan was made, `--resume` says so, or goes on with the one before."""
        if how == "resume":
            ended = self._scene.run("resume")
            self._latest |= self._count()
            assert "Traceback" not in ended.stderr, ended.stderr
            if self._planned and ended.code == 0:
                _finished(ended)
                return
            if ended.code != 0:
                said = "nothing was sent" in ended.stderr or "there is no run to resume" in ended.stderr
                assert (ended.code, said, self._planned, self._latest) == (2, True, False, set()), ended.stderr
        _finished(self._scene.run("again"))
        self._count()

    def _check(self) -> None:
        scene, expected = self._scene, self._expected
        assert scene.held == expected.held, f"the destination holds {scene.held}, and not {expected.held}"
        sent = len(scene.sent)
        report = _finished(scene.run("again"))
        assert len(scene.sent) == sent, f"one more run sent {[one.stamps for one in scene.sent[sent:]]}"
        assert report["counts"]["delivered"] == 0, report
        found = state(scene.folder)
        assert found == expected.state, f"the ledger differs: {found} and not {expected.state}"
        assert scene.files == expected.files, f"left behind: {sorted(scene.files ^ expected.files)}"
        scene.check_history()


def _noting(deaths: list[Death], judge: Judge, scene: Scene) -> Judge:
    """The same, and how somebody had to die."""

    def noting(call: Call) -> Act:
        act = judge(call)
        if act == DIE:
            deaths.append(Death(call, time.monotonic(), frozenset(scene.vendor.door.answered)))
        return act

    return noting
