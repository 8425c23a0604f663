"""A field's name, and its value as canonical JSON → whether it may be sent, and what is odd about it.

The mechanism only: which names there are, and what each asks of its values, a destination says in tables of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from syncline.errors import Unfit
from syncline.model import Remark

_NAMES_KNOWN = 1_000  # names may come with the data, and memory must not grow with the rows


class Check(NamedTuple):
    """What a name asks of its value. plain: the first bytes of those that need no look; look: raises `Unfit`."""

    plain: bytes
    look: Callable[[str, bytes], None]


class Oddity(NamedTuple):
    """What is odd about a value. usual: does it match? Then nothing is; what: else, what completes "3 rows …"."""

    usual: Callable[[bytes], object]
    what: Callable[[bytes], str]


class Asks(NamedTuple):
    """What a name asks of its values, if anything."""

    check: Check | None = None
    oddity: Oddity | None = None


class Names:
    """What is known of the names met so far. Each is judged once, together with what it asks of its values.

    judge: raises `Unfit` for a name that no field may have.
    """

    def __init__(self, judge: Callable[[str], Asks]) -> None:
        self._judge = judge
        self._names: set[str] = set()
        self._checks: dict[str, Check] = {}
        self._oddities: dict[str, Oddity] = {}

    def check(self, record: Mapping[str, bytes]) -> None:
        """Names, and what each asks of its value. Raises `Unfit`."""
        if not self._names.issuperset(record):
            self._learn(record)
        for name, (plain, look) in self._checks.items():
            if name in record and record[name][0] not in plain:
                look(name, record[name])

    def remarks(self, record: Mapping[str, bytes]) -> list[Remark]:
        """What is odd about a record that was just checked."""
        odd: list[Remark] = []
        for name, (usual, what) in self._oddities.items():
            if name in record and not usual(record[name]):
                odd.append(Remark(name, what(record[name])))
        return odd

    def _learn(self, names: Iterable[str]) -> None:
        if len(self._names) > _NAMES_KNOWN:
            for known in (self._names, self._checks, self._oddities):
                known.clear()
        for name in names:
            check, oddity = self._judge(name)
            if check is not None:
                self._checks[name] = check
            if oddity is not None:
                self._oddities[name] = oddity
            self._names.add(name)
        # In the order of their names: which of two faults is told must not depend on which row came first.
        self._checks = dict(sorted(self._checks.items()))
        self._oddities = dict(sorted(self._oddities.items()))


def misfit(name: str, value: bytes, expected: str, fix: str = "") -> Unfit:
    """ "text where an object was expected: add `as: json`" """
    named = {b'"': "text", b"{": "an object", b"[": "a list", b"t": "true", b"f": "false"}
    found = f"{named.get(value[:1], 'a number')} where {expected} was expected"
    return Unfit(name, f"{found}: {fix}" if fix else found, "reserved-value")


def spells_object(value: bytes) -> bool:
    """Is it a text that holds a JSON object? Then `as: json` makes one of it."""
    try:
        return isinstance(msgspec.json.decode(msgspec.json.decode(value, type=str)), dict)
    except (msgspec.DecodeError, RecursionError):
        return False


def only(plain: bytes, expected: str, fix: str = "") -> Check:
    """Whatever begins otherwise is refused."""

    def refuse(name: str, value: bytes) -> None:
        raise misfit(name, value, expected, fix)

    return Check(plain, refuse)


# Stricter than what makes an identifier an e-mail: no brackets, lists, `mailto:` or final dot, and at most 254 bytes
# (https://www.rfc-editor.org/errata/eid1690).
_EMAIL = re.compile(
    rb'(?!.{257})"[^@\s",:;<>()\[\]\\]++@(?:[^@\s",:;<>()\[\]\\.]++\.)++[^@\s",:;<>()\[\]\\.]{2,}+"|null'
)
_PHONE = re.compile(rb'"\+[1-9][0-9]{6,14}"|null')  # E.164: https://www.itu.int/rec/T-REC-E.164

# What is an address, and a number that can be called, the API decides.
EMAIL = Oddity(_EMAIL.fullmatch, lambda value: "held text that is not shaped like an e-mail address")
PHONE = Oddity(
    _PHONE.fullmatch,
    lambda value: "held no phone number in international form (+ and 7 to 15 digits): add `normalise: phone`",
)
