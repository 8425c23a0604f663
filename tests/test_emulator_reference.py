"""The emulators' pages in the reference against the code: whatever there is, stands there."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import fields
from http.client import HTTPConnection
from pathlib import Path

import click
import pytest

from syncline.cli.emulate import command
from syncline.cli.vendors import VENDORS
from syncline.emulators import customerio, faults, segment, voucherify
from syncline.emulators.front import Front
from syncline.emulators.server import Emulator
from syncline.emulators.switchboard import Described, described, parse

DOCS = Path(__file__).parent.parent / "docs" / "reference"
SHARED = (DOCS / "emulator.md").read_text(encoding="utf-8")
PAGES = {name: (DOCS / f"emulator-{name}.md").read_text(encoding="utf-8") for name in VENDORS}
OPTIONS = [option for option in command.params if isinstance(option, click.Option)]
EXAMPLES = [
    pytest.param(example, id=f"{name} {number}")
    for name, page in {"shared": SHARED, **PAGES}.items()
    for number, example in enumerate(re.findall(r"```python\n(.+?)```", page, re.DOTALL), 1)
]

Keys = Sequence[Mapping[str, str]]


def basic(pair: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


# Each vendor's app, without the limits of a plan, and the keys that some route or other takes
APPS: Mapping[str, tuple[Callable[[], Front], Keys]] = {
    "customerio": (
        lambda: customerio.Customerio(customerio.Workspace(time.time, switches=customerio.Switches(app_rate=0))),
        [basic("site:key"), {"Authorization": "Bearer app"}, basic("cdp:")],
    ),
    "segment": (segment.Segment, [basic("token:")]),
    "voucherify": (voucherify.Voucherify, [{"X-App-Id": "app", "X-App-Token": "secret"}]),
}
PARTS = {"space": "space", "collection": "accounts"}  # of a path; any other is 1


def section(page: str, heading: str) -> str:
    return page.split(f"\n## {heading}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize(
    ("name", "switch"),
    [
        pytest.param(name, switch, id=f"{name} {switch.name}")
        for name, vendor in VENDORS.items()
        for switch in described(vendor.switches)
    ],
)
def test_every_switch_stands_there_with_its_default_and_its_reason(name: str, switch: Described) -> None:
    assert f"| `{switch.name}` | `{switch.default}` | {switch.values} | {switch.why} |" in section(
        PAGES[name], "Switches"
    )


@pytest.mark.parametrize("name", VENDORS)
def test_no_switch_stands_there_that_is_none(name: str) -> None:
    told = re.findall(r"^\| `(\w+)` \| `", section(PAGES[name], "Switches"), re.MULTILINE)
    assert told == [switch.name for switch in described(VENDORS[name].switches)]


@pytest.mark.parametrize("name", VENDORS)
def test_every_switch_can_be_set_to_each_of_its_values(name: str) -> None:
    switches = VENDORS[name].switches
    for switch in described(switches):
        for value in switch.values.split(" or ") if " or " in switch.values else ["7"]:
            assert parse(switches, [f"{switch.name}={value}"]) is not None
        assert parse(switches, [f"{switch.name}={switch.default}"]) == switches()
    assert [field.name for field in fields(switches)] == [switch.name for switch in described(switches)]


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.opts[0])
def test_every_option_stands_there_as_help_tells_it(option: click.Option) -> None:
    (name,) = option.opts
    told = re.search(rf"^\| `{name}` \| (.+) \| (.+) \|$", section(SHARED, "Command line"), re.MULTILINE)
    assert told is not None
    assert told[2] == option.help
    if isinstance(option.default, str | int) and option.default and not option.is_flag:
        assert told[1] == f"`{option.default}`"


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.opts[0])
def test_an_option_of_one_vendor_says_so(option: click.Option) -> None:
    owners = [name for name, vendor in VENDORS.items() if option.name in vendor.own]
    begins = str(option.help).partition(":")[0]
    assert owners == ([begins] if begins in VENDORS else [])


@pytest.mark.parametrize("word", [*faults.WORDS.items(), *faults.OPTIONS.items()], ids=lambda word: word[0])
def test_every_word_of_a_fault_stands_there_with_what_it_does(word: tuple[str, str]) -> None:
    assert f"| `{word[0]}` | {word[1]} |" in section(SHARED, "Faults")


def test_every_fault_that_is_shown_can_be_read() -> None:
    shown = re.findall(r"--fault (\S+?)`? ", SHARED.replace("\n", " "))
    assert len(shown) >= 8
    for text in shown:
        faults.parse(text)


@pytest.mark.parametrize(
    ("name", "missing"), [(name, line) for name, vendor in VENDORS.items() for line in vendor.not_emulated]
)
def test_everything_that_is_not_emulated_stands_there(name: str, missing: str) -> None:
    assert f"\n- {missing}\n" in section(PAGES[name], "Not emulated")


@pytest.mark.parametrize("name", VENDORS)
def test_every_endpoint_stands_where_it_belongs(name: str) -> None:
    make, keys = APPS[name]
    app = make()
    assert isinstance(app, customerio.Customerio | segment.Segment | voucherify.Voucherify)
    with Emulator(app) as emulator, closing(HTTPConnection(emulator.url[7:])) as connection:
        for route in app.routes:
            if route.template == "(unknown)":
                continue
            line = f"\n{route.method:<6} {route.template}"
            refuses = not route.control and _refuses(connection, route.method, route.template, keys)
            assert line in section(PAGES[name], "Not emulated" if refuses else "Endpoints"), line


def _refuses(connection: HTTPConnection, method: str, template: str, keys: Keys) -> bool:
    """Is it answered 501, whichever key it takes?"""
    for headers in keys:
        connection.request(method, re.sub(r"\{(\w+)\}", lambda found: PARTS.get(found[1], "1"), template), b"", headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status == 501:
            return True
    return False


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_for_a_test_runs(example: str) -> None:
    exec(compile(example, "emulator.md", "exec"), {})
