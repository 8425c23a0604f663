"""The command line: argv → a verb. One file a verb, imported when it is asked for."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

import rich_click as click

from syncline import early
from syncline._version import __version__
from syncline.cli.argv import normalised
from syncline.cli.ends import ended
from syncline.cli.options import CONFIG_ENDINGS
from syncline.errors import printable

VERBS: Mapping[str, str] = MappingProxyType(
    {
        "run": "Sync: send what differs from what the destination already holds.",
        "runs": "The history of a sync.",
        "report": "One run again: its figures, and the rows that did not make it.",
        "serve": "The sync as an HTTP service.",
        "schema": "The JSON Schema of a configuration, for an editor.",
        "emulate": "A local Customer.io, Segment or Voucherify, with faults on request.",
        "demo": "A first success in a minute, against vendors on this machine.",
        "init": "Write a commented configuration to start from.",
    }
)


class Verbs(click.RichGroup):
    """The verbs by name, without importing the ones that are not used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"syncline.cli.{cmd_name}").command
        early.over()
        command.short_help = VERBS[cmd_name]
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in VERBS:
            near = difflib.get_close_matches(args[0], VERBS, 1)
            meant = near[0] if near else f"run {args[0]}" if Path(args[0]).suffix in CONFIG_ENDINGS else ""
            hint = f"Did you mean syncline {meant}?" if meant else f"There are {', '.join(VERBS)}."
            raise click.UsageError(printable(f"No such verb: {args[0]}. {hint}"), ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="syncline")
def cli() -> None:
    """Puts user records where customer tools need them: nothing lost, nothing lied about.

    A first look: `syncline demo`. A sync: `syncline run CONFIG -d DATA`.
    """


def main() -> None:
    """What the console script does, once imported. Ends the process with the exit code that design and docs promise."""
    argv = sys.argv[1:]
    work = partial(cli, prog_name="syncline", standalone_mode=False)
    sys.exit(ended(lambda: work(normalised(argv, list(VERBS))), as_json=early.wants_json(argv)))
