"""`syncline init`: a commented configuration to start from, and what an editor needs to help with it."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

import rich_click as click

from syncline.cli.ends import say
from syncline.cli.schema import SCHEMA_FILE, write_schema

# Each is a file in starters/; what `run` needs besides it.
STARTERS = {"customerio": " -d data.json", "segment-to-voucherify": ""}


@click.command(name="init")
@click.argument("name", type=click.Choice(list(STARTERS)), metavar="NAME")
def command(name: str) -> int:
    """Write a commented configuration to start from: NAME is customerio (a file of users to Customer.io) or
    segment-to-voucherify (all profiles of a Segment space to Voucherify). `syncline init customerio` writes
    customerio.yaml.

    Beside it goes syncline.schema.json, by which an editor completes and checks it.
    """
    path = Path(f"{name}.yaml")
    text = (files("syncline.cli") / "starters" / path.name).read_text(encoding="utf-8")
    try:
        if path.exists():
            raise click.UsageError(f"{path} is here already; move it away first")
        write_schema(Path(SCHEMA_FILE))
        with open(path, "x", encoding="utf-8", opener=_for_its_owner) as file:
            file.write(text)
    except OSError as error:
        raise click.UsageError(f"cannot write {path}: {error.strerror}") from None
    then = f"put your credentials into the environment or .env, then `syncline run {path}{STARTERS[name]}`"
    say([f"wrote {path}: {then}", f"wrote {SCHEMA_FILE}: with it, an editor completes and checks {path}"])
    return 0


def _for_its_owner(name: str, flags: int) -> int:
    """A credential may come to stand in it, whatever the umask."""
    return os.open(name, flags, 0o600)
