"""What can go wrong → who must act. Each class is named for the reader; its message says what to do next.

    SynclineError
    ├── Refusal                  exit 2: nothing was sent, nothing was changed
    │   ├── ConfigRefused        the configuration must be mended (all its problems at once)
    │   ├── DataRefused          the data cannot be read at all
    │   ├── LedgerRefused        the ledger cannot be used: corrupt, foreign, newer, unwritable
    │   └── NothingToResume      `--resume` without a plan to go on with
    ├── Interrupted              exit 130 or 143: a signal while planning; nothing was sent
    ├── Locked                   exit 75: another run holds this ledger
    ├── SourceBroke              a source ended early, after at least one row (exit 3)
    ├── LedgerFailed             the disk failed after the first request (exit 3)
    ├── Unfit                    one row cannot be sent as it is (outcome: invalid)
    ├── Refused                  a destination said no to a whole request: the engine halves it
    ├── Garbled                  a destination's answer makes no sense: its items are in doubt
    ├── Again                    what was accepted came to nothing: it may be sent again
    ├── Unfinished               what was accepted has no result yet: its items are in doubt, and can be asked for later
    ├── Misconfigured            the probe knows what is wrong (the run stops)
    │   ├── CredentialsRefused   … with the credentials, or the region that they are for
    │   └── WrongAddress         … with the address
    ├── Unsent                   no byte of the request left this machine
    ├── Unanswered               bytes left; no usable answer came back
    └── Bug                      exit 70: Syncline broke a promise of its own

Nothing here holds a credential or a row's values.
"""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urlsplit

_EMAIL = re.compile(r"[^\s@\"'<>(),;:]+@[^\s@\"'<>(),;:]+")
_PHONE = re.compile(r"\+\d[\d ()./-]{6,}\d")


def printable(text: str) -> str:
    """The text with everything that could move a cursor or hide (controls, bidi marks, lone bytes) as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def said(text: str, limit: int = 300) -> str:
    """A vendor's own words, fit to be shown: printable, at most `limit` characters, e-mails and phones masked."""
    masked = _PHONE.sub("(phone)", _EMAIL.sub("(e-mail)", " ".join(text[: 4 * limit].split())))
    return printable(masked)[:limit]


