"""What every handler needs: the token and the rate of the space, whom a path means, and which page is asked for."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence

from syncline.emulators.dice import Bucket
from syncline.emulators.routes import Answer, Call, Handler, Headers, Route
from syncline.emulators.segment.answers import RefusedError, not_found
from syncline.emulators.segment.paging import Asked, Limits, asked
from syncline.emulators.segment.profile import Profile
from syncline.emulators.segment.space import Space

_ENCODED = re.compile(r"(?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})+(?::(?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})*)?")
_IDENTIFIER = 7  # which segment of a path it is


class Desk:
    """Its methods raise RefusedError, which becomes an answer."""

    def __init__(self, space: Space, clock: Callable[[], float]) -> None:
        self.space, self.switches = space, space.switches
        self._bucket = Bucket(space.switches.rate, clock)

    def routes(self, handlers: Mapping[tuple[str, str], Handler]) -> list[Route]:
        return [Route(*where, self._guarded(handle)) for where, handle in handlers.items()]

    def _guarded(self, handle: Handler) -> Handler:
        def guard(call: Call) -> Answer:
            try:
                self._admit(call)
                return handle(call)
            except RefusedError as refused:
                return refused.answer()

        return guard

    def _admit(self, call: Call) -> None:
        """The token is the user name, and the password is empty; 100 requests a second are the whole space's."""
        if _basic(call.authorization) != f"{self.space.token}:".encode():
            raise RefusedError(401, "The specified token is invalid.")
        if call.parts[0] != self.space.id:
            raise RefusedError(self.switches.unknown_space, "The token does not belong to this space.")
        if not self._bucket.admits():
            after = str(self.switches.retry_after).encode()
            headers: Headers = ((b"retry-after", after),) if self.switches.retry_after else ()
            raise RefusedError(429, f"There were more than {self._bucket.rate:g} requests a second.", headers=headers)

    def profile(self, call: Call) -> Profile:
        """Whom the path means. That 500 may be the answer to what is not encoded, the vendor's page says itself:
        https://www.twilio.com/docs/segment/unify/profile-api (checked 2026-10)
        """
        written = call.header(b":path").decode("latin-1").split("/")[_IDENTIFIER]
        if self.switches.raw_identifier_fails and not _ENCODED.fullmatch(written):
            raise RefusedError(500, "The identifier is not percent-encoded.")
        profile = self.space.find(call.parts[1])
        if profile is None:
            raise not_found()
        return profile

    def asked(self, call: Call, limits: Limits) -> Asked:
        return asked(call, limits, self.switches.over_limit)

    def data(self, rows: Sequence[object], *, events: bool = False) -> Sequence[object] | None:
        """Rows as `data` has them: none of them may be null."""
        null = self.switches.null_data
        return None if not rows and (null == "always" or (null == "events" and events)) else rows


def _basic(authorization: str) -> bytes:
    """`Basic …` → the pair in it; nothing for anything else."""
    scheme, _, rest = authorization.partition(" ")
    try:
        return base64.b64decode(rest, validate=True) if scheme.lower() == "basic" else b""
    except ValueError:
        return b""
