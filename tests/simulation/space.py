"""A simulated Segment space: profiles in the order of their activity, a listing that shifts while it is read."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from urllib.parse import parse_qs, unquote, urlsplit

from simulation.api import Api, answer
from simulation.film import Call, Film
from simulation.rows import Row
from syncline.model import Request, Response

_END = {"url": "", "has_more": False, "next": "", "limit": 200}


class Space(Api):
    """profiles: segment id → row. restless: how often a listing finds that something has moved since the last."""

    name = "segment"

    def __init__(self, film: Film, dice: Random) -> None:
        super().__init__(film, dice)
        self.profiles: dict[str, Row] = {}
        self.order: list[str] = []
        self.restless = 0.0

    def fill(self, rows: Sequence[Row]) -> None:
        """A profile a row; who is there already stays where he is, and who has gone is gone."""
        numbers: dict[str, int] = {}
        found: dict[str, Row] = {}
        for row in rows:
            who = str(row.get("id", "none"))
            numbers[who] = numbers.get(who, 0) + 1
            found[f"use_{who}_{numbers[who]}"] = row
        self.profiles = found
        self.order = [ref for ref in self.order if ref in found] + [ref for ref in found if ref not in self.order]

    @property
    def rows(self) -> list[Row]:
        """In the order in which they are listed."""
        return [self.profiles[ref] for ref in self.order]

    def is_probe(self, request: Request) -> bool:
        return "use_syncline_probe" in request.path

    def serve(self, call: Call) -> Response:
        url = urlsplit(call.request.path)
        _, _, rest = url.path.partition("/collections/users/profiles")
        if not rest:
            query = {name: values[-1] for name, values in parse_qs(url.query).items()}
            return self._listing(int(query["limit"]), int(query["next"]))
        _, subject, what = rest.split("/")
        row = self.profiles.get(unquote(subject).removeprefix("segment_id:"))
        if row is None:
            return answer(404, {"error": {"code": "not_found", "message": "Profile was not found."}})
        if what == "traits":
            return answer(200, {"traits": {name: row[name] for name in row if name != "id"}, "cursor": _END})
        ids = [{"id": str(row["id"]), "type": "user_id", "created_at": "2026-01-01T00:00:00Z"}] if "id" in row else []
        return answer(200, {"data": ids, "cursor": _END})

    def _listing(self, limit: int, offset: int) -> Response:
        some = self.order[offset : offset + limit]
        more = offset + limit < len(self.order)
        cursor = {"url": "", "has_more": more, "next": str(offset + limit) if more else "", "limit": limit}
        if self.dice.random() < self.restless:
            self._shift()
        return answer(200, {"data": [{"segment_id": ref, "metadata": {}} for ref in some], "cursor": cursor})

    def _shift(self) -> None:
        """Somebody is active, and comes first: everybody before moves down by one."""
        ref = self.dice.choice(self.order)
        self.order.remove(ref)
        self.order.insert(0, ref)
