"""A conversation that reads: the probe, or looking people up → its result, retried as patiently as needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeVar

from syncline.delivery.attempt import World, attempt
from syncline.delivery.pace import Pace
from syncline.delivery.patience import backoff_s, retry_after_s
from syncline.delivery.policy import Policy
from syncline.errors import Unanswered
from syncline.model import Lane, Meaning, Request, Response
from syncline.ports import Conversation

T = TypeVar("T")

_AGAIN = {Meaning.TRANSIENT, Meaning.CONFLICT, Meaning.THROTTLED}


async def ask(
    conversation: Conversation[T],
    lanes: Mapping[str, Lane],
    world: World,
    policy: Policy,
    count: Callable[[bytes], None] = lambda body: None,
) -> T:
    """Every definite answer, a 401 too, goes to the conversation. `count` is told of each request's body.

    Raises what the conversation raises, and `Unanswered` when no definite answer came.
    """
    paces = {name: Pace(lane) for name, lane in lanes.items()}
    request = next(conversation)
    while True:
        response = await _answer(request, lanes[request.lane], paces[request.lane], world, policy, count)
        try:
            request = conversation.send(response)
        except StopIteration as end:
            result: T = end.value
            return result


async def _answer(
    request: Request, lane: Lane, pace: Pace, world: World, policy: Policy, count: Callable[[bytes], None]
) -> Response:
    loop = asyncio.get_running_loop()
    last_word = ""
    for tries in range(1, policy.probe_tries + 1):
        await asyncio.sleep(pace.grant(0, loop.time()))
        count(request.body)
        word = await attempt(world, lane, request)
        if word.response is not None and word.meaning not in _AGAIN:
            return word.response
        last_word = word.text
        asked_s = retry_after_s(word.response.headers, world.wall()) if word.response is not None else None
        wait_s = asked_s or backoff_s(tries, policy.throttled_base_s, policy.cap_s, world.random)
        await asyncio.sleep(min(wait_s, policy.retry_after_most_s))
    raise Unanswered(f"no definite answer after {policy.probe_tries} tries (last: {last_word})")
