"""The service against its own OpenAPI document: whatever is sent, the answer is one that the document names, and never
a bug."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from pydantic import BaseModel
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from conftest import Local
from serving import ADA, Caller, config, data, serving
from syncline.service import shapes

CHECKS = [
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
]
OPERATIONS = [
    ("PUT", "/"),
    ("GET", "/customers"),
    ("GET", "/runs"),
    ("POST", "/runs"),
    ("GET", "/runs/{run}"),
    ("GET", "/runs/{run}/rows"),
    ("POST", "/runs/{run}/resume"),
    ("POST", "/runs/{run}/cancel"),
    ("GET", "/healthz"),
    ("GET", "/metrics"),
]


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    with serving(tmp_path_factory.mktemp("state")) as running:
        yield running.call


@pytest.fixture(scope="module")
def document(call: Caller) -> Any:
    return call("GET", "/openapi.json").document


def test_every_operation_is_in_the_document_and_no_other(document: Any) -> None:
    told = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert told == set(OPERATIONS)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["description"], (method, path)


# What an endpoint without parameters can be sent, it is always allowed.
CASES = [
    pytest.param(method, path, mode, id=f"{method} {path} {mode.value}")
    for method, path in OPERATIONS
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or path not in ("/healthz", "/metrics")
]


@pytest.mark.parametrize(("method", "path", "mode"), CASES)
def test_whatever_is_sent_is_answered_as_the_document_says(
    method: str, path: str, mode: GenerationMode, call: Caller
) -> None:
    for case in sent(call, method, path, mode):
        response = case.call()
        assert response.status_code != 500
        case.validate_response(response, checks=CHECKS)


@pytest.mark.parametrize(("method", "path"), [operation for operation in OPERATIONS if "{run}" in operation[1]])
def test_of_a_run_that_there_is_all_the_same(method: str, path: str, call: Caller) -> None:
    run = call.upload("POST", "/runs", config("https://track.customer.io"), ("people.json", "[}")).document["id"]
    call.ended(run)
    for case in sent(call, method, path, GenerationMode.POSITIVE):
        case.path_parameters["run"] = run
        response = case.call()
        assert response.status_code not in (404, 500)
        case.validate_response(response, checks=CHECKS)


def sent(call: Caller, method: str, path: str, mode: GenerationMode) -> list[Case[Any]]:
    """Requests that the document allows, or does not: always the same ones."""
    operation = schemathesis.openapi.from_url(f"{call.url}/openapi.json")[path][method]
    cases: list[Case[Any]] = []

    @seed(490)
    @settings(
        max_examples=40,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def collect(case: Case[Any]) -> None:
        cases.append(case)

    collect()
    return cases


def names(shape: type[BaseModel]) -> set[str]:
    return set(shape.model_fields)


def test_what_the_shapes_name_is_what_the_service_answers(local: Local, tmp_path: Path) -> None:
    with serving(tmp_path, local.url) as running:
        local.app.latency_s = 0.5
        run = running.call.upload("POST", "/runs", config(local.url), data(ADA, {"name": "nobody"})).document
        at_work = running.call.until(run["id"], lambda document: document["progress"]["requests"])
        local.app.latency_s = 0.0
        ended = running.call.ended(run["id"])
        listed = running.call("GET", "/runs").document
        refused = running.call("GET", "/nothing").document
    assert at_work["progress"].keys() == names(shapes.Progress)
    assert ended.keys() == names(shapes.WholeRun)
    assert ended["report"].keys() == names(shapes.Report)
    assert ended["report"]["problems"][0].keys() == names(shapes.RowProblem)
    assert ended["report"]["groups"][0].keys() == names(shapes.Group)
    assert ended["report"]["counts"].keys() == names(shapes.Counts)
    assert listed["runs"][0].keys() == names(shapes.Run)
    assert (refused.keys(), refused["problems"][0].keys()) == (names(shapes.Refused), names(shapes.Problem))
