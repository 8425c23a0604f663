"""Profiles, external ids, events: what a space holds. Names are random at Segment; ours are made of numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

import msgspec
from msgspec import Raw, Struct

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SOURCE = "GFu4AJc2bE"  # whence everything came
FIRST = 1_672_930_860  # 2023-01-05T15:01:00Z: when profile 0 was made, the others a second later each

TraitClass = Literal["audience", "computed_trait"]


class ExternalId(Struct, frozen=True):
    """`mapping`: its name as a cursor; the space gives it one."""

    type: str
    id: str
    created_at: str
    mapping: str = ""


class Event(Struct, frozen=True):
    """A Track call. at_ns: unix nanoseconds."""

    name: str
    message_id: str
    at_ns: int
    properties: Raw = Raw(b"{}")
    context: Raw = Raw(b"{}")


class Profile(Struct):
    """traits: each value its JSON text; None is told as null. classes: of the traits that Segment computes; groups: the
    ids of the accounts it belongs to."""

    segment_id: str
    traits: dict[str, Raw] | None
    external_ids: list[ExternalId]
    created_at: str
    updated_at: str
    classes: dict[str, TraitClass] = {}  # msgspec copies an empty one for each
    groups: list[str] = []
    events: list[Event] = []


def profile(number: int, traits: Mapping[str, object] | None = None, *ids: tuple[str, str] | ExternalId) -> Profile:
    """A profile as tests write it: `profile(1, {"email": "a@b.c"}, ("user_id", "42"))`. `Raw` is JSON as it stands.

    A pair was made when its profile was, each a nanosecond after the one before.
    """
    held = {name: Raw(msgspec.json.encode(value)) for name, value in (traits or {}).items()}
    listed = [
        one if isinstance(one, ExternalId) else ExternalId(*one, moment(FIRST + number, 100_000_000 + place))
        for place, one in enumerate(ids)
    ]
    return Profile(token("use", number), held, listed, moment(FIRST + number), moment(FIRST + number, 745_000_000))


def token(kind: str, *parts: object) -> str:
    """`use_` or `map_` and 27 characters, always the same for the same parts."""
    number = int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=21).digest())
    return f"{kind}_" + "".join(_BASE62[number // 62**place % 62] for place in range(27))


def moment(second: int, nanosecond: int = 0) -> str:
    """`2023-01-05T15:01:00.367201348Z`: Segment writes up to nine digits of a second, and no zero at their end."""
    fraction = f".{nanosecond:09}".rstrip("0").rstrip(".")
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"
