"""What Segment's answers look like. https://www.twilio.com/docs/segment/unify/profile-api (checked 2026-10)"""

from __future__ import annotations

import msgspec

from syncline.emulators.routes import Answer, Headers

# Which code goes with which status is plain to see for 400, 401, 404 and 429; that of 403 is a sibling API's.
_CODES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "forbidden",
    404: "not_found",
    429: "rate_limit_error",
}


class RefusedError(Exception):
    """Answered with this status, message and code."""

    def __init__(self, status: int, message: str, code: str = "", headers: Headers = ()) -> None:
        self.status, self.message, self.code, self.headers = status, message, code, headers
        super().__init__(message)

    def answer(self) -> Answer:
        return Answer(self.status, refusal(self.status, self.message, self.code), self.headers)


def json(value: object) -> Answer:
    return Answer(200, msgspec.json.encode(value))


def refusal(status: int, message: str, code: str = "") -> bytes:
    code = code or _CODES.get(status, "internal_error" if status >= 500 else "error")
    return msgspec.json.encode({"error": {"code": code, "message": message}})


def not_found() -> RefusedError:
    return RefusedError(404, "Profile was not found.")
