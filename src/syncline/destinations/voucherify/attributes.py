"""A field's name and value (canonical JSON) → whether Voucherify takes it for what the row says, and what is odd.

A bulk upsert is accepted first and judged later, and what is of a wrong type costs a call of an hourly few. So what is
known to be refused ("Property .name must be string") is refused here. A null is never wrong. What metadata may hold is
in the project's own schema, which Voucherify knows. https://docs.voucherify.io/api-reference/errors (checked 2026-10)
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from syncline.destinations.judgement import EMAIL, PHONE, Asks, Check, Names, Oddity, misfit, spells_object
from syncline.destinations.voucherify.fields import ADDRESS, PARTS, TEXTS, is_date, refuse_name
from syncline.destinations.voucherify.nesting import check_whole
from syncline.errors import Unfit, printable
from syncline.model import Remark

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Attributes:
    """What is known of the names met so far."""

    def __init__(self) -> None:
        self._names = Names(_judge)

    def check(self, record: Mapping[str, bytes]) -> None:
        """Names, values and how they go together. Raises `Unfit`."""
        self._names.check(record)
        if "metadata" in record or "address" in record:
            check_whole(record)

    def remarks(self, record: Mapping[str, bytes]) -> list[Remark]:
        """What is odd about a record that was just checked."""
        return self._names.remarks(record)


def _judge(name: str) -> Asks:
    if refused := refuse_name(name, False):
        raise Unfit(name[:40], refused[0], "name-unfit")
    return Asks(_CHECKS.get(name), _ODDITIES.get(name))


def _refuse_as_text(name: str, value: bytes) -> None:
    raise misfit(name, value, "text", "" if value[:1] in b"{[" else "add `as: string`")


def _look_at_birthdate(name: str, value: bytes) -> None:
    if not value.startswith(b'"'):
        raise misfit(name, value, "a date")
    if not is_date(msgspec.json.decode(value)):
        raise Unfit(name, "text that is no date of the form YYYY-MM-DD: add `as: date`", "reserved-value")


def _look_at_address(name: str, value: bytes) -> None:
    if not value.startswith(b"{"):
        raise _no_object(name, value)
    for part, text in _members(value).items():
        if part not in ADDRESS:
            reason = f"{printable(part[:40])} in it is none of {', '.join(ADDRESS)}"
            raise Unfit(name, reason, "reserved-value")
        if bytes(text)[:1] not in b'"n':
            raise misfit(f"{name}.{part}", bytes(text), "text", f"map it to {name}.{part}, with `as: string`")


def _look_at_metadata(name: str, value: bytes) -> None:
    raise _no_object(name, value)


def _no_object(name: str, value: bytes) -> Unfit:
    return misfit(name, value, "an object", "add `as: json`" if spells_object(value) else _PARTS[name])


# What to do with what is no object and spells none.
_PARTS = {
    "address": "map it to a part of it, such as address.city",
    "metadata": "map it to a key of it, such as metadata.tier",
}
_CHECKS: Mapping[str, Check] = {
    **dict.fromkeys((*TEXTS, *PARTS), Check(b'"n', _refuse_as_text)),
    "birthdate": Check(b"n", _look_at_birthdate),
    "address": Check(b"n", _look_at_address),
    "metadata": Check(b"{n", _look_at_metadata),
}
_ODDITIES: Mapping[str, Oddity] = {"email": EMAIL, "phone": PHONE}
