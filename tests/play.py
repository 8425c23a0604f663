"""Conversations played by hand: no network, no event loop, no mocks. And the nouns they are about."""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec

from syncline.destinations.customerio import CustomerIo, Settings
from syncline.flow.canonical import canonical
from syncline.model import Change, Item, Kind, Outcome, Request, Response, RowRef, Verdict
from syncline.ports import Conversation

T = TypeVar("T")


def play(conversation: Conversation[T], *answers: Response) -> tuple[list[Request], T]:
    """Gives the answers in turn → (what was asked, the result). Every answer must be asked for, and none is missing."""
    asked: list[Request] = []
    left = list(answers)
    try:
        asked.append(next(conversation))
        while True:
            assert left, f"one request too many: {asked[-1]}"
            asked.append(conversation.send(left.pop(0)))
    except StopIteration as end:
        assert not left, f"{len(left)} answers nobody asked for"
        result: T = end.value
        return asked, result


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
