"""`python -m syncline`, and the console script."""

from __future__ import annotations

import sys

from syncline import early


def main() -> None:
    """Ends the process with the exit code that design and docs promise, also when it is stopped before it has begun."""
    early.begin(as_json=early.wants_json(sys.argv[1:]))
    from syncline.cli import main as work  # takes a tenth of a second

    try:
        work()
    finally:
        early.ended()


if __name__ == "__main__":
    main()
