"""A configuration file or object, and the environment → one typed Sync; or every problem at once.

    read → parse → settle (references, limits) → spell (the ancestors' keys) → model and rules → Loaded

A step goes on after what it finds, so that one run shows everything there is to mend; only a text that cannot be parsed
ends it.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from syncline.config.environment import Variables, gather
from syncline.config.explain import explain, field_at, is_number, value_at
from syncline.config.findings import Describer, Finding
from syncline.config.findings import Path as KeyPath
from syncline.config.model import Sync
from syncline.config.parse import Parsed, Unreadable, parse
from syncline.config.places import Places
from syncline.config.read import is_empty, read
from syncline.config.rules import check
from syncline.config.spelling import Draft, secret_names, spell
from syncline.config.tree import Settled, settle
from syncline.errors import ConfigRefused, Problem

OBJECT_LABEL = "the configuration object"


class Loaded(NamedTuple):
    """A configuration, ready. directory: absolute, where its relative paths begin; label: the file as written."""

    sync: Sync
    name: str
    directory: Path
    label: str
    warnings: tuple[str, ...]


class _Opened(NamedTuple):
    """A configuration before anything is checked. mode: the file's permission bits, None for an object."""

    parsed: Parsed
    stem: str
    directory: Path
    label: str
    mode: int | None


def load(
    config: str | Path | Mapping[str, object],
    *,
    environment: Mapping[str, str] | None = None,
    env_file: str | Path | None = None,
) -> Loaded:
    """Read and check a configuration. `environment` replaces the process's own; `.env` beside the file fills in.

    Raises ConfigRefused with all problems.
    """
    label = OBJECT_LABEL if isinstance(config, Mapping) else str(config)
    try:
        opened = _open(config, label)
        warnings: list[str] = []
        settled = settle(opened.parsed.tree, partial(_variables, environment, opened.directory, warnings, {}))
    except Unreadable as fault:
        place = (0, 0) if isinstance(config, Mapping) else fault.place
        raise ConfigRefused([Problem(label, *place, fault.found, fault.expected, fault.fix)]) from None
    tell = Describer(settled.borrowed, settled.secrets)
    if not isinstance(settled.tree, dict):
        raise _refused([_not_an_object(settled.tree), *settled.findings], opened)
    draft, findings = spell(settled.tree, opened.stem, tell)
    sync, refused = _validate(draft, settled, tell)
    findings = _distinct([*findings, *refused, *check(draft, tell)], settled)
    if findings or sync is None:
        raise _refused(_about_stem(findings, settled.tree, opened), opened)
    if exposed := _exposed(draft, settled, opened):
        warnings.append(exposed)
    return Loaded(sync, sync.name, opened.directory, label, tuple(warnings))


def _open(config: str | Path | Mapping[str, object], label: str) -> _Opened:
    if isinstance(config, Mapping):
        return _Opened(Parsed(config, lambda: Places({}, {})), "", Path.cwd(), label, None)
    path = Path(config)
    text, mode = read(path)
    if is_empty(text):
        raise Unreadable(
            (1, 1), "the configuration is empty", "a configuration", "`syncline init` writes one to start from."
        )
    parsed = parse(text, is_json=path.suffix.lower() == ".json")
    return _Opened(parsed, path.stem, path.absolute().parent, label, mode)


def _variables(
    environment: Mapping[str, str] | None, directory: Path, warnings: list[str], kept: dict[str, Variables]
) -> Mapping[str, str]:
    """The variables, gathered at the first reference and kept."""
    if not kept:
        kept["all"] = gather(environment, directory)
        warnings += kept["all"].warnings
    return kept["all"].values


def _validate(draft: Draft, settled: Settled, tell: Describer) -> tuple[Sync | None, Iterable[Finding]]:
    """The typed Sync, or why there is none. Strict: a text is no number, true is not 1."""
    _numbers_from_environment(draft, settled)
    try:
        return Sync.model_validate(draft.tree, strict=True), []
    except ValidationError as error:
        return None, list(explain(error, draft, tell))


def _numbers_from_environment(draft: Draft, settled: Settled) -> None:
    """A variable is always text, so where the model wants a number, the text of a number is one. Nowhere else."""
    for path in settled.borrowed:
        holder, text = value_at(path[:-1], draft.tree), value_at(path, draft.tree)
        if isinstance(holder, dict) and isinstance(text, str) and is_number(field_at(path, draft.kind.settings)):
            if re.fullmatch(r"-?[0-9]{1,15}", text):
                holder[path[-1]] = int(text)
            elif re.fullmatch(r"-?[0-9]{1,15}\.[0-9]{1,15}", text):
                holder[path[-1]] = float(text)


def _distinct(findings: Iterable[Finding], settled: Settled) -> list[Finding]:
    """The first finding of each path, and none about what an unset variable or an impossible number left behind."""
    broken = {finding.path for finding in settled.findings if not finding.at_key}
    kept: dict[tuple[KeyPath, bool], Finding] = {}
    for finding in findings:
        if finding.path not in broken:
            kept.setdefault((finding.path, finding.at_key), finding)
    return [*settled.findings, *kept.values()]


def _about_stem(findings: list[Finding], tree: dict[str, object], opened: _Opened) -> list[Finding]:
    """A name nobody wrote is the file's, or missing: say so, and what to write."""
    if "name" in tree:
        return findings
    better = re.sub(r"[^A-Za-z0-9._-]+", "-", opened.stem).lstrip(".").strip("-")[:100] or "my-sync"
    found = "the file's name cannot name the sync" if opened.stem else 'the configuration has no "name"'
    return [
        one._replace(found=found, fix=f'Add "name": "{better}".') if one.path == ("name",) and not one.at_key else one
        for one in findings
    ]


def _not_an_object(tree: object) -> Finding:
    kind = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}.get(type(tree), "a number")
    fix = "If this is the data, give it with -d; the configuration is the file with userId and mappings."
    return Finding((), f"the configuration is {kind}", "an object", fix)


def _exposed(draft: Draft, settled: Settled, opened: _Opened) -> str:
    """A warning when others can read a credential that stands in the file itself (reliability.md 5.4-29)."""
    if opened.mode is None or os.name != "posix" or not opened.mode & 0o077:
        return ""
    aliases = dict.fromkeys(secret_names(draft.kind.settings).values())
    written: list[KeyPath] = [
        draft.written[("destination", alias)] for alias in aliases if ("destination", alias) in draft.written
    ]
    if all(path in settled.borrowed for path in written):
        return ""
    return (
        f"{opened.label} holds a credential and others may read it (mode {opened.mode:04o}): "
        f"run `chmod 600 {shlex.quote(opened.label)}`, or write ${{NAME}} and set that variable"
    )


def _refused(findings: Iterable[Finding], opened: _Opened) -> ConfigRefused:
    places: Callable[[Finding], tuple[int, int]] = opened.parsed.places().of
    problems = [Problem(opened.label, *places(one), one.found, one.expected, one.fix) for one in findings]
    return ConfigRefused(sorted(problems, key=lambda problem: (problem.line, problem.column)))
