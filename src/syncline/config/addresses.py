"""An address in a configuration → why it cannot be one. Hosts are taken in their usual form only."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
MAX_URL = 2_000

_ORIGIN = r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?"
_URL = _ORIGIN + r'([/?][!-"$-~]*)?'  # printable ASCII without #
# The same for the JSON Schema, which has no other way to say that http is for loopback alone.
_SAFE = r"^(?=https:|http://(127\.0\.0\.1|localhost|\[::1\])([:/?]|$))"
ORIGIN_FORM, URL_FORM = rf"^$|{_SAFE}{_ORIGIN}$", f"{_SAFE}{_URL}$"


class Fault(NamedTuple):
    """What was expected, and how to mend it. The address itself is never repeated: it may hold a credential."""

    expected: str
    fix: str


_LIKE_ORIGIN = Fault(
    "an origin: https, a host in lower case, perhaps a port; no path, user name or query",
    "Write it like https://api.example.com, with nothing after the host and port.",
)
_LIKE_URL = Fault(
    "a URL: https, a host in lower case, perhaps a port, a path and a query; no user name, no #",
    "Write it like https://hooks.example.com/syncline, or write ${NAME} and set that variable.",
)


def origin_fault(text: str) -> Fault | None:
    """Why this cannot be a base URL. "" means the vendor's own."""
    return _fault(text, _ORIGIN, _LIKE_ORIGIN) if text else None


def url_fault(text: str) -> Fault | None:
    """Why nothing can be posted to this."""
    if len(text) > MAX_URL:
        return Fault(f"a URL of at most {MAX_URL:,} characters", "Copy the URL alone.")
    return _fault(text, _URL, _LIKE_URL)


def _fault(text: str, form: str, like: Fault) -> Fault | None:
    match = re.fullmatch(form, text)
    if not match:
        return like
    host, port = match[1], match[2]
    if not _is_host(host):
        return Fault("a host name, or an IP address in its usual form", like.fix)
    if port is not None and not 1 <= int(port[1:]) <= 65535:
        return Fault("a port from 1 to 65535", "Correct the port, or leave it out.")
    if text.startswith("http:") and host not in LOOPBACK:
        return Fault("https (http only for 127.0.0.1, localhost and [::1])", "Write https:// instead of http://.")
    return None


def _is_host(host: str) -> bool:
    """Names and usual addresses only: 2130706433, 0x7f000001, 127.1 and a final dot mean something to some resolver."""
    try:
        if host.startswith("["):
            ipaddress.IPv6Address(host[1:-1])
            return True
        if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", host.split(".")[-1]):
            ipaddress.IPv4Address(host)
            return True
    except ValueError:
        return False
    return len(host) <= 253 and all(
        re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label) for label in host.split(".")
    )
