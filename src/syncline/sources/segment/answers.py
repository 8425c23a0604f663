"""What Segment answers → pages, traits, external ids, refusals. https://www.twilio.com/docs/segment/unify/profile-api

Values keep their exact JSON text. What is well formed and of no use in a row (NaN, a repeated key, a depth) is a fault
of that row, by the same rules as in a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from msgspec import Raw, Struct
from msgspec.json import Decoder

from syncline.errors import Garbled, Refused, said
from syncline.json_rules import NO_BETTER
from syncline.json_scan import JsonError
from syncline.model import Page, Response
from syncline.sources.json_fields import Fields, read_row
from syncline.sources.segment.external_ids import ExternalId

T = TypeVar("T")


class Unreadable(Exception):
    """This profile is no row; the message says why."""


class _Cursor(Struct):
    has_more: bool | None = None
    next: str | int | None = None


class _Listed(Struct):
    segment_id: str


class _Listing(Struct):
    data: list[Raw] | None
    cursor: _Cursor | None = None


class _Metadata(Struct):
    segment_id: str | None = None


class _Error(Struct):
    code: str = ""
    message: str = ""


class _Refusal(Struct):
    error: _Error


_LISTING, _LISTED, _METADATA, _REFUSAL = Decoder(_Listing), Decoder(_Listed), Decoder(_Metadata), Decoder(_Refusal)
_CURSOR, _TRAITS, _IDS = Decoder(_Cursor | None), Decoder(Fields | None), Decoder(list[ExternalId] | None)
_NULL = Raw(b"null")


def page(response: Response) -> Page:
    """`data[].segment_id`, "" for an entry that has none; and the next cursor. Raises `Garbled`, also for a list of
    something else, in which no entry has one.
    """
    listing = _decoded(_LISTING, response.body, "a page of profiles")
    refs = [_named(entry) for entry in listing.data or ()]
    if refs and not any(refs):
        raise Garbled("200, but no entry of the page has a segment_id")
    return Page(refs, _following(listing.cursor))


def _named(entry: Raw) -> str:
    try:
        return _LISTED.decode(entry).segment_id
    except NO_BETTER:
        return ""


def traits(response: Response) -> tuple[Fields, str]:
    """Name → the JSON text of its value; and the next cursor. Raises `Garbled`, `Unreadable`."""
    raw, cursor = _member(response, "traits")
    return _decoded(_TRAITS, bytes(raw), "an object of traits") or {}, cursor


def external_ids(response: Response) -> tuple[Sequence[ExternalId], str]:
    """In Segment's order; and the next cursor. Raises `Garbled`, `Unreadable`."""
    raw, cursor = _member(response, "data")
    return _decoded(_IDS, bytes(raw), "a list of external ids") or (), cursor


def segment_id(response: Response) -> str:
    """Of a profile's metadata; "" where Segment does not tell: its documents have no such key. Raises `Garbled`."""
    return _decoded(_METADATA, response.body, "the metadata of a profile").segment_id or ""


def no(response: Response) -> Refused | Garbled:
    """What is not the documented yes: a refusal, or what Segment would not say."""
    if 200 <= response.status < 300:
        return Garbled(f"an unexpected {response.status}")
    error = _error(response)
    if response.status == 404 and error is None:
        return Garbled("404, and not from Segment's Profile API: check baseUrl")
    if is_unknown(response):
        return Refused("Segment does not know this profile (any more); if a file names it, take it out there")
    return Refused(f"Segment refuses it ({told(response)})")


def is_unknown(response: Response) -> bool:
    """Is this Segment's own "no such profile"?"""
    error = _error(response)
    return response.status == 404 and error is not None and error.code == "not_found"


def told(response: Response) -> str:
    """Status, code and message of a refusal, fit to be shown: `400: validation_error: …`."""
    error = _error(response) or _Error()
    return said(": ".join(filter(None, [str(response.status), error.code, error.message])))


def _error(response: Response) -> _Error | None:
    """`{"error": {"code", "message"}}`; None where it is somebody else's."""
    try:
        return _REFUSAL.decode(response.body).error
    except NO_BETTER:
        return None


def _member(response: Response, name: str) -> tuple[Raw, str]:
    """What stands under `name`, as it stands; and the next cursor."""
    try:
        fields, fault = read_row(response.body)
    except JsonError:
        fields, fault = {}, ""
    if fault and response.body.lstrip().startswith(b"{"):
        raise Unreadable(f"in the answer with its {'external ids' if name == 'data' else name}: {fault}")
    if name not in fields:
        raise Garbled(f"{response.status}, but the answer is not a JSON object with {name}")
    cursor = _decoded(_CURSOR, bytes(fields.get("cursor", _NULL)), "a cursor")
    return fields[name], _following(cursor)


def _following(cursor: _Cursor | None) -> str:
    """The next cursor, "" at the end: where `has_more` is false, or nothing is said to follow. Raises `Garbled`."""
    if cursor is None or cursor.has_more is False:
        return ""
    if cursor.next in (None, "") and cursor.has_more:
        raise Garbled("there is more, and no cursor that leads to it")
    return "" if cursor.next is None else str(cursor.next)


def _decoded(decoder: Decoder[T], text: bytes, what: str) -> T:
    try:
        return decoder.decode(text)
    except NO_BETTER:
        raise Garbled(f"200, but the answer does not hold {what}") from None
