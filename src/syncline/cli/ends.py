"""Exceptions → words and exit codes: 2 refused · 3 resumable · 70 a bug · 75 locked · 130/143 signals."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

import click

from syncline._version import __version__
from syncline.cli.options import usage_problem
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
_PACKAGE = Path(__file__).parents[1]


def ended(work: Callable[[], object], *, as_json: bool = False, ours: Path = _PACKAGE) -> int:
    """Runs a verb → its exit code. Whatever happens is said in words on stderr; as_json: and on stdout as a document.

    ours: the folder of the code in which a bug is looked for.
    """
    try:
        result = work()
        return _told(_flush) or (result if isinstance(result, int) else 0)
    except click.ClickException as error:
        return _refused([usage_problem(error)], 2, as_json, error)
    except click.exceptions.Exit as done:
        return int(done.exit_code)
    except (click.Abort, KeyboardInterrupt):  # a run has its own way to end; this was before it, or after
        return _stopped("interrupted", "interrupted", "ended by Ctrl-C", 130, as_json)
    except BrokenPipeError:
        return _without_stdout()
    except Refusal as refusal:
        return _refused(refusal.problems, 2, as_json)
    except Locked as locked:
        return _refused([locked.problem], 75, as_json)
    except Interrupted as signal:
        return _stopped("interrupted", signal.reason, str(signal), _SIGNALS[signal.reason], as_json)
    except LedgerFailed as failure:
        return _stopped("stopped", "disk", str(failure), 3, as_json)
    except OSError as error:
        return _untold(error) if _is_of_printing(error) else _bug(error, as_json, ours)
    except Exception as error:  # the last resort: a bug is reported without the data that may be in its text
        return _bug(error, as_json, ours)


def say(lines: Sequence[str]) -> int:
    """Lines for a person, on stdout → 0, or how a verb ends that had nothing to do but to say them, and could not."""
    return max(map(_print, lines), default=0)


def pour(lines: Iterable[str]) -> int:
    """The same, of lines with their ends, to the letter."""
    return _told(lambda: sys.stdout.writelines(lines) if sys.stdout is not None else None) or _told(_flush)


def emit(document: Mapping[str, object]) -> int:
    """The same, of the one JSON document of `--json`, in which what would move a cursor or hide is written as an
    escape."""
    import msgspec

    text = msgspec.json.encode(document).decode()
    return _print(text if text.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text))


def _print(line: str) -> int:
    return _told(lambda: click.echo(line))


def _flush() -> None:
    if sys.stdout is not None:  # a caller may have closed it
        sys.stdout.flush()


def _told(write: Callable[[], object]) -> int:
    """Writes to stdout → 0. Whoever read it may have gone, which is as well; where it takes no more, it is said."""
    try:
        write()
    except BrokenPipeError:
        return _without_stdout()
    except OSError as error:
        return _untold(error)
    return 0


def _untold(error: OSError) -> int:
    _complain(f"cannot write to stdout: {error.strerror}")
    _without_stdout()
    return 2


def _is_of_printing(error: OSError) -> bool:
    """click opens no file of ours: what it cannot do is to print, as it does its help."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return str(frame.f_globals.get("__name__")).partition(".")[0] in {"click", "rich_click"}


def _complain(line: str) -> None:
    with suppress(OSError):
        click.echo(line, err=True)


def _refused(problems: Sequence[Problem], code: int, as_json: bool, usage: click.ClickException | None = None) -> int:
    if usage is not None:
        with suppress(OSError):
            usage.show()
    else:
        for problem in problems:
            _complain(f"error: {printable(_words(problem))}")
    if as_json:
        _print(json.dumps({"status": "refused", "problems": [problem._asdict() for problem in problems]}))
    return code


def _words(problem: Problem) -> str:
    return str(problem) if problem.expected else problem.found


def _stopped(status: str, reason: str, message: str, code: int, as_json: bool) -> int:
    _complain(f"stopped ({reason}): {printable(message)}")
    if as_json:
        stopped = {"reason": reason, "message": message, "retryAt": None}
        _print(json.dumps({"status": status, "stopped": stopped}))
    return code


def _bug(error: Exception, as_json: bool, ours: Path) -> int:
    """What a report of it needs, and nothing that may hold data: its kind and its places, not its text."""
    told = f": {error}" if isinstance(error, Bug) else ""
    what = f"a bug in Syncline {__version__} ({type(error).__name__} at {_places(error, ours)}){told}"
    fate = "Nothing is lost: what was not acknowledged is sent again"
    how = "Please open an issue in Syncline's repository with this line and the command; leave out credentials and rows"
    return _stopped("stopped", "bug", f"{what}. {fate}. {how}", 70, as_json)


def _places(error: Exception, ours: Path) -> str:
    """The last line of ours, and the one that it led to in somebody else's code."""
    frames = traceback.extract_tb(error.__traceback__)
    last = [frame for frame in frames if ours in Path(frame.filename).parents][-1:]
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in (*last, *frames[-1:])]
    return ", ".join(dict.fromkeys(places))


def _without_stdout() -> int:
    """Whoever read our output has gone; the work was done before it was printed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
