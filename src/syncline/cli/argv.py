"""The ancestors' argv → ours.

`-config C -data D`, `-config=C -data=D`, `-c C -d D` and `--config C --data D` all mean `run C --data D`.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import rich_click as click

from syncline.cli.options import Misused

_CONFIG = ("c", "config")
_DATA = ("d", "data")
_WRITE = "Write it like -config configuration.json -data data.json."
_GLOBAL = ("-h", "--help", "--version")
_READING = ("format", "path", "delimiter", "encoding")
_PLANNING = ("limit", "only", "full", "resume", "adopt", "dry-run", "require-state")
_RUN_OPTIONS = (*_READING, *_PLANNING, "state-dir", "env-file", "json")


def normalised(argv: Sequence[str], verbs: Sequence[str]) -> list[str]:
    """Leaves alone what begins with a verb, or only asks for help. Raises click's usage errors."""
    if not argv or argv[0] in verbs or not argv[0].startswith("-") or argv[0] in _GLOBAL:
        return list(argv)
    config: str | None = None
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        name, has_value, value = _split(word)
        if name in _CONFIG or name in _DATA:
            value = value if has_value else next(words, "")
            if not value:
                raise Misused(f"{word} without a file", "one behind it", _WRITE)
            if name in _CONFIG and config is not None:
                raise Misused("two configurations", "one", "Give the one that is meant.")
            if name in _CONFIG:
                config = value
            else:
                rest += ["--data", value]
        elif name in _RUN_OPTIONS:
            rest.append(f"--{name}" + (f"={value}" if has_value else ""))
        else:
            _refuse_typo(word, name)
            rest.append(word)
    if config is None:
        raise Misused("no configuration", "its name", _WRITE)
    return ["run", config, *rest]


def _split(word: str) -> tuple[str, bool, str]:
    """`-config=a.json` → ("config", True, "a.json"); a word that is no option has no name."""
    if not word.startswith("-") or word == "-":
        return "", False, ""
    name, equals, value = word.lstrip("-").partition("=")
    return name, bool(equals), value


def _refuse_typo(word: str, name: str) -> None:
    """A click option parser would read `-confg=a` as `-c onfg=a`."""
    if len(name) > 1 and name not in ("help", "version"):
        near = difflib.get_close_matches(name, [*_CONFIG, *_DATA, *_RUN_OPTIONS], 1)
        dashes = word[: len(word) - len(word.lstrip("-"))]
        hint = f" Did you mean {dashes}{near[0]}?" if near else ""
        raise click.NoSuchOption(dashes + name, f"No such option: {dashes}{name}.{hint}")
