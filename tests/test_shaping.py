"""`pick`, `transform`, `normalise`, `hash` and `empty`, from a configuration to people in a local Customer.io."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

import syncline as library
from conftest import Local, Project, Syncline, people
from syncline.errors import ConfigRefused

TIDY = """\
def tidy(row):
    print("looking at a row")
    row["name"] = row.pop("first") + " " + row.pop("last")
    return row
"""


def transform(project: Project, text: str = TIDY) -> Path:
    path = project.folder / "tidy.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_pick_all_sends_every_field_but_those_named_or_renamed(project: Project, local: Local) -> None:
    said: dict[str, Any] = {"pick": "all", "except": "password", "nulls": "clear"}
    config = project.config(**said, mappings=[{"from": "fname", "to": "first_name"}])
    rows: list[dict[str, object]] = [
        {"id": 1, "fname": "Ada", "password": "x", "plan": "pro", "tags": ["b", "a"], "_id": 7},
        {"id": 2, "plan": None, "logins": 3},
    ]
    report = library.run(config, rows)
    assert people(local) == {"1": {"first_name": "Ada", "plan": "pro", "tags": ["b", "a"]}, "2": {"logins": 3}}
    (left_out,) = report.warnings
    assert left_out.startswith("field _id is not sent: names that start with _ are reserved by Customer.io")
    assert library.run(config, rows).requests == 0


def test_an_exception_that_no_row_has_is_told_of(project: Project, local: Local) -> None:
    said: dict[str, Any] = {"pick": "all", "except": ["pasword", "secret"]}
    report = library.run(project.config(mappings=[], **said), [{"id": 1, "password": "x", "secret": "y"}])
    assert report.warnings == ["no row has the field 'pasword', which `except` names: nothing is left out for it"]
    assert people(local) == {"1": {"password": "x"}}


def test_a_dry_run_says_why_rows_would_not_be_sent(project: Project, local: Local, syncline: Syncline) -> None:
    ended = syncline("run", project.config("name"), "-d", project.data([{"name": "Ada"}, {"id": 1}]), "--dry-run")
    assert "invalid   " in ended.stdout
    assert "id: missing; it identifies the person" in ended.stdout


@pytest.mark.parametrize("error", ["BaseException", "GeneratorExit", "SystemExit", "ValueError"])
def test_whatever_a_function_raises_is_one_bad_row(project: Project, local: Local, error: str) -> None:
    transform(project, f"def tidy(row):\n    if row['id'] == 1:\n        raise {error}('ada@x.org')\n    return row\n")
    report = library.run(project.config("name", transform="tidy.py:tidy"), [{"id": 1}, {"id": 2}])
    assert [problem.reason for problem in report.problems] == [f"transform raised {error} at tidy.py:3"]
    assert set(people(local)) == {"2"}


def test_pick_all_needs_no_mappings(project: Project, local: Local) -> None:
    library.run(project.config(pick="all", mappings=[]), [{"id": 1, "plan": "pro"}])
    assert people(local) == {"1": {"plan": "pro"}}


def test_each_row_goes_through_the_users_own_function(project: Project, local: Local, syncline: Syncline) -> None:
    transform(project)
    config = project.config("name", "ltv", transform="tidy.py:tidy")
    data = project.data('[{"id":1,"first":"Ada","last":"L","ltv":1.10},{"id":2,"first":"Bo"}]')
    ended = syncline("run", config, "-d", data, "--json")
    assert ended.code == 1
    (problem,) = ended.document["problems"]  # so what the function prints does not spoil the document
    assert (problem["rule"], problem["reason"]) == ("transform-failed", "transform raised KeyError at tidy.py:3")
    assert "looking at a row" in ended.stderr
    assert people(local) == {"1": {"name": "Ada L", "ltv": 1.1}}


def test_a_number_that_python_cannot_hold_is_one_bad_row(project: Project, local: Local) -> None:
    transform(project, "def tidy(row):\n    return row\n")
    data = project.data('[{"id":1,"name":[1e99999999999999999999]},{"id":2,"name":"Bo"}]')
    report = library.run(project.config("name", transform="tidy.py:tidy"), data)
    assert [(problem.rule, problem.field) for problem in report.problems] == [("transform-failed", "name")]
    assert set(people(local)) == {"2"}


def test_what_is_trimmed_to_nothing_is_empty(project: Project, local: Local) -> None:
    config = project.config(
        mappings=[
            {"from": ["a", "b"], "to": "first", "normalise": "trim"},
            {"from": "a", "to": "filled", "normalise": "email", "default": "x@y.org"},
        ]
    )
    library.run(config, [{"id": 1, "a": "  ", "b": " bee "}])
    assert people(local) == {"1": {"first": "bee", "filled": "x@y.org"}}


def test_a_function_that_was_changed_is_announced_when_a_plan_is_resumed(project: Project, local: Local) -> None:
    local.turn("401:100%")
    file = transform(project)
    config = project.config("name", transform="tidy.py:tidy")
    library.run(config, [{"id": 1, "first": "Ada", "last": "L"}])
    local.turn()
    file.write_text(TIDY.replace('" "', '"-"'), encoding="utf-8")
    report = library.run(config, resume=True)
    assert any("the mapping has changed since this plan was made" in warning for warning in report.warnings)
    assert people(local) == {"1": {"name": "Ada L"}}


def test_a_file_that_cannot_be_imported_is_refused_with_its_line(project: Project) -> None:
    transform(project, "import json\n\nraise ValueError('no')\n\ndef tidy(row):\n    return row\n")
    with pytest.raises(ConfigRefused, match=r"tidy\.py:3: ValueError: no"):
        library.run(project.config("name", transform="tidy.py:tidy"), [{"id": 1}])


def test_normalised_and_hashed(project: Project, local: Local) -> None:
    config = project.config(
        mappings=[
            {"from": "email", "to": "email_sha256", "normalise": "email", "hash": "sha256"},
            {"from": "phone", "to": "phone", "normalise": "phone"},
        ]
    )
    report = library.run(
        config, [{"id": 1, "email": " Ada@X.org ", "phone": "0049 (0)30 123-456"}, {"id": 2, "email": 7}]
    )
    digest = hashlib.sha256(b"ada@x.org").hexdigest()
    assert people(local) == {"1": {"email_sha256": digest, "phone": "+4930123456"}}
    assert [(problem.rule, problem.field) for problem in report.problems] == [("value-unfit", "email")]


@pytest.mark.parametrize(
    ("empty", "cells", "texts"),
    [
        (None, {}, {"plan": ""}),
        ("omit", {}, {}),
        ("keep", {"plan": ""}, {"plan": ""}),
        ("clear", {}, {}),
    ],
)
def test_what_an_empty_cell_and_an_empty_text_mean(
    project: Project, local: Local, empty: str | None, cells: dict[str, str], texts: dict[str, str]
) -> None:
    said: dict[str, Any] = {"empty": empty} if empty else {}
    config = project.config("plan", **said)
    first = project.data([{"id": 1, "plan": "pro"}, {"id": 2, "plan": "pro"}], "first.json")
    library.run(config, first)
    table = project.data("id,plan\n1,\n", "users.csv")
    lines = project.data(json.dumps({"id": 2, "plan": ""}) + "\n", "users.ndjson")
    library.run(config, [table, lines])
    kept = {"plan": "pro"}
    cleared = empty == "clear"
    assert people(local) == {"1": cells if cells or cleared else kept, "2": texts if texts or cleared else kept}


def test_people_who_share_an_email_are_told_of(project: Project, local: Local) -> None:
    config = project.config("email")
    rows = [{"id": 1, "email": "Ada@x.org"}, {"id": 2, "email": "bo@x.org"}, {"id": 3, "email": "ada@x.org"}]
    (warning,) = library.run(config, rows).warnings
    assert warning.startswith("2 people share a further identity (an e-mail, say) with somebody else in the data")
    assert "(the first: data row 1)" in warning
    assert library.run(config, rows).warnings == [warning]  # also when nothing is sent
    assert library.run(config, [*rows[:2], rows[0]]).warnings == []  # twice the same person is one


def test_a_row_known_by_its_email_and_a_row_that_has_it_share_it(project: Project, local: Local) -> None:
    rows: list[dict[str, object]] = [{"id": 1, "email": "Zoë@x.org"}, {"id": "zoË@x.org", "name": "Zoë"}]
    (warning,) = library.run(project.config("email", "name"), rows).warnings
    assert warning.startswith("2 people share")
