"""The calls that are asked about, by name → their numbers here, and what each does to what it names."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Literal, NamedTuple

Kind = Literal["send", "receive", "write", "read", "sync", "name", "other"]
"""send, receive: over a socket; write, read: a file; sync: fsync; name: what a folder holds changes; other: neither."""


class Entry(NamedTuple):
    """x86_64, aarch64: its number, None where there is none. does: to a file. path: which argument is a path."""

    x86_64: int | None
    aarch64: int | None
    does: Kind
    path: int | None = None


# https://github.com/torvalds/linux: arch/x86/entry/syscalls/syscall_64.tbl, scripts/syscall.tbl (checked 2026-10)
TABLE: Mapping[str, Entry] = {
    "read": Entry(0, 63, "read"),
    "readv": Entry(19, 65, "read"),
    "pread64": Entry(17, 67, "read"),
    "recvfrom": Entry(45, 207, "read"),
    "recvmsg": Entry(47, 212, "read"),
    "write": Entry(1, 64, "write"),
    "writev": Entry(20, 66, "write"),
    "pwrite64": Entry(18, 68, "write"),
    "pwritev": Entry(296, 70, "write"),
    "sendto": Entry(44, 206, "write"),
    "sendmsg": Entry(46, 211, "write"),
    "ftruncate": Entry(77, 46, "write"),
    "fallocate": Entry(285, 47, "write"),
    "fsync": Entry(74, 82, "sync"),
    "fdatasync": Entry(75, 83, "sync"),
    "openat": Entry(257, 56, "name", path=1),  # where it may create; otherwise "other"
    "mkdir": Entry(83, None, "name", path=0),
    "mkdirat": Entry(258, 34, "name", path=1),
    "rename": Entry(82, None, "name", path=0),
    "renameat": Entry(264, 38, "name", path=1),
    "renameat2": Entry(316, 276, "name", path=1),
    "link": Entry(86, None, "name", path=0),
    "linkat": Entry(265, 37, "name", path=1),
    "unlink": Entry(87, None, "name", path=0),
    "unlinkat": Entry(263, 35, "name", path=1),
}
_SECCOMP = Entry(317, 277, "other")

MACHINE = platform.machine()
KNOWN = MACHINE in ("x86_64", "aarch64")


def _here(entry: Entry) -> int | None:
    return entry.x86_64 if MACHINE == "x86_64" else entry.aarch64


NUMBERS: Mapping[int, str] = {number: name for name, entry in TABLE.items() if (number := _here(entry)) is not None}
SECCOMP = _here(_SECCOMP) or 0
