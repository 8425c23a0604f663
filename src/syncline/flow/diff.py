"""Records and beliefs → what differs; several records of one key → one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from xxhash import xxh3_64_intdigest

from syncline.flow.canonical import Fields, assemble
from syncline.model import Belief, Record

_YEAR_S = 366 * 86_400.0


class Refresh(NamedTuple):
    """Beliefs age: each is sent again some time between ½ and 1 × `every_s` after its acknowledgement.

    now: unix seconds; every_s: None for never.
    """

    now: float
    every_s: float | None

    def is_due(self, key: str, belief: Belief) -> bool:
        return self.is_old(key, belief.acked)

    def is_old(self, key: str, at: float) -> bool:
        """Each key has its own point, so that they never come all at once. at: unix seconds."""
        if self.every_s is None or (age_s := self.now - at) < self.every_s / 2:
            return False
        return age_s >= self.every_s * (0.5 + xxh3_64_intdigest(key.encode()) / 2**65)

    def trusting(self, newest: float | None) -> tuple[Refresh, str]:
        """The same, or none at all, with why, where the clock cannot be right. newest: the last acknowledgement."""
        if self.every_s is None or newest is None or newest <= self.now <= newest + _YEAR_S:
            return self, ""
        where = "before" if self.now < newest else "over a year after"
        return self._replace(every_s=None), f"the clock stands {where} the last run: nothing is refreshed; check it"


def differs(record: Record, belief: Belief | None) -> bool:
    """Is there something to send? A key in doubt is sent whatever its digest says."""
    return belief is None or belief.doubtful or belief.digest != record.digest


def fold(bodies: Iterable[bytes], *, merges: bool) -> bytes:
    """The records of one key, in row order → the one to send.

    Where the destination merges, the last value of each attribute wins; where it replaces, the last record does.
    """
    folded: dict[str, bytes] = {}
    for body in bodies:
        members = {name: bytes(value) for name, value in Fields.decode(body).items()}
        folded = folded | members if merges else members
    return assemble(folded)


def changed_fields(before: bytes | None, after: bytes) -> dict[str, tuple[bytes | None, bytes]]:
    """Attribute → (what we believe is held, what will be sent), for those that differ."""
    held = Fields.decode(before) if before else {}
    changes: dict[str, tuple[bytes | None, bytes]] = {}
    for name, value in Fields.decode(after).items():
        old = bytes(held[name]) if name in held else None
        if old != bytes(value):
            changes[name] = (old, bytes(value))
    return changes
