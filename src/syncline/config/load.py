"""A configuration file or object, and the environment → one typed Sync; or every problem at once.

    read → parse → settle (references, limits) → spell (the ancestors' keys) → model and rules → Loaded

A step goes on after what it finds, so that one run shows everything there is to mend; only a text that cannot be parsed
ends it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from syncline.config.credentials import Exposed, exposed, exposed_variables
from syncline.config.draft import Draft
from syncline.config.environment import EnvFile, Variables, dotenv_beside, env_file_named, gather
from syncline.config.explain import explain, field_at, is_number, value_at
from syncline.config.findings import Describer, Finding
from syncline.config.findings import Path as KeyPath
from syncline.config.model import Sync
from syncline.config.parse import Parsed, Unreadable, parse
from syncline.config.places import Places
from syncline.config.read import is_empty, read
from syncline.config.rules import check
from syncline.config.spelling import spell
from syncline.config.transform import Transform, check_transform, located
from syncline.config.tree import Settled, settle
from syncline.config.uploaded import NO_VARIABLES, Uploaded, confine, without_references
from syncline.errors import ConfigRefused, Problem

OBJECT_LABEL = "the configuration object"


class Loaded(NamedTuple):
    """A configuration, ready.

    directory: absolute, where its relative paths begin; label: the file as written; transform: the function, unrun;
    trusted: the origins whose addresses need no look, of a configuration that was uploaded; None: all;
    places: where its keys and values stand.
    """

    sync: Sync
    name: str
    directory: Path
    label: str
    warnings: tuple[str, ...]
    transform: Transform | None = None
    trusted: frozenset[str] | None = None
    places: Callable[[], Places] = lambda: Places({}, {})

    def problem(self, path: KeyPath, found: str, expected: str, fix: str) -> Problem:
        """What only shows when it is used: at its key's value, or where that is missing."""
        return Problem(self.label, *self.places().of(Finding(path, found, expected, fix)), found, expected, fix)


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
    uploaded: Uploaded | None = None,
    strict_permissions: bool = False,
) -> Loaded:
    """Read and check a configuration. `environment` replaces the process's own, and `env_file` the `.env` beside it.

    `uploaded`: it comes from somebody else, who may say less. `strict_permissions`: a credential that others may read
    is no mere warning. Raises ConfigRefused with all problems.
    """
    label = uploaded.label if uploaded else OBJECT_LABEL if isinstance(config, Mapping) else str(config)
    named = None if env_file is None else _named(Path(env_file))
    try:
        opened = _open(config, label, uploaded)
        variables = _variables(environment, named, opened.directory)
        settled = _settle(opened, variables, uploaded)
    except Unreadable as fault:
        raise _unreadable(label, fault, (0, 0) if isinstance(config, Mapping) else fault.place) from None
    tell = Describer(settled.borrowed, settled.secrets)
    if not isinstance(settled.tree, dict):
        raise _refused([_not_an_object(settled.tree), *settled.findings], opened)
    draft, findings = spell(settled.tree, opened.stem, tell)
    findings += confine(draft, uploaded, tell) if uploaded else []
    sync, refused = _validate(draft, settled, tell)
    lost = check_transform(draft.tree.get("transform"), opened.directory, tell)
    findings = _distinct([*findings, *refused, *check(draft, tell), *lost], settled)
    if findings or sync is None:
        raise _refused(_about_stem(findings, settled.tree, opened), opened)
    open_to_all = [*exposed(draft, settled.borrowed, opened.label, opened.mode), *_lending(draft, settled, variables)]
    if strict_permissions and open_to_all:
        raise ConfigRefused([one.problem for one in open_to_all])
    warnings = (*settled.warnings, *_cautions(sync, draft), *(one.warning for one in open_to_all))
    transform = located(sync.transform, opened.directory) if sync.transform else None
    trusted = uploaded.origins if uploaded else None
    return Loaded(sync, sync.name, opened.directory, label, warnings, transform, trusted, opened.parsed.places)


def _open(config: str | Path | Mapping[str, object], label: str, uploaded: Uploaded | None) -> _Opened:
    if isinstance(config, Mapping):
        return _Opened(Parsed(config, lambda: Places({}, {})), "", Path.cwd(), label, None)
    path = Path(config)
    text, mode = read(path)
    if is_empty(text):
        raise Unreadable(
            (1, 1), "the configuration is empty", "a configuration", "`syncline init` writes one to start from."
        )
    parsed = parse(text, is_json=path.suffix.lower() == ".json")
    return _Opened(parsed, uploaded.stem if uploaded else path.stem, path.absolute().parent, label, mode)


def _settle(opened: _Opened, variables: Callable[[], Variables], uploaded: Uploaded | None) -> Settled:
    """The tree with its references resolved; of one that was uploaded, each of them a finding, and nothing read."""
    if uploaded is None:
        return settle(opened.parsed.tree, variables)
    return without_references(opened.parsed.tree, settle(opened.parsed.tree, lambda: NO_VARIABLES))


def _named(file: Path) -> EnvFile:
    try:
        return env_file_named(file)
    except Unreadable as fault:
        raise _unreadable(str(file), fault, fault.place) from None


def _variables(
    environment: Mapping[str, str] | None, named: EnvFile | None, directory: Path
) -> Callable[[], Variables]:
    """The variables, gathered at the first reference and kept."""
    return cache(lambda: gather(environment, named or dotenv_beside(directory)))


def _unreadable(label: str, fault: Unreadable, place: tuple[int, int]) -> ConfigRefused:
    return ConfigRefused([Problem(label, *place, fault.found, fault.expected, fault.fix)])


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
        if isinstance(holder, dict) and isinstance(text, str) and is_number(field_at(path, draft)):
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


def _lending(draft: Draft, settled: Settled, variables: Callable[[], Variables]) -> Iterable[Exposed]:
    """Without a reference the variables were never read, and are not read now."""
    return exposed_variables(draft, variables()) if settled.borrowed else ()


def _cautions(sync: Sync, draft: Draft) -> list[str]:
    """What is allowed, and worth a warning."""
    told = [*draft.kind.cautions(sync.destination), *(draft.source.cautions(sync.source) if sync.source else ())]
    return [warning for warning in told if warning]


def _refused(findings: Iterable[Finding], opened: _Opened) -> ConfigRefused:
    places: Callable[[Finding], tuple[int, int]] = opened.parsed.places().of
    problems = [Problem(opened.label, *places(one), one.found, one.expected, one.fix) for one in findings]
    return ConfigRefused(sorted(problems, key=lambda problem: (problem.line, problem.column)))
