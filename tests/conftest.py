"""What the end-to-end tests share: a local Customer.io on a real socket, a project's folder, and the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

import pytest
from hypothesis import settings

from canaries import API_KEY, APP_API_KEY, SITE_ID

# Used by every test: what was planted must not turn up.
from canaries import _ears as _ears
from canaries import canaries as canaries
from canaries import pytest_runtest_makereport as pytest_runtest_makereport
from canaries import pytest_sessionfinish as pytest_sessionfinish
from canaries import pytest_terminal_summary as pytest_terminal_summary
from canaries import pytest_testnodedown as pytest_testnodedown
from syncline.emulators import faults as weather
from syncline.emulators.customerio import Credentials, Customerio, Mode, Workspace
from syncline.emulators.log import Arrival
from syncline.emulators.server import Emulator

# What is random stays random on a developer's machine; a CI run can be repeated.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

BATCH, IDENTIFY = ("POST", "/api/v2/batch"), ("PUT", "/api/v1/customers/{identifier}")
DEADLINE_S = 60.0  # no single process of ours takes longer, unless it hangs

Row = Mapping[str, object]


class Known(Credentials):
    """The planted pair is let in, and that of an emulator out of the box."""

    def basic(self) -> tuple[str, ...]:  # type: ignore[override] # it is only asked what is in it
        return super().basic() + Credentials(SITE_ID, API_KEY).basic()


class Local(Emulator[Customerio]):
    """A local Customer.io whose weather may change while it runs."""

    def __init__(self, workspace: Workspace, faults: str, **settings: Any) -> None:
        workspace.credentials = Known()
        self._faults: list[weather.Fault] = []
        super().__init__(Customerio(workspace, faults=self._faults, **{"seed": 7, **settings}))
        self.turn(faults)

    def turn(self, faults: str = "") -> None:
        """From now on: `lost:100%`, `500:2%`, or fair weather."""
        self._faults[:] = weather.parse_all([faults] if faults else [])

    def at_request(self, number: int, act: Callable[[], None]) -> None:
        """Calls `act` once, in the server's thread, when the `number`th request from now arrives."""
        due = self.app.log.total + number

        def hook(arrival: Arrival) -> None:
            if arrival.number == due:
                act()

        self.app.on_request(hook)


Emulate = Callable[..., Local]


class Ended(NamedTuple):
    """How a process ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """Its stdout, which must be exactly one JSON document."""
        return json.loads(self.stdout)


class Syncline:
    """The tool as a process of its own, started in the project's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        kept = ("PATH", "HOME", "LANG", "TMPDIR")
        self._environment = {name: os.environ[name] for name in kept if name in os.environ} | {"TERM": "dumb"}

    def __call__(self, *words: str | Path, script: bool = False, stdin: Path | None = None) -> Ended:
        """`stdin`: a file to redirect from; nothing comes otherwise."""
        with (stdin or Path(os.devnull)).open("rb") as given:
            process = self.start(*words, script=script, stdin=given)
        try:
            stdout, stderr = process.communicate(timeout=DEADLINE_S)
        finally:
            process.kill()
        return Ended(process.returncode, stdout, stderr)

    def start(
        self, *words: str | Path, script: bool = False, stdin: IO[bytes] | int = subprocess.DEVNULL
    ) -> subprocess.Popen[str]:
        """`script`: the installed `syncline`; otherwise `python -m syncline`."""
        program = [str(Path(sys.executable).with_name("syncline"))] if script else [sys.executable, "-m", "syncline"]
        return subprocess.Popen(
            [*program, *map(str, words)],
            cwd=self._folder,
            env=self._environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


class Project:
    """A folder with configurations and data files that mean one local Customer.io."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    def config(
        self, *names: str, destination: Row | None = None, file: str = "configuration.json", **settings: object
    ) -> Path:
        """A configuration that maps the fields `names` to themselves."""
        mappings = [{"from": name, "to": name} for name in names or ("name", "plan")]
        keys = {"siteId": SITE_ID, "apiKey": API_KEY, "appApiKey": APP_API_KEY}
        plain = {"parallelism": 25, "userId": "id", **keys, "mappings": mappings}
        return self.write(plain | settings | {"destination": {"baseUrl": self.url, **(destination or {})}}, file)

    def write(self, document: Row, file: str = "configuration.json") -> Path:
        path = self.folder / file
        path.write_text(json.dumps(document), encoding="utf-8")
        path.chmod(0o600)
        return path

    def data(self, rows: Iterable[Row] | str, file: str = "data.json") -> Path:
        """Rows as a JSON array, or a text as it stands."""
        path = self.folder / file
        path.write_text(rows if isinstance(rows, str) else json.dumps([*rows], indent=0), encoding="utf-8")
        return path

    @property
    def ledgers(self) -> list[Path]:
        return sorted(self.folder.glob(".syncline/*/*.db"))

    @property
    def ledger(self) -> Path:
        (path,) = self.ledgers
        return path


def people(local: Local) -> dict[str, dict[str, Any]]:
    """Everybody the emulator holds: id (or e-mail, where there is none) → the attributes as they were given."""
    found: dict[str, dict[str, Any]] = {}
    for person in local.app.workspace.people.values():
        attributes = {name: json.loads(bytes(raw)) for name, raw in person.given().items()}
        found[person.id or person.email or person.cio_id] = attributes | (
            {"email": person.email} if person.email else {}
        )
    return found


def writes(local: Local) -> int:
    """Requests that write, as they arrived."""
    return local.app.log.arrivals[BATCH] + local.app.log.arrivals[IDENTIFY]


@pytest.fixture(scope="session")
def undertaker() -> Iterator[ThreadPoolExecutor]:
    """Ends emulators beside the tests that follow: it takes a server a moment to close."""
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture
def emulate(undertaker: ThreadPoolExecutor) -> Iterator[Emulate]:
    """Starts local Customer.ios: `emulate(faults="500:2%", latency_s=0.02)`. They end with the test."""
    with ExitStack() as started:

        def start(
            faults: str = "", *, region: Literal["us", "eu"] = "us", mode: Mode = "id+email", **more: Any
        ) -> Local:
            local = Local(Workspace(time.time, region=region, mode=mode), faults, **more).start()
            started.callback(undertaker.submit, local.stop)
            return local

        yield start


@pytest.fixture
def local(emulate: Emulate) -> Local:
    """A local Customer.io in fair weather."""
    return emulate()


@pytest.fixture
def project(tmp_path: Path, local: Local) -> Project:
    return Project(tmp_path, local.url)


@pytest.fixture
def syncline(tmp_path: Path) -> Syncline:
    return Syncline(tmp_path)


@pytest.fixture
def as_nobody() -> Iterator[None]:
    """Root may read everything, and CI is often root: the test runs as nobody then."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
