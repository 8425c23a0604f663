"""`limit` and `next` → the rows of a page, and the cursor that leads to the one behind it.

A cursor is `{url, has_more, next, limit}`; at the end `url` and `next` are empty.
https://www.twilio.com/docs/segment/unify/profile-api (checked 2026-10)
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

from syncline.emulators.routes import Call
from syncline.emulators.segment.answers import RefusedError


class Limits(NamedTuple):
    """Rows on a page: without a `limit`, and at most."""

    usual: int
    most: int


class Asked(NamedTuple):
    """What a request asks for."""

    limit: int
    next: str


class Cut(NamedTuple):
    """The places of a page's rows among all; next: "" where nothing follows."""

    places: range
    next: str


def asked(call: Call, limits: Limits, over: Literal["clamp", "error"]) -> Asked:
    """Raises RefusedError for a `limit` that is none."""
    text = call.parameter("limit", str(limits.usual))
    limit = int(text[:9]) if text.isdecimal() else 0
    if limit < 1 or (over == "error" and limit > limits.most):
        raise RefusedError(400, f"The parameter `limit` must be a number from 1 to {limits.most}.", "validation_error")
    return Asked(min(limit, limits.most), call.parameter("next"))


def cut(names: Sequence[str], wanted: Asked, naming: Literal["first", "last"], *, ordered: bool = False) -> Cut:
    """naming: which row a `next` names, the first to come or the last that was; ordered: the names are, so that one
    which is gone still tells where to go on. Raises RefusedError for an unknown one.
    """
    start = 0
    if wanted.next and ordered:
        start = (bisect_right if naming == "last" else bisect_left)(names, wanted.next)
    elif wanted.next:
        if wanted.next not in names:
            raise no_cursor()
        start = names.index(wanted.next) + (naming == "last")
    end = start + wanted.limit
    following = names[end - (naming == "last")] if end < len(names) else ""
    return Cut(range(start, min(end, len(names))), following)


def no_cursor() -> RefusedError:
    return RefusedError(400, "The parameter `next` is not the next of a page.")


def cursor(call: Call, limit: int, following: str) -> Mapping[str, object]:
    """`url` is a complete link, with the odd parameters of the documented example, and whatever else was asked for."""
    if not following:
        return {"url": "", "has_more": False, "next": "", "limit": limit}
    space, *identifier = call.parts
    about = {":collection": "users", ":id": "".join(identifier), ":namespace": space, "limit": limit}
    query = urlencode({**about, **dict(parse_qsl(call.query)), "next": following}, quote_via=quote)
    url = f"http://{call.host}{call.header(b':path').decode('latin-1')}?{query}"
    return {"url": url, "has_more": True, "next": following, "limit": limit}
