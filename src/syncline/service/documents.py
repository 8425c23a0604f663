"""Runs, at work or ended → the documents that are shown of them."""

from __future__ import annotations

from collections.abc import Iterator

from syncline.flow.report import Report, RowProblem
from syncline.model import Outcome
from syncline.service.answers import declined, without_places
from syncline.service.past import Standing, is_there, looking, rows, told
from syncline.service.recall import Recall
from syncline.service.registry import Entry, Registry
from syncline.service.runs import Runs, Work


class Documents:
    """Who is at work is always asked first: a run that is not has been remembered as it ended."""

    def __init__(self, runs: Runs, registry: Registry, recall: Recall) -> None:
        self._runs, self._registry, self._recall = runs, registry, recall

    def listed(self, most: int) -> dict[str, object]:
        """`{runs: […]}`, the newest first."""
        works = {work.run: work for work in self._runs.works}
        return {"runs": [self._short(entry, works.get(entry.id)) for entry in self._registry.newest(most)]}

    def whole(self, run: str) -> dict[str, object]:
        """A run with what it is at, what it came to, or why it was refused. Raises `Declined`."""
        work = self._runs.work(run)
        entry = self.found(run)
        report = self._report(entry) if work is None else None
        return self._short(entry, work) | {
            "progress": work.progress.as_json() if work is not None else None,
            "report": without_places(report).as_json() if report is not None else None,
            "problems": entry.said.get("problems", []),
        }

    def rows(self, run: str, outcome: Outcome | None) -> Iterator[RowProblem]:
        """Those that did not make it: when it has ended, and came so far as to have any. Raises `Declined`."""
        if self._runs.work(run) is not None:
            raise declined(409, "the run", "a run at work", "one that has ended", "Ask for its rows then.")
        entry = self.found(run)
        if entry.number is None:
            fix = "Its problems say why; mend them, and upload it again."
            raise declined(409, "the run", "a run that was refused before it had rows", "one that read its data", fix)
        path = self._recall.path_of(entry)
        if not is_there(path):
            fix = "Put the ledger back, or run the sync again."
            raise declined(404, "the run", "a run whose ledger is gone, and its rows with it", "its ledger", fix)
        return rows(path, entry.number, outcome)

    def found(self, run: str) -> Entry:
        """Raises `Declined`."""
        entry = self._registry.find(run)
        if entry is None:
            fix = "`GET /runs` lists the newest."
            raise declined(404, "the run", "an id that no run of this service has", "one that `POST /runs` gave", fix)
        return entry

    def _short(self, entry: Entry, work: Work | None) -> dict[str, object]:
        stands = self._recall.standing(entry) if work is None else Standing(work.status, False)
        return {
            "id": entry.id,
            "sync": entry.sync,
            "status": stands.status,
            "run": entry.number,
            "created": entry.created,
            "started": entry.started,
            "ended": entry.ended,
            "resumable": stands.resumable,
        }

    def _report(self, entry: Entry) -> Report | None:
        """What a run came to, by its ledger; None where that holds nothing of it."""
        if entry.number is None:
            return None
        path = self._recall.path_of(entry)
        with looking(path) as db:
            return told(db, path, entry.number, entry.said) if db is not None else None
