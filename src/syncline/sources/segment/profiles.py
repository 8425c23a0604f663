"""A Segment space → pages of profiles, and a row for each: `{segment_id, user_id, external_ids, traits}`."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Raw

from syncline.errors import CredentialsRefused, Garbled, Misconfigured, Refused, WrongAddress, origin_of
from syncline.model import Lane, Page, Request, Response, Row, RowRef, Secret
from syncline.ports import Inquiry
from syncline.sources.json_fields import ROW_BYTES, TOO_LONG, Fields
from syncline.sources.segment import answers
from syncline.sources.segment.external_ids import newest
from syncline.sources.segment.listed import IdentifierFile
from syncline.sources.segment.settings import EMPTY_PAGES, HOSTS, IDS, TRAITS, Settings

_LANE = "segment"
_NOWHERE = RowRef(_LANE, 0, 0)  # whoever reads numbers its rows
_NO_ROUTE = frozenset({400, 403, 404, 405, 410, 501})  # ways to say that there is no such route, or not for you
_NO_PROFILE = frozenset({404})
_SMALLER = 10  # times as many pages as are filled: they may hold less than was asked for
_BURST_S = 0.02  # so little, because in no second may more than 100 leave

T = TypeVar("T")


class SegmentSource:
    """Profiles of one space: all that Segment lists, or those that `profiles: FILE` names (relative to `directory`).

    Raises `DataRefused` where that file cannot be used.
    """

    name = "segment"
    first = "0"
    # The listing is not documented, comes in the order of recent activity, and shifts while it is read; and a file of
    # identifiers names whom somebody chose. So nobody's absence says anything.
    complete = False

    def __init__(self, settings: Settings, directory: Path | None = None) -> None:
        self._settings = settings
        self._origin = settings.base_url or HOSTS[settings.region]
        self._profiles = f"/v1/spaces/{quote(settings.space_id, safe='')}/collections/users/profiles"
        self._file = IdentifierFile(settings.profiles, directory or Path()) if settings.profiles else None
        named = f"the profiles that {settings.profiles} names ({self._file.digest})" if self._file else "all profiles"
        self.listing = f"{named} of the Segment space {settings.space_id}"
        token = base64.b64encode(f"{settings.access_token.get_secret_value()}:".encode()).decode()
        authorization = (("authorization", Secret(f"Basic {token}")),)
        self.lanes = {
            _LANE: Lane(self._origin, authorization, settings.rate, settings.timeout, burst_s=_BURST_S),
        }

    # --- which profiles there are ---------------------------------------------------------------------------------

    def page(self, cursor: str) -> Inquiry[Page]:
        """Of the file without a request. Raises `Misconfigured` where Segment refuses to list."""
        if self._file is not None:
            return self._file.page(cursor, self._settings.page_items)
        query = f"limit={self._settings.page_items}&next={quote(cursor, safe='')}"
        response = yield Request(_LANE, "GET", f"{self._profiles}?{query}", hears=_NO_ROUTE)
        if response.status == 200:
            return answers.page(response)
        if 200 <= response.status < 300:
            raise Garbled(f"an unexpected {response.status}")
        yield from self.probe()  # which knows better, where it is the token or the address that is wrong
        raise Misconfigured(self._no_listing(cursor, response))

    def _no_listing(self, cursor: str, response: Response) -> str:
        """In words. That it is not production grade, Segment's staff say:
        https://github.com/segmentio/segment-docs/pull/6818 (checked 2026-10)
        """
        where = "" if cursor == self.first else f" from {cursor[:40]!r} on"
        return (
            f"Segment does not list the profiles of this space{where} ({answers.told(response)}). Its listing is not a"
            " production-grade route, and may be closed to you. Name the profiles yourself: `profiles: FILE` under"
            " `source`, a file of identifiers such as user_id:42 or email:a@b.c, one a line"
        )

    # --- one profile ----------------------------------------------------------------------------------------------

    def row(self, ref: str) -> Inquiry[Row]:
        """`ref`: a segment id, or an identifier with its type. Raises `Refused` where Segment does not know it."""
        subject = ref if ":" in ref else f"segment_id:{ref}"
        if not subject.startswith("segment_id:"):
            told = yield from self._segment_id(subject)
            subject = f"segment_id:{told}" if told else subject
        try:
            traits = yield from self._paged(subject, "traits", TRAITS, self._settings.trait_items, answers.traits)
            ids_a_page = self._settings.id_items
            listed = yield from self._paged(subject, "external_ids", IDS, ids_a_page, answers.external_ids)
        except answers.Unreadable as fault:
            return Row(_NOWHERE, {}, str(fault), subject)
        ids = newest(one for part in listed for one in part)
        return Row(_NOWHERE, _fields(subject, ids, traits, self._settings.identifier), "", subject)

    def _segment_id(self, subject: str) -> Inquiry[str]:
        """The one documented route that turns an identifier into a segment id; "" where it does not tell."""
        response = yield Request(_LANE, "GET", f"{self._profiles}/{in_path(subject)}/metadata", hears=_NO_PROFILE)
        if response.status != 200:
            raise answers.no(response)
        return answers.segment_id(response)

    def _paged(
        self, subject: str, what: str, most: int, items: int, read: Callable[[Response], tuple[T, str]]
    ) -> Generator[Request, Response, list[T]]:
        """All parts, to the end of the pages. most: what a profile may have; items: on a page, at most.

        Raises `Refused`, where the pages have no end too, `Garbled`, and `Unreadable` beyond a row's size.
        """
        parts: list[T] = []
        met: set[str] = set()
        cursor, size, empty = "", 0, 0
        while True:
            query = f"limit={items}" + (f"&next={quote(cursor, safe='')}" if cursor else "")
            path = f"{self._profiles}/{in_path(subject)}/{what}?{query}"
            response = yield Request(_LANE, "GET", path, hears=_NO_PROFILE)
            if response.status != 200:
                raise answers.no(response)
            part, cursor = read(response)
            parts.append(part)
            empty = 0 if part else empty + 1
            size += len(response.body)
            if size > ROW_BYTES:
                raise answers.Unreadable(f"in the answers with its {what.replace('_', ' ')}: {TOO_LONG}")
            if not cursor:
                return parts
            if cursor in met:
                raise Garbled(f"the pages of {what} go in a circle: Segment gives a cursor a second time")
            if (endless := _endless(len(parts), empty, most, items)) is not None:
                raise Refused(f"Segment gave {endless} of its {what.replace('_', ' ')}, and the cursor of another")
            met.add(cursor)

    # --- credentials ----------------------------------------------------------------------------------------------

    def probe(self) -> Inquiry[None]:
        """Asks for a profile that nobody has: Segment says so to whom it knows."""
        path = f"{self._profiles}/segment_id:use_syncline_probe/traits?limit=1"
        response = yield Request(_LANE, "GET", path, hears=_NO_ROUTE)
        if response.status in {401, 403}:
            raise CredentialsRefused(
                f"Segment refuses these credentials at {self._origin} ({response.status}): check accessToken and"
                f" spaceId, and that the workspace lives in region {self._settings.region}"
            )
        if 300 <= response.status < 400:
            place = origin_of(response.headers.get("location", ""))
            raise WrongAddress(
                f"{self._origin} redirects to {place}, and redirects are never followed: check region and baseUrl"
            )
        if response.status != 200 and not answers.is_unknown(response):
            raise WrongAddress(
                f"{self._origin} does not answer like Segment's Profile API ({answers.told(response)}): check spaceId"
                " and baseUrl"
            )


def _endless(pages: int, empty: int, most: int, items: int) -> str | None:
    """What was given, in words, where so many pages are a list without an end. It is told of this profile alone, which
    is not asked for again in this run: each time would cost as many requests.

    pages: given so far; empty: the last of them in a row with nothing on them; most: items that there may be; items:
    asked for on a page. No page needs to hold less than one.
    """
    if empty >= EMPTY_PAGES:
        return f"{empty} empty pages in a row"
    if pages > min(most, _SMALLER * math.ceil(most / items)):
        return f"{pages:,} pages, more than any profile has,"
    return None


def in_path(subject: str) -> str:
    """`email:a+b@c.de` → `email:a%2Bb%40c.de`: Segment answers 500 to what is not encoded, and a literal colon stands
    behind the type in all it documents (checked 2026-10)."""
    kind, _, value = subject.partition(":")
    return f"{quote(kind, safe='')}:{quote(value, safe='')}"


def _fields(subject: str, ids: dict[str, Raw], traits: list[Fields], identifier: str) -> Fields:
    """The row, each value its exact JSON text. A name on two pages of traits has the value of the later one."""
    encode = msgspec.json.encode
    kind, _, value = subject.partition(":")
    fields = {"segment_id": Raw(encode(value))} if kind == "segment_id" else {}
    if identifier in ids:
        fields["user_id"] = ids[identifier].copy()  # else the row would keep the whole answer
    merged = {name: text for part in traits for name, text in part.items()}
    return fields | {"external_ids": Raw(encode(ids)), "traits": Raw(encode(merged))}
