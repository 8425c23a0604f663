"""Many seeds → many scenes, on every core; and what all of them came to."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from simulation.month import Month
from simulation.scene import Tally, play
from simulation.twins import play_twice

_CHUNK = 20
_EVERY = 10  # of so many seeds one is played twice: again alike, on another schedule, under another clock


def replay(seed: int) -> str:
    """What shows this failure again."""
    return f"make simulate SEED={seed}"


def scenes(seeds: Sequence[int]) -> list[Tally]:
    return [play_twice(seed) if seed % _EVERY == 0 else play(seed) for seed in seeds]


def pool() -> ProcessPoolExecutor:
    """One process a core; a warning is an error there, too."""
    return ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), warnings.simplefilter, ("error",))


def played(seeds: Sequence[int], workers: ProcessPoolExecutor) -> Iterator[Tally]:
    chunks = [seeds[start : start + _CHUNK] for start in range(0, len(seeds), _CHUNK)]
    for tallies in workers.map(scenes, chunks):
        yield from tallies


def told(tallies: Iterable[Tally], months: Iterable[Month]) -> tuple[list[str], bool]:
    """The summary, and whether all was well."""
    whole, failures = Tally(), []
    for tally in tallies:
        whole.counts += tally.counts
        whole.faults += tally.faults
        failures += [f"{tally.violation}\n    {replay(tally.seed)}"] if tally.violation else []
    lines = [f"{whole.counts[name]:>9,} {name}" for name in ("seeds", "runs", "requests", "deaths", "twins")]
    lines.append("faults met (how often, the row of the fault matrix, the fault):")
    lines += [f"{count:>9,} {name}" for name, count in sorted(whole.faults.items())]
    for month in months:
        lines.append(str(month))
        failures += [f"{month}\n    {replay(month.seed)}"] if not month.is_well else []
    lines.append(f"{len(failures):>9,} violations")
    return lines + failures, not failures
