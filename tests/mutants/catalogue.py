"""`catalogue.toml` → planted bugs, each of which applies to its file exactly once."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = Path(__file__).with_name("catalogue.toml")

_INVARIANT = re.compile(r"A[1-6]|S([1-8]|3b)|O[1-5]|R([1-9]|10)|B[1-4]|D[1-5]|C[1-9]|P[12]")


class DidNotApply(Exception):
    """The text to find is not there, or more than once: the code has moved, and the catalogue must follow."""


class Mutant(NamedTuple):
    """One planted bug. breaks: the invariants it violates; instead: of what bug, that the design leaves no place for,
    this is the nearest; tests: ids, each of which must fail where it is planted."""

    name: str
    breaks: tuple[str, ...]
    why: str
    file: str
    find: str
    replace: str
    tests: tuple[str, ...]
    instead: str = ""

    def planted_in(self, text: str) -> str:
        """The file's text with the bug in it. Raises `DidNotApply`."""
        if (times := text.count(self.find)) != 1:
            raise DidNotApply(f"{self.file} has the text to replace {times} times; expected once")
        return text.replace(self.find, self.replace)

    def plant(self, root: Path) -> None:
        """Raises `DidNotApply`."""
        path = root / self.file
        if not path.is_file():
            raise DidNotApply(f"there is no file {self.file}")
        began_s = path.stat().st_mtime
        path.write_text(self.planted_in(path.read_text(encoding="utf-8")), encoding="utf-8")
        # Of another second than before: what was compiled of the sound file must not be taken for this one's.
        os.utime(path, (began_s + 10, began_s + 10))


def mutants(catalogue: Path = CATALOGUE) -> list[Mutant]:
    """All of them, in the order of the file. Raises `ValueError` where an entry does not say what it must."""
    return [_mutant(entry) for entry in tomllib.loads(catalogue.read_text(encoding="utf-8"))["mutant"]]


def _mutant(entry: dict[str, object]) -> Mutant:
    breaks, tests = (_texts(entry.pop(name)) for name in ("breaks", "tests"))
    mutant = Mutant(breaks=breaks, tests=tests, **{name: str(value) for name, value in entry.items()})
    if not (breaks and tests and all(map(_INVARIANT.fullmatch, breaks))):
        raise ValueError(f"{mutant.name!r} names no invariant that there is, or no test")
    return mutant


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()
