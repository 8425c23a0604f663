"""Python objects → rows: what a program holds in memory, or makes as it goes, is read like a file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal

import msgspec
from msgspec.json import Encoder

from syncline.errors import DataRefused, Found, SourceBroke, printable
from syncline.json_scan import JsonError
from syncline.model import Row, RowRef
from syncline.sources.json_fields import CHUNK_ROWS, Fields, read_row

_ENCODER = Encoder(decimal_format="number")
_SIMPLE = (str, int, type(None), Decimal, datetime, date, time)  # nothing in them that JSON would turn into null


class RecordsSource:
    """The rows of an iterable of mappings, taken as they are asked for. An iterator can be read only once.

    An item that is no mapping is a row with a fault. Decimals become numbers, dates and times ISO text, whole numbers
    keep all their digits.
    """

    def __init__(self, records: Iterable[object], label: str = "data") -> None:
        self._records = records
        self._name = printable(label)
        self._complete = False

    @property
    def complete(self) -> bool:
        """Was the iterable read to its end?"""
        return self._complete

    def position(self) -> tuple[int, int | None]:
        """Nobody knows how many records will come."""
        return 0, None

    def chunks(self) -> Iterator[Sequence[Row]]:
        """Rows in order. Raises `DataRefused` before the first row, `SourceBroke` after it, if the iterable raises."""
        self._complete = False
        chunk: list[Row] = []
        rows, failure = 0, None
        try:
            for record in self._records:
                rows += 1
                chunk.append(Row(RowRef(self._name, rows, 0), *_read(record)))
                if len(chunk) == CHUNK_ROWS:
                    yield chunk
                    chunk = []
        except Exception as error:  # whatever the caller's own code raises
            failure = error
        if chunk:
            yield chunk
        if failure is not None:
            raise self._broken(failure, rows) from failure
        self._complete = True

    def _broken(self, failure: Exception, rows: int) -> SourceBroke | DataRefused:
        found = f"{type(failure).__name__} raised by the records"
        if rows:
            return SourceBroke(f"{self._name}: found {found} after row {rows}, expected another row or the end")
        fix = "Mend what makes them; its own error is the cause of this one."
        return DataRefused([Found(self._name, 0, 0, found, "an iterable of mappings", fix)])


def _read(record: object) -> tuple[Fields, str]:
    """The fields of one record, or why it is no row."""
    if not isinstance(record, Mapping):
        return {}, f"found a value of type {type(record).__name__}, expected a mapping"
    try:
        fields = dict(record)
        fault = next(filter(None, map(_fault, fields, fields.values())), "")
        return ({}, fault) if fault else read_row(_ENCODER.encode(fields))
    except JsonError as error:  # a decimal that is no number
        return {}, str(error)
    except Exception as error:  # the caller's objects may raise anything
        return {}, f"found a mapping that cannot be read ({type(error).__name__}), expected one of JSON values"


def _fault(key: object, value: object) -> str:
    """Why this field cannot be sent, "" if it can."""
    if not isinstance(key, str):
        return f"found a key of type {type(key).__name__}, expected text"
    name = printable(key[:40])
    try:
        if isinstance(value, bytes | bytearray | memoryview):
            return f'found bytes in "{name}", expected text: decode them, or choose an encoding'
        if _holds_no_number(value):
            return f'found NaN or Infinity in "{name}", expected a finite number or null'
        if not isinstance(value, _SIMPLE):
            _ENCODER.encode(value)
    except Exception as error:  # msgspec's, and whatever the caller's objects raise
        kind = type(value).__name__
        return f'found a {kind} in "{name}" that cannot be encoded ({type(error).__name__}), expected a JSON value'
    return ""


def _holds_no_number(value: object) -> bool:
    """Is there a NaN or an infinity in it? msgspec writes them as null, and null may delete what was delivered."""
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, _SIMPLE):
        return False
    if isinstance(value, dict):
        return any(map(_holds_no_number, value)) or any(map(_holds_no_number, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return any(map(_holds_no_number, value))
    plain = msgspec.to_builtins(value, builtin_types=(Decimal,))  # dataclasses, structs, enums
    return isinstance(plain, float | dict | list) and _holds_no_number(plain)
