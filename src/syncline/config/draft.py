"""A configuration on its way from the file to the model."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import BaseModel

from syncline.config.findings import Path
from syncline.config.kinds import Kind, SourceKind


class Draft(NamedTuple):
    """tree: what the model is to validate; kind: its destination's; source: its source's;
    written: where moved values stand in the file; meant: the paths that misspelled keys were probably meant for."""

    tree: dict[str, object]
    kind: Kind
    source: SourceKind
    written: dict[Path, Path]
    meant: set[Path]

    @property
    def settings(self) -> dict[str, type[BaseModel]]:
        """The keys under which settings stand, and whose settings they are."""
        return {"destination": self.kind.settings, "source": self.source.settings}

    def place(self, path: Path) -> Path:
        """Where in the file a path of the tree stands."""
        return self.written.get(path, path)
