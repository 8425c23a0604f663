"""A configuration and data → the concrete parts of one sync: its source, mapper, destination and ledger."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple, Protocol

from syncline import config as configuration
from syncline.delivery import Gauge, Policy
from syncline.destinations import customerio, voucherify
from syncline.errors import ConfigRefused, LedgerRefused, NothingToResume, Placed, Problem, Unfit, counted
from syncline.flow.diff import Refresh
from syncline.flow.mapping import Mapper
from syncline.handles import affordable, refuse_too_few
from syncline.ledger import (
    Draft,
    Journal,
    Lock,
    NewRun,
    RunRecord,
    bury_the_dead,
    failing,
    is_kept,
    open_ledger,
    path_of,
    plan_number,
    plan_run,
    prepare_folder,
    runs,
    scratch_copy,
)
from syncline.model import Stop
from syncline.ports import ApiSource, Destination, Source
from syncline.recipe import Recipe
from syncline.sources.files import FileSource
from syncline.sources.reading import Reading
from syncline.sources.records import RecordsSource
from syncline.sources.segment import SegmentSource

Data = str | Path | Iterable[str | Path | Mapping[str, object]]


class Options(NamedTuple):
    """What a call asks for besides its configuration."""

    limit: int | None = None
    only: str | None = None
    full: bool = False
    resume: bool = False
    adopt: bool = False
    require_state: bool = False
    retry_rejected: bool = False


class Watch(Protocol):
    """Whoever shows progress."""

    def planning(self, rows: int, share: float | None) -> None: ...
    def delivering(self, gauge: Gauge) -> AbstractContextManager[None]: ...


class _NoWatch:
    def planning(self, rows: int, share: float | None) -> None:
        return

    def delivering(self, gauge: Gauge) -> AbstractContextManager[None]:
        return nullcontext()


no_watch: Watch = _NoWatch()


class Job:
    """One sync, made concrete. Opening it touches neither the network nor the ledger."""

    def __init__(self, loaded: configuration.Loaded, state_dir: str | Path | None, reading: Reading) -> None:
        sync = loaded.sync
        self._loaded = loaded
        self.name = loaded.name
        roads = 2 if isinstance(sync.source, configuration.Segment) else 1  # it has as many as the destination
        self.parallelism = max(1, affordable(roads * sync.parallelism) // roads)
        self.destination = _destination(sync)
        self.notify, self.fail_on = sync.notify, sync.fail_on
        self.policy = Policy(
            tries=sync.tries,
            patience_s=sync.patience,
            retry_after_most_s=sync.max_wait,
            rejected_share=sync.max_reject_ratio,
        )
        self._reading = reading
        self.recipe = Recipe(loaded, self.destination)
        self.state_dir = Path(state_dir) if state_dir else loaded.directory / ".syncline"
        self.path = path_of(self.state_dir, self.name, self.destination.name, self.destination.account)
        self.lock_path = self.path.with_suffix(".lock")

    @classmethod
    def load(
        cls,
        config: str | Path | Mapping[str, object],
        state_dir: str | Path | None = None,
        env_file: str | Path | None = None,
        reading: Mapping[str, str] | None = None,
        *,
        strict_permissions: bool = False,
    ) -> Job:
        """Raises `ConfigRefused` with every problem at once. `reading`: what overrides the keys of `source`;
        strict_permissions: a file with a credential that others may read is a problem, not only a warning."""
        loaded = configuration.load(config, env_file=env_file, strict_permissions=strict_permissions)
        return cls(loaded, state_dir, _reading(loaded.sync.source, reading or {}))

    @property
    def trusted(self) -> Collection[str] | None:
        """Origins that may be anywhere; None: all of them, for nobody uploaded this configuration."""
        return self._loaded.trusted

    @property
    def warnings(self) -> Sequence[str]:
        return self._loaded.warnings

    def api_source(self, data: Data | None) -> ApiSource | None:
        """The API that the configuration names as its source, where no data takes its place."""
        written = self._loaded.sync.source
        if data is not None or not isinstance(written, configuration.Segment):
            return None
        return SegmentSource(written, self._loaded.directory)

    def source(self, data: Data | None, waiting: Callable[[], None] = lambda: None) -> Source:
        """`data` as given, else the configuration's `source`, which is relative to the configuration. waiting: see
        `FileSource`."""
        written = self._loaded.sync.source
        files = written.files if isinstance(written, configuration.Files) else ()
        if data is None and not files:
            fix = "Give it with -d FILE, or set `source` in the configuration."
            raise ConfigRefused(self.problem("source", "there is no data", "the rows that are to be synced", fix))
        if data is None:
            return FileSource(files, self._reading, self._loaded.directory, waiting)
        if isinstance(data, (str, Path)):
            return FileSource([data], self._reading, waiting=waiting)
        if isinstance(data, (list, tuple)) and data and all(isinstance(file, (str, Path)) for file in data):
            return FileSource([*map(str, data)], self._reading, waiting=waiting)
        return RecordsSource(data)

    def only(self, options: Options) -> frozenset[str] | None:
        """The keys that `--only` may mean: `7258` and `id:7258` are the same person."""
        if options.only is None:
            return None
        kind, _, value = options.only.partition(":")
        try:
            typed = self.destination.key(value) if value.strip() else ""
            if typed.startswith(f"{kind}:"):
                return frozenset({typed, options.only})
            return frozenset({self.destination.key(options.only), options.only})
        except Unfit as unfit:
            found, fix = f"--only {options.only}: {unfit.reason}", "Write it as the rows have it, like 7258 or id:7258."
            raise ConfigRefused(Problem("", 0, 0, found, "who can be identified", fix)) from None

    def refuse_oddities(self, options: Options, data: Data | None) -> None:
        """`--resume` goes on with a plan as it stands, so whatever shapes a plan contradicts it."""
        if options.limit is not None and options.limit < 1:
            found, fix = f"limit is {options.limit}", "Leave it out to read every row."
            raise ConfigRefused(Problem("", 0, 0, found, "at least 1", fix))
        if isinstance(data, (Mapping, bytes)):
            expected = "a path, or an iterable of mappings: one a row"
            raise ConfigRefused(Problem("", 0, 0, "data is one object", expected, "Put what is one row into a list."))
        if "" in ([data] if isinstance(data, str) else data if isinstance(data, (list, tuple)) else ()):
            fix = "Name it, like data.json, or - for stdin."
            raise ConfigRefused(Problem("", 0, 0, "a data file without a name", "the path of a file", fix))
        odd = {"data": data is not None, "limit": options.limit is not None, "only": options.only is not None}
        odd |= {"full": options.full, "adopt": options.adopt, "retry-rejected": options.retry_rejected}
        if options.adopt and options.full:
            fix = "The one sends nothing, the other everything: give one of them."
            raise ConfigRefused(Problem("", 0, 0, "--adopt together with --full", "one of them", fix))
        if options.resume and (given := [name for name, is_given in odd.items() if is_given]):
            expected = f"the plan as it was made: --resume takes no --{given[0]}"
            raise ConfigRefused(Problem("", 0, 0, f"--{given[0]} beside --resume", expected, "Leave one of them out."))

    def problem(self, key: str, found: str, expected: str, fix: str) -> Problem:
        """One that concerns a key at the top of the configuration, at its place there."""
        return self._loaded.problem((key,), found, expected, fix)

    # --- the ledger -----------------------------------------------------------------------------------------------

    def require_state(self, options: Options) -> None:
        """`--require-state`: a ledger that is missing would make everybody new. Raises `LedgerRefused`."""
        if options.require_state and not is_kept(self.path):
            found = f"--require-state, and there is no ledger at {self.path}"
            expected = "the ledger of the runs before: without it a run would take everybody for new"
            fix = "Put it back, or name its place with --state-dir."
            raise LedgerRefused(Placed(str(self.path), 0, 0, found, expected, fix))

    @contextmanager
    def ledger(self, options: Options) -> Iterator[tuple[sqlite3.Connection, Lock]]:
        """The ledger, locked for this run alone. Raises `NothingToResume` rather than make one for `--resume`."""
        if options.resume and not is_kept(self.path):
            raise _nothing_to_resume("there is no run to resume: this sync has no ledger yet")
        self.require_state(options)
        prepare_folder(self.path, self.state_dir)
        with Lock(self.lock_path) as lock:
            db = open_ledger(self.path, self.destination.name, self.destination.account)
            try:
                with failing(self.path):  # who knows better what it means, says so; this is the last word
                    yield db, lock
            finally:
                db.close()

    def draft(self, db: sqlite3.Connection, options: Options, run: int | None = None) -> Draft:
        """A new plan in the making, or the next portion of the one of `run`."""
        return Draft(db, self.path, time.time(), self.new_run(options) if run is None else run)

    def new_run(self, options: Options) -> NewRun:
        whole = options.limit is None and options.only is None
        return NewRun(time.time(), self.recipe.fingerprint, self.destination.dialect, whole)

    def scratch_ledger(self) -> AbstractContextManager[sqlite3.Connection]:
        return scratch_copy(self.path, self.destination.name, self.destination.account)

    def resumed(self, db: sqlite3.Connection, *, died_over: int | None) -> tuple[RunRecord, list[str]]:
        """The run whose plan is to be gone on with, and what to tell about it. Raises `NothingToResume`."""
        if died_over == plan_number(db):  # a later one is whole: its process died before it could say so
            raise _nothing_to_resume("the last run was killed while it planned: nothing was sent")
        bury_the_dead(db, self.path, time.time)
        last = plan_run(db)
        if last is None:
            raise _nothing_to_resume("there is no run to resume: no plan was ever completed")
        left = last.bookmark is not None or Journal(db, self.path, last.run, time.time).count_pending()
        if left and last.dialect != self.destination.dialect:
            found = f"the configuration now says {self.destination.dialect}"
            expected = f"{last.dialect}, for which the plan of run {last.run} was made"
            fix = "To go on with it, set it back, or run without --resume."
            raise NothingToResume(self.problem("destination", found, expected, fix))
        changed = last.mapping != self.recipe.fingerprint
        warning = "the mapping has changed since this plan was made; its entries go as planned"
        return last, [warning] if changed else []

    def source_stop(self, db: sqlite3.Connection, run: int) -> Stop | None:
        """Where the source broke while the run's plan was made."""
        message = runs(db, run)[0].source_stop
        return Stop("source", message) if message else None

    def refresh(self, options: Options) -> Refresh:
        """When a belief is too old to be trusted. An adoption trusts them all: it leaves alone what it need not say."""
        return Refresh(time.time(), None if options.adopt else self._loaded.sync.refresh)

    def announced(self, options: Options) -> list[str]:
        """What is to be known before the ledger is opened. Raises `LedgerRefused`."""
        refuse_too_few()
        notes = []
        if options.only is not None and isinstance(self._loaded.sync.source, configuration.Segment):
            notes.append("everything is read to find one person: --only looks at what was read and mapped")
        if not options.resume and not is_kept(self.path):
            notes.append("no ledger yet: it begins here" if options.adopt else "no ledger yet: everything is new")
        if self.parallelism < (wanted := self._loaded.sync.parallelism):
            few = f"{counted(self.parallelism, 'request')} at a time, not {wanted}"
            notes.append(f"{few}: this process may open no more files (raise that with `ulimit -n`)")
        return notes

    def unmet(self, mapper: Mapper, read: int, options: Options) -> list[str]:
        """The configuration's warnings, the mapped fields that no row has, and a key that nobody has."""
        unmet = mapper.never_met() if read else []
        whose = "no row has" if options.limit is None else f"none of the {read:,} rows read has"
        nobody = options.only is not None and not read
        among = "no row has" if options.limit is None else f"none of the first {counted(options.limit, 'row')} has"
        return [
            *self.warnings,
            *mapper.warnings(),
            *(f"{whose} the field {name!r}, which is mapped" for name in unmet),
            *([f"{among} the key {options.only}"] if nobody else []),
        ]

    def superseded(self, db: sqlite3.Connection, options: Options) -> list[str]:
        """What is replaced with the plan of a run that was cut short."""
        last = plan_run(db)
        left = Journal(db, self.path, last.run, time.time).count_pending() if last is not None else 0
        if last is None or not left:
            return []
        if options.limit is not None or options.only is not None:
            whose = f"run {last.run} had {counted(left, 'row')} left"
            return [f"{whose}, and this run replaces its plan; the next whole run sends them"]
        if options.adopt or last.stopped is None or last.stopped.reason != "killed":
            return []
        whose = f"run {last.run} was killed, and of {counted(left, 'row')} nobody knows what became"
        return [f"{whose}: whoever of them is still in the data is sent again"]


def _destination(sync: configuration.Sync) -> Destination:
    if isinstance(sync.destination, voucherify.Settings):
        return voucherify.Voucherify(sync.destination)
    return customerio.CustomerIo(sync.destination, sync.mode)


def _nothing_to_resume(found: str) -> NothingToResume:
    return NothingToResume(Problem("", 0, 0, found, "a plan to go on with", "Begin anew: run without --resume."))


def _reading(written: object, given: Mapping[str, str]) -> Reading:
    """How the configuration says that files are to be read, and what the call says over it."""
    written = written if isinstance(written, configuration.Files) else configuration.Files()
    files = configuration.overridden(written, given)
    return Reading(files.format, files.path, files.delimiter, files.encoding)
