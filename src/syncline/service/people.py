"""A person's id → what Customer.io holds of them, read through its App API with a key of the service's own."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from random import Random

from syncline.config.addresses import origin_fault
from syncline.delivery import Policy, World, ask
from syncline.delivery.pace import Pace
from syncline.destinations.customerio import CustomerIo, Settings
from syncline.errors import ConfigRefused, Garbled, Misconfigured, Problem, Refused, Unanswered, Unfit
from syncline.model import Request
from syncline.service.answers import declined, later
from syncline.transport import Transport

KEY, REGION, ORIGIN = "CIO_APP_API_KEY", "CIO_REGION", "CIO_APP_BASE_URL"
_POLICY = Policy(probe_tries=3, cap_s=2.0, retry_after_most_s=5.0)  # somebody waits for the answer
_START = f"Start the service with {KEY} in its environment, and {REGION} and {ORIGIN} where they differ."


class People:
    """environment: the service's own. Raises `ConfigRefused` where it says something that cannot be."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        region, origin = environment.get(REGION) or "us", environment.get(ORIGIN) or ""
        if region not in ("us", "eu"):
            raise ConfigRefused(f"{REGION}, in the environment, must be us or eu")
        if (fault := origin_fault(origin)) is not None:
            raise ConfigRefused(f"{ORIGIN}, in the environment, must be {fault.expected}")
        key = environment.get(KEY) or ""
        if not re.fullmatch("[!-~]*", key):
            raise ConfigRefused(f"{KEY}, in the environment, must be printable ASCII without blanks")
        # Only the App API is asked, so there are no credentials of the Track API.
        known = {"siteId": "none", "apiKey": "none", "appApiKey": key, "region": region, "appBaseUrl": origin}
        self._destination = CustomerIo(Settings.model_validate(known)) if key else None
        self._paces: dict[str, Pace] = {}

    async def look_up(self, identifier: str) -> dict[str, object]:
        """`{key, attributes}`. Raises `Declined`: 404 where nobody is known by that id, 501 without a key."""
        if self._destination is None:
            raise declined(501, "the service", f"no App API key ({KEY})", "one to look people up with", _START)
        try:
            key = self._destination.key(identifier)
        except Unfit as unfit:
            fix = "Send the id as a row has it."
            raise declined(422, "query id", unfit.reason, "an id, an e-mail or a cio_id", fix) from None
        held = await self._asked(self._destination, key)
        if held is None:
            raise declined(404, "query id", "an id that Customer.io knows nobody by", "somebody's", "Check the id.")
        return {"key": key, "attributes": held}

    async def _asked(self, destination: CustomerIo, key: str) -> Mapping[str, object] | None:
        try:
            async with Transport(1) as post:
                world = World(post, Random(), time.time)  # noqa: S311 # jitter, not cryptography
                found = await ask(destination.look_up([key]), destination.lanes, world, _POLICY, self._ready)
                return found[key]
        except (Refused, Garbled, Misconfigured) as no:
            fix = f"Tell whoever runs the service to check {KEY}, {REGION} and {ORIGIN}."
            raise declined(502, "Customer.io", str(no), "a person", fix) from None
        except Unanswered as silence:
            asked = Problem("Customer.io", 0, 0, str(silence), "an answer", "Ask again later.")
            raise later(503, asked) from None

    async def _ready(self, request: Request) -> None:
        """All who ask share one pace."""
        assert self._destination is not None
        pace = self._paces.setdefault(request.lane, Pace(self._destination.lanes[request.lane]))
        await asyncio.sleep(pace.grant(0, asyncio.get_running_loop().time()))
