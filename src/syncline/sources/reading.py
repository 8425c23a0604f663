"""How data files are to be read: what a configuration's `source` says besides where they are."""

from __future__ import annotations

from typing import Literal, NamedTuple

Format = Literal["auto", "json", "csv", "tsv"]


class Reading(NamedTuple):
    """format: auto tells JSON, NDJSON, CSV and TSV apart by what is in the file, and gzip is always recognised.

    path: where the rows stand in a JSON document (`data.users`); delimiter: of CSV, "" for a comma (a tab for TSV);
    encoding: of CSV and TSV; JSON is UTF-8.
    """

    format: Format = "auto"
    path: str = ""
    delimiter: str = ""
    encoding: str = "utf-8"


AS_FOUND = Reading()
