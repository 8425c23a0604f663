"""Exceptions → words and exit codes: 2 refused · 3 resumable · 70 a bug · 75 locked · 130/143 signals."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType

import click

from syncline.errors import Bug, Interrupted, LedgerFailed, Locked, Problem, Refusal, printable

# What the process ends with; the reference is made of it. Where several hold: 70, 130 or 143, 3, 1, 0.
EXIT_CODES: Mapping[int, str] = MappingProxyType(
    {
        0: "every row is delivered, unchanged or folded (or `failOn` forgives what is not)",
        1: "finished, and some rows are invalid or rejected",
        2: "a usage, configuration, data or ledger problem: nothing was sent, nothing was changed",
        3: "rows are left deferred or unknown, or the run or its source ended early: run again, or `run --resume`",
        70: "a bug in Syncline: nothing is lost, please report it",
        75: "another run of the same sync is at work",
        130: "stopped by Ctrl-C (SIGINT), in good order",
        143: "stopped by SIGTERM, in good order",
    }
)

_SIGNALS = {"interrupted": 130, "terminated": 143}


def ended(work: Callable[[], object]) -> int:
    """Runs a verb → its exit code. Whatever happens is said in words on stderr, and as JSON where it was asked for."""
    try:
        result = work()
        if sys.stdout is not None:  # a caller may have closed it
            sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        return _refused([Problem("", 0, 0, error.format_message(), "", "")], 2, error)
    except click.exceptions.Exit as done:
        return int(done.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        return _without_stdout()
    except Refusal as refusal:
        return _refused(refusal.problems, 2)
    except Locked as locked:
        return _refused([Problem("", 0, 0, str(locked), "", "")], 75)
    except Interrupted as signal:
        return _stopped("interrupted", signal.reason, str(signal), _SIGNALS[signal.reason])
    except LedgerFailed as failure:
        return _stopped("stopped", "disk", str(failure), 3)
    except Exception as error:  # the last resort: a bug is reported without the data that may be in its text
        return _bug(error)


def say(lines: Sequence[str]) -> None:
    """Lines for a person, on stdout."""
    for line in lines:
        _print(line)


def emit(document: Mapping[str, object]) -> None:
    """The one JSON document of `--json`."""
    import msgspec

    _print(msgspec.json.encode(document).decode())


def _print(line: str) -> None:
    """Whoever read our output may have gone; the run's exit code stands."""
    try:
        click.echo(line)
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            _complain(f"cannot write to stdout: {error.strerror}")
        _without_stdout()


def _complain(line: str) -> None:
    with suppress(OSError):
        click.echo(line, err=True)


def _wants_json() -> bool:
    return "--json" in sys.argv or "-json" in sys.argv


def _refused(problems: Sequence[Problem], code: int, usage: click.ClickException | None = None) -> int:
    if usage is not None:
        usage.show()
    else:
        for problem in problems:
            _complain(f"error: {printable(_words(problem))}")
    if _wants_json():
        _print(json.dumps({"status": "refused", "problems": [problem._asdict() for problem in problems]}))
    return code


def _words(problem: Problem) -> str:
    return str(problem) if problem.expected else problem.found


def _stopped(status: str, reason: str, message: str, code: int) -> int:
    _complain(f"stopped ({reason}): {printable(message)}")
    if _wants_json():
        stopped = {"reason": reason, "message": message, "retryAt": None}
        _print(json.dumps({"status": status, "stopped": stopped}))
    return code


def _bug(error: Exception) -> int:
    place = traceback.extract_tb(error.__traceback__)[-1]
    told = f": {error}" if isinstance(error, Bug) else ""
    what = f"a bug in Syncline ({type(error).__name__} at {os.path.basename(place.filename)}:{place.lineno}){told}"
    message = f"{what}. Nothing is lost: what was not acknowledged is sent again. Please report it"
    return _stopped("stopped", "bug", message, 70)


def _without_stdout() -> int:
    """Whoever read our output has gone; the work was done before it was printed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
