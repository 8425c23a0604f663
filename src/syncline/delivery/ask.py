"""A conversation that reads: the probe, or looking people up → its result, retried as patiently as needed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from syncline.delivery.attempt import World, attempt
from syncline.delivery.pace import Pace
from syncline.delivery.patience import backoff_s, retry_after_s
from syncline.delivery.policy import Policy
from syncline.errors import Unanswered
from syncline.model import Lane, Meaning, Request, Response
from syncline.ports import Inquiry

T = TypeVar("T")
Ready = Callable[[Request], Awaitable[None]]

_AGAIN = {Meaning.TRANSIENT, Meaning.CONFLICT, Meaning.THROTTLED}


async def ask(
    conversation: Inquiry[T],
    lanes: Mapping[str, Lane],
    world: World,
    policy: Policy,
    ready: Ready | None = None,
) -> T:
    """Every definite answer, a 401 too, goes to the conversation. `ready` is awaited before each request leaves; by
    default it keeps the lane's pace.

    Raises what the conversation raises, and `Unanswered` when no definite answer came.
    """
    ready = ready or _at_the_pace_of(lanes)
    request = next(conversation)
    while True:
        response = await _answer(request, lanes[request.lane], world, policy, ready)
        try:
            request = conversation.send(response)
        except StopIteration as end:
            result: T = end.value
            return result


async def _answer(request: Request, lane: Lane, world: World, policy: Policy, ready: Ready) -> Response:
    wait_s = 0.0
    last_word = ""
    for tries in range(1, policy.probe_tries + 1):
        await asyncio.sleep(wait_s)
        await ready(request)
        word = await attempt(world, lane, request)
        if word.response is not None and word.meaning not in _AGAIN:
            return word.response
        last_word = word.text
        asked_s = retry_after_s(word.response.headers, world.wall()) if word.response is not None else None
        if asked_s is not None and asked_s > policy.retry_after_most_s:
            raise Unanswered(f"{last_word}, which asks to wait {asked_s:.0f} s")
        wait_s = asked_s or backoff_s(tries, policy.throttled_base_s, policy.cap_s, world.random)
    raise Unanswered(f"no definite answer after {policy.probe_tries} tries (last: {last_word})")


def _at_the_pace_of(lanes: Mapping[str, Lane]) -> Ready:
    paces = {name: Pace(lane) for name, lane in lanes.items()}

    async def ready(request: Request) -> None:
        await asyncio.sleep(paces[request.lane].grant(0, asyncio.get_running_loop().time()))

    return ready
