"""`transform`: a row through a function of the user's own, and what becomes of the row when that goes wrong."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from play import customerio
from syncline.errors import ConfigRefused, Unfit
from syncline.flow.canonical import Hasher
from syncline.flow.mapping import Attribute, Mapper
from syncline.flow.pick import Pick
from syncline.flow.transform import Transform, load_transform
from syncline.model import Invalid, Kind, Row, RowRef

fields_of = msgspec.json.Decoder(dict[str, msgspec.Raw])
REF = RowRef("data.json", 3, 4)


@pytest.fixture
def tidy(tmp_path: Path) -> Path:
    return tmp_path / "tidy.py"


def written(path: Path, text: str) -> Path:
    path.write_text(dedent(text))
    return path


def doing(path: Path, *lines: str) -> Transform:
    """`def tidy(row)` with these lines."""
    body = "".join(f"    {line}\n" for line in lines)
    path.write_text(f"import datetime, decimal, math, sys\n\n\ndef tidy(row):\n{body}")
    return load_transform(path, "tidy")


def after(transform: Transform, text: str, *cells: str) -> dict[str, str]:
    """Field → JSON text. `cells`: the fields that are empty cells besides."""
    fields = fields_of.decode(text) | dict.fromkeys(cells, msgspec.Raw(b""))
    return {name: bytes(raw).decode() for name, raw in transform(fields).items()}


def failure(transform: Transform, text: str = '{"a":1}') -> tuple[str, str]:
    with pytest.raises(Unfit) as unfit:
        after(transform, text)
    assert unfit.value.rule == "transform-failed"
    assert unfit.value.__suppress_context__ or unfit.value.__context__ is None
    return unfit.value.field, unfit.value.reason


# --- what a function gives --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "text", "expected"),
    [
        (['row["a"] = row["a"].strip()', "return row"], '{"a":" x ","b":1}', {"a": '"x"', "b": "1"}),
        (['return {"b": row["a"]}'], '{"a":2}', {"b": "2"}),
        (["return {}"], '{"a":2}', {}),
        (['row["a"] += 1', "return row"], '{"a":18446744073709551615}', {"a": "18446744073709551616"}),
        (['row["a"] = None', "return row"], '{"a":2}', {"a": "null"}),
        (['row["a"] = decimal.Decimal("1.50")', "return row"], '{"a":2}', {"a": "1.50"}),
        (['row["a"] = datetime.date(2024, 1, 2)', "return row"], '{"a":2}', {"a": '"2024-01-02"'}),
        (['row["a"] = [True, 1.5, ("é",)]', "return row"], '{"a":2}', {"a": '[true,1.5,["é"]]'}),
        (['row["a"] = isinstance(row["a"], float)', "return row"], '{"a":1.0}', {"a": "true"}),
        (['row["a"] = str(row["a"])', "return row"], '{"a":1e400}', {"a": '"1E+400"'}),
        (['row["a"]["c"] = 3', "return row"], '{"a":{"b":2}}', {"a": '{"b":2,"c":3}'}),
        (['row["a"][0] = True', "return row"], '{"a":[1]}', {"a": "[true]"}),
    ],
)
def test_a_row_is_what_the_function_makes_of_it(
    tidy: Path, lines: list[str], text: str, expected: dict[str, str]
) -> None:
    assert after(doing(tidy, *lines), text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "1.50",
        "1E5",
        "-0",
        "0.1000000000000000055",
        "1e400",
        "18446744073709551616",
        r'"\u0041"',
        '{ "b" : 1.50, "a": [1e400, null] }',
        "[ 0.1000000000000000055 ]",
    ],
)
def test_a_value_that_is_left_alone_keeps_its_exact_text(tidy: Path, text: str) -> None:
    transform = doing(tidy, 'row["more"] = 1', "return dict(row)")
    assert after(transform, f'{{"a":{text}}}') == {"a": text, "more": "1"}


def test_an_empty_cell_is_an_empty_text_and_stays_a_cell_until_it_is_set(tidy: Path) -> None:
    transform = doing(tidy, 'row["b"] = row["b"] or "none"', 'row["d"] = row["a"] == ""', "return row")
    assert after(transform, '{"c":""}', "a", "b") == {"a": "", "b": '"none"', "c": '""', "d": "true"}


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner), max_leaves=4
)


@given(st.dictionaries(st.text(max_size=3), values), st.booleans())
def test_a_function_that_does_nothing_changes_nothing(record: dict[str, object], anew: bool) -> None:
    fields = fields_of.decode(msgspec.json.encode(record))
    transform = Transform(dict if anew else lambda row: row, Path("tidy.py"))
    assert {name: bytes(raw) for name, raw in transform(fields).items()} == {
        name: bytes(raw) for name, raw in fields.items()
    }


# --- what goes wrong with a row ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (['return row["email"]'], "transform raised KeyError at tidy.py:5"),
        (["", 'raise ValueError(f"secret {row}")'], "transform raised ValueError at tidy.py:6"),
        (["math.sqrt(-1)"], "transform raised ValueError at tidy.py:5"),
        (["sys.exit(0)"], "transform raised SystemExit at tidy.py:5"),
        (["return tidy(row)"], "transform raised RecursionError at tidy.py:5"),
        (['row["a"] = 2'], "transform returned None; expected a dict: let the function end with `return row`"),
        (["return [row]"], "transform returned a value of type list; expected a dict"),
        (['return {5: "a"}'], "transform gave a field whose name is of type int; expected text"),
    ],
)
def test_a_function_that_fails_says_where_and_never_what_was_in_the_row(
    tidy: Path, lines: list[str], expected: str
) -> None:
    assert failure(doing(tidy, *lines), '{"a":"private"}') == ("", expected)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("math.nan", "NaN or Infinity"),
        ("[1, {'x': -math.inf}]", "NaN or Infinity"),
        ("decimal.Decimal('sNaN')", "NaN or Infinity"),
        ("decimal.Decimal('Infinity')", "NaN or Infinity"),
        ("b'abc'", "a value of type bytes"),
        ("[b'abc']", "a value of type bytes"),
        ("{'a', 'b'}", "a value of type set"),
        ("object()", "a value of type object"),
        ("datetime.timedelta(1)", "a value of type timedelta"),
        ("type('Text', (str,), {})('x')", "a value of type Text"),
        ("{1: 2}", "an object with a name that is no text"),
        (
            "datetime.time(1, tzinfo=type('Zone', (datetime.tzinfo,), {})())",
            "what cannot be written (NotImplementedError)",
        ),
        ("'\\ud800'", "what cannot be written (UnicodeEncodeError)"),
        ("['\\ud800']", "what cannot be written (UnicodeEncodeError)"),
        ("10 ** 5000", "what cannot be written (ValueError)"),
        ("row", "more than 64 lists and objects inside each other"),
        ("eval('[' * 65 + ']' * 65)", "more than 64 lists and objects inside each other"),
    ],
)
def test_a_value_that_json_does_not_have_names_its_field(tidy: Path, value: str, found: str) -> None:
    expected = ("a", f"transform gave {found}; expected a value that JSON has")
    assert failure(doing(tidy, f'row["a"] = {value}', "return row")) == expected


def test_a_value_spoiled_where_it_stands_is_found_out(tidy: Path) -> None:
    transform = doing(tidy, 'row["a"][0] = math.nan', "return row")
    assert failure(transform, '{"a":[null]}')[1].startswith("transform gave NaN")


@pytest.mark.parametrize("name", ["'\\ud800'", "'\\ud800' * 99"])
def test_a_name_that_cannot_be_written(tidy: Path, name: str) -> None:
    field, reason = failure(doing(tidy, f"return {{{name}: 1}}"))
    assert len(field) <= 40
    assert reason.startswith("transform gave what cannot be written")


def test_64_lists_inside_each_other_are_not_too_many(tidy: Path) -> None:
    deep = "[" * 64 + "]" * 64
    assert after(doing(tidy, "row['a'] = eval('[' * 64 + ']' * 64)", "return row"), '{"a":1}') == {"a": deep}


# --- in the journey ---------------------------------------------------------------------------------------------------


def mapper(transform: Transform, *rules: Attribute, pick: Pick | None = None) -> Mapper:
    destination = customerio()
    digest = Hasher(Kind.UPSERT, destination.fingerprint)
    return Mapper("id", rules, destination, digest, pick=pick, transform=transform)


def test_mappings_see_what_the_function_gives_and_one_bad_row_leaves_the_others_alone(tidy: Path) -> None:
    transform = doing(tidy, 'row["n"] = 10 // row["d"]', 'row["id"] = f"u{row.pop(\'d\')}"', "return row")
    made = mapper(transform, Attribute(["n"], "x"))
    rows = [Row(REF, fields_of.decode(text)) for text in ('{"d":5}', '{"d":0}', '{"d":2}')]
    records, invalid = made([*rows, Row(REF, {}, "a repeated key")])
    assert [(record.key, record.body) for record in records] == [("id:u5", b'{"x":2}'), ("id:u2", b'{"x":5}')]
    assert invalid == [
        Invalid(REF, "", "", "transform raised ZeroDivisionError at tidy.py:5", "transform-failed"),
        Invalid(REF, "", "", "a repeated key", "row-unreadable"),
    ]
    assert made.never_met() == []


def test_an_empty_cell_that_went_through_untouched_is_still_absent(tidy: Path) -> None:
    made = mapper(doing(tidy, "return row"), Attribute(["a"], "x", default=b"0"), pick=Pick())
    records, _ = made([Row(REF, {"id": msgspec.Raw(b"1"), "a": msgspec.Raw(b""), "b": msgspec.Raw(b"")})])
    assert records[0].body == b'{"x":0}'


# --- loading ----------------------------------------------------------------------------------------------------------


def refusal(path: Path, function: str = "tidy") -> str:
    """The message, with the file's name for its path."""
    with pytest.raises(ConfigRefused) as refused:
        load_transform(path, function)
    return str(refused.value).replace(str(path), path.name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def tidy(row)\n    return row\n", "tidy.py:1: SyntaxError: expected ':'"),
        ("x = 1\nimport nowhere_at_all\n", "tidy.py:2: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("def f():\n    raise ValueError('no')\n\nf()\n", "tidy.py:2: ValueError: no"),
        ("raise SystemExit(0)\n", "tidy.py:1: SystemExit: 0"),
        ("x = '\x00'\n", "cannot contain null bytes"),
        ("def other(row): ...\n", "tidy.py: there is no tidy in it; expected a function tidy(row) that returns a dict"),
        ("tidy = 5\n", "tidy.py: tidy cannot be called with one argument; expected def tidy(row)"),
        ("def tidy(): ...\n", "tidy.py: tidy cannot be called with one argument; expected def tidy(row)"),
        ("def tidy(row, more): ...\n", "tidy.py: tidy cannot be called with one argument; expected def tidy(row)"),
        ("async def tidy(row): ...\n", "tidy.py: tidy is async or yields; expected def tidy(row) that returns a dict"),
        ("def tidy(row): yield row\n", "tidy.py: tidy is async or yields; expected def tidy(row) that returns a dict"),
    ],
)
def test_a_file_that_cannot_be_used_says_where_and_why(tidy: Path, text: str, expected: str) -> None:
    assert expected in refusal(written(tidy, text))


