"""What a row names a person by → whom Customer.io takes it for, the same through v1 and v2."""

from __future__ import annotations

import re
from typing import NamedTuple

from syncline.destinations.identifier import unfit

EMAIL_SHAPE = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class Identity(NamedTuple):
    """Who a key means: `kind` is id, email or cio_id; `value` travels without the `cio_` prefix."""

    kind: str
    value: str

    @classmethod
    def of(cls, key: str) -> Identity:
        kind, _, value = key.partition(":")
        return cls(kind, value)

    @property
    def in_path(self) -> str:
        """As the v1 path spells it, which infers the kind from the shape."""
        return f"cio_{self.value}" if self.kind == "cio_id" else self.value


def shape(text: str) -> str:
    """The kind that v1 takes the text of a path for. https://docs.customer.io/api/track/ (checked 2026-10)"""
    if text.startswith("cio_"):
        return "cio_id"
    return "email" if "@" in text and EMAIL_SHAPE.fullmatch(text) else "id"


def check_path(who: Identity) -> None:
    """A path of v1 must reach this very person. Raises `Unfit`."""
    if who.in_path in {".", ".."}:
        raise unfit(f'"{who.in_path}" cannot stand in the path of a v1 call; `api: batch` can send it')
    if (taken := shape(who.in_path)) != who.kind:
        raise unfit(f"a v1 call would take this identifier for {taken}; `api: batch` can send it as {who.kind}")
