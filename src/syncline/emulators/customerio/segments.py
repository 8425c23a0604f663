"""Manual segments: who belongs to which. Data-driven ones are only named: their rules are not emulated.

https://docs.customer.io/integrations/api/app/tag/segments/ (checked 2026-10)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

SegmentKind = Literal["manual", "dynamic"]


class Segment(Struct):
    """members: running numbers of people. Times are unix seconds."""

    id: int
    name: str
    description: str
    kind: SegmentKind
    created: int
    updated: int
    members: set[int] = set()


class Segments:
    """by_id: every segment, oldest first."""

    def __init__(self) -> None:
        self.by_id: dict[int, Segment] = {}
        self.made = 0  # an id is never used twice

    def create(self, name: str, description: str, at: float, kind: SegmentKind = "manual") -> Segment:
        self.made += 1
        segment = Segment(self.made, name, description, kind, int(at), int(at))
        self.by_id[segment.id] = segment
        return segment

    def delete(self, number: int) -> bool:
        """Was it there?"""
        return self.by_id.pop(number, None) is not None

    def of(self, person: int) -> list[Segment]:
        return [segment for segment in self.by_id.values() if person in segment.members]

    def add(self, number: int, people: Iterable[int], at: float) -> None:
        """Nothing where the segment was deleted meanwhile."""
        if segment := self.by_id.get(number):
            segment.members.update(people)
            segment.updated = int(at)

    def remove(self, number: int, people: Iterable[int], at: float) -> None:
        if segment := self.by_id.get(number):
            segment.members.difference_update(people)
            segment.updated = int(at)

    def merge(self, primary: int, secondary: int) -> None:
        for segment in self.of(secondary):
            segment.members.discard(secondary)
            segment.members.add(primary)

    def forget(self, person: int) -> None:
        for segment in self.of(person):
            segment.members.discard(person)
