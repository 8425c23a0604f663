"""How data files are to be read: what a configuration's `source` says besides where they are."""

from __future__ import annotations

from typing import Literal, NamedTuple

from syncline.errors import printable
from syncline.sources.place import Flaw

Format = Literal["auto", "json", "csv", "tsv"]

JSON_ROWS = "a JSON array of objects, or one JSON object a line (NDJSON)"
ROWS = f"CSV with a header, {JSON_ROWS}"
EMPTY = "Was the export finished? For no rows at all, write []."

# How people spell it → what Python calls it. Which byte order UTF-16 has, its first bytes say.
ENCODINGS = {
    **dict.fromkeys(("utf-8", "utf8", "utf-8-sig"), "utf-8"),
    **dict.fromkeys(("utf-16", "utf16"), "utf-16"),
    **dict.fromkeys(("utf-16-le", "utf-16le", "utf16le"), "utf-16-le"),
    **dict.fromkeys(("utf-16-be", "utf-16be", "utf16be"), "utf-16-be"),
    **dict.fromkeys(("cp1252", "windows-1252"), "cp1252"),
    **dict.fromkeys(("latin-1", "latin1", "iso-8859-1", "iso8859-1"), "latin-1"),
}


class Reading(NamedTuple):
    """format: auto tells JSON, NDJSON, CSV and TSV apart by what is in the file, and gzip is always recognised; json:
    a JSON document or NDJSON. What a file plainly is not, it is never read as.

    path: where the rows stand in a JSON document (`data.users`); every file must be such a document then.
    delimiter: of CSV, "" for a comma (a tab for TSV); encoding: of CSV and TSV, see `ENCODINGS`; JSON is UTF-8.
    """

    format: Format = "auto"
    path: str = ""
    delimiter: str = ""
    encoding: str = "utf-8"


AS_FOUND = Reading()


def setting(name: str, value: str) -> str:
    """How one says it: in the configuration, or on the command line."""
    return f"`{name}: {value}` in `source`, or `--{name} {value}`"


def codec_of(reading: Reading) -> str:
    """Python's name of the encoding. Raises `Flaw`."""
    codec = ENCODINGS.get(reading.encoding.strip().lower().replace("_", "-"))
    if codec is None:
        known = "utf-8, utf-16, utf-16-le, utf-16-be, cp1252 or latin-1"
        raise Flaw(f'the encoding "{printable(reading.encoding[:40])}"', known, fix="Set `encoding` to one of them.")
    return codec


def check(reading: Reading) -> None:
    """Raises `Flaw` where the settings themselves make no sense, whatever is in the files."""
    codec_of(reading)
    if reading.delimiter and (len(reading.delimiter) > 1 or reading.delimiter in '"\r\n\0'):
        found = f'the delimiter "{printable(reading.delimiter[:40])}"'
        fix = f"Set `delimiter` to one character; for a tab, {setting('format', 'tsv')}."
        raise Flaw(found, "one character that is no quote and no line break", fix=fix)
    if reading.path and reading.format in ("csv", "tsv"):
        fix = "Leave one of them out: a path leads to the rows of a JSON document."
        raise Flaw(f"`path` together with `format: {reading.format}`", "one of them", fix=fix)
