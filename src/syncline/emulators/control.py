"""An emulator's own routes: a page that may run only itself, JSON that is never kept, and the log of requests."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files

import msgspec

from syncline.emulators.log import RequestLog
from syncline.emulators.routes import Answer, Call, Headers, Route

_HEADERS: Headers = (
    (b"content-type", b"application/json; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)


def json(value: object, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(value), _HEADERS)


def routes(package: str, log: RequestLog) -> list[Route]:
    """What every vendor has: its page (`page.html` of the package), the log, and zeroing the log.

    They are free of faults, rates and credentials, and are not in the log.
    """
    page = _page(package)

    def reset(call: Call) -> Answer:
        log.reset()  # the vendor's state stays
        return json({})

    return [
        Route("GET", "/", lambda _: page, control=True),
        Route("GET", "/__emulator__/log", lambda _: json(log.document()), control=True),
        Route("POST", "/__emulator__/reset", reset, control=True),
    ]


def _page(package: str) -> Answer:
    """The vendor's page with the style and the script that all share: still one file, for whoever asks for it."""
    shared, html = files(__package__), files(package).joinpath("page.html").read_bytes()
    html = html.replace(b"<style>", b"<style>\n" + shared.joinpath("page.css").read_bytes(), 1)
    html = html.replace(b"<script>", b"<script>\n" + shared.joinpath("page.js").read_bytes(), 1)
    headers: Headers = (
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", _policy(html)),
        (b"referrer-policy", b"no-referrer"),
        *_HEADERS[1:],
    )
    return Answer(200, html, headers)


def _policy(html: bytes) -> bytes:
    """Only the page's own script and style, by their hashes, and only this origin's JSON."""
    script, style = (_hash(html, tag) for tag in ("script", "style"))
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ).encode()


def _hash(html: bytes, tag: str) -> str:
    found = re.search(f"<{tag}>(.*?)</{tag}>".encode(), html, re.DOTALL)
    assert found is not None
    return f"'sha256-{base64.b64encode(hashlib.sha256(found[1]).digest()).decode()}'"
