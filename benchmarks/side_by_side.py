"""The same 5,000 people, the same Customer.io, the same bad days: the script that is written first, and `syncline run`.

    make side-by-side        # six minutes: a total outage is waited for

Each process has an emulator of its own, with the same seed; then the sky clears (a limit stays), and it is run a second
time over the same data. Prints the table of docs/reliability.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from syncline.emulators.customerio import Credentials, Customerio, Person, Workspace
from syncline.emulators.faults import Fault, parse_all
from syncline.emulators.log import Arrival
from syncline.emulators.server import Emulator

PEOPLE, SEED, LATENCY_S, BATCH = 5_000, 7, 0.02, 100
NAIVE = [sys.executable, str(Path(__file__).with_name("naive.py"))]
SYNCLINE = [sys.executable, "-m", "syncline"]
REVOKED = Credentials(api_key="another")
PERHAPS = {"deferred", "unknown"}  # nobody said no: the next run sends it

Row = dict[str, object]


class Weather(NamedTuple):
    """faults: as the emulator takes them; rate: requests/s it permits; revoked_after: requests until 401, -1 for never;
    apart: it takes minutes and no CPU, so it is played beside the others."""

    name: str
    faults: str = ""
    api: str = "identify"
    rate: float = 0.0
    revoked_after: int = -1
    apart: bool = False


WEATHERS = [
    Weather("healthy"),
    Weather("20 % of answers are 500", "500:20%"),
    Weather("100 requests/s, then 429 with Retry-After 1", rate=100),
    Weather("outage of 6 s after 2 s", "outage:at=2s:for=6s"),
    Weather("401 from the start", revoked_after=0),
    Weather("401 after 500 requests", revoked_after=500),
    Weather("5 % of answers lost after the write", "lost:5%"),
    Weather("batch: a 207 refuses one in every fifth", "partial:every=5", api="batch"),
    Weather("total outage", "outage:100%", apart=True),
]


class Told(NamedTuple):
    """What a process did and said: of whom that they failed, and of whom that nobody can say or that they are left."""

    seconds: float
    exit_code: int
    failed: set[str]
    perhaps: set[str]


class Result(NamedTuple):
    """silent: people who are neither right at the destination nor told of; wrong: people of whom it said what is not;
    again: people whom the second run sent; then: people who are right after it."""

    seconds: float
    requests: int
    right: int
    silent: int
    wrong: int
    exit_code: int
    again: int
    then: int


class Place:
    """A folder with data and a configuration, and a Customer.io with its weather."""

    def __init__(self, folder: Path, weather: Weather) -> None:
        self._folder, self.weather = folder, weather
        self._faults: list[Fault] = parse_all([weather.faults] if weather.faults else [])
        space = Workspace(time.time)
        space.credentials = REVOKED if weather.revoked_after == 0 else Credentials()
        self.app = Customerio(space, faults=self._faults, seed=SEED, rate=weather.rate, latency_s=LATENCY_S)
        self.app.on_request(self._revoke)
        plans = ("free", "basic", "premium")
        self._rows: list[Row] = [
            {"id": str(n), "email": f"user{n}@example.com", "plan": plans[n % 3], "age": n % 80} for n in range(PEOPLE)
        ]
        self.data = folder / "people.json"
        self.data.write_text(json.dumps(self._rows), encoding="utf-8")

    def _revoke(self, arrival: Arrival) -> None:
        if arrival.number == self.weather.revoked_after + 1:
            self.app.workspace.credentials = REVOKED

    def clear_up(self) -> None:
        """The sky; and whoever revoked the key has put it back."""
        self._faults.clear()
        self.app.workspace.credentials = Credentials()

    def config(self, url: str) -> Path:
        path = self._folder / "configuration.json"
        destination: Row = {"siteId": "site", "apiKey": "key", "baseUrl": url, "api": self.weather.api}
        destination |= {"batchItems": BATCH} if self.weather.api == "batch" else {}
        mappings = [{"from": name, "to": name} for name in ("email", "plan", "age")]
        config = {"parallelism": 25, "userId": "id", "mappings": mappings, "destination": destination}
        path.write_text(json.dumps(config), encoding="utf-8")
        path.chmod(0o600)
        return path

    @property
    def right(self) -> set[str]:
        """Those whom the destination holds as their rows say."""
        held = {person.id: _as_row(person) for person in self.app.workspace.people.values()}
        return {str(row["id"]) for row in self._rows if held.get(str(row["id"])) == row}


def _as_row(person: Person) -> Row:
    given = {name: json.loads(bytes(raw)) for name, raw in person.given().items()}
    return {"id": person.id, "email": person.email, **given}


# --- the two ----------------------------------------------------------------------------------------------------------


def naive(place: Place, url: str) -> Told:
    ended, seconds = _ended([*NAIVE, url, str(place.data), place.weather.api])
    failed = {line.split()[1].rstrip(":") for line in ended.stdout.splitlines() if line.startswith("failed ")}
    return Told(seconds, ended.returncode, failed, set())


def syncline(place: Place, url: str) -> Told:
    config = str(place.config(url))
    ended, seconds = _ended([*SYNCLINE, "run", config, "-d", str(place.data), "--json"])
    rows, _ = _ended([*SYNCLINE, "report", config, "--jsonl", "-"])
    told = [json.loads(line) for line in rows.stdout.splitlines()]
    failed = {row["key"].removeprefix("id:") for row in told if row["outcome"] not in PERHAPS}
    perhaps = {row["key"].removeprefix("id:") for row in told if row["outcome"] in PERHAPS}
    return Told(seconds, ended.returncode, failed, perhaps)


def _ended(command: list[str]) -> tuple[subprocess.CompletedProcess[str], float]:
    began = time.perf_counter()
    ended = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if "Traceback" in ended.stderr:
        raise RuntimeError(f"{command} did not work: {ended.stderr}")
    return ended, seconds


def play(weather: Weather, who: Callable[[Place, str], Told]) -> Result:
    """The bad day, and the day after."""
    with tempfile.TemporaryDirectory() as name:
        place = Place(Path(name), weather)
        with Emulator(place.app) as emulator:
            told = who(place, emulator.url)
            requests, right = place.app.log.total, place.right
            place.clear_up()
            writes = place.app.workspace.writes
            who(place, emulator.url)
            again, then = place.app.workspace.writes - writes, len(place.right)
    delivered = {str(n) for n in range(PEOPLE)} - told.failed - told.perhaps
    silent, wrong = delivered - right, (delivered - right) | (told.failed & right)
    return Result(told.seconds, requests, len(right), len(silent), len(wrong), told.exit_code, again, then)


# --- the table --------------------------------------------------------------------------------------------------------

HEAD = """\
| weather | s | requests | people right | lost in silence | told wrong | exit | next run sends | then right |
|---|--:|--:|--:|--:|--:|--:|--:|--:|"""


def show(weather: Weather, script: Result, ours: Result) -> None:
    """A line: of each figure the script's, and Syncline's."""
    pairs = [f"{one:,} · {other:,}" for one, other in zip(script[1:], ours[1:], strict=True)]
    cells = [weather.name, f"{script.seconds:.1f} · {ours.seconds:.1f}", *pairs]
    print("| " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    print(HEAD, flush=True)
    with ThreadPoolExecutor() as pool:
        apart = {weather: pool.submit(play, weather, syncline) for weather in WEATHERS if weather.apart}
        for weather in WEATHERS:
            script = play(weather, naive)
            show(weather, script, apart[weather].result() if weather.apart else play(weather, syncline))


if __name__ == "__main__":
    main()
