"""The App API → reads of a workspace: one person, up to 100, by e-mail. A thin skin, like `track`.

https://docs.customer.io/integrations/api/app/ (checked 2026-10)
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs

import msgspec
from msgspec import Struct

from syncline.emulators.customerio.identity import KINDS, Identifier
from syncline.emulators.customerio.people import Person, unsubscribed
from syncline.emulators.customerio.workspace import Workspace
from syncline.emulators.faults import Bucket
from syncline.emulators.front import Answer, Call, Handler, Route

MAX_IDS = 100
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_UNAUTHORIZED = Answer(401, b'{"errors":[{"detail":"unauthorized","status":401}]}\n')  # a number here, as documented

# What is next to the emulated routes; everything else below /v1 answers 404.
NOT_EMULATED = (
    ("POST", "/v1/customers"),
    ("GET", "/v1/customers/{customer_id}/segments"),
    ("GET", "/v1/customers/{customer_id}/messages"),
    ("GET", "/v1/customers/{customer_id}/activities"),
    ("GET", "/v1/customers/{customer_id}/relationships"),
    ("GET", "/v1/customers/{customer_id}/subscription_preferences"),
    ("GET", "/v1/activities"),
    ("GET", "/v1/segments"),
    ("POST", "/v1/segments"),
    ("POST", "/v1/imports"),
    ("GET", "/v1/exports"),
)


class _Wanted(Struct):
    ids: list[str]


_wanted = msgspec.json.Decoder(_Wanted, strict=False)  # ids may be numbers


def routes(workspace: Workspace, now: Callable[[], float], clock: Callable[[], float]) -> list[Route]:
    """Every route of the App API. `now`: unix seconds, for references; `clock`: for the API's own rate limit."""
    app = App(workspace, now, Bucket(workspace.switches.app_rate, clock))
    return [
        Route("GET", "/v1/customers/{customer_id}/attributes", app.guarded(app.attributes)),
        Route("POST", "/v1/customers/attributes", app.guarded(app.attributes_of_many)),
        Route("GET", "/v1/customers", app.guarded(app.by_email)),
        *(Route(method, template, app.guarded(_refuser(method, template))) for method, template in NOT_EMULATED),
    ]


def refusal(status: int, detail: str) -> bytes:
    """The `errors` form; `status` is a text."""
    return msgspec.json.encode({"errors": [{"detail": detail, "status": str(status)}]}) + b"\n"


class App:
    """The handlers, each `Call` → `Answer`."""

    def __init__(self, workspace: Workspace, now: Callable[[], float], bucket: Bucket) -> None:
        self._workspace, self._now, self._bucket = workspace, now, bucket
        self._references = 0

    def guarded(self, handle: Handler) -> Handler:
        """The handler behind its Bearer key and the API's 10 requests a second."""

        def guard(call: Call) -> Answer:
            scheme, _, token = call.authorization.partition(" ")
            if scheme.lower() != "bearer" or token.strip() != self._workspace.credentials.app_api_key:
                return _UNAUTHORIZED
            return handle(call) if self._bucket.admits() else self._limited()

        return guard

    def attributes(self, call: Call) -> Answer:
        """`GET /v1/customers/{customer_id}/attributes?id_type=` → `{"customer": {…}}`."""
        who = self._identifier(call, call.parts[0])
        if isinstance(who, Answer):
            return who
        person = self._workspace.find(who)
        if person is None:
            return Answer(404, refusal(404, f"not found (reference {self._reference()})"))
        return _json({"customer": _customer(person)})

    def attributes_of_many(self, call: Call) -> Answer:
        """`POST /v1/customers/attributes?id_type=`, `{"ids": […]}` → `{"customers": […]}` without those unknown."""
        try:
            ids = _wanted.decode(call.body).ids
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return Answer(400, refusal(400, str(error)))
        if len(ids) > MAX_IDS:
            return Answer(400, refusal(400, f"ids cannot hold more than {MAX_IDS} values"))
        people: list[Person] = []
        for value in ids:
            who = self._identifier(call, value)
            if isinstance(who, Answer):
                return who
            people += filter(None, [self._workspace.find(who)])
        return _json({"customers": [{"customer": _customer(person)} for person in people]})

    def by_email(self, call: Call) -> Answer:
        """`GET /v1/customers?email=` → `{"results": […]}`, empty when nobody has it."""
        email = _parameter(call, "email", "")
        if not email:
            return Answer(400, refusal(400, "email must be present"))
        return _json({"results": [_identifiers(person) for person in self._workspace.with_email(email)]})

    def _identifier(self, call: Call, value: str) -> Identifier | Answer:
        wanted = _parameter(call, "id_type", "id")
        for kind in KINDS:
            if kind == wanted and not (kind == "email" and self._workspace.mode == "id"):
                return Identifier(kind, value)
        return Answer(400, refusal(400, f"id_type {wanted} is not enabled in this workspace"))

    def _limited(self) -> Answer:
        rate = f"{self._bucket.rate:g} requests per 1s"
        detail = f"rate limited to {rate} (reference {self._reference()})"
        return Answer(429, refusal(429, detail), ((b"retry-after", b"1"),))

    def _reference(self) -> str:
        """Looks like a ULID: ten digits of milliseconds, then sixteen that only count."""
        self._references += 1
        number = (int(self._now() * 1000) << 80) | self._references
        return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def _identifiers(person: Person) -> dict[str, str | None]:
    return {"email": person.email, "id": person.id, "cio_id": person.cio_id}


def _customer(person: Person) -> dict[str, object]:
    """Every attribute is read back as text, ids included: recorded from the live service in 2021, still in the spec."""
    reading = person.read()
    return {
        "id": person.id or "",
        "identifiers": _identifiers(person),
        "attributes": reading.attributes,
        "timestamps": reading.timestamps,
        "unsubscribed": unsubscribed(reading.attributes),
        "devices": [],
    }


def _parameter(call: Call, name: str, default: str) -> str:
    return parse_qs(call.query).get(name, [default])[-1]


def _json(value: object) -> Answer:
    return Answer(200, msgspec.json.encode(value) + b"\n")


def _refuser(method: str, template: str) -> Handler:
    answer = Answer(501, refusal(501, f"not emulated: {method} {template}"))
    return lambda _: answer
