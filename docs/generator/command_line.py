"""The commands as click has them → every verb and option."""

from __future__ import annotations

import inspect
import re

import rich_click as click

from generator.markdown import code, fenced, table
from syncline.cli import VERBS, cli

_OWN_WORDS = re.compile(r"\s*\[[^\]]*\]$")  # click's: [default: x], [0<=x<=65535]


def page() -> str:
    verbs = [(f"[`{name}`](#syncline-{name})", words) for name, words in VERBS.items()]
    return f"""# Command line

{table(["verb", "does"], verbs)}
`syncline -config CONFIG -data DATA` and `syncline -c CONFIG -d DATA` are `syncline run CONFIG -d DATA`, and take the
options of `run`; `python -m syncline` is `syncline`. Where CONFIG may be left out, the only configuration in the folder
is taken. `syncline --version` says which one it is. What a process ends with: [exit codes](exit-codes.md).

{"".join(map(_verb, VERBS))}"""


def _verb(name: str) -> str:
    with click.Context(cli, info_name="syncline", **cli.context_settings) as outer:
        command = cli.get_command(outer, name)
        assert command is not None
        with click.Context(command, info_name=name, parent=outer) as context:
            params = command.get_params(context)
            given = [param.make_metavar(context) for param in params if isinstance(param, click.Argument)]
            options = [_option(param, context) for param in params if isinstance(param, click.Option)]
    usage = fenced("text", " ".join(["syncline", name, *filter(None, given), "[OPTIONS]"]))
    return f"## `syncline {name}`\n\n{usage}\n{inspect.cleandoc(command.help or '')}\n\n{_table(options)}\n"


def _table(options: list[tuple[str, str, str]]) -> str:
    return table(["option", "meaning", "default"], options)


def _option(param: click.Option, context: click.Context) -> tuple[str, str, str]:
    record = param.get_help_record(context)
    assert record is not None, f"{param.name} is hidden"
    names, words = record
    default = param.get_default(context)
    shown = code(default) if type(default) in (str, int, float) else ""
    return code(names.replace(" RANGE", "")), _OWN_WORDS.sub("", words) + _bounds(param.type), shown


def _bounds(kind: click.ParamType[object]) -> str:
    if not isinstance(kind, (click.IntRange, click.FloatRange)):
        return ""
    return f" From {kind.min}" + (f" to {kind.max}." if kind.max is not None else ".")
