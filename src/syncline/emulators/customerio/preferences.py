"""One topic or channel → the preferences with only that one changed.

`cio_subscription_preferences` is an object and replaces the one held; a dotted name such as
`cio_subscription_preferences.topics.topic_1` sets one value and leaves the others.
https://docs.customer.io/integrations/api/track/#operation/identify (checked 2026-10)
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
from msgspec import Raw

PREFERENCES = "cio_subscription_preferences"
_DOTTED = re.compile(rf"{PREFERENCES}\.(topics|channels)\.(.+)", re.DOTALL)
_NULL = Raw(b"null")


def is_one(name: str) -> bool:
    """Does the name mean one preference, rather than an attribute?"""
    return name.startswith(PREFERENCES) and _DOTTED.fullmatch(name) is not None


def with_one(held: Raw | None, name: str, value: Raw) -> Raw:
    """The preferences as they are after `name` was given `value`; null takes the one away."""
    found = _DOTTED.fullmatch(name)
    assert found is not None
    groups = _object(held)
    group = dict(_object(groups.get(found[1])))
    if value == _NULL:
        group.pop(found[2], None)
    else:
        group[found[2]] = value
    return Raw(msgspec.json.encode({**groups, found[1]: group}))


def topics(held: Raw | None) -> Mapping[str, object]:
    """Topic → what was chosen for it."""
    chosen = _object(_object(held).get("topics"))
    return {name: msgspec.json.decode(value) for name, value in chosen.items()}


def _object(raw: Raw | None) -> dict[str, Raw]:
    """Its members, each as it was written; empty for anything but an object."""
    if raw is None or bytes(raw)[:1] != b"{":
        return {}
    return msgspec.json.decode(raw, type=dict[str, Raw])
