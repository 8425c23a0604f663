"""A configuration as its author spelled it → the one shape the model knows, remembering where everything stood.

The ancestors' files keep credentials at the top level, as site_id (Go), siteId (Node) or site-id (Python), or under
`credential`. All of them move to `destination`, under the names its settings use; those of a source stand under
`source`, in any of these spellings. A `source` that is a text or a list becomes an object with these `files`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from syncline.config.draft import Draft
from syncline.config.external_ids import identifying_field
from syncline.config.findings import Describer, Finding, Path, closest
from syncline.config.kinds import DEFAULT_DESTINATION, DEFAULT_SOURCE, DESTINATIONS, SOURCES
from syncline.config.names import aliases, credential_names
from syncline.config.unknown import unknown_key
from syncline.sources.segment import settings as segment

CREDENTIALS = ("credential", "credentials")
IGNORED = ("$schema",)  # for editors

Tree = dict[str, object]
Given = dict[str, list[tuple[Path, object]]]
"""By the name that a credential has in the settings: each place where it stands, and what stands there."""


def spell(tree: Tree, name: str, tell: Describer) -> tuple[Draft, list[Finding]]:
    """Move credentials and the defaults into place. Without a `name`, the sync is called `name`."""
    destination, source = tree.get("destination", {}), tree.get("source")
    kind = DESTINATIONS[_type_of(destination, DESTINATIONS, DEFAULT_DESTINATION)]
    draft = Draft({"name": name} if name else {}, kind, SOURCES[_type_of(source, SOURCES, DEFAULT_SOURCE)], {}, set())
    names = credential_names(kind.settings)
    draft.tree.update({key: value for key, value in tree.items() if key not in (*names, *CREDENTIALS, *IGNORED)})
    held = _given([((), tree), *_objects(tree, "destination", *CREDENTIALS)], names)
    findings = [*_strangers(tree, names, draft, tell), *_not_objects(tree, draft, tell), *_contradictions(held, tell)]
    if isinstance(destination, dict):
        _put_together("destination", destination, held, draft)
    if isinstance(source, dict):
        given = _given([(("source",), source)], credential_names(draft.source.settings))
        findings += _contradictions(given, tell)
        _put_together("source", source, given, draft)
        if draft.source.settings is segment.Settings:
            draft.tree.setdefault("userId", identifying_field(source.get("identifier")))
    _write_out_source(draft)
    return draft, findings


def _type_of(settings: object, known: Collection[str], otherwise: str) -> str:
    """The `type`, or the one that is probably meant; the default where there is none."""
    written = settings.get("type") if isinstance(settings, dict) else None
    if not isinstance(written, str):
        return otherwise
    return written if written in known else closest(written, known) or otherwise


def _objects(tree: Tree, *keys: str) -> Iterator[tuple[Path, Tree]]:
    for key in keys:
        held = tree.get(key)
        if isinstance(held, dict):
            yield (key,), held


def _given(homes: list[tuple[Path, Tree]], names: dict[str, str]) -> Given:
    """The credentials that stand in these objects."""
    held: Given = {}
    for home, holder in homes:
        for key, value in holder.items():
            if key in names:
                held.setdefault(names[key], []).append(((*home, key), value))
    return held


def _put_together(home: str, written: Tree, held: Given, draft: Draft) -> None:
    """The settings under `home`, each under its own name; of what is given twice, the first."""
    settings = draft.settings[home]
    rest = {key: value for key, value in written.items() if key not in credential_names(settings)}
    default = {"type": settings.model_fields["type"].default}
    draft.tree[home] = {**default, **rest, **{alias: given[0][1] for alias, given in held.items()}}
    draft.written.update({(home, alias): given[0][0] for alias, given in held.items()})


def _strangers(tree: Tree, names: dict[str, str], draft: Draft, tell: Describer) -> Iterator[Finding]:
    """What stands under `credential`, and is none."""
    for home, holder in _objects(tree, *CREDENTIALS):
        for key in holder:
            if key not in names:
                yield unknown_key((*home, key), list(names), draft, tell)


def _write_out_source(draft: Draft) -> None:
    source = draft.tree.get("source")
    if not isinstance(source, (str, list)):
        return
    draft.tree["source"] = {"type": DEFAULT_SOURCE, "files": source}
    draft.written[("source", "files")] = ("source",)
    if isinstance(source, list):
        draft.written.update({("source", "files", index): ("source", index) for index in range(len(source))})


def _not_objects(tree: Tree, draft: Draft, tell: Describer) -> Iterator[Finding]:
    needed = [f'"{alias}": …' for alias, field in aliases(draft.kind.settings).items() if field.is_required()]
    for key in CREDENTIALS:
        if key in tree and not isinstance(tree[key], dict):
            fix = f"Write {{{', '.join(needed)}}}."
            yield Finding((key,), tell.is_((key,), tree[key]), "an object with the credentials", fix)


def _contradictions(held: Given, tell: Describer) -> Iterator[Finding]:
    for alias, given in held.items():
        first, value = given[0]
        for path, other in given[1:]:
            if other != value:
                found = f"{alias} is given twice, with different values: {tell.name(first)} and {tell.name(path)}"
                yield Finding(path, found, "one value", "Delete one of them.", at_key=True)
