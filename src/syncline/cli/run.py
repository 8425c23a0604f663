"""`syncline run`: the sync."""

from __future__ import annotations

import gc
import json
import os
import shlex
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, redirect_stdout, suppress
from types import FrameType
from typing import TextIO, TypedDict

import rich_click as click

from syncline import preview, run
from syncline.cli.ends import emit, say
from syncline.cli.options import config_argument, env_file_option, found, json_option, state_dir_option
from syncline.cli.progress import Progress
from syncline.delivery import Halt

_SIGNALS = {
    signal.SIGINT: ("interrupted", 130),
    signal.SIGTERM: ("terminated", 143),
    signal.SIGHUP: ("terminated", 143),  # the terminal has gone
}
_FORMAT_HELP = "What the files hold (default: told by what is in them)."
_DATA_HELP = "The rows: a file, a pattern in quotes, or - for stdin; may be repeated (default: `source` of CONFIG)."
_ONLY_HELP = "Sync only this person: 7258 or id:7258. Everything is read to find them, also of an API."
_GOING_ON = "--resume goes on, and asks or sends again what was in flight"
_RESUME_HELP = "Go on with what is left of the last plan, under its run's number. Takes no data."


class Asked(TypedDict):
    """What a run and its preview are both told."""

    limit: int | None
    only: str | None
    full: bool
    adopt: bool
    require_state: bool
    retry_rejected: bool
    strict_permissions: bool
    reading: Mapping[str, str]
    state_dir: str | None
    env_file: str | None


@click.command(name="run")
@config_argument
@click.argument("surplus", nargs=-1, metavar="")
@click.option("-d", "--data", multiple=True, metavar="FILE", help=_DATA_HELP)
@click.option("--format", "form", type=click.Choice(["auto", "json", "csv", "tsv"]), help=_FORMAT_HELP)
@click.option("--path", metavar="KEYS", help="Where the rows stand in a JSON document: data.users.")
@click.option("--delimiter", metavar="CHAR", help="What separates the cells of CSV (default: a comma).")
@click.option("--encoding", metavar="NAME", help="Of CSV: utf-8 (default), utf-16 (-le, -be), cp1252 or latin-1.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Read only the first N rows.")
@click.option("--only", metavar="KEY", help=_ONLY_HELP)
@click.option("--full", is_flag=True, help="Send every row, whatever the ledger believes.")
@click.option("--resume", is_flag=True, help=_RESUME_HELP)
@click.option("--adopt", is_flag=True, help="Record every row as held at the destination already; send nothing.")
@click.option("--dry-run", is_flag=True, help="Show what would be sent; send nothing, change nothing.")
@click.option("--require-state", is_flag=True, help="Refuse to run without a ledger, which would make everybody new.")
@click.option("--retry-rejected", is_flag=True, help="Send again what the destination refused, though nothing changed.")
@click.option("--strict-permissions", is_flag=True, help="Stop where others may read a file that holds a credential.")
@state_dir_option
@env_file_option
@json_option
def command(
    config: str | None,
    surplus: tuple[str, ...],
    data: tuple[str, ...],
    form: str | None,
    path: str | None,
    delimiter: str | None,
    encoding: str | None,
    limit: int | None,
    only: str | None,
    full: bool,
    resume: bool,
    adopt: bool,
    dry_run: bool,
    require_state: bool,
    retry_rejected: bool,
    strict_permissions: bool,
    state_dir: str | None,
    env_file: str | None,
    as_json: bool,
) -> int:
    """Sync: send what differs from what the destination already holds.

    `syncline -config CONFIG -data DATA` and `syncline -c CONFIG -d DATA` do the same.
    """
    # Millions of short-lived tuples and nothing cyclic: the collector's default pace costs a tenth of the time.
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
    if surplus:
        raise click.UsageError(
            f"{surplus[0]} is one file too many: data comes with -d, each file or a pattern in quotes"
        )
    if dry_run and resume:
        raise click.UsageError("--dry-run shows a new plan, and --resume goes on with an old one: give one of them")
    files = list(data) or None
    given = {"format": form, "path": path, "delimiter": delimiter, "encoding": encoding}
    asked = Asked(
        limit=limit,
        only=only,
        full=full,
        adopt=adopt,
        require_state=require_state,
        retry_rejected=retry_rejected,
        strict_permissions=strict_permissions,
        reading={name: value for name, value in given.items() if value is not None},
        state_dir=state_dir,
        env_file=env_file,
    )
    name = found(config)
    if dry_run:
        with _halting("nothing was sent", as_json=as_json) as halt, _its_own_stdout():
            shown = preview(name, files, **asked, halt=halt, watch=Progress())
        told = emit(shown.as_json()) if as_json else say(shown.lines())
        return shown.exit_code or told
    with _halting(_GOING_ON, as_json=as_json) as halt, _its_own_stdout():
        report = run(name, files, **asked, resume=resume, halt=halt, watch=Progress())
    emit(report.as_json()) if as_json else say(report.lines(command=_telling(name, asked)))
    return report.exit_code


def _telling(config: str, asked: Asked) -> str:
    """The command that shows this run again."""
    words = ["syncline", "report", config]
    for option, value in (("--state-dir", asked["state_dir"]), ("--env-file", asked["env_file"])):
        words += [option, value] if value is not None else []
    return shlex.join(words)


def _its_own_stdout() -> AbstractContextManager[object]:
    """What a `transform` prints goes to stderr: stdout holds our report, and with --json exactly one document."""
    return redirect_stdout(sys.stderr)


@contextmanager
def _halting(fate: str, *, as_json: bool) -> Iterator[Halt]:
    """The first signal ends the run in good order; the second ends the process at once, with words and a document of
    their own: nobody else writes to stdout meanwhile. fate: what to tell then."""
    halt = Halt()

    def asked(number: int, frame: FrameType | None) -> None:
        reason, code = _SIGNALS[signal.Signals(number)]
        if halt.requested:
            _tell(sys.__stderr__, f"\nended at once: {fate}\n")
            if as_json:
                stopped = {"reason": reason, "message": f"ended at once: {fate}", "retryAt": None}
                _tell(sys.__stdout__, json.dumps({"status": "interrupted", "stopped": stopped}) + "\n")
            os._exit(code)
        halt.request(reason)
        _tell(sys.__stderr__, "\nstopping: what is in flight may finish; once more to end at once\n")

    heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # as under nohup
    before = {number: signal.signal(number, asked) for number in heeded}
    try:
        yield halt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(stream: TextIO | None, words: str) -> None:
    """Past its buffer, for a signal may come while that is being written. None: it was closed when we began, and its
    number may be the ledger's by now."""
    if stream is not None:
        with suppress(OSError):  # whoever watched may have gone
            os.write(stream.fileno(), words.encode())
