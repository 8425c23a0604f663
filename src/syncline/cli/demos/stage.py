"""What the demos share: a folder that goes with them, lines, and a page that stays up on a terminal."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rich_click as click


@contextmanager
def folder_of_its_own() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="syncline-demo-") as name:
        yield Path(name)


def tell(line: str) -> None:
    click.echo(line)


def introduce(vendor: str, url: str) -> None:
    """A vendor, and where to see what it holds. In a pipe the demo ends by itself, and its addresses with it."""
    tell(f"a local {vendor} is running" + (f": {url}/" if sys.stdout.isatty() else ""))


def linger(invitation: str) -> None:
    """On a terminal the pages stay up until Ctrl-C, for whom the invitation reaches."""
    if not sys.stdout.isatty():
        return
    try:
        tell(f"\n{invitation}\nCtrl-C ends the demo")
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        tell("")
