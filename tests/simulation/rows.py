"""A source that changes, shrinks, repeats keys and goes back: seeded versions of one data set, and what each should
leave at a destination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

Row = dict[str, object]
Attributes = dict[str, object]

FIELDS = ("name", "plan", "score", "city", "mark")
_MARKS = ("poison", "blamed", "forbidden", "cursed")
_CITIES = ("Berlin", "Łódź", "São Paulo", None)


class Data:
    """`rows`: as they are now. Changes are drawn from `dice` alone, so that no weather and no schedule alters them."""

    def __init__(self, dice: Random, count: int, *, marked: float = 0.0) -> None:
        self._dice, self._marked = dice, marked
        self._next = count + 1
        self.rows: list[Row] = [self._row(number) for number in range(1, count + 1)]
        self._past: list[list[Row]] = []

    def _row(self, number: int) -> Row:
        row: Row = {"id": self._dice.choice([number, str(number)]), "name": f"Name {number}"}
        return row | self._values()

    def _values(self) -> Row:
        dice = self._dice
        row: Row = {"plan": f"p{dice.randint(1, 9)}", "score": dice.randint(0, 10**6)}
        if (city := dice.choice(_CITIES)) is not None:
            row["city"] = city
        if dice.random() < self._marked:
            row["mark"] = dice.choice(_MARKS)
        return row

    def turn(self) -> None:
        """The next version: edits, and now and then people who come, go or come twice, bad rows, or all as it was."""
        self._past.append([dict(row) for row in self.rows])
        dice = self._dice
        if dice.random() < 0.25:
            self._go_back()
            return
        self.rows = [self._edited(row) if dice.random() < 0.3 else row for row in self.rows if "id" in row]
        if dice.random() < 0.3:
            self.rows = [row for row in self.rows if dice.random() < 0.9] or self.rows
        for _ in range(dice.choice((0, 0, 1, 5))):
            self.rows.append(self._row(self._next))
            self._next += 1
        if dice.random() < 0.4:
            self.rows += [self._repeat(dice.choice(self.rows)) for _ in range(dice.randint(1, 4))]
        if dice.random() < 0.15:
            self.rows.insert(dice.randrange(len(self.rows)), {"name": "nobody"})

    def _edited(self, row: Row) -> Row:
        return {name: row[name] for name in ("id", "name") if name in row} | self._values()

    def _repeat(self, row: Row) -> Row:
        """The same person once more, with some of the attributes."""
        return {"id": row["id"], "score": self._dice.randint(0, 10**6)}

    def _go_back(self) -> None:
        """All of it, or half of its people, as they were in an earlier version."""
        then = self._dice.choice(self._past)
        if self._dice.random() < 0.5:
            self.rows = [dict(row) for row in then]
            return
        before = {str(row["id"]): row for row in then if "id" in row}
        back = {key: row for key, row in before.items() if self._dice.random() < 0.5}
        self.rows = [dict(back.get(str(row.get("id")), row)) for row in self.rows]


def has_repeats(rows: Sequence[Row]) -> bool:
    """Is anybody there twice?"""
    named = [str(row["id"]) for row in rows if "id" in row]
    return len(named) > len(set(named))


def expected(rows: Sequence[Row], names: Mapping[str, str], prefix: str) -> dict[str, Attributes]:
    """O2, by hand: attribute by attribute the last value of each key wins. `names`: field → attribute."""
    found: dict[str, Attributes] = {}
    for row in rows:
        if "id" in row:
            held = found.setdefault(f"{prefix}:{row['id']}", {})
            held |= {names[field]: row[field] for field in FIELDS if field in row}
    return found
