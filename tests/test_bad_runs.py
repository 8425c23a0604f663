"""Rows that are odd beside each other → what the whole run makes of them. Each case by hand, with its counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

import syncline as library
from conftest import Local, Project, people, writes
from syncline.model import Outcome


class Case(NamedTuple):
    """Rows of one file; the outcomes that are not 0; who arrives; requests that write. `says`: words of a warning."""

    number: str
    rows: list[Any]
    counts: Mapping[str, int]
    held: Mapping[str, Mapping[str, object]]
    requests: int = 1
    says: str = ""


CASES = [
    Case("R12", [{"id": 1, "a": 1}, {"id": "1", "b": 2}], {"delivered": 1, "folded": 1}, {"1": {"a": 1, "b": 2}}),
    Case(
        "R14",
        [{"id": "Ada@x.org", "a": 1}, {"id": "ada@X.ORG", "a": 2}],
        {"delivered": 1, "folded": 1},
        {"ada@x.org": {"a": 2, "email": "ada@x.org"}},
    ),
    Case(
        "R15",
        [{"id": "Zoe\u0308", "a": 1}, {"id": "Zo\u00eb", "a": 2}],
        {"delivered": 2},
        {"Zoe\u0308": {"a": 1}, "Zo\u00eb": {"a": 2}},
        says="composed form (NFC)",
    ),
    Case("R18", [{"id": 1, "a": 1}] * 2, {"delivered": 1, "folded": 1}, {"1": {"a": 1}}),
    Case(
        "R20",
        [{"id": 1, "a": number} for number in range(10_000)],
        {"delivered": 1, "folded": 9_999},
        {"1": {"a": 9_999}},
    ),
    Case(
        "R36",
        [*({"id": number, "a": 0} for number in range(1, 2_000)), {"id": 2_000, "a": "x" * 1_001}],
        {"delivered": 1_999, "invalid": 1},
        {str(number): {"a": 0} for number in range(1, 2_000)},
        requests=5,
    ),
    Case(
        "R39",
        [{"id": 1, "email": "same@x.org"}, {"id": 2, "email": "same@x.org"}],
        {"delivered": 2},
        {"2": {"email": "same@x.org"}},
        says="2 people share a further identity",
    ),
    Case("R43", [{"id": 1, "a": 1}, {"id": 1, "a": "x" * 1_001}], {"delivered": 1, "invalid": 1}, {"1": {"a": 1}}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.number)
def test_rows_beside_each_other(project: Project, local: Local, case: Case) -> None:
    config = project.config("a", "b", "email")
    report = library.run(config, project.data(case.rows))
    assert {str(outcome): count for outcome, count in report.counts.items() if count} == case.counts
    assert (people(local), writes(local)) == (case.held, case.requests)
    assert not case.says or any(case.says in warning for warning in report.warnings)
    assert library.run(config, project.data(case.rows)).requests == 0


@pytest.mark.parametrize(("api", "requests"), [("identify", 50), ("batch", 95)])
def test_a_mapping_that_the_vendor_refuses_is_not_tried_on_everybody(
    project: Project, local: Local, api: str, requests: int
) -> None:
    """R38. A batch that is refused as a whole is halved, which takes its share of requests."""
    local.turn("400:100%")
    report = library.run(project.config("a", destination={"api": api}), [{"id": one, "a": 1} for one in range(3_000)])
    assert (report.counts[Outcome.REJECTED], report.counts[Outcome.DEFERRED]) == (50, 2_950)
    assert (report.exit_code, writes(local)) == (3, requests)
    assert report.stopped is not None
    assert "is the mapping right?" in report.stopped.message
