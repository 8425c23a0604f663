"""A ledger → reports of its runs, for the verbs that look back."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from syncline.config.naming import named
from syncline.errors import ConfigRefused, LedgerRefused
from syncline.errors import Problem as ToMend
from syncline.flow.report import SHOWN_PROBLEMS, FailOn, ProblemGroup, Report, RowProblem
from syncline.job import Job
from syncline.ledger import (
    Lock,
    Problem,
    bury_the_dead,
    count_new_problems,
    open_to_read,
    paths_of,
    plan_run,
    problem_groups,
    problems,
    runs,
    scratch_copy,
)
from syncline.model import Outcome, Stop


def status_of(stop: Stop | None) -> str:
    """finished | stopped | interrupted"""
    if stop is None:
        return "finished"
    return "interrupted" if stop.reason in {"interrupted", "terminated"} else "stopped"


def both(delivery: Stop | None, source: Stop | None) -> Stop | None:
    """Why a run ended early, of what stopped its delivery and what its source. That a source broke is not forgotten for
    something else; and a bug is what its exit code tells of."""
    if delivery is None or source is None:
        return delivery or source
    if source.reason == "bug":
        return source
    told = f"{delivery.message}; and {source.message}"
    return delivery._replace(message=told) if source.reason == "source" else delivery


def report_of(
    db: sqlite3.Connection,
    run: int,
    warnings: Sequence[str] = (),
    caveats: Sequence[str] = (),
    notes: Sequence[str] = (),
    *,
    shown: int = SHOWN_PROBLEMS,
    nothing_left: bool = False,
    fail_on: FailOn = "any",
) -> Report:
    """The report of one run, as the ledger tells it. `shown`: how many problem rows to take along; -1 for all."""
    record = runs(db, run)[0]
    return Report(
        run=record.run,
        status=record.status,
        read=record.read,
        counts={outcome: record.counts.get(outcome, 0) for outcome in Outcome},
        requests=record.requests,
        source_requests=record.source_requests,
        bytes=record.bytes,
        seconds=record.seconds,
        killed=record.killed,
        problems=[_row_problem(problem) for problem in problems(db, run, shown)],
        groups=groups_of(db, run) if shown else [],
        stopped=record.stopped,
        warnings=warnings,
        caveats=caveats,
        notes=[*notes, *adopted_note(record.adopted)],
        nothing_left=nothing_left,
        new_problems=count_new_problems(db, run) if shown else 0,
        fail_on=fail_on,
    )


def groups_of(db: sqlite3.Connection, run: int) -> list[ProblemGroup]:
    """The rows that did not make it, by how they failed."""
    return [
        ProblemGroup(count, _row_problem(first), alike)
        for count, alike, first in problem_groups(db, run, SHOWN_PROBLEMS)
    ]


def adopted_note(rows: int, would_be: str = "") -> list[str]:
    """What is told of an adoption, or of one that would be."""
    if not rows:
        return []
    count = "1 row" if rows == 1 else f"{rows:,} rows"
    return [f"{count} {would_be}adopted: taken for held at the destination, nothing is sent"]


def _row_problem(problem: Problem) -> RowProblem:
    row, key, field, outcome, reason, rule, since = problem
    return RowProblem(row, key, field, Outcome(outcome), reason, rule, since)


def history(config: str, state_dir: str | None, env_file: str | None = None) -> list[tuple[float, Report]]:
    """Every run of a sync, oldest first: (when it started, its report without problem rows)."""
    with _looking(config, state_dir, env_file) as db:
        if db is None:
            return []
        return [(record.started, report_of(db, record.run, shown=0)) for record in runs(db)]


def recall(config: str, state_dir: str | None, number: int | None, env_file: str | None = None) -> Report:
    """One run again, the last by default, with all its problem rows. Raises `LedgerRefused` when there is none."""
    with _looking(config, state_dir, env_file) as db:
        numbers = [record.run for record in runs(db)] if db is not None else []
        if db is None or not numbers or (number is not None and number not in numbers):
            known = f"its runs are {numbers[0]} to {numbers[-1]}" if numbers else "it has no runs yet"
            raise LedgerRefused(f"there is no run {number or ''} of this sync; {known}".replace("  ", " "))
        return report_of(db, number or numbers[-1], shown=-1)


@contextmanager
def _looking(config: str, state_dir: str | None, env_file: str | None) -> Iterator[sqlite3.Connection | None]:
    """The ledger as it stands. A run whose process died is buried in a private copy: looking changes nothing."""
    place = _place(config, state_dir, env_file)
    db = place and open_to_read(*place)
    if place is None or db is None:
        yield None
        return
    with closing(db):
        last = plan_run(db)
        if last is None or last.closed or Lock.is_held(place.path.with_suffix(".lock")):
            yield db
            return
    with scratch_copy(*place) as copy:
        bury_the_dead(copy, place.path, time.time)
        yield copy


class _Place(NamedTuple):
    """Where a ledger is, and whose it has to be; account: None for any."""

    path: Path
    destination: str
    account: str | None


def _place(config: str, state_dir: str | None, env_file: str | None) -> _Place | None:
    """Looking needs no credentials: where the configuration cannot be loaded, the only ledger of its name is meant.

    None where there is none. Raises `ConfigRefused` where there are several.
    """
    try:
        job = Job.load(config, state_dir, env_file)
    except ConfigRefused as refused:
        sync = named(config, env_file)
        if sync is None:
            raise
        folder = Path(state_dir) if state_dir else sync.directory / ".syncline"
        paths = paths_of(folder, sync.name, sync.destination)
        if len(paths) > 1:
            several = f"{len(paths)} ledgers of this sync are in {paths[0].parent}, one an account"
            whose = ToMend("", 0, 0, f"{several}: mend the above, and it is known which one is meant", "", "")
            raise ConfigRefused([*refused.problems, whose]) from None
        return _Place(paths[0], sync.destination, None) if paths else None
    return _Place(job.path, job.destination.name, job.destination.account)
