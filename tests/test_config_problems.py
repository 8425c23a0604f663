"""What a configuration must not say (reliability.md 6.1): each problem with its place, what was found and its fix."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from syncline.config import load
from syncline.errors import ConfigRefused, Problem

EMAIL = {"from": "email", "to": "email"}
BASE: dict[str, object] = {"userId": "id", "site_id": "5174e", "api_key": "9a8b7", "mappings": [EMAIL]}
GONE = object()


def problems(config: dict[str, object]) -> list[Problem]:
    with pytest.raises(ConfigRefused) as refused:
        load({"name": "test", **config}, environment={})
    return refused.value.problems


def the_problem(**changes: object) -> Problem:
    (problem,) = problems({key: value for key, value in {**BASE, **changes}.items() if value is not GONE})
    return problem


def in_file(folder: Path, text: str, name: str = "config.json") -> list[Problem]:
    file = folder / name
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(ConfigRefused) as refused:
        load(file, environment={})
    return refused.value.problems


@pytest.mark.parametrize(
    ("changes", "found", "expected", "fix"),
    [
        ({"paralellism": 1}, 'the unknown key "paralellism"', '"parallelism"', 'mean "parallelism"'),  # C11
        ({"Parallelism": 1}, 'the unknown key "Parallelism"', '"parallelism"', 'mean "parallelism"'),  # C12
        ({"qqqq": 1}, 'the unknown key "qqqq"', "one of", "Delete it"),
        ({"region": "eu"}, 'unknown key "region"', "", 'Move it to "destination"'),
        ({"destination": {"parallelism": 1}}, "destination has the unknown key", "", "Move it to the top level"),
        ({"destination": {"regoin": "eu"}}, "destination has the unknown key", '"region"', 'mean "region"'),
        ({"parallelism": 0}, "the number 0", "from 1 to 256", "default (25)"),  # C13
        ({"parallelism": -1}, "the number -1", "from 1 to 256", ""),
        ({"parallelism": "25"}, 'the text "25"', "a whole number", "Write 25 without quotes"),  # C14
        ({"parallelism": "25 rps"}, 'the text "25 rps"', "a whole number", "Write the number alone: 25"),
        ({"parallelism": True}, "parallelism is true", "a whole number", ""),
        ({"parallelism": 25.0}, "the number 25.0", "a whole number", ""),
        ({"parallelism": None}, "parallelism is null", "a whole number", ""),
        ({"parallelism": 10_000}, "the number 10000", "from 1 to 256", ""),  # C16
        ({"parallelism": 2**64 + 1}, "the number 184", "from 1 to 256", ""),
        ({"userId": GONE}, 'no "userId"', "field that identifies", 'Add "userId"'),  # C18
        ({"userId": GONE, "user_id": "id"}, 'the unknown key "user_id"', '"userId"', 'mean "userId"'),
        ({"userId": GONE, "userid": "id"}, 'the unknown key "userid"', '"userId"', 'mean "userId"'),
        ({"userId": ""}, "userId is an empty text", "not blank", ""),
        ({"userId": " "}, "userId is a blank text", "not blank", ""),
        ({"userId": None}, "userId is null", "field that identifies", ""),
        ({"userId": 5}, "userId is the number 5", "field that identifies", "double quotes"),
        ({"userId": ["id"]}, "userId is a list of 1", "field that identifies", ""),
        ({"site_id": GONE}, 'no "siteId"', "credentials", "${SITE_ID}"),  # C21
        ({"api_key": GONE, "apikey": "x"}, 'unknown key "apikey"', '"apiKey"', 'mean "apiKey"'),
        ({"site_id": ""}, "site_id is an empty text", "not blank", "${NAME}"),
        ({"site_id": 12345}, "site_id is a number (not shown)", "text", "double quotes"),
        ({"api_key": None}, "api_key is null", "text", ""),
        ({"site_id": "51:74"}, "site_id is a text (not shown)", "without a colon", ""),  # C23
        ({"api_key": "clé"}, "(not shown)", "ASCII", ""),
        ({"api_key": "9a8b7\n"}, "(not shown)", "without spaces", ""),
        ({"api_key": "k" * 10_000}, "(not shown)", "at most 256", ""),
        ({"siteId": "other"}, "twice, with different values: ", "one value", "Delete one"),
        ({"credential": {"apiKey": "other"}}, "api_key and credential.apiKey", "one value", "Delete one"),
        ({"credential": "other"}, "credential is a text (not shown)", "an object", ""),
        ({"credential": {"site": "x"}}, 'credential has the unknown key "site"', "siteId", ""),
        ({"mappings": GONE}, 'no "mappings"', "a list of mappings", "Add"),  # C26
        ({"mappings": None}, "mappings is null", "a list of mappings", ""),
        ({"mappings": {}}, "mappings is an object", "a list of mappings", ""),
        ({"mappings": "email"}, 'the text "email"', "a list of mappings", ""),
        ({"mappings": []}, "nothing would be sent", "at least one", ""),  # C27
        ({"mappings": ["email"]}, 'mappings[0] is the text "email"', "an object", '{"from": "email", "to": "email"}'),
        ({"mappings": [EMAIL, None]}, "mappings[1] is null", "an object", ""),  # C28
        (
            {"mappings": [{"from": f"f{n}", "to": f"t{n}"} for n in range(301)]},
            "of 301",
            "300",
            "",
        ),  # C43
        ({"mode": "mirror"}, 'mode is the text "mirror"', "upsert or update", ""),
        ({"mode": "Update"}, 'mode is the text "Update"', "upsert or update", 'mean "update"'),
        ({"nulls": None}, "nulls is null", "omit or clear", ""),
        ({"source": {"type": "sql"}}, "source is an object", "path of a data file", "not there yet"),
        ({"source": None}, "source is null", "path of a data file", ""),
        ({"source": ""}, "source is an empty text", "path of a data file", ""),
        ({"name": "a/b"}, 'name is the text "a/b"', "letters, digits", ""),
        ({"name": ".a"}, 'name is the text ".a"', "not starting with a dot", ""),
        ({"name": "a" * 101}, "name is the text", "1 to 100", ""),
        ({"name": ""}, "name is an empty text", "1 to 100", ""),
        ({"name": None}, "name is null", "name", ""),
        ({"destination": None}, "destination is null", "an object", 'Write {"type": "customerio"}'),
        ({"destination": "customerio"}, 'the text "customerio"', "an object", 'Write {"type": "customerio"}'),
        ({"destination": {"type": "hubspot"}}, 'type is the text "hubspot"', "customerio", ""),
        ({"destination": {"type": ["customerio"]}}, "type is a list of 1", "customerio", ""),
        ({"destination": {"region": "EU"}}, 'region is the text "EU"', "us or eu", 'mean "eu"'),
        ({"destination": {"rate": 0}}, "rate is the number 0", "above 0 and at most 10,000", ""),  # C46
        ({"destination": {"rate": -1}}, "rate is the number -1", "above 0", ""),
        ({"destination": {"rate": "100/s"}}, 'rate is the text "100/s"', "a number", "Write the number alone: 100"),
        ({"destination": {"rate": 1e9}}, "rate is the number 1000000000.0", "at most 10,000", ""),
        ({"destination": {"timeout": 0}}, "timeout is the number 0", "above 0 and at most 600", ""),  # C47
        ({"destination": {"timeout": -1}}, "timeout is the number -1", "above 0", ""),
        ({"destination": {"timeout": "30s"}}, 'timeout is the text "30s"', "a number", "Write the number alone: 30"),
        ({"destination": {"timeout": None}}, "timeout is null", "a number", "leave the key out"),
    ],
)
def test_a_problem_says_what_was_found_expected_and_how_to_mend_it(
    changes: dict[str, object], found: str, expected: str, fix: str
) -> None:
    problem = the_problem(**changes)
    assert found in problem.found
    assert expected in problem.expected
    assert fix in problem.fix
    assert problem.expected
    assert problem.fix
    assert (problem.file, problem.line, problem.column) == ("the configuration object", 0, 0)


@pytest.mark.parametrize(
    ("mapping", "found", "fix"),
    [
        ({"to": "a"}, 'mappings[0] has neither "from" nor "constant"', "Add"),  # C29
        ({"from": "a"}, 'mappings[0] has no "to"', "Add"),
        ({"form": "a", "to": "b"}, 'mappings[0] has the unknown key "form"', 'mean "from"'),
        ({"from": "a", "to": "b", "userId": "id"}, 'mappings[0] has the unknown key "userId"', "top level"),
        ({"from": "", "to": "b"}, "mappings[0].from is an empty text", ""),  # C30
        ({"from": None, "to": "b"}, "mappings[0].from is null", ""),
        ({"from": 5, "to": "b"}, "mappings[0].from is the number 5", ""),
        ({"from": [], "to": "b"}, "mappings[0].from is an empty list", ""),
        ({"from": ["a", 5], "to": "b"}, "mappings[0].from[1] is the number 5", ""),
        ({"from": "a", "to": ""}, "mappings[0].to is an empty text", ""),  # C31
        ({"from": "a", "to": " \t"}, "mappings[0].to is a blank text", ""),
        ({"from": "a", "to": "é" * 76}, "mappings[0].to is the text", "Shorten"),
        ({"from": "a", "to": "b\nc"}, 'mappings[0].to is the text "b\\u000ac"', "Delete"),
        ({"from": "a", "to": "b\0"}, 'mappings[0].to is the text "b\\u0000"', "Delete"),
        ({"from": "a", "to": 5}, "mappings[0].to is the number 5", ""),
        ({"from": "a..b", "to": "b"}, 'mappings[0].from is the text "a..b"', "both sides"),  # C37
        ({"from": ".a", "to": "b"}, 'mappings[0].from is the text ".a"', "both sides"),
        ({"from": ["x", "a."], "to": "b"}, 'mappings[0].from[1] is the text "a."', "both sides"),
        ({"from": "email", "to": "id"}, "re-key people", ""),  # C39
        ({"from": ["id", "email"], "to": "id"}, "re-key people", ""),
        ({"constant": "7", "to": "id"}, "re-key people", ""),
        ({"from": "a", "to": "cio_id"}, "cio_id is reserved", ""),
        ({"from": "a", "to": "cio_relationships"}, "cio_relationships is reserved", ""),
        ({"from": "a", "to": "_update"}, "start with _", ""),
        ({"from": "a", "constant": 1, "to": "b"}, 'both "from" and "constant"', "Delete one"),
        ({"from": "a", "join": " ", "to": "b"}, '"join", but "from" is not a list', 'Write "from"'),
        ({"constant": 1, "join": " ", "to": "b"}, '"join", but "from" is not a list', ""),
        ({"from": ["a"], "join": 5, "to": "b"}, "mappings[0].join is the number 5", ""),
        ({"from": ["a"], "join": None, "to": "b"}, "mappings[0].join is null", "leave the key out"),
        ({"constant": [1], "to": "b"}, "mappings[0].constant is a list of 1", ""),
        ({"from": "a", "to": "b", "as": "int"}, 'mappings[0].as is the text "int"', 'mean "integer"'),
        ({"from": "a", "to": "b", "nulls": "clar"}, 'mappings[0].nulls is the text "clar"', 'mean "clear"'),
    ],
)
def test_a_mapping_that_cannot_be(mapping: dict[str, object], found: str, fix: str) -> None:
    problem = the_problem(mappings=[mapping])
    assert found in problem.found
    assert fix in problem.fix
    assert problem.fix


def test_one_name_for_two_fields_names_both() -> None:  # C32
    problem = the_problem(mappings=[{"from": "a", "to": "x"}, EMAIL, {"from": "b", "to": "x"}])
    assert problem.found == (
        'mappings[2].to is the text "x" again: '
        'mappings[0] takes it from the text "a", mappings[2] takes it from the text "b"'
    )


@pytest.mark.parametrize(
    "text",
    [
        "YOUR_API_KEY",
        "your-site-id",
        "xxx",
        "XXXXXXXX",
        "<site id>",
        "{{ key }}",
        "changeme",
        "…",
        "...",
        "***",
        "insert your key here",
        "api-key-here",
        "API_KEY",
        "SITE_ID",
        "TODO",
        " xxx ",
    ],
)
@pytest.mark.parametrize("key", ["site_id", "api_key"])
def test_a_placeholder_is_recognised(key: str, text: str) -> None:  # C21
    problem = the_problem(**{key: text})
    assert problem.found == f"{key} is a text (not shown)"
    assert "placeholder" in problem.expected


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://track.customer.io",
            "http://10.0.0.1",
            "https://track.customer.io/",
            "https://x.io/api",
            "ftp://x.io",
        ),
        *(
            "file:///etc/passwd",
            "https://x.io?a=1",
            "https://x.io#a",
            "https://u:p@x.io",
            "https://track.customer.io@evil.test",
        ),
        *("https://x.io.", "https://x.io:0", "https://x.io:99999", "https://x.io:", "https://", "track.customer.io"),
        *("https://2130706433", "https://0x7f000001", "https://127.1", "https://0", "http://localhost."),
        *("https://tráck.io", "https://x%2eio", "https://x.io\\evil", "https://x io", "https://x.io\n", "HTTPS://X.IO"),
        *("https://[::1", "https://[zz]", "http://[::2]", "https://a..b", "https://-a.io", "http://127.0.0.2"),
    ],
)
@pytest.mark.parametrize("key", ["baseUrl", "appBaseUrl"])
def test_a_base_url_is_an_origin(key: str, url: str) -> None:  # C44
    problem = the_problem(destination={key: url})
    assert f"destination.{key} is " in problem.found
    assert "u:p" not in str(problem)


@pytest.mark.parametrize("url", [5, None, ["https://x.io"]])
def test_a_base_url_is_text(url: object) -> None:
    assert the_problem(destination={"baseUrl": url}).expected == "text"


def test_all_problems_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """{
  "userId": 5,
  "paralellism": 3,
  "site_id": "YOUR_SITE_ID",
  "mappings": [
    {"from": "a..b", "to": ""},
    {"form": "c", "to": "_x"},
    "email"
  ],
  "destination": {"regoin": "eu", "rate": "9/s"}
}"""
    found = [(p.line, p.column, p.found) for p in in_file(tmp_path, text)]
    assert found == [
        (2, 13, "userId is the number 5"),
        (3, 3, 'the unknown key "paralellism"'),
        (4, 14, "site_id is a text (not shown)"),
        (6, 14, 'mappings[0].from is the text "a..b"'),
        (6, 28, "mappings[0].to is an empty text"),
        (7, 6, 'mappings[1] has the unknown key "form"'),
        (7, 25, 'mappings[1].to is the text "_x": names that start with _ are reserved by Customer.io'),
        (8, 5, 'mappings[2] is the text "email"'),
        (10, 18, 'no "apiKey"'),
        (10, 19, 'destination has the unknown key "regoin"'),
        (10, 43, 'destination.rate is the text "9/s"'),
    ]


def test_yaml_has_places_too(tmp_path: Path) -> None:
    text = "userId: 5\nsite_id: a\napi_key: b\nmappings:\n  - from: a\n    too: b\n  - {from: c, to: [d]}\n"
    found = [(p.line, p.column, p.found) for p in in_file(tmp_path, text, "config.yaml")]
    assert found == [
        (1, 9, "userId is the number 5"),
        (6, 5, 'mappings[0] has the unknown key "too"'),
        (7, 19, "mappings[1].to is a list of 1"),
    ]


@pytest.mark.parametrize(
    ("name", "better"),
    [("my config.json", "my-config"), (".hidden.json", "hidden"), ("über.json", "ber"), ("…", "my-sync")],
)
def test_a_file_whose_name_cannot_name_the_sync(tmp_path: Path, name: str, better: str) -> None:
    (problem,) = in_file(tmp_path, json.dumps(BASE), name)
    assert (problem.found, problem.fix) == ("the file's name cannot name the sync", f'Add "name": "{better}".')


def cyclic() -> dict[str, object]:
    held: dict[str, object] = {}
    held["userId"] = held
    return held


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda: {"userId": object()}, "a Python value of type object"),
        (lambda: {"userId": float("nan")}, "not finite"),
        (lambda: {"userId": 10**50}, "too large"),
        (lambda: {"userId": "\ud83d"}, "half a surrogate pair"),
        (lambda: {5: "x"}, "a key in the configuration that is not readable text"),
        (cyclic, "nested more than 16 deep"),
    ],
)
def test_an_object_holds_only_what_json_can(make: Callable[[], dict[str, object]], found: str) -> None:
    assert any(found in problem.found for problem in problems({**BASE, **make()}))


def test_a_missing_user_id_is_one_problem_even_when_id_is_mapped() -> None:
    assert the_problem(userId=GONE, mappings=[{"from": "id", "to": "id"}]).found == 'the configuration has no "userId"'
