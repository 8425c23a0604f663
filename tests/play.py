"""Conversations played by hand: no network, no event loop, no mocks. And the nouns they are about."""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec

from syncline.destinations.customerio import CustomerIo, Settings
from syncline.flow.canonical import canonical
from syncline.model import Change, Item, Kind, Outcome, Remember, Request, Response, RowRef, Verdict
from syncline.ports import REMEMBERED, Conversation

T = TypeVar("T")


def play(conversation: Conversation[T], *answers: Response) -> tuple[list[Request], T]:
    """Gives the answers in turn → (what was asked, the result). Every answer must be asked for, and none is missing."""
    said, result = play_all(conversation, *answers)
    return [one for one in said if isinstance(one, Request)], result


def play_all(conversation: Conversation[T], *answers: Response) -> tuple[list[Request | Remember], T]:
    """As `play`, and with what was to be remembered, in its place."""
    said: list[Request | Remember] = []
    left = list(answers)
    try:
        said.append(next(conversation))
        while True:
            if isinstance(said[-1], Remember):
                said.append(conversation.send(REMEMBERED))
                continue
            assert left, f"one request too many: {said[-1]}"
            said.append(conversation.send(left.pop(0)))
    except StopIteration as end:
        assert not left, f"{len(left)} answers nobody asked for"
        result: T = end.value
        return said, result


def answer(status: int = 200, body: object = None, location: str = "") -> Response:
    """`body`: bytes as they are, anything else as JSON; by default the vendor's `{}`."""
    text = body if isinstance(body, bytes) else msgspec.json.encode({} if body is None else body) + b"\n"
    return Response(status, {"location": location} if location else {}, text)


def customerio(mode: Literal["upsert", "update"] = "upsert", **settings: object) -> CustomerIo:
    return CustomerIo(Settings.model_validate({"siteId": "site", "apiKey": "key"} | settings), mode)


def change(key: str, attributes: object = None, entry: int = 1) -> Change:
    """`attributes`: bytes are taken for a canonical body as it is."""
    body = attributes if isinstance(attributes, bytes) else canonical(msgspec.json.encode(attributes or {}))
    return Change(entry, RowRef("data.json", entry, entry), key, Kind.UPSERT, body)


def items(*ids: str, destination: CustomerIo | None = None) -> list[Item]:
    """One item an id, each with a plan."""
    encode = (destination or customerio()).encode
    return [encode(change(f"id:{name}", {"plan": "pro"}, entry)) for entry, name in enumerate(ids, start=1)]


def delivered() -> Verdict:
    return Verdict(Outcome.DELIVERED)


def rejected(reason: str, field: str = "") -> Verdict:
    return Verdict(Outcome.REJECTED, reason, field)
