"""Convergence: thirty daily runs in which much goes wrong that no run can see, then one `refresh` window without it.

One write in a hundred is silently dropped: answered well, and not done. People are edited and deleted by hand at the
destination. An old ledger is put back once, and once it is lost. The source changes every day, and goes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from simulation.film import Violation
from simulation.people import People
from simulation.rows import Data
from simulation.runs import Machine, Plan, Setting
from simulation.scene import somewhere

DAYS, REFRESH_DAYS = 30, 7
_DAY_S = 86_400.0
_PEOPLE = 150
_KEPT_ON, _RESTORED_ON, _LOST_ON = 6, 11, 20
_DROPS = 0.01


@dataclass(frozen=True)
class Month:
    """What became of it. wrong: rows that were, at the end of each day of the month; after: of the refresh window."""

    seed: int
    people: int
    wrong: tuple[int, ...]
    after: tuple[int, ...]
    dropped: int
    by_hand: int
    requests: int
    violation: str = ""

    @property
    def is_well(self) -> bool:
        return not self.violation and self.after[-1] == 0

    def __str__(self) -> str:
        if self.violation:
            return self.violation
        return (
            f"month of seed {self.seed}: {self.people} people, {self.dropped} writes dropped in silence,"
            f" {self.by_hand} people edited or deleted by hand, an old ledger and a lost one: at most {max(self.wrong)}"
            f" wrong, {self.wrong[-1]} on day {DAYS}, {self.after[-1]} after one refresh window of {REFRESH_DAYS} days"
        )


class _Life:
    """The days of one month."""

    def __init__(self, seed: int, folder: Path) -> None:
        api = ("batch", "identify")[seed % 2]
        setting = Setting(api=api, rows=_PEOPLE, batch_items=25, parallelism=4, refresh=f"{REFRESH_DAYS}d")
        self.machine = Machine(seed, setting, folder)
        self.data = Data(Random(f"{seed} data"), _PEOPLE)
        self._dice = Random(f"{seed} hands")
        self.by_hand = 0
        self.machine.lied_to = True
        assert isinstance(self.machine.destination, People)
        self.people = self.machine.destination

    def day(self, number: int) -> int:
        """How many rows are wrong in the evening."""
        if number > 1:
            self.data.turn()
        if number == _KEPT_ON:
            self.machine.keep("backup")
        if number == _RESTORED_ON:
            self.machine.restore("backup")
        if number == _LOST_ON:
            self.machine.lose()
        self.people.drops = _DROPS
        self._run()
        self.people.drops = 0.0
        self._by_hand()
        return self.wrong()

    def quiet_day(self) -> int:
        """A run of which everything arrives."""
        self._run()
        return self.wrong()

    def _run(self) -> None:
        began = self.machine.clock.now
        self.machine.excused = {*self.people.held}  # much is wrong that no ledger can know
        self.machine.run(self.data.rows, Plan())
        self.machine.clock.rest(_DAY_S - (self.machine.clock.now - began))

    def _by_hand(self) -> None:
        """Somebody edits one person, and deletes another."""
        held = self.people.held
        edited, deleted = (self._dice.choice(sorted(held)) for _ in range(2))
        held[edited]["plan"] = "by hand"
        del held[deleted]
        self.by_hand += 2

    def wrong(self) -> int:
        expected = self.machine.expected(self.data.rows)
        return sum(_differs(self.people.held.get(key, {}), told) for key, told in expected.items())


def _differs(held: Mapping[str, object], told: Mapping[str, object]) -> bool:
    return any(held.get(name) != value for name, value in told.items())


def live(seed: int) -> Month:
    """One month and one refresh window. A key is due at the first daily run a window after its last acknowledgement."""
    with somewhere() as folder:
        life, violation = _Life(seed, folder), ""
        wrong, after = [0], [-1]
        try:
            wrong = [life.day(number) for number in range(1, DAYS + 1)]
            after = [life.quiet_day() for _ in range(REFRESH_DAYS + 1)]
        except Violation as broken:
            violation = str(broken)
        requests, dropped = len(life.machine.film.calls), life.people.dropped
        return Month(
            seed, len(life.people.held), tuple(wrong), tuple(after), dropped, life.by_hand, requests, violation
        )
