"""`syncline demo`: a first success in a minute, against vendors on this machine."""

from __future__ import annotations

from importlib import import_module

import rich_click as click

DEMOS = {"customerio": "customerio", "segment-to-voucherify": "segment_to_voucherify"}


@click.command(name="demo")
@click.argument("name", type=click.Choice(list(DEMOS)), default="customerio", metavar="[NAME]")
def command(name: str) -> int:
    """Start local vendors, sync made-up people to them, sync again, change a few, look at them.

    NAME is customerio (the default: 490 people of a file) or segment-to-voucherify (240 profiles of a space).
    """
    import_module(f"syncline.cli.demos.{DEMOS[name]}").show()
    return 0
