"""One simulated machine: a data set, a destination, a ledger; and one run of the real tool after the other on it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

from simulation.api import Api, Internet
from simulation.books import books_of
from simulation.clock import Clock, Died, in_this_world
from simulation.film import Death, Film
from simulation.invariants import AT_A_DEATH, AT_THE_END, ENDING, LEAVING, Dead, Ended
from simulation.people import People
from simulation.rows import FIELDS, Attributes, Row, expected, has_repeats
from simulation.space import Space
from simulation.vouchers import Vouchers
from simulation.weather import Weather
from syncline import config as configuration
from syncline.delivery import Halt
from syncline.errors import SynclineError
from syncline.flow.report import Report
from syncline.history import report_of
from syncline.job import Job, Options
from syncline.ledger import Lock, open_to_read
from syncline.model import Outcome
from syncline.run import run_job
from syncline.sources.reading import Reading


@dataclass(frozen=True)
class Setting:
    """What a scene is made of, besides its course. api: batch, identify, bulk or single; refresh: "off" or "7d"."""

    api: str
    segment: bool = False
    rows: int = 30
    batch_items: int = 10
    parallelism: int = 4
    rate: float = 900.0
    refresh: str = "off"
    marked: float = 0.0
    most_bytes: int = 500_000
    poll_timeout_s: int = 60
    replaces: bool = False
    at_once: bool = True
    quota: int = 0

    @property
    def is_voucherify(self) -> bool:
        return self.api in {"bulk", "single"}

    @property
    def names(self) -> Mapping[str, str]:
        """Field → attribute."""
        own = {"name": "name"}
        return {field: own.get(field, f"metadata.{field}") if self.is_voucherify else field for field in FIELDS}

    @property
    def prefix(self) -> str:
        return "source_id" if self.is_voucherify else "id"

    def config(self) -> dict[str, object]:
        place = "traits." if self.segment else ""
        mappings = [{"from": place + field, "to": name} for field, name in self.names.items()]
        config: dict[str, object] = {"name": "simulated", "userId": "user_id" if self.segment else "id"}
        config |= {"mappings": mappings, "parallelism": self.parallelism, "refresh": self.refresh}
        if self.segment:
            config["source"] = {"type": "segment", "spaceId": "s", "accessToken": "t", "pageItems": 10}
        return config | {"destination": self._destination()}

    def _destination(self) -> dict[str, object]:
        batch = {"batchItems": self.batch_items} if self.api in {"batch", "bulk"} else {}
        settings: dict[str, object] = {"api": self.api, "rate": self.rate} | batch
        if self.is_voucherify:
            polls = {"pollTimeout": self.poll_timeout_s}
            return {"type": "voucherify", "applicationId": "app", "secretKey": "secret"} | settings | polls
        return {"type": "customerio", "siteId": "site", "apiKey": "key"} | settings


class SimulatedJob(Job):
    """A job whose ledger tells the film of each statement."""

    film: Film

    @contextmanager
    def ledger(self, options: Options) -> Iterator[tuple[sqlite3.Connection, Lock]]:
        with super().ledger(options) as (db, lock):
            db.set_trace_callback(self.film.statement)
            yield db, lock


@dataclass
class Plan:
    """How one run goes: what it is asked, the weather at either end, and what cuts it short."""

    options: Options = field(default_factory=Options)
    weather: Weather | None = None
    source_weather: Weather | None = None
    death: Death | None = None
    halt_at_s: float | None = None


class Machine:
    """`folder` holds the ledger of each moment that is kept. excused: keys of which the ledger at hand cannot know;
    lied_to: not even an acknowledgement says that a write was done."""

    def __init__(self, seed: int, setting: Setting, folder: Path, *, schedule: int = 0) -> None:
        self.seed, self.setting, self._folder = seed, setting, folder
        self.clock = Clock()
        self.film = Film(seed, self.clock, setting.parallelism, LEAVING, ENDING, on_death=self._dies)
        self._dice, self._schedule = Random(f"{seed} server"), Random(f"{seed} schedule {schedule}")
        self.destination = self._destination()
        self.space = Space(self.film, Random(f"{seed} space"))
        self._loaded = configuration.load(setting.config(), environment={})
        self.state = folder / "state"
        self.state.mkdir()
        job = self._job()
        hosts: dict[str, Api] = {
            urlsplit(lane.origin).hostname or "": self.destination for lane in job.destination.lanes.values()
        }
        if (source := job.api_source(None)) is not None:
            hosts |= {urlsplit(lane.origin).hostname or "": self.space for lane in source.lanes.values()}
        self.internet = Internet(hosts)
        self.ledger = job.path
        self.excused: set[str] = set()
        self._last_rows: Sequence[Row] = ()
        self.lied_to = False
        self._rejected: dict[str, str] = {}  # key → what was refused for good
        self.dead: Dead | None = None
        self._kept: dict[str, set[str]] = {}
        self._halt = Halt()
        self._halt_at_s: float | None = None

    def _destination(self) -> People | Vouchers:
        setting = self.setting
        if setting.is_voucherify:
            switches = {"replaces": setting.replaces, "at_once": setting.at_once}
            return Vouchers(self.film, self._dice, **switches, quota=setting.quota)
        return People(self.film, self._dice, setting.most_bytes)

    def _job(self) -> SimulatedJob:
        job = SimulatedJob(self._loaded, self._folder / "state", Reading())
        job.film = self.film
        return job

    # --- a run ----------------------------------------------------------------------------------------------------

    def run(self, rows: Sequence[Row], plan: Plan) -> Ended:
        """One run of the real tool, from the configuration to the report; whatever it promises is checked."""
        setting, film = self.setting, self.film
        self.destination.weather = plan.weather or Weather(Random(0))
        self.space.weather = plan.source_weather or Weather(Random(0))
        film.begin(plan.death, books_of(self.ledger).tickets, resumes=plan.options.resume)
        film.repeats = setting.segment and (has_repeats(rows) or has_repeats(self._last_rows))
        self._last_rows = rows
        film.remembered = {} if plan.options.full or setting.refresh != "off" else self._rejected
        self._halt, self._halt_at_s = Halt(), plan.halt_at_s
        self.dead = None if plan.options.full else self.dead  # which sends all again, and is asked to
        report = error = None
        data = None if setting.segment or plan.options.resume else [dict(row) for row in rows]
        with in_this_world(self.clock, self.internet, self.seed + film.runs, self._schedule, self._starts):
            try:
                report = run_job(self._job(), data, plan.options, self._halt)
            except Died:
                pass
            except SynclineError as refusal:
                error = refusal
        if film.violation is not None:
            raise film.violation
        if film.dead:
            return self._buried()
        if error is not None:
            raise error
        assert report is not None
        return self._checked(report, rows, plan)

    def _starts(self) -> None:
        """In the event loop of the run, before anything is sent."""
        self.film.new_stage()
        if self._halt_at_s is not None:
            self.clock.later(self._halt_at_s, self._interrupt)

    def _interrupt(self) -> None:
        self.film.halted_at = self.clock.now
        self._halt.request()

    def _checked(self, report: Report, rows: Sequence[Row], plan: Plan) -> Ended:
        given = len(rows)
        if self.setting.segment or plan.options.resume:
            given = -1
        elif plan.options.limit is not None:
            given = min(given, plan.options.limit)
        end = self._end(report, given if given >= 0 else None)
        weathers = {self.destination.name: self.destination.weather, "segment": self.space.weather}
        end.dead_from_s = {name: one.dead_from_s for name, one in weathers.items() if one.dead_from_s < float("inf")}
        calm = not isinstance(self.destination, Vouchers) or set(self.destination.fates) == {"done"}
        end.only_marks = calm and not (self.destination.weather.spells or self.destination.weather.capacity)
        for check in AT_THE_END:
            check(end)
        self.dead = None
        for entry in end.after.plan:
            self._rejected.pop(entry.key, None)
            if entry.outcome == Outcome.REJECTED and not entry.passing:
                self._rejected[entry.key] = entry.told
        return end

    def _end(self, report: Report | None, given: int | None = None) -> Ended:
        if isinstance(self.destination, Vouchers):
            self.destination.settle()
        if not self.lied_to:
            self.excused -= {op.key for call in self.film.of_run for op in call.acked}
        retold = self._retold(report) if report is not None else None
        books, held = books_of(self.ledger), self.destination.held
        return Ended(self.film, books, held, self.excused, report, retold, given, follows=self.dead)

    def _retold(self, report: Report) -> Report:
        job = self._job()
        db = open_to_read(job.path, job.destination.name, job.destination.account)
        assert db is not None
        with closing(db):
            return report_of(db, report.run, shown=-1, nothing_left=report.nothing_left, fail_on=job.fail_on)

    # --- death ----------------------------------------------------------------------------------------------------

    def _dies(self) -> None:
        """This very instant: the files as they are, and what is on its way."""
        snapshot = self._folder / "snapshot"
        shutil.rmtree(snapshot, ignore_errors=True)
        shutil.copytree(self.state, snapshot, ignore=shutil.ignore_patterns("*-shm"))
        of_run = self.film.of_run
        last = {op.key: op for call in of_run for op in call.ops}  # replaces what its ticket told
        acks = {op: call.ended for call in of_run for op in call.acked if call.heard is not None}
        self._dying = Dead(self.film.died_at, {op: at for op, at in acks.items() if last.get(op.key, op) == op})
        self.internet.bury([*self.film.under_way.values()])

    def _buried(self) -> Ended:
        """The machine goes on with what the dead process left."""
        shutil.rmtree(self.state)
        (self._folder / "snapshot").rename(self.state)
        end = self._end(None)
        for check in AT_A_DEATH:
            check(end)
        self.dead = self._dying
        return end

    # --- ledgers that come and go ---------------------------------------------------------------------------------

    def keep(self, name: str) -> None:
        """A copy of the ledger, as a backup makes it."""
        shutil.rmtree(self._folder / name, ignore_errors=True)
        shutil.copytree(self.state, self._folder / name)
        self._kept[name] = set(self.excused)
        self._kept_at = len(self.film.calls)

    def restore(self, name: str) -> None:
        """The ledger is what it was; of what was written since it cannot know."""
        shutil.rmtree(self.state)
        shutil.copytree(self._folder / name, self.state)
        touched = {op.key for call in self.film.calls[self._kept_at :] for op in call.ops}
        self.excused = self._kept[name] | touched
        self._forget()

    def lose(self) -> None:
        """There is no ledger any more."""
        shutil.rmtree(self.state)
        self.state.mkdir()
        self.excused = {op.key for call in self.film.calls for op in call.ops}
        self._forget()

    def _forget(self) -> None:
        """What the ledger at hand was told of the last runs."""
        self.dead = None
        self._rejected.clear()

    # --- what should be -------------------------------------------------------------------------------------------

    def expected(self, rows: Sequence[Row]) -> dict[str, Attributes]:
        """What the destination should hold in the end; nothing of those that it refuses."""
        rows = self.space.rows if self.setting.segment else rows
        found = expected(rows, self.setting.names, self.setting.prefix)
        mark = self.setting.names["mark"]
        return {key: one for key, one in found.items() if one.get(mark) in {None, "cursed"}}
