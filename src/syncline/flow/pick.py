"""`pick: all`: a row's fields → those that no mapping speaks for, each an attribute under its own name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from syncline.errors import printable
from syncline.flow.paths import exceptions

# Names come with the data, so what is kept of them has a limit: memory must not grow with the rows.
_NAMES_KNOWN = 1_000
_NAMES_TOLD = 100


class Pick(NamedTuple):
    """All fields but `except_names`; `clears` and `empty` as in `Attribute`."""

    except_names: frozenset[str] = frozenset()
    clears: bool = False
    empty: str = ""


class Rest:
    """What a row holds besides what its mappings speak for.

    spoken_for: the names that mappings read or write; reserved: why no attribute may have a name, "" when it may.
    """

    def __init__(self, pick: Pick, spoken_for: Iterable[str], reserved: Callable[[str], str]) -> None:
        self._left = pick.except_names.union(spoken_for)
        self._instead = exceptions(pick.empty, clears=pick.clears)
        self._reserved = reserved
        self._sent: dict[str, bool] = {}
        self._refused: dict[str, str] = {}
        self._more_refused = False
        self._never_met = set(pick.except_names)

    def __call__(self, fields: Mapping[str, msgspec.Raw]) -> dict[str, bytes]:
        """Name → JSON text as it stands in the row."""
        record: dict[str, bytes] = {}
        for name, raw in fields.items():
            if (sent := self._sent.get(name)) is None:
                sent = self._decide(name)
            if sent:
                text = bytes(raw)
                if text not in self._instead:
                    record[name] = text
                elif (other := self._instead[text]) is not None:
                    record[name] = other
        return record

    def _decide(self, name: str) -> bool:
        if len(self._sent) == _NAMES_KNOWN:
            self._sent.clear()
        self._never_met.discard(name)
        why = "" if name in self._left else self._reserved(name)
        if why and (name in self._refused or len(self._refused) < _NAMES_TOLD):
            self._refused[name] = why
        elif why:
            self._more_refused = True
        self._sent[name] = not why and name not in self._left
        return self._sent[name]

    def warnings(self) -> list[str]:
        """The fields that are not sent for their names, each once; and the names in `except` that no row has."""
        fix = "map it to another name, or name it in except"
        told = [printable(f"field {name} is not sent: {why}; {fix}") for name, why in self._refused.items()]
        told += [
            printable(f"no row has the field {name!r}, which `except` names: nothing is left out for it")
            for name in sorted(self._never_met)
        ]
        return told + [f"more fields than these {_NAMES_TOLD} are not sent for their names"] * self._more_refused
