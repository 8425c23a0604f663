"""One written value → what it means, or `Wrong`; and the form it has to have, for the JSON Schema.

A form says what a pattern can say. What only code can say (150 bytes, at most ten years) the checks add.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Discriminator, PlainValidator, SecretStr, Tag, WithJsonSchema

from syncline.config.addresses import MAX_URL, URL_FORM
from syncline.config.findings import Wrong

MAX_NAME_BYTES = 150
HOUR_S, DAY_S = 3_600, 86_400
MAX_REFRESH_DAYS = 3_650

Scalar = str | int | float | bool | None

_UNITS = {"d": DAY_S, "h": HOUR_S, "m": 60}
_INDEX = re.compile(r"\[-?[0-9]+\]")


def form(pattern: str) -> WithJsonSchema:
    """Text of this form. The pattern must mean the same to Python and to JavaScript, whose dialect JSON Schema has."""
    return WithJsonSchema({"type": "string", "pattern": pattern})


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}", text):
        raise Wrong(
            "1 to 100 letters, digits, dots, underscores and hyphens, not starting with a dot",
            "Rename it; it names the sync's ledger.",
        )
    return text


def _field_path(text: str) -> str:
    if not text.strip():
        raise Wrong()
    if "" in text.split("."):
        raise Wrong("a path without empty parts", "Put a name on both sides of each dot: address.city.")
    if _INDEX.search(text):
        raise Wrong(
            "a field, or a path of fields; the elements of a list have no name",
            "Name the whole list, or take the element out of it in `transform`.",
        )
    return text


def _field(text: str) -> str:
    if not text.strip():
        raise Wrong()
    return text


def _target(text: str) -> str:
    if not text.strip():
        raise Wrong("the name of the attribute at the destination", 'Give it a name: "to": "email".')
    if len(text.encode()) > MAX_NAME_BYTES:
        raise Wrong(f"a name of at most {MAX_NAME_BYTES} bytes", "Shorten it.")
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text):
        raise Wrong("a name without line breaks and control characters", "Delete them.")
    return text


def several(value: object) -> tuple[object, ...]:
    """One text is a list of one. An empty list says nothing."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, (list, tuple)) and value:
        return tuple(value)
    raise Wrong()


def _list(value: object) -> tuple[object, ...]:
    if isinstance(value, (list, tuple)):
        return tuple(value)
    raise Wrong()


def _scalar(value: object) -> Scalar:
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise Wrong(
        "text, a number, true, false or null", "For a list or an object, use `default` on a field that no row has."
    )


def _refresh(value: object) -> float | None:
    """`30d` → seconds; `off` → None."""
    if value == "off":
        return None
    match = re.fullmatch(r"([0-9]{1,9})([dhm])", value) if isinstance(value, str) else None
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if not HOUR_S <= seconds <= MAX_REFRESH_DAYS * DAY_S:
        raise Wrong(fix=_refresh_fix(value))
    return float(seconds)


def _refresh_fix(value: object) -> str:
    """What was probably meant: 30 and "30 days" are 30d, false and 0 are off."""
    match = re.fullmatch(r"\s*([0-9]{1,9})\s*([a-z]*)\s*", str(value).lower())
    count, unit = (int(match[1]), match[2][:1] or "d") if match else (0, "")
    if value is False or value is None or (match and not count):
        return 'Write "off" for never.'
    if match and unit in _UNITS and HOUR_S <= count * _UNITS[unit] <= MAX_REFRESH_DAYS * DAY_S:
        return f'Write "{count}{unit}".'
    return ""


def split_transform(text: str) -> tuple[str, str]:
    """`rules/people.py:clean` → the file and the function. Raises Wrong."""
    file, _, function = text.rpartition(":")
    if not file.endswith(".py") or not function.isidentifier():
        raise Wrong(fix="Put the function's name behind it: rules.py:clean." if text.endswith(".py") else "")
    return file, function


def _transform(text: str) -> str:
    split_transform(text)
    return text


_SOMETHING = r"(?=[\s\S]*\S)"  # what follows is not blank
_NO_CONTROLS = r"[^\u0000-\u001f\u007f-\u009f\u2028\u2029]"

Several = BeforeValidator(several)
Name = Annotated[str, AfterValidator(_name), form("^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$")]
FieldName = Annotated[str, AfterValidator(_field), form(f"^{_SOMETHING}")]
FieldPath = Annotated[str, AfterValidator(_field_path), form(rf"^{_SOMETHING}(?![\s\S]*\[-?[0-9]+\])[^.]+(\.[^.]+)*$")]
# One part of what is joined: a field, or a list of which the first present counts. Told apart by what they are, so that
# what is wrong with the one is not told in the words of the other.
Part = Annotated[
    Annotated[FieldPath, Tag("field")] | Annotated[tuple[FieldPath, ...], Several, Tag("fields")],
    Discriminator(lambda written: "fields" if isinstance(written, (list, tuple)) else "field"),
]
Target = Annotated[str, AfterValidator(_target), form(f"^{_SOMETHING}{_NO_CONTROLS}{{1,{MAX_NAME_BYTES}}}$")]
Transform = Annotated[str, AfterValidator(_transform), form(r"\.py:[^\s:.-]+$")]
Refresh = Annotated[
    float | None, PlainValidator(_refresh, json_schema_input_type=Annotated[str, form(r"^(off|[0-9]{1,9}[dhm])$")])
]
Url = Annotated[SecretStr, WithJsonSchema({"type": "string", "pattern": URL_FORM, "maxLength": MAX_URL})]
Constant = Annotated[Scalar, PlainValidator(_scalar, json_schema_input_type=Scalar)]
AList = BeforeValidator(_list)
