"""Requests → answers over HTTP: the only module that knows the HTTP client. One call is one request on the wire.

No retries, no redirects, no cookies, no proxies from the environment, and at most 1 MB of answer.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Collection, Iterable
from contextvars import ContextVar
from types import TracebackType
from typing import Any

from yarl import URL

from syncline._version import __version__
from syncline.discretion import discreet
from syncline.errors import Unanswered, Unsent
from syncline.model import Lane, Request, Response
from syncline.open_net import is_open
from syncline.tls import client_context, key_log_unheard

with key_log_unheard():  # it makes contexts of its own here, and breaks where the file cannot be written
    import aiohttp
    from aiohttp.abc import AbstractResolver, ResolveResult
    from aiohttp.client_proto import ResponseHandler

_ANSWER_BYTES_AT_MOST = 1_000_000
_CONNECT_S = 5.0

_UNSENT = (
    aiohttp.ClientConnectorError,  # refused, no such host, unreachable, TLS
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
)
_CLOSED = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError)  # before an answer began
_HOPELESS = (aiohttp.ClientConnectorDNSError, aiohttp.ClientSSLError, aiohttp.InvalidURL)


_made_for_it: ContextVar[bool] = ContextVar("made_for_it")  # was a connection made for the request at hand?


class _Connector(aiohttp.TCPConnector):
    """Knows whether a request got a connection of its own, or one that was used before."""

    async def _create_connection(self, *given: Any, **named: Any) -> ResponseHandler:
        _made_for_it.set(True)
        return await super()._create_connection(*given, **named)


class Transport:
    """A pool of connections. Use as an async context; call it as a `Post`.

    trusted: the only origins that may have any address; every other must be in the open net, wherever its name leads.
    None: all may. resolver: what finds addresses, in place of the system's.
    """

    def __init__(
        self, parallelism: int, trusted: Collection[str] | None = None, resolver: AbstractResolver | None = None
    ) -> None:
        self._guard: _Guard | None = None
        if trusted is not None:
            resolver = self._guard = _Guard(resolver or aiohttp.DefaultResolver(), trusted)
        connector = _Connector(limit=parallelism, ttl_dns_cache=60, resolver=resolver)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S),
            headers={"user-agent": f"syncline/{__version__}", "accept": "application/json"},
            trust_env=False,
            requote_redirect_url=False,
        )
        # aiohttp would silently send an idempotent request again when a kept-alive connection was closed under it.
        # Every request is counted and every retry is the engine's, so that is switched off.
        self._session._retry_connection = False

    async def __aenter__(self) -> Transport:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        if self._guard is not None:
            await self._guard.close()

    async def __call__(self, lane: Lane, request: Request) -> Response:
        """Raises `Unsent` or `Unanswered`; their texts name the host at most, never a path, an id or a credential."""
        headers = dict(request.headers) | {name: secret.reveal() for name, secret in lane.headers}
        url = URL(lane.origin + request.path, encoded=True)
        if self._guard is not None:
            self._guard.check_written(url)
        _made_for_it.set(False)
        try:
            async with self._session.request(
                request.method, url, data=request.body or None, headers=headers, allow_redirects=False, ssl=_tls(url)
            ) as answer:
                body = await _read(answer)
                told: dict[str, str] = {}
                for name, value in answer.headers.items():  # one that came twice is a list: RFC 9110, section 5.3
                    told[name.lower()] = f"{told[name.lower()]}, {value}" if name.lower() in told else value
                said = Response(answer.status, told, body)
                # What is no success is told to people, whoever asked.
                return said if said.status < 300 else discreet(said, lane)
        except _UNSENT as error:
            hopeless = isinstance(error, _HOPELESS)
            raise Unsent(f"could not connect to {url.host}: {_cause(error)}", hopeless=hopeless) from None
        except aiohttp.ClientResponseError as error:
            what = error.message.partition(":")[0].lower()  # what follows are the bytes themselves
            raise Unanswered(f"{url.host} does not answer as HTTP asks ({what})", hopeless=True) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            stale = not _made_for_it.get() and isinstance(error, _CLOSED)
            raise Unanswered(f"the connection to {url.host} broke ({type(error).__name__})", stale=stale) from None


def _tls(url: URL) -> ssl.SSLContext | bool:
    """True is what aiohttp takes where nothing is encrypted."""
    return client_context() if url.scheme == "https" else True


class _Guard(AbstractResolver):
    """Finds addresses as `inner` does, and passes on only what is in the open net: a connection is then made to these
    very addresses, so nothing can change in between. Raises `Unsent`, which never names an address."""

    def __init__(self, inner: AbstractResolver, trusted: Collection[str]) -> None:
        self._inner = inner
        self._trusted = {(url.raw_host, url.port) for url in map(URL, trusted)}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        self._check(host, port, (one["host"] for one in found))
        return found

    def check_written(self, url: URL) -> None:
        """An address written in the place of a name is looked up by nobody."""
        host = url.raw_host or ""
        if ":" in host or not re.search("[^0-9.]", host):
            self._check(host, url.port, [host])

    async def close(self) -> None:
        await self._inner.close()

    def _check(self, host: str, port: int | None, addresses: Iterable[str]) -> None:
        if (host, port) not in self._trusted and not all(map(is_open, addresses)):
            raise Unsent(f"{host} is not in the open net, where an uploaded configuration may go", hopeless=True)


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_any():
        size += len(part)
        if size > _ANSWER_BYTES_AT_MOST:
            answer.close()
            raise Unanswered(f"the answer is longer than {_ANSWER_BYTES_AT_MOST} bytes")
        parts.append(part)
    return b"".join(parts)


def _cause(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "no such host"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not trusted"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"no connection within {_CONNECT_S:g} s"
    if isinstance(error, aiohttp.ClientSSLError):
        return "no TLS comes about"
    broken = getattr(error, "os_error", None)
    if isinstance(broken, ConnectionResetError):  # while it was made: of plain HTTP this is known only later
        return "closed while the connection was made"
    code = getattr(broken, "errno", None)
    return os.strerror(code).lower() if code else type(error).__name__
