"""What a configuration says, typed: `Sync` and its `Mapping`s. Built by load.py; nothing here reads files.

The models hold what one field must be. What concerns several fields, or several mappings, is in rules.py: there it
can be reported together with everything else, where a model validator is skipped as soon as any field is wrong.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from syncline.config.findings import Expected
from syncline.config.source import Files
from syncline.config.values import (
    DAY_S,
    MAX_REFRESH_DAYS,
    AList,
    Constant,
    FieldName,
    FieldPath,
    Name,
    Part,
    Refresh,
    Several,
    Target,
    Transform,
    Url,
)
from syncline.destinations.customerio import settings as customerio
from syncline.destinations.voucherify import settings as voucherify
from syncline.sources.segment import settings as segment

MAX_PARALLELISM = 256


Mode = Literal["upsert", "update"]
Nulls = Literal["omit", "clear"]
Empty = Literal["omit", "keep", "clear"]
Cast = Literal["string", "integer", "number", "boolean", "timestamp", "date", "json"]


class Otherwise(BaseModel):
    """Another way to a value, for the rows in which the first leads to none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: Annotated[
        tuple[Part, ...],
        Several,
        Expected("the name of a field of the source, or a list of names", 'Write it like "email".'),
        Field(alias="from", description="As `from` beside `else`."),
    ]
    join: Annotated[
        str | None,
        Expected("the text to put between the joined fields"),
        Field(description="As `join` beside `else`."),
    ] = None


