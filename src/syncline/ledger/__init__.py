"""The ledger of one sync into one account: beliefs, doubts, the current plan, and the runs. One SQLite file."""

from __future__ import annotations

from syncline.ledger.growth import Growth, seen, unread
from syncline.ledger.history import (
    Figures,
    Problem,
    RunRecord,
    count_new_problems,
    plan_number,
    plan_run,
    problem_groups,
    problems,
    runs,
)
from syncline.ledger.journal import KILLED, Journal, bury_the_dead
from syncline.ledger.lock import Lock
from syncline.ledger.planning import Draft, Folded, NewRun, Planned, previewed, unplanned
from syncline.ledger.store import (
    failing,
    is_kept,
    open_ledger,
    open_to_read,
    path_of,
    paths_of,
    prepare_folder,
    scratch_copy,
)

__all__ = [
    "KILLED",
    "Draft",
    "Figures",
    "Folded",
    "Growth",
    "Journal",
    "Lock",
    "NewRun",
    "Planned",
    "Problem",
    "RunRecord",
    "bury_the_dead",
    "count_new_problems",
    "failing",
    "is_kept",
    "open_ledger",
    "open_to_read",
    "path_of",
    "paths_of",
    "plan_number",
    "plan_run",
    "prepare_folder",
    "previewed",
    "problem_groups",
    "problems",
    "runs",
    "scratch_copy",
    "seen",
    "unplanned",
    "unread",
]
