"""A bulk of customers, or of metadata → an action; and what it does to each customer when its turn has come.

https://docs.voucherify.io/api-reference/customers/update-customers-in-bulk (checked 2026-10). The legacy contract is
that of the specification until August 2024: a hundred customers, and one that is wrong refuses them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec
from msgspec import Raw

from syncline.emulators.voucherify import fields
from syncline.emulators.voucherify.actions import Action, Line, Work
from syncline.emulators.voucherify.customers import Customer
from syncline.emulators.voucherify.problems import Problem, RefusedError, payload
from syncline.emulators.voucherify.project import Project

MAX_LEGACY_ITEMS = 100
NOBODY = "nobody-has-this-source-id"
Twist = Literal["", "partial", "stray", "errors"]
Problems = tuple[Problem, ...]

_NO_OBJECT = payload("Payload should be object")
_NO_SOURCE_ID = payload("Payload should have required property 'source_id'")
_EMPTY = payload("Payload should not be empty")
_NO_SOURCE_IDS = Problem("not_enough_source_ids", "Not enough source ids", "Specify at least 1 source_id")
_TWICE = Problem("duplicate_found", "Duplicated resource found", "Another customer of the bulk has this source_id")
_BESIDE = Problem("invalid_payload", "Invalid payload", "Another customer of the bulk is wrong")
_INJECTED = (
    Problem("invalid_customer", "Invalid customer", "Refused (injected by the emulator)"),
    Problem("invalid_customer", "Invalid customer", "Refused once more (injected by the emulator)"),
)


class Item(NamedTuple):
    """A customer of a bulk. source_id: None where it is missing or null; problem: what no customer may look like."""

    source_id: str | None
    given: fields.Given
    problem: Problem | None


class Bulks:
    """accept, accept_metadata: each gives the action, or raises RefusedError."""

    def __init__(self, project: Project) -> None:
        self._project, self._register, self._switches = project, project.register, project.switches

    def accept(self, given: Sequence[Raw], twist: Twist = "") -> Action:
        """`twist`: what a fault makes of it; see `faults.WORDS`."""
        legacy = self._switches.contract == "legacy"
        most = MAX_LEGACY_ITEMS if legacy else self._switches.bulk_items
        if most and len(given) > most:
            raise RefusedError(_too_many(most))
        if not given and not self._switches.empty_bulk_accepted:
            raise RefusedError(_EMPTY)
        items = [self._read(raw) for raw in given]
        for item in items if legacy else ():
            if problem := self._wrong(item):
                raise RefusedError(problem)
        self._project.sent.update(item.source_id for item in items if item.source_id is not None)
        return self._project.actions.accept("CUSTOMERS.BULK_UPDATE", self._work(items, twist))

    def accept_metadata(self, source_ids: Sequence[str], metadata: Raw) -> Action:
        given = {"metadata": metadata}
        if problem := self._project.wrong(given):
            raise RefusedError(problem)
        if self._switches.contract == "legacy":
            wrong = self._project.wrong_metadata(None, given) if source_ids else _NO_SOURCE_IDS
            if wrong:
                raise RefusedError(wrong)
        self._project.sent.update(source_ids)

        def do(count: int, at_ms: int) -> Sequence[Line]:
            return [self._write(Item(source_id, given, None), at_ms) for source_id in source_ids[:count]]

        return self._project.actions.accept("CUSTOMERS.METADATA_UPDATE", Work(len(source_ids), do))

    def _read(self, raw: Raw) -> Item:
        try:
            given = fields.members(raw)
        except msgspec.ValidationError:
            return Item(None, {}, _NO_OBJECT)
        null = given.get("source_id") == fields.NULL
        if "source_id" not in given or (null and self._switches.null_source_id == "refused"):
            return Item(None, given, _NO_SOURCE_ID)
        return Item(fields.text(given["source_id"]), given, self._project.wrong(given))

    def _work(self, items: Sequence[Item], twist: Twist) -> Work:
        def do(count: int, at_ms: int) -> Sequence[Line]:
            taken = self._singled(items[:count])
            refused = self._refused(taken, twist)
            lines = [self._line(item, at_ms, refused.get(place, ())) for place, item in enumerate(taken)]
            return [*lines, Line(NOBODY, False, False, _INJECTED[:1])] if twist == "stray" else lines

        return Work(len(items), do, quiet=twist == "errors")

    def _singled(self, items: Sequence[Item]) -> Sequence[Item]:
        if self._switches.duplicates != "last":
            return items
        return list({item.source_id or place: item for place, item in enumerate(items)}.values())

    def _refused(self, items: Sequence[Item], twist: Twist) -> Mapping[int, Problems]:
        """Place → what is wrong, before anything is written."""
        refused: dict[int, Problems] = {
            place: (problem,) for place, item in enumerate(items) if (problem := self._wrong(item))
        }
        if self._switches.duplicates == "refused":
            refused |= _later(items)
        if refused and self._switches.bad_item == "fails_all":
            refused = {place: refused.get(place, (_BESIDE,)) for place in range(len(items))}
        if twist in ("partial", "errors") and items:
            return {**refused, len(items) // 2: _INJECTED if twist == "partial" else _INJECTED[:1]}
        return refused

    def _wrong(self, item: Item) -> Problem | None:
        return item.problem or self._project.wrong_metadata(self._known(item), item.given)

    def _line(self, item: Item, at_ms: int, problems: Problems) -> Line:
        if problems:
            return Line(item.source_id or "", self._known(item) is not None, False, problems)
        return self._write(item, at_ms)

    def _write(self, item: Item, at_ms: int) -> Line:
        known = self._known(item)
        # Asked once more: an item before this one may have changed who is there.
        if problem := self._project.wrong_metadata(known, item.given):
            return Line(item.source_id or "", known is not None, False, (problem,))
        self._project.write(known, item.source_id, item.given, at_ms)
        return Line(item.source_id or "", known is not None, True)

    def _known(self, item: Item) -> Customer | None:
        return self._register.with_source_id(item.source_id) if item.source_id is not None else None


def _later(items: Sequence[Item]) -> Mapping[int, Problems]:
    """Place → what is wrong with whoever has the source_id of somebody before."""
    first: dict[str, int] = {}
    twice = {}
    for place, item in enumerate(items):
        if item.source_id is not None and first.setdefault(item.source_id, place) != place:
            twice[place] = (_TWICE,)
    return twice


def _too_many(most: int) -> Problem:
    return Problem("too_many_customers", "Too many customers", f"Specify at most {most} customers")
