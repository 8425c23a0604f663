"""A request, before anything reads its body → let through, or refused: who may call, from where, and in what form.

Pure ASGI around the application, so that what is refused costs a few headers, and so that every answer, whoever gives
it, leaves with the same seals. The order of the checks is that of `Doors._look_at`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from syncline.service.answers import Answer, Declined, declined, of_error
from syncline.service.diary import tell, tell_bug
from syncline.service.heads import FORM
from syncline.service.tokens import Doorkeeper

URL_BYTES = 8_192
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
SEALS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'"),
    (b"x-content-type-options", b"nosniff"),
)

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110, section 9.2.1: they change nothing
_FORMS = frozenset({b"multipart/form-data", b"application/json"})
_HALF_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(?::[0-9]{1,5})?")


class Visit(NamedTuple):
    """A request, as its head shows it. `target` is raw: path and query."""

    method: str
    target: bytes
    origin: str
    headers: Sequence[tuple[bytes, bytes]]

    def all(self, name: bytes) -> list[bytes]:
        return [value for given, value in self.headers if given == name]


class Doors:
    """The ASGI callable. hosts: the names by which this service may be called; doorkeeper: None where no token is
    asked for; count: is told the status of every answer."""

    def __init__(
        self,
        app: ASGIApp,
        hosts: frozenset[str] = LOOPBACK_NAMES,
        doorkeeper: Doorkeeper | None = None,
        count: Callable[[int], None] = lambda status: None,
    ) -> None:
        self._app, self._hosts, self._doorkeeper, self._count = app, hosts, doorkeeper, count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("only http is spoken here")  # ASGI's way to decline lifespan
        reply = _Reply(send, self._count)
        try:
            self._look_at(scope)
            await self._app(scope, receive, reply)
        except Declined as declined:
            await reply.give(declined.answer)
        except Exception as error:
            tell_bug(error)
            if not reply.begun:
                await reply.give(of_error(error))

    def _look_at(self, scope: Scope) -> None:
        """Raises `Declined`."""
        visit = _visit(scope)
        for check in (_fits, _is_well_written, self._means_us, _comes_from_here):
            check(visit)
        if self._doorkeeper is not None:
            address = str((scope.get("client") or ("nobody",))[0])
            try:
                self._doorkeeper.check(visit.all(b"authorization"), address)
            except Declined as declined:
                tell("refused", status=declined.status, address=address)
                raise
        _is_in_a_known_form(visit)

    def _means_us(self, visit: Visit) -> None:
        """A page of another site whose name was made to point here still sends that name (DNS rebinding)."""
        hosts = [_HOST.fullmatch(host.decode("latin-1").lower()) for host in visit.all(b"host")]
        names = [host[1] if host else "" for host in hosts]
        if len(names) != 1 or names[0] not in self._hosts or not visit.target.startswith(b"/"):
            fix = "Call it by one of its own, or have it started with --allow-host NAME."
            raise declined(421, "Host", "a name that this service does not go by", "one of its names", fix)


class _Reply:
    """Sends an answer on, sealed."""

    def __init__(self, send: Send, count: Callable[[int], None]) -> None:
        self._send, self._count = send, count
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            self._count(message["status"])
            sealed = {name for name, _ in SEALS} | {b"server"}
            kept = [header for header in message.get("headers", []) if header[0].lower() not in sealed]
            message = {**message, "headers": [*kept, *SEALS]}
        await self._send(message)

    async def give(self, answer: Answer) -> None:
        body = msgspec.json.encode(answer.document)
        headers = [(name.encode(), value.encode()) for name, value in answer.headers]
        headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await self({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self({"type": "http.response.body", "body": body})


def _visit(scope: Scope) -> Visit:
    query = scope["query_string"]
    target = scope["raw_path"] + (b"?" + query if query else b"")
    return Visit(scope["method"], target, f"{scope['scheme']}://", scope["headers"])


def _fits(visit: Visit) -> None:
    if len(visit.target) > URL_BYTES:
        expected = f"at most {URL_BYTES:,} bytes"
        raise declined(414, "the URL", f"{len(visit.target):,} bytes", expected, "Shorten it.")


def _is_well_written(visit: Visit) -> None:
    if _HALF_ESCAPE.search(visit.target):
        expected, fix = "two hexadecimal digits behind each", "Write %25 for the sign itself."
        raise declined(400, "the URL", "a % that is no escape", expected, fix)
    try:
        unquote_to_bytes(visit.target).decode("utf-8")
    except UnicodeDecodeError:
        fix = "Encode the text as UTF-8 first."
        raise declined(400, "the URL", "escapes that are not UTF-8", "UTF-8", fix) from None


def _comes_from_here(visit: Visit) -> None:
    """A browser says which site's page a request comes from; we have no pages, and no site is let in (no CORS)."""
    if visit.method in _SAFE:
        return
    sites = set(visit.all(b"sec-fetch-site")) - {b"same-origin", b"none"}
    here = [visit.origin.encode() + host.lower() for host in visit.all(b"host")]
    if sites or any(origin.lower() not in here for origin in visit.all(b"origin")):
        fix = "Send it from a program: no site is let in."
        raise declined(403, "Origin", "a page of another site", "no page at all, or one from here", fix)


def _is_in_a_known_form(visit: Visit) -> None:
    """The forms a body may have, if there is one; no page's form can send the others without asking first."""
    has_body = visit.all(b"transfer-encoding") or set(visit.all(b"content-length")) - {b"0"}
    if visit.method in _SAFE or not has_body:
        return
    given = [kind.partition(b";")[0].strip().lower() for kind in visit.all(b"content-type")]
    if len(given) != 1 or given[0] not in _FORMS:
        fix = f"Send {FORM}."
        raise declined(415, "Content-Type", "no form, or several types", "multipart/form-data", fix)
