"""One person, small enough that a million of them fit; and how values are read back.

A person holds its attributes as one JSON text, each value exactly as it was given: decoding to `Raw` touches no digit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from msgspec import Raw, Struct

from syncline.emulators.customerio.identity import Identifier, cio_id_of, encode, string

_attributes = msgspec.json.Decoder(dict[str, Raw])


class Person(Struct, gc=False, eq=False):
    """id, email: None when not set. `text`: the other attributes as JSON. Times are unix seconds.

    phone: the attribute of that name once more, where the workspace identifies people by it. An attribute was last
    changed, or removed, at `moved[name]`, or else at `since`, when the person was created.
    Nothing here can form a cycle, so the garbage collector need not walk over a million of them.
    """

    number: int
    since: int
    id: str | None = None
    email: str | None = None
    phone: str | None = None
    text: bytes = b"{}"
    moved: dict[str, int] | None = None

    @property
    def cio_id(self) -> str:
        return cio_id_of(self.number)

    @property
    def identifier(self) -> Identifier:
        """The one that never changes."""
        return Identifier("cio_id", self.cio_id)

    def given(self) -> dict[str, Raw]:
        """The attributes as they were given, without id and email."""
        return _attributes.decode(self.text)

    def keep(self, attributes: Mapping[str, Raw]) -> None:
        self.text = encode(attributes)

    def touch(self, name: str, at: int) -> None:
        if self.moved is None:
            self.moved = {}
        self.moved[name] = at

    def touched(self, name: str) -> int:
        """When the attribute was last changed or removed; when the person was created, if never."""
        return self.since if self.moved is None else self.moved.get(name, self.since)

    def read(self) -> Reading:
        """What the App API tells: every attribute as text, in byte order of the names, and when each last changed."""
        values = {name: read_back(raw) for name, raw in self.given().items()}
        values["cio_id"] = self.cio_id
        if self.id is not None:
            values["id"] = self.id
        if self.email is not None:
            values["email"] = self.email
        names = sorted(values)  # code points sort as their UTF-8 bytes do
        return Reading({name: values[name] for name in names}, {name: self.touched(name) for name in names})


class Reading(NamedTuple):
    """attributes: name → text; timestamps: name → unix seconds."""

    attributes: dict[str, str]
    timestamps: dict[str, int]


def read_back(raw: Raw) -> str:
    """`30` → `30`, `true` → `true`, `"x"` → `x`, `{"a": [1]}` → `{"a":[1]}`: digits stay as they were written."""
    text = bytes(raw)
    if text[:1] == b'"':
        return string.decode(text)
    return msgspec.json.format(text, indent=-1).decode() if text[:1] in b"{[" else text.decode()


def unsubscribed(attributes: Mapping[str, str]) -> bool:
    """true in any case, or 1, as text or not; everything else is false.

    https://docs.customer.io/integrations/api/track/#operation/identify (checked 2026-10)
    """
    return attributes.get("unsubscribed", "").lower() in ("true", "1")
