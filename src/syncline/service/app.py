"""What may be asked of the service, and the OpenAPI document that says so: paths and methods → endpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Route

from syncline._version import __version__
from syncline.errors import Problem, Refusal
from syncline.service import shapes
from syncline.service.answers import Declined, declined, of_error
from syncline.service.endpoints import CSV, JSONL, Endpoints, Parts, in_json
from syncline.service.metrics import MEDIA_TYPE
from syncline.service.openapi import (
    ANYWHERE,
    RUN_ENDED,
    UPLOADING,
    WRITING,
    Answers,
    answers,
    bearer,
    form,
    plain,
    shaped,
)

_ABOUT = """Puts user records where customer tools need them. A sync is a configuration and its data, each a part of a
form: `curl --request PUT --url http://localhost:3000 --form 'inputs=@configuration.json' --form 'inputs=@data.json'`"""
_LISTED = "`GET /openapi.json` lists the paths and what they take."
_AS_DOCUMENTED = "Correct it; `GET /openapi.json` says what each may be."
_BOTH = form(2, "A configuration and its data, in either order: what they hold tells which is which.")
_CONFIGURATION = form(1, "The configuration of the run, with its credentials.")


def make_app(parts: Parts, *, needs_token: bool) -> FastAPI:
    """The application, without its doors."""
    app = FastAPI(
        title="Syncline",
        version=__version__,
        description=_ABOUT,
        docs_url=None,  # a page that would load its scripts from the net
        redoc_url=None,
        redirect_slashes=False,
        dependencies=bearer() if needs_token else [],
    )
    _add_routes(_Adding(app, needs_token), Endpoints(parts))
    _add_handlers(app)
    return app


class _Adding:
    """A row of the table of routes → a route of the application."""

    def __init__(self, app: FastAPI, needs_token: bool) -> None:
        self._app, self._needs_token = app, needs_token

    def __call__(
        self,
        method: str,
        path: str,
        endpoint: Callable[..., Any],
        refusals: Sequence[int],
        others: Answers,
        body: dict[str, Any] | None = None,
    ) -> None:
        self._app.add_api_route(
            path,
            endpoint,
            methods=[method],
            status_code=min(map(int, others)),
            response_class=Response,
            response_model=None,
            responses=answers(refusals, others, needs_token=self._needs_token),
            openapi_extra=body,
        )


def _add_routes(add: _Adding, ends: Endpoints) -> None:
    run, a_run = "/runs/{run}", shaped(shapes.WholeRun, "The run.")
    person, runs = shaped(shapes.Person, "The person."), shaped(shapes.RunList, "The runs.")
    well, ending = shaped(shapes.Health, "It takes runs."), shaped(shapes.Health, "It is stopping.")
    add("PUT", "/", ends.sync, UPLOADING, RUN_ENDED, _BOTH)
    add("GET", "/customers", ends.look_up, (*ANYWHERE, 404, 422, 501, 502, 503), {200: person})
    add("POST", "/runs", ends.begin, (*UPLOADING, 503), {202: a_run}, _BOTH)
    add("GET", "/runs", ends.list_runs, (*ANYWHERE, 422, 503), {200: runs})
    add("GET", run, ends.show_run, (*ANYWHERE, 404, 422, 503), {200: a_run})
    add("GET", f"{run}/rows", ends.rows, (*ANYWHERE, 404, 409, 422, 503), {200: plain("The rows.", JSONL, CSV)})
    add("POST", f"{run}/resume", ends.resume, (*UPLOADING, 404, 503), {202: a_run}, _CONFIGURATION)
    add("POST", f"{run}/cancel", ends.cancel, (*WRITING, 404, 409, 422), {202: a_run})
    add("GET", "/healthz", ends.health, ANYWHERE, {200: well, 503: ending})
    add("GET", "/metrics", ends.figures, ANYWHERE, {200: plain("The figures.", MEDIA_TYPE)})


# --- what no endpoint answers ---------------------------------------------------------------------------------------


def _add_handlers(app: FastAPI) -> None:
    """Every refusal has one shape, whoever refuses."""
    app.add_exception_handler(Declined, _declined)
    app.add_exception_handler(Refusal, _of_error)
    app.add_exception_handler(RequestValidationError, _not_as_documented)
    app.add_exception_handler(HTTPException, _not_found)
    app.add_exception_handler(ClientDisconnect, _nobody_listens)
    app.add_exception_handler(Exception, _of_error)


def _declined(request: Request, declined: Exception) -> Response:
    assert isinstance(declined, Declined)
    return in_json(declined.answer)


def _of_error(request: Request, error: Exception) -> Response:
    return in_json(of_error(error))


def _not_as_documented(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [
        Problem(_place(one["loc"]), 0, 0, "a value that does not fit", one["msg"], _AS_DOCUMENTED)
        for one in error.errors()
    ]
    return in_json(Declined(422, problems).answer)


def _place(location: Sequence[str | int]) -> str:
    """("query", "limit") → `query limit`"""
    return " ".join(map(str, location))


def _not_found(request: Request, error: Exception) -> Response:
    """404, or 405 with all that this path may be asked."""
    assert isinstance(error, HTTPException)
    if error.status_code != 405:
        nothing = declined(error.status_code, "the path", "a path with nothing at it", "one of this service's", _LISTED)
        return in_json(nothing.answer)
    allowed = _methods(request.app, request.scope["path"])
    fix = f"Send one of them. {_LISTED}"
    wrong = declined(405, "the method", "one that this path does not take", allowed, fix, [("allow", allowed)])
    return in_json(wrong.answer)


def _methods(app: FastAPI, path: str) -> str:
    here = [route for route in app.routes if isinstance(route, Route) and route.path_regex.match(path)]
    return ", ".join(sorted({method for route in here for method in route.methods or ()}))


def _nobody_listens(request: Request, error: Exception) -> Response:
    return Response(status_code=400)
