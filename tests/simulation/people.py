"""A simulated Customer.io: Track v2 batch, v1 identify, and the region probe. It merges, and judges single people.

A person's `mark` says how it fares: poison (400, the whole request), blamed (listed in a 207; 400 alone), forbidden
(403, the whole request), cursed (500, the whole request, until mended).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from urllib.parse import unquote

import msgspec

from simulation.api import Api, answer
from simulation.film import Call, Film, Op, spelt
from syncline.model import Request, Response

REFUSED = frozenset({"poison", "blamed", "forbidden"})  # for good


def marks(ops: Sequence[Op]) -> set[object]:
    return {op.attributes.get("mark", op.attributes.get("metadata.mark")) for op in ops}


def judged(found: set[object], *, mended: bool) -> Response | None:
    """What marked people make of a whole request."""
    for mark, status in (("cursed", 500), ("forbidden", 403), ("poison", 400)):
        if mark in found and not (mark == "cursed" and mended):
            return answer(status, {"errors": [{"reason": "refused", "message": mark}]})
    return None


class People(Api):
    """held: key → attributes. drops: the share of acknowledged writes that is silently not done."""

    name = "customerio"

    def __init__(self, film: Film, dice: Random, most_bytes: int = 500_000) -> None:
        super().__init__(film, dice)
        self.held: dict[str, dict[str, object]] = {}
        self.most_bytes, self.drops, self.dropped = most_bytes, 0.0, 0

    def is_probe(self, request: Request) -> bool:
        return request.method == "GET"

    def ops(self, request: Request) -> Sequence[Op]:
        if request.method == "GET":
            return ()
        body = msgspec.json.decode(request.body)
        if request.path == "/api/v2/batch":
            return [Op(_key(entry["identifiers"]), spelt(entry["attributes"])) for entry in body["batch"]]
        return [Op("id:" + unquote(request.path.rpartition("/")[2]), spelt(body))]

    def serve(self, call: Call) -> Response:
        if call.is_probe:
            return answer(200, {"region": "us"})
        if len(call.request.body) > self.most_bytes and len(call.ops) > 1:
            return answer(413)
        refusal = judged(marks(call.ops), mended=self.mended)
        if refusal is not None:
            return refusal
        blamed = [index for index, op in enumerate(call.ops) if op.attributes.get("mark") == "blamed"]
        if blamed and call.request.method == "PUT":
            return answer(400, {"meta": {"errors": ["blamed"]}})
        for index, op in enumerate(call.ops):
            if index not in blamed:
                self._write(op)
        errors = [{"batch_index": index, "reason": "invalid", "message": "blamed"} for index in blamed]
        return answer(207 if errors else 200, {"errors": errors} if errors else {})

    def _write(self, op: Op) -> None:
        if self.drops and self.dice.random() < self.drops:
            self.dropped += 1
        else:
            self.held.setdefault(op.key, {}).update(op.attributes)

    def conclude(self, call: Call, response: Response) -> None:
        if call.ops and response.status in {200, 207}:
            listed = {error["batch_index"] for error in msgspec.json.decode(response.body).get("errors", ())}
            call.acked = [op for index, op in enumerate(call.ops) if index not in listed]
            call.refused = [op for index, op in enumerate(call.ops) if index in listed]


def _key(identifiers: Mapping[str, str]) -> str:
    ((kind, value),) = identifiers.items()
    return f"{kind}:{value}"
