"""The Track API v2, `/entity` and `/batch` → operations on a workspace. A thin skin: sizes, and how answers look.

https://docs.customer.io/integrations/api/track/#operation/batch (checked 2026-10)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw, Struct

from syncline.emulators.customerio.answers import ACCEPTED, listed
from syncline.emulators.customerio.operations import Operations, Problem
from syncline.emulators.customerio.rules import MAX_ITEM_KB, MAX_REQUEST_KB
from syncline.emulators.customerio.workspace import Workspace
from syncline.emulators.routes import Answer, Call


class _Batch(Struct):
    batch: list[Raw]


_batch = msgspec.json.Decoder(_Batch)
Errors = Sequence[Mapping[str, object]]
_INJECTED = [Problem("", "refused (injected by the emulator)"), Problem("", "refused twice (injected by the emulator)")]


class V2:
    """The handlers, each `Call` → `Answer`."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._operations = Operations(workspace)

    def entity(self, call: Call) -> Answer:
        if len(call.body) > self._bytes(MAX_ITEM_KB):
            return self._oversize(MAX_ITEM_KB)
        try:
            call.body.decode()  # Raw does not look inside its values
            problems = self._operations.apply(Raw(call.body))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            problems = [Problem("", str(error))]
        return listed(400, [problem._asdict() for problem in problems]) if problems else ACCEPTED

    def batch(self, call: Call) -> Answer:
        """200, 207 with the items that failed (the others are applied), or 400 for the request as a whole."""
        items = self._items(call)
        if isinstance(items, Answer):
            return items
        errors = self._apply(items)
        return listed(207, errors) if errors else ACCEPTED

    def injected(self, word: str, call: Call) -> Answer:
        """A batch that meets `partial`, `stray` or `errors`: answers that are ours, not the vendor's."""
        items = self._items(call)
        if isinstance(items, Answer):
            return items
        if word == "stray":
            stray = {"batch_index": len(items), **_INJECTED[0]._asdict()}
            return listed(207, [*self._apply(items), stray])
        errors = self._apply(items, victim=len(items) // 2)
        return listed(207 if word == "partial" else 200, errors)

    def _apply(self, items: Sequence[Raw], victim: int = -1) -> Errors:
        """What is wrong, item by item; the `victim` is refused by us, whatever it is."""
        errors: list[dict[str, object]] = []
        most = self._bytes(MAX_ITEM_KB)
        for index, item in enumerate(items):
            problems = _INJECTED if index == victim else self._item(item, most)
            errors += [{"batch_index": index, **problem._asdict()} for problem in problems]
        return errors

    def _items(self, call: Call) -> Sequence[Raw] | Answer:
        if len(call.body) > self._bytes(MAX_REQUEST_KB):
            return self._oversize(MAX_REQUEST_KB)
        try:
            call.body.decode()
            items = _batch.decode(call.body).batch
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return _refused(str(error))
        switches = self._workspace.switches
        if not items and not switches.empty_batch_accepted:
            return _refused("must not be empty")
        if 0 < switches.batch_items < len(items):
            return _refused(f"cannot hold more than {switches.batch_items} items")
        return items

    def _item(self, item: Raw, most: int) -> Sequence[Problem]:
        if memoryview(item).nbytes > most:
            return [Problem("", _too_large(MAX_ITEM_KB))]
        problems = self._operations.apply(item)
        if problems:
            self._workspace.refuse(self._operations.whom(item), problems[0].message)
        return problems

    def _bytes(self, kilobytes: int) -> int:
        return kilobytes * self._workspace.switches.kilobyte

    def _oversize(self, kilobytes: int) -> Answer:
        status = self._workspace.switches.oversize_status
        return listed(status, [Problem("", _too_large(kilobytes))._asdict()])


def _refused(message: str) -> Answer:
    return listed(400, [Problem("batch", message)._asdict()])


def _too_large(kilobytes: int) -> str:
    return f"cannot be larger than {kilobytes} KB"
