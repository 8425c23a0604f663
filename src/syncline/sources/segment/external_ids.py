"""External ids as Segment lists them → the newest value of each type."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from msgspec import Raw, Struct

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)

Moment = tuple[bool, int, int]
_UNKNOWN: Moment = (False, 0, 0)


class ExternalId(Struct):
    """One row of `external_ids`. Its value is kept as the JSON text it came as: text, in all that was ever seen."""

    type: str
    id: Raw
    created_at: object = None


def newest(listed: Iterable[ExternalId]) -> dict[str, Raw]:
    """Type → its newest value. Where two are equally new, or nobody knows, it is the one that Segment lists first."""
    found: dict[str, tuple[Moment, Raw]] = {}
    for one in listed:
        at = moment(one.created_at)
        if one.type not in found or at > found[one.type][0]:
            found[one.type] = at, one.id
    return {kind: value for kind, (_, value) in found.items()}


def moment(created_at: object) -> Moment:
    """A timestamp as something to compare: (is it one?, whole seconds, nanoseconds). What is none is the oldest.

    Segment writes 0 to 9 digits of a second (checked 2026-10); a float or a datetime would lose the last ones.
    """
    match = _MOMENT.fullmatch(created_at) if isinstance(created_at, str) else None
    if match is None:
        return _UNKNOWN
    second, fraction, zone = match.groups()
    try:
        return True, (datetime.fromisoformat(second + zone) - _EPOCH) // _SECOND, int((fraction or "0").ljust(9, "0"))
    except ValueError:  # the 31st of February
        return _UNKNOWN
