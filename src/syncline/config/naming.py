"""A configuration → which sync it is and where it goes, whatever else in it is wrong or missing: verbs that only look
need no credentials."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from syncline.config.environment import Variables, dotenv_beside, env_file_named, gather
from syncline.config.findings import Describer
from syncline.config.parse import Unreadable, parse
from syncline.config.read import read
from syncline.config.spelling import spell
from syncline.config.tree import settle
from syncline.config.values import Name

_NAME: TypeAdapter[str] = TypeAdapter(Name)


class Named(NamedTuple):
    """A sync by its name; the type of its destination; directory: where its relative paths begin."""

    name: str
    destination: str
    directory: Path


def named(config: str | Path, env_file: str | Path | None) -> Named | None:
    """None where the configuration does not tell even that."""
    path = Path(config)
    directory = path.absolute().parent
    try:
        parsed = parse(read(path).text, is_json=path.suffix.lower() == ".json")
        settled = settle(parsed.tree, _variables(directory, env_file))
        if not isinstance(settled.tree, dict):
            return None
        draft, _ = spell(settled.tree, path.stem, Describer(settled.borrowed, settled.secrets))
        name = _NAME.validate_python(draft.tree.get("name"), strict=True)
    except (Unreadable, ValidationError):
        return None
    return Named(name, draft.kind.settings.model_fields["type"].default, directory)


def _variables(directory: Path, env_file: str | Path | None) -> Callable[[], Variables]:
    """As a run has them; gathered at the first reference."""
    return cache(lambda: gather(None, dotenv_beside(directory) if env_file is None else env_file_named(Path(env_file))))
