"""A flat record ({"address.city": …}) → the nested customer that travels ({"address": {"city": …}}), byte for byte.

Flat is how the ledger keeps a record, so that each field is compared and folded by itself. A name is split at its first
dot; what is behind it is a key, dots and all.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

import msgspec

from syncline.errors import Unfit

OBJECTS = ("address", "metadata")

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.encode


def check_whole(names: Collection[str]) -> None:
    """An object comes whole or key by key: of both, nobody could say which wins. Raises `Unfit`."""
    for whole in OBJECTS:
        if whole in names and (part := next((name for name in names if name.startswith(f"{whole}.")), "")):
            raise Unfit(part[:40], f"comes beside the whole `{whole}`: map the one or the other", "name-unfit")


def nested(body: bytes) -> bytes:
    """Canonical and flat → nested. A record without a dotted name costs two searches. Raises `Unfit`."""
    if b'"metadata.' not in body and b'"address.' not in body:  # both may stand in a value; then it only takes longer
        return body
    members = _members(body)
    check_whole(members)
    parts: dict[str, list[bytes]] = {"": []}
    for name, value in members.items():
        top, key = _place(name)
        parts.setdefault(top, []).append(b"%b:%b" % (key, value))
    customer = parts.pop("")
    customer += [b"%b:{%b}" % (_encode(top), b",".join(of_it)) for top, of_it in parts.items()]
    return b"{" + b",".join(customer) + b"}"


@lru_cache(maxsize=1_000)  # names may come with the data, and memory must not grow with the rows
def _place(name: str) -> tuple[str, bytes]:
    """The object that a name leads into, "" for the customer itself, and the key in it, as JSON."""
    top, dot, key = name.partition(".")
    return (top, _encode(key)) if dot else ("", _encode(name))
