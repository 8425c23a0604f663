"""What a configuration must not say: each problem with its place, what was found and its fix.

The corpus of reliability.md 6.1 is in corpus/configurations.py.
"""

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
        ({"qqqq": 1}, 'the unknown key "qqqq"', "one of", "Delete it"),
        ({"region": "eu"}, 'unknown key "region"', "", 'Move it to "destination"'),
        ({"destination": {"parallelism": 1}}, "destination has the unknown key", "", "Move it to the top level"),
        ({"destination": {"regoin": "eu"}}, "destination has the unknown key", '"region"', 'mean "region"'),
        ({"maxRejectRatio": "50%"}, 'the text "50%"', "a number", "Write it as a share: 0.5"),
        ({"parallelism": "25 rps"}, 'the text "25 rps"', "a whole number", "Write the number alone: 25"),
        ({"parallelism": "0x10"}, 'the text "0x10"', "a whole number", "leave it out for the default (25)"),
        ({"parallelism": "1_0"}, 'the text "1_0"', "a whole number", "leave it out for the default (25)"),
        ({"parallelism": "1:30"}, 'the text "1:30"', "a whole number", "leave it out for the default (25)"),
        ({"parallelism": "1,000"}, 'the text "1,000"', "a whole number", "leave it out for the default (25)"),
        ({"parallelism": True}, "parallelism is true", "a whole number", ""),
        ({"parallelism": 25.0}, "the number 25.0", "a whole number", ""),
        ({"parallelism": None}, "parallelism is null", "a whole number", ""),
        ({"userId": GONE, "user_id": "id"}, 'the unknown key "user_id"', '"userId"', 'mean "userId"'),
        ({"userId": GONE, "userid": "id"}, 'the unknown key "userid"', '"userId"', 'mean "userId"'),
        ({"userId": " "}, "userId is a blank text", "field that identifies", ""),
        ({"userId": "a..b"}, 'userId is the text "a..b"', "empty parts", "both sides"),
        ({"api_key": GONE, "apikey": "x"}, 'unknown key "apikey"', '"apiKey"', 'mean "apiKey"'),
        ({"site_id": 12345}, "site_id is a number (not shown)", "text", "double quotes"),
        ({"api_key": None}, "api_key is null", "text", ""),
        ({"api_key": "9a8b7\n"}, "(not shown)", "without spaces", ""),
        ({"siteId": "other"}, "twice, with different values: ", "one value", "Delete one"),
        ({"credential": {"apiKey": "other"}}, "api_key and credential.apiKey", "one value", "Delete one"),
        ({"credential": "other"}, "credential is a text (not shown)", "an object", ""),
        ({"credential": {"site": "x"}}, 'credential has the unknown key "site"', "siteId", ""),
        ({"mode": "mirror"}, 'mode is the text "mirror"', "upsert or update", ""),
        ({"mode": "Update"}, 'mode is the text "Update"', "upsert or update", 'mean "update"'),
        ({"nulls": None}, "nulls is null", "omit or clear", ""),
        ({"empty": "null"}, 'empty is the text "null"', "omit, keep or clear", ""),
        ({"empty": None}, "empty is null", "omit, keep or clear", "leave the key out"),
        ({"mappings": GONE, "pick": True}, "pick is true", "all", 'Write "all"'),
        ({"pick": ["email"]}, "pick is a list of 1", "all", "`mappings`"),
        ({"pick": None}, "pick is null", "all", "leave the key out"),
        ({"mappings": GONE, "pcik": "all"}, 'the unknown key "pcik"', '"pick"', 'mean "pick"'),
        ({"mappings": None, "pick": "all"}, "mappings is null", "a list of mappings", ""),
        ({"except": ["a"]}, 'there is "except", and no "pick"', "both, or neither", 'Add "pick": "all"'),
        ({"pick": "all", "except": []}, "except is an empty list", "the name of a field, or a list", '["password"]'),
        ({"pick": "all", "except": ["a", 5]}, "except[1] is the number 5", "the name of a field", ""),
        ({"pick": "all", "except": ["a", " "]}, "except[1] is a blank text", "the name of a field", ""),
        ({"pick": "all", "except": "email"}, 'except is the text "email", and mappings[0] sends it', "no mapping", ""),
        (
            {"pick": "all", "except": "b", "mappings": [{"from": [["a", "b"]], "join": "", "to": "c"}]},
            'except is the text "b", and mappings[0] sends it',
            "no mapping",
            "",
        ),
        (
            {"pick": "all", "except": "b", "mappings": [{"from": "a", "to": "c", "else": {"from": "b"}}]},
            'except is the text "b", and mappings[0] sends it',
            "no mapping",
            "",
        ),
        ({"refresh": "30"}, 'refresh is the text "30"', "such as 30d, 12h or 90m; or off", 'Write "30d".'),
        ({"refresh": 30}, "refresh is the number 30", "from 1h to 3650d", 'Write "30d".'),
        ({"refresh": "12 hours"}, 'refresh is the text "12 hours"', "", 'Write "12h".'),
        ({"refresh": "59m"}, 'refresh is the text "59m"', "from 1h", "default (30d)"),
        ({"refresh": "3651d"}, 'refresh is the text "3651d"', "to 3650d", "default (30d)"),
        ({"refresh": 2_592_000}, "refresh is the number 2592000", "", 'Write it like "30d"'),
        ({"refresh": "2w"}, 'refresh is the text "2w"', "", 'Write it like "30d"'),
        ({"refresh": "٣0d"}, "refresh is the text", "", 'Write it like "30d"'),
        ({"refresh": "0d"}, 'refresh is the text "0d"', "", 'Write "off" for never.'),
        ({"refresh": False}, "refresh is false", "or off", 'Write "off" for never.'),
        ({"refresh": None}, "refresh is null", "or off", 'Write "off" for never.'),
        ({"refresh": True}, "refresh is true", "or off", "default (30d)"),
        (
            {"notify": "http://hooks.example.com/x"},
            "notify is a text (not shown)",
            "https (http only for",
            "Write https",
        ),
        ({"notify": "https://u:p@example.com"}, "notify is a text (not shown)", "no user name", "${NAME}"),
        ({"notify": "https://example.com/#x"}, "notify is a text (not shown)", "no #", ""),
        ({"notify": "https://example.com:0/"}, "notify is a text (not shown)", "from 1 to 65535", ""),
        ({"notify": "https://127.1/x"}, "notify is a text (not shown)", "in its usual form", ""),
        ({"notify": "https://example.com/" + "x" * 2_000}, "notify is a text (not shown)", "at most 2,000", ""),
        ({"notify": "hooks.example.com"}, "notify is a text (not shown)", "https", ""),
        ({"notify": 12345}, "notify is a number (not shown)", "an https URL, as text", ""),
        ({"notify": {"url": "https://example.com"}}, "notify is an object", "an https URL, as text", ""),
        ({"notify": None}, "notify is null", "an https URL", "leave the key out"),
        ({"failOn": "nevr"}, 'failOn is the text "nevr"', "any, new or never", 'mean "never"'),
        ({"fail_on": "new"}, 'the unknown key "fail_on"', '"failOn"', 'mean "failOn"'),
        ({"delimiter": ";"}, 'the unknown key "delimiter"', "", 'Move it to "source", as an object'),
        ({"hash": "sha256"}, 'the unknown key "hash"', "", 'Move it to an entry of "mappings"'),
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
        ({"from": "a", "to": "b", "userId": "id"}, 'mappings[0] has the unknown key "userId"', "top level"),
        ({"from": [], "to": "b"}, "mappings[0].from is an empty list", ""),
        ({"from": ["a", 5], "to": "b"}, "mappings[0].from[1] is the number 5", ""),
        ({"from": "a", "to": 5}, "mappings[0].to is the number 5", ""),
        ({"from": ["x", "a."], "to": "b"}, 'mappings[0].from[1] is the text "a."', "both sides"),
        ({"from": "a", "to": "cio_relationships"}, "cio_relationships is reserved", ""),
        ({"from": "a", "to": "_update"}, "start with _", ""),
        ({"from": "a", "constant": 1, "to": "b"}, 'both "from" and "constant"', "Delete one"),
        ({"from": "a", "join": " ", "to": "b"}, '"join", but "from" is not a list', 'Write "from"'),
        ({"constant": 1, "join": " ", "to": "b"}, '"join", but "from" is not a list', ""),
        ({"from": ["a"], "join": 5, "to": "b"}, "mappings[0].join is the number 5", ""),
        ({"from": ["a"], "join": None, "to": "b"}, "mappings[0].join is null", "leave the key out"),
        (
            {"from": [["a", "b"], "c"], "to": "d"},
            'from[0] is a list of 2, and mappings[0] has no "join"',
            "into one list",
        ),
        ({"from": [["a", 5], "c"], "join": " ", "to": "d"}, "mappings[0].from[0][1] is the number 5", "Write it like"),
        ({"from": ["a", []], "join": " ", "to": "d"}, "mappings[0].from[1] is an empty list", ""),
        ({"from": [["a", "b."]], "join": " ", "to": "d"}, 'mappings[0].from[0][1] is the text "b."', "both sides"),
        ({"from": [[["a"]]], "join": " ", "to": "d"}, "mappings[0].from[0][0] is a list of 1", ""),
        ({"from": "a", "to": "d", "else": "b"}, 'mappings[0].else is the text "b"', 'Write {"from": ["first", "last"]'),
        ({"from": "a", "to": "d", "else": None}, "mappings[0].else is null", "leave the key out"),
        ({"from": "a", "to": "d", "else": {}}, 'mappings[0].else has no "from"', 'Add "from"'),
        ({"from": "a", "to": "d", "else": {"from": None}}, "mappings[0].else.from is null", ""),
        ({"from": "a", "to": "d", "else": {"form": "b"}}, 'else has the unknown key "form"', 'mean "from"'),
        ({"from": "a", "to": "d", "else": {"from": "b", "default": 1}}, 'the unknown key "default"', 'beside "else"'),
        ({"from": "a", "to": "d", "else": {"from": "b", "join": " "}}, 'mappings[0].else has "join", but "from"', ""),
        ({"from": "a", "to": "d", "else": {"from": ["b"], "join": None}}, "mappings[0].else.join is null", ""),
        ({"from": "a", "to": "d", "else": {"from": [["b"]]}}, 'mappings[0].else has no "join"', 'Add "join"'),
        ({"constant": 1, "to": "d", "else": {"from": "b"}}, 'mappings[0] has "else" and "constant"', "always there"),
        ({"to": "d", "else": {"from": "b"}}, 'mappings[0] has neither "from" nor "constant"', 'Add "from"'),
        ({"from": "id", "to": "id", "else": {"from": "b"}}, "would re-key people", "another name"),
        ({"constant": [1], "to": "b"}, "mappings[0].constant is a list of 1", ""),
        ({"from": "a", "to": "b", "as": "int"}, 'mappings[0].as is the text "int"', 'mean "integer"'),
        ({"from": "a", "to": "b", "nulls": "clar"}, 'mappings[0].nulls is the text "clar"', 'mean "clear"'),
        ({"from": "a", "to": "b", "empty": None}, "mappings[0].empty is null", "leave the key out"),
        ({"from": "a", "to": "b", "path": "c"}, 'mappings[0] has the unknown key "path"', ""),
        ({"source": "a", "to": "b"}, 'mappings[0] has the unknown key "source"', 'mean "from"'),
        ({"from": "a", "destination": "b"}, 'mappings[0] has the unknown key "destination"', 'mean "to"'),
        ({"from": "a", "name": "b"}, 'mappings[0] has the unknown key "name"', 'mean "to"'),
        ({"from": "a", "to": "b", "else": {"source": "c"}}, 'else has the unknown key "source"', 'mean "from"'),
        ({"from": "a", "to": "b", "normalize": "email"}, 'the unknown key "normalize"', 'mean "normalise"'),
        ({"from": "a", "to": "b", "normalise": "upper"}, 'mappings[0].normalise is the text "upper"', "Correct it"),
        ({"from": "a", "to": "b", "normalise": "trim", "as": "date"}, '"normalise" beside "as": "date"', "Leave one"),
        ({"constant": "a", "to": "b", "normalise": "trim"}, '"normalise" and "constant"', "as it is to be sent"),
        ({"from": "a", "to": "b", "hash": "md5"}, 'mappings[0].hash is the text "md5"', "Correct it"),
        ({"from": "a", "to": "b", "hash": "sha256", "as": "json"}, '"hash" beside "as": "json"', "Leave one"),
        ({"from": "a", "to": "b", "hash": "sha256", "as": "number"}, '"hash" beside "as": "number"', "Leave one"),
        ({"from": "a", "to": "b", "hash": "sha256", "as": "timestamp"}, '"hash" beside "as": "timestamp"', ""),
        ({"constant": "a", "to": "b", "hash": "sha256"}, '"hash" and "constant"', "as it is to be sent"),
        ({"from": "id", "to": "id", "hash": "sha256"}, '"hash", and the identifier travels as it is', "another name"),
        ({"from": ["id"], "to": "id", "normalise": "trim"}, '"normalise", and the identifier travels', "another name"),
        (
            {"from": "a", "to": "email", "hash": "sha256"},
            '"hash", and email is an e-mail',
            'Write "to": "email_sha256"',
        ),
    ],
)
def test_a_mapping_that_cannot_be(mapping: dict[str, object], found: str, fix: str) -> None:
    problem = the_problem(mappings=[mapping])
    assert found in problem.found
    assert fix in problem.fix
    assert problem.fix


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


@pytest.mark.parametrize("text", ["$CIO_API_KEY", "%CIO_API_KEY%", "$(cat key)", "$(CIO_API_KEY)"])
def test_a_variable_in_the_manner_of_a_shell_is_told_from_a_key(text: str) -> None:
    problem = the_problem(api_key=text)
    assert problem.found == "api_key is a text (not shown)"
    assert "${NAME}" in problem.expected
    assert "braces" in problem.fix


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
