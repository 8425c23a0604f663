"""`make crashes` → a small run, killed at every call that it makes; again in its recovery; and what that came to.

PAIRS=500 takes as many pairs of deaths at random, PAIRS=all every pair that begins where there is a ledger (an hour);
WAY=bulk plays one way alone, STORY="batch known 17 resume" that one story again. Ends with 1 when any promise was
broken, and says for each how to see it again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from crashes.farm import BETWEEN, Bench, Column, Sample, Tally, farm, play, told
from crashes.story import HOWS, STARTS, Step, Story, parse
from crashes.ways import QUICK, WAYS
from syscalls import lacking

_AGAIN = 50  # times that a story is played: two requests in flight are not always answered in the same order
_PORTION = 25
_THREES = 300


def singles(ways: Sequence[str]) -> list[Column]:
    """Each way, from each start, with each recovery; and the slow one."""
    quick = [Column(way, start, (how,)) for way in ways for start in STARTS for how in HOWS]
    return [*quick, *(Column("slow", "new", HOWS, first, 4) for first in range(1, 5))]


def every_pair(way: str, calls: int) -> Iterator[Column]:
    for call in range(1, calls + 1):
        for how in BETWEEN:
            yield Column(way, "known", HOWS, before=(Step(call, how),))


def some(ways: Sequence[str], deaths: int, stories: int, seed: int) -> list[Sample]:
    """So many in all, in portions."""
    portions = max(1, stories // len(ways) // _PORTION)
    return [
        Sample(way, deaths, stories // len(ways) // portions, f"{seed} {way} {deaths} {portion}")
        for portion in range(portions)
        for way in ways
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="crashes", description=__doc__)
    parser.add_argument("--pairs", default="2000")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--way", choices=QUICK)
    parser.add_argument("--story", type=_story)
    asked = parser.parse_args()
    if missing := lacking():
        print(f"not played: this needs {missing}")
        return 1
    if asked.story:
        return again(asked.story)
    return whole([asked.way] if asked.way else QUICK, asked.pairs, asked.seed)


def _story(text: str) -> Story:
    try:
        story = parse(text)
    except ValueError as no:
        raise argparse.ArgumentTypeError(str(no)) from None
    if story.way not in WAYS:
        raise argparse.ArgumentTypeError(f"no way is called {story.way!r}; there are {', '.join(WAYS)}")
    return story


def again(story: Story) -> int:
    """The same story until it fails."""
    with tempfile.TemporaryDirectory(prefix="crashes-") as home:
        bench = Bench(Path(home))
        try:
            for number in range(1, _AGAIN + 1):
                died = bench.play(story).died
                where = "; then at ".join(f"{call.name} ({call.kind}) {call.path}" for call in died)
                print(f"{number}: died at {where}" if died else f"{number}: a run came to its end before")
        finally:
            bench.close()
    print(f"no promise was broken, {_AGAIN} times")
    return 0


def whole(ways: Sequence[str], pairs: str, seed: int) -> int:
    began = time.monotonic()
    failures: list[str] = []

    def played(what: str, parts: Sequence[Column | Sample]) -> list[Tally]:
        tallies = list(workers.map(play, parts))
        _show(f"{what}, after {time.monotonic() - began:.0f} s", tallies)
        failures.extend(failure for tally in tallies for failure in tally.failures)
        return tallies

    with farm() as workers:
        columns = singles(ways)
        once = zip(columns, played("one death", columns), strict=True)
        calls = {column.way: tally.deaths for column, tally in once if column.start == "known"}
        every = [column for way, number in calls.items() for column in every_pair(way, number)]
        played("two deaths in a row", every if pairs == "all" else some(ways, 2, int(pairs), seed))
        played("three deaths in a row", some(ways, 3, _THREES, seed))
    print(*failures, f"{len(failures)} promises broken, in {time.monotonic() - began:.0f} s (SEED={seed})", sep="\n")
    return 1 if failures else 0


def _show(what: str, tallies: Sequence[Tally]) -> None:
    ways = told(tallies)
    print(f"{what}:")
    for way in filter(ways.__contains__, WAYS):
        tally = ways[way]
        most, bound = tally.worst
        print(f"{tally.deaths:>9,} deaths of `{way}`; sent again after one: {most} people at most, {bound} allowed")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
