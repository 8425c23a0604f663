"""A text with `${…}` → the text with what the environment holds, or the names that are missing.

    ${NAME}            the variable NAME
    ${FIRST|SECOND}    the first of them that is set
    ${NAME:-default}   the default where NAME is not set
    $${                a literal ${

A variable that is set to nothing counts as not set. References are resolved in the parsed tree, so a value can never
change the configuration's structure, and what a variable holds is never resolved again. The environment proper beats
`.env`.
"""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from dotenv.parser import parse_stream

MAX_DOTENV_BYTES = 1_000_000

_REFERENCE = re.compile(r"\$?\$\{([^}]*)\}?")
_INSIDE = re.compile(r"([A-Za-z_]\w*(?:\|[A-Za-z_]\w*)*)(?::-(.*))?", re.DOTALL | re.ASCII)


class Variables(NamedTuple):
    """What references may name, and what was odd about `.env`."""

    values: Mapping[str, str]
    warnings: tuple[str, ...] = ()


class Unset(Exception):
    """A reference whose variables are all unset or empty."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        super().__init__(" and ".join(names))


class Malformed(Exception):
    """`${` that no reference follows."""


def gather(environment: Mapping[str, str] | None, directory: Path) -> Variables:
    """The environment over `.env`. `environment` None: the process's own."""
    real = os.environ if environment is None else environment
    text = _dotenv_text(directory / ".env")
    if text is None:
        return Variables({**real}, ("`.env` could not be read (it must be a small UTF-8 file), so it was left out",))
    bindings = list(parse_stream(io.StringIO(text)))
    warnings = tuple(
        f".env:{binding.original.line}: not a NAME=value line, so it was left out"
        for binding in bindings
        if binding.error
    )
    held = {binding.key: binding.value for binding in bindings if binding.key and binding.value is not None}
    return Variables({**held, **{name: value for name, value in real.items() if value or name not in held}}, warnings)


def resolve(text: str, values: Mapping[str, str]) -> str:
    """The text with every reference replaced. Raises Unset, Malformed."""

    def replace(match: re.Match[str]) -> str:
        if match[0].startswith("$$"):
            return match[0][1:]
        inside = _INSIDE.fullmatch(match[1])
        if not inside or not match[0].endswith("}"):
            raise Malformed
        names = inside[1].split("|")
        held = next((values[name] for name in names if values.get(name)), inside[2])
        if held is None:
            raise Unset(names)
        return held

    return _REFERENCE.sub(replace, text)


def _dotenv_text(path: Path) -> str | None:
    """The file's text, "" without a file, None where there is one that cannot be used. A FIFO is never opened."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_DOTENV_BYTES:
            return None
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError):
        return None
