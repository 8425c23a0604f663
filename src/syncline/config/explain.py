"""What the model refuses → findings in plain words. Pydantic's own text never leaves this module: it holds inputs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from syncline.config.draft import Draft
from syncline.config.findings import Describer, Expected, Finding, Path, Wrong, closest, dotted, printable
from syncline.config.kinds import DEFAULT_DESTINATION, DESTINATIONS, SOURCES
from syncline.config.model import Mapping, Otherwise, Sync
from syncline.config.names import alias_of, aliases, credential_names, secrets
from syncline.config.unknown import unknown_key

# A number with its unit behind it. `0x10`, `1_0` and `1:30` are other numbers than the one they begin with.
_AMOUNT = re.compile(r"\s*(?!0\w)([0-9]+(?:\.[0-9]+)?)\s*([^0-9_:,.+-]*)")

# Words for what is missing: the key → an example to add.
_EXAMPLES = {
    "userId": 'Add "userId": "id", with the name of your identifying field.',
    "mappings": 'Add "mappings": [{"from": "email", "to": "email"}], or "pick": "all".',
    "to": 'Add "to" with the name the attribute is to have, such as "email".',
}


def explain(error: ValidationError, draft: Draft, tell: Describer) -> Iterator[Finding]:
    """One finding for each thing pydantic refused, in the words and at the paths of the file as written."""
    errors = error.errors(include_url=False)
    # Unknown keys come first: a key that was probably meant for another is not reported as missing as well.
    yield from [_unknown(one["loc"], draft, tell) for one in errors if one["type"] == "extra_forbidden"]
    hidden = {(home, alias) for home, settings in draft.settings.items() for alias in secrets(settings)}
    for one in errors:
        missing = one["type"] == "missing"
        path = _existing(one["loc"], draft.tree, missing=missing)
        if one["type"] == "union_tag_invalid":
            yield _unknown_type(path, draft, tell)
        elif missing and path not in draft.meant:
            yield missing_key(path, draft)
        elif not missing and one["type"] != "extra_forbidden" and path not in hidden:  # those have rules.py
            yield _wrong(path, one.get("ctx", {}).get("error"), draft, tell)


def missing_key(path: Path, draft: Draft) -> Finding:
    """A key that is needed and nowhere, with an example to add."""
    *home, key = path
    where = dotted(tuple(home))
    settings = draft.settings.get(where)
    if settings and key in credential_names(settings):
        name = next(name for name, field in settings.model_fields.items() if alias_of(name, field) == key)
        fix = f'Add "{key}": "${{{name.upper()}}}" and set that variable, in the environment or in .env.'
        # A destination's may also stand elsewhere.
        found = f'no "{key}"' if where == "destination" else f'{where} has no "{key}"'
        return Finding(path, found, f"the {where}'s credentials", fix)
    fix = _EXAMPLES.get(str(key), f'Add "{key}".')
    return Finding(path, f'{where} has no "{key}"', expected_of(field_at(path, draft)), fix)


def model_at(path: Path, draft: Draft) -> type[BaseModel]:
    """The model of the object that a path of the tree leads to."""
    inner: dict[str, type[BaseModel]] = {**draft.settings, "mappings": Mapping, "else": Otherwise}
    model: type[BaseModel] = Sync
    for part in path:
        model = inner.get(part, model) if isinstance(part, str) else model
    return model


def field_at(path: Path, draft: Draft) -> FieldInfo | None:
    """The field of the model that a path of the tree leads to."""
    *home, key = [part for part in path if isinstance(part, str)] or [""]
    return aliases(model_at(tuple(home), draft)).get(key)


def expected_of(field: FieldInfo | None) -> str:
    """What a field must hold: in its own words, or "a whole number from 1 to 256", "upsert or update"."""
    if field is None:
        return "something else"
    if own := _own_words(field):
        return own.words
    kinds = _kinds(field.annotation)
    words = [str(choice) for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]
    if words:
        return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    if int in kinds or float in kinds:
        return ("a number" if float in kinds else "a whole number") + _bounds(field)
    return "text" + _form(field)


def is_number(field: FieldInfo | None) -> bool:
    """Does the field want a plain number and nothing else?"""
    if _own_words(field):
        return False
    kinds = {kind for kind in _kinds(field.annotation) if kind is not type(None)} if field else set()
    return bool(kinds) and kinds <= {int, float}


def value_at(path: Path, tree: object) -> object:
    """What stands at a path; None where nothing does."""
    for part in path:
        if isinstance(tree, dict):
            tree = tree.get(part)
        elif isinstance(tree, list) and isinstance(part, int) and part < len(tree):
            tree = tree[part]
        else:
            return None
    return tree


def _existing(loc: tuple[int | str, ...], tree: object, *, missing: bool) -> Path:
    """The location as a path of the tree: without union tags, and no deeper than the tree is."""
    path: list[int | str] = []
    for index, part in enumerate(loc):
        last = missing and index == len(loc) - 1
        if last or (isinstance(tree, dict) and part in tree):
            path.append(part)
            tree = tree.get(part) if isinstance(tree, dict) else None
        elif isinstance(tree, list) and isinstance(part, int):
            path.append(part)
            tree = tree[part]
    return tuple(path)


def _unknown(loc: tuple[int | str, ...], draft: Draft, tell: Describer) -> Finding:
    path = _existing(loc, draft.tree, missing=False)
    model = model_at(path[:-1], draft)
    candidates = [*aliases(model)]
    if model in (Sync, *draft.settings.values()):
        candidates += credential_names(model if model is draft.source.settings else draft.kind.settings)
    return unknown_key(path, list(dict.fromkeys(candidates)), draft, tell)


def _unknown_type(home: Path, draft: Draft, tell: Describer) -> Finding:
    """A type of source or destination that there is not."""
    path, known = (*home, "type"), list(DESTINATIONS if home == ("destination",) else SOURCES)
    value = value_at(path, draft.tree)
    near = closest(value, known) if isinstance(value, str) else ""
    fix = f"Correct it, or leave it out for the default ({DEFAULT_DESTINATION})."
    if home != ("destination",):
        fix = "Export the rows to a file, and name it in `files`."
    return Finding(path, tell.is_(path, value), " or ".join(known), f'Did you mean "{near}"?' if near else fix)


def _wrong(path: Path, raised: object, draft: Draft, tell: Describer) -> Finding:
    value, written = value_at(path, draft.tree), draft.place(path)
    hidden = tell.hides(written, value)
    if path[:-1] == ("mappings",):
        name = printable(value) if isinstance(value, str) and value.strip() and not hidden else "email"
        fix = f'Write {{"from": "{name}", "to": "{name}"}}.'
        return Finding(written, tell.is_(written, value), "an object with from and to", fix)
    field = field_at(path, draft)
    said = raised if isinstance(raised, Wrong) else Wrong()
    found = f"{tell.name(written)} is {said.found}" if said.found else tell.is_(written, value)
    fix = "" if hidden else said.fix  # it may repeat the value
    return Finding(written, found, said.expected or expected_of(field), fix or fix_of(value, field, hidden=hidden))


def fix_of(value: object, field: FieldInfo | None, *, hidden: bool) -> str:
    """How to mend a wrong value: the number in it, the word it resembles, or the default."""
    number = _AMOUNT.fullmatch(value) if isinstance(value, str) and not hidden else None
    if is_number(field) and number and number[2].startswith("%"):
        return f"Write it as a share: {float(number[1]) / 100:g}."
    if is_number(field) and number and len(number[1]) < 20:
        return f"Write {number[1]} without quotes." if not number[2] else f"Write the number alone: {number[1]}."
    choices = [str(word) for kind in _kinds(field.annotation) for word in get_args(kind)] if field else []
    near = closest(value, choices) if isinstance(value, str) else ""
    if near:
        return f'Did you mean "{near}"?'
    if (own := _own_words(field)) and own.fix:
        return own.fix
    if field and isinstance(value, (int, float)) and not isinstance(value, bool) and str in _kinds(field.annotation):
        return "Put it in double quotes."
    if field and isinstance(field.default, (str, int, float)) and field.default != "":
        return f"Correct it, or leave it out for the default ({field.default})."
    return "Correct it."


def _own_words(field: FieldInfo | None) -> Expected | None:
    return next((one for one in field.metadata if isinstance(one, Expected)), None) if field else None


def _kinds(annotation: Any) -> tuple[Any, ...]:
    return (annotation,) if get_origin(annotation) is Literal else get_args(annotation) or (annotation,)


def _bounds(field: FieldInfo) -> str:
    """ " from 1 to 256", out of the field's own constraints."""
    limits = {
        name: getattr(rule, name) for rule in field.metadata for name in ("ge", "gt", "le", "lt") if hasattr(rule, name)
    }
    low = (
        f"from {_plain(limits['ge'])}" if "ge" in limits else f"above {_plain(limits['gt'])}" if "gt" in limits else ""
    )
    high = f"to {_plain(limits['le'])}" if "le" in limits else f"below {_plain(limits['lt'])}" if "lt" in limits else ""
    if high.startswith("to") and not low.startswith("from"):
        high = f"at most {high[3:]}"
    return "".join(f" {part}" for part in (low, "and" if low.startswith("above") and high else "", high) if part)


def _plain(number: float) -> str:
    return f"{number:,}"


def _form(field: FieldInfo) -> str:
    pattern = next((rule.pattern for rule in field.metadata if getattr(rule, "pattern", None)), None)
    return f" of the form {pattern}" if pattern else ""
