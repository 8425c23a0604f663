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
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from dotenv.parser import Binding, Original, parse_stream

from syncline.config.parse import Unreadable
from syncline.config.read import VARIABLES, Missing, NotUtf8, decoded, read

_REFERENCE = re.compile(r"\$?\$\{([^}]*)\}?")
_INSIDE = re.compile(r"([A-Za-z_]\w*(?:\|[A-Za-z_]\w*)*)(?::-(.*))?", re.DOTALL | re.ASCII)
_LINE_END = re.compile(r"\r\n|\n|\r")
_QUOTED = re.compile(r"""(?:export\s+)?[^=#\s]+\s*=\s*["']""")


class LeftOut(NamedTuple):
    """What of a file of variables says nothing: a line of it, or all of it (line 0), and why; text: its own, not to be
    shown."""

    line: int
    why: str
    text: str = ""

    def words(self, label: str) -> str:
        return f"{label}:{self.line} was left out ({self.why})" if self.line else f"{label} was left out ({self.why})"


class EnvFile(NamedTuple):
    """The text of a file of NAME=value lines, what messages call it, and why it has none.

    path: where it is; mode: its permission bits, None where there is no file.
    """

    text: str
    label: str
    unread: LeftOut | None = None
    path: str = ""
    mode: int | None = None


class Variables(NamedTuple):
    """What references may name, the file that may add to it, and what of that file was left out.

    lent: what only the file says; path, mode: see `EnvFile`.
    """

    values: Mapping[str, str]
    file: str
    left_out: tuple[LeftOut, ...] = ()
    lent: Mapping[str, str] = MappingProxyType({})
    path: str = ""
    mode: int | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(one.words(self.file) for one in self.left_out)

    def without(self, names: Sequence[str]) -> LeftOut | None:
        """Why the file does not say one of these: what of it was left out and names one of them, else the first."""
        word = re.compile(rf"\b({'|'.join(map(re.escape, names))})\b")
        return next((one for one in self.left_out if word.search(one.text)), next(iter(self.left_out), None))


class Unset(Exception):
    """A reference whose variables are all unset or empty."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        super().__init__(" and ".join(names))


class Malformed(Exception):
    """`${` that no reference follows."""


def dotenv_beside(directory: Path) -> EnvFile:
    """The `.env` of a directory. Nobody asked for it, so it may be missing, and an unreadable one is but a warning,
    where nothing is missed that it may say."""
    try:
        text, mode = read(directory / ".env", VARIABLES, _decoded)
        return EnvFile(text, ".env", path=str(directory / ".env"), mode=mode)
    except Missing:
        return EnvFile("", ".env")
    except Unreadable as fault:
        return EnvFile("", ".env", LeftOut(fault.place[0], f"found {fault.found}, expected {fault.expected}"))


def env_file_named(path: Path) -> EnvFile:
    """The file that was asked for by name. Raises Unreadable."""
    text, mode = read(path, VARIABLES, _decoded)
    return EnvFile(text, str(path), path=str(path), mode=mode)


def gather(environment: Mapping[str, str] | None, file: EnvFile) -> Variables:
    """The environment over the file's lines. `environment` None: the process's own."""
    real = os.environ if environment is None else environment
    bindings = list(parse_stream(io.StringIO(file.text)))
    odd = [_odd(binding.original) for binding in bindings if _says_nothing(binding)]
    held = {binding.key: binding.value for binding in bindings if binding.key and binding.value is not None}
    values = {**held, **{name: value for name, value in real.items() if value or name not in held}}
    lent = {name: value for name, value in held.items() if value and not real.get(name)}
    left_out = (*([file.unread] if file.unread else ()), *odd)
    return Variables(values, file.label, left_out, lent, file.path, file.mode)


def _decoded(content: bytes) -> str:
    """As any file; in what comments say, a byte that is not UTF-8 costs nothing. Raises Unreadable."""
    try:
        return decoded(content)
    except NotUtf8 as fault:
        for binding in parse_stream(io.StringIO(fault.lenient)):
            said = binding.original.string if binding.error else f"{binding.key}{binding.value}"
            if not said.isascii() and any("\ud800" <= character <= "\udfff" for character in said):
                raise
        return fault.lenient


def _says_nothing(binding: Binding) -> bool:
    return binding.error or (binding.key is not None and binding.value is None)


def _odd(written: Original) -> LeftOut:
    """Blank lines before it are counted in by who parsed it."""
    text = written.string.lstrip()
    line = written.line + len(_LINE_END.findall(written.string[: len(written.string) - len(text)]))
    if _QUOTED.match(text):
        return LeftOut(line, "its quote is not closed, or more stands behind it", text)
    return LeftOut(line, "it is not a NAME=value line", text)


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
