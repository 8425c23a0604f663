"""`source` of `type: file`, typed: where the rows are, and how they are to be read.

A text or a list of texts is short for an object with these `files`; spelling.py writes it out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from syncline.config.findings import Expected, Wrong
from syncline.config.values import FieldPath, Several, form
from syncline.sources.reading import Format

Encoding = Literal["utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"]

STDIN = "-"

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_TAB = {"\\t": "\t", "tab": "\t"}  # as people write it where a tab itself is hard to type


def _file(text: str) -> str:
    if not text.strip():
        raise Wrong()
    if url := _URL.match(text):
        # It is never shown: signed addresses and user names are credentials.
        by_hand = "Download it first, or pipe it in: `curl … | syncline run CONFIG -d -`."
        fix = "Write the path alone, without file://." if url[1].lower() == "file" else by_hand
        raise Wrong("a file on this machine", fix, found="a URL (not shown)")
    return text


def _tab(value: object) -> object:
    return _TAB.get(value, value) if isinstance(value, str) else value


def _delimiter(text: str) -> str:
    if len(text) != 1 or text.isalnum() or text in "\"'\r\n\0":
        raise Wrong()
    return text


Delimiter = Annotated[
    str,
    BeforeValidator(_tab, json_schema_input_type=Annotated[str, form(r"""^([^A-Za-z0-9"'\r\n\u0000]|\\t|tab)$""")]),
    AfterValidator(_delimiter),
]
File = Annotated[str, AfterValidator(_file), form(r"^(?=[\s\S]*\S)(?![A-Za-z][A-Za-z0-9+.-]*://)")]


class Files(BaseModel):
    """Where the rows are. `files`: paths, globs or `-` (stdin), relative to the configuration's directory; none: they
    are given on the command line. The rest says how to read them, however they were given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Annotated[
        Literal["file"],
        Field(description="The kind of source. Of files it may be left out."),
    ] = "file"
    files: Annotated[
        tuple[File, ...],
        Several,
        Expected("the path of a data file, or a list of paths", 'Write it like "data.json", or "-" for stdin.'),
        Field(
            description="Paths, globs (`data/*.csv`), or `-` for stdin; relative to the configuration. Without them,"
            " the data is given on the command line (`-d`).",
            json_schema_extra={"uniqueItems": True},
        ),
    ] = ()
    format: Annotated[
        Format,
        Field(description="What the files hold. auto tells JSON, NDJSON, CSV and TSV apart by what is in a file."),
    ] = "auto"
    path: Annotated[
        FieldPath,
        Expected("the path to the rows in a JSON document", "Write it like data.users."),
        Field(description="Where the rows stand in a JSON document: `data.users`."),
    ] = ""
    delimiter: Annotated[
        Delimiter,
        Expected(
            "one character between the cells, and no letter, digit, quote or line break",
            'Write it like ";", or "tab" for a tab.',
        ),
        Field(description="What stands between the cells of a CSV file; `tab` is a tab. Default: a comma."),
    ] = ""
    encoding: Annotated[Encoding, Field(description="The encoding of CSV and TSV files. JSON is UTF-8 always.")] = (
        "utf-8"
    )


class Contradiction(NamedTuple):
    """A key of `source` that means nothing in the `format` beside it, which is one of those there are."""

    key: str
    expected: str
    fix: str


def contradictions(held: Mapping[str, object]) -> Iterator[Contradiction]:
    """What is said about reading a file, and has no meaning for files of this format."""
    written = held.get("format", "auto")
    if "path" in held and written in ("csv", "tsv"):
        yield Contradiction("path", "a path only where the format is json or auto", "Leave one of them out.")
    if "delimiter" in held and written in ("json", "tsv"):
        yield Contradiction("delimiter", "a delimiter only where the format is csv or auto", "Leave one of them out.")
    if held.get("encoding", "utf-8") != "utf-8" and written == "json":
        yield Contradiction("encoding", "utf-8, in which all JSON is", "Save the file as UTF-8.")
