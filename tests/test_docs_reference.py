"""The reference against the code: generated pages are up to date, and whatever there is, is in them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from types import ModuleType

import click
import pytest
from pydantic import BaseModel

import pictures
import syncline
from pages import DOCS, GENERATED, PAGES, ROOT
from serving import serving
from syncline.cli import VERBS
from syncline.cli.ends import EXIT_CODES
from syncline.config.model import Mapping, Otherwise, Sync
from syncline.config.source import Files
from syncline.delivery import inbox
from syncline.delivery.policy import Policy
from syncline.destinations.customerio import settings as customerio
from syncline.destinations.voucherify import fields as customer
from syncline.destinations.voucherify import settings as voucherify
from syncline.emulators import faults
from syncline.errors import RULES, Problem
from syncline.flow.report import Preview, Report
from syncline.flow.rows import COLUMNS
from syncline.ledger import open_ledger
from syncline.model import Outcome, Stop
from syncline.service import shapes
from syncline.service.answers import of_report
from syncline.sources.segment import settings as segment


def reference(name: str) -> str:
    return (DOCS / "reference" / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next of its kind."""
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def keys(name: str) -> set[str]:
    """The first cells of a page's tables."""
    return set(re.findall(r"^\| `([\w-]+)` \|", reference(name), re.MULTILINE))


def options_of(verb: str) -> set[str]:
    command: click.Command = import_module(f"syncline.cli.{verb}").command
    return {name for param in command.params if isinstance(param, click.Option) for name in param.opts}


def test_the_generated_pages_are_what_the_code_says_now(tmp_path: Path) -> None:
    subprocess.run([sys.executable, DOCS / "generate.py", tmp_path], check=True)
    made = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert {page.path.name for page in GENERATED} == made.keys(), "run `make docs`"
    for name, text in made.items():
        assert reference(name) == text, f"docs/reference/{name} is out of date: run `make docs`"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_all_its_options_in_the_reference(verb: str) -> None:
    told = section(reference("command-line.md"), f"`syncline {verb}`")
    missing = [option for option in options_of(verb) if not re.search(rf"[`, ]{re.escape(option)}[`, ]", told)]
    assert not missing


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("At the top", Sync),
        ("`source`: files", Files),
        ("`source`: a Segment space", segment.Settings),
        ("An entry of `mappings`", Mapping),
        ("An entry of `mappings`", Otherwise),
        ("`destination`: Customer.io", customerio.Settings),
        ("`destination`: Voucherify", voucherify.Settings),
    ],
)
def test_every_setting_is_in_the_reference_with_its_meaning(heading: str, model: type[BaseModel]) -> None:
    told = section(reference("configuration.md"), heading)
    for name, field in model.model_fields.items():
        assert re.search(rf"^\| `{field.alias or name}` \| .+ \|.*\| .+ \|$", told, re.MULTILINE), name


@pytest.mark.parametrize(
    ("heading", "name", "default"),
    [
        ("`destination`: Customer.io", "region", "us"),
        ("`destination`: Customer.io", "api", "batch"),
        ("`destination`: Customer.io", "rate", "900"),
        ("`destination`: Customer.io", "batchItems", "500"),
        ("`destination`: Voucherify", "region", "eu"),
        ("`destination`: Voucherify", "batchItems", "2000"),
        ("`destination`: Voucherify", "pollTimeout", "900"),
        ("`source`: a Segment space", "rate", "95"),
        ("`source`: a Segment space", "identifier", "user_id"),
    ],
)
def test_the_default_of_a_setting_is_in_the_reference(heading: str, name: str, default: str) -> None:
    told = section(reference("configuration.md"), heading)
    assert re.search(rf"^\| `{name}` \| [^|]+ \| `{default}` \|", told, re.MULTILINE)


def test_every_field_of_a_customer_is_in_the_reference() -> None:
    told = section(reference("configuration.md"), "`destination`: Voucherify")
    assert all(f"`{field}`" in told for field in customer.FIELDS)


