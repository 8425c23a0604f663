"""What is wrong, in words → findings. Says what was found without ever showing a credential.

A finding's `path` is where it stands in the file as the user wrote it; places.py turns that into line and column.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

Path = tuple[str | int, ...]

MAX_SHOWN = 40  # characters of a value or a key in a message (house rule 1)
MANY_SECRETS = 100  # nobody has so many: rather than compare each with every value, show nothing
MIN_SECRET = 4  # shorter texts are not looked for inside other values: they would be "found" everywhere

_SECRETIVE = re.compile(
    r"key$|token|secret|passw|credential|siteid|applicationid|auth$|authorization|dsn$|notify$|webhook"
)


class Finding(NamedTuple):
    """One thing to mend. `at_key`: the place is the key's, not the value's. A missing key is placed at its parent."""

    path: Path
    found: str
    expected: str
    fix: str
    at_key: bool = False


class Expected(NamedTuple):
    """A field's annotation for messages: what it must hold, and how to mend what it does not.

    Without one, the words come from the field's type: "a whole number from 1 to 256".
    """

    words: str
    fix: str = ""


class Wrong(ValueError):
    """What a field's validator raises: what it expected, how to mend it, and what it found. "": as for any value."""

    def __init__(self, expected: str = "", fix: str = "", *, found: str = "") -> None:
        self.expected, self.fix, self.found = expected, fix, found
        super().__init__(expected)


def dotted(path: Path) -> str:
    """`mappings[0].to`, as people write it."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{printable(part)}" if text else printable(part)
    return text or "the configuration"


def printable(text: str) -> str:
    """At most 40 characters, none of which can steer a terminal or break a line."""
    safe = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[: MAX_SHOWN + 1])
    return safe if len(safe) <= MAX_SHOWN else safe[: MAX_SHOWN - 1] + "…"


def squash(key: str) -> str:
    """`Site-ID`, `site_id` and `siteId` are one name to a person."""
    return re.sub(r"[^a-z0-9]", "", key.lower())


def secretive(path: Path) -> bool:
    """Does a credential live here, whether or not the key is spelled as it should be?"""
    return any(isinstance(part, str) and _SECRETIVE.search(squash(part)) for part in path)


def closest(key: str, candidates: Iterable[str]) -> str:
    """The candidate that was probably meant, or ""."""
    by_name: dict[str, str] = {}
    for candidate in candidates:
        by_name.setdefault(squash(candidate), candidate)
    near = difflib.get_close_matches(squash(key)[:100], by_name, n=1)
    return by_name[near[0]] if near else ""


class Describer:
    """Says what stands at a path: its type and at most 40 characters, and of a credential only its type."""

    def __init__(self, borrowed: Collection[Path], secrets: Iterable[str]) -> None:
        self._borrowed = borrowed
        self._secrets = {secret for secret in secrets if len(secret) >= MIN_SECRET}

    def is_(self, path: Path, value: object) -> str:
        """`parallelism is the text "25"`"""
        return f"{self.name(path)} is {self.value(path, value)}"

    def name(self, path: Path) -> str:
        return "***" if self._leaks(dotted(path)) else dotted(path)

    def key(self, key: str) -> str:
        return '"***"' if self._leaks(key) else f'"{printable(key)}"'

    def value(self, path: Path, value: object) -> str:
        match value:
            case None:
                return "null"
            case dict():
                return "an object"
            case list():
                return f"a list of {len(value)}" if value else "an empty list"
            case str() if not value.strip():
                return "an empty text" if not value else "a blank text"
        if path in self._borrowed:
            return "a text from the environment (not shown)"
        if self.hides(path, value):
            return f"{_kind(value)} (not shown)"
        shown = str(value).lower() if isinstance(value, bool) else printable(str(value))
        return (
            f'the text "{shown}"'
            if isinstance(value, str)
            else shown
            if isinstance(value, bool)
            else f"the number {shown}"
        )

    def borrows(self, path: Path) -> bool:
        """Does this value come from the environment?"""
        return path in self._borrowed

    def hides(self, path: Path, value: object) -> bool:
        """May this value not be repeated to anybody?"""
        return path in self._borrowed or secretive(path) or self._leaks(str(value))

    def _leaks(self, text: str) -> bool:
        return len(self._secrets) > MANY_SECRETS or any(secret in text for secret in self._secrets)


def _kind(value: object) -> str:
    return "a text" if isinstance(value, str) else "true or false" if isinstance(value, bool) else "a number"
