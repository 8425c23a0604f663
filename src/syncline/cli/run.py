"""`syncline run`: the sync."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import rich_click as click

from syncline import preview, run
from syncline.cli.ends import emit, say
from syncline.cli.options import config_argument, found, json_option, state_dir_option
from syncline.cli.progress import Progress
from syncline.delivery import Halt

_SIGNALS = {signal.SIGINT: ("interrupted", 130), signal.SIGTERM: ("terminated", 143)}


@click.command(name="run")
@config_argument
@click.option("-d", "--data", metavar="FILE", help="The rows: a JSON array or NDJSON (default: `source` of CONFIG).")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Read only the first N rows.")
@click.option("--only", metavar="KEY", help="Sync only this person: 7258 or id:7258.")
@click.option("--full", is_flag=True, help="Send every row, whatever the ledger believes.")
@click.option("--resume", is_flag=True, help="Go on with the plan of an interrupted run.")
@click.option("--dry-run", is_flag=True, help="Show what would be sent; send nothing, change nothing.")
@state_dir_option
@json_option
def command(
    config: str | None,
    data: str | None,
    limit: int | None,
    only: str | None,
    full: bool,
    resume: bool,
    dry_run: bool,
    state_dir: str | None,
    as_json: bool,
) -> int:
    """Sync: send what differs from what the destination already holds.

    `syncline -config CONFIG -data DATA` and `syncline -c CONFIG -d DATA` do the same.
    """
    # Millions of short-lived tuples and nothing cyclic: the collector's default pace costs a tenth of the time.
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
    path = found(config)
    if dry_run and resume:
        raise click.UsageError("--dry-run shows a new plan, and --resume goes on with an old one: give one of them")
    if dry_run:
        shown = preview(path, data, limit=limit, only=only, full=full, state_dir=state_dir, watch=Progress())
        emit(shown.as_json()) if as_json else say(shown.lines())
        return shown.exit_code
    with _halting() as halt:
        report = run(
            path,
            data,
            limit=limit,
            only=only,
            full=full,
            resume=resume,
            state_dir=state_dir,
            halt=halt,
            watch=Progress(),
        )
    emit(report.as_json()) if as_json else say(report.lines())
    return report.exit_code


@contextmanager
def _halting() -> Iterator[Halt]:
    """The first signal ends the run in good order; the second ends the process at once."""
    halt = Halt()

    def asked(number: int, frame: FrameType | None) -> None:
        reason, code = _SIGNALS[signal.Signals(number)]
        if halt.requested:
            os._exit(code)
        halt.request(reason)
        with suppress(OSError):  # whoever watched may have gone
            os.write(2, b"\nstopping: what is in flight may finish; once more to end at once\n")

    before = {number: signal.signal(number, asked) for number in _SIGNALS}
    try:
        yield halt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
