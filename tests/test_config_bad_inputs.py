"""The corpus of bad configurations (reliability.md 6.1), one row a case: what is written, and the words that answer it.

Tested elsewhere: what only data shows (C19, C20, C35, C41), the ledger's folder (C48), deletes (C51), accounts (C52); a
file without read permission (C1), every odd address (C44), how fast a limit is reached (C49), an empty glob (C50).
"""

from __future__ import annotations

import codecs
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from syncline.config import Loaded, load
from syncline.errors import ConfigRefused

EMAIL = {"from": "email", "to": "email"}
BASE: dict[str, object] = {
    "parallelism": 25,
    "userId": "id",
    "site_id": "5174e",
    "api_key": "9a8b7",
    "mappings": [EMAIL],
}
GONE = object()

Written = bytes | dict[str, object] | Callable[[Path], Path]
"""A whole file, changes to BASE, or what is put into a folder in a file's place."""


def mapping(**written: object) -> dict[str, object]:
    """One mapping; `from` and `as` are words of Python's, so they are written `from_` and `as_`."""
    return {"mappings": [{key.rstrip("_"): value for key, value in written.items()}]}


def missing(folder: Path) -> Path:
    return folder / "config.json"


def directory(folder: Path) -> Path:
    return folder


def fifo(folder: Path) -> Path:
    os.mkfifo(folder / "config.json")
    return folder / "config.json"


def config(folder: Path, written: Written, mode: int = 0o600) -> Path:
    if callable(written):
        return written(folder)
    held = {**BASE, **written} if isinstance(written, dict) else {}
    text = json.dumps({key: value for key, value in held.items() if value is not GONE}).encode()
    file = folder / "config.json"
    file.write_bytes(text if isinstance(written, dict) else written)
    file.chmod(mode)
    return file


