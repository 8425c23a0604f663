"""A tree → a private copy of it, with an interpreter that knows nothing else: whatever runs there is what was copied.

The product may be installed from the tree itself, and tests start `python -m syncline` with an environment of their
own, so a PYTHONPATH would be lost on the way. The copy's interpreter has the copy on its path instead, and what a test
starts by `sys.executable` is that same one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path
from typing import NamedTuple

_TAKEN = ("src", "tests", "pyproject.toml")
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR")
_WHERE = "import syncline; print(syncline.__file__)"


class NotTheCopy(Exception):
    """The copy's interpreter would test another tree."""


class Ended(NamedTuple):
    """How pytest ended. failed: ids of the tests that failed by an assertion or an exception of their own."""

    code: int
    failed: tuple[str, ...]
    output: str


class Copy:
    """`folder`: where it is made, and all that it leaves. compiled: takes along what Python made of the sources; for a
    tree at which nobody else is at work.
    """

    def __init__(self, root: Path, folder: Path, *, compiled: bool = False) -> None:
        self.folder = folder
        folder.mkdir()
        ignored = shutil.ignore_patterns(*(() if compiled else ("__pycache__",)))
        for name in _TAKEN:
            if (root / name).is_dir():
                shutil.copytree(root / name, folder / name, ignore=ignored)
            else:
                shutil.copyfile(root / name, folder / name)
        self.python = self._interpreter()
        self._check()

    def _interpreter(self) -> Path:
        """Like the one that runs this, with the copy in the place of the installed product."""
        home = self.folder / "python"
        venv.EnvBuilder(symlinks=True).create(home)
        packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(home), "platbase": str(home)}))
        # A folder named in a .pth file is taken as it is: the .pth files in it, which name the tree, are not read.
        paths = [str(self.folder / "src"), *{sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}]
        (packages / "copy.pth").write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
        return home / "bin" / "python"

    def _check(self) -> None:
        """As a process that a test starts, with an empty environment and elsewhere. Raises `NotTheCopy`."""
        told = subprocess.run([self.python, "-B", "-c", _WHERE], env={}, cwd="/", capture_output=True, text=True)
        if not told.stdout.startswith(str(self.folder / "src")):
            raise NotTheCopy(f"the product is {told.stdout.strip() or told.stderr.strip()}, not the copy")

    def test(self, *ids: str, within_s: float, first: bool = True) -> Ended:
        """Raises `subprocess.TimeoutExpired`. first: stops at the first failure."""
        words = ["-m", "pytest", "-q", "-rf", "-p", "no:cacheprovider", f"--basetemp={self.folder / 'tmp'}"]
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | {"CI": "1"}
        with subprocess.Popen(
            [self.python, *words, *(["-x"] if first else []), *ids],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                output, _ = process.communicate(timeout=within_s)
            finally:
                _end(process)
        named = [line.removeprefix("FAILED ") for line in output.splitlines() if line.startswith("FAILED ")]
        return Ended(process.returncode, tuple(line.partition(" - ")[0] for line in named), output)


def _end(process: subprocess.Popen[str]) -> None:
    """With all that it has started: a test that is cut off leaves its processes behind."""
    if process.poll() is None:
        os.killpg(process.pid, 9)
