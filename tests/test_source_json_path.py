"""A document and a path into it: its rows, whatever stands around them, and clear words where there are none."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncline.errors import DataRefused, SourceBroke
from syncline.model import Row
from syncline.sources.formats import read_rows
from syncline.sources.place import Flaw, stopped
from syncline.sources.reading import Reading

CHARS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])  # what no row may hold
NAMES = st.sampled_from(["a", "b", "a.b", "", "é"]) | st.text(CHARS, max_size=3)
SCALARS = st.none() | st.booleans() | st.integers(-99, 10**20) | st.text(CHARS, max_size=6)
VALUES: st.SearchStrategy[object] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=4)
Object = dict[str, object]


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def read(data: bytes, path: str, size: int = 131_072) -> tuple[list[Row], Exception | None]:
    rows: list[Row] = []
    try:
        for chunk in read_rows("f", cut(data, size), Reading(path=path)):
            rows += chunk
    except Flaw as flaw:
        return rows, stopped("f", flaw, len(rows), len(rows))
    return rows, None


def values(rows: list[Row]) -> list[object]:
    return [row.fault or {name: json.loads(bytes(value)) for name, value in row.fields.items()} for row in rows]


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, Object, list[Object]]:
    """A path, and a document in which it leads to rows."""
    rows = draw(st.lists(OBJECTS, max_size=5))
    inner: object = rows
    names = draw(st.lists(NAMES, min_size=1, max_size=3).filter(lambda names: names != [""]))
    for level, name in enumerate(reversed(names)):
        rest = ".".join(names[len(names) - level - 1 :])
        # Beside the path, nothing that it could lead to as well: not even "a" beside "a.b".
        apart = {key: value for key, value in draw(OBJECTS).items() if not f"{rest}.".startswith(f"{key}.")}
        items = [*apart.items()]
        place = draw(st.integers(0, len(items)))
        inner = dict([*items[:place], (name, inner), *items[place:]])
    assert isinstance(inner, dict)
    return ".".join(names), inner, rows


@given(documents(), st.sampled_from([None, 0, 1]), st.booleans(), st.integers(1, 60))
@settings(max_examples=250, deadline=None)
def test_any_document_in_any_blocks_yields_the_rows_at_the_path(
    case: tuple[str, Object, list[Object]], indent: int | None, ascii_only: bool, size: int
) -> None:
    path, document, expected = case
    rows, error = read(json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode(), path, size)
    assert error is None
    assert values(rows) == expected
    assert [row.ref.row for row in rows] == [*range(1, len(rows) + 1)]


@given(documents(), st.integers(1, 60), st.data())
@settings(max_examples=200, deadline=None)
def test_a_cut_document_never_ends_well(case: tuple[str, Object, list[Object]], size: int, data: st.DataObject) -> None:
    path, document, expected = case
    whole = json.dumps(document, indent=1).encode()
    rows, error = read(whole[: data.draw(st.integers(0, len(whole) - 1))], path, size)
    assert values(rows) == expected[: len(rows)]
    assert type(error) is (SourceBroke if rows else DataRefused)


@given(documents(), st.integers(1, 60), st.data())
@settings(max_examples=200, deadline=None)
def test_a_spoilt_document_reads_alike_in_any_blocks(
    case: tuple[str, Object, list[Object]], size: int, data: st.DataObject
) -> None:
    path, document, _ = case
    whole = json.dumps(document).encode()
    at = data.draw(st.integers(0, len(whole)))
    spoilt = whole[:at] + data.draw(st.binary(max_size=2)) + whole[at + data.draw(st.integers(0, 2)) :]
    (rows, error), (others, other) = read(spoilt, path, size), read(spoilt, path)
    assert [row.ref for row in rows] == [row.ref for row in others]
    assert values(rows) == values(others)
    # What stands at the bad place may be cut by a block's edge; the place itself never depends on it.
    assert str(error).partition(": found")[0] == str(other).partition(": found")[0]


@pytest.mark.parametrize(
    ("document", "path", "expected"),
    [
        ('{"users":[{"id":1}]}', "users", [(1, {"id": 1})]),
        ('\ufeff {"data":\n{"users":\n[\n{"id":1},\n{"id":2}]}}\n', "data.users", [(4, {"id": 1}), (5, {"id": 2})]),
        ('{"data.users":[{"id":1}],"data":{"users":[{"id":2}]}}', "data.users", [(1, {"id": 1})]),
        ('{"a":{"b.c":[{"id":1}]}}', "a.b.c", [(1, {"id": 1})]),
        ('{"a.b":{"c":[{"id":1}]}}', "a.b.c", [(1, {"id": 1})]),
        ('{"a":{"x":1},"a.b":[{"id":1}]}', "a.b", [(1, {"id": 1})]),
        ('{"a":1,"a":{"b":[{"id":1}]}}', "a.b", [(1, {"id": 1})]),
        ('{"a":{"b":[]}}', "a.b", []),
        ('{"a":[1,{"id":1}]}', "a", [(1, "found a number, expected an object"), (1, {"id": 1})]),
        ('{"x":"' + "y" * 3_000_000 + '","a":[{"id":1}],"z":' + "[" * 5_000 + "]" * 5_000 + "}", "a", [(1, {"id": 1})]),
        ('{"\\ud800":1,"\\u0061":[{"id":1}]}', "a", [(1, {"id": 1})]),
    ],
)
@pytest.mark.parametrize("size", [1_000, 131_072])
def test_a_path_leads_through_objects(document: str, path: str, expected: list[tuple[int, object]], size: int) -> None:
    rows, error = read(document.encode(), path, size)
    assert error is None
    assert [(row.ref.line, value) for row, value in zip(rows, values(rows), strict=True)] == expected


MISSED = [
    ('{"data":{"items":[],"meta":1}}', "data.users", 'f: found nothing at the path "data.users"; expected an array'),
    ('{"data":{"items":[],"meta":1}}', "data.users", 'Set `path` to where it stands; "data" has the keys items, meta.'),
    ('{"data":1,"meta":{}}', "users", 'Set `path` to where it stands; the document has the keys data, meta.'),
    ('{"data":1}', "data.users", 'found nothing at the path "data.users" ("data" is a number)'),
    ('{"data":{}}', "data.users", '"data" has no keys.'),
    ("{}", "users", "the document has no keys."),
    (json.dumps(dict.fromkeys("abcdefghijkl")), "users", "the document has the keys a, b, c, d, e, f, g, h, i, j, …."),
    ('{"a\\u001b[31m\\ud800":1}', "users", "the keys a\\x1b[31m\\ud800."),
    ('{"users":{"id":1}}', "users", 'f:1:10: found an object at the path "users"; expected an array of rows'),
    ('{"users":"x"}', "users", 'found a string at the path "users"'),
    ('{"users":null}', "users", 'found null at the path "users"'),
    ('{"users":-1}', "users", 'found a number at the path "users"'),
    ('[{"id":1}]', "users", "f:1:1: found an array; expected one object, in which `path` leads to the rows."),
    ('{"id":1}\n{"id":2}\n', "users", "found one JSON object a line; expected one object"),
    ("id,users\n1,2\n", "users", "found text that is no JSON"),
    ('{"users":1,}', "users.x", 'f:1:12: found "}", expected a key in double quotes'),
    ('{"users" [{"id":1}]}', "users", 'f:1:10: found "[", expected ":"'),
    ('{"a":1 "users":[{"id":1}]}', "users", 'f:1:8: found a string, expected "," or "}"'),
    ('{"' + "k" * 1_000_001 + '":1}', "users", "found a key of over 1,000,000 bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "path", "message"), MISSED)
def test_a_path_that_leads_to_no_rows_is_refused_with_what_is_there(document: str, path: str, message: str) -> None:
    rows, error = read(document.encode(), path)
    assert not rows
    assert isinstance(error, DataRefused)
    assert message.replace(", expected", "; expected") in str(error)


@pytest.mark.parametrize(
    ("document", "path", "message"),
    [
        ('{"a":[{"id":1}]', "a", 'f:1:16: found the end of the file, expected "," or "}"'),
        ('{"a":[{"id":1}],"b":tru}', "a", 'f:1:21: found "tru", expected a value'),
        ('{"a":[{"id":1}]}\n{"a":[{"id":2}]}', "a", None),
        ('{"a":[{"id":1}]} x', "a", 'f:1:18: found "x", expected the end of the file after the document'),
        ('{"a":[{"id":1}],"a":[{"id":2}]}', "a", 'found the key "a" behind the rows that the path led to'),
        ('{"a":{"b":[{"id":1}]},"a.b":[{"id":2}]}', "a.b", 'found the key "a.b" behind the rows'),
        ('{"a":[{"id":1},]}', "a", 'f:1:16: found "]", expected a row'),
    ],
)
def test_what_is_wrong_behind_rows_breaks_the_source(document: str, path: str, message: str | None) -> None:
    rows, error = read(document.encode(), path)
    if message is None:  # two documents are seen to be two before a row is read
        assert isinstance(error, DataRefused)
        return
    assert values(rows) == [{"id": 1}]
    assert isinstance(error, SourceBroke)
    assert message in str(error)


HOSTILE = {
    "keys": b"{" + b",".join(b'"%d":0' % n for n in range(100_000)) + b"}",
    "objects on the path": b'{"a":' * 150_000,
    "a long sibling": b'{"x":[' + b'{"a":[1,2]},' * 400_000,
    "blanks": b'{"a"' + b" " * 5_000_000 + b":[]}",
    "a long key": b'{"' + b"\\u0061" * 800_000 + b'":[]}',
    "wrong signs": b'{"a":{},' * 500_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_take_linear_time(name: str) -> None:
    started = time.process_time()
    read(HOSTILE[name], ".".join("a" * 1_000))
    assert time.process_time() - started < 12, "a few megabytes must not take long, whatever is in them"
