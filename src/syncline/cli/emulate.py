"""`syncline emulate`: a local vendor, with faults on request."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import rich_click as click

from syncline.emulators import customerio, faults
from syncline.emulators.customerio import snapshot, switches
from syncline.emulators.keeper import Keeper
from syncline.emulators.server import serve

_FAULTS = "What goes wrong, and when; may be repeated: 500:2%, 429:5%:after=1, lost:every=10, outage:at=5s:for=30s."
_SWITCH = "What nobody knows for certain, as you want it; may be repeated: empty_removes=true."
_DELAY = "How long it takes until a write can be read."


class Duration(click.ParamType[float]):
    """`50ms`, `0.2s` → seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            return faults.seconds(str(value))
        except ValueError as wrong:
            self.fail(str(wrong), param, ctx)


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


def _list_switches(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    for switch in switches.described():
        click.echo(f"{switch.name}={switch.default}  ({switch.values})\n    {switch.why}")
    ctx.exit()


@click.command(name="emulate")
@click.argument("name", type=click.Choice(["customerio"]), metavar="NAME")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port; 0 picks a free one.")
@click.option("--latency", type=Duration(), default=0.0, metavar="50ms", help="How long each answer takes.")
@click.option("--rate", type=click.FloatRange(min=0), default=0.0, metavar="N", help="Requests a second before 429.")
@click.option("--fault", "weather", type=FaultType(), multiple=True, metavar="500:2%", help=_FAULTS)
@click.option("--seed", type=int, default=0, metavar="N", help="The same seed gives the same faults.")
@click.option("--consistency-delay", "delay", type=Duration(), default=0.0, metavar="2s", help=_DELAY)
@click.option("--region", type=click.Choice(["us", "eu"]), default="us", help="Where its account lives.")
@click.option("--mode", type=click.Choice(["id+email", "id"]), default="id+email", help="What identifies people.")
@click.option("--switch", "chosen", multiple=True, metavar="NAME=VALUE", help=_SWITCH)
@click.option("--state", type=click.Path(path_type=Path), metavar="FILE", help="Goes on from FILE, and is kept in it.")
@click.option(
    "--switches", is_flag=True, is_eager=True, expose_value=False, callback=_list_switches, help="List the switches."
)
def command(
    name: str,
    host: str,
    port: int,
    latency: float,
    rate: float,
    weather: tuple[faults.Fault, ...],
    seed: int,
    delay: float,
    region: Literal["us", "eu"],
    mode: customerio.Mode,
    chosen: tuple[str, ...],
    state: Path | None,
) -> int:
    """A local Customer.io: the Track, App and Pipelines APIs, a request log, and a page that shows its people.

    Its credentials are site and key, app for the App API and cdp for Pipelines. Without --state it forgets everything
    when it ends.
    """
    try:
        faults.check(weather)
        positions = switches.parse(chosen)
    except ValueError as wrong:
        raise click.UsageError(str(wrong)) from None
    workspace = customerio.Workspace(time.time, mode=mode, region=region, switches=positions, delay_s=delay)
    app = customerio.Customerio(workspace, faults=weather, seed=seed, rate=rate, latency_s=latency)
    with _kept(workspace, state) as tick:
        try:
            serve(app, host, port, _tell, tick)
        except OSError as error:
            raise click.UsageError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    return 0


@contextmanager
def _kept(workspace: customerio.Workspace, path: Path | None) -> Iterator[Callable[[], None]]:
    """The state in its file: read now, written every few seconds by what is given, and at the end."""
    if path is None:
        yield lambda: None
        return
    try:
        if path.exists():
            snapshot.load(workspace, path.read_bytes())
        keeper = Keeper(path, lambda: snapshot.dump(workspace), lambda: snapshot.version(workspace), time.monotonic)
        keeper.save()  # now rather than at the end: a place where nothing can be written is better known early
    except snapshot.StateError as wrong:
        raise click.UsageError(f"{path}: {wrong}; name another file, or move this one away") from None
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}; --state needs a file that can be read and written") from None
    try:
        yield lambda: _complaining(keeper.tick, path)
    finally:
        workspace.pending.settle_all()
        _complaining(keeper.save, path)


def _complaining(save: Callable[[], None], path: Path) -> None:
    """A full disk does not end the emulator; it is said on stderr."""
    try:
        save()
    except OSError as error:
        click.echo(f"the state could not be written to {path}: {error.strerror}", err=True)


def _tell(url: str) -> None:
    click.echo(f"Customer.io emulator at {url} (site id: site, API key: key, App API key: app, Pipelines key: cdp)")
    click.echo(f"people and requests: {url}/")
    click.echo("in a configuration:")
    click.echo(f'  "destination": {{"siteId": "site", "apiKey": "key", "baseUrl": "{url}"}}')
    click.echo("not emulated:")
    _list(customerio.NOT_EMULATED)
    click.echo("Ctrl-C ends it")


def _list(lines: Sequence[str]) -> None:
    for line in lines:
        click.echo(f"  - {line}")
