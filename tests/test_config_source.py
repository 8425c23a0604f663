"""`source`: its short forms and its long one, and problems at the place where their author wrote them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from configured import segment_of
from syncline.config import Files, external_id_in, load, overridden
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
        ({"type": "sql"}, 'source.type is the text "sql"', "file or segment", "Export the rows to a file"),
        ({"type": "segmnt"}, 'source.type is the text "segmnt"', "file or segment", 'Did you mean "segment"?'),
        ({"type": "flie"}, 'source.type is the text "flie"', "file or segment", 'Did you mean "file"?'),
        ({"type": None}, "source.type is null", "file or segment", "Export the rows to a file"),
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


# --- a Segment space --------------------------------------------------------------------------------------------------

SPACE: dict[str, object] = {"type": "segment", "spaceId": "spa_1", "accessToken": "9a8b7"}
CANARY = "c4naryS3cret"


def of_segment(source: Mapping[str, object] | None = None, **changes: object) -> dict[str, object]:
    """Without a userId."""
    config = {**BASE, "userId": None, "source": {**SPACE, **(source or {})}, **changes}
    return {key: value for key, value in config.items() if value is not None}


def problems_of(config: dict[str, object]) -> list[Problem]:
    with pytest.raises(ConfigRefused) as refused:
        load(config, environment={})
    return refused.value.problems


@pytest.mark.parametrize(
    "source",
    [
        SPACE,
        {"type": "segment", "space_id": "spa_1", "access_token": "9a8b7"},
        {"type": "segment", "space-id": "spa_1", "access-token": "9a8b7"},
    ],
)
def test_a_space_may_be_spelled_in_three_ways(source: dict[str, object]) -> None:
    settings = segment_of(load({**BASE, "source": source}, environment={}).sync)
    assert (settings.space_id, settings.access_token.get_secret_value()) == ("spa_1", "9a8b7")
    assert (settings.region, settings.identifier, settings.profiles) == ("us", "user_id", "")


def test_a_space_takes_all_its_settings() -> None:
    words = {"region": "eu", "identifier": "email", "profiles": "profiles.txt", "baseUrl": "http://127.0.0.1:8001"}
    numbers = {"rate": 10, "timeout": 5, "pageItems": 10, "traitItems": 15, "idItems": 5}
    settings = segment_of(load(of_segment({**words, **numbers}), environment={}).sync)
    assert (
        settings.model_dump(by_alias=True, include={"rate", "page_items", "trait_items", "id_items", "timeout"})
        == numbers
    )
    assert (settings.region, settings.base_url, settings.profiles) == ("eu", "http://127.0.0.1:8001", "profiles.txt")


@pytest.mark.parametrize(
    ("source", "written", "user_id"),
    [
        ({}, None, "user_id"),
        ({"identifier": "user_id"}, None, "user_id"),
        ({"identifier": "email"}, None, "external_ids.email"),
        ({"identifier": "android.idfa"}, None, "external_ids.android.idfa"),
        ({"identifier": "odd..type"}, None, "user_id"),
        ({"identifier": "email"}, "traits.id", "traits.id"),
        ({}, "segment_id", "segment_id"),
    ],
)
def test_the_identifier_says_what_user_id_is_where_nobody_says_it(
    source: dict[str, object], written: str | None, user_id: str
) -> None:
    assert load(of_segment(source, userId=written), environment={}).sync.user_id == user_id


@pytest.mark.parametrize(
    ("user_id", "identifier", "kind"),
    [
        ("user_id", "user_id", "user_id"),
        ("user_id", "email", "email"),
        ("external_ids.email", "email", "email"),
        ("external_ids.android.idfa", "user_id", "android.idfa"),
        ("traits.id", "user_id", ""),
        ("segment_id", "user_id", ""),
    ],
)
def test_a_field_of_a_profile_tells_which_external_id_it_holds(user_id: str, identifier: str, kind: str) -> None:
    sync = load(of_segment({"identifier": identifier}, userId=user_id), environment={}).sync
    assert external_id_in(sync.user_id, segment_of(sync)) == kind


@pytest.mark.parametrize(
    ("source", "found", "expected", "fix"),
    [
        ({"idntifier": "email"}, 'source has the unknown key "idntifier"', '"identifier"', 'mean "identifier"'),
        ({"region": "as"}, 'source.region is the text "as"', "us or eu", "default (us)"),
        ({"identifier": ""}, "source.identifier is an empty text", "text", "default (user_id)"),
        ({"profiles": 5}, "source.profiles is the number 5", "text", "double quotes"),
        ({"pageItems": 101}, "source.pageItems is the number 101", "from 1 to 100", "default (100)"),
        ({"traitItems": 201}, "source.traitItems is the number 201", "from 1 to 200", "default (200)"),
        ({"idItems": 0}, "source.idItems is the number 0", "from 1 to 25", "default (25)"),
        ({"rate": "95/s"}, 'source.rate is the text "95/s"', "a number above 0", "Write the number alone: 95."),
        ({"timeout": None}, "source.timeout is null", "a number above 0", ""),
        ({"baseUrl": "http://x.io"}, 'source.baseUrl is the text "http://x.io"', "https", "https://"),
        ({"baseUrl": "https://u:p@x.io"}, "source.baseUrl is an address (not shown)", "an origin", ""),
        ({"spaceId": "YOUR_SPACE_ID"}, "source.spaceId is the text", "not a placeholder", "${NAME}"),
        ({"spaceId": "a/b"}, 'source.spaceId is the text "a/b"', "of the form", ""),
        ({"spaceId": ""}, "source.spaceId is an empty text", "of the form", ""),
        ({"spaceId": 5}, "source.spaceId is the number 5", "text", "double quotes"),
        ({"accessToken": "ACCESS_TOKEN"}, "source.accessToken is a text (not shown)", "not a placeholder", "${NAME}"),
        ({"accessToken": " "}, "source.accessToken is a blank text", "not blank", "${NAME}"),
        ({"accessToken": "clé"}, "source.accessToken is a text (not shown)", "printable ASCII", "Copy"),
        ({"accessToken": "a:b"}, "source.accessToken is a text (not shown)", "without a colon", "the token alone"),
        ({"accessToken": 12345}, "source.accessToken is a number (not shown)", "as text", "double quotes"),
        ({"accessToken": None}, "source.accessToken is null", "as text", ""),
        ({"space_id": "spa_2"}, "source.spaceId and source.space_id", "one value", "Delete one"),
        ({"siteId": "5174e"}, 'source has the unknown key "siteId"', "", 'Move it to "destination"'),
        *(
            (
                {key: value},
                f'source has "{key}", a key of "type": "file"',
                'the keys of "type": "segment"',
                'Delete it, or write "type": "file".',
            )
            for key, value in (
                ("files", "a.json"),
                ("format", "csv"),
                ("path", "data.users"),
                ("delimiter", ";"),
                ("encoding", "utf-8"),
            )
        ),
    ],
)
def test_a_space_that_cannot_be(source: dict[str, object], found: str, expected: str, fix: str) -> None:
    (problem,) = problems_of(of_segment(source))
    assert found in problem.found
    assert expected in problem.expected
    assert fix in problem.fix
    assert problem.fix


def test_what_a_space_needs_is_named_with_the_variable_that_may_hold_it() -> None:
    missing = problems_of({**BASE, "source": {"type": "segment"}})
    assert [(problem.found, problem.expected, problem.fix.partition(" and")[0]) for problem in missing] == [
        ('source has no "spaceId"', "the source's credentials", 'Add "spaceId": "${SPACE_ID}"'),
        ('source has no "accessToken"', "the source's credentials", 'Add "accessToken": "${ACCESS_TOKEN}"'),
    ]


@pytest.mark.parametrize("home", ["", "destination"])
@pytest.mark.parametrize(("source", "fix"), [({"type": "segment"}, "."), ({}, ', with "type": "segment".')])
def test_the_keys_of_a_space_stand_under_source_alone(home: str, source: dict[str, object], fix: str) -> None:
    keys = {"space_id": "spa_1", "accessToken": "9a8b7"}
    config = {**BASE, "source": source, **({home: keys} if home else keys)}
    assert [problem.fix for problem in problems_of(config)] == [f'Move it to "source"{fix}'] * 2


def test_settings_of_a_space_under_files_say_whose_they_are() -> None:
    (problem,) = problems_of({**BASE, "source": {"files": "a.json", "traitItems": 5}})
    assert problem.found == 'source has "traitItems", a key of "type": "segment"'
    assert problem.fix == 'Delete it, or write "type": "segment".'


@pytest.mark.parametrize(("mode", "token", "warned"), [(0o600, CANARY, 0), (0o644, CANARY, 1), (0o644, "${TOKEN}", 0)])
def test_a_token_that_others_may_read_is_a_warning(tmp_path: Path, mode: int, token: str, warned: int) -> None:
    file = tmp_path / "profiles.json"
    keys = {"siteId": "${KEY}", "apiKey": "${KEY}"}
    file.write_text(json.dumps(of_segment({"spaceId": "spa_1", "accessToken": token}, **keys)))
    file.chmod(mode)
    held = load(file, environment={"KEY": "9a8b7", "TOKEN": CANARY})
    assert len(held.warnings) == warned
    assert all("chmod 600" in warning for warning in held.warnings)
    assert CANARY not in repr(held) + str(held.sync) + held.sync.model_dump_json(by_alias=True)


def test_a_rate_that_a_space_refuses_is_a_warning() -> None:
    (warning,) = load(of_segment({"rate": 200}), environment={}).warnings
    assert warning.startswith("source.rate is 200 requests a second; Segment takes 100")
    assert not load(of_segment({"rate": 200, "baseUrl": "http://127.0.0.1:8001"}), environment={}).warnings


def test_a_variable_may_hold_a_number_of_a_space() -> None:
    source = {"rate": "${RATE}", "pageItems": "${ITEMS}"}
    settings = segment_of(load(of_segment(source), environment={"RATE": "9.5", "ITEMS": "7"}).sync)
    assert (settings.rate, settings.page_items) == (9.5, 7)


# --- places -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ('["a", "b", ""]', (2, 23)),
        ('["a", "b", "a"]', (2, 23)),
        ('""', (2, 12)),
        ('{"files": ["a", 5]}', (2, 28)),
        ('{"files": "a", "fromat": "csv"}', (2, 27)),
        ('{"format": "csv", "path": "a"}', (2, 38)),
        ('{"type": "segment", "space-id": "a/b", "accessToken": "a"}', (2, 44)),
        ('{"type": "segment", "spaceId": "a", "access_token": "a:b"}', (2, 64)),
        ('{"type": "segment", "spaceId": "a", "accessToken": "a", "files": "b"}', (2, 68)),
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
        (Files(), {"delimiter": "ab"}, '--delimiter is "ab"; expected one character between the cells'),
        (Files(), {"encoding": "ebcdic"}, '--encoding is "ebcdic"; expected utf-8, utf-16, utf-16-le, utf-16-be,'),
        (Files(), {"path": "a..b"}, '--path is "a..b"; expected a path without empty parts'),
        (Files(), {"path": ""}, '--path is ""; expected the path to the rows in a JSON document'),
        (Files(format="json"), {"delimiter": ";"}, '--delimiter is ";"; expected a delimiter only where the format is'),
        (Files(format="csv"), {"path": "a"}, '--path is "a"; expected a path only where the format is json'),
    ],
)
def test_what_a_call_cannot_say_is_refused_by_the_options_name(
    written: Files, given: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigRefused) as refused:
        overridden(written, given)
    (problem,) = refused.value.problems
    assert str(problem).startswith(words)
    assert problem.fix
