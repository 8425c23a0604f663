"""What watches over every test can fail: a suite of tests that each let something slip, run as a suite of its own."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import quote

import pytest

import canaries
from canaries import API_KEY, EMAIL, PERSON, PHONE, SITE_ID, Watch

_IMPORTS = """
import base64, json, logging, subprocess, sys, tempfile
from pathlib import Path
import pytest
from canaries import API_KEY, EMAIL, PERSON, PHONE, SITE_ID, hear_answer
from syncline.errors import ConfigRefused, Problem, Unanswered, Unfit
"""
_BASIC = 'base64.b64encode(f"{SITE_ID}:{API_KEY}".encode()).decode()'

# What a test does → what is said of it.
LEAKS = {
    "print(API_KEY)": "a credential in stdout",
    "print(EMAIL, file=sys.stderr)": "somebody's data in stderr",
    "capsys.readouterr() if print(PHONE) else capsys.readouterr()": "somebody's data in stdout",
    f"logging.getLogger('aiohttp.client').debug({_BASIC})": "a credential in a record of the logger aiohttp.client",
    "logging.getLogger('asyncio').error('%s', 'ada@x.org')": "an e-mail address in a record of the logger asyncio",
    "logging.getLogger('sqlite3').error('lost', exc_info=ValueError(EMAIL))": "an e-mail address in a record",
    "str(Unanswered(f'no answer from https://x.org/{PERSON}'))": "somebody's data in a Unanswered",
    "str(Unfit('email', 'ada@x.org is no address'))": "an e-mail address in a Unfit",
    "str(ConfigRefused([Problem('f', 1, 1, API_KEY, 'a key', '')]))": "a credential in a ConfigRefused",
    "subprocess.run([sys.executable, '-c', '', API_KEY])": "a credential in the arguments of a process",
    "subprocess.run([sys.executable, '-c', 'print(input())'], input=SITE_ID, text=True, capture_output=True)": (
        "a credential in the stdout of a process"
    ),
    "(tmp_path / 'run.log').write_text(json.dumps({'who': EMAIL}))": "somebody's data in the file run.log",
    "(tmp_path / 'cache').write_text(SITE_ID)": "a credential in the file cache",
    "[(tmp_path / '.syncline').mkdir(), (tmp_path / '.syncline/a.json').write_text(API_KEY)]": (
        "a credential in the file a.json"
    ),
    "hear_answer({'location': '/runs/x'}, b'{\"siteId\": \"' + SITE_ID.encode() + b'\"}')": (
        "a credential in an answer of the service"
    ),
    "(tmp_path / 'core.4711').touch()": "the memory of a process in a file",
}
# And what no test fails for: where credentials and people belong.
FAIR = (
    "(tmp_path / 'configuration.json').write_text(API_KEY)",
    "(tmp_path / '.env').write_text(API_KEY)",
    "(tmp_path / 'data.csv').write_text(EMAIL)",
    "print('ada@x.org')",
    "logging.getLogger('aiohttp').error('the connection to 127.0.0.1 broke')",
)


def _test(name: str, line: str) -> str:
    fixtures = "tmp_path, capsys" if "capsys" in line else "tmp_path"
    return f"def test_{name}({fixtures}):\n    {line}\n"


def pytest_of(folder: Path, file: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A suite of its own, with these ears on."""
    words = [sys.executable, "-m", "pytest", "-p", "canaries", "-p", "no:cacheprovider", "-c", os.devnull, "--tb=short"]
    with TemporaryFile() as output:  # no pipe, and no file in the folder: what is printed there is planted
        ended = subprocess.run(
            [*words, "-q", file],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(Path(canaries.__file__).parent), **environment},
            stdout=output,
            check=False,
            timeout=60,
        )
        output.seek(0)
        return subprocess.CompletedProcess(ended.args, ended.returncode, output.read().decode())


@pytest.mark.promise("P1", "P2")
def test_a_test_that_lets_something_slip_fails_and_is_told_what(tmp_path: Path) -> None:
    body = [_test(str(number), leak) for number, leak in enumerate(LEAKS)]
    body += [_test(f"fair_{number}", fair) for number, fair in enumerate(FAIR)]
    (tmp_path / "test_leaky.py").write_text("\n".join([_IMPORTS, *body]), encoding="utf-8")
    ended = pytest_of(tmp_path, "test_leaky.py")
    told = ended.stdout
    assert ended.returncode == 1
    assert f"{len(LEAKS) + len(FAIR)} passed, {len(LEAKS)} errors" in told
    for number, what in enumerate(LEAKS.values()):
        _, _, section = told.partition(f"ERROR at teardown of test_{number} _")
        assert what in section.partition("ERROR at teardown")[0], what
    total = re.search(r"canaries: (\d+) places searched in (\d+) tests, (\d+) leaks \((.*)\)", told)
    assert total is not None
    assert [int(total[number]) for number in (2, 3)] == [len(LEAKS) + len(FAIR), len(LEAKS)]
    assert int(total[1]) > len(LEAKS)
    for kind in ("answers of the service", "command lines", "exceptions", "files", "log records", "outputs"):
        assert kind in total[4]


def test_what_a_killed_process_left_behind_is_found_when_all_tests_have_ended(tmp_path: Path) -> None:
    leave = f"Path(tempfile.gettempdir(), 'syncline-x1y2.db').write_text({API_KEY!r})"
    (tmp_path / "test_fair.py").write_text(_IMPORTS + _test("fair", leave), encoding="utf-8")
    ended = pytest_of(tmp_path, "test_fair.py")
    assert ended.returncode == 1
    assert "what was planted was left behind" in ended.stdout
    assert "a credential in the file syncline-x1y2.db" in ended.stdout


@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize(
    "write",
    [
        lambda text: quote(text, safe=""),
        lambda text: json.dumps({"apiKey": f'"\\{text}/é'}),
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
        lambda text: text.encode().hex(),
        repr,
    ],
    ids=["percent-encoded", "as JSON", "base64", "base64 for URLs", "hexadecimal", "repr"],
)
def test_a_credential_is_known_again_however_it_is_written_and_wherever_it_begins(
    write: Callable[[str], str], before: int
) -> None:
    watch = Watch()
    watch.hear(write("site:"[:before] + API_KEY), "stdout")
    assert watch.leaks == ["a credential in stdout"]


def test_what_is_no_canary_is_nobodys_leak() -> None:
    watch = Watch()
    watch.hear_ours("row 7: apiKey is a text (not shown); @param, a@b, id:7258, Basic ***, canary", "an Unfit")
    assert watch.leaks == []


def test_the_check_takes_no_time_that_anybody_would_notice(tmp_path: Path) -> None:
    """2 ms a test: with what a run leaves, and a screenful of output."""
    for number in range(5):
        (tmp_path / f"data-{number}.json").write_bytes(b'{"id": 7258, "name": "Ada"}\n' * 1_000)
    screenful = "delivered 1,000\n" * 50
    took = []
    for _ in range(20):
        began = time.perf_counter()
        with canaries.watching() as watch:
            watch.hear(screenful, "stdout")
            watch.look(tmp_path)
        took.append(time.perf_counter() - began)
    assert watch.leaks == []
    assert min(took) < 0.002


def test_nothing_planted_is_an_address_or_a_key_of_anybody() -> None:
    assert re.fullmatch(rf"{PERSON}@example\.com", EMAIL)  # https://www.rfc-editor.org/rfc/rfc2606#section-3
    assert re.fullmatch(r"\+1555018\d+", PHONE)
    assert SITE_ID != API_KEY
