"""The README's first sync, as it stands, against a local Customer.io."""

from __future__ import annotations

from pathlib import Path

from conftest import Local, people, writes
from pages import README
from rehearsal import rehearse


def test_the_first_sync_of_the_readme_does_what_it_shows_in_one_request(tmp_path: Path, local: Local) -> None:
    wrong = rehearse(README, tmp_path, local.url)
    assert not wrong, "\n".join(wrong)
    assert writes(local) == 1
    assert people(local)["1"]["created_at"] == 1361205308


def test_the_readme_knows_how_each_of_the_scripts_was_started() -> None:
    for started in ("./sync -config", "python sync.py -c", "curl --request PUT"):
        assert f"| `{started}" in README.text
