"""`syncline schema`: what a configuration may say, for editors."""

from __future__ import annotations

import json
import os
from pathlib import Path

import rich_click as click

from syncline.cli.ends import pour, say
from syncline.config.schema import TITLE, schema_text

SCHEMA_FILE = "syncline.schema.json"
_BYTES_AT_MOST = 1_000_000


@click.command(name="schema")
@click.argument("file", required=False, metavar="[FILE]")
def command(file: str | None) -> int:
    """The JSON Schema of configurations: on stdout, or into FILE, where an older one may be.

    An editor that knows it completes and checks: put `"$schema": "./syncline.schema.json"` into a JSON configuration,
    `# yaml-language-server: $schema=./syncline.schema.json` into a YAML one.
    """
    if file is None:
        return pour([schema_text()])
    write_schema(Path(file))
    say([f"wrote {file}"])
    return 0


def write_schema(path: Path) -> None:
    """Writes it, and overwrites nothing but a schema of ours."""
    try:
        if path.exists() and not _is_ours(path):
            raise click.UsageError(f"{path} is here already, and is no schema of Syncline's; name another file")
        with open(path, "w", encoding="utf-8", opener=_for_all_to_read) as file:
            file.write(schema_text())
    except OSError as error:
        raise click.UsageError(f"cannot write {path}: {error.strerror}") from None


def _for_all_to_read(name: str, flags: int) -> int:
    """Nobody but its owner writes what an editor believes, whatever the umask."""
    return os.open(name, flags, 0o644)


def _is_ours(path: Path) -> bool:
    if not path.is_file() or path.stat().st_size > _BYTES_AT_MOST:
        return False
    try:
        held = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return False
    return isinstance(held, dict) and held.get("title") == TITLE
