"""Planted bugs → who caught them. Each alone, in a private copy of the tree, where each test that it names must fail.

`make mutants`, or with words of their names: `make mutants ONLY="doubt ticket"`. Exits 1 unless every one is caught.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from mutants.catalogue import ROOT, DidNotApply, Mutant, mutants
from mutants.tree import Copy

AT_ONCE = 2  # copies under test
WITHIN_S = 180.0  # one test of a planted bug; one that hangs for longer has not said what is wrong
_SOUND_WITHIN_S = 600.0


class Found(NamedTuple):
    """What became of a planted bug. word: `caught` by all the tests it names, or why not."""

    mutant: Mutant
    word: str
    told: str
    seconds: float

    @property
    def line(self) -> str:
        place = f"{self.mutant.name} [{', '.join(self.mutant.breaks)}]"
        return f"{self.word:<13} {place}\n{'':<13} {self.told} in {self.seconds:.1f} s"


def tried(mutant: Mutant, sound: Copy, folder: Path) -> Found:
    """Plants it in a copy, and runs the tests that it names one by one."""
    began = time.monotonic()

    def found(word: str, told: str) -> Found:
        return Found(mutant, word, told, time.monotonic() - began)

    try:
        copy = Copy(sound.folder, folder, compiled=True)
        mutant.plant(copy.folder)
        for test in mutant.tests:
            ended = copy.test(test, within_s=WITHIN_S)
            if ended.code == 0:
                return found("SURVIVED", f"{test} passes")
            if ended.code != 1 or not any(_is(test, failed) for failed in ended.failed):
                return found("NOT TESTED", f"{test} did not run to its end:\n{ended.output[-2_000:]}")
    except DidNotApply as moved:
        return found("DID NOT APPLY", str(moved))
    except subprocess.TimeoutExpired:
        return found("HUNG", f"{test} had not ended after {WITHIN_S:.0f} s")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found("caught", f"by {', '.join(test.removeprefix('tests/') for test in mutant.tests)}")


def _is(test: str, failed: str) -> bool:
    """An id without parameters means all of them."""
    return failed == test or failed.startswith(f"{test}[")


def wrong_with(copy: Copy, tests: Sequence[str]) -> str:
    """What these tests say where no bug is planted: one that always fails would catch everything. "" when they pass."""
    try:
        ended = copy.test(*tests, within_s=_SOUND_WITHIN_S, first=False)
    except subprocess.TimeoutExpired:
        return f"the tests had not ended after {_SOUND_WITHIN_S:.0f} s"
    return "" if ended.code == 0 else ended.output[-4_000:]


def told(trials: Sequence[Future[Found]]) -> int:
    """A line each, as they end → how many were caught."""
    caught = 0
    for trial in as_completed(trials):
        found = trial.result()
        caught += found.word == "caught"
        print(found.line, flush=True)
    return caught


def main(words: Sequence[str], root: Path = ROOT, every: Sequence[Mutant] | None = None) -> int:
    """words: names of mutants, or parts of them; none for all."""
    began = time.monotonic()
    every = mutants() if every is None else every
    some = [mutant for mutant in every if not words or any(word in mutant.name for word in words)]
    tests = sorted({test for mutant in some for test in mutant.tests})
    with TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        place = Path(folder)
        sound = Copy(root, place / "sound")
        copies = [sound, *(Copy(sound.folder, place / f"sound-{number}") for number in range(1, AT_ONCE))]
        parts = [tests[start::AT_ONCE] for start in range(AT_ONCE)]
        if tests and (wrong := [*filter(None, pool.map(wrong_with, copies, filter(None, parts)))]):
            print("Without any planted bug these tests must pass, and they do not:", *wrong, sep="\n")
            return 1
        print(f"without a planted bug {len(tests)} tests pass; now with each of {len(some)}", flush=True)
        trials = [pool.submit(tried, mutant, sound, place / f"{number}") for number, mutant in enumerate(some)]
        try:
            caught = told(trials)
        finally:
            pool.shutdown(cancel_futures=True)  # after Ctrl-C, those under test may end, and no more begin
    print(f"{caught}/{len(some)} planted bugs caught, in {time.monotonic() - began:.0f} s")
    return 0 if some and caught == len(some) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
