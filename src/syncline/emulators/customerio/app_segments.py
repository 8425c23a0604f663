"""The App API's segments → created, listed, counted, read member by member.

https://docs.customer.io/integrations/api/app/tag/segments/ (checked 2026-10)
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from syncline.emulators.customerio.answers import json
from syncline.emulators.customerio.app import Desk, RefusedError
from syncline.emulators.customerio.app_people import listing
from syncline.emulators.customerio.segments import Segment
from syncline.emulators.routes import Answer, Call, Handler

_USUAL_MEMBERS, _MAX_MEMBERS = 1000, 30_000


class _New(Struct):
    name: str
    description: str = ""


class _Wanted(Struct):
    segment: _New


_wanted = msgspec.json.Decoder(_Wanted)


class SegmentDesk:
    """The handlers, each `Call` → `Answer`. Segments themselves are made and deleted at once, without the delay."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._segments = desk, desk.workspace.segments

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        one = "/v1/segments/{segment_id}"
        return {
            ("GET", "/v1/segments"): self.all,
            ("POST", "/v1/segments"): self.create,
            ("GET", one): lambda call: json({"segment": _shown(self._segment(call))}),
            ("DELETE", one): self.delete,
            ("GET", f"{one}/customer_count"): lambda call: json({"count": len(self._segment(call).members)}),
            ("GET", f"{one}/membership"): self.membership,
        }

    def all(self, call: Call) -> Answer:
        return json({"segments": [_shown(segment) for segment in self._segments.by_id.values()]})

    def create(self, call: Call) -> Answer:
        try:
            given = _wanted.decode(call.body).segment
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RefusedError(400, str(error)) from None
        if not given.name.strip():
            raise RefusedError(400, "segment name must be present")
        made = self._segments.create(given.name, given.description, self._desk.workspace.now())
        return json({"segment": _shown(made)})

    def delete(self, call: Call) -> Answer:
        self._segments.delete(self._segment(call).id)
        return Answer(204)

    def membership(self, call: Call) -> Answer:
        page = self._desk.page(call, _USUAL_MEMBERS, _MAX_MEMBERS)
        members = sorted(number for number in self._segment(call).members if number > page.after)
        people = (self._desk.workspace.people[number] for number in members)
        cut, following = self._desk.cut(people, page, lambda person: person.number)
        return json(listing(cut, following))

    def _segment(self, call: Call) -> Segment:
        """Of the path. Raises RefusedError."""
        text = call.parts[0]
        found = self._segments.by_id.get(int(text)) if text.isdecimal() and len(text) < 10 else None
        if found is None:
            raise self._desk.missing()
        return found


def _shown(segment: Segment) -> dict[str, object]:
    return {
        "id": segment.id,
        "deduplicate_id": f"{segment.id}:{segment.updated}",
        "name": segment.name,
        "description": segment.description,
        "state": "finished",
        "progress": None,
        "type": segment.kind,
        "tags": None,
        "created_at": segment.created,
        "updated_at": segment.updated,
    }
