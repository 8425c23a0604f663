"""JSON text → canonical JSON text: sorted keys, one spelling for strings, numbers digit for digit as they were written.

Digests are taken over these bytes, so a change here is a change of `FORMAT`.
"""

from __future__ import annotations

import msgspec
from xxhash import xxh3_64_intdigest, xxh3_128_digest

from syncline.model import Kind

FORMAT = 1

Fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_Values = msgspec.json.Decoder(list[msgspec.Raw])
encode = msgspec.json.encode


def canonical(text: bytes) -> bytes:
    """One JSON value, canonically. A string without escapes and every number are canonical as they stand."""
    first = text[:1]
    if first == b'"':
        return encode(msgspec.json.decode(text)) if b"\\" in text else text
    if first == b"{":
        return assemble({name: canonical(bytes(value)) for name, value in Fields.decode(text).items()})
    if first == b"[":
        return b"[" + b",".join([canonical(bytes(value)) for value in _Values.decode(text)]) + b"]"
    return text


def assemble(members: dict[str, bytes]) -> bytes:
    """Canonical member values → one canonical object."""
    return b"{" + b",".join([encode(name) + b":" + members[name] for name in sorted(members)]) + b"}"


def identity_digest(identity: bytes) -> int:
    """Another identity of a person, in one form → a number to compare by, within what SQLite takes; 0 for none."""
    return xxh3_64_intdigest(identity) >> 1 if identity else 0


class Hasher:
    """Body → digest (16 bytes). A body means something only with its kind, target and mode, so they are covered too."""

    def __init__(self, kind: Kind, fingerprint: str) -> None:
        self._salt = f"{FORMAT}/{kind}/{fingerprint}/".encode()

    def __call__(self, body: bytes) -> bytes:
        return xxh3_128_digest(self._salt + body)
