"""One warm interpreter, in a process of its own → a `syncline` process for each run, forked from it, under watch.

Importing what Syncline imports takes ten times as long as a small run does; a fork has it all from the start. The
interpreter is not the one of the tests: that one has threads, and a fork would inherit half of what they were doing.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple

from syscalls.judges import let_all
from syscalls.seccomp import Call, Judge, watch
from syscalls.table import TABLE

WITHIN_S = 60.0  # no small run takes longer, unless it hangs
_WORDS_BYTES = 1 << 16


class Ended(NamedTuple):
    """How a process ended. code: negative for the signal that killed it. calls: all that was asked about."""

    code: int
    stdout: str
    stderr: str
    calls: Sequence[Call]

    @property
    def document(self) -> Any:
        """Its stdout, which must be exactly one JSON document."""
        return json.loads(self.stdout)


class Nursery:
    """A context manager. Runs are one at a time; for more at a time take more nurseries."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        kept = ("PATH", "HOME", "LANG", "TMPDIR")
        self._environment = {name: os.environ[name] for name in kept if name in os.environ}
        path = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]))
        self._environment |= {"TERM": "dumb", "PYTHONPATH": path, **(environment or {})}

    def __enter__(self) -> Nursery:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        words = [sys.executable, "-m", "syscalls.cradle", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(words, env=self._environment, pass_fds=[theirs.fileno()])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.close()  # which ends it
        self._process.wait(WITHIN_S)

    def run(
        self,
        words: Sequence[str | Path],
        folder: Path,
        judge: Judge = let_all,
        names: Sequence[str] = tuple(TABLE),
        within_s: float = WITHIN_S,
    ) -> Ended:
        """`syncline WORDS`, started in `folder`. names: the calls to ask about. Raises `TimeoutError`."""
        asked = {"words": [*map(str, words)], "folder": str(folder), "names": [*names]}
        with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            socket.send_fds(self._line, [json.dumps(asked).encode()], [stdout.fileno(), stderr.fileno()])
            _, handed, _, _ = socket.recv_fds(self._line, _WORDS_BYTES, 2)
            if not handed:
                raise RuntimeError(f"the process ended before it was under watch: {_text(stderr)}")
            listener, process = handed
            try:
                calls = watch(listener, process, judge, within_s)
            finally:
                status = json.loads(self._line.recv(_WORDS_BYTES))["status"]
                for file in handed:
                    os.close(file)
            return Ended(os.waitstatus_to_exitcode(status), _text(stdout), _text(stderr), calls)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()
