"""`source`: its short forms and its long one, and problems at the place where their author wrote them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from syncline.config import Files, load, overridden
from syncline.errors import ConfigRefused, Problem

BASE: dict[str, object] = {
    "name": "test",
    "userId": "id",
    "siteId": "5174e",
    "apiKey": "9a8b7",
    "mappings": [{"from": "email", "to": "email"}],
}


def problem_of(source: object) -> Problem:
    with pytest.raises(ConfigRefused) as refused:
        load({**BASE, "source": source}, environment={})
    (problem,) = refused.value.problems
    return problem


@pytest.mark.parametrize(
    ("source", "files"),
    [
        ("data.json", Files(files=("data.json",))),
        ("-", Files(files=("-",))),
        (["data/*.csv", "-"], Files(files=("data/*.csv", "-"))),
        ({"files": "a.csv"}, Files(files=("a.csv",))),
        ({"type": "file", "files": ["a.csv", "b.csv"]}, Files(files=("a.csv", "b.csv"))),
        ({"path": "data.users"}, Files(path="data.users")),
        ({"files": "a.csv", "format": "csv", "delimiter": ";"}, Files(files=("a.csv",), format="csv", delimiter=";")),
        ({"delimiter": "\t"}, Files(delimiter="\t")),
        ({"delimiter": "\\t"}, Files(delimiter="\t")),
        ({"delimiter": "tab"}, Files(delimiter="\t")),
        ({"delimiter": "¦"}, Files(delimiter="¦")),
        ({"format": "tsv", "encoding": "utf-16"}, Files(format="tsv", encoding="utf-16")),
        ({"format": "json", "encoding": "utf-8"}, Files(format="json", encoding="utf-8")),
        ({}, Files()),
    ],
)
def test_short_forms_are_written_out(source: object, files: Files) -> None:
    assert load({**BASE, "source": source}, environment={}).sync.source == files


@pytest.mark.parametrize(
    ("source", "found", "expected", "fix"),
    [
        (None, "source is null", "the path of a data file", "leave the key out"),
        (5, "source is the number 5", "the path of a data file, a list of paths, or an object", '"data.json"'),
        (True, "source is true", "the path of a data file", ""),
        ("", "source is an empty text", "the path of a data file", '"data.json"'),
        ([], "source is an empty list", "the path of a data file", ""),
        (["a", ""], "source[1] is an empty text", "the path of a data file", ""),
        (["a", 5], "source[1] is the number 5", "the path of a data file", ""),
        (["a", "s3://b/k"], "source[1] is a URL (not shown)", "a file on this machine", "Download it first"),
        ("file:///a.json", "source is a URL (not shown)", "a file on this machine", "without file://"),
        (["a", "b", "./a"], 'source[2] is the text "./a" again', "each file once", "Delete one"),
        ({"files": []}, "source.files is an empty list", "the path of a data file", ""),
        ({"files": ["a", None]}, "source.files[1] is null", "the path of a data file", ""),
        ({"files": ["https://x.io"]}, "source.files[0] is a URL (not shown)", "a file on this machine", ""),
        ({"files": ["a", "a"]}, 'source.files[1] is the text "a" again', "each file once", "Delete one"),
        ({"file": "a"}, 'source has the unknown key "file"', '"files"', 'Did you mean "files"?'),
        ({"region": "eu"}, 'source has the unknown key "region"', "", 'Move it to "destination"'),
        ({"type": "sql"}, 'source.type is the text "sql"', "file, the only type", "Export the rows to a file"),
        ({"type": "segment"}, 'source.type is the text "segment"', "file, the only type", "Export the rows to a file"),
        ({"type": "flie"}, 'source.type is the text "flie"', "file, the only type", 'Did you mean "file"?'),
        ({"format": "xml"}, 'source.format is the text "xml"', "auto, json, csv or tsv", "default (auto)"),
        ({"encoding": "Latin1"}, 'source.encoding is the text "Latin1"', "cp1252 or latin-1", 'mean "latin-1"'),
        ({"path": ""}, "source.path is an empty text", "the path to the rows", "data.users"),
        ({"path": "a..b"}, 'source.path is the text "a..b"', "without empty parts", "both sides"),
        ({"delimiter": ""}, "source.delimiter is an empty text", "one character", '"tab" for a tab'),
        ({"delimiter": ";;"}, 'source.delimiter is the text ";;"', "one character", ""),
        ({"delimiter": "x"}, 'source.delimiter is the text "x"', "no letter", ""),
        ({"delimiter": "é"}, 'source.delimiter is the text "é"', "no letter", ""),
        ({"delimiter": "1"}, 'source.delimiter is the text "1"', "digit", ""),
        ({"delimiter": '"'}, "source.delimiter is the text", "quote", ""),
        ({"delimiter": "'"}, "source.delimiter is the text", "quote", ""),
        ({"delimiter": "\n"}, "source.delimiter is a blank text", "line break", ""),
        ({"delimiter": 5}, "source.delimiter is the number 5", "one character", ""),
        ({"delimiter": None}, "source.delimiter is null", "one character", ""),
        ({"delimiter": ";", "format": "json"}, 'delimiter is the text ";", and the format is json', "csv or auto", ""),
        ({"delimiter": ";", "format": "tsv"}, 'delimiter is the text ";", and the format is tsv', "csv or auto", ""),
        ({"path": "a", "format": "csv"}, 'path is the text "a", and the format is csv', "json or auto", "Leave one"),
        ({"encoding": "cp1252", "format": "json"}, '"cp1252", and the format is json', "utf-8", "Save the file"),
    ],
)
def test_a_source_that_cannot_be(source: object, found: str, expected: str, fix: str) -> None:
    problem = problem_of(source)
    assert found in problem.found
    assert expected in problem.expected
    assert fix in problem.fix
    assert problem.fix


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ('["a", "b", ""]', (2, 23)),
        ('["a", "b", "a"]', (2, 23)),
        ('""', (2, 12)),
        ('{"files": ["a", 5]}', (2, 28)),
        ('{"files": "a", "fromat": "csv"}', (2, 27)),
        ('{"format": "csv", "path": "a"}', (2, 38)),
    ],
)
def test_a_problem_stands_where_it_was_written(tmp_path: Path, source: str, place: tuple[int, int]) -> None:
    file = tmp_path / "config.json"
    rest = json.dumps(BASE).removeprefix("{")
    file.write_text(f'{{\n "source": {source},\n{rest}')
    with pytest.raises(ConfigRefused) as refused:
        load(file, environment={})
    assert [(problem.line, problem.column) for problem in refused.value.problems] == [place]


def test_what_a_call_says_comes_before_what_is_written() -> None:
    written = Files.model_validate({"files": "a.csv", "delimiter": ";", "encoding": "cp1252"})
    assert overridden(written, {}) is written
    changed = overridden(written, {"delimiter": "tab", "encoding": "utf-16"})
    assert changed == Files(files=("a.csv",), delimiter="\t", encoding="utf-16")
    assert overridden(Files(format="csv", delimiter=";"), {"encoding": "latin-1"}).delimiter == ";"
    assert overridden(Files(), {"path": "data.users"}) == Files(path="data.users")


@pytest.mark.parametrize(
    ("written", "given", "words"),
    [
        (Files(), {"delimiter": "ab"}, "--delimiter ab: expected one character between the cells"),
        (Files(), {"encoding": "ebcdic"}, "--encoding ebcdic: expected utf-8, utf-16, utf-16-le, utf-16-be,"),
        (Files(), {"path": "a..b"}, "--path a..b: expected a path without empty parts"),
        (Files(), {"path": ""}, "--path : expected the path to the rows in a JSON document"),
        (Files(format="json"), {"delimiter": ";"}, "--delimiter ;: expected a delimiter only where the format is csv"),
        (Files(format="csv"), {"path": "a"}, "--path a: expected a path only where the format is json or auto"),
    ],
)
def test_what_a_call_cannot_say_is_refused_by_the_options_name(
    written: Files, given: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigRefused) as refused:
        overridden(written, given)
    assert str(refused.value).startswith(words)
