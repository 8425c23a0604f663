"""A run that ends → its JSON, posted to the URL that `notify` names. Whatever becomes of that, the run stands."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from random import Random
from urllib.parse import urlsplit

import msgspec

from syncline.delivery import Policy, World, ask
from syncline.errors import Interrupted, LedgerFailed, Locked, Refusal, Unanswered
from syncline.flow.report import Report
from syncline.job import Job
from syncline.model import Lane, Request, Response
from syncline.ports import Inquiry

_TIMEOUT_S = 10.0
_POLICY = Policy(probe_tries=3, cap_s=2.0, retry_after_most_s=5.0)


def announced(job: Job, work: Callable[[], Report]) -> Report:
    """The report of `work`; a run that has none is told of as well: refused, locked out, interrupted, failed."""
    if job.notify is None:
        return work()
    try:
        report = work()
    except Exception as error:
        _post(job, _without_report(error))
        raise
    trouble = _post(job, report.as_json())
    return replace(report, warnings=[*report.warnings, trouble]) if trouble else report


def _without_report(error: Exception) -> dict[str, object]:
    """What is told of a run that has no report. Of a bug only its kind: its text may hold data."""
    if isinstance(error, Refusal):
        return {"status": "refused", "problems": [problem._asdict() for problem in error.problems]}
    if isinstance(error, Locked):
        return {"status": "refused", "problems": [error.problem._asdict()]}
    if isinstance(error, Interrupted):
        status, reason, message = "interrupted", error.reason, str(error)
    elif isinstance(error, LedgerFailed):
        status, reason, message = "stopped", "disk", str(error)
    else:
        status, reason, message = "stopped", "bug", type(error).__name__
    return {"status": status, "stopped": {"reason": reason, "message": message, "retryAt": None}}


def _post(job: Job, document: Mapping[str, object]) -> str:
    """ "" when it was taken, else what to say. The URL may hold a token, so only its host is ever named."""
    url = urlsplit(job.notify.get_secret_value() if job.notify else "")
    lane = Lane(f"{url.scheme}://{url.netloc}", (), rate=10.0, timeout_s=_TIMEOUT_S)
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    body = msgspec.json.encode({"name": job.name, **document})
    request = Request("notify", "POST", target, body, (("content-type", "application/json"),))
    try:
        answer = asyncio.run(_asked(lane, request, job.trusted))
    except Unanswered as unanswered:
        return f"notify: {url.hostname} was not told how the run ended: {unanswered}"
    if not 200 <= answer.status < 300:
        return f"notify: {url.hostname} was told how the run ended, and answered {answer.status}"
    return ""


async def _asked(lane: Lane, request: Request, trusted: Collection[str] | None) -> Response:
    from syncline.transport import Transport  # the HTTP client is slow to import

    def told() -> Inquiry[Response]:
        return (yield request)

    async with Transport(1, trusted) as post:
        world = World(post, Random(), time.time)  # noqa: S311 # jitter, not cryptography
        return await ask(told(), {"notify": lane}, world, _POLICY)
