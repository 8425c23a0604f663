"""What Syncline is made of besides itself: locked by hash, in agreement with pyproject.toml, and asked about."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import locked
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


INSTALLABLE = json.dumps({"install": [{"metadata": {"name": "yarl"}}]})
TAMPERED = "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n    idna==3.10 …"
UNHASHED = "ERROR: Hashes are required in --require-hashes mode, but they are missing from some requirements"
OLD_INDEX = "ERROR: Could not find a version\nERROR: No matching distribution found for idna==3.20"


@pytest.mark.parametrize(
    ("code", "stdout", "stderr", "ends", "said"),
    [
        (0, INSTALLABLE, "", 0, "1 packages can be installed, each by its hash"),
        (1, "", TAMPERED, 1, "DO NOT MATCH THE HASHES"),
        (1, "", UNHASHED, 1, "Hashes are required"),
        (1, "", f"WARNING: Retrying\n{OLD_INDEX}", 0, "NOT DONE, no index that can be reached has it all"),
        (2, "", "", 1, "pip ended with 2 and said nothing"),
    ],
)
def test_a_lock_that_pip_does_not_take_hash_by_hash_fails(
    code: int, stdout: str, stderr: str, ends: int, said: str
) -> None:
    found = locked.judged(code, stdout, stderr)
    assert (found.code, said in found.lines[0]) == (ends, True)


def _wheel(folder: Path) -> str:
    """The smallest package that there can be → its hash."""
    path = folder / "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n")
        wheel.writestr("tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("tiny-1.dist-info/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("tiny==1 --hash=sha256:{right}", 0, "1 packages can be installed"),
        ("tiny==1 --hash=sha256:{wrong}", 1, "DO NOT MATCH THE HASHES"),
        ("tiny==1", 1, "Hashes are required"),
        ("tiny==2 --hash=sha256:{right}", 0, "NOT DONE"),
    ],
)
def test_what_is_not_the_file_that_was_locked_is_not_installed(line: str, code: int, said: str, tmp_path: Path) -> None:
    """pip itself, asked as `make audit` asks it, of an index of one package."""
    lock = tmp_path / "lock.txt"
    lock.write_text(line.format(right=_wheel(tmp_path), wrong="0" * 64), encoding="utf-8")
    found = locked.tried(lock, "--isolated", "--no-index", "--find-links", str(tmp_path))
    assert (found.code, said in found.lines[0]) == (code, True), found.lines


# --- what is in the repository ----------------------------------------------------------------------------------------

# Credentials that are known by their looks, as scanners of repositories know them (checked 2026-10).
_CREDENTIALS = re.compile(
    rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"
    rb"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"  # Amazon
    rb"|\bgh[pousr]_[0-9A-Za-z]{36}\b|\bgithub_pat_\w{40,}"
    rb"|\bxox[abprs]-[0-9A-Za-z-]{10,}"  # Slack
    rb"|\bsk_live_[0-9A-Za-z]{16,}"  # Stripe
    rb"|\bAIza[0-9A-Za-z_-]{35}\b"  # Google
    rb"|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"  # a JSON web token
    rb"|\bpypi-[\w-]{50,}"
)


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


def test_no_file_of_the_project_holds_a_credential_that_is_known_by_its_looks() -> None:
    files = [path for path in _files() if path.is_file()]
    assert [path.relative_to(ROOT) for path in files if _CREDENTIALS.search(path.read_bytes())] == []


@pytest.mark.parametrize(
    "credential",
    [
        "-----BEGIN RSA PRIVATE " + "KEY-----",
        "-----BEGIN PRIVATE " + "KEY-----",
        "AKIA" + "IOSFODNN7EXAMPLE",
        "ghp_" + "a1" * 18,
        "xoxb-" + "1234567890-abc",
        "sk_live_" + "a1" * 10,
        "AIza" + "a1" * 17 + "b",
        "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0." + "SflKxwRJSMeKKF2QT4",
        "pypi-" + "Ag" * 30,
    ],
)
def test_such_a_credential_would_be_found(credential: str) -> None:
    assert _CREDENTIALS.search(f'key = "{credential}"'.encode())


def test_what_a_repository_must_not_hold_is_ignored_by_it() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert {".env", ".syncline/"} <= set(ignored)


# What the linter finds, and is told to pass over: each a reason in its line. None of them runs a text or unpickles one,
# but for the user's own file.
_PASSED_OVER = {"S102", "S104", "S105", "S107", "S311", "S608"}


def test_the_linter_looks_for_what_is_unsafe_and_is_told_to_look_away_for_few_reasons() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    assert "S" in lint["select"]
    assert not [rule for rule in lint["ignore"] if rule.startswith("S") and rule != "S101"]
    assert not [place for place, rules in lint["per-file-ignores"].items() if "S" in rules and place.startswith("src")]
    lines = [line for path in (ROOT / "src").rglob("*.py") for line in path.read_text(encoding="utf-8").splitlines()]
    passed = [match for line in lines if (match := re.search(r"# noqa: (S\d+)( # \S.*)?$", line))]
    assert {match[1] for match in passed} <= _PASSED_OVER
    assert all(match[2] for match in passed)
    assert sum(match[1] == "S102" for match in passed) == 1


def test_the_page_on_security_says_whom_to_tell_and_which_versions_are_mended() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert "Report a vulnerability" in text
    assert "## Supported versions" in text


def test_the_unit_that_is_shown_is_hardened() -> None:
    text = (ROOT / "docs" / "how-to" / "as-a-service.md").read_text(encoding="utf-8")
    for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "User=syncline"):
        assert f"\n{line}\n" in text


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
