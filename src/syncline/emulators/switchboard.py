"""A vendor's `Switches` → what there is to choose, in words; and `name=value` texts → a choice.

A vendor's switches are a frozen dataclass: each field has a default and is `Annotated[type, why there is a choice]`.
The type is a bool, a number, or a `Literal` of texts or numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import Field, fields
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar, get_args, get_type_hints


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]  # what `dataclasses.fields` asks for


S = TypeVar("S", bound=_Dataclass)


class Described(NamedTuple):
    """A switch in words: its name, its default and its possible values as text, and why there is a choice."""

    name: str
    default: str
    values: str
    why: str


def described(switches: type[_Dataclass]) -> list[Described]:
    """All of a vendor's switches, in order."""
    hints = get_type_hints(switches, include_extras=True)
    return [
        Described(
            field.name,
            _said(field.default),
            " or ".join(_values(switches, field.name)) or "a number",
            str(get_args(hints[field.name])[1]),
        )
        for field in fields(switches)
    ]


def parse(switches: type[S], settings: Iterable[str]) -> S:
    """`empty_removes=true` and the like → the switches. Raises ValueError with a message that says how to write it."""
    defaults: Mapping[str, object] = {field.name: field.default for field in fields(switches)}
    chosen: dict[str, object] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if name not in defaults:
            raise ValueError(f"{name[:40]!r} is no switch; there are {', '.join(defaults)}")
        if not equals:
            raise ValueError(f"{name} needs a value: {name}={_said(defaults[name])} is its default")
        chosen[name] = _value(name, _values(switches, name), defaults[name], text)
    return switches(**chosen)


def _value(name: str, values: Mapping[str, object], default: object, text: str) -> object:
    if text in values:
        return values[text]
    whole = isinstance(default, int)
    if not values and re.fullmatch(r"\d{1,6}" if whole else r"\d{1,6}(\.\d{1,6})?", text):
        return int(text) if whole else float(text)
    raise ValueError(f"{name} cannot be {text[:40]!r}; it is {' or '.join(values) or 'a number from 0 to 999999'}")


def _values(switches: type[_Dataclass], name: str) -> Mapping[str, object]:
    """Text → value; empty for a number."""
    kind = get_type_hints(switches)[name]
    if kind in (int, float):
        return {}
    return {_said(value): value for value in ((False, True) if kind is bool else get_args(kind))}


def _said(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
