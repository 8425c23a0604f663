"""A project → one JSON document, and back: customers, the actions that are over, and what was counted."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from syncline.emulators.keeper import read
from syncline.emulators.voucherify.actions import Action
from syncline.emulators.voucherify.customers import Customer
from syncline.emulators.voucherify.project import Project

FORMAT = 1


class _Customer(Struct, omit_defaults=True):
    number: int
    created_ms: int
    source_id: str | None = None
    held: Raw = Raw(b"{}")
    updated_ms: int = 0
    writes: int = 0


class _Snapshot(Struct):
    emulator: str
    format: int
    writes: int
    deleted: int
    born: int
    customers: list[_Customer]
    sent: dict[str, int]
    accepted: int
    ended: int
    actions: list[Action]


def version(project: Project) -> object:
    """Differs whenever the document would."""
    return project.writes, project.deleted, project.actions.accepted, project.actions.ended


def dump(project: Project) -> bytes:
    """What has taken effect; what an action is still to do is not in it."""
    actions = project.actions
    return msgspec.json.encode(
        _Snapshot(
            "voucherify",
            FORMAT,
            project.writes,
            project.deleted,
            project.register.born,
            [
                _Customer(one.number, one.created_ms, one.source_id, Raw(one.text), one.updated_ms, one.writes)
                for one in project.customers.values()
            ],
            project.sent,
            actions.accepted,
            actions.ended,
            actions.settled(),
        )
    )


def load(project: Project, document: bytes) -> None:
    """Into an empty project. Raises StateError; then nothing was loaded."""
    state = read(document, _Snapshot, "voucherify", FORMAT)
    project.restored(
        Customer(one.number, one.created_ms, one.source_id, bytes(one.held), one.updated_ms, one.writes)
        for one in state.customers
    )
    project.register.born = max([state.born, *project.customers])
    project.writes, project.deleted = state.writes, state.deleted
    project.sent.update(state.sent)
    project.actions.restored(state.actions, state.accepted, state.ended)
