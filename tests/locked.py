"""requirements.lock → whether pip installs it, each file by its hash, on this machine: exit 1 where it does not.

Nothing is installed. Where no index that can be reached has these versions, nothing is known, and that is said.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from advisories import LOCK, Found

_WORDS = ["--dry-run", "--quiet", "--ignore-installed", "--require-hashes", "--disable-pip-version-check", "--no-input"]
_UNKNOWN = ("No matching distribution found", "ConnectionError", "Could not find a suitable TLS CA certificate")


def judged(code: int, stdout: str, stderr: str) -> Found:
    """What pip ended with → what that means. It says what is wrong in the first of its errors."""
    errors = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if line.startswith("ERROR: ")]
    if code == 0:
        return Found(0, [f"lock: {len(json.loads(stdout)['install'])} packages can be installed, each by its hash"])
    unknown = next((line for line in errors if any(sign in line for sign in _UNKNOWN)), None)
    if unknown:
        return Found(0, [f"lock: NOT DONE, no index that can be reached has it all ({unknown})"])
    return Found(1, [f"lock: {errors[0] if errors else f'pip ended with {code} and said nothing'}"])


def tried(lock: Path, *more: str) -> Found:
    """more: options of pip's, for another index."""
    words = [sys.executable, "-m", "pip", "install", *_WORDS, "--report", "-", "--requirement", str(lock), *more]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return judged(done.returncode, done.stdout, done.stderr)


def main() -> int:
    found = tried(LOCK)
    print("\n".join(found.lines))
    return found.code


if __name__ == "__main__":
    sys.exit(main())
