"""One request, once, under a hard deadline → what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from syncline.delivery.policy import NOT_APPLIED, meaning
from syncline.errors import Unanswered, Unsent
from syncline.model import Lane, Meaning, Request, Response
from syncline.ports import Post


class World(NamedTuple):
    """Everything outside: the wire, chance and the wall clock. The monotonic clock is the event loop's own."""

    post: Post
    random: Random
    wall: Callable[[], float]


class Word(NamedTuple):
    """What came of an attempt.

    doubt: it may have been applied; silent: no usable answer came; hopeless: on first contact, waiting is no use;
    stale: it left on a connection that the other side had closed while it was idle, which says nothing about the API.
    """

    meaning: Meaning
    text: str
    response: Response | None = None
    doubt: bool = False
    silent: bool = False
    hopeless: bool = False
    stale: bool = False


async def attempt(world: World, lane: Lane, request: Request) -> Word:
    """Ends within the lane's deadline, even when the answer drips in byte by byte."""
    try:
        async with asyncio.timeout(lane.timeout_s):
            response = await world.post(lane, request)
    except Unsent as unsent:
        return Word(Meaning.TRANSIENT, str(unsent), hopeless=unsent.hopeless)
    except Unanswered as unanswered:
        word = Word(Meaning.TRANSIENT, str(unanswered), doubt=True, silent=True)
        return word._replace(hopeless=unanswered.hopeless, stale=unanswered.stale)
    except TimeoutError:
        return Word(Meaning.TRANSIENT, f"no answer within {lane.timeout_s:g} s", doubt=True, silent=True)
    means = Meaning.ANSWER if response.status in request.hears else meaning(response)
    # An answer for the conversation says itself what became of the items; it casts no doubt by coming.
    doubt = means not in {Meaning.ANSWER, Meaning.ABSENT} and response.status not in NOT_APPLIED
    return Word(means, f"status {response.status}", response, doubt)
