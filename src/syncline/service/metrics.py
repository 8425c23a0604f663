"""What the service has done since it started, and is doing → the text that Prometheus reads.

https://prometheus.io/docs/instrumenting/exposition_formats/ (checked 2026-10). No label is a name, an id or a value.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import NamedTuple

from syncline._version import __version__
from syncline.flow.report import Report
from syncline.model import Outcome
from syncline.service.progress import Progress
from syncline.service.runs import Ended, Runs, Work

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ENDS = ("finished", "stopped", "interrupted", "refused")


class _Done(NamedTuple):
    """What runs have done."""

    settled: Counter[Outcome]
    requests: int
    sent_bytes: int
    asked: int

    @classmethod
    def of(cls, progress: Progress) -> _Done:
        return cls(progress.settled, progress.requests, progress.sent_bytes, progress.source_requests)

    def plus(self, more: _Done) -> _Done:
        requests, sent_bytes, asked = (mine + theirs for mine, theirs in zip(self[1:], more[1:], strict=True))
        return _Done(self.settled + more.settled, requests, sent_bytes, asked)


class Metrics:
    """Counts. Any thread may call. started: unix seconds."""

    def __init__(self, started: float) -> None:
        self._started, self._lock = started, threading.Lock()
        self._responses: Counter[int] = Counter()
        self._ends: Counter[str] = Counter()
        self._done = _Done(Counter(), 0, 0, 0)

    def answered(self, status: int) -> None:
        with self._lock:
            self._responses[status] += 1

    def ended(self, work: Work, ended: Ended) -> None:
        """A run that is resumed ends twice, and each time only what was done since counts."""
        with self._lock:
            self._ends[ended.status if isinstance(ended, Report) else "refused"] += 1
            self._done = self._done.plus(_Done.of(work.progress))

    def text(self, runs: Runs) -> str:
        works = runs.works
        waiting = sum(work.status == "queued" for work in works)
        with self._lock:
            ends = {f'status="{status}"': self._ends[status] for status in _ENDS}
            responses = {f'status="{status}"': count for status, count in sorted(self._responses.items())}
            done = reduce(_Done.plus, (_Done.of(work.progress) for work in works), self._done)
        settled = {f'outcome="{outcome}"': done.settled[outcome] for outcome in Outcome}
        lines = [
            *_metric("syncline_info", "gauge", "The version that runs.", {f'version="{__version__}"': 1}),
            *_metric("syncline_start_time_seconds", "gauge", "When the service started.", {"": self._started}),
            *_metric("syncline_runs_at_work", "gauge", "Runs at work.", {"": len(works) - waiting}),
            *_metric("syncline_runs_waiting", "gauge", "Runs that wait for their turn.", {"": waiting}),
            *_metric("syncline_runs_ended_total", "counter", "Runs that ended, by their status.", ends),
            *_metric("syncline_settled_total", "counter", "People whose sending ended, by outcome.", settled),
            *_metric("syncline_requests_total", "counter", "Requests sent to destinations.", {"": done.requests}),
            *_metric("syncline_sent_bytes_total", "counter", "Bytes of their bodies.", {"": done.sent_bytes}),
            *_metric("syncline_source_requests_total", "counter", "Requests sent to sources.", {"": done.asked}),
            *_metric("syncline_responses_total", "counter", "Answers of this service, by status.", responses),
        ]
        return "\n".join(lines) + "\n"


def _metric(name: str, kind: str, meaning: str, values: Mapping[str, float]) -> Iterable[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"
    for labels, value in values.items():
        yield f"{name}{{{labels}}} {value}" if labels else f"{name} {value}"
