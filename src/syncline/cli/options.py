"""Options that several verbs share, the configuration that is found when none is named, and what is wrong with a
command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import rich_click as click

from syncline.errors import Problem

F = TypeVar("F", bound=Callable[..., object])

CONFIG_ENDINGS = {".json", ".yaml", ".yml"}
_CONFIG_BYTES_AT_MOST = 1_000_000
_REFUSED_VALUE = re.compile(r"Invalid value for '([^']+)'[^:]*: (.+) is not (in the range|one of|a) (.+)", re.DOTALL)


class Misused(click.UsageError):
    """A command line that makes no sense, in the parts that its document has."""

    def __init__(self, found: str, expected: str, fix: str) -> None:
        self.problem = Problem("", 0, 0, found, expected, fix)
        super().__init__(str(self.problem))


def config_argument(function: F) -> F:
    return click.argument("config", required=False, metavar="[CONFIG]")(function)


def state_dir_option(function: F) -> F:
    return click.option("--state-dir", metavar="DIR", help="Where ledgers live (default: .syncline beside CONFIG).")(
        function
    )


def env_file_option(function: F) -> F:
    return click.option("--env-file", metavar="FILE", help="Variables for ${…} (default: .env beside CONFIG).")(
        function
    )


def json_option(function: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")(function)


def found(config: str | None) -> str:
    """The configuration named, or the only one in this folder."""
    if config is not None:
        return config
    files = [file for file in sorted(Path().iterdir()) if file.suffix in CONFIG_ENDINGS and _is_config(file)]
    if len(files) == 1:
        return str(files[0])
    several = f"{len(files)} configurations in this folder: {', '.join(file.name for file in files)}"
    found = several if files else "no configuration in this folder"
    fix = "Name the one that is meant." if files else "Name one that is elsewhere; `syncline init NAME` writes one."
    raise Misused(found, "a configuration", fix)


def usage_problem(error: click.ClickException) -> Problem:
    """What click refuses, in the parts that our own documents have."""
    if isinstance(error, Misused):
        return error.problem
    context = error.ctx if isinstance(error, click.UsageError) else None
    verb = context.command_path if context is not None else "syncline"
    found, meant, near = error.format_message().partition(" Did you mean ")
    expected, fix = f"what {verb} takes", f"Did you mean {near}" if meant else f"`{verb} --help` lists it."
    if value := _REFUSED_VALUE.fullmatch(found.removesuffix(".")):
        kind = f"{value[3]} {value[4]}".replace("a valid integer range", "a whole number")
        found, expected = f"{value[1]} is {value[2]}", kind.replace("in the", "a number in the")
    return Problem("", 0, 0, found.removesuffix("."), expected, fix)


def _is_config(file: Path) -> bool:
    """A configuration says what is sent, and whose it is or where it goes; a data file, however named, has rows."""
    try:
        if file.name.endswith(".schema.json") or not file.is_file() or file.stat().st_size > _CONFIG_BYTES_AT_MOST:
            return False
        text = file.read_bytes()
    except OSError:  # what nobody may read cannot be meant
        return False
    says_what, says_whose = (b"mappings", b"pick"), (b"userId", b"destination")
    return not text.lstrip().startswith(b"[") and _has(text, says_what) and _has(text, says_whose)


def _has(text: bytes, words: Iterable[bytes]) -> bool:
    return any(word in text for word in words)
