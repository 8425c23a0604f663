"""A workspace and a log → the page at `/`, and the JSON below `/__emulator__/` that it and tests read."""

from __future__ import annotations

from itertools import islice

from syncline.emulators import control
from syncline.emulators.control import json
from syncline.emulators.customerio.identity import Identifier
from syncline.emulators.customerio.people import Person
from syncline.emulators.customerio.workspace import Workspace
from syncline.emulators.log import RequestLog
from syncline.emulators.routes import Answer, Call, Route

SHOWN = 50  # people found, and activities


def routes(workspace: Workspace, log: RequestLog) -> list[Route]:
    """The control routes: no faults, no rate limit, no credentials, and not in the log."""
    page = Page(workspace, log)
    return [
        *control.routes(__package__, log),
        Route("GET", "/__emulator__/overview", page.overview, control=True),
        Route("GET", "/__emulator__/people", page.people, control=True),
        Route("GET", "/__emulator__/people/{cio_id}", page.person, control=True),
    ]


class Page:
    """The handlers, each `Call` → `Answer`."""

    def __init__(self, workspace: Workspace, log: RequestLog) -> None:
        self._workspace, self._log = workspace, log

    def overview(self, call: Call) -> Answer:
        """`{people, writes, requests, counts, activities}`: cheap, because the page asks again and again."""
        log = self._log.document()
        self._workspace.settle()
        activities = islice(reversed(self._workspace.activities), SHOWN)
        return json(
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
        return json(
            {"total": len(self._workspace.people), "found": found, "people": [_summary(person) for person in people]}
        )

    def person(self, call: Call) -> Answer:
        """One person with every attribute and its timestamp; 404 when deleted meanwhile."""
        person = self._workspace.find(Identifier("cio_id", call.parts[0]))
        if person is None:
            return json({"error": "nobody has this cio_id"}, 404)
        reading = person.read()
        attributes = [[name, value, reading.timestamps[name]] for name, value in reading.attributes.items()]
        return json({**_summary(person), "attributes": attributes})


def _summary(person: Person) -> dict[str, str | None]:
    return {"cio_id": person.cio_id, "id": person.id, "email": person.email}
