"""An uploaded CSV file → an action that overwrites the customers it names, row by row.

https://docs.voucherify.io/api-reference/customers/import-and-update-customers-using-csv (checked 2026-10). Columns are
found by either of the two sets of names that the vendor gives, in any case; every other column is metadata.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw

from syncline.emulators.voucherify import fields
from syncline.emulators.voucherify.actions import Action, Line, Work
from syncline.emulators.voucherify.problems import RefusedError, payload
from syncline.emulators.voucherify.project import Project
from syncline.emulators.voucherify.schema import Property

_TEXT, _NOTHING = Property("string"), Raw(b"{}")
_PLACES = {name: name for name in fields.ADDRESS} | {f"address_{name}": name for name in fields.ADDRESS}
_BOUNDARY = re.compile(rb'boundary="?([^";]+)')


class Imports:
    """accept: gives the action, or raises RefusedError."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def accept(self, content_type: bytes, body: bytes) -> Action:
        """Of a form with the part `file`."""
        rows = _rows(_file(content_type, body))
        customers = [self._customer(row) for row in rows]
        source_ids = [fields.text(given.get("source_id")) for given in customers]
        self._project.sent.update(filter(None, source_ids))

        def do(count: int, at_ms: int) -> Sequence[Line]:
            taken = zip(source_ids[:count], customers, strict=False)
            return [self._write(row, source_id, given, at_ms) for row, (source_id, given) in enumerate(taken, 1)]

        return self._project.actions.accept("CUSTOMERS.IMPORT_CSV", Work(len(customers), do))

    def _write(self, row: int, source_id: str | None, given: fields.Given, at_ms: int) -> Line:
        register, project = self._project.register, self._project
        identifier = fields.text(given.get("id"))
        known = register.with_id(identifier) if identifier else None
        if known is None and source_id:
            known = register.with_source_id(source_id)
        problem = project.wrong(given) or project.schema.wrong(fields.members(given.get("metadata", _NOTHING)))
        if problem:
            return Line(source_id or "", known is not None, False, (problem,), row)
        project.write(known, source_id, given, at_ms, whole=True)
        return Line(source_id or "", known is not None, True, (), row)

    def _customer(self, row: Mapping[str, str]) -> fields.Given:
        """An empty cell says nothing."""
        given: dict[str, object] = {}
        address: dict[str, str] = {}
        metadata: dict[str, object] = {}
        for column, cell in row.items():
            name = column.lower()
            if name in fields.IDENTIFIERS or name in fields.TEXTS:
                given[name] = cell
            elif name in _PLACES:
                address[_PLACES[name]] = cell
            else:
                metadata[column] = _value(cell, self._project.schema.properties.get(column, _TEXT))
        given |= ({"address": address} if address else {}) | ({"metadata": metadata} if metadata else {})
        return {name: Raw(msgspec.json.encode(value)) for name, value in given.items()}


def _file(content_type: bytes, body: bytes) -> str:
    """The part named `file` of a form."""
    named = _BOUNDARY.search(content_type)
    for part in body.split(b"--" + named[1]) if named else ():
        head, _, content = part.partition(b"\r\n\r\n")
        if b'name="file"' in head:
            try:
                return content.removesuffix(b"\r\n").decode("utf-8-sig")
            except UnicodeDecodeError:
                raise RefusedError(payload("The file must be encoded in UTF-8")) from None
    raise RefusedError(payload("The form must have a part named file"))


def _rows(text: str) -> list[dict[str, str]]:
    """Column → cell, for the cells that are not empty."""
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), restkey=""))
    except csv.Error as error:
        raise RefusedError(payload(f"The file cannot be read: {error}")) from None
    return [{column: cell for column, cell in row.items() if column and cell} for row in rows]


def _value(cell: str, definition: Property) -> object:
    """By the key's type; as the text it is where it does not fit, and then the schema says so."""
    if definition.array:
        return [_value(one, Property(definition.type)) for one in cell.split(",")]
    words: Mapping[str, object] = {"true": True, "false": False, "null": None}
    if definition.type == "boolean":
        return words.get(cell, cell)
    if definition.type == "number":
        try:
            return msgspec.json.decode(cell, type=int | float)
        except msgspec.DecodeError:
            return cell
    return cell
