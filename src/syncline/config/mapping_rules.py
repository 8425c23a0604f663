"""What no single field of a mapping can know → findings: its fields against each other, mappings against each other."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import get_args

from syncline.config.draft import Draft
from syncline.config.findings import Describer, Finding, Path, dotted
from syncline.config.model import Cast

# The casts after which a value is still a text to normalise, and those whose result has one spelling as text to hash.
NORMALISED = ("string",)
HASHED = ("string", "integer", "date")

_CASTS = get_args(Cast)


def check_mappings(mappings: list[object], draft: Draft, tell: Describer) -> Iterator[Finding]:
    """Every finding that concerns more than one field of a mapping, or more than one mapping."""
    if len(mappings) > draft.kind.attributes:
        found = f"mappings is a list of {len(mappings)}"
        most = f"at most {draft.kind.attributes:,}, the attributes one person may have"
        yield Finding(("mappings",), found, most, "Leave some out.")
    for index, mapping in enumerate(mappings):
        if isinstance(mapping, dict):
            yield from _origin(("mappings", index), mapping, draft)
            yield from _conversion(("mappings", index), mapping, draft)
            yield from _meaning(("mappings", index), mapping, draft, tell)
    yield from _targets(mappings, draft, tell)
    yield from _excepted(mappings, draft, tell)


def _origin(path: Path, mapping: dict[str, object], draft: Draft) -> Iterator[Finding]:
    """`from` or `constant`, and what only `from` can have beside it."""
    name = dotted(path)
    if "from" in mapping and "constant" in mapping:
        found = f'{name} has both "from" and "constant"'
        yield Finding(
            (*path, "constant"), found, "one of them", "Delete one; `default` fills what is absent.", at_key=True
        )
    if not {"from", "constant"} & mapping.keys() and not {(*path, "from"), (*path, "constant")} & draft.meant:
        yield Finding(
            (*path, "from"),
            f'{name} has neither "from" nor "constant"',
            "one of them",
            'Add "from" with the field\'s name.',
        )
    if "else" in mapping and "constant" in mapping:
        found = f'{name} has "else" and "constant"'
        yield Finding((*path, "else"), found, '"else" only with "from"', "A constant is always there.", at_key=True)
    yield from _joined(path, mapping)
    otherwise = mapping.get("else")
    if isinstance(otherwise, dict):
        yield from _joined((*path, "else"), otherwise)


def _joined(path: Path, way: dict[str, object]) -> Iterator[Finding]:
    """`join` only for a list, and lists in it only for `join`."""
    name, written = dotted(path), way.get("from")
    if "join" in way and not isinstance(written, list):
        found = f'{name} has "join", but "from" is not a list'
        yield Finding(
            (*path, "join"), found, "a list of fields to join", 'Write "from": ["first", "last"].', at_key=True
        )
    if "join" in way or not isinstance(written, list):
        return
    for index, part in enumerate(written):
        if isinstance(part, list):
            here = (*path, "from", index)
            found = f'{dotted(here)} is a list of {len(part)}, and {name} has no "join"'
            yield Finding(here, found, "the name of a field", 'Add "join", or write all names into one list.')


def _conversion(path: Path, mapping: dict[str, object], draft: Draft) -> Iterator[Finding]:
    """`normalise` and `hash` work on text, and on what the rows hold."""
    for key, casts, why in (
        ("normalise", NORMALISED, "only a text can be normalised"),
        ("hash", HASHED, "what is hashed must have one spelling as text"),
    ):
        if key not in mapping:
            continue
        cast, name = mapping.get("as"), dotted(path)
        if "constant" in mapping:
            found, fix = f'{name} has "{key}" and "constant"', "Write the constant as it is to be sent."
            yield Finding((*path, key), found, f'"{key}" only with "from"', fix, at_key=True)
        elif cast in _CASTS and cast not in casts:
            found, fix = f'{name} has "{key}" beside "as": "{cast}"', "Leave one of them out."
            yield Finding((*path, key), found, f'no "as", or {_or(casts)}: {why}', fix, at_key=True)
        elif _is_identifier(mapping, draft):
            found = f'{name} has "{key}", and the identifier travels as it is'
            fix = f'Delete "{key}"; send the changed value under another name.'
            yield Finding((*path, key), found, f'"{key}" on another field than the identifier', fix, at_key=True)
    if "onError" in mapping and not {"as", "normalise", "hash"} & mapping.keys():
        found, fix = f'{dotted(path)} has "onError", and nothing is converted', "Delete it, or add the conversion."
        yield Finding((*path, "onError"), found, '"onError" beside "as", "normalise" or "hash"', fix, at_key=True)


def _meaning(path: Path, mapping: dict[str, object], draft: Draft, tell: Describer) -> Iterator[Finding]:
    """An attribute that means something to the destination, and can only get what does not mean that."""
    to, cast = mapping.get("to"), mapping.get("as")
    meaning = draft.kind.meanings.get(to) if isinstance(to, str) else None
    if meaning is None:
        return
    if "hash" in mapping:
        found = f'{dotted(path)} has "hash", and {to} is {meaning.words} to the destination'
        # Where only the destination's own names are taken, its refusal says how another may be called.
        refused = draft.kind.refuse_name(f"{to}_sha256", False)
        fix = refused[1] if refused else f'Write "to": "{to}_sha256".'
        yield Finding((*path, "hash"), found, "a hash under another name", fix, at_key=True)
    elif cast in _CASTS and cast not in meaning.casts:
        found = f"{tell.is_((*path, 'as'), cast)}, and {to} is {meaning.words} to the destination"
        casts = sorted(meaning.casts, reverse=True)
        yield Finding((*path, "as"), found, _or(casts), f'Write "as": "{casts[0]}".')
    elif cast is None and mapping.get("constant") is not None and not meaning.fits(mapping["constant"]):
        found = f"{tell.is_((*path, 'constant'), mapping['constant'])}, and {to} is {meaning.words} to the destination"
        yield Finding((*path, "constant"), found, meaning.words, "Correct it, or give it another name.")


def _targets(mappings: list[object], draft: Draft, tell: Describer) -> Iterator[Finding]:
    """What the mappings are called: each name once, and none the destination refuses."""
    first: dict[str, int] = {}
    for index, mapping in enumerate(mappings):
        to = mapping.get("to") if isinstance(mapping, dict) else None
        if not isinstance(mapping, dict) or not isinstance(to, str) or not to.strip():
            continue
        path: Path = ("mappings", index, "to")
        if first.setdefault(to, index) != index:
            other = mappings[first[to]]
            twice = f": {_taken(first[to], other, tell)}, {_taken(index, mapping, tell)}"
            yield Finding(
                path,
                tell.is_(path, to) + " again" + twice,
                "each name once",
                "Rename one, or list both fields in one `from`.",
            )
            continue
        # Without a userId nobody can say which field identifies, and that is reported already.
        is_identifier = not isinstance(draft.tree.get("userId"), str) or _is_userid(mapping, draft)
        if fault := draft.kind.refuse_name(to, is_identifier):
            why, fix = fault
            yield Finding(path, f"{tell.is_(path, to)}: {why}", "a name the destination gives to mappings", fix)
    yield from _wholes(first, mappings, draft, tell)


def _wholes(first: dict[str, int], mappings: list[object], draft: Draft, tell: Describer) -> Iterator[Finding]:
    """An object that is mapped as a whole and key by key: which of the two counts, nobody can say."""
    for to, index in first.items():
        whole = to.partition(".")[0]
        if whole != to and whole in draft.kind.objects and whole in first:
            path: Path = ("mappings", index, "to")
            both = f"{_taken(first[whole], mappings[first[whole]], tell)}, {_taken(index, mappings[index], tell)}"
            found = f"{tell.is_(path, to)}, and {whole} is mapped as a whole: {both}"
            yield Finding(path, found, f"all of {whole}, or single keys of it", "Delete one of the two mappings.")


def _excepted(mappings: list[object], draft: Draft, tell: Describer) -> Iterator[Finding]:
    """A field that `except` leaves out and a mapping sends."""
    written = draft.tree.get("except")
    fields = written if isinstance(written, list) else [written]
    for index, field in enumerate(fields):
        path: Path = ("except", index) if isinstance(written, list) else ("except",)
        for place, mapping in enumerate(mappings):
            if isinstance(field, str) and isinstance(mapping, dict) and field in _sources(mapping):
                found = f"{tell.is_(path, field)}, and mappings[{place}] sends it"
                fix = "Delete it from `except`: a mapped field goes only where its mapping says."
                yield Finding(path, found, "fields that no mapping names", fix)
                break


def _is_identifier(mapping: dict[str, object], draft: Draft) -> bool:
    """Is this the identifier itself, which travels as the key?"""
    return mapping.get("to") == "id" and _is_userid(mapping, draft)


def _is_userid(mapping: dict[str, object], draft: Draft) -> bool:
    user_id = draft.tree.get("userId")
    return isinstance(user_id, str) and mapping.get("from") in (user_id, [user_id]) and "else" not in mapping


def _sources(mapping: dict[str, object]) -> Iterator[object]:
    """All that a mapping reads, in whatever it is written down."""
    otherwise = mapping.get("else")
    ways = [mapping, otherwise] if isinstance(otherwise, dict) else [mapping]
    for written in (way.get("from") for way in ways):
        for part in written if isinstance(written, list) else [written]:
            yield from part if isinstance(part, list) else [part]


def _taken(index: int, mapping: object, tell: Describer) -> str:
    """`mappings[3] takes it from the text "a"`"""
    path: Path = ("mappings", index, "from")
    if not isinstance(mapping, dict) or "from" not in mapping:
        return f"mappings[{index}] has it already"
    return f"mappings[{index}] takes it from {tell.value(path, mapping['from'])}"


def _or(words: Collection[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last
