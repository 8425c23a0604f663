"""Requests → answers: one method a question. What it may be asked, and how it answers, stands in `app.py`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple, TypeVar

import msgspec
from fastapi import Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from syncline.flow.rows import as_csv, as_jsonl
from syncline.model import Outcome
from syncline.service.answers import Answer, answer_of, declined
from syncline.service.documents import Documents
from syncline.service.idempotency import Keys
from syncline.service.intake import Intake
from syncline.service.metrics import MEDIA_TYPE, Metrics
from syncline.service.people import People
from syncline.service.runs import Order, Runs

T = TypeVar("T")

CSV, JSONL = "text/csv; charset=utf-8", "application/jsonl"
RUNS_SHOWN = 100

Run = Annotated[str, Path(description="The id that `POST /runs` gave.", max_length=100)]


class Parts(NamedTuple):
    """What requests are answered with."""

    runs: Runs
    documents: Documents
    keys: Keys
    intake: Intake
    people: People
    metrics: Metrics


class Endpoints:
    """Each raises `Declined` or a `Refusal` where it has no better answer."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._runs, self._documents = parts.runs, parts.documents

    # --- beginning ------------------------------------------------------------------------------------------------

    async def sync(self, request: Request) -> Response:
        """Syncs, and answers when the sync has ended, with the document of `syncline run --json`. Should you leave
        before, it goes on: the same request again sends what is then still to be sent."""
        order = await self._order(request)
        work = await self._begun(order, lambda: self._runs.begin(order))
        ended = await asyncio.shield(asyncio.wrap_future(work.ended))
        answer = answer_of(ended, time.time())
        return in_json(answer._replace(headers=[*answer.headers, _place(work.run)]))

    async def begin(
        self,
        request: Request,
        idempotency_key: Annotated[
            str | None,
            Header(description="Any text of your own. For a day, the same one with the same upload is the same run."),
        ] = None,
    ) -> Response:
        """Begins a sync, and answers at once with its id."""
        with self._parts.keys.held(idempotency_key) as key:
            order = await self._order(request)
            earlier = await self._begun(order, lambda: self._parts.keys.earlier(key, order.body))
            if earlier is not None:
                order.discard()
                return await self._accepted(earlier)
            work = await self._begun(order, lambda: self._runs.begin(order, key))
        return await self._accepted(work.run)

    async def resume(self, request: Request, run: Run) -> Response:
        """Goes on with a run that ended early: the rest of its plan, without its data. Credentials are not kept, so it
        takes the configuration again."""
        entry = await asyncio.to_thread(self._documents.found, run)
        order = await self._order(request, resumes=True)
        work = await self._begun(order, lambda: self._runs.resume(entry, order))
        return await self._accepted(work.run)

    async def _order(self, request: Request, *, resumes: bool = False) -> Order:
        self._runs.check_room()
        upload = await self._parts.intake.receive(request.stream(), request.scope["headers"])
        return await asyncio.to_thread(self._parts.intake.order, upload, resumes=resumes)

    async def _begun(self, order: Order, begin: Callable[[], T]) -> T:
        """What is not begun leaves no upload."""
        try:
            return await asyncio.to_thread(begin)
        except BaseException:
            order.discard()
            raise

    async def _accepted(self, run: str) -> Response:
        return in_json(Answer(202, await asyncio.to_thread(self._documents.whole, run), [_place(run)]))

    # --- looking --------------------------------------------------------------------------------------------------

    def list_runs(self, limit: Annotated[int, Query(ge=1, le=1_000, description="How many.")] = RUNS_SHOWN) -> Response:
        """The newest runs of the service, the newest first."""
        return in_json(Answer(200, self._documents.listed(limit)))

    def show_run(self, run: Run) -> Response:
        """A run: what it is at, what it came to, or why it was refused."""
        return in_json(Answer(200, self._documents.whole(run)))

    def rows(
        self,
        request: Request,
        run: Run,
        outcome: Annotated[
            Literal["invalid", "rejected", "deferred", "unknown"] | None, Query(description="Only these.")
        ] = None,
        form: Annotated[
            Literal["jsonl", "csv"] | None,
            Query(alias="format", description="Default: what `Accept` asks for, else JSON lines, which are exact."),
        ] = None,
    ) -> Response:
        """The rows of a run that did not make it, and why: all of them."""
        found = self._documents.rows(run, Outcome(outcome) if outcome else None)
        if form == "csv" or (form is None and "text/csv" in request.headers.get("accept", "")):
            return StreamingResponse(as_csv(found), media_type=CSV)
        return StreamingResponse(as_jsonl(found), media_type=JSONL)

    async def cancel(self, run: Run) -> Response:
        """Stops a run in good order: what is in flight may finish, and the rest can be resumed."""
        work = self._runs.work(run)
        if work is None:
            await asyncio.to_thread(self._documents.found, run)
            fix = "There is nothing to cancel."
            raise declined(409, "the run", "a run that has ended", "one that waits or works", fix)
        work.halt.request("interrupted")
        return await self._accepted(run)

    async def look_up(
        self,
        who: Annotated[
            str, Query(alias="id", min_length=1, max_length=1_000, description="An id, an e-mail or a cio_id.")
        ],
    ) -> Response:
        """A person, as Customer.io holds them."""
        return in_json(Answer(200, await self._parts.people.look_up(who)))

    async def health(self) -> Response:
        """Does the service take runs?"""
        stopping = self._runs.stopping
        return in_json(Answer(503 if stopping else 200, {"status": "stopping" if stopping else "ok"}))

    async def figures(self) -> Response:
        """For Prometheus."""
        return Response(self._parts.metrics.text(self._runs), media_type=MEDIA_TYPE)


def in_json(answer: Answer) -> Response:
    body = msgspec.json.encode(answer.document)
    return Response(body, answer.status, dict(answer.headers), "application/json")


def _place(run: str) -> tuple[str, str]:
    return "location", f"/runs/{run}"
