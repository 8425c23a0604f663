"""`syncline emulate`: a local vendor, with faults on request."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar

import rich_click as click
from click.core import ParameterSource

from syncline.cli.vendors import VENDORS, Started, Vendor, Wanted
from syncline.emulators import customerio, faults, switchboard, voucherify
from syncline.emulators.keeper import Keeper, StateError
from syncline.emulators.server import serve

_FAULTS = "What goes wrong, and when; may be repeated: 500:2%, 429:5%:after=1, lost:every=10, outage:at=5s:for=30s."
_SWITCH = "What nobody knows for certain, as you want it; may be repeated: empty_removes=true."
_DELAY = "customerio: how long it takes until a write can be read."
_PROFILES = "segment: how many made-up profiles it has at first."
_ACTION_DELAY = "voucherify: how long an asynchronous action takes."
_CALLS = "voucherify: calls before 429, a minute or an hour; 0 for any number."
_BULK_CALLS = "voucherify: bulk calls before 429, counted apart; 0 for any number."
_SCHEMA = "voucherify: a JSON file with the definitions of customers' metadata."
T = TypeVar("T")


class Words(click.ParamType[T]):
    """A text that `read` understands, or refuses with a ValueError that says how to write it."""

    def __init__(self, name: str, kind: type[T], read: Callable[[str], T]) -> None:
        self.name, self._kind, self._read = name, kind, read

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> T:
        if isinstance(value, self._kind):
            return value
        try:
            return self._read(str(value))
        except ValueError as wrong:
            self.fail(str(wrong), param, ctx)


_DURATION = Words("duration", float, faults.seconds)  # `50ms`, `0.2s` → seconds
_FAULT = Words("fault", faults.Fault, faults.parse)
_ALLOWANCE = Words("calls", voucherify.Allowance, voucherify.allowance)  # `2000/min`, `20/h`


@click.command(name="emulate")
@click.argument("name", type=click.Choice(list(VENDORS)), metavar="NAME")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port; 0 picks a free one.")
@click.option("--latency", type=_DURATION, default=0.0, metavar="50ms", help="How long each answer takes.")
@click.option("--rate", type=click.FloatRange(min=0), default=0.0, metavar="N", help="Requests a second before 429.")
@click.option("--fault", "weather", type=_FAULT, multiple=True, metavar="500:2%", help=_FAULTS)
@click.option("--seed", type=int, default=0, metavar="N", help="The same seed gives the same faults.")
@click.option("--switch", "chosen", multiple=True, metavar="NAME=VALUE", help=_SWITCH)
@click.option("--switches", "listed", is_flag=True, help="List the switches.")
@click.option("--state", type=click.Path(path_type=Path), metavar="FILE", help="Goes on from FILE, and is kept in it.")
@click.option("--consistency-delay", type=_DURATION, default=0.0, metavar="2s", help=_DELAY)
@click.option("--region", type=click.Choice(["us", "eu"]), default="us", help="customerio: where its account lives.")
@click.option(
    "--mode", type=click.Choice(["id+email", "id"]), default="id+email", help="customerio: what identifies people."
)
@click.option("--profiles", type=click.IntRange(0, 1_000_000), default=100, metavar="N", help=_PROFILES)
@click.option("--action-delay", type=_DURATION, default=0.0, metavar="2s", help=_ACTION_DELAY)
@click.option("--calls", type=_ALLOWANCE, default=voucherify.Allowance(), metavar="2000/min", help=_CALLS)
@click.option("--bulk-calls", type=_ALLOWANCE, default=voucherify.Allowance(), metavar="20/h", help=_BULK_CALLS)
@click.option("--metadata-schema", type=click.Path(path_type=Path), metavar="FILE", help=_SCHEMA)
@click.pass_context
def command(
    ctx: click.Context,
    name: str,
    host: str,
    port: int,
    latency: float,
    rate: float,
    weather: tuple[faults.Fault, ...],
    seed: int,
    chosen: tuple[str, ...],
    listed: bool,
    state: Path | None,
    consistency_delay: float,
    region: Literal["us", "eu"],
    mode: customerio.Mode,
    profiles: int,
    action_delay: float,
    calls: voucherify.Allowance,
    bulk_calls: voucherify.Allowance,
    metadata_schema: Path | None,
) -> int:
    """A local Customer.io, Segment or Voucherify, with a request log and a page that shows what it holds.

    NAME is customerio, segment or voucherify. What it prints at its start is what a configuration needs to mean it.
    Without --state it forgets everything when it ends. An option whose text begins with a name is for that vendor only.
    """
    vendor = VENDORS[name]
    _only_its_own(ctx, name)
    if listed:
        _list_switches(vendor)
        return 0
    try:
        faults.check(weather)
        started = vendor.start(
            Wanted(
                weather,
                seed,
                rate,
                latency,
                chosen,
                consistency_delay,
                region,
                mode,
                profiles,
                action_delay,
                calls,
                bulk_calls,
                metadata_schema,
            )
        )
    except ValueError as wrong:
        raise click.UsageError(str(wrong)) from None
    with _kept(started, state) as tick:
        try:
            serve(started.app, host, port, lambda url: _tell(vendor, url), tick)
        except OSError as error:
            raise click.UsageError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    return 0


def _only_its_own(ctx: click.Context, name: str) -> None:
    """Raises UsageError for an option of another vendor."""
    for param in ctx.command.params:
        owners = [owner for owner, vendor in VENDORS.items() if param.name in vendor.own]
        given = ctx.get_parameter_source(str(param.name)) is ParameterSource.COMMANDLINE
        if given and owners and name not in owners:
            own = [other.opts[0] for other in ctx.command.params if other.name in VENDORS[name].own]
            others = f"{name} has {', '.join(own) or 'none of its own'}"
            raise click.UsageError(f"{param.opts[0]} is an option of {' and '.join(owners)}; {others}")


def _list_switches(vendor: Vendor) -> None:
    for switch in switchboard.described(vendor.switches):
        click.echo(f"{switch.name}={switch.default}  ({switch.values})\n    {switch.why}")


@contextmanager
def _kept(started: Started, path: Path | None) -> Iterator[Callable[[], None]]:
    """The state in its file: read now, written every few seconds by what is given, and at the end."""
    if path is None:
        started.populate()
        yield lambda: None
        return
    try:
        if path.exists():
            started.load(path.read_bytes())
        else:
            started.populate()
        keeper = Keeper(path, started.dump, started.version, time.monotonic)
        keeper.save()  # now rather than at the end: a place where nothing can be written is better known early
    except StateError as wrong:
        raise click.UsageError(f"{path}: {wrong}; name another file, or move this one away") from None
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}; --state needs a file that can be read and written") from None
    try:
        yield lambda: _complaining(keeper.tick, path)
    finally:
        started.finish()
        _complaining(keeper.save, path)


def _complaining(save: Callable[[], None], path: Path) -> None:
    """A full disk does not end the emulator; it is said on stderr."""
    try:
        save()
    except OSError as error:
        click.echo(f"the state could not be written to {path}: {error.strerror}", err=True)


def _tell(vendor: Vendor, url: str) -> None:
    click.echo(f"{vendor.title} emulator at {url} ({vendor.credentials})")
    click.echo(f"{vendor.holds} and requests: {url}/")
    click.echo("in a configuration:")
    click.echo(vendor.snippet.format(url=url))
    click.echo("not emulated:")
    for line in vendor.not_emulated:
        click.echo(f"  - {line}")
    click.echo("Ctrl-C ends it")
