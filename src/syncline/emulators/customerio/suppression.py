"""Identifiers that must not come back → is a write to be ignored? They are freed together, as they were taken."""

from __future__ import annotations

from collections.abc import Iterable

from syncline.emulators.customerio.identity import Identifier


class Suppression:
    """groups: identifier → all that were suppressed with it. E-mails compare in lower case."""

    def __init__(self) -> None:
        self.groups: dict[Identifier, tuple[Identifier, ...]] = {}

    def add(self, identifiers: Iterable[Identifier]) -> None:
        group = tuple(dict.fromkeys(_folded(identifier) for identifier in identifiers if identifier.kind != "cio_id"))
        self.groups.update(dict.fromkeys(group, group))

    def free(self, who: Identifier) -> None:
        """All identifiers that were suppressed together with this one; nothing where it is not suppressed."""
        for identifier in self.groups.get(_folded(who), ()):
            self.groups.pop(identifier, None)

    def blocks(self, identifiers: Iterable[Identifier]) -> bool:
        """Is one of them suppressed?"""
        return any(_folded(identifier) in self.groups for identifier in identifiers)


def _folded(who: Identifier) -> Identifier:
    return who._replace(value=who.value.lower()) if who.kind == "email" else who
