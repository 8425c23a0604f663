"""The vendors that `syncline emulate` plays → for each its app, its state, its credentials and its own options."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from starlette.types import ASGIApp

from syncline.emulators import customerio, segment, switchboard, voucherify
from syncline.emulators.customerio import snapshot as customerio_snapshot
from syncline.emulators.faults import Fault
from syncline.emulators.segment import snapshot as segment_snapshot
from syncline.emulators.voucherify import snapshot as voucherify_snapshot


class Wanted(NamedTuple):
    """What the command line asks for; of the options that only some vendors have, the others' are not looked at."""

    faults: Sequence[Fault]
    seed: int
    rate: float
    latency_s: float
    switches: Sequence[str]
    consistency_delay_s: float
    region: Literal["us", "eu"]
    mode: customerio.Mode
    profiles: int
    action_delay_s: float
    calls: voucherify.Allowance
    bulk_calls: voucherify.Allowance
    metadata_schema: Path | None


class Started(NamedTuple):
    """An emulator, and its state as a file keeps it.

    load: raises `StateError`; version: differs whenever the state does; populate: makes up what it holds at first,
    where there is no state to go on from; finish: what was accepted takes effect, because the end has come.
    """

    app: ASGIApp
    dump: Callable[[], bytes]
    load: Callable[[bytes], None]
    version: Callable[[], object]
    populate: Callable[[], None] = lambda: None
    finish: Callable[[], None] = lambda: None


class Vendor(NamedTuple):
    """start: raises ValueError for what cannot be read; snippet: what makes a configuration mean this emulator.

    own: the options, by the names of their parameters, that not every vendor has.
    """

    title: str
    switches: type[customerio.Switches | segment.Switches | voucherify.Switches]
    own: Sequence[str]
    credentials: str
    holds: str
    snippet: str
    not_emulated: Sequence[str]
    start: Callable[[Wanted], Started]


def _customerio(wanted: Wanted) -> Started:
    positions = switchboard.parse(customerio.Switches, wanted.switches)
    workspace = customerio.Workspace(
        time.time, mode=wanted.mode, region=wanted.region, switches=positions, delay_s=wanted.consistency_delay_s
    )
    return Started(
        customerio.Customerio(
            workspace, faults=wanted.faults, seed=wanted.seed, rate=wanted.rate, latency_s=wanted.latency_s
        ),
        lambda: customerio_snapshot.dump(workspace),
        lambda document: customerio_snapshot.load(workspace, document),
        lambda: customerio_snapshot.version(workspace),
        finish=workspace.pending.settle_all,
    )


def _segment(wanted: Wanted) -> Started:
    space = segment.Space(time.time, switches=switchboard.parse(segment.Switches, wanted.switches))
    return Started(
        segment.Segment(space, faults=wanted.faults, seed=wanted.seed, rate=wanted.rate, latency_s=wanted.latency_s),
        lambda: segment_snapshot.dump(space),
        lambda document: segment_snapshot.load(space, document),
        lambda: segment_snapshot.version(space),
        populate=lambda: space.add(*segment.profiles(wanted.profiles)),
    )


def _voucherify(wanted: Wanted) -> Started:
    project = voucherify.Project(
        time.time,
        switches=switchboard.parse(voucherify.Switches, wanted.switches),
        schema=_schema(wanted.metadata_schema) if wanted.metadata_schema else None,
        action_delay_s=wanted.action_delay_s,
    )
    return Started(
        voucherify.Voucherify(
            project,
            calls=wanted.calls,
            bulk_calls=wanted.bulk_calls,
            faults=wanted.faults,
            seed=wanted.seed,
            rate=wanted.rate,
            latency_s=wanted.latency_s,
        ),
        lambda: voucherify_snapshot.dump(project),
        lambda document: voucherify_snapshot.load(project, document),
        lambda: voucherify_snapshot.version(project),
        finish=project.actions.settle_all,
    )


def _schema(path: Path) -> voucherify.Schema:
    try:
        return voucherify.schema_of(path.read_bytes())
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}; --metadata-schema needs a file that can be read") from None
    except ValueError as wrong:
        raise ValueError(f"{path}: {wrong}") from None


VENDORS: Mapping[str, Vendor] = {
    "customerio": Vendor(
        "Customer.io",
        customerio.Switches,
        ("consistency_delay", "region", "mode"),
        "site id: site, API key: key, App API key: app, Pipelines key: cdp",
        "people",
        '  "destination": {{"siteId": "site", "apiKey": "key", "baseUrl": "{url}"}}',
        customerio.NOT_EMULATED,
        _customerio,
    ),
    "segment": Vendor(
        "Segment",
        segment.Switches,
        ("profiles",),
        "space id: space, access token: token",
        "profiles",
        "  source: {{type: segment, spaceId: space, accessToken: token, baseUrl: {url}}}",
        segment.NOT_EMULATED,
        _segment,
    ),
    "voucherify": Vendor(
        "Voucherify",
        voucherify.Switches,
        ("action_delay", "calls", "bulk_calls", "metadata_schema"),
        "application id: app, secret key: secret",
        "customers",
        "  destination: {{type: voucherify, applicationId: app, secretKey: secret, baseUrl: {url}}}",
        voucherify.NOT_EMULATED,
        _voucherify,
    ),
}
