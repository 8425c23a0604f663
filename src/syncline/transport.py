"""Requests → answers over HTTP: the only module that knows the HTTP client. One call is one request on the wire.

No retries, no redirects, no cookies, no proxies from the environment, and at most 1 MB of answer.
"""

from __future__ import annotations

import os
from types import TracebackType

import aiohttp
from yarl import URL

from syncline._version import __version__
from syncline.errors import Unanswered, Unsent
from syncline.model import Lane, Request, Response

_ANSWER_BYTES_AT_MOST = 1_000_000
_CONNECT_S = 5.0

_UNSENT = (
    aiohttp.ClientConnectorError,  # refused, no such host, unreachable, TLS
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
)
_HOPELESS = (aiohttp.ClientConnectorDNSError, aiohttp.ClientSSLError, aiohttp.InvalidURL)


class Transport:
    """A pool of connections. Use as an async context; call it as a `Post`."""

    def __init__(self, parallelism: int) -> None:
        connector = aiohttp.TCPConnector(limit=parallelism, ttl_dns_cache=60)
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

    async def __call__(self, lane: Lane, request: Request) -> Response:
        """Raises `Unsent` or `Unanswered`; their texts name the host at most, never a path, an id or a credential."""
        headers = dict(request.headers) | {name: secret.reveal() for name, secret in lane.headers}
        url = URL(lane.origin + request.path, encoded=True)
        try:
            async with self._session.request(
                request.method, url, data=request.body or None, headers=headers, allow_redirects=False
            ) as answer:
                body = await _read(answer)
                return Response(answer.status, {name.lower(): value for name, value in answer.headers.items()}, body)
        except _UNSENT as error:
            hopeless = isinstance(error, _HOPELESS)
            raise Unsent(f"could not connect to {url.host}: {_cause(error)}", hopeless=hopeless) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unanswered(f"the connection to {url.host} broke ({type(error).__name__})") from None


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
    code = getattr(getattr(error, "os_error", None), "errno", None)
    return os.strerror(code).lower() if code else type(error).__name__
