"""The API: its routes, its keys and its limits → reads and writes of a project. A thin skin.

https://docs.voucherify.io/api-reference/introduction (checked 2026-10)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from syncline.emulators.routes import Answer, Call, Handler, Route
from syncline.emulators.voucherify import listing, results
from syncline.emulators.voucherify.actions import Action
from syncline.emulators.voucherify.answers import (
    MALFORMED,
    MAX_BODY_BYTES,
    TOO_LARGE,
    UNAUTHORIZED,
    json,
    limited,
    refused,
)
from syncline.emulators.voucherify.bulks import Bulks, Twist
from syncline.emulators.voucherify.ids import request_id, timestamp
from syncline.emulators.voucherify.imports import Imports
from syncline.emulators.voucherify.limits import Meter
from syncline.emulators.voucherify.problems import RefusedError, missing, payload
from syncline.emulators.voucherify.project import Project

BULK, METADATA, IMPORT = "/v1/customers/bulk/async", "/v1/customers/metadata/async", "/v1/customers/importCSV"
REPORT = "/download/{report}"
BULKS = (BULK, METADATA, IMPORT)  # what counts as a bulk call

# What the specification lists next to the emulated routes.
NOT_EMULATED = (
    ("GET", "/v1/customers/{customerId}/activities"),
    ("GET", "/v1/customers/{customerId}/activity"),
    ("GET", "/v1/customers/{customerId}/redeemables"),
    ("GET", "/v1/customers/{customerId}/segments"),
    ("POST", "/v1/oauth/token"),
)


class _MalformedError(Exception):
    """The body is no JSON."""


class _Metadata(Struct):
    source_ids: list[str]
    metadata: Raw


_object = msgspec.json.Decoder(dict[str, Raw])
_array = msgspec.json.Decoder(list[Raw])
_metadata = msgspec.json.Decoder(_Metadata)
T = TypeVar("T")


class Api:
    """The handlers, each `Call` → `Answer`. calls, bulk_calls: what is counted against which limit."""

    def __init__(self, project: Project, calls: Meter, bulk_calls: Meter) -> None:
        self._project, self._bulks, self._imports = project, Bulks(project), Imports(project)
        self._calls, self._bulk_calls = calls, bulk_calls
        self._requests = 0

    def routes(self) -> list[Route]:
        """Every route; those not emulated answer 501 and say so."""
        one = "/v1/customers/{customerId}"
        writes: Mapping[tuple[str, str], Handler] = {
            ("POST", "/v1/customers"): self.create,
            ("PUT", one): self.update,
            ("DELETE", one): self.delete,
            ("POST", f"{one}/permanent-deletion"): self.delete_permanently,
            ("POST", BULK): self.bulk,
            ("POST", METADATA): self.bulk_metadata,
            ("POST", IMPORT): self.import_csv,
        }
        reads: Mapping[tuple[str, str], Handler] = {
            ("GET", "/v1/customers"): self.customers,
            ("GET", one): self.customer,
            ("GET", "/v1/async-actions"): self.actions,
            ("GET", "/v1/async-actions/{asyncActionId}"): self.action,
            ("GET", "/v1/metadata-schemas"): self.schemas,
            ("GET", "/v1/metadata-schemas/{resource}"): self.schema,
            **{where: _refuser(*where) for where in NOT_EMULATED},
        }
        return [
            *(Route(*where, self.guarded(handle, where[1]), write=True) for where, handle in writes.items()),
            *(Route(*where, self.guarded(handle, where[1])) for where, handle in reads.items()),
            Route("GET", REPORT, self.report),
        ]

    def meter(self, template: str) -> Meter:
        return self._bulk_calls if template in BULKS else self._calls

    def guarded(self, handle: Handler, template: str) -> Handler:
        """The handler behind its keys, asked anew each time, and its limit; it sees what has taken effect."""
        switches, meter = self._project.switches, self.meter(template)

        def guard(call: Call) -> Answer:
            if not self._known(call):
                return UNAUTHORIZED
            if not meter.admits():
                return limited(as_text=switches.limited_code == "text")
            if len(call.body) > MAX_BODY_BYTES:
                return TOO_LARGE
            self._requests += 1
            self._project.settle()
            try:
                if switches.wrong_region == "404":
                    raise missing("project", call.header(b"x-app-id").decode("latin-1"))
                return handle(call)
            except RefusedError as error:
                return refused(error, request_id(self._requests))
            except _MalformedError:
                return MALFORMED

        return guard

    def _known(self, call: Call) -> bool:
        given = (call.header(b"x-app-id").decode("latin-1"), call.header(b"x-app-token").decode("latin-1"))
        return given == self._project.credentials and self._project.switches.wrong_region != "401"

    # One customer

    def create(self, call: Call) -> Answer:
        given = _read(_object, call)
        return json(self._project.upsert(given).shown())

    def update(self, call: Call) -> Answer:
        given = _read(_object, call)
        return json(self._project.update(call.parts[0], given).shown())

    def customer(self, call: Call) -> Answer:
        found = self._project.find(call.parts[0])
        if found is None:
            raise missing("customer", call.parts[0])
        return json(found.shown())

    def delete(self, call: Call) -> Answer:
        self._project.delete(call.parts[0])
        return Answer(204)

    def delete_permanently(self, call: Call) -> Answer:
        customer = self._project.delete(call.parts[0])
        counted = ("events", "customer_events", "daily_events", "segments", "orders", "order_events")
        return json(
            {
                "id": f"del_{customer.number:024x}",
                "created_at": timestamp(round(self._project.now() * 1000)),
                "related_object_id": customer.id,
                "related_object": "customer",
                "status": "DONE",
                "data_json": {**dict.fromkeys(counted, 0), "customer": 1},
                "object": "pernament_deletion",  # so the vendor spells it
            }
        )

    def customers(self, call: Call) -> Answer:
        found = listing.customers(self._project.customers.values(), call, self._project.switches)
        shown = [customer.shown() for customer in found.customers]
        return json(
            {
                "object": "list",
                "data_ref": "customers",
                "customers": shown,
                "total": found.total,
                "has_more": found.has_more,
            }
        )

    # Many customers

    def bulk(self, call: Call, twist: Twist = "") -> Answer:
        given = _read(_array, call)
        return _accepted(self._bulks.accept(given, twist))

    def bulk_metadata(self, call: Call) -> Answer:
        given = _read(_metadata, call)
        return _accepted(self._bulks.accept_metadata(given.source_ids, given.metadata))

    def import_csv(self, call: Call) -> Answer:
        return _accepted(self._imports.accept(call.header(b"content-type"), call.body))

    def action(self, call: Call) -> Answer:
        action = self._project.actions.find(call.parts[0])
        if action is None:
            raise missing("async_action", call.parts[0])
        return json(results.whole(action, self._project.switches, f"http://{call.host}"))

    def actions(self, call: Call) -> Answer:
        shown, has_more = listing.actions(self._project.actions.held.values(), call)
        summaries = [results.summary(action, self._project.switches) for action in shown]
        return json({"object": "list", "data_ref": "async_actions", "async_actions": summaries, "has_more": has_more})

    def report(self, call: Call) -> Answer:
        """From a host of its own, with a URL that is a secret: without keys, unless a switch says otherwise."""
        if self._project.switches.report_needs_key and not self._known(call):
            return UNAUTHORIZED
        action = self._project.actions.find(call.parts[0].removesuffix(".csv"))
        switches, now_ms = self._project.switches, round(self._project.now() * 1000)
        if action is None or not action.told or now_ms >= results.till_ms(action, switches):
            return refused(missing("report", call.parts[0]), request_id(self._requests))
        return Answer(200, results.report(action, switches))

    # What metadata may be

    def schemas(self, call: Call) -> Answer:
        schemas = [self._project.schema.shown(self._project.since_ms)]
        return json({"object": "list", "data_ref": "schemas", "schemas": schemas, "total": 1})

    def schema(self, call: Call) -> Answer:
        if call.parts[0] != "customer":
            raise missing("metadata_schema", call.parts[0])
        return json(self._project.schema.shown(self._project.since_ms))


def _accepted(action: Action) -> Answer:
    return json({"async_action_id": action.id}, 202)


def _read(decoder: msgspec.json.Decoder[T], call: Call) -> T:
    """The body. Raises RefusedError or _MalformedError.

    `Raw` does not look inside its values, so the encoding is looked at here.
    """
    try:
        call.body.decode()
        return decoder.decode(call.body)
    except msgspec.ValidationError as error:
        raise RefusedError(payload(f"Payload is not what it should be: {error}")) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _MalformedError from None


def _refuser(method: str, template: str) -> Callable[[Call], Answer]:
    answer = json({"code": 501, "key": "not_emulated", "message": f"not emulated: {method} {template}"}, 501)
    return lambda _: answer
