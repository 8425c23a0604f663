"""A page's files and commands → run in a folder of their own, in one shell, against a local Customer.io.

The pages speak of the real Customer.io. So that they meet the local one, a configuration without a `baseUrl` is given
one before each command, and example keys become the emulator's; nothing else is touched. The port 8000, on which pages
start an emulator of their own, becomes a free one.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from pages import Command, Page, commands_of

DEADLINE_S = 60.0  # for a whole page
_MARK = "\x1e"  # printed by the shell behind the output of each command
_KEYS = {"0123456789abcdef0123": "site", "fedcba9876543210fedc": "key", "CIO_SITE_ID=…": "CIO_SITE_ID=site"}
_KEYS |= {"CIO_API_KEY=…": "CIO_API_KEY=key"}
_TOOK = re.compile(r"(requests?, )[\d.,]+ s")
_TIME = re.compile(r"\d{4}-\d\d-\d\d([ T])\d\d:\d\d:\d\d(Z?)")
_HAS_ADDRESS = re.compile(r"^[^#\n]*baseUrl", re.MULTILINE)
_JSON_DESTINATION = re.compile(r'^(.*"destination": \{.*?)(\s*)\}(,?)$', re.MULTILINE)
_YAML_DESTINATION = re.compile(r"^(destination: \{.*?)(\s*)\}$", re.MULTILINE)


def rehearse(page: Page, folder: Path, url: str) -> list[str]:
    """Runs the page from top to bottom → where it does not do what it shows."""
    wrong: list[str] = []
    with Stage(folder, url) as stage:
        for block in page.blocks:
            if block.title:
                stage.write(block.title, block.text)
            for command in commands_of(block) if block.language == "console" else ():
                printed = stage.run(command)
                if not _shows(stage.local(command.shown), printed):
                    shown = "".join(f"  {line}\n" for line in command.shown)
                    wrong.append(f"{page.name}:{command.line}: $ {command.text}\nshown:\n{shown}printed:\n{printed}")
    return wrong


class Stage:
    """A folder, and a shell in it."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder, self._url, self._port = folder, url, str(_free_port())
        programs = folder / ".programs"
        programs.mkdir()
        if shutil.which("sqlite3") is None:
            _stand_in(programs / "sqlite3")
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], str(programs)])
        environment = {"PATH": path, "HOME": str(folder), "TERM": "dumb", "LC_ALL": "C.UTF-8"}
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment | {"CIO_SITE_ID": "site", "CIO_API_KEY": "key"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,  # so that it ends with all it started
        )
        self._watchdog = threading.Timer(DEADLINE_S, self._end)

    def __enter__(self) -> Stage:
        self._watchdog.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watchdog.cancel()
        self._end()
        self._shell.communicate()

    def _end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._shell.pid, signal.SIGKILL)

    def write(self, name: str, text: str) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.local([text])[0], encoding="utf-8")

    def local(self, texts: Sequence[str]) -> list[str]:
        """The texts of a page, as they have to be here."""
        here = [text.replace("127.0.0.1:8000", f"127.0.0.1:{self._port}") for text in texts]
        return [re.sub(r"--port 8000\b", f"--port {self._port}", text) for text in here]

    def run(self, command: Command) -> str:
        """What it prints. A command in the background is waited for until it has printed the last line shown."""
        self._aim()
        (text,) = self.local([command.text])
        for shown, real in _KEYS.items():
            text = text.replace(shown, real)
        self._send(text)
        printed = ""
        if text.endswith("&"):
            printed = self._until(command.shown[-1] + "\n")
        self._send("{ kept=$?; printf '\\036'; (exit $kept); }")
        return printed + self._until(_MARK).removesuffix(_MARK)

    def _send(self, line: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(line + "\n")
        self._shell.stdin.flush()

    def _until(self, end: str) -> str:
        """Reads to `end`, or to the end of everything."""
        assert self._shell.stdout is not None
        read = ""
        while not read.endswith(end) and (character := self._shell.stdout.read(1)):
            read += character
        return read

    def _aim(self) -> None:
        """Every configuration without an address of its own gets the local one's, and example keys become its keys."""
        for path in self._folder.iterdir():
            if path.suffix not in {".json", ".yaml"} or path.name == "syncline.schema.json":
                continue
            text = aimed = path.read_text(encoding="utf-8")
            for shown, real in _KEYS.items():
                aimed = aimed.replace(shown, real)
            if "userId" in aimed and not _HAS_ADDRESS.search(aimed):
                aimed = self._addressed(aimed)
                assert _HAS_ADDRESS.search(aimed), f"{path.name} would speak to the real Customer.io"
            if aimed != text:
                path.write_text(aimed, encoding="utf-8")

    def _addressed(self, text: str) -> str:
        address = f'"baseUrl": "{self._url}"'
        if text.startswith("{"):
            there = _JSON_DESTINATION.sub(rf"\1, {address}\2}}\3", text)
            return there if there != text else text.replace("{", f'{{"destination": {{{address}}},', 1)
        text = _YAML_DESTINATION.sub(rf"\1, {address}\2}}", text)
        return text.replace("\ndestination:\n", f"\ndestination:\n  {address}\n")


def _shows(shown: list[str], printed: str) -> bool:
    """Is this what the page shows? `…` in a line is any text, alone any lines; durations and times of day vary."""
    lines = "".join(r"(?:.*\n)*?" if line.strip() == "…" else _line(line) + "\n" for line in shown)
    said = _TIME.sub(r"(time)\1\2", _TOOK.sub(r"\1(some) s", printed))
    return re.fullmatch(lines, said if said.endswith("\n") or not said else said + "\n") is not None


def _line(shown: str) -> str:
    return re.escape(_TIME.sub(r"(time)\1\2", _TOOK.sub(r"\1(some) s", shown))).replace("…", ".*")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _stand_in(path: Path) -> None:
    """Where there is no sqlite3 program: what its list mode prints."""
    path.write_text(
        f"#!{sys.executable}\nimport sqlite3, sys\n"
        "for row in sqlite3.connect(sys.argv[-2]).execute(sys.argv[-1]):\n"
        "    print(*('' if cell is None else cell for cell in row), sep='|')\n",
        encoding="utf-8",
    )
    path.chmod(0o755)
