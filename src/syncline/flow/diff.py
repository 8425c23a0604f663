"""Records and beliefs → what differs; several records of one key → one."""

from __future__ import annotations

from collections.abc import Iterable

from syncline.flow.canonical import Fields, assemble
from syncline.model import Belief, Record


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
