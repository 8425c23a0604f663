"""`normalise: phone` and its kin, `hash: sha256`: one JSON value → text in one spelling, or `Unfit`. Never a guess."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping

import msgspec

from syncline.errors import Unfit
from syncline.flow.canonical import encode
from syncline.flow.casts import kind_of

Normalise = Callable[[bytes], bytes]

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
# A zero in brackets is dialled only where there is no country code: +49 (0)30 1234 is +49301234.
_TRUNK_ZERO = re.compile(r"\(\s*0\s*\)")
_PUNCTUATION = re.compile(r"[\s./()\[\]\-\u2010-\u2015]")
# E.164: a country code, which never begins with 0, and at most 15 digits in all: https://www.itu.int/rec/T-REC-E.164
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")


def text_of(text: bytes) -> str:
    """The characters of a string; a number or a boolean as it is written. Raises `Unfit` for a list or an object."""
    if text[:1] == b'"':
        return msgspec.json.decode(text, type=str)
    if text[:1] in b"{[":
        raise Unfit("", f"{kind_of(text)} where text was expected", "value-unfit")
    return text.decode()


def to_email(text: bytes) -> bytes:
    """Trimmed and in lower case."""
    email = text_of(text).strip().lower()
    if email and not _EMAIL.fullmatch(email):
        raise Unfit("", f"{kind_of(text)} where an e-mail address was expected", "value-unfit")
    return encode(email)


def to_phone(text: bytes) -> bytes:
    """A plus and digits, the country code first."""
    said = text_of(text)
    digits = _PUNCTUATION.sub("", _TRUNK_ZERO.sub("", said))
    phone = f"+{digits[2:]}" if digits.startswith("00") else digits
    if said.strip() and not _PHONE.fullmatch(phone):
        reason = "a phone number needs its country code: + or 00, the code, and 7 to 15 digits in all"
        raise Unfit("", reason, "value-unfit")
    return encode(phone)


def to_lower(text: bytes) -> bytes:
    return encode(text_of(text).lower())


def to_trimmed(text: bytes) -> bytes:
    return encode(text_of(text).strip())


def to_sha256(text: bytes) -> bytes:
    """The hash of the text's UTF-8, in lower-case hexadecimal."""
    return encode(hashlib.sha256(text_of(text).encode()).hexdigest())


NORMALISERS: Mapping[str, Normalise] = {
    "email": to_email,
    "phone": to_phone,
    "lower": to_lower,
    "trim": to_trimmed,
}
TRIMMING = frozenset({"email", "phone", "trim"})  # of these, blanks leave nothing
HASHES: Mapping[str, Normalise] = {"sha256": to_sha256}
