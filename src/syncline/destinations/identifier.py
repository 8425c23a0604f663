"""What a row names somebody by → the text of a key, the same for every destination."""

from __future__ import annotations

import re
import unicodedata

from syncline.errors import Unfit

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # lone surrogates too: no UTF-8 can spell them


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
