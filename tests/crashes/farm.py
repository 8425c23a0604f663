"""Stories → what all of them came to, played side by side."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import NamedTuple

from crashes.scene import Scene
from crashes.story import HOWS, STARTS, How, Start, Step, Story
from crashes.trial import Told, Trial, Truth, length, truth
from crashes.ways import WAYS
from syscalls import Nursery

_MEMORY = Path("/dev/shm")  # a quick disk: what a SIGKILL leaves is the same on any
BETWEEN: Sequence[How] = ("again", "resume")
_OF_A_RECOVERY = 0.7  # of the calls of a whole run: most make no more, and a story in which nobody dies shows nothing
_FAILURES_AT_MOST = 5  # of one column: the rest would say the same


class Tally(NamedTuple):
    """What stories of one way came to. deaths: how many; worst: people sent again after one of them, and the bound
    there; failures: each with what shows it again."""

    way: str
    deaths: int = 0
    worst: tuple[int, int] = (0, 0)
    failures: tuple[str, ...] = ()

    def plus(self, other: Tally) -> Tally:
        worst = max(self.worst, other.worst)
        return Tally(self.way, self.deaths + other.deaths, worst, self.failures + other.failures)


class Bench:
    """Plays stories in a folder: a nursery, the scenes it needs, and what there is without a death, once each."""

    def __init__(self, home: Path) -> None:
        self._home, self._all = home, ExitStack()
        self._nursery = self._all.enter_context(Nursery())
        self._scenes: dict[str, Scene] = {}
        self._lengths: dict[tuple[str, Start], int] = {}
        self._truths: dict[tuple[str, Start, bool], Truth] = {}

    def close(self) -> None:
        self._all.close()

    def _scene(self, way: str) -> Scene:
        if way not in self._scenes:
            self._scenes[way] = Scene(WAYS[way], self._nursery, self._home)
            self._all.callback(self._scenes[way].close)
        return self._scenes[way]

    def length(self, way: str, start: Start) -> int:
        """How many calls that count a run makes."""
        if (way, start) not in self._lengths:
            self._lengths[way, start] = length(self._scene(way), start)
        return self._lengths[way, start]

    def play(self, story: Story) -> Told:
        """Raises `AssertionError`."""
        scene, key = self._scene(story.way), (story.way, story.start, story.goes_back)
        if key not in self._truths:
            self._truths[key] = truth(scene, story)
        return Trial(scene, story, self._truths[key]).play()

    def tried(self, story: Story) -> Tally:
        try:
            told = self.play(story)
        except Exception as broken:  # whatever it is, it is told with the story that shows it
            kind = type(broken).__name__
            return Tally(story.way, failures=(f"{story}\n    {kind}: {broken}\n    {replay(story)}",))
        return Tally(story.way, len(told.died), (told.resent, told.bound))


def replay(story: Story) -> str:
    """What shows a failure again."""
    return f'make crashes STORY="{story}"'


class Column(NamedTuple):
    """A death in the place of each call in turn, from `first` on, every `stride`th, until a run ends before it is met.

    before: what has happened up to there; then: what follows, in turn.
    """

    way: str
    start: Start
    then: Sequence[How]
    first: int = 1
    stride: int = 1
    before: tuple[Step, ...] = ()

    def stories(self) -> Iterator[Story]:
        for at in count():
            step = Step(self.first + at * self.stride, self.then[at % len(self.then)])
            yield Story(self.way, self.start, (*self.before, step))

    def play(self, bench: Bench) -> Tally:
        whole = Tally(self.way)
        for story in self.stories():
            tally = bench.tried(story)
            whole = whole.plus(tally)
            if not (tally.deaths or tally.failures) or len(whole.failures) == _FAILURES_AT_MOST:
                break
        return whole


class Sample(NamedTuple):
    """So many stories of one way, chosen by a seed, each with so many deaths in a row."""

    way: str
    deaths: int
    stories: int
    seed: str

    def play(self, bench: Bench) -> Tally:
        whole, chance = Tally(self.way), Random(self.seed)
        for _ in range(self.stories):
            whole = whole.plus(bench.tried(self._story(bench, chance)))
        return whole

    def _story(self, bench: Bench, chance: Random) -> Story:
        start = chance.choice(STARTS)
        length = bench.length(self.way, start)
        first, *later = [chance.randint(1, length)] + [
            chance.randint(1, round(length * _OF_A_RECOVERY)) for _ in range(1, self.deaths)
        ]
        thens = [chance.choice(BETWEEN) for _ in later] + [chance.choice(HOWS)]
        return Story(self.way, start, tuple(map(Step, (first, *later), thens)))


@contextmanager
def farm() -> Iterator[Executor]:
    """More processes than cores, as some of each trial is waiting; a warning is an error there, too."""
    processes = (os.cpu_count() or 1) * 3 // 2
    place = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with (
        tempfile.TemporaryDirectory(prefix="crashes-", dir=place) as home,
        ProcessPoolExecutor(processes, get_context("spawn"), _open, (Path(home),)) as workers,
    ):
        yield workers


def _open(home: Path) -> None:
    """Nobody closes it: nursery and servers end with the process."""
    global _bench  # the one thing that a worker keeps from task to task
    warnings.simplefilter("error")
    _bench = Bench(Path(tempfile.mkdtemp(dir=home)))


_bench: Bench


def play(part: Column | Sample) -> Tally:
    """In a worker."""
    return part.play(_bench)


def told(tallies: Iterable[Tally]) -> dict[str, Tally]:
    """By way."""
    found: dict[str, Tally] = {}
    for tally in tallies:
        found[tally.way] = found.get(tally.way, Tally(tally.way)).plus(tally)
    return found
