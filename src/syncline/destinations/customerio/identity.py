"""What a row names a person by → whom Customer.io takes it for, the same through v1 and v2."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from syncline.errors import Unfit

EMAIL_SHAPE = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # lone surrogates too: no UTF-8 can spell them


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


def identifier_text(identifier: object) -> str:
    """7258 → "7258". Raises `Unfit` for what is no identifier: a boolean, 1.5, null, an object, a blank."""
    if isinstance(identifier, int) and not isinstance(identifier, bool):
        return str(identifier)
    if not isinstance(identifier, str):
        found = {
            bool: "a boolean",
            float: "a fraction or a float",
            type(None): "null",
            list: "a list",
            dict: "an object",
        }
        kind = found.get(type(identifier), "no text")
        raise unfit(f"{kind} is not an identifier; expected text or a whole number")
    if not identifier.strip():
        raise unfit("the identifier is blank")
    if not identifier.isprintable() and _CONTROL.search(identifier):
        raise unfit("the identifier holds control characters")
    return identifier


def unfit(reason: str) -> Unfit:
    return Unfit("", reason, "identifier-unfit")


def oddities(value: str) -> list[str]:
    """What makes two people of one without anybody seeing it; each completes "3 rows …"."""
    odd = []
    if value != value.strip():
        odd.append("had blanks around it, which are sent as they are")
    if not unicodedata.is_normalized("NFC", value):
        odd.append("was not in Unicode's composed form (NFC): another that looks the same is another person")
    return odd
