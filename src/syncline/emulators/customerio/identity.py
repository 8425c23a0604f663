"""Text → which person is meant: the kinds of identifier, and how v1 and v2 name them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple

import msgspec
from msgspec import Raw

Mode = Literal["id", "id+email"]
Kind = Literal["id", "email", "phone", "anonymous_id", "cio_id"]
KINDS: tuple[Kind, ...] = ("id", "email", "phone", "anonymous_id", "cio_id")

# Made once: a decoder is costly to make, and values are many.
string = msgspec.json.Decoder(str)
encode = msgspec.json.Encoder().encode
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class Identifier(NamedTuple):
    """One way to name a person. Printed as `id:7258`."""

    kind: Kind
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


def of_path(text: str, mode: Mode) -> Identifier:
    """v1 infers the kind from the shape; a workspace that knows ids only takes an e-mail for an id.

    https://docs.customer.io/integrations/api/track/#operation/identify (checked 2026-10)
    """
    if text.startswith("cio_"):
        return Identifier("cio_id", text.removeprefix("cio_"))
    if mode == "id+email" and _EMAIL.fullmatch(text):
        return Identifier("email", text)
    return Identifier("id", text)


def scalar_text(raw: Raw) -> str | None:
    """The text of a JSON string or number; None for anything else."""
    text = bytes(raw)
    if text[:1] == b'"':
        return string.decode(text)
    return text.decode() if text[:1] in b"-0123456789" else None


def of_object(identifiers: Mapping[str, Raw], mode: Mode, also: Collection[Kind] = ()) -> Identifier | str:
    """v2 says the kind: exactly one of id, email and cio_id, the last without its prefix. A text is what is wrong.

    also: phone or anonymous_id, where the workspace takes them.
    https://docs.customer.io/integrations/api/track/#operation/entity (checked 2026-10)
    """
    if len(identifiers) != 1:
        return f"must hold exactly one of {', '.join(['id', 'email', 'cio_id', *also])}"
    ((name, raw),) = identifiers.items()
    if name not in KINDS:
        return "is no identifier of a person"
    value = scalar_text(raw)
    if value is None:
        return "must be a string or a number"
    if not value:
        return "cannot be an empty string"
    if name != "id" and not enabled(name, mode, also):
        return f"this workspace does not identify people by {name}"
    return Identifier(name, value)


def enabled(kind: Kind, mode: Mode, also: Collection[Kind]) -> bool:
    """Does the workspace identify people by it?"""
    return kind in ("id", "cio_id") or kind in also or (kind == "email" and mode == "id+email")


# Constant head and a running number: the five values ever recorded look like that (one head, counters one apart).
_HEAD = "b79e"


def cio_id_of(number: int) -> str:
    """1 → `b79e000000000001`: 16 lower-case hex digits."""
    return f"{_HEAD}{number:012x}"


def number_of(cio_id: str) -> int:
    """The reverse; 0, which nobody has, for what is no cio_id of ours."""
    try:
        number = int(cio_id.removeprefix(_HEAD), 16)
    except ValueError:
        return 0
    return number if cio_id == cio_id_of(number) else 0
