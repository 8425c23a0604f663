"""`{apiKey: ${CIO_API_KEY}}`: characters that mean something in YAML's lists and objects → others, while it is parsed.

Inside `[…]` and `{…}` a text without quotes ends at a brace, a bracket or a comma; a reference to a variable has them
and is meant as one text. Each of its characters is stood in for by one, so that every line and column stays as it is.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_MEANINGFUL = "{}[],"
# `${…}` on one line. No quote is in it, so that it never reaches beyond a text that stands in quotes; before the
# default there is nothing that could be a list's or an object's, so that `{a: ${A, b: 1}` stays what is not closed.
_REFERENCE = re.compile(r"""\$\{[^{}\[\],:"'\r\n]*(?::-[^{}"'\r\n]*)?\}""")
_PRIVATE = range(0xE000, 0xF900)  # characters without a meaning of their own, which YAML takes for letters


class Disguised(NamedTuple):
    """A text whose references YAML reads as plain text, and how what was read of it is put back."""

    text: str
    back: dict[int, str]

    def restored(self, read: str) -> str:
        return read.translate(self.back)


def disguised(text: str) -> Disguised:
    """The text with a stand-in for each character of a reference that would end it."""
    free = _unused(text) if _REFERENCE.search(text) else []
    if len(free) < len(_MEANINGFUL):
        return Disguised(text, {})
    there = str.maketrans(dict(zip(_MEANINGFUL, free, strict=True)))
    return Disguised(
        _REFERENCE.sub(lambda match: match[0].translate(there), text),
        {ord(standin): character for character, standin in zip(_MEANINGFUL, free, strict=True)},
    )


def _unused(text: str) -> list[str]:
    r"""As many characters as are needed that the text has neither as they are nor by their number ("\uE000")."""
    lower, free = text.lower(), list[str]()
    for number in _PRIVATE:
        if len(free) < len(_MEANINGFUL) and chr(number) not in text and f"{number:x}" not in lower:
            free.append(chr(number))
    return free
