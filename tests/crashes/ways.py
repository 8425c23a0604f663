"""The ways that are tried: a vendor to write to, where the rows come from, and the configuration.

Each is as small as it can be and still have what can go wrong: more than one batch, more than one request at a time, a
row that is folded, people who change and people who do not.

Whatever somebody is to hold goes with a stamp that names them and the version of the source ("stamp-3-v1"). By it, what
was sent, what the ledger has recorded and what the destination holds can be compared, whatever the API looks like.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from starlette.types import ASGIApp

from syncline.emulators import segment
from syncline.emulators.customerio import Customerio, Workspace
from syncline.emulators.segment import Segment, Space, profile
from syncline.emulators.voucherify import Voucherify

PEOPLE, PROFILES = 7, 5
UNCHANGED = (3, 6)
PARALLELISM = 2
BATCH_ITEMS = 2

STAMP = re.compile(rb"stamp-\d+-v\d")
_ACTION_S = 0.001  # what Voucherify needs for a bulk
_SLOW_S = 0.08
_POLL_S = 0.015  # when we ask what became of it: after that, with all the bulks of a scene in a row

Row = Mapping[str, object]


def stamp(at: int, version: int) -> str:
    """Most of them differ from version to version."""
    return f"stamp-{at}-v{0 if at in UNCHANGED else version}"


def rows(version: int, people: int) -> list[Row]:
    """The first has a second row, at the end, and with it a value that changes, too."""
    many: list[Row] = [{"id": str(at), "name": f"Ada {at}", "stamp": stamp(at, version)} for at in range(people)]
    return [*many, {"id": "0", "name": f"Grace {version}"}]


def space(version: int) -> Space:
    """The same people as profiles; fewer, as each takes two requests to read."""
    made = Space(time.time, switches=segment.Switches(rate=0))
    for at in range(PROFILES):
        traits = {"name": f"Grace {version}" if at == 0 else f"Ada {at}", "stamp": stamp(at, version)}
        made.add(profile(at, traits, ("user_id", str(at))))
    return made


class Way(NamedTuple):
    """vendor: a new one, with nobody in it; destination: how the configuration names it; held: what it holds, by
    person; source: Segment, for what is not in a file; batch: people a request; latency_s: until it answers."""

    name: str
    vendor: Callable[[], ASGIApp]
    destination: Callable[[str], Row]
    held: Callable[[ASGIApp], Mapping[str, Row]]
    source: Callable[[int], Segment] | None = None
    people: int = PEOPLE
    batch: int = BATCH_ITEMS
    latency_s: float = 0.0

    def configuration(self, url: str, source_url: str) -> Row:
        prefix = "traits." if self.source else ""
        meta = "metadata." if "voucherify" in str(self.destination(url)) else ""
        mappings = [{"from": f"{prefix}name", "to": "name"}, {"from": f"{prefix}stamp", "to": f"{meta}stamp"}]
        plain: Row = {
            "name": "crash",
            "parallelism": PARALLELISM,
            "destination": self.destination(url),
            "mappings": mappings,
        }
        if self.source is None:
            return {**plain, "userId": "id"}
        segments = {"type": "segment", "spaceId": "space", "accessToken": "token", "pageItems": 2, "rate": 9_000}
        return {**plain, "source": {**segments, "baseUrl": source_url}}


# --- Customer.io ------------------------------------------------------------------------------------------------------


def _workspace(latency_s: float = 0.0) -> ASGIApp:
    return Customerio(Workspace(time.time), latency_s=latency_s)


def _customerio(api: str, batch: int = BATCH_ITEMS) -> Callable[[str], Row]:
    keys = {"siteId": "site", "apiKey": "key", "api": api, **({"batchItems": batch} if api == "batch" else {})}
    return lambda url: {**keys, "baseUrl": url}


def _people(app: ASGIApp) -> Mapping[str, Row]:
    assert isinstance(app, Customerio)
    return {
        person.id or person.cio_id: {name: json.loads(bytes(raw)) for name, raw in person.given().items()}
        for person in app.workspace.people.values()
    }


# --- Voucherify -------------------------------------------------------------------------------------------------------


def _project() -> ASGIApp:
    return Voucherify(action_delay_s=_ACTION_S)


def _voucherify(api: str) -> Callable[[str], Row]:
    keys = {"type": "voucherify", "applicationId": "app", "secretKey": "secret", "api": api, "rate": 9_000}
    return lambda url: {**keys, "batchItems": BATCH_ITEMS, "pollTimeout": _POLL_S, "baseUrl": url}


def _customers(app: ASGIApp) -> Mapping[str, Row]:
    assert isinstance(app, Voucherify)
    app.project.settle()
    return {
        customer.source_id or "": {
            name: json.loads(bytes(raw)) for name, raw in customer.held().items() if name in ("name", "metadata")
        }
        for customer in app.project.customers.values()
    }


# --- all of them ------------------------------------------------------------------------------------------------------

WAYS: Mapping[str, Way] = {
    way.name: way
    for way in (
        Way("batch", _workspace, _customerio("batch"), _people),
        Way("identify", _workspace, _customerio("identify"), _people, batch=1),
        Way("segment", _project, _voucherify("bulk"), _customers, lambda version: Segment(space(version))),
        Way("bulk", _project, _voucherify("bulk"), _customers),
        Way("single", _project, _voucherify("single"), _customers, batch=1),
        # So slow that most acknowledgements are committed long before its end.
        Way("slow", lambda: _workspace(_SLOW_S), _customerio("batch", 1), _people, None, 24, 1, _SLOW_S),
    )
}
QUICK: Sequence[str] = ("batch", "identify", "segment", "bulk", "single")
