"""How a request or a run ended → an HTTP status, headers and a document. The table of exit codes, in HTTP's words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from syncline.errors import Interrupted, LedgerFailed, LedgerRefused, Locked, Problem, Refusal
from syncline.flow.report import Report
from syncline.model import Outcome, Stop
from syncline.service.refused import UploadRefused

Headers = Sequence[tuple[str, str]]

RETRY_AFTER_S = 30  # where nobody knows better
MAINTENANCE = Problem(
    "the service",
    0,
    0,
    "a ledger or a register that it cannot use; its log says why",
    "one that it can use",
    "Tell whoever runs the service.",
)
LOCKED = Problem(
    "the sync", 0, 0, "another run of it, outside this service", "one run at a time", "Ask again when that has ended."
)
_ANEW = "Upload it again."
_DISK = "the ledger could not be written: free the disk, then resume"
_BUG = "a bug in Syncline: nothing is lost, what was not acknowledged is sent again; please report it"


class Answer(NamedTuple):
    """What is sent back, as JSON."""

    status: int
    document: dict[str, object]
    headers: Headers = ()


class Declined(Exception):
    """A request that is answered this, and of which nothing comes."""

    def __init__(self, status: int, problems: Sequence[Problem], headers: Headers = ()) -> None:
        self.status, self.problems, self.headers = status, problems, headers
        super().__init__(f"{status}")

    @property
    def answer(self) -> Answer:
        """The document is that of exit 2."""
        return Answer(self.status, refused(self.problems), self.headers)


def declined(status: int, place: str, found: str, expected: str, fix: str, headers: Headers = ()) -> Declined:
    """For one reason. place: which part of the request, or of the service."""
    return Declined(status, [Problem(place, 0, 0, found, expected, fix)], headers)


def later(status: int, problem: Problem, wait_s: float = RETRY_AFTER_S) -> Declined:
    """Not now; ask again in so many seconds."""
    return Declined(status, [problem], _come_back(wait_s))


def busy(found: str, expected: str) -> Problem:
    """What a caller can do nothing about but wait."""
    return Problem("the service", 0, 0, found, expected, "Ask again later.")


def refused(problems: Sequence[Problem]) -> dict[str, object]:
    """`{status, problems}`: nothing was sent, nothing was changed."""
    return {"status": "refused", "problems": [problem._asdict() for problem in problems]}


def answer_of(ended: Report | Exception, now: float) -> Answer:
    """What `PUT /` answers. now: unix seconds."""
    return of_report(ended, now) if isinstance(ended, Report) else of_error(ended)


def of_report(report: Report, now: float) -> Answer:
    """Exit code 0 is 200, 1 is 207; of 3, what coming back would mend is 503, and what it would not is 401 or 207."""
    headers: Headers = ()
    if report.exit_code in (0, 1):
        status = 200 if report.exit_code == 0 else 207
    elif report.stopped is not None and report.stopped.reason == "credentials":
        status, headers = 401, [("www-authenticate", "Destination")]  # no scheme a client could answer by itself
    elif _is_cut_short(report):
        status = 207
    else:
        status, headers = 503, _come_back(_wait_s(report.stopped, now))
    return Answer(status, without_places(report).as_json(), headers)


def without_places(report: Report) -> Report:
    """A disk that failed is told of with the ledger's path, which is nobody's business outside this machine."""
    stopped = report.stopped
    if stopped is None or stopped.reason != "disk":
        return report
    return replace(report, stopped=stopped._replace(message=_DISK))


def _is_cut_short(report: Report) -> bool:
    """The data broke in the middle, and all that could be read was settled: the same upload would end the same."""
    broke = report.stopped is not None and report.stopped.reason == "source" and not report.source_requests
    return broke and not report.counts[Outcome.DEFERRED] and not report.counts[Outcome.UNKNOWN]


def of_error(error: Exception) -> Answer:
    """A run that has no report. Of a bug nothing is told but that it is one: its text may hold data."""
    match error:
        case UploadRefused():
            return Answer(error.status, refused(error.problems))
        case LedgerRefused():  # whoever called cannot mend it, and its text names places of this machine
            return later(503, MAINTENANCE).answer
        case Refusal():
            return Answer(422, refused(error.problems))
        case Locked():
            return Declined(409, [LOCKED]).answer
        case Interrupted():
            return _stopped(503, "interrupted", error.reason, f"{error.reason} while planning: nothing was sent")
        case LedgerFailed():
            return _stopped(503, "stopped", "disk", _DISK)
        case _:
            return _stopped(500, "stopped", "bug", _BUG)


def problems_of(error: Exception) -> Sequence[Problem]:
    """The same for a run that is only looked at later: why nothing of it was sent."""
    match error:
        case LedgerRefused():
            return [MAINTENANCE]
        case Refusal():
            return error.problems
        case Locked():
            return [LOCKED]
        case _:
            words = of_error(error).document["stopped"]
            assert isinstance(words, Mapping)
            return [Problem("the run", 0, 0, str(words["message"]), "a run that ends", _ANEW)]


def _stopped(status: int, word: str, reason: str, message: str) -> Answer:
    document: dict[str, object] = {"status": word, "stopped": {"reason": reason, "message": message, "retryAt": None}}
    return Answer(status, document, _come_back(RETRY_AFTER_S) if status == 503 else ())


def _wait_s(stop: Stop | None, now: float) -> float:
    return stop.retry_at - now if stop is not None and stop.retry_at is not None else RETRY_AFTER_S


def _come_back(wait_s: float) -> Headers:
    return [("retry-after", str(max(1, math.ceil(wait_s))))]
