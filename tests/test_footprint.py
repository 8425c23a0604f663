"""What Syncline leaves on a machine: private files where it was told to, and nothing anywhere else."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import pytest

from conftest import Local, Project, Syncline, people
from serving import ADA, Caller, config, data
from syncline.cli import VERBS, cli
from syncline.config.kinds import DESTINATIONS, SOURCES
from syncline.config.names import secrets
from syncline.service.diary import tell

# Every event by which a process changes a file system or reaches a network, a line each.
_WATCHED = """
import json, os, sys

out = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.link", "os.symlink", "os.truncate",
           "shutil.rmtree", "sqlite3.connect", "tempfile.mkstemp", "tempfile.mkdtemp"}
REACHES = {"socket.bind", "socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen", "os.fork"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND

def hook(event, arguments):
    if event == "open" and arguments[2] & WRITES or event in CHANGES | REACHES:
        what = arguments[0] if event not in REACHES else repr(arguments[1:])
        os.write(out, json.dumps([event, what], default=str).encode() + b"\\n")

sys.dont_write_bytecode = True
sys.addaudithook(hook)
"""
_IMPORTS = """
import importlib, pkgutil, syncline
for module in pkgutil.walk_packages(syncline.__path__, "syncline."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""
_RUNS = "from syncline.cli import main\nmain()\n"


def events(log: Path) -> list[tuple[str, str]]:
    lines = log.read_text(encoding="utf-8").splitlines()
    return [(event, str(what)) for event, what in map(json.loads, lines)]


def environment(**more: str) -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ} | more


def watched(folder: Path, code: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _WATCHED + code, str(folder / "events.jsonl"), *words],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_importing_it_writes_nothing_and_reaches_nobody(tmp_path: Path) -> None:
    _, said = watched(tmp_path, _IMPORTS).communicate(timeout=60)
    assert said == ""
    assert events(tmp_path / "events.jsonl") == []


def test_the_hook_hears_a_file_that_is_written(tmp_path: Path) -> None:
    """Without this the tests beside it could not fail."""
    watched(tmp_path, "open('here', 'w').close(); os.mkdir('there')").communicate(timeout=60)
    assert events(tmp_path / "events.jsonl") == [("open", "here"), ("os.mkdir", "there")]


def test_the_service_writes_nowhere_but_into_its_state_directory(tmp_path: Path, local: Local) -> None:
    """So it works where all the rest of the machine may only be read (`ProtectSystem=strict`)."""
    state = tmp_path / "state"
    words = ["serve", "--port", "0", "--state-dir", str(state), "--allow-origin-url", local.url]
    process = watched(tmp_path, _RUNS, *words)
    try:
        assert process.stdout is not None
        call = Caller(process.stdout.readline().split()[-1])
        assert call.put(config(local.url), data(ADA)).status == 200
        assert call("GET", "/runs").status == 200
    finally:
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert (process.returncode, len(people(local))) == (0, 1), said
    changed = {what for event, what in events(tmp_path / "events.jsonl") if not event.startswith("socket.")}
    names = {what.removeprefix("file://").partition("?")[0] for what in changed if not what.isdigit()}
    assert any(name.startswith(str(state)) for name in names)
    assert {name for name in names if not _is_in(name, state)} <= {os.devnull, ":memory:", ""}


def _is_in(name: str, folder: Path) -> bool:
    return Path(name).is_absolute() and Path(name).is_relative_to(folder)


# --- modes ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def open_to_all() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_files_are_their_owners_alone_whatever_the_umask(
    project: Project, syncline: Syncline, open_to_all: None, tmp_path: Path
) -> None:
    file = project.config()
    assert syncline("run", file, "-d", project.data([{"id": 1, "name": "Ada"}, {"name": "nobody"}])).code == 1
    for form in ("csv", "jsonl"):
        assert syncline("report", file, f"--{form}", f"rows.{form}").code == 0
    made = [*(project.folder / ".syncline").rglob("*"), tmp_path / "rows.csv", tmp_path / "rows.jsonl"]
    assert any(path.suffix == ".db" for path in made)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in made if path.name != ".gitignore"}
    assert {name: mode for name, mode in modes.items() if mode & 0o077} == {}


def test_what_init_writes_is_its_owners_alone_and_a_schema_everybodys_to_read(
    syncline: Syncline, open_to_all: None, tmp_path: Path
) -> None:
    assert syncline("init", "customerio").code == syncline("schema", "other.json").code == 0
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"customerio.yaml": 0o600, "syncline.schema.json": 0o644, "other.json": 0o644}


# --- what is killed ---------------------------------------------------------------------------------------------------


def test_a_preview_leaves_no_copy_of_the_ledger_behind_not_even_when_it_is_killed(
    project: Project, tmp_path: Path
) -> None:
    rows = ({"id": number, "name": f"n{number}"} for number in range(50_000))
    words = ["run", str(project.config()), "-d", str(project.data(rows)), "--dry-run"]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "syncline", *words],
        cwd=project.folder,
        env=environment(TMPDIR=str(scratch)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    descriptors = Path(f"/proc/{process.pid}/fd")
    while process.poll() is None and not any("(deleted)" in link for link in _links(descriptors)):
        pass
    process.kill()
    process.communicate(timeout=60)
    assert [*scratch.iterdir()] == []


def _links(descriptors: Path) -> Sequence[str]:
    """Where the open files of a process are; those without a name are said to be deleted."""
    try:
        return [os.readlink(one) for one in descriptors.iterdir()]
    except FileNotFoundError:  # one of them was closed meanwhile, or the process has ended
        return []


# --- how it is told what to do ----------------------------------------------------------------------------------------


def test_no_option_takes_a_credential_for_ps_shows_those() -> None:
    settings = [kind.settings for kind in DESTINATIONS.values()] + [kind.settings for kind in SOURCES.values()]
    names = {alias.lower() for one in settings for alias in secrets(one)} | {"token", "password", "secret", "key"}
    root = click.Context(cli)
    verbs = [cli.get_command(root, name) for name in VERBS]
    options = {name.lstrip("-") for verb in verbs if verb for option in verb.params for name in option.opts}
    assert {"token-file", "tls-key", "env-file"} <= options  # these take the name of a file
    assert {name for name in options if name.replace("-", "").lower() in names} == set()


# --- what is told -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["x\n2026-10-01 INFO delivered", "\x1b[2J", "a\u202eb", "\u2028", "\x00", "\ud800"])
def test_a_line_of_the_services_log_is_one_line_and_steers_nothing(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tell("run ended", sync=text)
    said = capsys.readouterr().err
    assert (said.count("\n"), said[:-1].isprintable(), said.isascii()) == (1, True, True)
    assert json.loads(said)["event"] == "run ended"
