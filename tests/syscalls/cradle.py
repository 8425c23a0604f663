"""The warm interpreter itself: imports all of Syncline, then forks a process for each request that comes in."""

from __future__ import annotations

import json
import os
import pkgutil
import socket
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

import syncline
from syncline.cli import main
from syscalls.seccomp import put_under_watch

_LINE = 500  # a number that no process of ours reaches: what is said on it is not asked about
_WORDS_BYTES = 1 << 16


def warm_up() -> None:
    """Everything that a run may import while it is at work."""
    for module in pkgutil.walk_packages(syncline.__path__, "syncline."):
        if not module.name.startswith(("syncline.emulators", "syncline.service", "syncline.__main__")):
            import_module(module.name)
    for name in ("aiohttp", "uvloop", "encodings.idna", "multiprocessing.reduction"):
        import_module(name)


def serve(line: socket.socket) -> None:
    while True:
        said, files, _, _ = socket.recv_fds(line, _WORDS_BYTES, 2)
        if not said:
            return
        child = os.fork()
        if child == 0:
            become(json.loads(said), files, line)
        for file in files:
            os.close(file)
        _, status = os.waitpid(child, 0)
        line.send(json.dumps({"status": status}).encode())


def become(asked: Mapping[str, Any], files: Sequence[int], line: socket.socket) -> NoReturn:
    """This process is that run, from here to its end."""
    os.dup2(files[0], 1)
    os.dup2(files[1], 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for file in files:
        os.close(file)
    os.chdir(asked["folder"])
    sys.argv = ["syncline", *asked["words"]]
    myself = os.pidfd_open(os.getpid())
    listener = put_under_watch(asked["names"], line.fileno())
    socket.send_fds(line, [b"watch"], [listener, myself])
    os.close(listener)
    os.close(myself)
    os._exit(_played())


def _played() -> int:
    """→ its exit code. The interpreter is not taken down with care, as that would take longer than a run."""
    code = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        return 120  # as an interpreter that cannot flush at its end
    return code


if __name__ == "__main__":
    given = socket.socket(fileno=int(sys.argv[1]))
    os.dup2(given.fileno(), _LINE)
    given.close()
    warm_up()
    serve(socket.socket(fileno=_LINE))
