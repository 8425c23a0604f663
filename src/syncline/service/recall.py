"""What the registry knows of a run, and what its ledger does → how it stands; also when its process is dead."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from syncline.errors import Problem
from syncline.service.answers import Declined, refused
from syncline.service.past import Standing, looking, newest, standing
from syncline.service.registry import Entry, Registry

_KILLED = Problem(
    "the run",
    0,
    0,
    "a service that ended before the plan was whole: nothing was sent",
    "a whole plan",
    "Upload it again.",
)


class Recall:
    """state_dir: where the ledgers are; now: unix seconds."""

    def __init__(self, registry: Registry, state_dir: Path, now: Callable[[], float] = time.time) -> None:
        self._registry, self.state_dir, self._now = registry, state_dir, now

    def path_of(self, entry: Entry) -> Path:
        """Its ledger."""
        return self.state_dir / entry.ledger

    def standing(self, entry: Entry) -> Standing:
        """Of a run that is not at work here. One that never got into a ledger stands as the registry has it."""
        if entry.number is None:
            return Standing(entry.status, False)
        path = self.path_of(entry)
        with looking(path) as db:
            return (standing(db, path, entry.number) if db is not None else None) or Standing("forgotten", False)

    def recover(self) -> None:
        """To be called before anything begins: says of what a dead process left behind how it stands."""
        for entry in self._registry.unfinished():
            try:
                number = entry.number or self._number_of(entry)
            except Declined as unreadable:
                self._registry.end(entry.id, "forgotten", unreadable.answer.document, self._now())
                continue
            if number is None:
                self._registry.end(entry.id, "refused", refused([_KILLED]), self._now())
                self._registry.forget_key(entry.id)
            else:
                self._registry.update(entry.id, number=number)
                self._registry.end(entry.id, "ended", entry.said, self._now())

    def _number_of(self, entry: Entry) -> int | None:
        """The process may have died after its plan was durable, and before that was noted here."""
        last = newest(self.path_of(entry)) if entry.started is not None else None
        if last is None or last.closed or last.run <= entry.before or last.started < (entry.started or 0):
            return None
        return last.run
