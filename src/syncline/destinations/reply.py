"""An answer of any vendor → its JSON object, or the place that it points to."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from syncline.errors import Garbled, said
from syncline.model import Response


def json_object(response: Response) -> Mapping[str, object]:
    """Raises `Garbled`."""
    try:
        answer = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise Garbled(f"{response.status}, but the answer is not a JSON object")
    return answer


def origin_of(location: str) -> str:
    """Where a redirect leads, without the parts that may hold a credential."""
    host = host_of(location)
    return said(f"{urlsplit(location).scheme}://{host}") if host else "an unnamed place"


def host_of(location: str) -> str:
    try:
        return urlsplit(location).hostname or ""
    except ValueError:  # "http://[": whoever answers here is not the vendor
        return ""
