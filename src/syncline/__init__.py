"""Syncline puts user records where customer tools need them.

    report = syncline.run("configuration.json", data="data.json")
    print(report.counts, report.exit_code)

The map of the journey, one module or folder a step:

    sources/ → flow/extract → flow/mapping → flow/diff → ledger/planning (the plan) →
    flow/batch → delivery/ → ledger/journal → flow/report

`run.py` is the whole tool on one screen; read it first, then `plan.py`.
"""

from __future__ import annotations

from syncline._version import __version__
from syncline.errors import LedgerFailed, Locked, Refusal
from syncline.flow.report import Preview, Report
from syncline.preview import preview
from syncline.run import run

__all__ = ["LedgerFailed", "Locked", "Preview", "Refusal", "Report", "__version__", "preview", "run"]
