"""Signals that come while the program is still being imported, or when it has told its end: words, and no traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

import pytest

import syncline as library
from conftest import DEADLINE_S, Local, Project

# A process that sends itself a signal when it imports a module, or when Python ends.
_STRUCK = """
import atexit, os, sys
number, when = int(sys.argv.pop(1)), sys.argv.pop(1)
strike = lambda: os.kill(os.getpid(), number)
if when == "at the end":
    atexit.register(strike)
else:
    sys.addaudithook(lambda event, what: event == "import" and what[0] == when and strike())
from syncline.__main__ import main
main()
"""
MODULES = ("rich_click", "syncline.cli.ends", "syncline.cli.progress", "syncline.flow.mapping", "syncline.transport")


def struck(number: signal.Signals, when: str, words: Sequence[object]) -> subprocess.CompletedProcess[str]:
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    command = [sys.executable, "-c", _STRUCK, str(int(number)), when, *map(str, words)]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=DEADLINE_S, check=False, cwd=os.getcwd()
    )


@pytest.mark.promise("C1")
@pytest.mark.parametrize("module", MODULES[:-1])
@pytest.mark.parametrize(
    ("number", "code", "reason"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated"), (signal.SIGHUP, 143, "terminated")],
)
def test_before_a_verb_has_begun_it_ends_the_process_with_words(
    project: Project, local: Local, number: signal.Signals, code: int, reason: str, module: str
) -> None:
    config, data = project.config(), project.data([{"id": 1, "name": "Ada", "plan": "pro"}])
    ended = struck(number, module, ["run", config, "-d", data, "--json"])
    assert ended.returncode == code, ended.stderr
    document = json.loads(ended.stdout)
    assert (document["status"], document["stopped"]["reason"]) == ("interrupted", reason)
    assert ended.stderr.startswith(f"stopped ({reason}): ended ")
    assert len(ended.stderr.splitlines()) == 1
    assert (local.app.log.total, project.ledgers) == (0, [])


@pytest.mark.promise("C1")
def test_while_a_run_is_under_way_it_is_the_runs_own(project: Project, local: Local) -> None:
    """The HTTP client is imported when the plan stands."""
    config, data = project.config(), project.data([{"id": 1, "name": "Ada", "plan": "pro"}])
    ended = struck(signal.SIGINT, MODULES[-1], ["run", config, "-d", data, "--json"])
    assert ended.returncode == 130
    assert json.loads(ended.stdout)["counts"]["deferred"] == 1
    assert library.run(config, resume=True).exit_code == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_when_the_end_was_told_it_changes_nothing(project: Project, local: Local, number: signal.Signals) -> None:
    config, data = project.config(), project.data([{"id": 1, "name": "Ada", "plan": "pro"}])
    ended = struck(number, "at the end", ["run", config, "-d", data, "--json"])
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["counts"]["delivered"] == 1


def test_the_package_imports_what_is_asked_for_and_the_function_stays_a_function() -> None:
    code = (
        "import sys, syncline\n"
        "assert not {'aiohttp', 'msgspec', 'rich_click'} & set(sys.modules)\n"
        "import syncline.run, syncline.preview\n"
        "assert syncline.run.__name__ == 'run' and syncline.preview.__name__ == 'preview'\n"
        "assert {*syncline.__all__} <= {*dir(syncline)}\n"
        "from syncline import Locked, Report, run\n"
        "assert not hasattr(syncline, 'nothing_of_the_kind')\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
