"""`syncline init`: a commented configuration to start from."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import rich_click as click


@click.command(name="init")
@click.argument("name", type=click.Choice(["customerio"]), metavar="NAME")
def command(name: str) -> int:
    """Write a commented configuration to start from: `syncline init customerio` writes customerio.yaml."""
    path = Path(f"{name}.yaml")
    text = (files("syncline.cli") / "starters" / path.name).read_text(encoding="utf-8")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise click.UsageError(f"{path} is here already; move it away first") from None
    click.echo(
        f"wrote {path}: put your credentials into the environment or .env, then `syncline run {path} -d data.json`"
    )
    return 0