class Mapping(BaseModel):
    """One attribute: where it comes from, what it is called at the destination, and what happens on the way.

    `sources` is always a tuple: one field or path, or several of which the first present wins (with `join`: all of
    them, and of one that is a tuple itself the first present). It is empty when the mapping has a `constant`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: Annotated[
        tuple[Part, ...],
        Several,
        Expected("the name of a field of the source, or a list of names", 'Write it like "email".'),
        Field(
            alias="from",
            description="A field of the source; of a list, the first that a row has. With `join`, all of the list,"
            " and an entry may itself be a list, of which the first counts. A name with dots (`address.city`) is the"
            " field of exactly that name where a row has it, else a path.",
        ),
    ] = ()
    to: Annotated[
        Target,
        Expected("the name of the attribute at the destination"),
        Field(description="The name of the attribute at the destination."),
    ]
    join: Annotated[
        str | None,
        Expected("the text to put between the joined fields"),
        Field(description="Joins all fields of `from` to one text, with this between them."),
    ] = None
    otherwise: Annotated[
        Otherwise | None,
        Expected("an object with from, and perhaps join", 'Write {"from": ["first", "last"], "join": " "}.'),
        Field(
            alias="else",
            description="Another way to the value, an object with `from` and perhaps `join`, for rows that say nothing"
            " under `from`: where it is absent, null, or empty while `empty` is omit.",
        ),
    ] = None
    constant: Annotated[Constant, Field(description="The same value for everybody, instead of a field.")] = None
    default: Annotated[object, Field(description="The value where a row does not have the field.")] = None
    cast: Annotated[
        Cast | None,
        Field(
            alias="as",
            description="Converts the value; a row whose value cannot be converted is not sent. timestamp: ISO 8601 to"
            " unix seconds; json: the value that a text spells.",
        ),
    ] = None
    nulls: Annotated[Nulls | None, Field(description="`nulls`, for this attribute alone.")] = None
    empty: Annotated[Empty | None, Field(description="`empty`, for this attribute alone.")] = None
    normalise: Annotated[
        Literal["email", "phone", "lower", "trim"] | None,
        Field(
            description="Gives equal texts one spelling: an e-mail address, a phone number, small letters, no margins."
        ),
    ] = None
    on_error: Annotated[
        Literal["omit"] | None,
        Expected("omit, which is all it can be", 'Write "omit", or leave it out: then the row is not sent.'),
        Field(
            alias="onError",
            description="omit: a value that cannot be converted is left out and counted in a warning, and the row is"
            " sent without it. Otherwise such a row is invalid and not sent.",
        ),
    ] = None
    hash: Annotated[
        Literal["sha256"] | None,
        Field(description="Sends the SHA-256 of the text, after `normalise` and `as`, instead of the text."),
    ] = None

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

    name: Annotated[
        Name,
        Expected("the sync's name, as text"),
        Field(description="Names the sync and its ledger. Default: the file's name without its ending."),
    ]
    source: Annotated[
        Files | segment.Settings | None,
        Expected(
            "the path of a data file, a list of paths, or an object with `files` or a `type`",
            'Write it like "data.json".',
        ),
        Field(
            discriminator="type",
            description="The rows: a file, a list of files, an object that also says how to read them, or a Segment"
            " space. Data given on the command line (`-d`) takes its place.",
        ),
    ] = None
    destination: Annotated[
        customerio.Settings | voucherify.Settings,
        Expected("an object with the destination's settings", 'Write {"type": "customerio"}.'),
        Field(
            discriminator="type",
            description="Where the rows go. The credentials may also stand at the top level.",
        ),
    ]
    user_id: Annotated[
        FieldPath,
        Expected("the name of the field that identifies a person"),
        Field(
            alias="userId",
            description="The field that identifies a person, or the path to it. A Segment space needs none: it is the"
            " external id of the type that `identifier` names.",
        ),
    ]
    parallelism: Annotated[
        int, Field(ge=1, le=MAX_PARALLELISM, description="How many requests may be in flight at once.")
    ] = 25
    tries: Annotated[
        int,
        Field(ge=1, le=20, description="How often a request that meets a fault is sent before its rows are put off."),
    ] = 5
    patience: Annotated[
        float,
        Field(
            gt=0, le=86_400, description="Seconds without one good answer, after which a run stops and can be resumed."
        ),
    ] = 300.0
    max_wait: Annotated[
        float,
        Field(
            alias="maxWait",
            gt=0,
            le=86_400,
            description="The longest `Retry-After` that a run waits for, in seconds. Asked to wait longer, it stops and"
            " says when to come back.",
        ),
    ] = 300.0
    max_reject_ratio: Annotated[
        float,
        Field(
            alias="maxRejectRatio",
            gt=0,
            le=1,
            description="The share of rows, of at least 200, that may be refused before a run stops; before that, 50"
            " refused and nobody taken. 1: it never stops for that.",
        ),
    ] = 0.5
    mode: Annotated[
        Mode,
        Field(
            description="upsert creates people whom the destination does not know; update never does (Voucherify has"
            " upsert alone)."
        ),
    ] = "upsert"
    nulls: Annotated[
        Nulls,
        Field(description="What an explicit null means: omit says nothing of the attribute, clear removes it."),
    ] = "omit"
    empty: Annotated[
        Empty | None,
        Field(
            description="What an empty text or an empty CSV cell means: omit says nothing of the attribute, keep sends"
            " an empty text, clear removes the attribute. Default: an empty cell is absent, an empty text of a JSON"
            " file is a value."
        ),
    ] = None
    pick: Annotated[
        Literal["all"] | None,
        Expected("all, which is all it can be", 'Write "all", or list single fields under `mappings`.'),
        Field(
            description="all: every field of a row goes under its own name, unless a mapping renames it or `except`"
            " names it. `mappings` may then be absent."
        ),
    ] = None
    except_: Annotated[
        tuple[FieldName, ...],
        Several,
        Expected("the name of a field, or a list of names", 'Write it like ["password"].'),
        Field(alias="except", description="The fields that `pick: all` leaves out."),
    ] = ()
    transform: Annotated[
        Transform | None,
        Expected("a Python file and a function in it: rules.py:clean", "Write it like rules.py:clean."),
        Field(
            description="A Python function that each row goes through first: `rules.py:clean`, relative to the"
            " configuration."
        ),
    ] = None
    refresh: Annotated[
        Refresh,
        Expected(
            f"days, hours or minutes from 1h to {MAX_REFRESH_DAYS}d, such as 30d, 12h or 90m; or off",
            'Write it like "30d", or leave it out for the default (30d).',
        ),
        Field(
            description="How long an acknowledgement is believed: what is older is sent again. 30d, 12h, 90m; off: for"
            " ever.",
            json_schema_extra={"default": "30d"},
        ),
    ] = 30.0 * DAY_S
    notify: Annotated[
        Url | None,
        Expected("an https URL, as text"),
        Field(
            description="The URL to which the report of each run is posted, as JSON. It may hold a token, so it is"
            " treated as a credential."
        ),
    ] = None
    fail_on: Annotated[
        Literal["any", "new", "never"],
        Field(
            alias="failOn",
            description="When rows that are invalid or rejected make the exit code 1: any of them, only those that are"
            " new since the last run, or never.",
        ),
    ] = "any"
    mappings: Annotated[
        tuple[Mapping, ...],
        AList,
        Expected('a list of mappings: [{"from": …, "to": …}]', 'Write [{"from": "email", "to": "email"}].'),
        Field(description="The attributes: for each, the field it comes from and its name at the destination."),
    ] = ()
