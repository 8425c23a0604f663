"""A simulated Segment space and a simulated Voucherify, as `Post`s: everything in memory, in virtual time.

They are small on purpose: what the vendors' APIs look like in full is the emulators' business. Here weather, time and
counting are exact.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from syncline.errors import Unanswered
from syncline.model import Lane, Request, Response

Weather = Callable[[int, Request], Response | Exception | None]
"""What happens to the nth request (from 1): an answer instead of the good one, an error, or None for fair weather."""


def fair(number: int, request: Request) -> Response | Exception | None:
    return None


def answer(status: int, body: object = None, **headers: str) -> Response:
    return Response(status, headers, msgspec.json.encode(body))


@dataclass
class Exchange:
    """Counts and times what comes in; `at`: when each request came, in seconds of the loop."""

    latency_s: float = 0.05
    weather: Weather = fair
    at: list[tuple[float, Request]] = field(default_factory=list)

    async def __call__(self, lane: Lane, request: Request) -> Response:
        self.at.append((asyncio.get_running_loop().time(), request))
        met = self.weather(len(self.at), request)
        await asyncio.sleep(self.latency_s)
        if isinstance(met, Exception):
            raise met
        return met if met is not None else self.good(request)

    def good(self, request: Request) -> Response:
        raise NotImplementedError

    def count(self, words: str) -> int:
        """Requests whose method and path begin with these words, or have them in the path."""
        method, _, path = words.partition(" ")
        return sum(request.method == method and path in request.path for _, request in self.at)


@dataclass
class Space(Exchange):
    """profiles: segment id → its user id and traits. `after_listing`: called with the number of each listing."""

    profiles: dict[str, tuple[str | None, Mapping[str, Any]]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    listings: int = 0
    after_listing: Callable[[int], None] = lambda number: None

    def add(self, count: int, *, start: int = 1) -> Space:
        for number in range(start, start + count):
            self.profiles[f"use_{number:05}"] = (f"u{number}", {"name": f"Name {number}", "plan": "pro"})
            self.order.append(f"use_{number:05}")
        return self

    def good(self, request: Request) -> Response:
        url = urlsplit(request.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        _, _, rest = url.path.partition("/collections/users/profiles")
        if not rest:
            return self._listing(int(query.get("limit", "10")), int(query.get("next", "0")))
        _, identifier, what = rest.split("/")
        segment_id = unquote(identifier).removeprefix("segment_id:")
        if segment_id not in self.profiles:
            return answer(404, {"error": {"code": "not_found", "message": "Profile was not found."}})
        user_id, traits = self.profiles[segment_id]
        end = {"url": "", "has_more": False, "next": "", "limit": 200}
        if what == "traits":
            return answer(200, {"traits": traits, "cursor": end})
        ids = [{"id": user_id, "type": "user_id", "created_at": "2026-01-01T00:00:00Z"}] if user_id else []
        return answer(200, {"data": ids, "cursor": end})

    def _listing(self, limit: int, offset: int) -> Response:
        some = self.order[offset : offset + limit]
        more = offset + limit < len(self.order)
        following = str(offset + limit) if more else ""
        self.listings += 1
        self.after_listing(self.listings)
        rows = [{"segment_id": ref, "metadata": {}} for ref in some]
        return answer(200, {"data": rows, "cursor": {"url": "", "has_more": more, "next": following, "limit": limit}})


@dataclass
class Vouchers(Exchange):
    """Customers by source id, written by bulk actions that take `action_s`, and how often each was written."""

    customers: dict[str, dict[str, Any]] = field(default_factory=dict)
    writes: Counter[str] = field(default_factory=Counter)
    actions: dict[str, tuple[float, Sequence[Mapping[str, Any]]]] = field(default_factory=dict)
    action_s: float = 0.5
    refused: set[str] = field(default_factory=set)  # source ids that an action fails on
    never_ends: bool = False
    headers: Callable[[Request], Mapping[str, str]] = lambda request: {}
    sizes: list[int] = field(default_factory=list)  # of the bulks, in items

    def good(self, request: Request) -> Response:
        if request.method == "POST":
            rows = msgspec.json.decode(request.body)
            if request.path != "/v1/customers/bulk/async":
                self._write(rows)
                return answer(200, {**rows, "id": "cust_1", "object": "customer"}, **self.headers(request))
            self.sizes.append(len(rows))
            action = f"aa_{len(self.actions) + 1:018x}"
            self.actions[action] = (asyncio.get_running_loop().time(), rows)
            return answer(202, {"async_action_id": action}, **self.headers(request))
        if request.path.startswith("/v1/async-actions/"):
            return self._action(request)
        return answer(200, {"object": "list", "customers": [], "total": 0}, **self.headers(request))

    def _action(self, request: Request) -> Response:
        name = request.path.rpartition("/")[2]
        if name not in self.actions:
            return answer(404, {"code": 404, "key": "not_found", "message": "Resource not found"})
        began, rows = self.actions[name]
        if self.never_ends or asyncio.get_running_loop().time() < began + self.action_s:
            return answer(200, {"id": name, "status": "IN_PROGRESS", "progress": 50, "object": "async_action"})
        bad = [row["source_id"] for row in rows if row["source_id"] in self.refused]
        if rows and name not in self._done:
            self._done.add(name)
            for row in rows:
                if row["source_id"] not in self.refused:
                    self._write(row)
        errors = [{"message": "Metadata validation failed", "details": "tier: bad", "source_id": one} for one in bad]
        result = {"done_count": len(rows) - len(bad), "failed_count": len(bad), "reports": [], "errors": errors}
        done = {"id": name, "status": "DONE", "operation_status": "SUCCESS", "progress": 100, "result": result}
        return answer(200, done | {"object": "async_action"}, **self.headers(request))

    _done: set[str] = field(default_factory=set)

    def _write(self, row: Mapping[str, Any]) -> None:
        self.writes[row["source_id"]] += 1
        self.customers.setdefault(row["source_id"], {}).update(row)


class Both:
    """One `Post` for two APIs, by origin."""

    def __init__(self, **by_host: Exchange) -> None:
        self._by_host = by_host

    async def __call__(self, lane: Lane, request: Request) -> Response:
        host = urlsplit(lane.origin).hostname or ""
        for name, exchange in self._by_host.items():
            if name in host:
                return await exchange(lane, request)
        raise Unanswered(f"nobody is at {host}")
