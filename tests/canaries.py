"""Secrets and addresses that were planted → after every test, wherever one of them turned up and must not have.

P1: no credential leaves the process but in a request: not on stdout or stderr, in no log record of any logger, in no
exception of ours, no argument of a process, no file but the configuration. P2: no e-mail address in a log record or in
an exception of ours. The ears are put on once, for all tests; what a test asks for by name (an argument, a fixture)
could be forgotten by the next one.
"""

from __future__ import annotations

import base64
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from syncline.errors import SynclineError

STEM = "canary5ecret"  # of every planted credential: quoted, percent-encoded or escaped as JSON, it stays as it is
SITE_ID, API_KEY, APP_API_KEY = f"{STEM}Site", f"{STEM}Key", f"{STEM}App"
PERSON = "canary5person"  # of everything planted that is about somebody
EMAIL, PHONE, NAME = f"{PERSON}@example.com", "+1555018277305", f"{PERSON} Lovelace"

_CONFIGURATIONS = {".json", ".yaml", ".yml", ".py", ".sh"}  # where a test itself writes a credential
_FILE_BYTES_AT_MOST = 1_000_000  # larger ones are data, and reading them would take longer than most tests
_FILES_AT_MOST = 200
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_EXAMPLES = re.compile(r"\bemail:(?:ada@example\.com|a@b\.c)\b")  # in messages that say what to write
_CLIENTS = ("async_customerio", "httpx", "httpcore")  # of the vendors: they log as they please
_BASIC = base64.b64encode(b"site:key").rstrip(b"=")  # with which many tests sign


