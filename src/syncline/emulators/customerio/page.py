"""A workspace and a log → the page at `/`, and the JSON below `/__emulator__/` that it and tests read."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files
from itertools import islice

import msgspec

from syncline.emulators.customerio.identity import Identifier
from syncline.emulators.customerio.people import Person
from syncline.emulators.customerio.workspace import Workspace
from syncline.emulators.log import RequestLog
from syncline.emulators.routes import Answer, Call, Headers, Route

SHOWN = 50  # people found, and activities
_HTML = files(__package__).joinpath("page.html").read_bytes()
_JSON_HEADERS: Headers = (
    (b"content-type", b"application/json; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)


def routes(workspace: Workspace, log: RequestLog) -> list[Route]:
    """The control routes: no faults, no rate limit, no credentials, and not in the log."""
    page = Page(workspace, log)
    return [
        Route("GET", "/", page.html, control=True),
        Route("GET", "/__emulator__/log", page.requests, control=True),
        Route("POST", "/__emulator__/reset", page.reset, control=True),
        Route("GET", "/__emulator__/overview", page.overview, control=True),
        Route("GET", "/__emulator__/people", page.people, control=True),
        Route("GET", "/__emulator__/people/{cio_id}", page.person, control=True),
    ]


class Page:
    """The handlers, each `Call` → `Answer`."""

    def __init__(self, workspace: Workspace, log: RequestLog) -> None:
        self._workspace, self._log = workspace, log
        self._headers: Headers = (
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-security-policy", _policy(_HTML)),
            (b"referrer-policy", b"no-referrer"),
            *_JSON_HEADERS[1:],
        )

    def html(self, call: Call) -> Answer:
        return Answer(200, _HTML, self._headers)

    def requests(self, call: Call) -> Answer:
        return _json(self._log.document())

    def reset(self, call: Call) -> Answer:
        """Zeroes the counts of requests; people stay."""
        self._log.reset()
        return _json({})

    def overview(self, call: Call) -> Answer:
        """`{people, writes, requests, counts, activities}`: cheap, because the page asks again and again."""
        log = self._log.document()
        self._workspace.settle()
        activities = islice(reversed(self._workspace.activities), SHOWN)
        return _json(
            {
                "people": len(self._workspace.people),
                "writes": self._workspace.writes,
                "requests": log["total"],
                "inFlight": log["inFlight"],
                "counts": log["counts"],
                "activities": [
                    {"at": one.at, "what": one.what, "who": str(one.who), "reason": one.reason} for one in activities
                ],
            }
        )

    def people(self, call: Call) -> Answer:
        """`?q=text` → `{total, found, people}`: those who mention the text, at most 50 of them."""
        found, people = self._workspace.register.search(call.parameter("q").strip(), SHOWN)
        return _json(
            {"total": len(self._workspace.people), "found": found, "people": [_summary(person) for person in people]}
        )

    def person(self, call: Call) -> Answer:
        """One person with every attribute and its timestamp; 404 when deleted meanwhile."""
        person = self._workspace.find(Identifier("cio_id", call.parts[0]))
        if person is None:
            return _json({"error": "nobody has this cio_id"}, 404)
        reading = person.read()
        attributes = [[name, value, reading.timestamps[name]] for name, value in reading.attributes.items()]
        return _json({**_summary(person), "attributes": attributes})


def _summary(person: Person) -> dict[str, str | None]:
    return {"cio_id": person.cio_id, "id": person.id, "email": person.email}


def _json(value: object, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(value), _JSON_HEADERS)


def _policy(html: bytes) -> bytes:
    """Only the page's own script and style, by their hashes, and only this origin's JSON."""
    script, style = (_hash(html, tag) for tag in ("script", "style"))
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ).encode()


def _hash(html: bytes, tag: str) -> str:
    found = re.search(f"<{tag}>(.*?)</{tag}>".encode(), html, re.DOTALL)
    assert found is not None
    return f"'sha256-{base64.b64encode(hashlib.sha256(found[1]).digest()).decode()}'"