REFUSED: list[tuple[str, Written, str, str, str]] = [
    # case, what is written, words of: what was found, what was expected, the fix
    ("C1", missing, "no such file", "a configuration file", "syncline init"),
    ("C1", directory, "a directory", "a configuration file", "Name the file in it"),
    ("C1", fifo, "a FIFO (named pipe)", "a configuration file", "Write its content to a file"),
    ("C2", b"", "the configuration is empty", "a configuration", "syncline init"),
    ("C2", b" \n\t\n", "the configuration is empty", "", ""),
    ("C2", codecs.BOM_UTF8, "the configuration is empty", "", ""),
    ("C4", json.dumps(BASE).encode("utf-16"), "text in UTF-16", "UTF-8", "Save the file as UTF-8"),
    ("C4", json.dumps(BASE).encode("utf-16-le"), "text in UTF-16", "UTF-8", ""),
    ("C4", json.dumps(BASE).encode("utf-16-be"), "text in UTF-16", "UTF-8", ""),
    ("C5", b'{"userId": "caf\xe9"}', "the byte 0xe9, which is not UTF-8", "UTF-8", "Save the file as UTF-8"),
    ("C7", b'{"parallelism": NaN}', "a number that is not finite", "a number JSON can hold", "a plain number"),
    ("C7", b'{"parallelism": Infinity}', "a number that is not finite", "", ""),
    ("C7", b'{"parallelism": 1e400}', "a number that is not finite", "", ""),
    ("C9", b"[]", "the configuration is a list", "an object", "give it with -d"),
    ("C9", b'"x"', "the configuration is a text", "an object", ""),
    ("C9", b"null", "the configuration is null", "an object", ""),
    ("C9", b"5", "the configuration is a number", "an object", ""),
    ("C11", {"paralellism": 1}, 'the unknown key "paralellism"', '"parallelism"', 'Did you mean "parallelism"?'),
    ("C12", {"Parallelism": 1}, 'the unknown key "Parallelism"', '"parallelism"', 'Did you mean "parallelism"?'),
    ("C13", {"parallelism": 0}, "parallelism is the number 0", "a whole number from 1 to 256", "default (25)"),
    ("C13", {"parallelism": -1}, "parallelism is the number -1", "from 1 to 256", ""),
    ("C14", {"parallelism": "25"}, 'parallelism is the text "25"', "a whole number", "Write 25 without quotes"),
    ("C16", {"parallelism": 10_000}, "parallelism is the number 10000", "from 1 to 256", ""),
    ("C16", {"parallelism": 1e9}, "parallelism is the number 1000000000.0", "a whole number from 1 to 256", ""),
    ("C16", {"parallelism": 2**64 + 1}, "parallelism is the number 184", "from 1 to 256", ""),
    ("C18", {"userId": GONE}, 'no "userId"', "the field that identifies", 'Add "userId"'),
    ("C18", {"userId": ""}, "userId is an empty text", "the field that identifies", ""),
    ("C18", {"userId": None}, "userId is null", "the field that identifies", ""),
    ("C18", {"userId": 5}, "userId is the number 5", "the field that identifies", "double quotes"),
    ("C18", {"userId": ["id"]}, "userId is a list of 1", "the field that identifies", ""),
    ("C21", {"site_id": GONE}, 'no "siteId"', "credentials", 'Add "siteId": "${SITE_ID}"'),
    ("C21", {"api_key": GONE}, 'no "apiKey"', "credentials", 'Add "apiKey": "${API_KEY}"'),
    ("C21", {"site_id": ""}, "site_id is an empty text", "not blank", "${NAME}"),
    ("C21", {"api_key": " \t"}, "api_key is a blank text", "not blank", "${NAME}"),
    ("C21", {"api_key": "YOUR_API_KEY"}, "api_key is a text (not shown)", "not a placeholder", "Put the real value"),
    ("C21", {"site_id": "xxx"}, "site_id is a text (not shown)", "not a placeholder", "Put the real value"),
    ("C23", {"api_key": "clé"}, "api_key is a text (not shown)", "ASCII", "Copy the credential again"),
    ("C23", {"site_id": "51:74"}, "site_id is a text (not shown)", "without a colon", "without the API key"),
    ("C23", {"api_key": "k" * 10_000}, "api_key is a text (not shown)", "at most 256", "alone"),
    ("C25", {"api_key": "${CIO_KEY}"}, "a reference to CIO_KEY, but it is not set", "holds something", "Set CIO_KEY"),
    ("C25", {"api_key": "${EMPTY}"}, "a reference to EMPTY, but it is not set", "holds something", "Set EMPTY"),
    ("C26", {"mappings": GONE}, 'no "mappings"', "a list of mappings", 'Add "mappings"'),
    ("C26", {"mappings": None}, "mappings is null", "a list of mappings", ""),
    ("C26", {"mappings": {}}, "mappings is an object", "a list of mappings", "Write ["),
    ("C26", {"mappings": "email"}, 'mappings is the text "email"', "a list of mappings", "Write ["),
    ("C27", {"mappings": []}, "mappings is an empty list: nothing would be sent", "at least one", '"pick": "all"'),
    ("C28", {"mappings": [EMAIL, "ltv"]}, 'mappings[1] is the text "ltv"', "an object", '{"from": "ltv", "to": "ltv"}'),
    ("C28", {"mappings": [EMAIL, None]}, "mappings[1] is null", "an object with from and to", "Write {"),
    ("C28", {"mappings": [EMAIL, 3]}, "mappings[1] is the number 3", "an object with from and to", "Write {"),
    ("C29", mapping(to="a"), 'mappings[0] has neither "from" nor "constant"', "one of them", 'Add "from"'),
    ("C29", mapping(from_="a"), 'mappings[0] has no "to"', "the name of the attribute", 'Add "to"'),
    ("C29", mapping(form="a", to="b"), 'mappings[0] has the unknown key "form"', '"from"', 'Did you mean "from"?'),
    ("C30", mapping(from_="", to="b"), "mappings[0].from is an empty text", "the name of a field", "Write it like"),
    ("C30", mapping(from_=None, to="b"), "mappings[0].from is null", "the name of a field", ""),
    ("C30", mapping(from_=5, to="b"), "mappings[0].from is the number 5", "the name of a field", ""),
    (
        "C31",
        mapping(from_="a", to=""),
        "mappings[0].to is an empty text",
        "the name of the attribute",
        "Give it a name",
    ),
    ("C31", mapping(from_="a", to=" \t"), "mappings[0].to is a blank text", "the name of the attribute", ""),
    ("C31", mapping(from_="a", to="é" * 76), "mappings[0].to is the text", "at most 150 bytes", "Shorten it"),
    ("C31", mapping(from_="a", to="b\nc"), 'mappings[0].to is the text "b\\u000ac"', "line breaks", "Delete them"),
    ("C31", mapping(from_="a", to="b\0"), 'mappings[0].to is the text "b\\u0000"', "control characters", ""),
    (
        "C32",
        {"mappings": [{"from": "a", "to": "x"}, EMAIL, {"from": "b", "to": "x"}]},
        'mappings[2].to is the text "x" again: mappings[0] takes it from the text "a", mappings[2] takes it from the'
        ' text "b"',
        "each name once",
        "Rename one",
    ),
    ("C37", mapping(from_="items[0]", to="b"), 'mappings[0].from is the text "items[0]"', "no name", "`transform`"),
    ("C37", mapping(from_="items[-1].sku", to="b"), 'is the text "items[-1].sku"', "no name", "`transform`"),
    ("C37", mapping(from_="a..b", to="b"), 'mappings[0].from is the text "a..b"', "empty parts", "both sides"),
    ("C37", mapping(from_=".a", to="b"), 'mappings[0].from is the text ".a"', "empty parts", "both sides"),
    ("C37", mapping(from_="a.", to="b"), 'mappings[0].from is the text "a."', "empty parts", "both sides"),
    ("C37", {"userId": "items[0]"}, 'userId is the text "items[0]"', "no name", "`transform`"),
    ("C39", mapping(from_="email", to="id"), "would re-key people", "the destination gives", "another name"),
    ("C39", mapping(from_=["id", "email"], to="id"), "would re-key people", "", ""),
    ("C39", mapping(constant="7", to="id"), "would re-key people", "", ""),
    ("C40", mapping(from_="a", to="cio_id"), "cio_id is reserved", "the destination gives", "another name"),
    ("C40", mapping(from_="a", to="identifiers"), "identifiers is reserved", "", ""),
    ("C40", mapping(from_="a", to="_timestamp"), "start with _ are reserved", "", ""),
    (
        "C40",
        mapping(from_="a", to="created_at", as_="date"),
        'mappings[0].as is the text "date", and created_at is a time in unix seconds to the destination',
        "timestamp, number or integer",
        'Write "as": "timestamp"',
    ),
    ("C40", mapping(constant="2024", to="created_at"), 'is the text "2024", and created_at is', "unix seconds", ""),
    ("C40", mapping(from_="a", to="email", as_="integer"), 'is the text "integer", and email is', "string", "string"),
    ("C40", mapping(constant=5, to="email"), "is the number 5, and email is", "an e-mail address", "Correct it"),
    ("C40", mapping(from_="a", to="unsubscribed", as_="date"), "and unsubscribed is true or false", "boolean", ""),
    ("C40", mapping(constant="yes", to="unsubscribed"), 'the text "yes", and unsubscribed is', "true or false", ""),
    ("C43", {"mappings": [{"from": "a", "to": f"t{n}"} for n in range(301)]}, "a list of 301", "at most 300", "Leave"),
    ("C44", {"destination": {"baseUrl": "http://track.customer.io"}}, "destination.baseUrl is", "https", "https://"),
    ("C44", {"destination": {"baseUrl": "https://x.io/api"}}, "baseUrl is an address (not shown)", "an origin", ""),
    ("C44", {"destination": {"baseUrl": "https://x.io?a=1"}}, "baseUrl is an address (not shown)", "an origin", ""),
    ("C44", {"destination": {"baseUrl": "https://u:p@x.io"}}, "baseUrl is an address (not shown)", "an origin", ""),
    ("C44", {"destination": {"baseUrl": "https://x.io."}}, "baseUrl is the text", "a host name", "Write it like"),
    ("C44", {"destination": {"baseUrl": "file:///etc"}}, "baseUrl is an address (not shown)", "an origin", ""),
    ("C44", {"destination": {"baseUrl": "ftp://x.io"}}, "baseUrl is the text", "an origin", "Write it like"),
    ("C44", {"destination": {"baseUrl": "https://2130706433"}}, "baseUrl is the text", "in its usual form", ""),
    (
        "C44",
        {"destination": {"baseUrl": "https://x.io:0"}},
        "baseUrl is the text",
        "from 1 to 65535",
        "Correct the port",
    ),
    ("C44", {"destination": {"baseUrl": "https://x.io:99999"}}, "baseUrl is the text", "from 1 to 65535", ""),
    ("C46", {"destination": {"rate": 0}}, "rate is the number 0", "above 0 and at most 10,000", "default (900.0)"),
    ("C46", {"destination": {"rate": -1}}, "rate is the number -1", "above 0", ""),
    ("C46", {"destination": {"rate": "100/s"}}, 'rate is the text "100/s"', "a number", "the number alone: 100"),
    ("C46", {"destination": {"rate": 1e9}}, "rate is the number 1000000000.0", "at most 10,000", ""),
    ("C47", {"destination": {"timeout": 0}}, "timeout is the number 0", "above 0 and at most 600", ""),
    ("C47", {"destination": {"timeout": -1}}, "timeout is the number -1", "above 0", ""),
    ("C47", {"destination": {"timeout": "30s"}}, 'timeout is the text "30s"', "a number", "the number alone: 30"),
    ("C47", {"destination": {"timeout": None}}, "timeout is null", "a number", "leave the key out"),
    ("C49", b"x" * 10_000_000, "a file of 10,000,000 bytes", "at most 1,000,000 bytes", "give it with -d"),
    ("C49", b'{"a":' * 10_000, "objects nested more than 16 deep", "at most 16 levels", "three or four"),
    ("C49", b'{"mappings": [' + b"{}," * 300_000 + b"{}]}", "more than 20000 keys and values", "", "give it with -d"),
    ("C50", {"source": ["-", "a.json", "-"]}, 'source[2] is the text "-" again', "each file once", "Delete one"),
    ("C50", {"source": "https://x.io/a?key=c4nary"}, "source is a URL (not shown)", "on this machine", "Download it"),
]


