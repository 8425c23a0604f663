"""A project and a log → the page at `/`, and the JSON below `/__emulator__/` that it and tests read."""

from __future__ import annotations

from itertools import islice

from syncline.emulators import control
from syncline.emulators.control import json
from syncline.emulators.log import RequestLog
from syncline.emulators.routes import Answer, Call, Route
from syncline.emulators.voucherify.actions import Action
from syncline.emulators.voucherify.customers import Customer, flat
from syncline.emulators.voucherify.project import Project

SHOWN = 50  # customers found, and actions


def routes(project: Project, log: RequestLog) -> list[Route]:
    """The control routes: no faults, no limits, no credentials, and not in the log."""
    page = Page(project, log)
    return [
        *control.routes(__package__, log),
        Route("GET", "/__emulator__/overview", page.overview, control=True),
        Route("GET", "/__emulator__/customers", page.customers, control=True),
        Route("GET", "/__emulator__/customers/{id}", page.customer, control=True),
    ]


class Page:
    """The handlers, each `Call` → `Answer`."""

    def __init__(self, project: Project, log: RequestLog) -> None:
        self._project, self._log = project, log

    def overview(self, call: Call) -> Answer:
        """`{customers, writes, requests, counts, actions}`: cheap, because the page asks again and again."""
        log = self._log.document()
        self._project.settle()
        actions = self._project.actions
        return json(
            {
                "customers": len(self._project.customers),
                "writes": self._project.writes,
                "deleted": self._project.deleted,
                "accepted": actions.accepted,
                "ended": actions.ended,
                "requests": log["total"],
                "inFlight": log["inFlight"],
                "counts": log["counts"],
                "actions": [_action(one) for one in islice(reversed(actions.held.values()), SHOWN)],
            }
        )

    def customers(self, call: Call) -> Answer:
        """`?q=text` → `{total, found, customers}`: those who mention the text, at most 50 of them."""
        self._project.settle()
        found, customers = self._project.register.search(call.parameter("q").strip(), SHOWN)
        total = len(self._project.customers)
        return json({"total": total, "found": found, "customers": [self._summary(one) for one in customers]})

    def customer(self, call: Call) -> Answer:
        """One customer, by id or source_id, with everything it holds; 404 when deleted meanwhile."""
        self._project.settle()
        customer = self._project.find(call.parts[0])
        if customer is None:
            return json({"error": "nobody is so identified"}, 404)
        times = {"created": customer.created_ms / 1000, "updated": customer.updated_ms / 1000 or None}
        return json({**self._summary(customer), **times, "attributes": flat(customer.held())})

    def _summary(self, customer: Customer) -> dict[str, object]:
        """writes: how often it was written; sent: how often it was in a request that was accepted."""
        source_id = customer.source_id
        sent = self._project.sent[source_id] if source_id is not None else 0
        return {"id": customer.id, "source_id": source_id, "writes": customer.writes, "sent": sent}


def _action(action: Action) -> dict[str, object]:
    done = len(action.lines) - action.failed
    return {
        "at": action.created_ms / 1000,
        "id": action.id,
        "type": action.type,
        "status": action.status,
        "done": done,
        "failed": action.failed,
    }
