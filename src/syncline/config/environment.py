"""A text with `${…}` → the text with what the environment holds, or the names that are missing.

    ${NAME}            the variable NAME
    ${FIRST|SECOND}    the first of them that is set
    ${NAME:-default}   the default where NAME is not set
    $${                a literal ${

A variable that is set to nothing counts as not set. References are resolved in the parsed tree, so a value can never
change the configuration's structure, and what a variable holds is never resolved again. The environment proper beats
`.env`, and the file that stands for it.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from dotenv.parser import parse_stream

from syncline.config.parse import Unreadable
from syncline.config.read import VARIABLES, Missing, read

_REFERENCE = re.compile(r"\$?\$\{([^}]*)\}?")
_INSIDE = re.compile(r"([A-Za-z_]\w*(?:\|[A-Za-z_]\w*)*)(?::-(.*))?", re.DOTALL | re.ASCII)


class EnvFile(NamedTuple):
    """The text of a file of NAME=value lines, what messages call it, and what was odd about it.

    path: where it is; mode: its permission bits, None where there is no file.
    """

    text: str
    label: str
    warnings: tuple[str, ...] = ()
    path: str = ""
    mode: int | None = None


class Variables(NamedTuple):
    """What references may name, the file that may add to it, and what was odd about that file.

    lent: what only the file says; path, mode: see `EnvFile`.
    """

    values: Mapping[str, str]
    file: str
    warnings: tuple[str, ...] = ()
    lent: Mapping[str, str] = MappingProxyType({})
    path: str = ""
    mode: int | None = None


class Unset(Exception):
    """A reference whose variables are all unset or empty."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        super().__init__(" and ".join(names))


class Malformed(Exception):
    """`${` that no reference follows."""


def dotenv_beside(directory: Path) -> EnvFile:
    """The `.env` of a directory. Nobody asked for it, so it may be missing, and an unreadable one is but a warning."""
    try:
        text, mode = read(directory / ".env", VARIABLES)
        return EnvFile(text, ".env", path=str(directory / ".env"), mode=mode)
    except Missing:
        return EnvFile("", ".env")
    except Unreadable:
        odd = "`.env` could not be read (it must be a small UTF-8 file), so it was left out"
        return EnvFile("", ".env", (odd,))


def env_file_named(path: Path) -> EnvFile:
    """The file that was asked for by name. Raises Unreadable."""
    text, mode = read(path, VARIABLES)
    return EnvFile(text, str(path), path=str(path), mode=mode)


def gather(environment: Mapping[str, str] | None, file: EnvFile) -> Variables:
    """The environment over the file's lines. `environment` None: the process's own."""
    real = os.environ if environment is None else environment
    bindings = list(parse_stream(io.StringIO(file.text)))
    odd = [
        f"{file.label}:{binding.original.line}: not a NAME=value line, so it was left out"
        for binding in bindings
        if binding.error
    ]
    held = {binding.key: binding.value for binding in bindings if binding.key and binding.value is not None}
    values = {**held, **{name: value for name, value in real.items() if value or name not in held}}
    lent = {name: value for name, value in held.items() if value and not real.get(name)}
    return Variables(values, file.label, (*file.warnings, *odd), lent, file.path, file.mode)


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
