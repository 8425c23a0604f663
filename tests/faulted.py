"""What the fault matrix's tests share: runs of the real tool against a fault server, and what must hold after each.

Whatever happened: every row has one outcome, the API saw as many requests as were counted, no credential and nobody's
e-mail is told, and a run in fair weather puts everything right.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

import syncline as library
from conftest import Ended
from faultserver import FaultServer
from syncline import Report
from syncline.delivery import Gauge, Halt
from syncline.job import Watch, no_watch

SITE, KEY = "canary-site-7c1d", "canary-key-e09b"
SECRETS = (SITE, KEY, base64.b64encode(f"{SITE}:{KEY}".encode()).decode())
PERSONAL = "canary.ada"
DEADLINE_S = 60.0
LONG_S = 20.0  # longer than any run here takes: it is halted then, and its test fails

Row = dict[str, object]


def rows(count: int, *, first: int = 1, filling: str = "") -> list[Row]:
    """Each row with a field `note`, of `filling`, when there is any."""
    note = {f"note{at}": filling[at : at + 1_000] for at in range(0, len(filling), 1_000)}
    return [
        {"id": str(at), "name": f"Ada {at}", "email": f"{PERSONAL}.{at}@example.org", **note}
        for at in range(first, first + count)
    ]


def held(some: Sequence[Row]) -> dict[str, Row]:
    return {str(row["id"]): {name: value for name, value in row.items() if name != "id"} for row in some}


def counts(report: Report) -> dict[str, int]:
    return {str(outcome): count for outcome, count in report.counts.items() if count}


def document(url: str, fields: Sequence[str] = (), **destination: object) -> dict[str, Any]:
    """A configuration: one request at a time, ten people a batch, so that a script says who meets what."""
    names = ["name", "email", *fields]
    return {
        "name": "faults",
        "userId": "id",
        "siteId": SITE,
        "apiKey": KEY,
        "parallelism": 1,
        "mappings": [{"from": name, "to": name} for name in names],
        "destination": {"baseUrl": url, "batchItems": 10, **destination},
    }


class Stage:
    """One sync against one fault server."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
        self._folder, self._capfd, self._caplog = folder, capfd, caplog
        caplog.set_level(logging.DEBUG)

    def run(
        self,
        server: FaultServer,
        some: Sequence[Row],
        *,
        parallelism: int = 1,
        halt: Halt | None = None,
        watch: Watch = no_watch,
        counted: bool = True,
        retry_rejected: bool = False,
        **destination: Any,
    ) -> Report:
        """counted: every attempt can reach the server, so it must have seen each of them (R10)."""
        self._settings, self._rows = destination, some
        fields = sorted({name for row in some for name in row} - {"id", "name", "email"})
        config = document(server.url, fields, **destination) | {"parallelism": parallelism}
        before, halt = len(server.asked), halt or Halt()
        watchdog = threading.Timer(LONG_S, halt.request)
        watchdog.start()
        report = library.run(
            config,
            data=iter(some),
            halt=halt,
            watch=watch,
            retry_rejected=retry_rejected,
            state_dir=self._folder / "state",
        )
        watchdog.cancel()
        assert sum(report.counts.values()) == report.read == len(some)
        assert not counted or report.requests == len(server.asked) - before
        self._nothing_told(report)
        return report

    def _nothing_told(self, report: Report) -> None:
        """P1, P2."""
        out = self._capfd.readouterr()
        logged = "\n".join(record.getMessage() + str(record.exc_text or "") for record in self._caplog.records)
        told = "\n".join([out.out, out.err, logged, json.dumps(report.as_json()), *report.lines(all_problems=True)])
        assert not [canary for canary in (*SECRETS, PERSONAL) if canary in told]
        kept = b"".join(path.read_bytes() for path in self._folder.rglob("*") if path.is_file())
        assert not [secret for secret in SECRETS if secret.encode() in kept]

    def puts_right(self, server: FaultServer, **changed: Any) -> None:
        """A run in fair weather with the same rows ends with everybody as the rows say."""
        server.clear_up()
        again = self.run(server, self._rows, retry_rejected=True, **(self._settings | changed))
        assert (again.exit_code, again.stopped) == (0, None)
        assert server.people == held(self._rows)


class Seen:
    """Watches a delivery from within; `gauge` is there once it has begun."""

    def __init__(self) -> None:
        self.gauge: Gauge | None = None

    def planning(self, rows: int, share: float | None) -> None:
        return

    def delivering(self, gauge: Gauge) -> AbstractContextManager[None]:
        @contextmanager
        def watching() -> Iterator[None]:
            self.gauge = gauge
            yield

        return watching()

    @property
    def requests(self) -> int:
        return self.gauge.requests if self.gauge is not None else 0


# --- the tool as a process ------------------------------------------------------------------------------------------


def begin(
    folder: Path, url: str, some: Sequence[Row], *, env: Mapping[str, str] | None = None, before: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """`syncline run --json`; before: what it is started by."""
    config, data = folder / "configuration.json", folder / "data.json"
    config.write_text(json.dumps(document(url)))
    config.chmod(0o600)
    data.write_text(json.dumps(some))
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    words = [*before, sys.executable, "-m", "syncline", "run", str(config), "-d", str(data), "--json"]
    return subprocess.Popen(
        words,
        cwd=folder,
        env=kept | {"TERM": "dumb"} | dict(env or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> Ended:
    try:
        out, err = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
        process.wait()
    assert not [canary for canary in (*SECRETS, PERSONAL) if canary in out + err]
    return Ended(process.returncode, out, err)
