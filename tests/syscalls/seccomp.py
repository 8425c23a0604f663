"""A filter in one process, and its listener in another → each call is asked about before it happens.

https://docs.kernel.org/userspace-api/seccomp_filter.html#userspace-notification (checked 2026-10)
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import re
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from fcntl import ioctl
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from syscalls.table import KNOWN, MACHINE, NUMBERS, SECCOMP, TABLE, Kind

# From linux/seccomp.h, linux/prctl.h and linux/bpf_common.h.
_NO_NEW_PRIVS, _SET_FILTER, _NEW_LISTENER = 38, 1, 1 << 3
_LOAD, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000
_AT_NUMBER, _AT_FIRST_ARGUMENT = 0, 16  # in struct seccomp_data
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_QUESTION = struct.Struct("=QII iI7Q")  # id, pid, flags; number, architecture, instruction, six arguments
_ANSWER = struct.Struct("=QqiI")  # id, value, error, flags
_GO_ON = 1

_NO = "no: "
_TRY = f"""
import sys
sys.path.append(sys.argv[1])
from syscalls.seccomp import put_under_watch
try:
    put_under_watch([], 0)
except OSError as no:
    sys.exit("{_NO}" + no.strerror)
"""

_PATH_BYTES = 4096
_STANDARD = {1: "/dev/stdout", 2: "/dev/stderr"}  # by what it is, not by where a test has it go


class Call(NamedTuple):
    """A call that is about to be made. number: counts from 1; path: the file (or "socket:[…]", "pipe:[…]") it is about,
    as far as it can be told; kind: see `table.py`."""

    number: int
    name: str
    path: str
    kind: Kind


Act = int
LET: Final[Act] = 0
DIE: Final[Act] = -1
"""What a judge answers: one of these, or the errno that the call fails with."""

Judge = Callable[[Call], Act]


@cache
def lacking() -> str:
    """What there would have to be for this to work here; "" when nothing is missing."""
    if platform.system() != "Linux" or [*map(int, re.findall(r"\d+", platform.release())[:2])] < [5, 5]:
        return f"Linux 5.5 (here: {platform.system()} {platform.release()})"
    if not KNOWN:
        return f"the numbers of the system calls of {MACHINE} (table.py has x86-64 and arm64)"
    tried = subprocess.run([sys.executable, "-c", _TRY, str(Path(__file__).parents[1])], capture_output=True, text=True)
    if tried.returncode and not tried.stderr.startswith(_NO):
        raise RuntimeError(tried.stderr)  # a mistake of ours must not look like a machine that cannot
    return f"seccomp's user notifications ({tried.stderr.strip().removeprefix(_NO)})" if tried.returncode else ""


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]


def _instructions(numbers: Sequence[int], spared: int) -> bytes:
    """Asks about each of these calls, unless its first argument is the file descriptor `spared`."""
    tests = [(_IF_EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    program = [
        (_LOAD, 0, 0, _AT_FIRST_ARGUMENT),
        (_IF_EQUAL, len(numbers) + 1, 0, spared),
        (_LOAD, 0, 0, _AT_NUMBER),
        *tests,
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _NOTIFY),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in program)


def put_under_watch(names: Iterable[str], spared: int) -> int:
    """From now on these calls of this thread, and of all that it starts, wait for an answer → the listener to ask at.

    Calls about the file descriptor `spared` go on unasked: through it the listener is handed over.
    """
    libc, wanted = ctypes.CDLL(None, use_errno=True), set(names)
    code = _instructions([number for number, name in NUMBERS.items() if name in wanted], spared)
    buffer = ctypes.create_string_buffer(code)
    program = _Program(len(code) // 8, ctypes.addressof(buffer))
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    listener = libc.syscall(SECCOMP, _SET_FILTER, _NEW_LISTENER, ctypes.byref(program))
    if listener < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(listener)


def watch(listener: int, process: int, judge: Judge, within_s: float) -> list[Call]:
    """Answers until nobody is left who could ask → the calls, in order. process: a pidfd, to be killed by.

    Raises `TimeoutError` when it has not ended in time; it is killed then, too.
    """
    calls: list[Call] = []
    poll, deadline = select.poll(), time.monotonic() + within_s
    poll.register(listener, select.POLLIN)
    while True:
        events = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
        if not events:
            _kill(process)
            raise TimeoutError(f"the process had not ended after {within_s:.0f} s; its last call: {calls[-1:]}")
        if not events[0][1] & select.POLLIN:
            return calls
        _answer_one(listener, process, judge, calls)


def _answer_one(listener: int, process: int, judge: Judge, calls: list[Call]) -> None:
    question = bytearray(_QUESTION.size)
    try:
        ioctl(listener, _RECEIVE, question, True)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EINTR):  # who asked is dead by now
            return
        raise
    identifier, thread, _, number, _, _, *arguments = _QUESTION.unpack(question)
    call = _call(len(calls) + 1, thread, NUMBERS[number], arguments)
    calls.append(call)
    act = judge(call)
    if act == DIE:
        _kill(process)
        return
    answer = _ANSWER.pack(identifier, 0, -act, 0) if act else _ANSWER.pack(identifier, 0, 0, _GO_ON)
    with suppress(FileNotFoundError):  # who asked is dead by now
        ioctl(listener, _SEND, bytearray(answer), True)


def _kill(process: int) -> None:
    with suppress(ProcessLookupError):  # another of its threads may have asked before, and died of it
        signal.pidfd_send_signal(process, signal.SIGKILL)


def _call(number: int, thread: int, name: str, arguments: Sequence[int]) -> Call:
    entry = TABLE[name]
    if entry.path is not None:
        path = _text_at(thread, arguments[entry.path])
        creates = name != "openat" or arguments[2] & os.O_CREAT
        return Call(number, name, path, "name" if creates else "other")
    path = _file_of(thread, arguments[0])
    return Call(number, name, path, _kind(entry.does, path))


def _kind(does: Kind, path: str) -> Kind:
    if path.startswith("socket:"):
        return "send" if does == "write" else "receive"
    return does if path.startswith("/") else "other"


def _file_of(thread: int, argument: int) -> str:
    descriptor = ctypes.c_int(argument).value
    try:
        return _STANDARD.get(descriptor) or os.readlink(f"/proc/{thread}/fd/{descriptor}")
    except OSError:
        return ""


def _text_at(thread: int, address: int) -> str:
    """The path that stands at an address of another process."""
    try:
        with Path(f"/proc/{thread}/mem").open("rb", buffering=0) as memory:
            memory.seek(address)
            return os.fsdecode(memory.read(_PATH_BYTES).partition(b"\0")[0])
    except OSError:
        return ""
