"""Devices of people, by their tokens. v1 calls the token `id`, v2 `token`; `last_used` may be a text.

https://docs.customer.io/integrations/api/track/#operation/add_device (checked 2026-10)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Raw

from syncline.emulators.customerio.events import seconds
from syncline.emulators.customerio.identity import scalar_text


class Device(NamedTuple):
    """last_used: unix seconds; attributes: a JSON object, as it was given."""

    token: str
    platform: str
    last_used: int
    attributes: Raw


class Devices:
    """by_person: running number → token → device."""

    def __init__(self) -> None:
        self.by_person: dict[int, dict[str, Device]] = {}

    def of(self, number: int) -> list[Device]:
        return list(self.by_person.get(number, {}).values())

    def add(self, number: int, device: Device) -> None:
        self.by_person.setdefault(number, {})[device.token] = device

    def remove(self, number: int, token: str) -> bool:
        """Was it there?"""
        held = self.by_person.get(number, {})
        return held.pop(token, None) is not None

    def forget(self, number: int) -> None:
        self.by_person.pop(number, None)


def read(given: Mapping[str, Raw], token_key: str, now: float) -> Device | str:
    """A device; or the name of the field that is missing."""
    token, platform = (scalar_text(given.get(name, Raw(b"null"))) or "" for name in (token_key, "platform"))
    if not token or not platform:
        return "platform" if token else token_key
    attributes = given.get("attributes", Raw(b"{}"))
    return Device(
        token,
        platform,
        seconds(given.get("last_used"), now),
        attributes.copy() if bytes(attributes)[:1] == b"{" else Raw(b"{}"),
    )
