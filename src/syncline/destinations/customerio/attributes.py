"""An attribute's name and value (canonical JSON) → whether Customer.io takes it for what the row says, and what is odd.

Customer.io answers 200 to nearly everything, and then reads it in its own way. So what has no meaning under a name that
gives it one is refused here, where somebody sees it; what is merely kept in a form of little use is remarked on. A null
is never wrong: it removes the attribute. Names and types: https://docs.customer.io/api/track/ (checked 2026-10)
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from syncline.destinations.customerio.settings import IDENTIFIER_BYTES, NAME_BYTES, VALUE_BYTES, refuse_name
from syncline.destinations.judgement import EMAIL, PHONE, Asks, Check, Names, Oddity, misfit, only, spells_object
from syncline.errors import Unfit, printable

_TOPIC = "cio_subscription_preferences.topics."  # a name that begins so changes one topic and leaves the others
_NUMBER = b"-0123456789"
_NULL = b"null"
_SWITCHES = frozenset((b"true", b"false", b"1", b"0", b'"true"', b'"false"', b'"1"', b'"0"', _NULL))
_SECONDS = re.compile(rb'"?-?[0-9]{1,11}"?|null')  # up to the year 5138
_MILLISECONDS = re.compile(rb'"?-?[0-9]{12,}"?')
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Attributes:
    """What is known of the names met so far, and what Customer.io asks of every name and value."""

    def __init__(self) -> None:
        self._names = Names(_judge)
        self.remarks = self._names.remarks

    def check(self, record: Mapping[str, bytes]) -> None:
        """Names and values against their meaning and the limits. Raises `Unfit`."""
        self._names.check(record)
        # Where all values together are short each is, and to see that is quicker than to look at each.
        if len(b"".join(record.values())) > VALUE_BYTES and max(map(len, record.values())) > VALUE_BYTES:
            for name, value in record.items():
                _check_size(name, value)


def _judge(name: str) -> Asks:
    _check_name(name)
    return Asks(_TOPIC_CHECK if name.startswith(_TOPIC) else _CHECKS.get(name), _ODDITIES.get(name))


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


def _look_at_unsubscribed(name: str, value: bytes) -> None:
    """Every other value is read as false, so who has said "yes" would go on getting mail."""
    if value.lower() not in _SWITCHES:
        raise misfit(name, value, "true, false, 1 or 0", "Customer.io reads it as subscribed; add `as: boolean`")


def _look_at_anonymous_id(name: str, value: bytes) -> None:
    """It joins a visitor's events to the person, and is an identifier like the others."""
    if not value.startswith(b'"') or not msgspec.json.decode(value, type=str).strip():
        raise misfit(name, value, "text that is not blank")
    _check_size(name, value, IDENTIFIER_BYTES)


def _look_at_preferences(name: str, value: bytes) -> None:
    """They are read back as JSON text, and written as an object."""
    if not value.startswith(b"{"):
        raise misfit(name, value, "an object", "add `as: json`" if spells_object(value) else "")
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


_TOPIC_CHECK = only(b"tfn", "true or false", "add `as: boolean`")
_CHECKS: Mapping[str, Check] = {
    "unsubscribed": Check(b"", _look_at_unsubscribed),
    # Text may be a time, and is remarked on; a boolean, a list or an object never is one.
    "created_at": only(_NUMBER + b'"n', "a time in unix seconds"),
    "email": only(b'"n', "an e-mail address"),
    "anonymous_id": Check(b"n", _look_at_anonymous_id),
    "cio_subscription_preferences": Check(b"n", _look_at_preferences),
}
_ODDITIES: Mapping[str, Oddity] = {
    "created_at": Oddity(_SECONDS.fullmatch, _odd_time),
    "email": EMAIL,
    "phone": PHONE,
}
