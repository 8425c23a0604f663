"""The App API: its routes, its key, its rate, its pages → reads of a workspace. A thin skin, like `track`.

https://docs.customer.io/integrations/api/app/ (checked 2026-10)
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeVar

from syncline.emulators.customerio.answers import APP_UNAUTHORIZED, app_refusal, app_refused
from syncline.emulators.customerio.credentials import token
from syncline.emulators.customerio.identity import KINDS, Identifier, enabled
from syncline.emulators.customerio.people import Person
from syncline.emulators.customerio.workspace import Workspace
from syncline.emulators.dice import Bucket
from syncline.emulators.routes import Answer, Call, Handler, Route

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
T = TypeVar("T")

# What is next to the emulated routes; everything else below /v1 answers 404.
NOT_EMULATED = (
    ("GET", "/v1/customers/{customer_id}/messages"),
    ("GET", "/v1/segments/{segment_id}/used_by"),
    ("POST", "/v1/imports"),
    ("GET", "/v1/exports"),
)


class RefusedError(Exception):
    """Answered with this status and detail."""

    def __init__(self, status: int, detail: str) -> None:
        self.status, self.detail = status, detail
        super().__init__(detail)


class Page(NamedTuple):
    """What `start` and `limit` ask for: so many, after the last one of the page before."""

    after: int
    limit: int


class Desk:
    """What every handler of the App API needs: whom an id means, pages, and references for what is not found."""

    def __init__(self, workspace: Workspace, now: Callable[[], float], clock: Callable[[], float]) -> None:
        self.workspace = workspace
        self._now = now
        self._bucket = Bucket(workspace.switches.app_rate, clock)
        self._references = 0

    def routes(self, handlers: Mapping[tuple[str, str], Handler]) -> list[Route]:
        return [Route(*where, self._guarded(handle)) for where, handle in handlers.items()]

    def _guarded(self, handle: Handler) -> Handler:
        """The handler behind its Bearer key and the API's 10 requests a second; it sees what has taken effect."""

        def guard(call: Call) -> Answer:
            if token(call.authorization, "bearer") != self.workspace.credentials.app_api_key:
                return APP_UNAUTHORIZED
            if not self._bucket.admits():
                return self._limited()
            self.workspace.settle()
            try:
                return handle(call)
            except RefusedError as refused:
                return app_refused(refused.status, refused.detail)

        return guard

    def identifier(self, call: Call, value: str) -> Identifier:
        """Raises RefusedError where `id_type` is none, or not of this workspace."""
        wanted = call.parameter("id_type", "id")
        for kind in KINDS:
            if kind == wanted and kind != "anonymous_id" and enabled(kind, self.workspace.mode, self.workspace.also):
                return Identifier(kind, value.removeprefix("cio_") if kind == "cio_id" else value)
        raise RefusedError(400, f"id_type {wanted[:40]} is not enabled in this workspace")

    def person(self, call: Call) -> Person:
        """Of the path. Raises RefusedError."""
        found = self.workspace.find(self.identifier(call, call.parts[0]))
        if found is None:
            raise self.missing()
        return found

    def missing(self) -> RefusedError:
        return RefusedError(404, f"not found (reference {self._reference()})")

    def page(self, call: Call, usual: int, most: int) -> Page:
        """Raises RefusedError for a `start` that was never a `next`, or a `limit` out of bounds."""
        text = call.parameter("limit", str(usual))
        if not text.isdecimal() or not 1 <= int(text[:9]) <= most:
            raise RefusedError(400, f"limit must be a number from 1 to {most}")
        start = call.parameter("start")
        return Page(_position(start) if start else 0, int(text))

    def cut(self, items: Iterable[T], page: Page, position: Callable[[T], int]) -> tuple[list[T], str]:
        """The items of one page, and `next`: empty when there are no more."""
        cut: list[T] = []
        for item in items:
            if len(cut) == page.limit:
                return cut, base64.b64encode(b"0:%d" % position(cut[-1])).decode()
            cut.append(item)
        return cut, ""

    def _limited(self) -> Answer:
        rate = f"{self._bucket.rate:g} requests per 1s"
        detail = f"rate limited to {rate} (reference {self._reference()})"
        return Answer(429, app_refusal(429, detail), ((b"retry-after", b"1"),))

    def _reference(self) -> str:
        self._references += 1
        return ulid(self._now(), self._references)


def ulid(at: float, number: int) -> str:
    """Looks like one: ten digits of milliseconds, then sixteen that only count."""
    value = (int(at * 1000) << 80) | number
    return "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))


def _position(start: str) -> int:
    """`MDox` is `0:1`."""
    try:
        _, _, text = base64.b64decode(start, validate=True).decode().partition(":")
    except ValueError:  # neither base64 nor text
        text = ""
    if not text.isdecimal() or len(text) > 15:
        raise RefusedError(400, "start is not the next of a page")
    return int(text)


def not_emulated() -> Mapping[tuple[str, str], Handler]:
    def refuser(method: str, template: str) -> Handler:
        answer = app_refused(501, f"not emulated: {method} {template}")
        return lambda _: answer

    return {where: refuser(*where) for where in NOT_EMULATED}
