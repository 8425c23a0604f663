"""The README's first sync, as it stands, against a local Customer.io."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from syncline.emulators import customerio
from syncline.emulators.server import Emulator
from syncline.flow.report import Report
from syncline.model import Outcome

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[list[str]]:
    """The `syncline` lines of the console blocks, without their comments."""
    lines = [line.removeprefix("$ ").partition("#")[0] for block in blocks("console") for line in block.splitlines()]
    return [line.split()[1:] for line in lines if line.startswith("venv/bin/syncline")]


def test_the_first_sync_of_the_readme_works(tmp_path: Path) -> None:
    with Emulator(customerio.Customerio()) as emulator:
        config = json.loads(blocks("json")[0])
        config["destination"]["baseUrl"] = emulator.url
        (tmp_path / "configuration.json").write_text(json.dumps(config), encoding="utf-8")
        rows = [{"id": 1, "email": "ada@example.com", "first_name": "Ada", "created_at": "2013-02-18T16:35:08Z"}]
        (tmp_path / "data.json").write_text(json.dumps(rows), encoding="utf-8")
        environment = os.environ | {"CIO_SITE_ID": "site", "CIO_API_KEY": "key"}
        totals = []
        assert len(commands()) == 3
        for command in commands():
            ran = subprocess.run(
                [sys.executable, "-m", "syncline", *command],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert ran.returncode == 0, ran.stderr
            totals.append(emulator.app.log.total)
        assert totals == [0, 1, 1]
        person = emulator.app.workspace.find(customerio.Identifier("id", "1"))
        assert person is not None
        assert person.read().attributes["created_at"] == "1361205308"


def test_every_outcome_and_exit_code_is_explained() -> None:
    for outcome in Outcome:
        assert f"| `{outcome}` |" in README
    for code in ("0", "1", "2", "3", "70", "75", "130, 143"):
        assert f"| {code} |" in README


def test_the_summary_line_looks_as_the_readme_shows_it() -> None:
    counts = dict.fromkeys(Outcome, 0) | {Outcome.DELIVERED: 3, Outcome.UNCHANGED: 487}
    report = Report(run=3, status="finished", read=490, counts=counts, requests=1, bytes=900, seconds=0.1, problems=())
    assert report.lines()[0] in README
