"""requirements.lock → what pip-audit knows against it: exit 1 where there is something, 0 where nobody can be asked.

An audit that could not be made is said to be none: a machine without a way to the advisories is no reason to stop.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"
_UNREACHABLE = ("Could not connect", "ConnectionError", "Max retries exceeded", "timed out", "not redirecting properly")


class Found(NamedTuple):
    """What an audit says: the exit code, and lines for a person."""

    code: int
    lines: Sequence[str]


def judged(code: int, stdout: str, stderr: str) -> Found:
    """What pip-audit ended with → what that means. It passes over what its source does not know, and ends with 0."""
    try:
        packages = json.loads(stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return _failed(code, stderr)
    known = [package for package in packages if "skip_reason" not in package]
    if not known:
        return _unasked(f"{len(packages)} packages")
    lines = [_line(package, fault) for package in known for fault in package["vulns"]]
    passed_over = [package["name"] for package in packages if "skip_reason" in package]
    if passed_over:
        lines.append(f"audit: no advisories are kept for {', '.join(passed_over)}")
    bad = sum(bool(package["vulns"]) for package in known)
    return Found(1 if bad else 0, [*lines, f"audit: {len(known)} packages asked for, {bad} with advisories"])


def _failed(code: int, stderr: str) -> Found:
    last = stderr.strip().splitlines()[-1:] or [f"pip-audit ended with {code} and said nothing"]
    if any(sign in stderr for sign in _UNREACHABLE):
        return _unasked(last[0])
    return Found(code or 1, [f"audit: {last[0]}"])


def _unasked(why: str) -> Found:
    return Found(0, [f"audit: NOT DONE, no source of advisories can be reached from here ({why})"])


def _line(package: Mapping[str, Any], fault: Mapping[str, Any]) -> str:
    mended = ", ".join(fault["fix_versions"]) or "no version yet"
    return f"audit: {package['name']} {package['version']}: {fault['id']}, mended in {mended}"


def main() -> int:
    words = [sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), "--require-hashes", "--disable-pip"]
    done = subprocess.run(
        [*words, "--format", "json", "--progress-spinner", "off"], capture_output=True, text=True, check=False
    )
    found = judged(done.returncode, done.stdout, done.stderr)
    print("\n".join(found.lines))
    return found.code


if __name__ == "__main__":
    sys.exit(main())
