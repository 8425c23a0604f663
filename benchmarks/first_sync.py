"""How long a first sync takes, and what it costs: whole processes against a local Customer.io that answers in 50 ms.

    python benchmarks/first_sync.py                        # 200,000 people by batch, 20,000 by identify
    python benchmarks/first_sync.py --people 1000000 --api batch --latency 0ms

Prints a line a run: people/s, CPU seconds and peak memory of the `syncline run` process alone (the emulator is another
process, but it shares the machine's cores). The second line of each pair is the same run again: nothing changed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple, TextIO

SYNCLINE = [sys.executable, "-m", "syncline"]


class Cost(NamedTuple):
    """Of one process: wall and CPU seconds, peak resident memory in MB, and what it reported."""

    seconds: float
    cpu_s: float
    peak_mb: float
    report: dict[str, object]


def made_up(count: int) -> Iterator[dict[str, object]]:
    """People of about 280 bytes with 13 flat fields."""
    random = Random(1)
    for number in range(count):
        yield {
            "id": 1_000_000 + number,
            "email": f"user{number}@example.com",
            "first_name": f"First{number % 977}",
            "last_name": f"Last{number % 4999}",
            "plan": random.choice(["free", "basic", "premium"]),
            "ltv": round(random.random() * 1000, 2),
            "created_at": 1_361_205_308 + number,
            "city": random.choice(["London", "Berlin", "Lagos", "Lima", "Osaka"]),
            "country": random.choice(["GB", "DE", "NG", "PE", "JP"]),
            "logins": random.randrange(500),
            "active": random.random() < 0.7,
            "phone": f"+49{random.randrange(10**9):09}",
            "referrer": f"campaign-{random.randrange(100)}",
        }


def write_array(file: TextIO, people: Iterable[Mapping[str, object]]) -> None:
    before = "[\n"
    for person in people:
        file.write(before + json.dumps(person, separators=(",", ":")))
        before = ",\n"
    file.write("\n]\n")


def write_config(path: Path, url: str, api: str) -> None:
    fields = ("email", "first_name", "last_name", "plan", "ltv", "created_at", "city", "country")
    config = {
        "parallelism": 25,
        "userId": "id",
        "mappings": [{"from": field, "to": field} for field in fields],
        "destination": {"siteId": "site", "apiKey": "key", "baseUrl": url, "api": api},
    }
    path.write_text(json.dumps(config), encoding="utf-8")
    path.chmod(0o600)


@contextmanager
def emulated(latency: str) -> Iterator[str]:
    """A local Customer.io in a process of its own → its URL."""
    command = [*SYNCLINE, "emulate", "customerio", "--latency", latency]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        found = re.search(r"http://\S+", process.stdout.readline() if process.stdout else "")
        if found is None:
            raise RuntimeError("the emulator did not start")
        yield found[0]
    finally:
        process.terminate()
        process.wait()


def measured(command: list[str]) -> Cost:
    began = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        report = json.loads(out.read())
    if process.returncode != 0:
        raise RuntimeError(f"exit {process.returncode}: {report}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, report)


def show(label: str, people: int, cost: Cost) -> None:
    print(
        f"{label:<34} {people / cost.seconds:>9,.0f} people/s  {cost.seconds:>6.2f} s  CPU {cost.cpu_s:>6.2f} s"
        f"  peak {cost.peak_mb:>4.0f} MB  {cost.report['requests']} requests",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, help="how many (default: 200,000 by batch, 20,000 by identify)")
    parser.add_argument("--api", choices=["batch", "identify"], help="one of the two (default: both)")
    parser.add_argument("--latency", default="50ms")
    asked = parser.parse_args()
    for api, usual in (("batch", 200_000), ("identify", 20_000)):
        if asked.api not in {None, api}:
            continue
        people = asked.people or usual
        with tempfile.TemporaryDirectory() as name, emulated(asked.latency) as url:
            folder = Path(name)
            with (folder / "people.json").open("w", encoding="utf-8") as file:
                write_array(file, made_up(people))
            write_config(folder / "config.json", url, api)
            command = [*SYNCLINE, "run", str(folder / "config.json"), "-d", str(folder / "people.json"), "--json"]
            show(f"{api}, {people:,} people, {asked.latency}", people, measured(command))
            show("  again, nothing changed", people, measured(command))


if __name__ == "__main__":
    main()
