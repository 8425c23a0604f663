"""`make fuzz`: the readers of the tests, round after round, each with a seed of its own; exit 1 at the first fault."""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback

from fuzz.readers import READERS
from fuzz.trial import tried

_INPUTS = 1_000  # a reader and a round


def main() -> int:
    asked = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    asked.add_argument("--minutes", type=float, default=10.0)
    asked.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    told = asked.parse_args()
    number, end, count = told.seed, time.monotonic() + 60 * told.minutes, 0
    while True:
        for name, reader in READERS.items():
            try:
                tried(reader, _INPUTS, number)
            except Exception:
                traceback.print_exc()
                print(f"the reader of {name} does not stand this; replay: make fuzz SEED={number} MINUTES=0")
                return 1
            count += _INPUTS
        print(f"seed {number}: {len(READERS)} readers, {count:,} inputs so far, no fault", flush=True)
        if time.monotonic() >= end:
            return 0
        number += 1


if __name__ == "__main__":
    sys.exit(main())