def origin_of(location: str) -> str:
    """Where a redirect leads, without the parts that may hold a credential."""
    if not host_of(location):
        return "an unnamed place"
    parts = urlsplit(location)
    return said(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")


def host_of(location: str) -> str:
    try:
        return urlsplit(location).hostname or ""
    except ValueError:  # "http://[": whoever answers here is not the vendor
        return ""


# What a row can break before it is sent. `Unfit` and the report name these.
RULES: Mapping[str, str] = MappingProxyType(
    {
        "row-unreadable": "the row itself cannot be read: not an object, another encoding, a repeated key, too large",
        "transform-failed": "the `transform` function raised, or gave something that is no row",
        "identifier-missing": "the field that `userId` names is absent",
        "identifier-unfit": "the identifier is null, blank, a boolean or a fraction, too long, or of another kind",
        "value-unfit": "the value cannot be converted as `as`, `normalise` or `hash` ask",
        "value-too-long": "the value is longer than the destination takes",
        "name-unfit": "the attribute's name is longer than the destination takes, or kept for itself",
        "reserved-value": "the destination gives this attribute a meaning, and the value has none there",
        "identifiers-differ": "two identifiers in the row contradict each other",
        "too-many-attributes": "more attributes than the destination takes for one person",
        "record-too-large": "the encoded record is larger than the destination takes",
    }
)


def counted(number: int, what: str) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def place_of(error: BaseException) -> str:
    """`KeyError at answers.py:83`: what a bug report needs, and nothing of the data that may be in its text."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {os.path.basename(frame.filename)}:{frame.lineno}"


class Problem(NamedTuple):
    """One thing to mend in a configuration: where it stands, what was found, what was expected, how to fix it.

    `line` and `column` count from 1; 0 where the place is not known. `found` never holds a credential.
    """

    file: str
    line: int
    column: int
    found: str
    expected: str
    fix: str

    @property
    def words(self) -> str:
        """All but the place."""
        expected = f"; expected {self.expected}" if self.expected else ""
        return f"{self.found}{expected}" + (f". {self.fix}" if self.fix else "")

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        return f"{place}: {self.words}" if place else self.words


class Placed(Problem):
    """One whose words name its file already."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.words


class Found(Problem):
    """One that is told as `found …`, as it concerns what was given and not what was written down for us."""

    __slots__ = ()

    @property
    def words(self) -> str:
        return f"found {super().words}"


class SynclineError(Exception):
    """The root of everything Syncline raises on purpose."""


class Refusal(SynclineError):
    """The run was refused before it began: nothing was sent and nothing was changed. Exit 2."""

    def __init__(self, problems: Sequence[Problem] | Problem | str) -> None:
        if isinstance(problems, str):
            problems = Problem("", 0, 0, problems, "", "")
        self.problems = [problems] if isinstance(problems, Problem) else list(problems)
        super().__init__("\n".join(map(str, self.problems)))


class ConfigRefused(Refusal):
    """The configuration has problems; the message lists all of them."""


class DataRefused(Refusal):
    """The data cannot be read: missing, empty, of another encoding, broken before its first row, or damaged."""


class LedgerRefused(Refusal):
    """The ledger cannot be used; the message says why and what to do."""


class NothingToResume(Refusal):
    """There is no unfinished plan to go on with."""


class Interrupted(SynclineError):
    """A signal came while the plan was made: nothing was sent and nothing was changed."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"{reason} while planning: nothing was sent")


class Locked(SynclineError):
    """Another run of the same sync is at work; the message names its process. Exit 75."""

    def __init__(self, problem: Problem | str) -> None:
        self.problem = Problem("", 0, 0, problem, "", "") if isinstance(problem, str) else problem
        super().__init__(str(self.problem))


class SourceBroke(SynclineError):
    """The source ended early: the rows before stand, the rest was not read. The message names the place."""


class LedgerFailed(SynclineError):
    """The ledger could not record an acknowledgement, so no new request may start."""


class Unfit(SynclineError):
    """This row cannot be sent as it is. `field` names the culprit ("" for the row as a whole).

    rule: which of `RULES` it breaks, so that a report can say it once for many rows.
    """

    def __init__(self, field: str, reason: str, rule: str = "") -> None:
        self.field, self.reason, self.rule = field, reason, rule
        super().__init__(f"{field}: {reason}" if field else reason)


class Refused(SynclineError):
    """The destination refused a whole request for good. Halve it until the culprit stands alone.

    passing: not for what it says, so that tomorrow it may be taken.
    """

    def __init__(self, reason: str, field: str = "", *, too_large: bool = False, passing: bool = False) -> None:
        self.field, self.reason, self.too_large, self.passing = field, reason, too_large, passing
        super().__init__(reason)


class Garbled(SynclineError):
    """The answer makes no sense, so nobody knows what was applied: the items are in doubt."""


class Again(SynclineError):
    """A destination accepted a request, and then nothing came of it (a job that failed): it may be sent again."""


class Unfinished(SynclineError):
    """A destination accepted a request, and its result does not come in time. It can still be asked for."""


class Misconfigured(SynclineError):
    """Something is wrong for everybody, and the API says what; the message passes it on. stops: the run's reason."""

    stops = "refused"


class CredentialsRefused(Misconfigured):
    """It is the credentials, or the region that they are for."""

    stops = "credentials"


class WrongAddress(Misconfigured):
    """It is the address: another place is named, or somebody else answers."""

    stops = "address"


class Unsent(SynclineError):
    """The request never left: no address, no connection. Nothing can have been applied.

    hopeless: on first contact, waiting would not mend it (no such host, an untrusted certificate).
    """

    def __init__(self, reason: str, *, hopeless: bool = False) -> None:
        self.hopeless = hopeless
        super().__init__(reason)


class Unanswered(SynclineError):
    """The request left, and no usable answer came back. It may have been applied.

    hopeless: on first contact, waiting would not mend it (whoever answers speaks another language); stale: it left on a
    connection that had been used before, which the other side had closed meanwhile.
    """

    def __init__(self, reason: str, *, hopeless: bool = False, stale: bool = False) -> None:
        self.hopeless, self.stale = hopeless, stale
        super().__init__(reason)


class Bug(SynclineError):
    """Syncline broke one of its own promises. Please report it; the message says which."""