@pytest.mark.parametrize(
    ("written", "found", "expected", "fix"),
    [pytest.param(*row[1:], id=f"{row[0]} {row[2][:40]}") for row in REFUSED],
)
def test_a_bad_configuration_is_refused_in_words(
    tmp_path: Path, written: Written, found: str, expected: str, fix: str
) -> None:
    file = config(tmp_path, written)
    with pytest.raises(ConfigRefused) as refused:
        load(file, environment={"EMPTY": ""})
    problem = next((one for one in refused.value.problems if found in one.found), refused.value.problems[0])
    assert problem.file == str(file)
    assert found in problem.found
    assert expected in problem.expected
    assert fix in problem.fix
    assert problem.expected
    assert problem.fix
    if isinstance(written, dict):
        assert len(refused.value.problems) == 1
        assert problem.line == 1


ACCEPTED: list[tuple[str, Written, Callable[[Loaded], bool]]] = [
    ("C3", codecs.BOM_UTF8 + json.dumps(BASE).encode(), lambda held: held.sync.user_id == "id"),
    ("C17", {"parallelism": GONE}, lambda held: held.sync.parallelism == 25),
    ("C34", {"mappings": [EMAIL, {"from": "email", "to": "mail"}]}, lambda held: len(held.sync.mappings) == 2),
    ("C36", mapping(from_="address.city", to="b"), lambda held: held.sync.mappings[0].sources == ("address.city",)),
    ("C39", mapping(from_="id", to="id"), lambda held: held.sync.mappings[0].to == "id"),
    ("C41", mapping(from_="a", to="created_at"), lambda held: held.sync.mappings[0].cast is None),
    (
        "C43",
        {"mappings": [{"from": "a", "to": f"t{n}"} for n in range(300)]},
        lambda held: len(held.sync.mappings) == 300,
    ),
    ("C50", {"source": ["-", "a.json"]}, lambda held: held.sync.source is not None),
]


@pytest.mark.parametrize(("written", "holds"), [pytest.param(*row[1:], id=row[0]) for row in ACCEPTED])
def test_its_good_neighbour_is_accepted_without_a_word(
    tmp_path: Path, written: Written, holds: Callable[[Loaded], bool]
) -> None:
    held = load(config(tmp_path, written), environment={})
    assert holds(held)
    assert held.warnings == ()


@pytest.mark.parametrize(
    ("written", "mode", "words"),
    [
        pytest.param({"destination": {"rate": 5_000}}, 0o600, "asks for at most 1,000", id="C16"),
        pytest.param({"destination": {"appRate": 11}}, 0o600, "asks for at most 10", id="C16 appRate"),
        pytest.param({}, 0o644, "others may read it (mode 0644): run `chmod 600", id="C24"),
    ],
)
def test_what_is_allowed_and_unwise_is_a_warning(
    tmp_path: Path, written: dict[str, object], mode: int, words: str
) -> None:
    (warning,) = load(config(tmp_path, written, mode), environment={}).warnings
    assert words in warning
