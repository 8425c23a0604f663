"""The public Python functions → their signatures and docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields

import syncline
from generator.markdown import code, fenced, table
from syncline.errors import LedgerFailed, Locked, Refusal
from syncline.flow.report import Preview, Report

_EXAMPLE = """\
import syncline

report = syncline.run("configuration.json", data="data.json")
print(report.counts, report.exit_code)
"""


def page() -> str:
    return f"""# Python

{fenced("python", _EXAMPLE)}
Data may be a path, several, or the rows themselves (any iterable of mappings); a configuration that is an object needs
a `name`, which names its ledger. Both functions work inside a running event loop and off the main thread.

{_function(syncline.run)}
{_function(syncline.preview)}
## `Report`

{_members(Report)}
## `Preview`

{_members(Preview)}
## What is raised

{table(["exception", "exit code", "means"], _raised())}"""


def _function(function: Callable[..., object]) -> str:
    """The signature as it stands in the source, and the docstring."""
    signature = inspect.getsource(function).partition('    """')[0].rstrip().removesuffix(":")
    return f"## `syncline.{function.__name__}`\n\n{fenced('python', signature)}\n{_words(function)}\n"


def _members(shape: type[Report] | type[Preview]) -> str:
    """What it holds, and what it gives."""
    held = ", ".join(code(f"{field.name}: {field.type}") for field in fields(shape))
    made = {name: member for name, member in vars(shape).items() if not name.startswith("_")}
    rows = [
        (code(name if isinstance(member, property) else f"{name}()"), _words(member))
        for name, member in made.items()
        if isinstance(member, property) or inspect.isfunction(member)
    ]
    return f"{_words(shape)}\n\nIt holds {held}.\n\n{table(['member', 'gives'], rows)}"


def _raised() -> Iterable[Sequence[str]]:
    for error, number in ((Refusal, 2), (LedgerFailed, 3), (Locked, 75)):
        yield code(f"syncline.{error.__name__}"), str(number), " ".join(_words(error).split())


def _words(thing: object) -> str:
    return inspect.getdoc(thing) or ""
