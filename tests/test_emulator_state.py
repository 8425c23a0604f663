"""An emulator that is stopped and started: its state in a file, whole or refused; and the rest of its command line."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec import Raw

from emulated import START, Client, Time, attributes, by_id, given, workspace
from syncline.emulators.customerio import Identifier, Switches, Workspace
from syncline.emulators.customerio.devices import Device
from syncline.emulators.customerio.events import Event
from syncline.emulators.customerio.relationships import Link, Links
from syncline.emulators.customerio.snapshot import dump, load, version
from syncline.emulators.keeper import EVERY_S, Keeper, StateError, write

COMMAND = [sys.executable, "-m", "syncline", "emulate", "customerio"]


def full() -> Workspace:
    """A workspace with something of everything."""
    space = workspace(switches=Switches(phone_identifies=True))
    space.identify(by_id("1"), {**given(email="ada@example.com", phone="+49", plan="pro"), "big": Raw(b"1.0e5")})
    space.identify(by_id("1"), given(plan="free", anonymous_id="visitor"))
    space.identify(by_id("2"), {})
    space.delete(by_id("2"))
    space.track(by_id("1"), Event("login", "event", START, Raw(b'{"a":[1]}'), "01F4J6P6PSSPA8AMAX6KTKSWVN"))
    space.track_anonymous("other", Event("view", "page", START, Raw(b"{}")))
    space.add_device(by_id("1"), Device("token", "ios", 7, Raw(b'{"v":1}')))
    segment = space.segments.create("vip", "very", START)
    space.change_segment(segment.id, [by_id("1")], join=True)
    acme = given(object_type_id="1", object_id="acme")
    space.relate(by_id("1"), Links("add_relationships", [Link(acme, given(role="boss"))]))
    space.identify(by_id("3"), given(email="gone@example.com"))
    space.suppress(by_id("3"))
    return space


def test_a_state_that_is_saved_and_loaded_is_the_same_state() -> None:
    before = full()
    after = workspace(switches=Switches(phone_identifies=True))
    load(after, dump(before))
    assert dump(after) == dump(before)
    assert attributes(after, Identifier("phone", "+49"))["big"] == "1.0e5"
    person = after.find(Identifier("anonymous_id", "visitor"))
    assert person is not None
    assert (after.events.of(1)[0].name, after.devices.of(1)[0].token) == ("login", "token")
    assert after.segments.of(1)[0].name == "vip"
    assert [(thing.object_id, text) for thing, text in after.objects.of(1)] == [("acme", b'{"role":"boss"}')]


def test_a_loaded_state_goes_on_where_it_was() -> None:
    after = workspace(switches=Switches(phone_identifies=True))
    load(after, dump(full()))
    after.identify(by_id("3"), {})
    after.track(by_id("1"), Event("again", "event", START, Raw(b"{}"), "01F4J6P6PSSPA8AMAX6KTKSWVN"))
    after.identify(by_id("4"), given(anonymous_id="other"))
    assert after.find(by_id("3")) is None  # suppressed
    assert [event.name for event in after.events.of(1)] == ["login"]  # known by its ULID
    new = after.find(by_id("4"))
    assert new is not None
    assert (new.number, [event.name for event in after.events.of(new.number)]) == (4, ["view"])
    assert after.segments.create("s", "", START).id == 2


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (b"", "no state of an emulator"),
        (b"{", "no state of an emulator"),
        (b"[]", "no state of an emulator"),
        (b'{"emulator":"customerio","format":1}', "missing required field"),
        (b'{"emulator":"customerio","format":7}', "in format 7; expected customerio in 1"),
        (b'{"emulator":"voucherify","format":1}', "of voucherify"),
        (b'{"emulator":"customerio","format":1,"x":"\xff"}', "no state of an emulator"),
    ],
)
def test_a_file_that_is_no_state_is_refused_and_nothing_is_loaded(document: bytes, told: str) -> None:
    space = workspace()
    with pytest.raises(StateError, match=told):
        load(space, document)
    assert not space.people


def test_a_state_belongs_to_its_mode_and_to_what_identifies_people() -> None:
    with pytest.raises(StateError, match=r"--mode id\+email; start with the same"):
        load(workspace("id"), dump(workspace()))
    with pytest.raises(StateError, match="phone_identifies=true; start with the same"):
        load(workspace(), dump(full()))


def test_a_keeper_saves_what_has_changed_when_it_is_time(tmp_path: Path) -> None:
    now, space, path = Time(), workspace(), tmp_path / "state.json"
    keeper = Keeper(path, lambda: dump(space), lambda: version(space), now)
    space.identify(by_id("1"), {})
    keeper.tick()
    assert not path.exists()
    now.at += EVERY_S
    keeper.tick()
    first = path.stat()
    assert (first.st_mode & 0o777, json.loads(path.read_bytes())["born"]) == (0o600, 1)
    now.at += EVERY_S
    keeper.tick()
    assert path.stat().st_mtime_ns == first.st_mtime_ns
    space.segments.create("s", "", START)
    keeper.tick()
    assert json.loads(path.read_bytes())["segments_made"] == 1
    assert os.listdir(tmp_path) == ["state.json"]


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    (path / "inside").touch()
    with pytest.raises(OSError, match="directory"):
        write(path, b"x")
    assert os.listdir(tmp_path) == ["folder"]


# The command line


@contextmanager
def emulating(*words: str | Path) -> Iterator[tuple[Client, subprocess.Popen[str]]]:
    with subprocess.Popen(
        [*COMMAND, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None, process.communicate()[1]
        client = Client(found[0])
        try:
            yield client, process
        finally:
            client.connection.close()
            process.terminate()
            process.communicate(timeout=20)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_emulator_is_stopped_and_goes_on_with_its_state(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "state.json"
    with emulating("--state", path, "--consistency-delay", "10s") as (client, process):
        assert path.stat().st_mode & 0o777 == 0o600
        assert client.ask("PUT", "/api/v1/customers/1", {"plan": "pro"}) == (200, {})
        assert client.app("GET", "/v1/customers/1/attributes")[0] == 404
        process.send_signal(number)
        assert process.wait(20) == 0
    with emulating("--state", path) as (client, _):
        status, body = client.app("GET", "/v1/customers/1/attributes")
        assert (status, body["customer"]["attributes"]["plan"]) == (200, "pro")
    assert os.listdir(tmp_path) == ["state.json"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--state", "{file}"], "it is no state of an emulator"),
        (["--state", "{file}/below"], "needs a file that can be read and written"),
        (["--switch", "empty_removes=maybe"], "it is false or true"),
        (["--switch", "kilobyte=1023"], "it is 1000 or 1024"),
        (["--switch", "app_rate=fast"], "it is a number from 0 to 999999"),
        (["--switch", "batch_items=1.5"], "it is a number from 0 to 999999"),
        (["--switch", "shoe=42"], "is no switch; there are empty_removes"),
        (["--switch", "kilobyte"], "kilobyte=1000 is its default"),
        (["--fault", "sunshine:1%"], "is neither a status"),
        (["--consistency-delay", "soon"], "is no duration"),
    ],
)
def test_what_the_command_line_does_not_understand_is_refused_in_words(
    tmp_path: Path, words: list[str], told: str
) -> None:
    path = tmp_path / "state.json"
    path.write_text("not a state")
    ended = subprocess.run(
        [*COMMAND, *(word.format(file=path) for word in words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
        env={**os.environ, "COLUMNS": "500"},
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr
    assert path.read_text() == "not a state"


def test_switches_are_set_from_the_command_line() -> None:
    with emulating("--switch", "empty_removes=true", "--switch", "app_rate=0") as (client, _):
        client.ask("PUT", "/api/v1/customers/1", {"plan": "pro"})
        client.ask("PUT", "/api/v1/customers/1", {"plan": ""})
        for _ in range(11):
            status, body = client.app("GET", "/v1/customers/1/attributes")
            assert (status, "plan" in body["customer"]["attributes"]) == (200, False)
