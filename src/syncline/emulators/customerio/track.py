"""The Track API, v1 and v2 → writes on a workspace. A thin skin: what HTTP says, and how its answers look.

https://docs.customer.io/integrations/api/track/ (checked 2026-10)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from syncline.emulators.customerio.identity import of_object, of_path
from syncline.emulators.customerio.rules import MAX_ITEM_KB, MAX_REQUEST_KB
from syncline.emulators.customerio.workspace import Workspace
from syncline.emulators.front import Answer, Call, Handler, Route

ACCEPTED = Answer(200, b"{}\n")  # three bytes: recorded from the live service (customerio-node's fixtures, 2026-05)
_UNAUTHORIZED = Answer(401, b'{"meta":{"error":"Unauthorized request"}}\n')

# What the specification lists and this emulator does not do.
NOT_EMULATED = (
    ("POST", "/api/v1/customers/{identifier}/suppress"),
    ("POST", "/api/v1/customers/{identifier}/unsuppress"),
    ("PUT", "/api/v1/customers/{identifier}/devices"),
    ("DELETE", "/api/v1/customers/{identifier}/devices/{device_id}"),
    ("POST", "/api/v1/customers/{identifier}/events"),
    ("POST", "/api/v1/events"),
    ("POST", "/api/v1/merge_customers"),
    ("POST", "/api/v1/segments/{segment_id}/add_customers"),
    ("POST", "/api/v1/segments/{segment_id}/remove_customers"),
    ("POST", "/api/v1/forms/{form_id}/submit"),
    ("POST", "/api/v1/metrics"),
    ("POST", "/api/v1/push/events"),
    ("POST", "/unsubscribe/{delivery_id}"),
)


class Operation(Struct, gc=False):
    """One v2 item."""

    type: str
    action: str = "identify"
    identifiers: dict[str, Raw] | UnsetType = UNSET
    attributes: dict[str, Raw] = {}


class Problem(NamedTuple):
    """One entry of v2's `errors`."""

    field: str
    message: str
    reason: str = "invalid"


class _Batch(Struct):
    batch: list[Raw]


_attributes = msgspec.json.Decoder(dict[str, Raw])
_operation = msgspec.json.Decoder(Operation)
_batch = msgspec.json.Decoder(_Batch)


def routes(workspace: Workspace) -> list[Route]:
    """Every route of the Track API; those not emulated answer 501 and say so."""
    track = Track(workspace)
    return [
        Route("PUT", "/api/v1/customers/{identifier}", track.guarded(track.identify), write=True),
        Route("DELETE", "/api/v1/customers/{identifier}", track.guarded(track.delete), write=True),
        Route("POST", "/api/v2/batch", track.guarded(track.batch), write=True),
        Route("POST", "/api/v2/entity", track.guarded(track.entity), write=True),
        Route("GET", "/auth", track.guarded(track.auth)),
        Route("GET", "/api/v1/accounts/region", track.guarded(track.region)),
        *(Route(method, template, track.guarded(_refuser(method, template))) for method, template in NOT_EMULATED),
    ]


def refusal(reason: str) -> bytes:
    """The single-string form of an error."""
    return msgspec.json.encode({"meta": {"error": reason}}) + b"\n"


