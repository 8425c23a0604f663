"""A request → what the API makes of it, and what its caller hears, under the weather: the part that vendors share."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from random import Random
from urllib.parse import urlsplit

import msgspec

from simulation.film import Call, Film, Op
from simulation.weather import Weather, headers_of
from syncline.errors import Unanswered, Unsent
from syncline.model import Lane, Request, Response
from virtual import Gust


def answer(status: int, body: object = None, **headers: str) -> Response:
    return Response(status, headers, msgspec.json.encode({} if body is None else body))


class Api:
    """A `Post` for one vendor. mended: whatever was broken for single rows is not any more."""

    name = ""

    def __init__(self, film: Film, dice: Random) -> None:
        self.film, self.dice = film, dice
        self.weather = Weather(dice)
        self.mended = False

    # --- what a vendor says ---------------------------------------------------------------------------------------

    def ops(self, request: Request) -> Sequence[Op]:
        """What it writes; nothing for a question."""
        return ()

    def is_probe(self, request: Request) -> bool:
        raise NotImplementedError

    def serve(self, call: Call) -> Response:
        """Does it, and says so."""
        raise NotImplementedError

    def conclude(self, call: Call, response: Response) -> None:
        """The vendor's own answer reaches its caller: what does it acknowledge, what does it refuse?"""

    # --- what the weather makes of it -----------------------------------------------------------------------------

    async def __call__(self, lane: Lane, request: Request) -> Response:
        ops = self.ops(request)
        call = self.film.leaves(self.name, lane, request, ops, self.is_probe(request))
        gust = self.weather.meets(call.in_run, ops[0].key if ops else request.path)
        call.may_arrive = gust.applies or not (gust.status or gust.fate != "answered")
        fate = "given up"
        try:
            return await self._meets(call, gust)
        except (Unsent, Unanswered) as fault:
            fate = "unsent" if isinstance(fault, Unsent) else "unanswered"
            raise
        except asyncio.CancelledError:  # at its deadline, or with its run; it may be on its way all the same
            if not self.film.dead:
                self.may_arrive(call)
            raise
        finally:
            self.film.ends(call, fate)

    async def _meets(self, call: Call, gust: Gust) -> Response:
        if gust.fate == "unsent":
            await asyncio.sleep(gust.latency_s)
            raise Unsent("could not connect: refused")
        await asyncio.sleep(gust.latency_s / 2)
        self.film.alive()
        if call.may_arrive:
            call.served = self.serve(call)
        self.film.passes("served")
        await asyncio.sleep(1e6 if gust.fate == "hangs" else gust.latency_s / 2)
        self.film.alive()
        if gust.fate == "dropped":
            raise Unanswered("the connection broke")
        genuine = call.served if not gust.status else None
        response = genuine or Response(gust.status, headers_of(gust, self.film.clock.now), gust.body)
        if genuine is not None:
            self.conclude(call, genuine)
        self.film.hears(call, response, genuine=genuine is not None)
        return response

    def may_arrive(self, call: Call) -> None:
        """Its caller is gone; half of what was under way arrives."""
        if call.may_arrive and call.served is None and self.dice.random() < 0.5:
            call.served = self.serve(call)


class Internet:
    """One `Post` for several APIs, by host."""

    def __init__(self, hosts: Mapping[str, Api]) -> None:
        self.hosts = hosts

    async def __call__(self, lane: Lane, request: Request) -> Response:
        return await self.hosts[urlsplit(lane.origin).hostname or ""](lane, request)

    def bury(self, under_way: Sequence[Call]) -> None:
        """Their process has died."""
        by_name = {api.name: api for api in self.hosts.values()}
        for call in under_way:
            by_name[call.api].may_arrive(call)
