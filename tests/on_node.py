"""A vendor's client for Node → installed once, and driven by a program of calls, in a process of Node's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

NODE, NPM = shutil.which("node"), shutil.which("npm")
DEADLINE_S = 120.0  # the first run installs

needs_node = pytest.mark.skipif(not (NODE and NPM), reason="the client runs on Node: node and npm are not installed")

Call = Mapping[str, object]
Drive = Callable[..., list[Any]]


def installed(config: pytest.Config, folder: Path, package: str) -> Path:
    """The package, in exactly the version that the folder's `package.json` names, kept in pytest's cache."""
    assert config.cache is not None
    kept = config.cache.mkdir(package.replace("/", "-"))
    wanted = json.loads((folder / "package.json").read_text())["dependencies"][package]
    manifest = kept / "node_modules" / package / "package.json"
    if not manifest.exists() or json.loads(manifest.read_text())["version"] != wanted:
        shutil.copy(folder / "package.json", kept)
        command = [str(NPM), "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
        ended = subprocess.run(command, cwd=kept, capture_output=True, text=True, check=False, timeout=DEADLINE_S)
        assert ended.returncode == 0, ended.stderr
    return kept / "node_modules"


def driver(program: Path, modules: Path) -> Drive:
    """Makes the calls in turn → what each returned or threw."""

    def run(url: str, *calls: Call) -> list[Any]:
        ended = subprocess.run(
            [str(NODE), str(program), url],
            input=json.dumps(calls),
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE_S,
            env={**os.environ, "NODE_PATH": str(modules)},
        )
        assert ended.returncode == 0, ended.stderr
        results: list[Any] = json.loads(ended.stdout)
        return results

    return run
