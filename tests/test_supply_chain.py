"""What Syncline is made of besides itself: locked by hash, in agreement with pyproject.toml, and asked about."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from advisories import LOCK, judged

ROOT = LOCK.parent
# Those of Python, Node, Debian, Go and Rust.
_REGISTRIES = re.compile(
    rb"pypi\.(?:org|python)|pythonhosted\.org|registry\.(?:npmjs|yarnpkg)|deb\.debian|proxy\.golang|crates\.io/"
)
_TREE = {".py", ".md", ".txt", ".lock", ".toml", ".yaml", ".yml", ".json", ".sh", ".sql", ".js", ".cfg", ""}


class Pin(Requirement):
    """One package of the lock, and the hashes of what may be installed for it."""

    def __init__(self, text: str) -> None:
        line, *hashes = re.split(r"\s*\\\n\s*--hash=", text.strip())
        super().__init__(line)
        self.hashes = hashes

    @property
    def version(self) -> Version:
        (only,) = self.specifier
        assert only.operator == "=="
        return Version(only.version)


def _pins() -> Iterator[Pin]:
    text = "".join(line for line in LOCK.read_text(encoding="utf-8").splitlines(True) if not line.startswith("#"))
    return (Pin(block) for block in re.split(r"\n(?=\S)", text.strip()))


PINS: Mapping[str, Pin] = {canonicalize_name(pin.name): pin for pin in _pins()}
DECLARED = [
    Requirement(text)
    for text in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
]


@pytest.mark.parametrize("asked", DECLARED, ids=lambda asked: asked.name)
def test_the_lock_satisfies_what_pyproject_asks_for(asked: Requirement) -> None:
    pin = PINS[canonicalize_name(asked.name)]
    assert pin.version in asked.specifier, "run `make lock`"
    assert (pin.marker is None) == (asked.marker is None)
    assert asked.marker is None or _holds(asked.marker) == (pin.marker is None or _holds(pin.marker))


@pytest.mark.parametrize("pin", PINS.values(), ids=lambda pin: pin.name)
def test_the_lock_is_closed_what_a_package_needs_is_locked_too(pin: Pin) -> None:
    try:
        installed = metadata.distribution(pin.name)
    except metadata.PackageNotFoundError:
        assert pin.marker is not None, "locked for every machine, and not installed on this one: run `make lock`"
        assert not _holds(pin.marker)
        return
    if Version(installed.version) != pin.version:
        return  # its needs may be others; that of this version are known to whoever made the lock
    for need in map(Requirement, installed.requires or ()):
        if need.marker is None or need.marker.evaluate({"extra": ""}):
            assert PINS[canonicalize_name(need.name)].version in need.specifier


def test_every_package_is_locked_to_one_version_and_its_hashes() -> None:
    assert len(PINS) >= len(DECLARED)
    for pin in PINS.values():
        assert pin.hashes
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in pin.hashes)
        assert (pin.url, pin.extras) == (None, set())


def test_the_lock_says_how_it_is_made_and_from_nowhere_in_particular() -> None:
    text = LOCK.read_text(encoding="utf-8")
    assert "make lock" in text
    assert not re.search(r"https?:|file:|--index|--find|--trusted|-e ", text)


def _holds(marker: Marker) -> bool:
    return marker.evaluate({"extra": ""})


def _files() -> list[Path]:
    """What the repository holds, and what is about to be added."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:  # a copy without its history
        return [path for path in ROOT.rglob("*") if path.is_file() and ".venv" not in path.parts]
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


def test_no_file_of_the_project_names_the_host_of_a_registry() -> None:
    """Where packages come from is said by whoever installs them."""
    texts = [path for path in _files() if path.suffix in _TREE and path.is_file()]
    assert len(texts) > 200
    named = [path.relative_to(ROOT) for path in texts if _REGISTRIES.search(path.read_bytes())]
    assert named == []


@pytest.mark.parametrize(
    "host", ["https://pypi" + ".org/simple", "https://files.python" + "hosted.org", "crates" + ".io/api"]
)
def test_such_a_host_would_be_found(host: str) -> None:
    assert _REGISTRIES.search(host.encode())


# --- advisories -------------------------------------------------------------------------------------------------------

CLEAN = {"name": "yarl", "version": "1.25.1", "vulns": []}
SKIPPED = {"name": "rich", "skip_reason": "Dependency not found"}
FAULT = {"id": "GHSA-xxxx", "fix_versions": ["1.26"], "aliases": [], "description": "…"}
FAULTY = {"name": "idna", "version": "3.20", "vulns": [FAULT]}


@pytest.mark.parametrize(
    ("dependencies", "code", "said"),
    [
        ([CLEAN], 0, "1 packages asked for, 0 with advisories"),
        ([CLEAN, FAULTY], 1, "idna 3.20: GHSA-xxxx, mended in 1.26"),
        ([FAULTY | {"vulns": [FAULT | {"fix_versions": []}]}], 1, "mended in no version yet"),
        ([CLEAN, SKIPPED], 0, "no advisories are kept for rich"),
        ([SKIPPED, SKIPPED], 0, "NOT DONE, no source of advisories can be reached from here (2 packages)"),
        ([], 0, "NOT DONE"),
    ],
)
def test_an_audit_fails_for_an_advisory_and_says_so_where_nobody_was_asked(
    dependencies: list[object], code: int, said: str
) -> None:
    found = judged(1 if code else 0, json.dumps({"dependencies": dependencies, "fixes": []}), "")
    assert (found.code, said in "\n".join(found.lines)) == (code, True)


@pytest.mark.parametrize(
    ("stderr", "code", "said"),
    [
        ("ERROR:pip_audit._cli:Could not connect to PyPI's vulnerability feed", 0, "NOT DONE"),
        ("requests.exceptions.ConnectionError: no route", 0, "NOT DONE"),
        ("ERROR:pip_audit._cli:invalid requirements input: requirements.lock", 1, "invalid requirements"),
        ("", 1, "said nothing"),
    ],
)
def test_an_audit_that_breaks_fails_unless_it_is_the_network(stderr: str, code: int, said: str) -> None:
    found = judged(1, "", stderr)
    assert (found.code, said in found.lines[0]) == (code, True)
