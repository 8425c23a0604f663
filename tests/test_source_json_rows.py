"""Blocks of JSON in, rows out: what any document yields, however it is written and wherever it is cut."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from syncline.errors import DataRefused, SourceBroke
from syncline.model import Row
from syncline.sources.formats import read_rows
from syncline.sources.place import Flaw, stopped

CHARS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])  # what no row may hold
BLANKS = st.text(" \t\r\n", max_size=3)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(CHARS, max_size=8)
)
SHORT = SCALARS.filter(lambda value: len(json.dumps(value)) <= 40 or isinstance(value, str))
VALUES: st.SearchStrategy[object] = st.recursive(
    SHORT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(CHARS, max_size=4), inner, max_size=3),
    max_leaves=6,
)
OBJECTS: st.SearchStrategy[dict[str, object]] = st.dictionaries(
    st.sampled_from(["id", "name"]) | st.text(CHARS, max_size=4), VALUES, max_size=4
)
Read = tuple[list[Row], Exception | None]


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def read(data: bytes, size: int = 131_072) -> Read:
    rows: list[Row] = []
    try:
        for chunk in read_rows("f", cut(data, size)):
            rows += chunk
    except Flaw as flaw:
        return rows, stopped("f", flaw, len(rows))
    return rows, None


def values(row: Row) -> object:
    return row.fault or {name: json.loads(bytes(value) or b'""') for name, value in row.fields.items()}


def outcome(data: bytes, size: int = 131_072) -> tuple[list[tuple[int, int, object]], str]:
    rows, error = read(data, size)
    # What stands at the bad place may be cut by a block's edge; the place itself never depends on it.
    ending = f"{type(error).__name__}: {str(error).partition(': found')[0]}" if error else ""
    return [(row.ref.row, row.ref.line, values(row)) for row in rows], ending


class Written:
    """An array as somebody might have written it: its text, and the line and the end of each row."""

    def __init__(self, draw: st.DrawFn, objects: list[dict[str, object]]) -> None:
        sometimes = draw(st.sampled_from([None, 1]))
        ascii_only, blank = draw(st.booleans()), st.just(draw(BLANKS)) | (BLANKS if sometimes else st.nothing())
        self.objects, self.text = objects, draw(BLANKS) + "["
        self.lines: list[int] = []
        self.ends: list[int] = []
        for place, row in enumerate(objects):
            self.text += ("," if place else "") + draw(blank)
            self.lines.append(self.text.count("\n") + 1)
            self.text += json.dumps(row, indent=draw(st.sampled_from([None, 0, 2])), ensure_ascii=ascii_only)
            self.ends.append(len(self.text.encode()))
            self.text += draw(blank)
        self.text += "]" + draw(BLANKS)
        self.data = self.text.encode()


@st.composite
def arrays(draw: st.DrawFn) -> Written:
    return Written(draw, draw(st.lists(OBJECTS, max_size=8)))


@given(arrays(), st.integers(1, 200))
@settings(max_examples=250, deadline=None)
def test_any_array_in_any_blocks_yields_its_rows_with_their_lines(array: Written, size: int) -> None:
    rows, error = read(array.data, size)
    assert error is None
    assert [values(row) for row in rows] == array.objects == json.loads(array.data)
    assert [row.ref for row in rows] == [("f", number, line) for number, line in enumerate(array.lines, 1)]


@given(arrays(), st.integers(1, 200), st.data())
@settings(max_examples=250, deadline=None)
def test_a_cut_array_yields_the_rows_before_the_cut_and_names_the_end(
    array: Written, size: int, data: st.DataObject
) -> None:
    begin, end = array.data.index(b"["), array.data.rindex(b"]")
    short = array.data[: data.draw(st.integers(begin, end))]
    rows, error = read(short, size)
    whole = sum(stop <= len(short) for stop in array.ends)
    assert [values(row) for row in rows] == array.objects[:whole]
    assert type(error) is (SourceBroke if whole else DataRefused)
    if b"[" in short:
        text = short.decode(errors="replace")
        assert f"f:{text.count(chr(10)) + 1}:{len(text) - text.rfind(chr(10))}: found the end of the file" in str(error)


@given(arrays(), st.integers(1, 200), st.data())
@settings(max_examples=250, deadline=None)
def test_a_spoilt_array_reads_alike_in_any_blocks(array: Written, size: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(array.data) - 1))
    spoilt = array.data[:at] + data.draw(st.binary(max_size=2)) + array.data[at + data.draw(st.integers(0, 2)) :]
    assert outcome(spoilt, size) == outcome(spoilt)
    rows, error = read(spoilt, size)
    if error is None and all(not row.fault for row in rows) and spoilt.lstrip(b" \t\r\n").startswith(b"["):
        assert [values(row) for row in rows] == json.loads(spoilt)


@given(
    st.lists(OBJECTS, min_size=1),
    st.sampled_from(["\n", "\r\n", "\n\n", "\n \t\n"]),
    st.integers(1, 200),
    st.booleans(),
)
@settings(max_examples=250, deadline=None)
def test_any_lines_in_any_blocks_yield_their_rows(
    rows: list[dict[str, object]], end: str, size: int, last: bool
) -> None:
    rows = [{"first": 1}, *rows]
    data = (end.join(map(json.dumps, rows)) + (end if last else "")).encode()
    found, error = read(data, size)
    assert error is None
    assert [values(row) for row in found] == rows
    assert [row.ref for row in found] == [("f", n + 1, 1 + n * end.count("\n")) for n in range(len(rows))]


def test_an_object_with_something_behind_it_is_one_bad_line() -> None:
    rows, error = read(b'{"data":[{"id":1}]}]\n{"id":2}\n', 50)
    assert error is None
    assert [bool(row.fault) for row in rows] == [True, False]


@given(st.lists(st.binary(max_size=12).filter(lambda line: b"\n" not in line), max_size=6), st.integers(1, 50))
@settings(max_examples=250, deadline=None)
def test_a_bad_line_leaves_its_neighbours_alone(lines: list[bytes], size: int) -> None:
    data = b"\n".join([b'{"a":1}', *lines, b'{"z":2}', b""])
    rows, error = read(data, size)
    assert error is None
    assert values(rows[0]) == {"a": 1}
    assert values(rows[-1]) == {"z": 2}
    assert len(rows) == 2 + sum(bool(line.strip(b" \t\r")) for line in lines)
    assert outcome(data, size) == outcome(data)


@given(st.binary(max_size=60) | st.text('[]{},:"\\ \n0e-.tnNI', max_size=40).map(str.encode), st.integers(1, 70))
@example(b'{"a":"\xed\xa0\x80"}\n', 3)
@settings(max_examples=1000, deadline=None)
def test_any_bytes_are_read_or_refused_alike_in_any_blocks(data: bytes, size: int) -> None:
    assert outcome(data, size) == outcome(data)


@given(VALUES | st.text('[]{},:"\\ \n0e-.+1tnNIuDd8a', max_size=12), st.integers(1, 9))
@settings(max_examples=1000, deadline=None)
def test_what_json_refuses_is_refused_and_the_reverse(value: object, size: int) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    data = f'[{{"v":{text}}}]'.encode()
    rows, error = read(data, size)
    try:
        expected = json.loads(data)
    except ValueError:
        assert error is not None
        return
    assert error is None
    assert rows[0].fault or [values(row) for row in rows] == expected


FAULTY = [
    (b'{"a":NaN}', "found NaN, expected a finite number or null"),
    (b'{"a":[-Infinity]}', "found -Infinity, expected a finite number or null"),
    (b'{"a":1,"b":2,"a":1}', 'found the key "a" more than once, expected each key once'),
    (b'{"a":{"b" :1, "\\u0062" :2}}', 'found the key "b" more than once, expected each key once'),
    (b'{"a":' + b"1" * 41 + b"}", "found a number of 41 characters, expected at most 40"),
    (b'{"a":[' + b"1" * 5000 + b"]}", "found a number of 5000 characters, expected at most 40"),
    (b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", "found nesting deeper than 64"),
    (b'{"a":' * 65 + b"1" + b"}" * 65, "found nesting deeper than 64"),
    (b'{"a":' * 2000 + b"1" + b"}" * 2000, "found nesting deeper than 64"),
    (b'{"a":"\\ud800"}', "found half of a surrogate pair"),
    (b'{"a":"\\udc00\\ud800"}', "found half of a surrogate pair"),
    (b'{"\\ud800":1}', "found half of a surrogate pair"),
    (json.dumps(dict.fromkeys(map(str, range(5001)), 1)).encode(), "found more than 5,000 keys"),
    (json.dumps({"a": dict.fromkeys(map(str, range(5000)), 1)}).encode(), "found more than 5,000 keys"),
    (b'{"a":"' + b"x" * 1_000_000 + b'"}', "found a row of over 1,000,000 bytes"),
    (b'{"a":"' + b"x" * 3_000_000 + b'"}', "found a row of over 1,000,000 bytes"),
    (b'{"a":"' + b'\\"{' * 1_000_000 + b'"}', "found a row of over 1,000,000 bytes"),
    (b'{"a":1,"b":"\\u0000"}', 'found the character U+0000 in "b", expected text'),
    (b'{"a":{"b":["\\\\\\u0000"]}}', 'found the character U+0000 in "a", expected text'),
    (b'{"a\\u0000":1}', "found the character U+0000 in a name, expected text"),
    (b"1", "found a number, expected an object"),
    (b'"x"', "found a string, expected an object"),
    (b"null", "found null, expected an object"),
    (b"true", "found true, expected an object"),
    (b'[{"id":1}]', "found an array, expected an object"),
]


@pytest.mark.parametrize(("text", "fault"), FAULTY)
@pytest.mark.parametrize("size", [7_919, 131_072])
def test_a_row_that_cannot_be_used_has_a_fault_and_its_neighbours_none(text: bytes, fault: str, size: int) -> None:
    good = [b'{"id":%d}' % number for number in range(3)]
    for data in (
        b"[" + b",\n".join([*good, text, *good]) + b"]",
        b"\n".join([*good, text, *good, b""]),
        b"\n".join([*good, *good, text]),
    ):
        rows, error = read(data, size)
        assert error is None
        assert len([row for row in rows if not row.fault]) == 6
        (bad,) = [row for row in rows if row.fault]
        assert bad.fault.startswith(fault)
        assert not bad.fields
        assert [row.ref.line for row in rows] == list(range(1, 8))


@pytest.mark.parametrize(
    "text",
    [
        b"18446744073709551616",
        b"0.1000000000000000055",
        b"-0",
        b"1E5",
        b"1.0",
        b"1e400",
        b"9007199254740993",
        b"1" * 40,
        b'"\\u00e9\\/"',
        '"é😀"'.encode(),
        b'"\\ud83d\\ude00"',
        b'"\x7f"',
        b'"\\\\u0000"',
        b'{"a": [1 , {}]}',
        b"[" * 62 + b"]" * 62,
    ],
)
def test_a_value_keeps_its_exact_text(text: bytes) -> None:
    for data in (b'[{"v": %b }]', b'{"v": %b }\n', b'{"v":%b}', b'[{"v":1},{"v":2},{"v":%b},{"v":3}]'):
        rows, error = read(data.replace(b"%b", text))
        assert error is None
        assert text in [bytes(row.fields["v"]) for row in rows]


@pytest.mark.parametrize(
    ("data", "rows", "message"),
    [
        (b'[{"a":1},\n{"a":2},]', 2, 'f:2:9: found "]", expected a row (no comma stands before "]")'),
        (b'[{"a":1},\n {"a":2}\n  {"a":3}]', 2, 'f:3:3: found "{", expected "," or "]"'),
        (b'[{"a":1}]\n[{"a":2}]', 1, 'f:2:1: found "[", expected the end of the file after the document'),
        (b'[{"a":1}] x', 1, 'f:1:11: found "x", expected the end of the file after the document'),
        ('[{"é":"é"},\n{"é":é}]'.encode(), 1, 'f:2:6: found "é", expected a value'),
        (b'[{"a":1},{"a":"\xff"}]', 1, "f:1:16: found the byte 0xFF, which is not UTF-8 in a string, expected UTF-8"),
        (b'[{"a":1},{"a":tru}]', 1, 'f:1:15: found "tru", expected a value'),
        (b'[{"a":1},{"a":01}]', 1, 'f:1:16: found a number, expected "," or "}"'),
        (b'[{"a":1},{"a":1.}]', 1, 'f:1:17: found "}", expected a digit'),
        (b'[{"a":1},{"a":"\n"}]', 1, "f:1:16: found the character U+000A in a string, expected an escape for it"),
        (b'[{"a":1},{"a":"\\x"}]', 1, "f:1:16: found a backslash that begins no escape, expected one of"),
        (b'[{"a":1},{"a" 1}]', 1, 'f:1:15: found a number, expected ":"'),
        (b'[{"a":1},{a:1}]', 1, 'f:1:11: found "a", expected a key in double quotes or "}"'),
        (b'[{"a":1},{"a":1,}]', 1, 'f:1:17: found "}", expected a key in double quotes'),
        (b'[{"a":1},{"a":[1}]', 1, 'f:1:17: found "}", expected "," or "]"'),
        (b'[{"a":1}', 1, 'f:1:9: found the end of the file, expected "," or "]"'),
        (b'[{"a":1},{"a":"\xc3', 1, "f:1:17: found the end of the file"),
        (b'{"a":1}\n{"a":', 1, "f:2:6: found the end of the file, expected a value"),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 131_072])
def test_a_document_that_breaks_yields_what_came_before_and_names_the_place(
    data: bytes, rows: int, message: str, size: int
) -> None:
    found, error = read(data, size)
    assert [row.fault for row in found] == [""] * rows
    assert isinstance(error, SourceBroke)
    assert str(error).startswith(message if size > 3 else message.partition(": found")[0])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "f:1:1: found an empty file"),
        (b" \n\n ", "f:3:2: found only blanks"),
        (b"\xef\xbb\xbf", "found only blanks"),
        ('[{"a":1}]'.encode("utf-16"), "found text in UTF-16 or UTF-32"),
        ('[{"a":1}]'.encode("utf-16-le"), "found text in UTF-16 or UTF-32"),
        ('[{"a":1}]'.encode("utf-32"), "found text in UTF-16 or UTF-32"),
        (b"\x1f\x8b\x08\x00", "found gzip data that is cut short"),
        (b"PK\x03\x04", "a zip archive"),
        (b"[", "f:1:2: found the end of the file"),
        (b"\n[,", 'f:2:2: found ","'),
        (b"[]]", 'f:1:3: found "]"'),
        (b'"text"', "found a string"),
        (b"\n  text\n", 'f:2:3: found "text"; expected CSV with a header'),
        (b"12\n", "found a number"),
        (b"null", 'found "null"'),
        (b'{"data":[{"id":1},{"id":2}]}', "set `path: data` in `source`, or `--path data`"),
        (b'{"data":[{"id":' + b"1" * 2_000_000, "set `path: data` in `source`, or `--path data`"),
        (b'{"data":{"users":[{"id":1}]}}', "set `path: data.users` in `source`, or `--path data.users`"),
        (b'{"meta":1,"data":[{"id":' + b"1" * 2_000_000, "set `path: data` in `source`, or `--path data`"),
        (b'{\n  "meta": 1,\n  "users": [\n    {"id": 1}\n  ]\n}\n', "one object over several lines"),
        (b'{"users": [\n{"id":1}\n]}', "set `path: users` in `source`, or `--path users`"),
        (b'{"id": 1,\n"name": "x"}', "one object over several lines"),
        (b'{"a":', "f:1:6: found the end of the file"),
    ],
)
@pytest.mark.parametrize("size", [1_000, 131_072])
def test_what_holds_no_rows_is_refused_with_a_reason(data: bytes, message: str, size: int) -> None:
    rows, error = read(data, size)
    assert not rows
    assert isinstance(error, DataRefused)
    assert message in str(error)


CUT, NO_OBJECT = "found the end of the line", "found a number, expected an object"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"[]", []),
        (b"\xef\xbb\xbf [ ] \n", []),
        (b'\xef\xbb\xbf[{"a":1}]', [(1, 1, {"a": 1})]),
        (b'{"a":1}', [(1, 1, {"a": 1})]),
        (b'\n\n{"id":1,"orders":[{"n":1}]}\n', [(1, 3, {"id": 1, "orders": [{"n": 1}]})]),
        (b'{"a":1}\n\n \r\n{"a":2}', [(1, 1, {"a": 1}), (2, 4, {"a": 2})]),
        (
            b'{"a":\n{"a":2}\n{"a":3}\n',
            [(1, 1, f"column 6: {CUT}, expected a value"), (2, 2, {"a": 2}), (3, 3, {"a": 3})],
        ),
        (b'{"a":\n{"a":2}', [(1, 1, f"column 6: {CUT}, expected a value"), (2, 2, {"a": 2})]),
        (
            b'[\n{"a":2}\n{"a":3}',
            [(1, 1, f'column 2: {CUT}, expected a value or "]"'), (2, 2, {"a": 2}), (3, 3, {"a": 3})],
        ),
        (b'[1,\n\n{"a":2}\n\n3', [(1, 1, f"column 4: {CUT}, expected a value"), (2, 3, {"a": 2}), (3, 5, NO_OBJECT)]),
        (b'["x\n{"a":2}\n', [(1, 1, f"column 4: {CUT}, expected the rest of the string"), (2, 2, {"a": 2})]),
        (b'[]\n{"a":2}\n', [(1, 1, "found an array, expected an object"), (2, 2, {"a": 2})]),
        (b' [1]\n{"a":2}', [(1, 1, "found an array, expected an object"), (2, 2, {"a": 2})]),
        (b'[]]\n{"a":2}', [(1, 1, 'column 3: found "]", expected the end of the line'), (2, 2, {"a": 2})]),
        (b'[\n{"a":1}\n]', [(1, 2, {"a": 1})]),
        (b'[\n{"a":1}\n,{"a":2}\n]', [(1, 2, {"a": 1}), (2, 3, {"a": 2})]),
        (b'[\n{"a":1}\n', [(1, 2, {"a": 1})]),
        (b'[{"a":\n{"a":1}\n}]', [(1, 1, {"a": {"a": 1}})]),
        (b'[{"a":1},\n{"a":2}\n{"a":3}]', [(1, 1, {"a": 1}), (2, 2, {"a": 2})]),
        (b'[{"a":1}]\n{"a":2}', [(1, 1, {"a": 1})]),
        (b'{"a"\n{"a":2}\n', [(1, 1, 'column 5: found the end of the line, expected ":"'), (2, 2, {"a": 2})]),
        (b'hello\n{"a":2}\n', [(1, 1, 'column 1: found "hello", expected a value'), (2, 2, {"a": 2})]),
        (b'{"a":1}{"a":2}\n', [(1, 1, 'column 8: found "{", expected the end of the line')]),
        (b'{"a":"\xff"}\n{"a":2}\n', None),
    ],
)
def test_small_documents(data: bytes, expected: list[tuple[int, int, object]] | None) -> None:
    found, _ = outcome(data)
    if expected is not None:
        assert [(row, line, str(value)) for row, line, value in found] == [(r, n, str(v)) for r, n, v in expected]


HOSTILE = {
    "open brackets": b"[" * 3_000_000,
    "open brackets in a line": b'{"a":1}\n{"a":' + b"[" * 5_000_000,
    "open braces": b'[{"a":' * 400_000,
    "one string": b'[{"a":"' + b"x" * 5_000_000 + b'"}]',
    "a string without end": b'[{"a":1},{"a":"' + b"x" * 5_000_000,
    "escapes without end": b'[{"a":1},{"a":"' + b"\\\\" * 2_500_000,
    "quotes": b"[" + b'"' * 5_000_000,
    "one number": b'[{"a":' + b"1" * 5_000_000 + b"}]",
    "one word": b"[" + b"t" * 5_000_000,
    "blanks": b"[" + b" " * 5_000_000 + b"]",
    "blanks first": b" " * 5_000_000 + b"[]",
    "false joints in a string": b'[{"id":1},{"id":"' + b'},{\\"id\\":' * 500_000 + b'"}]',
    "nested rows": b'[{"id":1},{"id":2,"x":[' + b'{"id":3},' * 550_000 + b"1]}]",
    "small faults": b"[" + b"1," * 50_000 + b"1]",
    "small rows": b"[" + b"{}," * 75_000 + b"{}]",
    "lists of objects": b"[" + b",".join([b'{"id":1,"o":[{"id":2},{"id":3},{"id":[{"id":4}]}]}'] * 40_000) + b"]",
    "blank lines": b'{"a":1}' + b"\n" * 3_000_000 + b'{"a":2}',
    "a long line": b'{"a":1}\n' + b"x" * 5_000_000 + b'\n{"a":2}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_take_linear_time(name: str) -> None:
    started = time.process_time()
    read(HOSTILE[name])
    assert time.process_time() - started < 8, "a few megabytes must not take long, whatever is in them"
