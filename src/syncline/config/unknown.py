"""A key nobody knows → what it was probably meant to be, or where it belongs."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from pydantic import BaseModel

from syncline.config.draft import Draft
from syncline.config.findings import Describer, Finding, Path, closest
from syncline.config.kinds import SETTINGS
from syncline.config.model import Mapping, Sync
from syncline.config.names import aliases, credential_names
from syncline.config.source import Files

# What others call the keys of a mapping; some of these names mean something else at the top level.
_IN_A_MAPPING = {"source": "from", "field": "from", "destination": "to", "target": "to", "name": "to"}


class _Place(NamedTuple):
    """An object of a configuration: where it is, the keys it knows, and what people call it."""

    home: Path
    keys: Collection[str]
    words: str


class _Other(NamedTuple):
    """A key that another type of source or destination has. home: which of the two; type: that type."""

    home: str
    type: str


def unknown_key(path: Path, candidates: list[str], draft: Draft, tell: Describer) -> Finding:
    """What is wrong with a key, and what to do about it. What it was meant for then counts as written, too."""
    *parts, key = path
    home, key = tuple(parts), str(key)
    synonym = _IN_A_MAPPING.get(key, "") if home[:1] == ("mappings",) else ""
    near = synonym if synonym in candidates else closest(key, candidates)
    found = f"{tell.name(home)} has the unknown key {tell.key(key)}" if home else f"the unknown key {tell.key(key)}"
    elsewhere = _belongs(key, home, draft)
    if elsewhere and not synonym and near != key:
        _mean(key, elsewhere.home, draft)
        return Finding(path, found, "the keys of this object", f"Move it to {elsewhere.words}.", at_key=True)
    if other := _of_another_type(key, home, draft):
        return _explained(path, found, other, draft, tell)
    if near:
        _mean(near, home, draft)
        return Finding(path, found, f'"{near}"', f'Did you mean "{near}"?', at_key=True)
    return Finding(path, found, f"one of {', '.join(candidates)}", "Delete it, or correct its spelling.", at_key=True)


def _mean(key: str, home: Path, draft: Draft) -> None:
    """Credentials of a destination are at home there, wherever they stand."""
    owner = "source" if home == ("source",) else "destination"
    names = credential_names(draft.settings[owner])
    draft.meant.add((owner, names[key]) if key in names else (*home, key))


def _belongs(key: str, home: Path, draft: Draft) -> _Place | None:
    """The object that knows this very key, if another does."""
    source = '"source", as an object with "files"' if draft.source.settings is Files else '"source"'
    places = [
        _Place(("destination",), _keys(draft.kind.settings), '"destination"'),
        _Place((), aliases(Sync), "the top level"),
    ]
    if home in ((), ("destination",)):
        places.append(_Place(("source",), _keys(draft.source.settings), source))
    if not home:
        places.append(_Place(("mappings",), aliases(Mapping), 'an entry of "mappings"'))
    if home[-1:] == ("else",):
        places.insert(0, _Place(home[:-1], aliases(Mapping), 'the entry, beside "else"'))
    known = (place for place in places if place.home != home and key in place.keys)
    return None if key == "type" else next(known, None)


def _keys(settings: type[BaseModel]) -> Collection[str]:
    return {*aliases(settings), *credential_names(settings)}


def _of_another_type(key: str, home: Path, draft: Draft) -> _Other | None:
    """The type that has this very key. Elsewhere than at its home, it is a credential."""
    if home[:1] == ("mappings",):
        return None
    for owner in draft.settings if home != ("source",) else ("source",):
        for name, settings in SETTINGS[owner].items():
            keys = _keys(settings) if home == (owner,) else credential_names(settings)
            if settings is not draft.settings[owner] and key in keys:
                return _Other(owner, name)
    return None


def _explained(path: Path, found: str, other: _Other, draft: Draft, tell: Describer) -> Finding:
    """A key of another type. Whose credentials were written tells what was meant: no others are missing then."""
    *home, key = path
    own = draft.settings[other.home]
    if key in credential_names(SETTINGS[other.home][other.type]):
        draft.meant.update((other.home, alias) for alias in credential_names(own).values())
    write = f'"type": "{other.type}"'
    if other.home == "source" and home != ["source"]:
        fix = f'Move it to "source", with {write}.'
        return Finding(path, found, "the keys of this object", fix, at_key=True)
    where = f"{tell.name(tuple(home))} has" if home else "there is"
    found = f"{where} {tell.key(str(key))}, a key of {write}"
    expected = f'the keys of "type": "{own.model_fields["type"].default}"'
    under = "" if home == [other.home] else f' under "{other.home}"'
    return Finding(path, found, expected, f"Delete it, or write {write}{under}.", at_key=True)
