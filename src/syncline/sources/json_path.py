"""One JSON document and a path into it (`data.users`) → the rows of the array that stands there; or a likely path.

The document is read once, from end to end, and whatever stands beside the array only passes: memory does not grow with
it. A key may hold dots itself: "data.users" wins where it is all that is left of the path.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from syncline.errors import printable
from syncline.json_scan import DEPTH
from syncline.model import Row
from syncline.sources.json_array import array_rows
from syncline.sources.json_cursor import Cursor
from syncline.sources.json_fields import ROW_BYTES
from syncline.sources.place import NOWHERE, Flaw, Place

_NAMES = 10  # how many keys a refusal lists
_KINDS = {b"{": "an object", b"[": "an array", b'"': "a string", b"t": "true", b"f": "false", b"n": "null"}
_ROWS = re.compile(rb"\[[ \t\r\n]*+\{")


def path_rows(file: str, path: str, place: Place, blocks: Iterable[bytes]) -> Iterator[list[Row]]:
    """The rows at `path` of the object that begins at `place`. Raises `Flaw`: no such array, or no such document."""
    cursor = Cursor(place, blocks)
    walk = _Walk(file, path, cursor)
    yield from walk.object(path, 1)
    cursor.end()
    if not walk.found:
        raise walk.missed()


def likely_path(head: bytes) -> str:
    """Where the rows seem to stand in a document that begins like this; "" where that cannot be seen."""
    try:
        return next(_arrays(Cursor(Place(), [head]), 1), "")
    except Flaw:
        return ""


class _Walk:
    """Objects within objects, along a path."""

    def __init__(self, file: str, path: str, cursor: Cursor) -> None:
        self.found = False
        self._file, self._path, self._cursor = file, path, cursor
        self._deepest = 0
        self._left = path  # of the path, in the deepest object that it led to
        self._names: list[str] = []  # which that object has
        self._astray = ""  # what stood on the path, and is no object

    def object(self, left: str, depth: int) -> Iterator[list[Row]]:
        """Reads the object that begins here to its end, and the rows in it, if `left` leads to them."""
        cursor, taken = self._cursor, ""
        names: list[str] = []
        for name in _keys(cursor):
            names += [name] if len(names) <= _NAMES else []
            if self.found:
                self._refuse_rival(name, taken, left)
                self._pass()
            elif name == left:
                yield from self._array()
                taken = name
            elif left.startswith(f"{name}.") and self._is_object(name, depth):
                yield from self.object(left[len(name) + 1 :], depth + 1)
                taken = name
            else:
                self._pass()
        if depth > self._deepest:
            self._deepest, self._left, self._names = depth, left, names

    def missed(self) -> Flaw:
        """What to raise where the path leads nowhere."""
        way = self._path[: len(self._path) - len(self._left)].rstrip(".")
        names = ", ".join(printable(name[:40]) for name in self._names[:_NAMES])
        have = (f"the keys {names}" + ", …" * (len(self._names) > _NAMES)) if names else "no keys"
        where = printable(f'"{way[:40]}"') if way else "the document"
        found = f'nothing at the path "{printable(self._path[:40])}"{self._astray}'
        return Flaw(found, "an array of rows", NOWHERE, f"Set `path` to where it stands; {where} has {have}.")

    def _array(self) -> Iterator[list[Row]]:
        sign = self._cursor.sign()
        if sign != b"[":
            found = f'{_KINDS.get(sign, "a number")} at the path "{printable(self._path[:40])}"'
            raise Flaw(found, "an array of rows", self._cursor.place, "Set `path` to where the array stands.")
        self._cursor.step()
        yield from array_rows(self._file, self._cursor)
        self.found = True

    def _pass(self) -> None:
        """Reads what stands beside the path. Rows are quickly read even where nobody wants them."""
        if not self._cursor.stands_at(_ROWS):
            return self._cursor.value()
        self._cursor.step()
        for _ in array_rows(self._file, self._cursor):
            pass
        return None

    def _is_object(self, name: str, depth: int) -> bool:
        sign = self._cursor.sign()
        if sign != b"{":
            self._astray = f' ("{printable(name[:40])}" is {_KINDS.get(sign, "a number")})'
        return sign == b"{" and depth < DEPTH

    def _refuse_rival(self, name: str, taken: str, left: str) -> None:
        """The rows are read by now: another array that the path could mean as well must not go unnoticed."""
        if taken and name in (taken, left):
            found = f'the key "{printable(name[:40])}" behind the rows that the path led to'
            raise Flaw(found, "one place that it leads to", self._cursor.place)


def _arrays(cursor: Cursor, depth: int) -> Iterator[str]:
    """The paths of the arrays of objects in the object that begins here."""
    for name in _keys(cursor):
        if cursor.stands_at(_ROWS):
            yield name
        if cursor.sign() == b"{" and depth < DEPTH:
            yield from (f"{name}.{inner}" for inner in _arrays(cursor, depth + 1))
        else:
            cursor.value()


def _keys(cursor: Cursor) -> Iterator[str]:
    """The keys of the object that begins here. Whoever takes one passes its value before the next."""
    cursor.sign()
    cursor.step()
    more = cursor.sign() != b"}"
    while more:
        yield _key(cursor)
        if (sign := cursor.sign()) not in (b",", b"}"):
            raise cursor.wrong('"," or "}"')
        more = sign == b","
        if more:
            cursor.step()
            cursor.sign()
    cursor.step()


def _key(cursor: Cursor) -> str:
    """A key; the cursor stands before its value then."""
    if cursor.sign() != b'"':
        raise cursor.wrong("a key in double quotes")
    text = cursor.text()
    if not text:
        raise Flaw(f"a key of over {ROW_BYTES:,} bytes", "at most that", cursor.place)
    if cursor.sign() != b":":
        raise cursor.wrong('":"')
    cursor.step()
    cursor.sign()
    return str(json.loads(text.decode()))  # half a surrogate pair may be in it, which msgspec refuses
