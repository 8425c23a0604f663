"""A seed → a scene: a few runs through weather, deaths and lost ledgers, while the source changes; then fair weather,
in which everything must come right."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from simulation.film import Death, Film, Violation
from simulation.invariants import Ended, c8_liveness, converged, state_converged
from simulation.rows import Data, has_repeats
from simulation.runs import Machine, Plan, Setting
from simulation.vouchers import FATES, Vouchers
from simulation.weather import Weather, forecast
from syncline.errors import DataRefused, Interrupted, NothingToResume
from syncline.job import Options

_FAST = Path("/dev/shm")  # memory, where there is such a place: the databases are real, the disk need not be
_HOUR_S = 3600.0


@dataclass
class Tally:
    """What the summary adds up."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    trace: list[tuple[object, ...]] = field(default_factory=list)
    violation: str = ""
    seed: int = 0


@contextmanager
def somewhere() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="syncline-", dir=_FAST if _FAST.is_dir() else None) as folder:
        yield Path(folder)


def setting_of(seed: int) -> Setting:
    dice = Random(f"{seed} setting")
    segment = dice.random() < 0.35
    return Setting(
        api=dice.choice(("batch", "batch", "identify", "bulk", "bulk", "single")),
        segment=segment,
        rows=dice.choice((1, 5, 20, 40)),
        batch_items=dice.choice((1, 3, 10, 25)),
        parallelism=dice.choice((1, 2, 4, 8)),
        rate=dice.choice((5.0, 30.0, 900.0)),
        refresh=dice.choice(("off", "off", "7d")),
        marked=dice.choice((0.0, 0.0, 0.05)),
        most_bytes=dice.choice((500_000, 600)),
        poll_timeout_s=dice.choice((30, 120)),
        replaces=dice.random() < 0.5,
        at_once=dice.random() < 0.5,
        quota=dice.choice((0, 0, 3)),
    )


def play(seed: int, *, schedule: int = 0, clock_jumps: bool = False) -> Tally:
    """One scene. schedule: another one is another order of what is ready at the same time, everything else alike;
    clock_jumps: the wall clock goes wrong, by an hour or to the year 2038."""
    tally = Tally(seed=seed)
    with somewhere() as folder:
        scene = Scene(seed, folder, tally, schedule=schedule, clock_jumps=clock_jumps)
        try:
            scene.play()
        except Violation as broken:
            tally.violation = str(broken)
        except Exception as error:  # whatever the product raises that it should not: the summary goes on
            tally.violation = f"seed {seed}: {type(error).__name__}: {error}"
        finally:
            tally.counts["seeds"] += 1
            tally.counts["runs"] += scene.film.runs
            tally.counts["requests"] += len(scene.film.calls)
            tally.counts["deaths"] += scene.film.deaths
            tally.counts["violations"] += bool(tally.violation)
            tally.trace = [call.trace for call in scene.film.calls]
    return tally


