"""The table of exit codes → its page."""

from __future__ import annotations

from generator.markdown import code, table
from syncline.cli.ends import EXIT_CODES


def page() -> str:
    return f"""# Exit codes

{table(["code", "the process"], [(code(number), words) for number, words in EXIT_CODES.items()])}
Where several hold, the first of these does: 70, 130 or 143, 3, 1, 0. `run --dry-run` ends with 0 whatever it finds,
with 3 where the source ended early, and with 130 or 143 where a signal ended it; `run --resume` that finds nothing left
ends as the rows of that run did. Where stdout cannot be written (a full disk, say), stderr tells: a run then ends as it
would have, for its rows are where they are, and what has nothing to do but to tell (`runs`, `report`, `schema`,
`run --dry-run`, `--help`) ends with 2. What to do about each: [run it every night](../how-to/scheduling.md).
"""
