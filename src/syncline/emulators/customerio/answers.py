"""What Customer.io's answers look like, API by API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from syncline.emulators.routes import Answer

ACCEPTED = Answer(200, b"{}\n")  # three bytes: recorded from the live service (customerio-node's fixtures, 2026-05)
UNAUTHORIZED = Answer(401, b'{"meta":{"error":"Unauthorized request"}}\n')
APP_UNAUTHORIZED = Answer(401, b'{"errors":[{"detail":"unauthorized","status":401}]}\n')  # a number, as documented


def json(value: object, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(value) + b"\n")


def track_refusal(reason: str) -> bytes:
    """v1's single-string form of an error."""
    return msgspec.json.encode({"meta": {"error": reason}}) + b"\n"


def violations(messages: Sequence[str]) -> Answer:
    """Pretty-printed with a newline, all violations in one array: seen from the real service (customerio-node #29)."""
    return Answer(400, msgspec.json.format(msgspec.json.encode({"meta": {"errors": messages}}), indent=2) + b"\n")


def listed(status: int, errors: Sequence[Mapping[str, object]]) -> Answer:
    """v2's form."""
    return json({"errors": errors}, status)


def app_refusal(status: int, detail: str) -> bytes:
    """The App API's form; `status` is a text."""
    return msgspec.json.encode({"errors": [{"detail": detail, "status": str(status)}]}) + b"\n"


def app_refused(status: int, detail: str) -> Answer:
    return Answer(status, app_refusal(status, detail))
