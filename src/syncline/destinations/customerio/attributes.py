"""An attribute's name and value (canonical JSON) → whether Customer.io takes it for what the row says, and what is odd.

Customer.io answers 200 to nearly everything, and then reads it in its own way. So what has no meaning under a name that
gives it one is refused here, where somebody sees it; what is merely kept in a form of little use is remarked on. A null
is never wrong: it removes the attribute. Names and types: https://docs.customer.io/api/track/ (checked 2026-10)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from syncline.destinations.customerio.settings import IDENTIFIER_BYTES, NAME_BYTES, VALUE_BYTES, refuse_name
from syncline.errors import Unfit, printable
from syncline.model import Remark

_TOPIC = "cio_subscription_preferences.topics."  # a name that begins so changes one topic and leaves the others
_NAMES_KNOWN = 1_000  # names may come with the data, and memory must not grow with the rows
_NUMBER = b"-0123456789"
_NULL = b"null"
_SWITCHES = frozenset((b"true", b"false", b"1", b"0", b'"true"', b'"false"', b'"1"', b'"0"', _NULL))
_SECONDS = re.compile(rb'"?-?[0-9]{1,11}"?|null')  # up to the year 5138
_MILLISECONDS = re.compile(rb'"?-?[0-9]{12,}"?')
# Stricter than the shape that makes an identifier an e-mail: no brackets, lists, `mailto:` or final dot, and at most
# 254 bytes (https://www.rfc-editor.org/errata/eid1690).
_EMAIL = re.compile(
    rb'(?!.{257})"[^@\s",:;<>()\[\]\\]++@(?:[^@\s",:;<>()\[\]\\.]++\.)++[^@\s",:;<>()\[\]\\.]{2,}+"|null'
)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_PHONE = re.compile(rb'"\+[1-9][0-9]{6,14}"|null')  # E.164: https://www.itu.int/rec/T-REC-E.164


class Check(NamedTuple):
    """What a name asks of its value. plain: the first bytes of those that need no look; look: raises `Unfit`."""

    plain: bytes
    look: Callable[[str, bytes], None]


class Oddity(NamedTuple):
    """What is odd about a value. usual: does it match? Then nothing is; what: else, what completes "3 rows …"."""

    usual: Callable[[bytes], object]
    what: Callable[[bytes], str]


class Attributes:
    """What is known of the names met so far. Each is judged once, together with what it asks of its values."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._checks: dict[str, Check] = {}
        self._oddities: dict[str, Oddity] = {}

    def check(self, record: Mapping[str, bytes]) -> None:
        """Names and values against the limits and their meaning. Raises `Unfit`."""
        if not self._names.issuperset(record):
            self._learn(record)
        # Where all values together are short each is, and to see that is quicker than to look at each.
        if len(b"".join(record.values())) > VALUE_BYTES and max(map(len, record.values())) > VALUE_BYTES:
            for name, value in record.items():
                _check_size(name, value)
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
            _check_name(name)
            if check := _TOPIC_CHECK if name.startswith(_TOPIC) else _CHECKS.get(name):
                self._checks[name] = check
            if oddity := _ODDITIES.get(name):
                self._oddities[name] = oddity
            self._names.add(name)


def _check_name(name: str) -> None:
    """1 to 150 bytes, and not a word that Customer.io keeps for itself. Raises `Unfit`."""
    size = len(name.encode())
    if not 0 < size <= NAME_BYTES:
        reason = f"the attribute name is {size} bytes; Customer.io takes 1 to {NAME_BYTES}"
        raise Unfit(name[:40], reason, "name-unfit")
    if refused := refuse_name(name, False):
        raise Unfit(name[:40], refused[0], "name-unfit")


def _check_size(name: str, value: bytes, most: int = VALUE_BYTES) -> None:
    """How Customer.io measures nested values is not documented; JSON text is the strict reading. Raises `Unfit`."""
    size = len(msgspec.json.decode(value, type=str).encode()) if value.startswith(b'"') else len(value)
    if size > most:
        raise Unfit(name, f"the value is {size} bytes; Customer.io takes at most {most}", "value-too-long")


def _unfit(name: str, value: bytes, expected: str, fix: str = "") -> Unfit:
    named = {b'"': "text", b"{": "an object", b"[": "a list", b"t": "true", b"f": "false"}
    found = f"{named.get(value[:1], 'a number')} where {expected} was expected"
    return Unfit(name, f"{found}: {fix}" if fix else found, "reserved-value")


def _only(plain: bytes, expected: str, fix: str = "") -> Check:
    """Whatever begins otherwise is refused."""

    def refuse(name: str, value: bytes) -> None:
        raise _unfit(name, value, expected, fix)

    return Check(plain, refuse)


def _look_at_unsubscribed(name: str, value: bytes) -> None:
    """Every other value is read as false, so who has said "yes" would go on getting mail."""
    if value.lower() not in _SWITCHES:
        raise _unfit(name, value, "true, false, 1 or 0", "Customer.io reads it as subscribed; add `as: boolean`")


def _look_at_anonymous_id(name: str, value: bytes) -> None:
    """It joins a visitor's events to the person, and is an identifier like the others."""
    if not value.startswith(b'"') or not msgspec.json.decode(value, type=str).strip():
        raise _unfit(name, value, "text that is not blank")
    _check_size(name, value, IDENTIFIER_BYTES)


def _look_at_preferences(name: str, value: bytes) -> None:
    """They are read back as JSON text, and written as an object."""
    if not value.startswith(b"{"):
        raise _unfit(name, value, "an object", "add `as: json`" if value.startswith(b'"') else "")
    topics = _members(value).get("topics", msgspec.Raw(b"{}"))
    if not bytes(topics).startswith(b"{"):
        raise Unfit(name, "`topics` in it is no object", "reserved-value")
    for topic, choice in _members(topics).items():
        if bytes(choice) not in {b"true", b"false"}:
            reason = f"the topic {printable(topic[:40])} in it is neither true nor false"
            raise Unfit(name, reason, "reserved-value")


def _odd_time(value: bytes) -> str:
    """Text is kept as text, and milliseconds are taken for seconds of a far future, without a word."""
    if _MILLISECONDS.fullmatch(value):
        return "held what looks like milliseconds where unix seconds are expected"
    found = "text" if value.startswith(b'"') else "a number that is not whole"
    return f"held {found} where unix seconds are expected: add `as: timestamp`"


_TOPIC_CHECK = _only(b"tfn", "true or false", "add `as: boolean`")
_CHECKS: Mapping[str, Check] = {
    "unsubscribed": Check(b"", _look_at_unsubscribed),
    # Text may be a time, and is remarked on; a boolean, a list or an object never is one.
    "created_at": _only(_NUMBER + b'"n', "a time in unix seconds"),
    "email": _only(b'"n', "an e-mail address"),
    "anonymous_id": Check(b"n", _look_at_anonymous_id),
    "cio_subscription_preferences": Check(b"n", _look_at_preferences),
}
_ODDITIES: Mapping[str, Oddity] = {
    "created_at": Oddity(_SECONDS.fullmatch, _odd_time),
    # What is an address, and a number that can be called, the API decides.
    "email": Oddity(_EMAIL.fullmatch, lambda value: "held text that is not shaped like an e-mail address"),
    "phone": Oddity(
        _PHONE.fullmatch,
        lambda value: "held no phone number in international form (+ and 7 to 15 digits): add `normalise: phone`",
    ),
}
