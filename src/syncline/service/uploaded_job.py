"""A configuration and data that were uploaded → a job whose data goes by the name it was uploaded under.

The file itself has a random name, which would mean nothing in a message, and less in a ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from syncline import config as configuration
from syncline.errors import DataRefused, SourceBroke, printable
from syncline.job import Data, Job
from syncline.model import Row, RowRef
from syncline.ports import Source
from syncline.service.spool import Received
from syncline.sources.files import FileSource
from syncline.sources.reading import Reading

_NAMELESS = "data"


class UploadedJob(Job):
    """data: None where the rows come from an API, or a plan is gone on with."""

    def __init__(self, loaded: configuration.Loaded, state_dir: Path, data: Received | None) -> None:
        files = loaded.sync.source if isinstance(loaded.sync.source, configuration.Files) else configuration.Files()
        self._reads = Reading(files.format, files.path, files.delimiter, files.encoding)
        self._uploaded = data
        super().__init__(loaded, state_dir, self._reads)

    @property
    def data(self) -> Path | None:
        """What a run of it is given."""
        return self._uploaded.path if self._uploaded is not None else None

    def source(self, data: Data | None, waiting: Callable[[], None] = lambda: None) -> Source:
        if self._uploaded is None:
            return super().source(data, waiting)
        name = printable(self._uploaded.filename) if self._uploaded.filename.strip() else _NAMELESS
        return _Renamed(FileSource([self._uploaded.path], self._reads), str(self._uploaded.path), name)


class _Renamed:
    """A `Source` of one file, which messages and rows call by another name."""

    def __init__(self, source: Source, path: str, name: str) -> None:
        self._source, self._path, self._name = source, path, name

    @property
    def complete(self) -> bool:
        return self._source.complete

    def position(self) -> tuple[int, int | None]:
        return self._source.position()

    def chunks(self) -> Iterator[Sequence[Row]]:
        try:
            for chunk in self._source.chunks():
                yield [Row(RowRef(self._name, row.ref.row, row.ref.line), row.fields, row.fault) for row in chunk]
        except DataRefused as refusal:
            problems = [problem._replace(file=self._said(problem.file)) for problem in refusal.problems]
            raise DataRefused(problems) from None
        except SourceBroke as early:
            raise SourceBroke(self._said(str(early))) from None

    def _said(self, text: str) -> str:
        return text.replace(self._path, self._name)