def test_a_file_that_failed_leaves_no_module_behind(tidy: Path) -> None:
    refusal(written(tidy, "raise ValueError\n"))
    assert not [name for name in sys.modules if str(tidy) in name]


def test_a_file_that_is_not_there_is_said_to_be_missing(tidy: Path) -> None:
    assert refusal(tidy) == "tidy.py: there is no such file; expected a Python file. Check the path."
    assert refusal(tidy.parent).endswith("there is no such file; expected a Python file. Check the path.")


def test_any_callable_of_one_argument_will_do(tidy: Path) -> None:
    written(
        tidy,
        """
        from __future__ import annotations
        from dataclasses import asdict, dataclass

        @dataclass
        class Person:
            id: int
            plan: str = "free"

        def tidy(row, *, more=None):
            return asdict(Person(**row))

        short = lambda row: row
        """,
    )
    assert after(load_transform(tidy, "tidy"), '{"id":7}') == {"id": "7", "plan": '"free"'}
    assert after(load_transform(tidy, "short"), '{"id":7}') == {"id": "7"}


def test_the_file_is_read_with_the_python_it_asks_for(tidy: Path) -> None:
    """A `from __future__` of Syncline's own does not reach it."""
    written(tidy, "def tidy(row: dict):\n    return {'a': tidy.__annotations__['row'] is dict}\n")
    assert after(load_transform(tidy, "tidy"), "{}") == {"a": "true"}


def test_nothing_is_written_beside_the_file_and_an_edit_counts_at_once(tidy: Path) -> None:
    assert after(doing(tidy, "return {'a': 1}"), "{}") == {"a": "1"}
    assert after(doing(tidy, "return {'a': 2}"), "{}") == {"a": "2"}
    assert list(tidy.parent.iterdir()) == [tidy]


def test_the_files_beside_it_are_not_importable(tidy: Path) -> None:
    written(tidy.with_name("beside.py"), "x = 1")
    written(tidy, "import beside\n")
    assert "ModuleNotFoundError: No module named 'beside'" in refusal(tidy)
