"""A small run, killed in the place of every call that it makes: each write, sync and rename, each send and receive.

Rows 54 and 55 of the fault matrix; S3, S3b, S4 and S5 of the promises. `make crashes` has more of it. A failure says
how to play that very story again. SYNCLINE_SEED: of the stories that are chosen at random.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import Executor

import pytest

from crashes.farm import Column, Sample, Tally, farm, play, told
from crashes.story import HOWS, Start, parse
from crashes.ways import QUICK, WAYS
from syscalls import lacking

SEED = int(os.environ.get("SYNCLINE_SEED", str(time.time_ns() % 1_000_000)))
SHARES = 3  # of a column, side by side
TWICE, THRICE = 16, 4  # stories of a way


@pytest.fixture(scope="module")
def workers() -> Iterator[Executor]:
    if missing := lacking():
        pytest.skip(f"nobody can be killed at a call here, for want of {missing}")
    with farm() as pool:
        yield pool


def played(workers: Executor, *parts: Column | Sample) -> Tally:
    """What the parts of one way came to."""
    (tally,) = told(workers.map(play, parts)).values()
    assert not tally.failures, "\n".join(tally.failures)
    return tally


# A ledger begins in the same way whatever is sent, so one of them begins it.
@pytest.mark.parametrize(("way", "start"), [*((way, "known") for way in QUICK), ("batch", "new")])
def test_54_killed_at_any_call_a_run_ends_as_if_it_had_not_been(workers: Executor, way: str, start: Start) -> None:
    """What follows the death takes turns: run again, resume, or the source has gone back."""
    tally = played(workers, *(Column(way, start, HOWS, first, SHARES) for first in range(1, SHARES + 1)))
    most, bound = tally.worst
    assert tally.deaths > 60
    assert 0 < most <= bound


def test_54_a_death_in_the_middle_sends_again_what_the_commit_window_held_and_no_more(workers: Executor) -> None:
    """A run that takes longer than the window: most of what it was told is on the disk by then."""
    tally = played(workers, *(Column("slow", "new", ("again", "resume"), first, 18) for first in (92, 98, 104)))
    most, bound = tally.worst
    assert tally.deaths > 5
    assert 0 < most <= bound < WAYS["slow"].people


@pytest.mark.parametrize("way", QUICK)
def test_55_killed_again_while_it_recovers_it_still_ends_so(workers: Executor, way: str) -> None:
    seed = f"{SEED} {way}"
    print(f"SYNCLINE_SEED={SEED}")
    tally = played(workers, Sample(way, 2, TWICE, seed), Sample(way, 3, THRICE, seed))
    assert tally.deaths > TWICE // 2  # some recoveries come to their end before


def test_a_story_is_told_as_it_is_read() -> None:
    for text in ("batch known 17 resume", "bulk new 31 again 12 resume", "identify known 40 back"):
        assert str(parse(text)) == text
    for odd in ("", "batch", "batch known", "batch known 17", "batch there 17 resume", "batch known 1 back 2 back"):
        with pytest.raises(ValueError, match=r"no story|goes back once"):
            parse(odd)
