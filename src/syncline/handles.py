"""How many connections this process may have open at once: each takes a file handle, and the system allows so many."""

from __future__ import annotations

import os
import resource
from contextlib import suppress

from syncline.errors import LedgerRefused, Problem

_OTHERS = 22  # the ledger and its journals, what is staged, the data, the event loop, the resolver
_LEAST = 16  # what a run with one connection was seen to take, nothing being spare: 15


def affordable(connections: int) -> int:
    """As many of them as there are handles for, at least one. The limit is raised first, as far as the system lets it:
    macOS begins with 256, some containers with less."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _open_now() + _OTHERS + connections
    if _suffices(soft, needed):
        return connections
    raised = needed if _suffices(hard, needed) else hard
    with suppress(ValueError, OSError):  # then it stays as it was
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
        soft = raised
    return max(1, connections - (needed - soft))


def refuse_too_few() -> None:
    """Raises `LedgerRefused` where there are too few handles even for one connection: later, when an event loop cannot
    be made or a socket not be opened, there would be a plan already, and nobody to deliver it."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _open_now() + _LEAST
    if not _suffices(soft, needed):
        found, fix = f"this process may open {soft} files at a time", "Raise that with `ulimit -n`."
        raise LedgerRefused(Problem("", 0, 0, found, f"at least {needed}, for the ledger and a connection", fix))


def _suffices(limit: int, needed: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= needed


def _open_now() -> int:
    try:
        return len(os.listdir("/dev/fd"))
    except OSError:  # no /dev, or no handle left to read it with
        return 3
