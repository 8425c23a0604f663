"""What a signal means before a verb has begun, and after it has ended: the end at once, and nothing more.

Python would raise `KeyboardInterrupt` in the middle of an import, where it ends in a traceback or is swallowed. This is
imported before anything that takes time.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from types import FrameType

# What is said, and the exit code.
_ENDS = {
    signal.SIGINT: ("interrupted", "ended by Ctrl-C", 130),
    signal.SIGTERM: ("terminated", "ended by SIGTERM", 143),
    signal.SIGHUP: ("terminated", "ended with its terminal", 143),
}
_heeded: list[signal.Signals] = []  # those that are ours
_DOCUMENT = '{"status": "interrupted", "stopped": {"reason": "%s", "message": "%s", "retryAt": null}}\n'


def wants_json(words: Sequence[str]) -> bool:
    """Does a command line ask for a document, whatever else is wrong with it?"""
    return "--json" in words or "-json" in words


def begin(*, as_json: bool) -> None:
    """From here on a signal ends the process with words, a document where one was asked for, and its exit code."""

    def end(number: int, frame: FrameType | None) -> None:
        reason, message, code = _ENDS[signal.Signals(number)]
        _tell(2, f"stopped ({reason}): {message}\n")
        if as_json:
            _tell(1, _DOCUMENT % (reason, message))
        os._exit(code)

    _heeded[:] = [number for number in _ENDS if signal.getsignal(number) is not signal.SIG_IGN]  # as under nohup
    for number in _heeded:
        signal.signal(number, end)


def over() -> None:
    """The verb is there: from here on signals are its own business."""
    for number in _heeded:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def ended() -> None:
    """All is done and told: a signal comes too late to change it."""
    for number in _heeded:
        signal.signal(number, signal.SIG_IGN)


def _tell(file: int, words: str) -> None:
    try:
        os.write(file, words.encode())
    except OSError:  # whoever watched may have gone
        return
