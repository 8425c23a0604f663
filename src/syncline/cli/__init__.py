"""The command line: argv → a verb. One file a verb, imported when it is asked for."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

import rich_click as click

from syncline._version import __version__
from syncline.cli.argv import normalised
from syncline.cli.ends import ended

VERBS: Mapping[str, str] = MappingProxyType(
    {
        "run": "Sync: send what differs from what the destination already holds.",
        "runs": "The history of a sync.",
        "report": "One run again: its figures, and the rows that did not make it.",
        "serve": "The sync as an HTTP service.",
        "schema": "The JSON Schema of a configuration, for an editor.",
        "emulate": "A local Customer.io, with faults on request.",
        "demo": "A first success in a minute, against a local Customer.io.",
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
        return command


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="syncline")
def cli() -> None:
    """Puts user records where customer tools need them: nothing lost, nothing lied about.

    A first look: `syncline demo`. A sync: `syncline run CONFIG -d DATA`.
    """


def main() -> None:
    """The console script. Ends the process with the exit code that design and docs promise."""
    sys.exit(ended(lambda: cli(normalised(sys.argv[1:], list(VERBS)), prog_name="syncline", standalone_mode=False)))
