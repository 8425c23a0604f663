"""A raw path → its handler. What a handler is given (`Call`), and what it gives back (`Answer`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

Headers = tuple[tuple[bytes, bytes], ...]


class Call(NamedTuple):
    """A request as its handler sees it. `parts`: the variable path segments, percent-decoded one by one."""

    method: str
    parts: tuple[str, ...]
    query: str
    host: str
    authorization: str
    body: bytes
    headers: Iterable[tuple[bytes, bytes]] = ()

    def header(self, name: bytes) -> bytes:
        """Empty when it was not sent."""
        return next((value for given, value in self.headers if given == name), b"")

    def parameter(self, name: str, default: str = "") -> str:
        """Of the query; the last one where it is repeated."""
        return parse_qs(self.query).get(name, [default])[-1]


class Answer(NamedTuple):
    """A status, a body, and headers beside `content-length`, which is added."""

    status: int
    body: bytes = b""
    headers: Headers = ()


Handler = Callable[[Call], Answer]


class Route(NamedTuple):
    """A template such as `/v1/customers/{id}`. `control`: no faults, no log; `write`: takes scripted answers."""

    method: str
    template: str
    handle: Handler
    control: bool = False
    write: bool = False


class Routes:
    """A raw path → its route. Only the raw path tells `a%2Fb`, which is one segment, from `a/b`, which is two."""

    def __init__(self, routes: Sequence[Route], unknown: Route) -> None:
        self._unknown = unknown
        self._by_shape: dict[tuple[str, int], list[tuple[Route, list[str]]]] = {}
        self.add(routes)

    def add(self, routes: Sequence[Route]) -> None:
        for route in routes:
            segments = route.template.split("/")
            self._by_shape.setdefault((route.method, len(segments)), []).append((route, segments))

    def __iter__(self) -> Iterator[Route]:
        return (route for group in self._by_shape.values() for route, _ in group)

    def find(self, method: str, raw_path: str) -> tuple[Route, tuple[str, ...]]:
        """The first route that matches, and its variable segments; bytes that are not UTF-8 become U+FFFD."""
        given = raw_path.split("/")
        for route, segments in self._by_shape.get((method, len(given)), ()):
            if all(want == got or want[:1] == "{" for want, got in zip(segments, given, strict=True)):
                variable = zip(segments, given, strict=True)
                return route, tuple(unquote(got) for want, got in variable if want[:1] == "{")
        return self._unknown, ()


def phrase(status: int) -> str:
    """`404` → `404 Not Found`; statuses of the proxy tier (522, 524) have no registered phrase."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