class Scene:
    """The course of one seed. Each thing that is drawn has dice of its own."""

    def __init__(self, seed: int, folder: Path, tally: Tally, *, schedule: int, clock_jumps: bool) -> None:
        self.setting, self._tally = setting_of(seed), tally
        self._dice = Random(f"{seed} course")
        self._skews = Random(f"{seed} clock") if clock_jumps else None
        marked, count = self.setting.marked, self.setting.rows
        self.data = Data(Random(f"{seed} data"), count, marked=marked)
        self.machine = Machine(seed, self.setting, folder, schedule=schedule)
        self._deaths_in_a_row = self._most_in_a_row = 0
        self._kept = self._was_restored = False

    @property
    def film(self) -> Film:
        return self.machine.film

    def play(self) -> None:
        for _ in range(self._dice.randint(1, 4)):
            self._act()
        self._come_right()

    # --- through the weather --------------------------------------------------------------------------------------

    def _act(self) -> None:
        """The source changes or not, the ledger is replaced or not; then a run, and after a death one more."""
        dice = self._dice
        if self.film.runs and dice.random() < 0.7:
            self._turn()
        self._swap_ledgers()
        full = dice.random() < 0.1
        limit = dice.randint(1, len(self.data.rows)) if dice.random() < 0.08 else None
        self._run(Options(full=full, limit=limit))
        while self._deaths_in_a_row and self._deaths_in_a_row < 4 and dice.random() < 0.8:
            if dice.random() < 0.3:
                self._turn()  # a source that has gone on, or back, while nobody was looking (S3b)
            self._run(Options(resume=dice.random() < 0.5))
        if dice.random() < 0.2:
            self._run(Options(resume=True))

    def _turn(self) -> None:
        self.data.turn()
        self.machine.space.fill(self.data.rows)

    def _swap_ledgers(self) -> None:
        """A backup is made, put back, or the ledger is lost."""
        dice, machine = self._dice, self.machine
        chance = dice.random()
        if chance < 0.15:
            machine.keep("backup")
            self._kept = True
        elif chance < 0.22 and self._kept:
            machine.restore("backup")
            self._was_restored = True
        elif chance < 0.25:
            machine.lose()
            self._was_restored = True
        self._deaths_in_a_row = 0

    def _run(self, options: Options) -> None:
        machine, dice = self.machine, self._dice
        machine.space.fill(self.data.rows)
        machine.space.restless = dice.choice((0.0, 0.5))
        self._jump()
        if isinstance(machine.destination, Vouchers):
            machine.destination.fates = dice.choice((("done",), FATES))
        weather = forecast(dice)
        plan = Plan(options, weather, self._source_weather(), self._death(), self._halt())
        try:
            ended = machine.run(self.data.rows, plan)
        except (Interrupted, DataRefused):  # while it asked for tickets; or of the rows it may read none has a key
            return
        except NothingToResume:
            if not options.resume:
                raise
            machine.run(self.data.rows, Plan(Options(), weather=plan.weather, source_weather=plan.source_weather))
        else:
            self._count_deaths(ended)
        for one in (plan.weather, plan.source_weather):
            self._tally.faults += one.met if one is not None else Counter()
        machine.clock.rest(dice.choice((1.0, _HOUR_S, 24 * _HOUR_S)) if not self._deaths_in_a_row else 1.0)

    def _source_weather(self) -> Weather | None:
        return forecast(self._dice) if self.setting.segment else None

    def _count_deaths(self, ended: Ended) -> None:
        self._deaths_in_a_row = 0 if ended.report is not None else self._deaths_in_a_row + 1
        self._most_in_a_row = max(self._most_in_a_row, self._deaths_in_a_row)

    def _death(self) -> Death | None:
        """At any request, at any statement, at any commit."""
        if self._dice.random() < 0.5:
            return None
        kind, most = self._dice.choice(
            (("leaves", 30), ("served", 30), ("heard", 30), ("statement", 500), ("commit", 12))
        )
        return Death(kind, self._dice.randint(1, self._dice.randint(1, most)))

    def _halt(self) -> float | None:
        return self._dice.uniform(0.0, 20.0) if self._dice.random() < 0.1 else None

    def _jump(self) -> None:
        if self._skews is not None:
            self.machine.clock.skew = self._skews.choice((0.0, _HOUR_S, -_HOUR_S, 3.6e8))

    # --- until everything is right --------------------------------------------------------------------------------

    def _come_right(self) -> None:
        """Faults stop, whatever was broken is mended; one run more, and one that has nothing to do."""
        machine = self.machine
        machine.space.fill(self.data.rows)
        machine.space.restless = 0.0
        machine.destination.mended = True
        if isinstance(machine.destination, Vouchers):
            machine.destination.fates, machine.destination.quota = ("done",), 0
        machine.clock.rest(_HOUR_S)
        full = bool(machine.excused)  # S6: at once with --full, whatever ledger this is
        end = machine.run(self.data.rows, Plan(Options(full=full)))
        expected = machine.expected(self.data.rows)
        for promise in self._promises():
            converged(end, promise, expected)
        unrepeated = not (self.setting.segment and has_repeats(self.data.rows))
        if unrepeated:
            state_converged(end, "S3", expected)
        if not self.setting.marked:
            c8_liveness(end)
        machine.clock.rest(60.0)
        idle = machine.run(self.data.rows, Plan())
        writes = [call for call in idle.calls if call.ops]
        idle.need(self.setting.marked or not unrepeated or not writes, "S3", f"{len(writes)} writes with nothing to do")

    def _promises(self) -> list[str]:
        """Under which names the destination must be right."""
        names = ["O2"]
        names += ["S3"] if self._most_in_a_row else []
        names += ["S4"] if self._most_in_a_row > 1 else []
        return names + (["S6"] if self._was_restored else [])