def test_every_exit_code_and_every_rule_is_in_the_reference() -> None:
    assert set(EXIT_CODES) == {
        int(code) for code in re.findall(r"^\| `(\d+)` \|", reference("exit-codes.md"), re.MULTILINE)
    }
    assert set(RULES) == set(re.findall(r"^\| `([\w-]+)` \|", reference("rules.md"), re.MULTILINE))


def test_every_key_of_a_document_is_in_the_reference() -> None:
    told = reference("json.md")
    counts = dict.fromkeys(Outcome, 0)
    documents = [
        Report(1, "finished", 0, counts, 0, 0, 0.0, []).as_json(),
        Preview({}, {}, 0, 0, 0.0, []).as_json(),
        Problem("", 0, 0, "", "", "")._asdict(),
        dict.fromkeys(COLUMNS),
    ]
    assert all(f"| `{key}` |" in told for document in documents for key in document)


def test_every_view_of_the_ledger_and_its_columns_are_in_the_reference(tmp_path: Path) -> None:
    told = section(reference("ledger.md"), "Views")
    db = open_ledger(tmp_path / "ledger.db", "customerio", "account")
    views = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'view'")]
    assert views
    for view in views:
        mine = told.split(f"### `{view}`")[1].split("### ")[0]
        assert all(f"`{column}`" in mine for (_, column, *_) in db.execute(f"PRAGMA table_info({view})"))
    db.close()


@pytest.mark.parametrize(
    ("heading", "settings", "hosts"),
    [
        ("Customer.io", customerio, [*customerio.TRACK_HOSTS.values(), *customerio.APP_HOSTS.values()]),
        ("Voucherify", voucherify, voucherify.HOSTS.values()),
        ("Segment", segment, segment.HOSTS.values()),
    ],
    ids=["customerio", "voucherify", "segment"],
)
def test_every_limit_and_every_host_is_in_the_reference(
    heading: str, settings: ModuleType, hosts: Iterable[str]
) -> None:
    told = section(reference("limits.md"), heading)
    limits = [value for name, value in vars(settings).items() if name.isupper() and isinstance(value, int)]
    assert limits
    assert all(f"| {limit:,} |" in told for limit in limits)
    assert all(f"`{host}`" in told for host in hosts)


def test_every_reason_for_which_a_run_can_stop_is_in_the_reference() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "src" / "syncline").rglob("*.py")]
    reasons = {reason for text in sources for reason in re.findall(r'\bStop\(\s*"(\w+)"', text)}
    told = re.search(r"^\| `reason` \| (`credentials`.+) \|$", reference("json.md"), re.MULTILINE)
    assert told is not None
    assert {"throttled", "unfinished", "rejections"} <= reasons <= set(re.findall(r"`(\w+)`", told[1]))


def test_everything_the_service_may_be_asked_is_in_the_reference_with_every_status(tmp_path: Path) -> None:
    """By the document that the service gives of itself."""
    told = reference("http.md")
    with serving(tmp_path) as service:
        paths = service.call("GET", "/openapi.json").document["paths"]
    assert "/runs/{run}/resume" in paths
    for path, methods in paths.items():
        for method, asked in methods.items():
            mine = section(told, f"`{method.upper()} {path}`")
            assert all(f"`{status}`" in mine for status in asked["responses"])
            assert all(parameter["name"] in mine.lower() for parameter in asked.get("parameters", ()))


@pytest.mark.parametrize(
    ("ended", "outcome", "stopped"),
    [
        ("every row is delivered, unchanged or folded", Outcome.DELIVERED, None),
        ("some rows are invalid or rejected", Outcome.INVALID, None),
        ("the data broke off, and all that could be read is settled", Outcome.DELIVERED, Stop("source", "")),
        ("the destination refuses the credentials", Outcome.DEFERRED, Stop("credentials", "")),
        ("rows are left, or it ended early", Outcome.UNKNOWN, None),
    ],
)
def test_the_table_of_ends_has_the_exit_code_and_the_status_of_the_code(
    ended: str, outcome: Outcome, stopped: Stop | None
) -> None:
    report = Report(1, "finished", 1, dict.fromkeys(Outcome, 0) | {outcome: 1}, 0, 0, 0.0, [], stopped=stopped)
    answer = of_report(report, 0.0)
    wait = ", with `Retry-After`" if "retry-after" in dict(answer.headers) else ""
    assert f"| {ended} | {report.exit_code} | {answer.status}{wait} |" in reference("http.md")


