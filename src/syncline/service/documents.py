"""Runs, at work or ended → the documents that are shown of them."""

from __future__ import annotations

from collections.abc import Sequence

from syncline.flow.report import Report
from syncline.service.answers import Declined, without_places
from syncline.service.past import looking, told
from syncline.service.registry import Entry
from syncline.service.runs import Runs


def listed(runs: Runs, entries: Sequence[Entry]) -> dict[str, object]:
    """`{runs: […]}`, the newest first."""
    return {"runs": [short(runs, entry) for entry in entries]}


def short(runs: Runs, entry: Entry) -> dict[str, object]:
    """One line of the list. A run at work is known here, one that has ended by its ledger."""
    stands = runs.standing(entry)
    return {
        "id": entry.id,
        "sync": entry.sync,
        "status": stands.status,
        "run": entry.number,
        "created": entry.created,
        "started": entry.started,
        "ended": entry.ended,
        "resumable": stands.resumable,
    }


def whole(runs: Runs, entry: Entry) -> dict[str, object]:
    """The same with what it is at, what it came to, or why it was refused."""
    work = runs.work(entry.id)
    report = report_of(runs, entry) if work is None else None
    return short(runs, entry) | {
        "progress": work.progress.as_json() if work is not None else None,
        "report": without_places(report).as_json() if report is not None else None,
        "problems": entry.said.get("problems", []),
    }


def report_of(runs: Runs, entry: Entry) -> Report | None:
    """What a run came to, by its ledger; None where that holds nothing of it."""
    if entry.number is None:
        return None
    path = runs.path_of(entry)
    with looking(path) as db:
        return told(db, path, entry.number, entry.said) if db is not None else None


def refuse_early(runs: Runs, entry: Entry) -> None:
    """The rows of a run can be had when it has ended, and came so far as to have any. Raises `Declined`."""
    if runs.work(entry.id) is not None:
        raise Declined(409, "this run is at work: ask for its rows when it has ended")
    if entry.number is None:
        raise Declined(409, "this run was refused before it had rows: see its problems")
