"""Are the credentials, the region and the address right? A cheap read asks, before anybody concludes anything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping

from syncline.delivery.ask import ask
from syncline.delivery.attempt import World
from syncline.delivery.controls import Gauge
from syncline.delivery.gate import Gate
from syncline.delivery.pace import Pace
from syncline.delivery.policy import Policy
from syncline.errors import Garbled, Misconfigured, Refused, Unanswered, WrongAddress
from syncline.model import Lane, Request, Stop
from syncline.ports import Inquiry


class Probe:
    """Asks by a cheap read, at the pace and through the pauses that every request keeps."""

    def __init__(
        self,
        inquire: Callable[[], Inquiry[None]],
        lanes: Mapping[str, Lane],
        world: World,
        policy: Policy,
        paces: Mapping[str, Pace],
        gate: Gate,
        gauge: Gauge,
        stopping: asyncio.Event,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._inquire, self._lanes, self._world, self._policy = inquire, lanes, world, policy
        self._paces, self._gate, self._gauge, self._stopping = paces, gate, gauge, stopping

    async def __call__(self) -> Stop | None:
        """None when the credentials are good; otherwise why the run ends."""
        await rest(self._stopping, self._policy.confirm_after_s)
        if self._gate.stop:
            return self._gate.stop
        probe = ask(self._inquire(), self._lanes, self._world, self._policy, self._ready)
        try:
            await self._unless_stopped(probe)
        except WrongAddress as wrong:
            return Stop("address", str(wrong))
        except Misconfigured as wrong:
            return Stop("credentials", str(wrong))
        except (Unanswered, Refused, Garbled) as failure:
            return Stop("credentials", f"the credentials were refused, and could not be confirmed ({failure})")
        return self._gate.stop

    async def _ready(self, request: Request) -> None:
        pace = self._paces[request.lane]
        await self._granted(pace)
        while (wait_s := self._gate.paused_s(self._loop.time())) > 0:
            await asyncio.sleep(wait_s)
            await self._granted(pace)
        self._gauge.count(request.body)

    async def _granted(self, pace: Pace) -> None:
        """Its turn in the lane's pace. What it takes of a quota the next answer tells."""
        await asyncio.sleep(pace.grant(0, self._loop.time()))
        pace.came_back()

    async def _unless_stopped(self, work: Coroutine[object, object, None]) -> None:
        """To its end, or to the end of the run: what only reads may be dropped at any time."""
        working, stopping = asyncio.create_task(work), asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
        finally:
            working.cancel()
            stopping.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)


async def rest(stopping: asyncio.Event, wait_s: float) -> None:
    """Waits, unless the run stops."""
    try:
        async with asyncio.timeout(wait_s):
            await stopping.wait()
    except TimeoutError:
        return