def _encoded(stem: bytes) -> Iterator[bytes]:
    """How it looks in base64, wherever it begins in what was encoded; and in hexadecimal."""
    for before in range(3):
        code = base64.b64encode(bytes(before) + stem)
        yield code[-(-8 * before // 6) : 8 * (before + len(stem)) // 6]
    yield stem.hex().encode()


SECRETS: Sequence[bytes] = [STEM.encode(), *_encoded(STEM.encode()), _BASIC]
PERSONAL: Sequence[bytes] = [PERSON.encode(), PHONE[1:].encode()]


class Watch:
    """What turned up while one test ran. `leaks`: one line each, without what leaked; `raised`: which of our errors."""

    def __init__(self) -> None:
        self.leaks: list[str] = []
        self.raised: set[str] = set()

    def hear(self, said: object, where: str) -> None:
        """What anybody may read: no credential, and nothing of the planted person."""
        data = _bytes(said)
        self._note("a credential", data, SECRETS, where)
        self._note("somebody's data", data, PERSONAL, where)

    def hear_ours(self, said: object, where: str) -> None:
        """What no row may ever be in: no address of anybody either."""
        self.hear(said, where)
        if "@" in (text := str(said)) and _ADDRESS.search(_EXAMPLES.sub("", text)):
            self.leaks.append(f"an e-mail address in {where}")

    def look(self, folder: Path) -> None:
        """Files that a run left: credentials stay in configurations, people in data and the ledger."""
        for path in _files(folder):
            try:
                data = path.read_bytes()
            except PermissionError:  # a test of just that
                continue
            if ".syncline" in path.parts or not (path.suffix in _CONFIGURATIONS or path.name.startswith(".env")):
                self._note("a credential", data, SECRETS, f"the file {path.name}")
            if path.suffix in {".log", ".lock", ".md", ".html"}:
                self._note("somebody's data", data, PERSONAL, f"the file {path.name}")

    def _note(self, what: str, data: bytes, needles: Iterable[bytes], where: str) -> None:
        if any(needle in data for needle in needles):
            self.leaks.append(f"{what} in {where}")


def _bytes(said: object) -> bytes:
    return said if isinstance(said, bytes) else str(said).encode("utf-8", "surrogatepass")


def _files(folder: Path) -> Iterator[Path]:
    """The small files below a folder; not through links, and not all of very many."""
    found = 0
    for home, _, names in os.walk(folder):
        for path in (Path(home, name) for name in names):
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= _FILE_BYTES_AT_MOST:
                yield path
                found += 1
            if found == _FILES_AT_MOST:
                return


# --- the ears ---------------------------------------------------------------------------------------------------------

_watches: list[Watch] = []  # the innermost hears


@contextmanager
def watching() -> Iterator[Watch]:
    """What turns up now is this one's alone."""
    _watches.append(watch := Watch())
    try:
        yield watch
    finally:
        _watches.remove(watch)


def _heard(said: object, where: str) -> None:
    if said and _watches:
        _watches[-1].hear(said, where)


def _heard_ours(said: object, where: str) -> None:
    if said and _watches:
        _watches[-1].hear_ours(said, where)


def _on_audit(event: str, arguments: tuple[Any, ...]) -> None:
    """What /proc/PID/cmdline shows of a process is what it was started with."""
    if event in {"subprocess.Popen", "os.exec", "os.posix_spawn"}:
        _heard(b"\0".join(map(os.fsencode, _words(arguments[1]))), "the arguments of a process")


def _words(given: str | bytes | os.PathLike[str] | Sequence[str | bytes]) -> Iterable[Any]:
    return [given] if isinstance(given, (str, bytes, os.PathLike)) else given


def _raised(error: SynclineError, *said: object) -> None:
    """In the place of the `__init__` that `SynclineError` inherits."""
    Exception.__init__(error, *said)
    if _watches:
        _watches[-1].raised.add(type(error).__name__)
    _heard_ours(" ".join(map(str, said)), f"a {type(error).__name__}")


def _record(made: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
    def factory(*given: Any, **named: Any) -> logging.LogRecord:
        record = made(*given, **named)
        raised = record.exc_info[1] if record.exc_info else ""
        if not any(client in record.pathname for client in _CLIENTS):
            _heard_ours(f"{record.getMessage()} {raised}", f"a record of the logger {record.name}")
        return record

    return factory


def _communicated(communicate: Callable[..., tuple[Any, Any]]) -> Callable[..., tuple[Any, Any]]:
    def listened(process: subprocess.Popen[Any], *given: Any, **named: Any) -> tuple[Any, Any]:
        stdout, stderr = communicate(process, *given, **named)
        _heard(stdout, "the stdout of a process")
        _heard(stderr, "the stderr of a process")
        return stdout, stderr

    return listened


def _read_out(read: Callable[..., Any]) -> Callable[..., Any]:
    def listened(capture: object) -> Any:
        told = read(capture)
        _heard(told.out, "stdout")
        _heard(told.err, "stderr")
        return told

    return listened


@pytest.fixture(scope="session", autouse=True)
def _ears() -> Iterator[None]:
    """Every logger at every level, every exception of ours, every process, and what `capsys` gives to a test."""
    sys.addaudithook(_on_audit)
    factory, level = logging.getLogRecordFactory(), logging.root.level
    with ExitStack() as off:
        patch = off.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(SynclineError, "__init__", _raised)
        patch.setattr(subprocess.Popen, "communicate", _communicated(subprocess.Popen.communicate))
        patch.setattr(pytest.CaptureFixture, "readouterr", _read_out(pytest.CaptureFixture.readouterr))
        off.callback(logging.setLogRecordFactory, factory)
        off.callback(logging.root.setLevel, level)
        logging.setLogRecordFactory(_record(factory))
        logging.root.setLevel(1)
        yield


@pytest.fixture(autouse=True)
def canaries(request: pytest.FixtureRequest) -> Iterator[Watch]:
    """Fails the test in which something planted turned up."""
    with watching() as watch:
        yield watch
        for where, said in request.node.stash.get(_SAID, ()):
            watch.hear(said, where)
        folder = request.node.funcargs.get("tmp_path") if isinstance(request.node, pytest.Function) else None
        if isinstance(folder, Path):
            watch.look(folder)
    if watch.leaks:
        pytest.fail("what was planted turned up:\n" + "\n".join(dict.fromkeys(watch.leaks)), pytrace=False)


_SAID: pytest.StashKey[list[tuple[str, str]]] = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test printed, kept for the check that follows."""
    report = yield
    if report.when == "call":
        item.stash[_SAID] = [("stdout", report.capstdout), ("stderr", report.capstderr)]
    return report
