"""Who may read a credential besides its owner: the configuration's file, and the file of variables that lends one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from canaries import API_KEY, SITE_ID
from syncline.config import Loaded, load
from syncline.errors import ConfigRefused

BASE = {"userId": "id", "mappings": [{"from": "a", "to": "a"}]}
LITERAL = {"siteId": SITE_ID, "apiKey": API_KEY}
BORROWED = {"siteId": "${SITE}", "apiKey": "${KEY}"}
VARIABLES = f"SITE={SITE_ID}\nKEY='{API_KEY}'\nREGION=eu\n"


def written(folder: Path, mode: int, text: str, name: str = ".env") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def configured(folder: Path, settings: dict[str, str], mode: int = 0o600, **more: Any) -> Loaded:
    environment = more.pop("environment", {})
    file = written(folder, mode, json.dumps(BASE | settings), "users.json")
    return load(file, environment=environment, **more)


MODES = [(0o600, 0), (0o400, 0), (0o640, 1), (0o644, 1), (0o604, 1), (0o666, 1)]


@pytest.mark.parametrize(("mode", "warned"), MODES)
def test_a_file_of_variables_that_lends_a_credential_to_all_is_warned_of(
    mode: int, warned: int, tmp_path: Path
) -> None:
    written(tmp_path, mode, VARIABLES)
    warnings = configured(tmp_path, BORROWED).warnings
    assert len(warnings) == warned
    for said in warnings:
        assert f"{mode:04o}" in said
        assert f"`chmod 600 {tmp_path / '.env'}`" in said


def test_a_file_that_was_asked_for_by_name_is_no_other(tmp_path: Path) -> None:
    file = written(tmp_path, 0o644, VARIABLES, ".env.staging")
    (said,) = configured(tmp_path, BORROWED, env_file=file).warnings
    assert f"`chmod 600 {file}`" in said


def test_the_mode_of_a_file_of_variables_is_that_of_what_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(written(tmp_path, 0o644, VARIABLES, ".env.elsewhere"))
    assert len(configured(tmp_path, BORROWED).warnings) == 1


def test_a_file_that_lends_no_credential_may_be_read_by_all(tmp_path: Path) -> None:
    written(tmp_path, 0o644, VARIABLES)
    from_elsewhere = {"SITE": "a-site", "KEY": "a-key"}
    assert configured(tmp_path, BORROWED, environment=from_elsewhere).warnings == ()
    region: dict[str, Any] = {"siteId": "a-site", "apiKey": "a-key", "destination": {"region": "${REGION}"}}
    assert configured(tmp_path, region).warnings == ()


def test_without_a_reference_it_is_not_even_looked_at(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".env")
    assert configured(tmp_path, LITERAL).warnings == ()


@pytest.mark.parametrize(("mode", "refused"), MODES)
@pytest.mark.parametrize("settings", [LITERAL, BORROWED], ids=["in the file", "lent"])
def test_with_strict_permissions_it_is_refused(
    settings: dict[str, str], mode: int, refused: int, tmp_path: Path
) -> None:
    lent = settings is BORROWED
    written(tmp_path, mode if lent else 0o600, VARIABLES)
    if not refused:
        assert configured(tmp_path, settings, mode, strict_permissions=True).warnings == ()
        return
    with pytest.raises(ConfigRefused) as error:
        configured(tmp_path, settings, 0o600 if lent else mode, strict_permissions=True)
    (problem,) = error.value.problems
    assert Path(problem.file).name == (".env" if lent else "users.json")
    assert problem.found == f"a credential that others may read (mode {mode:04o})"
    assert problem.fix.startswith(f"Run `chmod 600 {problem.file}`")


def test_both_files_are_told_at_once(tmp_path: Path) -> None:
    written(tmp_path, 0o644, VARIABLES)
    with pytest.raises(ConfigRefused) as error:
        configured(tmp_path, {"siteId": SITE_ID, "apiKey": "${KEY}"}, 0o644, strict_permissions=True)
    assert [Path(problem.file).name for problem in error.value.problems] == ["users.json", ".env"]
