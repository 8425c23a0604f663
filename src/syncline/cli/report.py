"""`syncline report`: one run again, with all the rows that did not make it."""

from __future__ import annotations

import rich_click as click

from syncline.cli.ends import emit, say
from syncline.cli.options import config_argument, found, json_option, state_dir_option
from syncline.history import recall


@click.command(name="report")
@config_argument
@click.option("--run", "number", type=click.IntRange(min=1), metavar="N", help="Which run (default: the last).")
@state_dir_option
@json_option
def command(config: str | None, number: int | None, state_dir: str | None, as_json: bool) -> int:
    """One run again: its figures, and every row that did not make it (with --json: the first 100)."""
    report = recall(found(config), state_dir, number)
    if as_json:
        emit(report.as_json())
    else:
        say(report.lines(all_problems=True))
    return 0
