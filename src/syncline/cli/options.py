"""Options that several verbs share, and the configuration that is found when none is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import rich_click as click

F = TypeVar("F", bound=Callable[..., object])

CONFIG_ENDINGS = {".json", ".yaml", ".yml"}
_CONFIG_BYTES_AT_MOST = 1_000_000


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
    names = ", ".join(file.name for file in files)
    hint = f"several are here: {names}" if files else "there is none in this folder; `syncline init NAME` writes one"
    raise click.UsageError(f"name a configuration: {hint}")


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
