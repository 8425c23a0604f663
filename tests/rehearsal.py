"""A page's files and commands → run in a folder of their own, in one shell, against local vendors.

The pages speak of the real vendors. So that they meet the local ones, a configuration without a `baseUrl` is given one
before each command, and example keys become the emulators'; nothing else is touched. The ports on which pages start
emulators or a service of their own become free ones.
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
from typing import NamedTuple

from pages import Command, Page, commands_of

DEADLINE_S = 60.0  # for a whole page
_MARK = "\x1e"  # printed by the shell behind the output of each command
_KEYS = {"0123456789abcdef0123": "site", "fedcba9876543210fedc": "key", "CIO_SITE_ID=…": "CIO_SITE_ID=site"}
_KEYS |= {"CIO_API_KEY=…": "CIO_API_KEY=key", "app-0123456789abcdef": "app"}
_KEYS |= {"spa_0123456789abcdef": "space", "sgp_0123456789abcdef": "token"}
_KEYS |= {"01234567-89ab-cdef-0123-456789abcdef": "app", "fedcba98-7654-3210-fedc-ba9876543210": "secret"}
_PORTS = ("3000", "8000", "8001", "8002")
_TOOK = re.compile(r"((?:requests?|to deliver), )[\d.,]+ s")
_TIME = re.compile(r"\d{4}-\d\d-\d\d([ T])\d\d:\d\d:\d\d(Z?)")
_HAS_ADDRESS = re.compile(r"^[^#\n]*baseUrl", re.MULTILINE)
_JSON_DESTINATION = re.compile(r'^(.*"destination": \{.*?)(\s*)\}(,?)$', re.MULTILINE)
_YAML_DESTINATION = re.compile(r"^(destination: \{.*?)(\s*)\}$", re.MULTILINE)
_TYPE = re.compile(r"\btype: (segment|voucherify)\b")
_CONFIGURATION = re.compile(r"userId|^mappings:", re.MULTILINE)


class Vendors(NamedTuple):
    """Where the local ones are."""

    customerio: str
    segment: str = "http://127.0.0.1:9"  # where nobody answers
    voucherify: str = "http://127.0.0.1:9"


def rehearse(page: Page, folder: Path, url: str | Vendors) -> list[str]:
    """Runs the page from top to bottom → where it does not do what it shows. url: of Customer.io, where it is alone."""
    wrong: list[str] = []
    with Stage(folder, Vendors(url) if isinstance(url, str) else url) as stage:
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

    def __init__(self, folder: Path, vendors: Vendors) -> None:
        self._folder, self._vendors = folder, vendors
        self._ports = {shown: str(_free_port()) for shown in _PORTS}
        programs = folder / ".programs"
        programs.mkdir()
        if shutil.which("sqlite3") is None:
            _stand_in(programs / "sqlite3")
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], str(programs)])
        environment = {"PATH": path, "HOME": str(folder), "TERM": "dumb", "LC_ALL": "C.UTF-8"}
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment | {"CIO_SITE_ID": "site", "CIO_API_KEY": "key", "CIO_APP_BASE_URL": vendors.customerio},
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
        path.write_text(_opened(self.local([text])[0]), encoding="utf-8")

    def local(self, texts: Sequence[str]) -> list[str]:
        """The texts of a page, as they have to be here."""
        here = [re.sub(r"(syncline serve\b)(?!.*--port)", r"\1 --port 3000", text) for text in texts]
        return [re.sub(r"((?:127\.0\.0\.1|localhost|\[::1\]):|--port )(\d{4})\b", self._moved, text) for text in here]

    def _moved(self, place: re.Match[str]) -> str:
        return place[1] + self._ports.get(place[2], place[2])

    def run(self, command: Command) -> str:
        """What it prints. A command in the background is waited for until it has printed the last line shown."""
        self._aim()
        (text,) = self.local([command.text])
        text = text.replace("syncline serve", f"syncline serve --allow-origin-url {self._vendors.customerio}")
        self._send(_opened(text))
        printed = ""
        if text.endswith("&"):
            printed = self._until(re.compile(_line(*self.local([command.shown[-1]])) + "\n"))
        self._send("{ kept=$?; printf '\\036'; (exit $kept); }")
        return printed + self._until(re.compile(_MARK)).removesuffix(_MARK)

    def _send(self, line: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(line + "\n")
        self._shell.stdin.flush()

    def _until(self, end: re.Pattern[str]) -> str:
        """Reads to what `end` matches of a line, or to the end of everything."""
        assert self._shell.stdout is not None
        read = line = ""
        while character := self._shell.stdout.read(1):
            read, line = read + character, line + character
            if character in {"\n", _MARK} and end.search(_plain(line)):
                break
            line = "" if character == "\n" else line
        return read

    def _aim(self) -> None:
        """Every configuration without an address of its own gets the local ones."""
        for path in self._folder.iterdir():
            if path.suffix not in {".json", ".yaml"} or path.name == "syncline.schema.json":
                continue
            text = path.read_text(encoding="utf-8")
            if _CONFIGURATION.search(text) and not _HAS_ADDRESS.search(text):
                aimed = self._addressed(text)
                assert _HAS_ADDRESS.search(aimed), f"{path.name} would speak to a real vendor"
                path.write_text(aimed, encoding="utf-8")

    def _addressed(self, text: str) -> str:
        """Source and destination, where they say their type; else it is Customer.io's."""
        text = _TYPE.sub(self._with_address, text)
        if re.search(r"type: voucherify", text):
            return text
        address = f'"baseUrl": "{self._vendors.customerio}"'
        if text.startswith("{"):
            there = _JSON_DESTINATION.sub(rf"\1, {address}\2}}\3", text)
            return there if there != text else text.replace("{", f'{{"destination": {{{address}}},', 1)
        text = _YAML_DESTINATION.sub(rf"\1, {address}\2}}", text)
        return text.replace("\ndestination:\n", f"\ndestination:\n  {address}\n")

    def _with_address(self, kind: re.Match[str]) -> str:
        """`type: segment`, alone on its line or among others."""
        line = kind.string[kind.string.rfind("\n", 0, kind.start()) + 1 : kind.start()]
        between = ", " if "{" in line else "\n" + " " * len(line)
        return f"{kind[0]}{between}baseUrl: {self._vendors._asdict()[kind[1]]}"


def _opened(text: str) -> str:
    """With the keys of the local vendors for those of the page."""
    for shown, real in _KEYS.items():
        text = text.replace(shown, real)
    return text


def _shows(shown: list[str], printed: str) -> bool:
    """Is this what the page shows? `…` in a line is any text, alone any lines; durations and times of day vary."""
    lines = "".join(r"(?:.*\n)*?" if line.strip() == "…" else _line(line) + "\n" for line in shown)
    said = _plain(printed)
    return re.fullmatch(lines, said if said.endswith("\n") or not said else said + "\n") is not None


def _line(shown: str) -> str:
    return re.escape(_plain(shown)).replace("…", ".*")


def _plain(text: str) -> str:
    """Without what varies."""
    return _TIME.sub(r"(time)\1\2", _TOOK.sub(r"\1(some) s", text))


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
