"""A real `syncline` process, every system call of which that matters is asked about before it happens.

    with Nursery() as nursery:  # one warm interpreter; each run is a fork of it, and takes 20 ms
        ended = nursery.run(["run", "configuration.json", "--json"], folder)
        ended.calls  # what it did: [Call(12, "pwrite64", "…/x.db-wal", "write"), …]
        nursery.run(words, folder, die_at(17))  # SIGKILL in the place of its 17th call
        nursery.run(words, folder, fail("fdatasync", EIO, at=2))  # the second one fails, later ones do not
        nursery.run(words, folder, fail("pwrite64", ENOSPC, at=5, path=".db-wal", sticky=True))  # the disk stays full

A judge is any function `Call → Act`: `LET` it happen, `DIE` before it does, or an errno that it fails with and does not
happen. It is asked in the order in which the calls are made, whatever the thread. What is asked about: `table.py`.

Nothing is installed for this, and nobody has to be root: the kernel itself asks (seccomp's user notifications; Linux
5.5 or newer, x86-64 or arm64). `lacking()` says what is missing where it cannot; a test then skips, and says so.
"""

from __future__ import annotations

from syscalls.judges import die_at, fail, let_all
from syscalls.nursery import Ended, Nursery
from syscalls.seccomp import DIE, LET, Act, Call, Judge, lacking

__all__ = ["DIE", "LET", "Act", "Call", "Ended", "Judge", "Nursery", "die_at", "fail", "lacking", "let_all"]