class Track:
    """The handlers, each `Call` → `Answer`."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def guarded(self, handle: Handler) -> Handler:
        """The handler behind HTTP Basic, asked anew each time: keys may be revoked while the emulator runs."""

        def guard(call: Call) -> Answer:
            scheme, _, token = call.authorization.partition(" ")
            known = scheme.lower() == "basic" and token.strip() in self._workspace.credentials.basic()
            return handle(call) if known else _UNAUTHORIZED

        return guard

    def auth(self, call: Call) -> Answer:
        return Answer(200, b'{"meta":{"message":"nice credentials."}}\n')

    def region(self, call: Call) -> Answer:
        space = self._workspace
        told = {"url": f"http://{call.host}", "region": space.region, "environment_id": space.environment_id}
        return Answer(200, msgspec.json.encode(told) + b"\n")

    # v1

    def identify(self, call: Call) -> Answer:
        if self._workspace.switches.v1_body_limited and len(call.body) > self._bytes(MAX_ITEM_KB):
            return Answer(self._workspace.switches.oversize_status, refusal(_too_large(MAX_ITEM_KB)))
        try:
            call.body.decode()  # Raw does not look inside its values
            given = _attributes.decode(call.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return Answer(400, refusal(f"the body is not a JSON object: {error}"))
        wrong = self._workspace.identify(of_path(call.parts[0], self._workspace.mode), given)
        return _v1_errors([violation.v1 for violation in wrong]) if wrong else ACCEPTED

    def delete(self, call: Call) -> Answer:
        self._workspace.delete(of_path(call.parts[0], self._workspace.mode))  # some clients send a body: ignored
        return ACCEPTED

    # v2

    def entity(self, call: Call) -> Answer:
        if len(call.body) > self._bytes(MAX_ITEM_KB):
            return self._oversize(MAX_ITEM_KB)
        try:
            call.body.decode()
            problems = self._apply(Raw(call.body))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            problems = [Problem("", str(error))]
        return _v2_errors(400, [problem._asdict() for problem in problems]) if problems else ACCEPTED

    def batch(self, call: Call) -> Answer:
        """200, 207 with the items that failed (the others are applied), or 400 for the request as a whole."""
        if len(call.body) > self._bytes(MAX_REQUEST_KB):
            return self._oversize(MAX_REQUEST_KB)
        try:
            call.body.decode()
            items = _batch.decode(call.body).batch
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return _v2_errors(400, [Problem("batch", str(error))._asdict()])
        if not items and not self._workspace.switches.empty_batch_accepted:
            return _v2_errors(400, [Problem("batch", "must not be empty")._asdict()])
        errors = [
            {"batch_index": index, **problem._asdict()}
            for index, item in enumerate(items)
            for problem in self._item(item)
        ]
        return _v2_errors(207, errors) if errors else ACCEPTED

    def _item(self, item: Raw) -> Sequence[Problem]:
        if memoryview(item).nbytes > self._bytes(MAX_ITEM_KB):
            return [Problem("", _too_large(MAX_ITEM_KB))]
        return self._apply(item)

    def _apply(self, item: Raw) -> Sequence[Problem]:
        try:
            operation = _operation.decode(item)
        except msgspec.ValidationError as error:
            return [Problem(*_placed(str(error)))]
        unknown = _not_emulated(operation)
        if unknown:
            return [unknown]
        if operation.identifiers is UNSET:
            return [Problem("identifiers", "must be present")]
        who = of_object(operation.identifiers, self._workspace.mode)
        if isinstance(who, str):
            return [Problem(".".join(["identifiers", *operation.identifiers][:2]), who)]
        if operation.action == "delete":
            self._workspace.delete(who)
            return ()
        wrong = self._workspace.identify(who, operation.attributes)
        return [Problem(violation.field, violation.v2) for violation in wrong] if wrong else ()

    def _bytes(self, kilobytes: int) -> int:
        return kilobytes * self._workspace.switches.kilobyte

    def _oversize(self, kilobytes: int) -> Answer:
        status = self._workspace.switches.oversize_status
        return _v2_errors(status, [Problem("", _too_large(kilobytes))._asdict()])


def _not_emulated(operation: Operation) -> Problem | None:
    if operation.type != "person":
        return Problem("type", f"not emulated: {operation.type}")
    if operation.action not in ("identify", "delete"):
        return Problem("action", f"not emulated: person {operation.action}")
    return None


def _placed(message: str) -> Iterator[str]:
    """msgspec's "Expected `object`, got `int` - at `$.identifiers`" → the field, and the message."""
    text, _, place = message.partition(" - at `$")
    yield place.strip("`.")
    yield text


def _too_large(kilobytes: int) -> str:
    return f"cannot be larger than {kilobytes} KB"


def _refuser(method: str, template: str) -> Handler:
    answer = Answer(501, refusal(f"not emulated: {method} {template}"))
    return lambda _: answer


def _v1_errors(messages: Sequence[str]) -> Answer:
    """Pretty-printed with a newline, all violations in one array: seen from the real service (customerio-node #29)."""
    return Answer(400, msgspec.json.format(msgspec.json.encode({"meta": {"errors": messages}}), indent=2) + b"\n")


def _v2_errors(status: int, errors: Sequence[dict[str, object]]) -> Answer:
    return Answer(status, msgspec.json.encode({"errors": errors}) + b"\n")
