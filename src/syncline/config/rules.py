"""What no single field can know → findings: settings against each other, addresses, explicit nulls.

Rules read the tree before it is typed, so that they speak up even where other fields are wrong; what is not of the type
they expect they leave to the model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import normpath
from typing import get_args

from pydantic import BaseModel

from syncline.config.addresses import origin_fault
from syncline.config.credentials import check_credentials
from syncline.config.draft import Draft
from syncline.config.explain import expected_of, missing_key
from syncline.config.findings import Describer, Finding, Path, dotted
from syncline.config.mapping_rules import check_mappings
from syncline.config.model import Mapping, Mode, Otherwise, Sync
from syncline.config.names import aliases, credential_names
from syncline.config.source import STDIN, Files, contradictions


def check(draft: Draft, tell: Describer) -> Iterator[Finding]:
    """Every finding that concerns more than one field, or a field in the light of its destination."""
    yield from check_credentials(draft, tell)
    yield from _nulls((), draft.tree, Sync)
    for home, settings in draft.settings.items():
        held = draft.tree.get(home)
        if isinstance(held, dict):
            yield from _addresses(home, held, settings, tell)
            yield from _nulls((home,), held, settings, *credential_names(settings))
    source = draft.tree.get("source")
    if isinstance(source, dict) and draft.source.settings is Files:
        yield from _files(source, draft, tell)
    yield from _mode(draft, tell)
    yield from _picked(draft)
    mappings = draft.tree.get("mappings")
    if isinstance(mappings, list):
        for index, mapping in enumerate(mappings):
            if isinstance(mapping, dict):
                yield from _nulls(("mappings", index), mapping, Mapping, "constant", "default")
                otherwise = mapping.get("else")
                if isinstance(otherwise, dict):
                    yield from _nulls(("mappings", index, "else"), otherwise, Otherwise)
        yield from check_mappings(mappings, draft, tell)


def is_origin(alias: str) -> bool:
    """Does this setting of a destination or a source hold an origin?"""
    return alias.lower().endswith("baseurl")


def is_private(url: str) -> bool:
    """Whatever stands around the host may be a credential."""
    return bool(re.search(r"[@?#%]|//[^/]*/.", url))


def _addresses(home: str, held: dict[str, object], settings: type[BaseModel], tell: Describer) -> Iterator[Finding]:
    for alias in aliases(settings):
        value = held.get(alias)
        if is_origin(alias) and isinstance(value, str) and (fault := origin_fault(value)):
            path = (home, alias)
            found = f"{tell.name(path)} is an address (not shown)" if is_private(value) else tell.is_(path, value)
            yield Finding(path, found, *fault)


def _nulls(home: Path, held: dict[str, object], model: type[BaseModel], *allowed: str) -> Iterator[Finding]:
    """An explicit null where a setting may be absent: nobody can say what it was to mean."""
    for alias, field in aliases(model).items():
        if alias not in allowed and held.get(alias, "") is None:
            path = (*home, alias)
            yield Finding(path, f"{dotted(path)} is null", expected_of(field), "Write a value, or leave the key out.")


def _files(source: dict[str, object], draft: Draft, tell: Describer) -> Iterator[Finding]:
    for key, expected, fix in contradictions(source):
        path = ("source", key)
        found = f"{tell.is_(path, source[key])}, and the format is {source['format']}"
        yield Finding(path, found, expected, fix)
    files = source.get("files")
    seen: set[str] = set()
    for index, file in enumerate(files if isinstance(files, list) else ()):
        if not isinstance(file, str) or not file.strip():
            continue
        same = file if file == STDIN else normpath(file)
        if same in seen:
            again = draft.place(("source", "files", index))
            yield Finding(again, f"{tell.is_(again, file)} again", "each file once", "Delete one of them.")
        seen.add(same)


def _mode(draft: Draft, tell: Describer) -> Iterator[Finding]:
    """A mode that the destination has no call for."""
    mode, kind = draft.tree.get("mode"), draft.kind
    if mode in get_args(Mode) and mode not in kind.modes:
        found = f"{tell.is_(('mode',), mode)}, and the destination is {kind.settings.model_fields['type'].default}"
        yield Finding(("mode",), found, " or ".join(kind.modes), "Leave it out; whoever is not known is created.")


def _picked(draft: Draft) -> Iterator[Finding]:
    """`pick: all` and the mappings: one of them says what is sent."""
    tree = draft.tree
    if "pick" not in tree and ("pick",) not in draft.meant:
        if tree.get("mappings", ()) == []:
            found = "mappings is an empty list: nothing would be sent"
            fix = 'Write {"from": "email", "to": "email"} for each field, or "pick": "all".'
            yield Finding(("mappings",), found, "at least one mapping", fix)
        if "mappings" not in tree and ("mappings",) not in draft.meant:
            yield missing_key(("mappings",), draft)
        if "except" in tree:
            fix = 'Add "pick": "all", or leave the fields out of `mappings`.'
            yield Finding(("except",), 'there is "except", and no "pick"', "both, or neither", fix, at_key=True)
