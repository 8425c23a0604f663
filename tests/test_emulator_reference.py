"""The emulator's page in the reference against the code: whatever there is, stands there."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from emulated import Client, emulated
from syncline.cli.emulate import command
from syncline.emulators import faults
from syncline.emulators.customerio import NOT_EMULATED
from syncline.emulators.customerio.switches import Described, Switches, described, parse

PAGE = (Path(__file__).parent.parent / "docs" / "reference" / "emulator.md").read_text(encoding="utf-8")
OPTIONS = [option for option in command.params if isinstance(option, click.Option)]


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("switch", described(), ids=lambda switch: switch.name)
def test_every_switch_stands_there_with_its_default_and_its_reason(switch: Described) -> None:
    name, default, values, why = switch
    assert f"| `{name}` | `{default}` | {values} | {why} |" in section("Switches")


def test_no_switch_stands_there_that_is_none() -> None:
    told = re.findall(r"^\| `(\w+)` \| `", section("Switches"), re.MULTILINE)
    assert told == [switch.name for switch in described()]


def test_every_switch_can_be_set_to_each_of_its_values() -> None:
    for switch in described():
        for value in switch.values.split(" or ") if " or " in switch.values else ["7"]:
            assert isinstance(parse([f"{switch.name}={value}"]), Switches)
        assert parse([f"{switch.name}={switch.default}"]) == Switches()


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.opts[0])
def test_every_option_stands_there_as_help_tells_it(option: click.Option) -> None:
    (name,) = option.opts
    told = re.search(rf"^\| `{name}` \| (.+) \| (.+) \|$", section("Command line"), re.MULTILINE)
    assert told is not None
    assert told[2] == option.help
    if isinstance(option.default, str | int) and option.default and not option.is_flag:
        assert told[1] == f"`{option.default}`"


@pytest.mark.parametrize("word", [*faults.WORDS.items(), *faults.OPTIONS.items()], ids=lambda word: word[0])
def test_every_word_of_a_fault_stands_there_with_what_it_does(word: tuple[str, str]) -> None:
    assert f"| `{word[0]}` | {word[1]} |" in section("Faults")


def test_every_fault_that_is_shown_can_be_read() -> None:
    shown = re.findall(r"--fault (\S+?)`? ", PAGE.replace("\n", " "))
    assert len(shown) >= 8
    for text in shown:
        faults.parse(text)


@pytest.mark.parametrize("missing", NOT_EMULATED)
def test_everything_that_is_not_emulated_stands_there(missing: str) -> None:
    assert f"\n- {missing}\n" in section("Not emulated")


def test_every_endpoint_stands_where_it_belongs() -> None:
    with emulated() as (client, app):
        for route in app.routes:
            if route.template == "(unknown)":
                continue
            line = f"\n{route.method:<6} {route.template}"
            refuses = not route.control and _refuses(client, route.method, route.template)
            assert line in section("Not emulated" if refuses else "Endpoints"), line


def _refuses(client: Client, method: str, template: str) -> bool:
    """Is it answered 501, whichever key it takes?"""
    path = re.sub(r"\{\w+\}", "1", template)
    client.ask(method, path, b"")
    if client.answer.status == 401:
        client.ask(method, path, b"", "Bearer app")
    return client.answer.status == 501


def test_the_example_for_a_test_runs() -> None:
    (example,) = re.findall(r"```python\n(.+?)```", PAGE, re.DOTALL)
    exec(compile(example, "emulator.md", "exec"), {})
