"""What no single field can know → findings: settings against each other, addresses, explicit nulls.

Rules read the tree before it is typed, so that they speak up even where other fields are wrong; what is not of the type
they expect they leave to the model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import normpath

from pydantic import BaseModel

from syncline.config.addresses import origin_fault
from syncline.config.credentials import check_credentials
from syncline.config.explain import expected_of, missing_key
from syncline.config.findings import Describer, Finding, Path, dotted
from syncline.config.mapping_rules import check_mappings
from syncline.config.model import Mapping, Sync
from syncline.config.source import STDIN, contradictions
from syncline.config.spelling import Draft, aliases, secret_names


def check(draft: Draft, tell: Describer) -> Iterator[Finding]:
    """Every finding that concerns more than one field, or a field in the light of its destination."""
    yield from check_credentials(draft, tell)
    yield from _nulls((), draft.tree, Sync)
    destination = draft.tree.get("destination")
    if isinstance(destination, dict):
        yield from _addresses(destination, draft, tell)
        yield from _nulls(("destination",), destination, draft.kind.settings, *secret_names(draft.kind.settings))
    source = draft.tree.get("source")
    if isinstance(source, dict):
        yield from _source(source, draft, tell)
    yield from _picked(draft)
    mappings = draft.tree.get("mappings")
    if isinstance(mappings, list):
        for index, mapping in enumerate(mappings):
            if isinstance(mapping, dict):
                yield from _nulls(("mappings", index), mapping, Mapping, "constant", "default")
        yield from check_mappings(mappings, draft, tell)


def is_origin(alias: str) -> bool:
    """Does this setting of a destination hold an origin?"""
    return alias.lower().endswith("baseurl")


def _addresses(destination: dict[str, object], draft: Draft, tell: Describer) -> Iterator[Finding]:
    for alias in aliases(draft.kind.settings):
        value = destination.get(alias)
        if is_origin(alias) and isinstance(value, str) and (fault := origin_fault(value)):
            path = ("destination", alias)
            # Whatever stands around the host may be a credential.
            private = re.search(r"[@?#%]|//[^/]*/.", value)
            found = f"{tell.name(path)} is an address (not shown)" if private else tell.is_(path, value)
            yield Finding(path, found, *fault)


def _nulls(home: Path, held: dict[str, object], model: type[BaseModel], *allowed: str) -> Iterator[Finding]:
    """An explicit null where a setting may be absent: nobody can say what it was to mean."""
    for alias, field in aliases(model).items():
        if alias not in allowed and held.get(alias, "") is None:
            path = (*home, alias)
            yield Finding(path, f"{dotted(path)} is null", expected_of(field), "Write a value, or leave the key out.")


def _source(source: dict[str, object], draft: Draft, tell: Describer) -> Iterator[Finding]:
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
