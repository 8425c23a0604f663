"""An action → what is answered of it, in the shape of its contract; and the report of a bulk, as CSV.

https://docs.voucherify.io/api-reference/async-actions/get-async-action (checked 2026-10). Of the report's columns only
`found` and `updated` are documented; the others, and their order, are ours.
"""

from __future__ import annotations

import csv
import io

from syncline.emulators.voucherify.actions import Action
from syncline.emulators.voucherify.ids import timestamp
from syncline.emulators.voucherify.switches import Switches

Document = dict[str, object]
_PROGRESS = {"ENQUEUED": 0, "IN_PROGRESS": 50, "DONE": 100, "FAILED": 100}


def summary(action: Action, switches: Switches) -> Document:
    """As a list has it: without its result."""
    document: Document = {"id": action.id, "type": action.type, "status": action.status}
    if action.over and switches.contract == "current":  # since June 2024
        failed = action.status == "FAILED" or action.all_failed
        document["operation_status"] = "FAILED" if failed else "SUCCESS"
    document |= {
        "created_at": timestamp(action.created_ms),
        "updated_at": timestamp(action.changed_ms),
        "request_id": action.request_id,
        "progress": _PROGRESS[action.status],
    }
    if action.over:
        document["processing_time"] = action.ends_ms - action.created_ms
    return {**document, "object": "async_action"}


def whole(action: Action, switches: Switches, origin: str) -> Document:
    """`origin`: where the report is, as whoever asks addressed the emulator."""
    document = summary(action, switches)
    if action.told:
        document["result"] = _result(action, switches, origin)
    return document


def _result(action: Action, switches: Switches, origin: str) -> Document:
    counts: Document = {"done_count": len(action.lines) - action.failed, "failed_count": action.failed}
    if action.type == "CUSTOMERS.IMPORT_CSV":
        told = f"{counts['done_count']} customer(s) imported successfully, {action.failed} failed."
        return {"message": told, "failed": _failed_rows(action), **counts}
    if switches.contract == "legacy":
        return {"results": _inline(action), "done_count": counts["done_count"]}
    return {
        **counts,
        "reports": [f"{origin}/download/{action.id}.csv"],
        "reports_available_till": timestamp(till_ms(action, switches)),
        "errors": _errors(action)[: switches.errors_listed or None],
    }


def _errors(action: Action) -> list[Document]:
    return [
        {
            "message": problem.message,
            "details": problem.details,
            "key": problem.key,
            "source_id": line.source_id,
        }
        for line in action.lines
        for problem in line.problems
    ]


def _inline(action: Action) -> list[Document]:
    return [
        {"source_id": line.source_id, "updated": line.updated, "found": line.found}
        for line in action.lines
        for _ in line.problems or (None,)
    ]


def _failed_rows(action: Action) -> list[Document]:
    return [
        {"source_id": line.source_id, "row": line.row, "reason": line.problems[0].details}
        for line in action.lines
        if line.problems
    ]


def till_ms(action: Action, switches: Switches) -> int:
    """When the report is gone."""
    return action.ends_ms + switches.report_lasts_s * 1000


def report(action: Action, switches: Switches) -> bytes:
    """A line a customer: `source_id,found,updated`, and what was wrong."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["source_id", "found", "updated", *(_WRONG if switches.report_errors else ())])
    for line in action.lines:
        for problem in line.problems or (None,):
            wrong = ["", "", ""] if problem is None else [problem.key, problem.message, problem.details]
            told = [line.source_id, _said(line.found), _said(line.updated)]
            rows.writerow([*told, *(wrong if switches.report_errors else ())])
    return text.getvalue().encode()


_WRONG = ("error_key", "error_message", "error_details")


def _said(value: bool) -> str:
    return "true" if value else "false"
