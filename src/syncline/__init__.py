"""Syncline puts user records where customer tools need them.

    report = syncline.run("configuration.json", data="data.json")
    print(report.counts, report.exit_code)

The map of the journey, one module or folder a step:

    sources/ → flow/extract → flow/mapping → flow/diff → ledger/planning (the plan) →
    flow/batch → delivery/ → ledger/journal → flow/report

`run.py` is the whole tool on one screen; read it first, then `plan.py`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from syncline._version import __version__

if TYPE_CHECKING:
    from syncline.errors import LedgerFailed, Locked, Refusal
    from syncline.flow.report import Preview, Report
    from syncline.preview import preview
    from syncline.run import run

__all__ = ["LedgerFailed", "Locked", "Preview", "Refusal", "Report", "__version__", "preview", "run"]

_HOMES = {
    "LedgerFailed": "syncline.errors",
    "Locked": "syncline.errors",
    "Preview": "syncline.flow.report",
    "Refusal": "syncline.errors",
    "Report": "syncline.flow.report",
    "preview": "syncline.preview",
    "run": "syncline.run",
}


class _Lazy(ModuleType):
    """Imports what is asked for when it is: `syncline --help` and an early Ctrl-C need not wait for all of it."""

    def __getattr__(self, name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = self.__dict__[name] = getattr(import_module(_HOMES[name]), name)
        return value

    def __setattr__(self, name: str, value: object) -> None:
        """Whoever imports the module `syncline.run` must not thereby replace the function."""
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_HOMES})


sys.modules[__name__].__class__ = _Lazy
