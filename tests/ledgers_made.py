"""Ledgers in the states a run may find them in, made without a network, and what a run over one of them would send."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flows import Flow
from syncline.delivery import Halt
from syncline.job import Job, Options, no_watch
from syncline.ledger import Figures, Journal, bury_the_dead
from syncline.model import Change, Outcome, Settled, Stop
from syncline.plan import make_plan, mapped_rows

EPOCH_S = 1_790_000_000.0  # the time of every verdict
Told = Mapping[str, Sequence[bytes]]  # key → the bodies that would be sent, in order


def job(folder: Path) -> Job:
    """A sync to Customer.io whose beliefs never age."""
    names = [{"from": name, "to": name} for name in ("name", "plan")]
    keys = {"siteId": "site", "apiKey": "key"}
    config = {"name": "kept", "userId": "id", "refresh": "off", "mappings": names, "destination": keys}
    return Job.load(config, folder)


def person(number: int, version: int = 1) -> dict[str, object]:
    return {"id": number, "name": f"Name {number} of version {version}", "plan": f"v{version}"}


def planned(db: sqlite3.Connection, work: Job, rows: Sequence[Mapping[str, Any]]) -> Journal:
    """The plan of a run, over a ledger whose dead are buried."""
    bury_the_dead(db, work.path, lambda: EPOCH_S)
    options, halt = Options(), Halt()
    with work.draft(db, options) as draft:
        mapped = mapped_rows(work, list(rows), options, work.recipe.mapper(), halt)
        made = make_plan(draft, mapped, work, options, halt, no_watch)
    return Journal(db, work.path, made.plan.run, lambda: EPOCH_S)


def settle(journal: Journal, ends: Mapping[str, tuple[Outcome, bool]]) -> None:
    """By key: how it ended, and whether it is in doubt."""
    changes = [change for some in journal.pending() for change in some if change.key in ends]
    journal.settle([Settled(one, *_end(one, ends)) for one in changes])


def _end(change: Change, ends: Mapping[str, tuple[Outcome, bool]]) -> tuple[Outcome, str, str, bool]:
    outcome, doubt = ends[change.key]
    return outcome, "" if outcome is Outcome.DELIVERED else "the reason", "", doubt


OLD, NEW, BACK = range(1, 41), range(1, 56), range(1, 71)  # ids of the three sources
DELIVERED, REJECTED = (Outcome.DELIVERED, False), (Outcome.REJECTED, False)
SILENT, PUT_OFF = (Outcome.UNKNOWN, True), (Outcome.DEFERRED, False)


def at_rest(folder: Path) -> Job:
    """40 people delivered and one refused; then a run that left two in doubt, refused one, and put off two; then a run
    that settled all else."""
    work = job(folder)
    with work.ledger(Options()) as (db, _):
        first = planned(db, work, [*map(person, OLD), {"id": True}])
        settle(first, {f"id:{number}": REJECTED if number == 9 else DELIVERED for number in OLD})
        first.close("finished", None, Figures())
        second = planned(db, work, [person(number, 2) for number in OLD if number % 3])
        ends = {f"id:{number}": DELIVERED for number in OLD} | {"id:1": SILENT, "id:2": SILENT, "id:4": REJECTED}
        settle(second, ends | {"id:5": PUT_OFF, "id:7": PUT_OFF})
        second.close("stopped", Stop("faults", "it rained"), Figures())
        third = planned(db, work, [person(number) for number in range(41, 51)])
        settle(third, {f"id:{number}": DELIVERED for number in range(41, 51)})
        third.close("finished", None, Figures())
    return work


def dead(folder: Path) -> Job:
    """The same, and then a run that died with verdicts of every kind and with entries that have none."""
    work = at_rest(folder)
    with work.ledger(Options()) as (db, _):
        journal = planned(db, work, [person(number, 3) for number in NEW])
        some = [f"id:{number}" for number in NEW]
        ends = dict.fromkeys(some[:20], DELIVERED) | dict.fromkeys(some[20:24], SILENT)
        settle(journal, ends | dict.fromkeys(some[24:28], REJECTED) | dict.fromkeys(some[28:32], PUT_OFF))
        journal.keep([change for some in journal.pending() for change in some][-6:-3], b"ticket one")
    return work


def growing(folder: Path) -> Job:
    """The plan of an API source, of which two bulks were accepted and have no result yet, and pages were not read."""
    flow = Flow(folder)
    flow.space.add(60)
    flow.vouchers.never_ends = True
    flow.source["pageItems"] = 10
    flow.destination = {"batchItems": 10, "pollTimeout": 5}
    flow.go(limit=40)
    return Job.load(flow.config(), folder)


def to_be_sent(work: Job) -> Told:
    """What a new run over this ledger would send: of people as they were, as they have become, twice, and new."""
    rows = [person(number) for number in BACK] + [{"id": 11, "plan": "v1"}, {"id": 44, "name": "another"}]
    with work.scratch_ledger() as db:
        return _told(planned(db, work, rows))


def to_be_resumed(work: Job) -> Told:
    """What `--resume` would ask for by its tickets, and send."""
    with work.ledger(Options(resume=True)) as (db, lock):
        record, _ = work.resumed(db, died_over=lock.died_over)
        return _told(Journal(db, work.path, record.run, lambda: EPOCH_S))


def sent_after_resuming(work: Job) -> Told:
    """What a new run would send after `--resume` met nothing but faults."""
    with work.ledger(Options(resume=True)) as (db, lock):
        record, _ = work.resumed(db, died_over=lock.died_over)
        journal = Journal(db, work.path, record.run, lambda: EPOCH_S)
        journal.reopen()
        journal.close("stopped", Stop("faults", "it rained"), Figures())
    return to_be_sent(work)


def _told(journal: Journal) -> Told:
    found: dict[str, list[bytes]] = {}
    for ticket, changes in journal.tickets():
        for change in changes:
            found.setdefault(change.key, []).append(ticket + change.body)
    for changes in journal.pending():
        for change in changes:
            found.setdefault(change.key, []).append(change.body)
    return found
