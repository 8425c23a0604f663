"""The Track API: its routes and keys, and v1 → writes on a workspace. A thin skin, like `batch`, which is v2.

https://docs.customer.io/integrations/api/track/ (checked 2026-10)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from syncline.emulators.customerio import devices, events, relationships
from syncline.emulators.customerio.answers import ACCEPTED, UNAUTHORIZED, json, track_refusal, violations
from syncline.emulators.customerio.batch import V2
from syncline.emulators.customerio.credentials import token
from syncline.emulators.customerio.events import Event, Flaw, event_kind
from syncline.emulators.customerio.identity import KINDS, Identifier, enabled, of_path, scalar_text
from syncline.emulators.customerio.operations import merge
from syncline.emulators.customerio.relationships import Links
from syncline.emulators.customerio.rules import MAX_ITEM_KB, Violation, too_long
from syncline.emulators.customerio.workspace import Workspace
from syncline.emulators.routes import Answer, Call, Handler, Route

MAX_SEGMENT_IDS = 1000

# What the specification lists and this emulator does not do.
NOT_EMULATED = (
    ("POST", "/api/v1/forms/{form_id}/submit"),
    ("POST", "/api/v1/metrics"),
    ("POST", "/api/v1/push/events"),
    ("POST", "/unsubscribe/{delivery_id}"),
)


class _Device(Struct):
    device: dict[str, Raw]


class _Merge(Struct):
    primary: dict[str, Raw]
    secondary: dict[str, Raw]


class _Ids(Struct):
    ids: list[str]


_attributes = msgspec.json.Decoder(dict[str, Raw])
_device = msgspec.json.Decoder(_Device)
_merge = msgspec.json.Decoder(_Merge)
_ids = msgspec.json.Decoder(_Ids)
_NONE = Raw(b"null")
T = TypeVar("T")


class RefusedError(Exception):
    """The request is answered 400. Says why."""


def routes(workspace: Workspace, v2: V2) -> list[Route]:
    """Every route of the Track API; those not emulated answer 501 and say so."""
    track = Track(workspace)
    one = "/api/v1/customers/{identifier}"
    writes: Mapping[tuple[str, str], Handler] = {
        ("PUT", one): track.identify,
        ("DELETE", one): track.delete,
        ("POST", f"{one}/suppress"): track.suppress,
        ("POST", f"{one}/unsuppress"): track.unsuppress,
        ("POST", f"{one}/events"): track.event,
        ("PUT", f"{one}/devices"): track.add_device,
        ("DELETE", f"{one}/devices/{{device_id}}"): track.delete_device,
        ("POST", "/api/v1/events"): track.anonymous_event,
        ("POST", "/api/v1/merge_customers"): track.merge,
        ("POST", "/api/v1/segments/{segment_id}/add_customers"): track.add_customers,
        ("POST", "/api/v1/segments/{segment_id}/remove_customers"): track.remove_customers,
        ("POST", "/api/v2/batch"): v2.batch,
        ("POST", "/api/v2/entity"): v2.entity,
    }
    reads: Mapping[tuple[str, str], Handler] = {
        ("GET", "/auth"): lambda _: json({"meta": {"message": "nice credentials."}}),
        ("GET", "/api/v1/accounts/region"): track.region,
        **{(method, template): _refuser(method, template) for method, template in NOT_EMULATED},
    }
    return [
        *(Route(*where, track.guarded(handle), write=True) for where, handle in writes.items()),
        *(Route(*where, track.guarded(handle)) for where, handle in reads.items()),
    ]


class Track:
    """The handlers of v1, each `Call` → `Answer`."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def guarded(self, handle: Handler) -> Handler:
        """The handler behind HTTP Basic, asked anew each time: keys may be revoked while the emulator runs."""

        def guard(call: Call) -> Answer:
            if token(call.authorization, "basic") not in self._workspace.credentials.basic():
                return UNAUTHORIZED
            try:
                return handle(call)
            except RefusedError as refused:
                return self._refused(str(refused))

        return guard

    def region(self, call: Call) -> Answer:
        space = self._workspace
        return json({"url": f"http://{call.host}", "region": space.region, "environment_id": space.environment_id})

    # People

    def identify(self, call: Call) -> Answer:
        space = self._workspace
        if space.switches.v1_body_limited and len(call.body) > MAX_ITEM_KB * space.switches.kilobyte:
            return Answer(space.switches.oversize_status, track_refusal(f"cannot be larger than {MAX_ITEM_KB} KB"))
        given = _read(_attributes, call)
        links: Links | list[Violation] | None = None
        if "cio_relationships" in given:
            links = relationships.of_v1(given["cio_relationships"], space.switches)
        if isinstance(links, list):
            return violations([violation.v1 for violation in links])
        wrong = space.identify(self._who(call), given, links=links)
        if wrong and not space.switches.v1_refuses_whole:
            long = {violation.field.partition(".")[2] for violation in too_long(given, space.switches)}
            given = {name: raw for name, raw in given.items() if name not in long}
            wrong = space.identify(self._who(call), given, links=links)
        return violations([violation.v1 for violation in wrong]) if wrong else ACCEPTED

    def delete(self, call: Call) -> Answer:
        self._workspace.delete(self._who(call))  # some clients send a body: ignored
        return ACCEPTED

    def suppress(self, call: Call) -> Answer:
        self._workspace.suppress(self._who(call))
        return ACCEPTED

    def unsuppress(self, call: Call) -> Answer:
        self._workspace.unsuppress(self._who(call))
        return ACCEPTED

    def merge(self, call: Call) -> Answer:
        given = _read(_merge, call)
        wrong = merge(self._workspace, given.primary, given.secondary)
        return Answer(400, track_refusal(f"{wrong[0].field} {wrong[0].message}")) if wrong else ACCEPTED

    # What people do, have and belong to

    def event(self, call: Call) -> Answer:
        self._workspace.track(self._who(call), self._event(_read(_attributes, call)))
        return ACCEPTED

    def anonymous_event(self, call: Call) -> Answer:
        given = _read(_attributes, call)
        anonymous_id = scalar_text(given.get("anonymous_id", _NONE)) or ""
        self._workspace.track_anonymous(anonymous_id, self._event(given))
        return ACCEPTED

    def add_device(self, call: Call) -> Answer:
        device = devices.read(_read(_device, call).device, "id", self._workspace.now())
        if isinstance(device, str):
            raise RefusedError(f"device {device} must be present")
        self._workspace.add_device(self._who(call), device)
        return ACCEPTED

    def delete_device(self, call: Call) -> Answer:
        self._workspace.delete_device(self._who(call), call.parts[1])
        return ACCEPTED

    def add_customers(self, call: Call) -> Answer:
        return self._change_segment(call, join=True)

    def remove_customers(self, call: Call) -> Answer:
        return self._change_segment(call, join=False)

    def _change_segment(self, call: Call, *, join: bool) -> Answer:
        number = int(call.parts[0]) if call.parts[0].isdigit() and len(call.parts[0]) < 10 else 0
        segment = self._workspace.segments.by_id.get(number)
        if segment is None or segment.kind != "manual":
            raise RefusedError("segment not found" if segment is None else "segment is not a manual segment")
        ids = _read(_ids, call).ids
        if not 1 <= len(ids) <= MAX_SEGMENT_IDS:
            raise RefusedError(f"ids must hold 1 to {MAX_SEGMENT_IDS} values")
        wanted = call.parameter("id_type", "id")
        kind = next((kind for kind in KINDS if kind == wanted and enabled(kind, self._workspace.mode, ())), None)
        if kind is None:
            raise RefusedError(f"id_type {wanted} is not enabled in this workspace")
        self._workspace.change_segment(number, [Identifier(kind, value) for value in ids], join=join)
        return ACCEPTED

    def _event(self, given: dict[str, Raw]) -> Event:
        kind = event_kind(scalar_text(given.get("type", _NONE)) or "")
        event = events.read(given, kind, "data", self._workspace.now())
        if isinstance(event, Flaw):
            raise RefusedError(event.message)
        return event

    def _who(self, call: Call) -> Identifier:
        return of_path(call.parts[0], self._workspace.mode)

    def _refused(self, reason: str) -> Answer:
        listed = self._workspace.switches.v1_errors_listed
        return violations([reason]) if listed else Answer(400, track_refusal(reason))


def _read(decoder: msgspec.json.Decoder[T], call: Call) -> T:
    """The body. Raises RefusedError; `Raw` does not look inside its values, so the encoding is looked at here."""
    try:
        call.body.decode()
        return decoder.decode(call.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusedError(f"the body is not what it should be: {error}") from None


def _refuser(method: str, template: str) -> Callable[[Call], Answer]:
    answer = Answer(501, track_refusal(f"not emulated: {method} {template}"))
    return lambda _: answer
