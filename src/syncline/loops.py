"""Where the event loop comes from, and how a call that has one of its own is kept apart from it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from syncline.delivery import Halt

T = TypeVar("T")


def apart(work: Callable[[], T], halt: Halt) -> T:
    """Runs `work` where no event loop runs: here, or in a thread of its own when the caller is inside one.

    There, Ctrl-C asks it to end in good order, and is raised afterwards.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    result: list[T] = []
    failure: list[BaseException] = []

    def guarded() -> None:
        try:
            result.append(work())
        except BaseException as error:  # carried to the caller's thread, whatever it is
            failure.append(error)

    thread = threading.Thread(target=guarded, name="syncline")
    thread.start()
    try:
        thread.join()
    except KeyboardInterrupt:
        halt.request()
        thread.join()
        raise
    if failure:
        raise failure[0]
    return result[0]


def new_event_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where it is to be had: half the CPU a request."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
