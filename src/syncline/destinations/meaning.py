"""What a destination takes a field for, as far as a configuration must know it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Meaning(NamedTuple):
    """In words, the casts that can give one, and which constants are one."""

    words: str
    casts: frozenset[str]
    fits: Callable[[object], bool]


def is_text(value: object) -> bool:
    return isinstance(value, str)
