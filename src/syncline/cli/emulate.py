"""`syncline emulate`: a local vendor, with faults on request."""

from __future__ import annotations

import re
import time
from typing import Literal

import rich_click as click

from syncline.emulators import customerio, faults
from syncline.emulators.server import serve

_FAULTS = (
    "What goes wrong, how often; may be repeated: a status, timeout, reset, lost; 429:5%:after=1 adds Retry-After."
)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s)")


class Duration(click.ParamType[float]):
    """`50ms`, `0.2s` → seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        found = _DURATION.fullmatch(str(value))
        if found is None:
            self.fail(f"{value!r} is no duration; write 50ms or 0.2s", param, ctx)
        return float(found[1]) / (1000 if found[2] == "ms" else 1)


class FaultType(click.ParamType[faults.Fault]):
    """`500:2%` → a fault."""

    name = "fault"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> faults.Fault:
        if isinstance(value, faults.Fault):
            return value
        try:
            return faults.parse(str(value))
        except ValueError as wrong:
            self.fail(str(wrong), param, ctx)


@click.command(name="emulate")
@click.argument("name", type=click.Choice(["customerio"]), metavar="NAME")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port; 0 picks a free one.")
@click.option("--latency", type=Duration(), default=0.0, metavar="50ms", help="How long each answer takes.")
@click.option("--rate", type=click.FloatRange(min=0), default=0.0, metavar="N", help="Requests a second before 429.")
@click.option("--fault", "weather", type=FaultType(), multiple=True, metavar="500:2%", help=_FAULTS)
@click.option("--seed", type=int, default=0, metavar="N", help="The same seed gives the same faults.")
@click.option("--region", type=click.Choice(["us", "eu"]), default="us", help="Where its account lives.")
@click.option("--mode", type=click.Choice(["id+email", "id"]), default="id+email", help="What identifies people.")
def command(
    name: str,
    host: str,
    port: int,
    latency: float,
    rate: float,
    weather: tuple[faults.Fault, ...],
    seed: int,
    region: Literal["us", "eu"],
    mode: customerio.Mode,
) -> int:
    """A local Customer.io: the Track and App APIs, a request log, and a page that shows its people.

    Its credentials are site, key and (App API) app. It forgets everything when it ends.
    """
    try:
        faults.check(weather)
    except ValueError as wrong:
        raise click.UsageError(str(wrong)) from None
    workspace = customerio.Workspace(time.time, mode=mode, region=region)
    app = customerio.Customerio(workspace, faults=weather, seed=seed, rate=rate, latency_s=latency)

    def ready(url: str) -> None:
        click.echo(f"Customer.io emulator at {url} (site id: site, API key: key, App API key: app)")
        click.echo(f"people and requests: {url}/")
        click.echo("in a configuration:")
        click.echo(f'  "destination": {{"siteId": "site", "apiKey": "key", "baseUrl": "{url}"}}')
        click.echo("not emulated:")
        for missing in customerio.NOT_EMULATED:
            click.echo(f"  - {missing}")
        click.echo("Ctrl-C ends it")

    try:
        serve(app, host, port, ready)
    except OSError as error:
        raise click.UsageError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    return 0
