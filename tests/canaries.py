"""Secrets and addresses that were planted → after every test, wherever one of them turned up and must not have.

P1: no credential leaves the process but in a request: not on stdout or stderr, in no log record of any logger, in no
exception of ours, no argument of a process, no answer of the service, no file but the configuration. P2: no e-mail
address in a log record or in an exception of ours. The ears are put on once, for all tests; what a test asks for by
name (an argument, a fixture) could be forgotten by the next one. At the end, one line says how much was searched, by
all the processes that the tests were shared among.
"""

from __future__ import annotations

import base64
import logging
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from syncline.errors import SynclineError

STEM = "canary5ecret"  # of every planted credential: quoted, percent-encoded or escaped as JSON, it stays as it is
SITE_ID, API_KEY, APP_API_KEY = f"{STEM}Site", f"{STEM}Key", f"{STEM}App"
PERSON = "canary5person"  # of everything planted that is about somebody
EMAIL, PHONE, NAME = f"{PERSON}@example.com", "+1555018277305", f"{PERSON} Lovelace"

_CONFIGURATIONS = {".json", ".yaml", ".yml", ".py", ".sh"}  # where a test itself writes a credential
_FILE_BYTES_AT_MOST = 1_000_000  # larger ones are data, and reading them would take longer than most tests
_FILES_AT_MOST = 200
_CORE = re.compile(r"core(?:\.\d+)?")
_KINDS = (
    ("the file ", "files"),
    ("a record ", "log records"),
    ("an answer ", "answers of the service"),
    ("the arguments ", "command lines"),
    ("a ", "exceptions"),
)
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


class _Places(NamedTuple):
    """Where something was looked for, and how often: kinds of places in the words of the line at the end."""

    kinds: Counter[str]
    tests: Counter[str]

    @property
    def line(self) -> str:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.kinds.items()))
        places, tests, leaky = self.kinds.total(), self.tests["all"], self.tests["with leaks"]
        return f"canaries: {places:,} places searched in {tests:,} tests, {leaky} leaks ({kinds})"


_searched = _Places(Counter(), Counter())


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
            if _CORE.fullmatch(path.name):
                self.leaks.append("the memory of a process in a file")

    def _note(self, what: str, data: bytes, needles: Iterable[bytes], where: str) -> None:
        _searched.kinds[_kind(where)] += needles is SECRETS
        if any(needle in data for needle in needles):
            self.leaks.append(f"{what} in {where}")


def _kind(where: str) -> str:
    """`the file run.log`, `a Unfit`, `a record of the logger x` → what the total calls it."""
    return next((kind for sign, kind in _KINDS if where.startswith(sign)), "outputs")


def _bytes(said: object) -> bytes:
    return said if isinstance(said, bytes) else str(said).encode("utf-8", "surrogatepass")


def _files(folder: Path) -> Iterator[Path]:
    """The small files below a folder, or the file itself; not through links, and not all of very many."""
    found = 0
    for home, _, names in os.walk(folder) if folder.is_dir() else [(str(folder.parent), [], [folder.name])]:
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


def hear_answer(head: object, body: bytes) -> None:
    """What the service answers: whoever may call it has not got the credentials of every run."""
    _heard(f"{head}".encode() + body, "an answer of the service")


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
def _ears(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Every logger at every level, every exception of ours, every process, and what `capsys` gives to a test.
    Temporary files have a folder of their own: what is left in it at the end, these tests left."""
    temporary = tmp_path_factory.mktemp("temporary")
    sys.addaudithook(_on_audit)
    factory, level = logging.getLogRecordFactory(), logging.root.level
    with ExitStack() as off:
        patch = off.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(SynclineError, "__init__", _raised)
        patch.setattr(subprocess.Popen, "communicate", _communicated(subprocess.Popen.communicate))
        patch.setattr(pytest.CaptureFixture, "readouterr", _read_out(pytest.CaptureFixture.readouterr))
        patch.setenv("TMPDIR", str(temporary))
        patch.setattr(tempfile, "tempdir", str(temporary))
        off.callback(logging.setLogRecordFactory, factory)
        off.callback(logging.root.setLevel, level)
        logging.setLogRecordFactory(_record(factory))
        logging.root.setLevel(1)
        yield
    with watching() as watch:  # a run that was killed may leave what it had in hand
        for left in temporary.glob("syncline-*"):
            watch.look(left)
    if watch.leaks:
        pytest.fail("what was planted was left behind:\n" + "\n".join(dict.fromkeys(watch.leaks)), pytrace=False)


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
    _searched.tests["all"] += 1
    if watch.leaks:
        _searched.tests["with leaks"] += 1
        pytest.fail("what was planted turned up:\n" + "\n".join(dict.fromkeys(watch.leaks)), pytrace=False)


_SAID: pytest.StashKey[list[tuple[str, str]]] = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test printed, kept for the check that follows."""
    report = yield
    if report.when == "call":
        item.stash[_SAID] = [("stdout", report.capstdout), ("stderr", report.capstderr)]
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes tells the one that started it what it searched."""
    told: dict[str, object] | None = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["canaries"] = [dict(counter) for counter in _searched]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """`node`: a process of pytest-xdist's, which has ended; without a word, if it died."""
    for counter, theirs in zip(_searched, getattr(node, "workeroutput", {}).get("canaries", ()), strict=False):
        counter.update(theirs)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Also where nothing turned up: how much was looked at."""
    terminalreporter.write_line(_searched.line)
