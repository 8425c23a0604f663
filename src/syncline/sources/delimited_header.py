"""The first cells of a table → nothing, where they can name its columns; else why not."""

from __future__ import annotations

from collections.abc import Sequence

from syncline.errors import printable
from syncline.json_rules import KEYS
from syncline.sources.place import Flaw, Place
from syncline.sources.reading import setting

NO_CHARACTER = "a byte that is no character"
_CALLED = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "vertical bars"}


def check_header(names: Sequence[str], delimiter: str, place: Place, *, certain: bool) -> None:
    """Raises `Flaw`. certain: somebody said what the delimiter is; else a header of one cell must not hold another."""
    if len(names) == 1 and not certain:
        _check_delimiter(names[0], delimiter, place)
    if len(names) > KEYS:
        raise Flaw(f"a header of {len(names):,} cells", f"at most {KEYS:,}", place)
    columns: dict[str, int] = {}
    for column, name in enumerate(names, 1):
        if not name.strip():
            fix = "Name it, or delete the column and its delimiter."
            raise Flaw(f"a header without a name for column {column}", "a name for each column", place, fix)
        if fault := cell_fault(name):
            raise Flaw(f"{fault} in the name of column {column}", "text", place)
        if (first := columns.setdefault(name, column)) < column:
            found = f'a header with the name "{printable(name[:40])}" for columns {first} and {column}'
            raise Flaw(found, "each name once", place, "Rename one of them.")


def cell_fault(cell: str) -> str:
    """What is in the cell that no text may hold, "" if nothing is."""
    if cell.isascii():
        return "the character U+0000" if "\0" in cell else ""
    for char in cell:
        if "\udc80" <= char <= "\udcff":  # what decoding makes of a byte that it cannot read
            return f"{NO_CHARACTER} (0x{ord(char) - 0xDC00:02X})"
        if "\ud800" <= char <= "\udfff":
            return "half of a surrogate pair"
        if char == "\0":
            return "the character U+0000"
    return ""


def _check_delimiter(name: str, delimiter: str, place: Place) -> None:
    other = next((sign for sign in "\t;|," if sign in name), None)
    if other is None:
        return
    fix = setting("format", "tsv") if other == "\t" else setting("delimiter", f'"{other}"')
    found = f"a header of one cell, with {_CALLED[other]} in it"
    raise Flaw(found, f"{_CALLED.get(delimiter, 'delimiters')} between its cells", place, f"Set {fix}.")