@pytest.mark.parametrize("shape", [shapes.WholeRun, shapes.Progress])
def test_every_key_of_a_run_of_the_service_is_in_the_reference(shape: type[BaseModel]) -> None:
    assert set(shape.model_fields) <= keys("http.md")


def test_everything_public_is_in_the_reference_of_python() -> None:
    told = reference("python.md")
    assert all(f"`{name}`" in told or f"syncline.{name}" in told for name in syncline.__all__ if name[0] != "_")
    assert all(f"`{field.name}: " in told for shape in (Report, Preview) for field in fields(shape))


def test_every_outcome_is_explained() -> None:
    told = (DOCS / "explanation" / "outcomes.md").read_text(encoding="utf-8")
    assert all(f"| `{outcome}` |" in told for outcome in Outcome)


def test_the_numbers_of_pace_are_those_of_the_policy() -> None:
    policy, told = Policy(), (DOCS / "explanation" / "pace.md").read_text(encoding="utf-8")
    told = " ".join(told.split())
    for words in (
        f"up to {policy.tries} times in one pass",
        f"between 0 and {policy.base_s:g} s × 2ⁿ⁻¹ ({policy.throttled_base_s:g} s × 2ⁿ⁻¹ after a 429",
        f"{policy.conflict_base_s:g} s × 2ⁿ⁻¹ after a conflict), never more than {policy.cap_s:g} s",
        f"up to {policy.jitter_after_pause * 100:g} % more at random",
        f"asks for more than {policy.retry_after_most_s:g} s",
        f"{policy.streak} faults in a row open the breaker: nobody starts for {policy.open_s:g} s",
        f"up to {policy.open_most_s:g} s. When there was no good answer for {policy.patience_s:g} s",
        f"after {policy.confirm_after_s:g} s a cheap read",
        f"at most {policy.canary_rows} rows",
        f"the first {policy.rejected_first} rows that were sent are all refused",
        f"of at least {policy.rejected_of}, the run stops",
        f"has {policy.grace_s:g} s to come home",
    ):
        assert words in told
    grow = (DOCS / "explanation" / "plans-that-grow.md").read_text(encoding="utf-8")
    assert f"up to {inbox._PAGES_OPEN * segment.PAGE_ITEMS} profiles" in grow
    doubt = " ".join((DOCS / "explanation" / "plan-and-doubt.md").read_text(encoding="utf-8").split())
    assert f"the last {policy.window_s:g} s, or {policy.window_rows:,} rows" in doubt


def test_the_pictures_are_of_what_the_engine_does() -> None:
    for name, panels in pictures.PANELS.items():
        text = (DOCS / "explanation" / name).read_text(encoding="utf-8")
        assert text == pictures.drawn(panels), "`make docs` draws it anew"


def test_every_fault_that_is_shown_is_one_of_the_emulator() -> None:
    shown = {fault for page in PAGES for fault in re.findall(r"--fault ([^\s`]+:[^\s`]+)", page.text)}
    assert len(shown) > 3
    for fault in shown:
        assert faults.parse(fault)


COMMANDS = [
    pytest.param(verb, given, id=f"{page.name}: {text}")
    for page in PAGES
    for text in (*page.spans, *(line for block in page.blocks for line in block.text.splitlines()))
    for verb, given in re.findall(r"\bsyncline (\w+)\b([^|>]*)", text)
    if verb in VERBS and "--" in given
]


@pytest.mark.parametrize(("verb", "given"), COMMANDS)
def test_a_command_that_is_shown_has_options_that_exist(verb: str, given: str) -> None:
    assert set(re.findall(r"--[a-z-]+", given)) <= options_of(verb)
