"""What Voucherify's answers look like. https://docs.voucherify.io/api-reference/errors (checked 2026-10)"""

from __future__ import annotations

import msgspec

from syncline.emulators.routes import Answer, phrase
from syncline.emulators.voucherify.problems import RefusedError

MAX_BODY_BYTES = 10_485_760

UNAUTHORIZED = Answer(401, b'{"code":401,"message":"Unauthorized","key":"unauthorized"}')
# The framework's own answers have another shape than the API's.
TOO_LARGE = Answer(
    413,
    b'{"statusCode":413,"error":"Request Entity Too Large",'
    b'"message":"Payload content length greater than maximum allowed: %d"}' % MAX_BODY_BYTES,
)
MALFORMED = Answer(400, b'{"statusCode":400,"error":"Bad Request","message":"Invalid request payload JSON format"}')
UNKNOWN = Answer(404, b'{"statusCode":404,"error":"Not Found","message":"Not Found"}')


def json(value: object, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(value))


def refused(error: RefusedError, request: str) -> Answer:
    """`request`: the id of the request that is refused."""
    body: dict[str, object] = {"code": error.status, **error.problem._asdict(), "request_id": request}
    if error.resource:
        body["resource_id"], body["resource_type"] = error.resource
    return json(body, error.status)


def limited(*, as_text: bool) -> Answer:
    """No key and no request id. The specification's example has a number for a code, and its type says text."""
    return json({"code": "429" if as_text else 429, "message": "Too many requests hit the API too quickly."}, 429)


def injected(status: int) -> bytes:
    """The body of a fault, in the API's own shape; the text says that it is ours."""
    told = f"{phrase(status)} (injected by the emulator)"
    if status == 413:
        return msgspec.json.encode({"statusCode": 413, "error": "Request Entity Too Large", "message": told})
    keys = {401: "unauthorized", 403: "forbidden", 404: "not_found"}
    key = {"key": keys.get(status, "internal_error")} if status != 429 else {}
    return msgspec.json.encode({"code": status, **key, "message": told})
