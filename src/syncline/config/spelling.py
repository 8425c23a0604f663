"""A configuration as its author spelled it → the one shape the model knows, remembering where everything stood.

The ancestors' files keep credentials at the top level, as site_id (Go), siteId (Node) or site-id (Python), or under
`credential`. All of them move to `destination`, under the names its settings use. A `source` that is a text or a list
becomes an object with these `files`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from syncline.config.findings import Describer, Finding, Path, closest
from syncline.config.kinds import DEFAULT_DESTINATION, DESTINATIONS, Kind
from syncline.config.model import Mapping, Sync
from syncline.config.source import Files

CREDENTIALS = ("credential", "credentials")
IGNORED = ("$schema",)  # for editors


class Draft(NamedTuple):
    """tree: what the model is to validate; kind: its destination's;
    written: where moved values stand in the file; meant: the paths that misspelled keys were probably meant for."""

    tree: dict[str, object]
    kind: Kind
    written: dict[Path, Path]
    meant: set[Path]

    def place(self, path: Path) -> Path:
        """Where in the file a path of the tree stands."""
        return self.written.get(path, path)


def spell(tree: dict[str, object], name: str, tell: Describer) -> tuple[Draft, list[Finding]]:
    """Move credentials and the defaults into place. Without a `name`, the sync is called `name`."""
    destination = tree.get("destination", {})
    kind = kind_of(destination)
    draft = Draft({"name": name} if name else {}, kind, {}, set())
    findings: list[Finding] = []
    held: dict[str, list[tuple[Path, object]]] = {}
    names = secret_names(kind.settings)
    for home, holder in _homes(tree):
        for key, value in holder.items():
            if key in names:
                held.setdefault(names[key], []).append(((*home, key), value))
            elif home and home[0] in CREDENTIALS:
                findings.append(unknown_key((*home, key), list(names), draft, tell))
    draft.tree.update({key: value for key, value in tree.items() if key not in (*names, *CREDENTIALS, *IGNORED)})
    if isinstance(destination, dict):
        rest = {key: value for key, value in destination.items() if key not in names}
        draft.tree["destination"] = {
            "type": DEFAULT_DESTINATION,
            **rest,
            **{alias: given[0][1] for alias, given in held.items()},
        }
        draft.written.update({("destination", alias): given[0][0] for alias, given in held.items()})
    _write_out_source(draft)
    findings += [*_not_objects(tree, tell), *_contradictions(held, tell)]
    return draft, findings


def kind_of(destination: object) -> Kind:
    """The destination's `type`; the default where it has none, or one nobody knows."""
    written = destination.get("type") if isinstance(destination, dict) else None
    return DESTINATIONS.get(written if isinstance(written, str) else "", DESTINATIONS[DEFAULT_DESTINATION])


def alias_of(name: str, field: FieldInfo) -> str:
    return field.alias or name


def aliases(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys a model accepts."""
    return {alias_of(name, field): field for name, field in model.model_fields.items()}


def secret_names(settings: type[BaseModel]) -> dict[str, str]:
    """Every accepted spelling of every credential → its alias: {"siteId": "siteId", "site_id": "siteId", …}."""
    return {
        spelling: alias_of(name, field)
        for name, field in settings.model_fields.items()
        if field.annotation is SecretStr or SecretStr in get_args(field.annotation)
        for spelling in (alias_of(name, field), name, name.replace("_", "-"))
    }


def unknown_key(path: Path, candidates: list[str], draft: Draft, tell: Describer) -> Finding:
    """A key nobody knows: what it was probably meant to be, or where it belongs."""
    *home, key = path
    home_path, key = tuple(home), str(key)
    near = closest(key, candidates)
    where = f"{tell.name(home_path)} has the" if home else "the"
    found = f"{where} unknown key {tell.key(key)}"
    elsewhere = _belongs(key, home_path, draft.kind.settings)
    if elsewhere and near != key:
        return Finding(path, found, "the keys of this object", f"Move it to {elsewhere}.", at_key=True)
    if near:
        is_secret = near in (names := secret_names(draft.kind.settings))
        draft.meant.add(("destination", names[near]) if is_secret else (*home_path, near))
        return Finding(path, found, f'"{near}"', f'Did you mean "{near}"?', at_key=True)
    return Finding(path, found, f"one of {', '.join(candidates)}", "Delete it, or correct its spelling.", at_key=True)


def _belongs(key: str, home: Path, settings: type[BaseModel]) -> str:
    """The object that knows this very key, if another does."""
    homes: list[tuple[Path, type[BaseModel], str]] = [
        (("destination",), settings, '"destination"'),
        ((), Sync, "the top level"),
    ]
    if not home:
        homes.append((("source",), Files, '"source", as an object with "files"'))
        homes.append((("mappings",), Mapping, 'an entry of "mappings"'))
    known = (words for place, model, words in homes if place != home and key in aliases(model))
    return "" if key == "type" else next(known, "")


def _write_out_source(draft: Draft) -> None:
    source = draft.tree.get("source")
    if not isinstance(source, (str, list)):
        return
    draft.tree["source"] = {"files": source}
    draft.written[("source", "files")] = ("source",)
    if isinstance(source, list):
        draft.written.update({("source", "files", index): ("source", index) for index in range(len(source))})


def _homes(tree: dict[str, object]) -> Iterator[tuple[Path, dict[str, object]]]:
    yield (), tree
    for key in ("destination", *CREDENTIALS):
        held = tree.get(key)
        if isinstance(held, dict):
            yield (key,), held


def _not_objects(tree: dict[str, object], tell: Describer) -> Iterator[Finding]:
    for key in CREDENTIALS:
        if key in tree and not isinstance(tree[key], dict):
            yield Finding(
                (key,),
                tell.is_((key,), tree[key]),
                "an object with the credentials",
                'Write {"siteId": …, "apiKey": …}.',
            )


def _contradictions(held: dict[str, list[tuple[Path, object]]], tell: Describer) -> Iterator[Finding]:
    for alias, given in held.items():
        first, value = given[0]
        for path, other in given[1:]:
            if other != value:
                found = f"{alias} is given twice, with different values: {tell.name(first)} and {tell.name(path)}"
                yield Finding(path, found, "one value", "Delete one of them.", at_key=True)
