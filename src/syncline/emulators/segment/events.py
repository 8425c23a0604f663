"""Track calls → those that a request asks for: of the last 14 days, between two moments, with or without some names.

https://www.twilio.com/docs/segment/unify/profile-api (checked 2026-10)
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from syncline.emulators.routes import Call
from syncline.emulators.segment.answers import RefusedError
from syncline.emulators.segment.profile import Event

_LOOK_BACK_NS = 14 * 86_400 * 10**9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Window(NamedTuple):
    """include, exclude: names of events; include without any: all of them."""

    start_ns: int
    end_ns: int
    include: frozenset[str]
    exclude: frozenset[str]
    oldest_first: bool

    def of(self, events: Iterable[Event]) -> list[Event]:
        """In the order that was asked for; of one moment, by message id."""
        seen = [event for event in events if self._holds(event)]
        return sorted(seen, key=lambda event: (event.at_ns, event.message_id), reverse=not self.oldest_first)

    def _holds(self, event: Event) -> bool:
        named = event.name in self.include if self.include else event.name not in self.exclude
        return named and self.start_ns <= event.at_ns <= self.end_ns


def window(call: Call, now: float) -> Window:
    """`?start=`, `?end=`, `?include=`, `?exclude=`, `?sort=asc|desc`. Raises RefusedError."""
    sort = call.parameter("sort", "desc")
    if sort not in ("asc", "desc"):
        raise RefusedError(400, "The parameter `sort` is asc or desc.", "validation_error")
    now_ns = int(now * 10**9)
    oldest_ns = now_ns - _LOOK_BACK_NS
    start_ns, end_ns = _moment_ns(call, "start", oldest_ns), _moment_ns(call, "end", now_ns)
    return Window(max(oldest_ns, start_ns), end_ns, several(call, "include"), several(call, "exclude"), sort == "asc")


def name_of(event: Event) -> str:
    """As a cursor calls it."""
    return base64.b64encode(f"{event.at_ns}::{event.message_id}".encode()).decode()


def several(call: Call, parameter: str) -> frozenset[str]:
    """`a,b` → both; nothing where it is not given."""
    return frozenset(filter(None, call.parameter(parameter).split(",")))


def _moment_ns(call: Call, parameter: str, usual: int) -> int:
    """Of ISO 8601, in UTC where no zone is told."""
    text = call.parameter(parameter)
    try:
        at = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise RefusedError(400, f"The parameter `{parameter}` is no ISO 8601 date.", "validation_error") from None
    if at is None:
        return usual
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND * 1000
