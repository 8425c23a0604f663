"""`make simulate SEEDS=N` → N scenes on every core, some months, and a summary; `SEED=N` plays that one again.

Ends with 1 when any promise was broken, and says for each how to see it again.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings

from simulation.farm import played, pool, told
from simulation.month import live
from simulation.twins import play_twice

_MONTHS = 4


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seed", type=int)
    asked = parser.parse_args()
    began = time.monotonic()
    if asked.seed is not None:
        warnings.simplefilter("error")
        tallies, months = [play_twice(asked.seed)], [live(asked.seed)]
        lines, well = told(tallies, months)
    else:
        with pool() as workers:
            months_later = workers.map(live, range(_MONTHS))
            lines, well = told(played(range(asked.first, asked.first + asked.seeds), workers), months_later)
    print(*lines, f"in {time.monotonic() - began:.0f} s", sep="\n")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
