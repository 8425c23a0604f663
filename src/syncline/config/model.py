"""What a configuration says, typed: `Sync` and its `Mapping`s. Built by load.py; nothing here reads files.

The models hold what one field must be. What concerns several fields, or several mappings, is in rules.py: there it
can be reported together with everything else, where a model validator is skipped as soon as any field is wrong.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, SecretStr

from syncline.config.findings import Wrong
from syncline.destinations import customerio
from syncline.sources.reading import Format

MAX_PARALLELISM = 256
MAX_NAME_BYTES = 150


class Kind(NamedTuple):
    """What the configuration must know of a `type` of destination.

    refuse_name: (name, does it map the userId field?) → why no mapping may write there, and the fix.
    """

    settings: type[BaseModel]
    refuse_name: Callable[[str, bool], tuple[str, str] | None]
    attributes: int


# With a second member, `Sync.destination` becomes a union discriminated by `type`.
DESTINATIONS = {"customerio": Kind(customerio.Settings, customerio.refuse_name, customerio.ATTRIBUTES)}
DEFAULT_DESTINATION = "customerio"

Nulls = Literal["omit", "clear"]
Empty = Literal["omit", "keep", "clear"]
Scalar = str | int | float | bool | None


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}", text):
        raise Wrong(
            "1 to 100 letters, digits, dots, underscores and hyphens, not starting with a dot",
            "Rename it; it names the sync's ledger.",
        )
    return text


def _filled(text: str) -> str:
    if not text.strip():
        raise Wrong("text that is not blank")
    return text


def _target(text: str) -> str:
    if not text.strip():
        raise Wrong("the name of the attribute at the destination", 'Give it a name: "to": "email".')
    if len(text.encode()) > MAX_NAME_BYTES:
        raise Wrong(f"a name of at most {MAX_NAME_BYTES} bytes", "Shorten it.")
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text):
        raise Wrong("a name without line breaks and control characters", "Delete them.")
    return text


def _field_path(text: str) -> str:
    if not text.strip():
        raise Wrong("the name of a field of the source", 'Give it a name: "from": "email".')
    if "" in text.split("."):
        raise Wrong("a path without empty parts", "Put a name on both sides of each dot: address.city.")
    return text


def _several(value: object) -> tuple[object, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, (list, tuple)) and value:
        return tuple(value)
    raise Wrong("the name of a field, or a list of names", 'Write "from": "email", or "from": ["mobile", "phone"].')


def _mappings(value: object) -> tuple[object, ...]:
    if isinstance(value, (list, tuple)) and not value:
        found = "mappings is an empty list: nothing would be sent"
        raise Wrong("at least one mapping", 'Write {"from": "email", "to": "email"} for each field.', found=found)
    if isinstance(value, (list, tuple)):
        return tuple(value)
    raise Wrong("a list of mappings", 'Write [{"from": "email", "to": "email"}].')


def _scalar(value: object) -> Scalar:
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise Wrong(
        "text, a number, true, false or null", "For a list or an object, use `default` on a field that no row has."
    )


def _source(value: object) -> object:
    """`"data.json"` and `["a.csv", "b.csv"]` are short for an object with these `files`."""
    if isinstance(value, (str, list, tuple)):
        return {"files": value}
    return value


class Files(BaseModel):
    """Where the rows are. `files`: paths, globs or `-` (stdin), relative to the configuration's directory; none: they
    are given on the command line. The rest says how to read them, however they were given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["file"] = "file"
    files: Annotated[tuple[Annotated[str, AfterValidator(_filled)], ...], BeforeValidator(_several)] = ()
    format: Format = "auto"
    path: str = ""
    delimiter: str = ""
    encoding: str = "utf-8"


class Mapping(BaseModel):
    """One attribute: where it comes from, what it is called at the destination, and what happens on the way.

    `sources` is always a tuple: one field or path, or several of which the first present wins (with `join`: all
    of them). It is empty when the mapping has a `constant`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: Annotated[
        tuple[Annotated[str, AfterValidator(_field_path)], ...],
        BeforeValidator(_several),
        Field(alias="from", description="the name of a field of the source"),
    ] = ()
    to: Annotated[str, AfterValidator(_target), Field(description="the name of the attribute at the destination")]
    join: Annotated[str | None, Field(description="the text to put between the joined fields")] = None
    constant: Annotated[Scalar, PlainValidator(_scalar)] = None
    default: object = None
    cast: Annotated[
        Literal["string", "integer", "number", "boolean", "timestamp", "date", "json"] | None, Field(alias="as")
    ] = None
    nulls: Nulls | None = None
    empty: Empty | None = None
    normalise: Literal["email", "phone", "lower", "trim"] | None = None
    hash: Literal["sha256"] | None = None

    @property
    def has_constant(self) -> bool:
        """A constant may be null, so its value does not tell."""
        return "constant" in self.model_fields_set

    @property
    def has_default(self) -> bool:
        """A default may be null, so its value does not tell."""
        return "default" in self.model_fields_set


class Sync(BaseModel):
    """One configuration, checked. `refresh`: seconds; None: never."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, AfterValidator(_name), Field(description="the sync's name, as text")]
    source: Annotated[Files | None, BeforeValidator(_source)] = None
    destination: Annotated[customerio.Settings, Field(description="an object with the destination's settings")]
    user_id: Annotated[
        str,
        AfterValidator(_filled),
        Field(alias="userId", description="the name of the field that identifies a person"),
    ]
    parallelism: Annotated[int, Field(ge=1, le=MAX_PARALLELISM)] = 25
    mode: Literal["upsert", "update"] = "upsert"
    nulls: Nulls = "omit"
    empty: Empty | None = None
    pick: Literal["all"] | None = None
    except_: Annotated[tuple[str, ...], Field(alias="except"), BeforeValidator(_several)] = ()
    transform: str | None = None
    refresh: float | None = 30 * 86_400.0
    notify: SecretStr | None = None
    fail_on: Annotated[Literal["any", "new", "never"], Field(alias="failOn")] = "any"
    mappings: Annotated[
        tuple[Mapping, ...], BeforeValidator(_mappings), Field(description='a list of mappings: [{"from": …, "to": …}]')
    ]
