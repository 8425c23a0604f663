"""Configurations that are refused, as they are written; their good neighbours, and what of each reaches a vendor.

The codes are those of reliability.md 6.1. What only data shows (C19, C20) is in files.py; the rest, and what is tested
elsewhere, stands in `tests/BAD_INPUT.md`.
"""

from __future__ import annotations

import codecs
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

EMAIL = {"from": "email", "to": "email"}
BASE: dict[str, object] = {
    "parallelism": 25,
    "userId": "id",
    "site_id": "site",
    "api_key": "key",
    "mappings": [EMAIL],
}
GONE = object()
BOM = "\ufeff"  # as a key: the file begins with it

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


class Refused(NamedTuple):
    """written: the file; words of what was found, what was expected, and how to mend it; file: what it is called."""

    code: str
    written: Written
    found: str
    expected: str = ""
    fix: str = ""
    file: str = "config.json"


def constant(text: str) -> bytes:
    """A configuration with a constant that is written exactly so."""
    written = json.dumps({**BASE, "mappings": [{"constant": "%", "to": "n"}]})
    return written.replace('"%"', text).encode()


def yaml(text: str) -> bytes:
    """The same in YAML."""
    return f"userId: id\nsiteId: 5174e\napiKey: 9a8b7\nmappings:\n  - {{to: n, constant: {text}}}\n".encode()


def write(folder: Path, written: Written, url: str, file: str = "config.json") -> Path:
    """The configuration as a file of its owner's alone. url: where its destination is, unless it says otherwise."""
    if callable(written):
        return written(folder)
    path = folder / file
    path.write_bytes(_text(written, url) if isinstance(written, dict) else written)
    path.chmod(0o600)
    return path


def _text(written: Mapping[str, object], url: str) -> bytes:
    destination = written.get("destination", {})
    assert isinstance(destination, dict)
    held = {**BASE, **written, "destination": {"baseUrl": url, **destination}}
    text = json.dumps({key: value for key, value in held.items() if value is not GONE and key != BOM}).encode()
    return codecs.BOM_UTF8 * (BOM in written) + text


REFUSED = [
    Refused("C1", missing, "no such file", "a configuration file", "syncline init"),
    Refused("C1", directory, "a directory", "a configuration file", "Name the file in it"),
    Refused("C1", fifo, "a FIFO (named pipe)", "a configuration file", "Write its content to a file"),
    Refused("C2", b"", "the configuration is empty", "a configuration", "syncline init"),
    Refused("C2", b" \n\t\n", "the configuration is empty"),
    Refused("C2", codecs.BOM_UTF8, "the configuration is empty"),
    Refused("C4", json.dumps(BASE).encode("utf-16"), "text in UTF-16", "UTF-8", "Save the file as UTF-8"),
    Refused("C4", json.dumps(BASE).encode("utf-16-le"), "text in UTF-16", "UTF-8"),
    Refused("C4", json.dumps(BASE).encode("utf-16-be"), "text in UTF-16", "UTF-8"),
    Refused("C5", b'{"userId": "caf\xe9"}', "the byte 0xe9, which is not UTF-8", "UTF-8", "Save the file as UTF-8"),
    Refused("C7", b'{"parallelism": NaN}', "a number that is not finite", "a plain number", "as a text in quotes"),
    Refused("C7", b'{"parallelism": Infinity}', "a number that is not finite"),
    Refused("C7", b'{"parallelism": 1e400}', "a number that is not finite"),
    *[
        Refused("C7", constant(digits), "of more digits than are kept here", "a plain number", "as a text in quotes")
        for digits in ("0.1000000000000000055", "9007199254740993.0", "1e-400", "1E-99999999999999999999", "9" * 41)
    ],
    *[
        Refused("C7", yaml(digits), "begin with a plus or a zero", "or a text", "in quotes", "config.yaml")
        for digits in ("01234", "+49301234", "-007", "00.5")
    ],
    Refused("C9", b"[]", "the configuration is a list", "an object", "give it with -d"),
    Refused("C9", b'"x"', "the configuration is a text", "an object"),
    Refused("C9", b"null", "the configuration is null", "an object"),
    Refused("C9", b"5", "the configuration is a number", "an object"),
    Refused("C11", {"paralellism": 1}, 'the unknown key "paralellism"', '"parallelism"', 'Did you mean "parallelism"?'),
    Refused("C12", {"Parallelism": 1}, 'the unknown key "Parallelism"', '"parallelism"', 'Did you mean "parallelism"?'),
    Refused("C13", {"parallelism": 0}, "parallelism is the number 0", "a whole number from 1 to 256", "default (25)"),
    Refused("C13", {"parallelism": -1}, "parallelism is the number -1", "from 1 to 256"),
    Refused("C14", {"parallelism": "25"}, 'parallelism is the text "25"', "a whole number", "Write 25 without quotes"),
    Refused("C16", {"parallelism": 10_000}, "parallelism is the number 10000", "from 1 to 256"),
    Refused("C16", {"parallelism": 1e9}, "parallelism is the number 1000000000.0", "a whole number from 1 to 256"),
    Refused("C16", {"parallelism": 2**64 + 1}, "parallelism is the number 184", "from 1 to 256"),
    Refused("C18", {"userId": GONE}, 'no "userId"', "the field that identifies", 'Add "userId"'),
    Refused("C18", {"userId": ""}, "userId is an empty text", "the field that identifies"),
    Refused("C18", {"userId": None}, "userId is null", "the field that identifies"),
    Refused("C18", {"userId": 5}, "userId is the number 5", "the field that identifies", "double quotes"),
    Refused("C18", {"userId": ["id"]}, "userId is a list of 1", "the field that identifies"),
    Refused("C21", {"site_id": GONE}, 'no "siteId"', "credentials", 'Add "siteId": "${SITE_ID}"'),
    Refused("C21", {"api_key": GONE}, 'no "apiKey"', "credentials", 'Add "apiKey": "${API_KEY}"'),
    Refused("C21", {"site_id": ""}, "site_id is an empty text", "not blank", "${NAME}"),
    Refused("C21", {"api_key": " \t"}, "api_key is a blank text", "not blank", "${NAME}"),
    Refused(
        "C21", {"api_key": "YOUR_API_KEY"}, "api_key is a text (not shown)", "not a placeholder", "Put the real value"
    ),
    Refused("C21", {"site_id": "xxx"}, "site_id is a text (not shown)", "not a placeholder", "Put the real value"),
    Refused("C23", {"api_key": "clé"}, "api_key is a text (not shown)", "ASCII", "Copy the credential again"),
    Refused("C23", {"site_id": "51:74"}, "site_id is a text (not shown)", "without a colon", "without the API key"),
    Refused("C23", {"api_key": "k" * 10_000}, "api_key is a text (not shown)", "at most 256", "alone"),
    Refused(
        "C25", {"api_key": "${CIO_KEY}"}, "a reference to CIO_KEY, but it is not set", "holds something", "Set CIO_KEY"
    ),
    Refused("C25", {"api_key": "${EMPTY}"}, "a reference to EMPTY, but it is not set", "holds something", "Set EMPTY"),
    Refused("C26", {"mappings": GONE}, 'no "mappings"', "a list of mappings", 'Add "mappings"'),
    Refused("C26", {"mappings": None}, "mappings is null", "a list of mappings"),
    Refused("C26", {"mappings": {}}, "mappings is an object", "a list of mappings", "Write ["),
    Refused("C26", {"mappings": "email"}, 'mappings is the text "email"', "a list of mappings", "Write ["),
    Refused(
        "C27", {"mappings": []}, "mappings is an empty list: nothing would be sent", "at least one", '"pick": "all"'
    ),
    Refused(
        "C28",
        {"mappings": [EMAIL, "ltv"]},
        'mappings[1] is the text "ltv"',
        "an object",
        '{"from": "ltv", "to": "ltv"}',
    ),
    Refused("C28", {"mappings": [EMAIL, None]}, "mappings[1] is null", "an object with from and to", "Write {"),
    Refused("C28", {"mappings": [EMAIL, 3]}, "mappings[1] is the number 3", "an object with from and to", "Write {"),
    Refused("C29", mapping(to="a"), 'mappings[0] has neither "from" nor "constant"', "one of them", 'Add "from"'),
    Refused("C29", mapping(from_="a"), 'mappings[0] has no "to"', "the name of the attribute", 'Add "to"'),
    Refused(
        "C29", mapping(form="a", to="b"), 'mappings[0] has the unknown key "form"', '"from"', 'Did you mean "from"?'
    ),
    Refused(
        "C30", mapping(from_="", to="b"), "mappings[0].from is an empty text", "the name of a field", "Write it like"
    ),
    Refused("C30", mapping(from_=None, to="b"), "mappings[0].from is null", "the name of a field"),
    Refused("C30", mapping(from_=5, to="b"), "mappings[0].from is the number 5", "the name of a field"),
    Refused(
        "C31",
        mapping(from_="a", to=""),
        "mappings[0].to is an empty text",
        "the name of the attribute",
        "Give it a name",
    ),
    Refused("C31", mapping(from_="a", to=" \t"), "mappings[0].to is a blank text", "the name of the attribute"),
    Refused("C31", mapping(from_="a", to="é" * 76), "mappings[0].to is the text", "at most 150 bytes", "Shorten it"),
    Refused(
        "C31", mapping(from_="a", to="b\nc"), 'mappings[0].to is the text "b\\u000ac"', "line breaks", "Delete them"
    ),
    Refused(
        "C31", mapping(from_="a", to="b\0"), "mappings[0].to: the character U+0000", "text without it", "Delete it"
    ),
    Refused(
        "C32",
        {"mappings": [{"from": "a", "to": "x"}, EMAIL, {"from": "b", "to": "x"}]},
        'mappings[2].to is the text "x" again: mappings[0] takes it from the text "a", mappings[2] takes it from the'
        ' text "b"',
        "each name once",
        "Rename one",
    ),
    Refused(
        "C37", mapping(from_="items[0]", to="b"), 'mappings[0].from is the text "items[0]"', "no name", "`transform`"
    ),
    Refused("C37", mapping(from_="items[-1].sku", to="b"), 'is the text "items[-1].sku"', "no name", "`transform`"),
    Refused("C37", mapping(from_="a..b", to="b"), 'mappings[0].from is the text "a..b"', "empty parts", "both sides"),
    Refused("C37", mapping(from_=".a", to="b"), 'mappings[0].from is the text ".a"', "empty parts", "both sides"),
    Refused("C37", mapping(from_="a.", to="b"), 'mappings[0].from is the text "a."', "empty parts", "both sides"),
    Refused("C37", {"userId": "items[0]"}, 'userId is the text "items[0]"', "no name", "`transform`"),
    Refused("C39", mapping(from_="email", to="id"), "would re-key people", "the destination gives", "another name"),
    Refused("C39", mapping(from_=["id", "email"], to="id"), "would re-key people"),
    Refused("C39", mapping(constant="7", to="id"), "would re-key people"),
    Refused("C40", mapping(from_="a", to="cio_id"), "cio_id is reserved", "the destination gives", "another name"),
    Refused("C40", mapping(from_="a", to="identifiers"), "identifiers is reserved"),
    Refused("C40", mapping(from_="a", to="_timestamp"), "start with _ are reserved"),
    Refused(
        "C40",
        mapping(from_="a", to="created_at", as_="date"),
        'mappings[0].as is the text "date", and created_at is a time in unix seconds to the destination',
        "timestamp, number or integer",
        'Write "as": "timestamp"',
    ),
    Refused("C40", mapping(constant="2024", to="created_at"), 'is the text "2024", and created_at is', "unix seconds"),
    Refused(
        "C40", mapping(from_="a", to="email", as_="integer"), 'is the text "integer", and email is', "string", "string"
    ),
    Refused("C40", mapping(constant=5, to="email"), "is the number 5, and email is", "an e-mail address", "Correct it"),
    Refused("C40", mapping(from_="a", to="unsubscribed", as_="date"), "and unsubscribed is true or false", "boolean"),
    Refused("C40", mapping(constant="yes", to="unsubscribed"), 'the text "yes", and unsubscribed is', "true or false"),
    Refused(
        "C43", {"mappings": [{"from": "a", "to": f"t{n}"} for n in range(301)]}, "a list of 301", "at most 300", "Leave"
    ),
    Refused(
        "C44", {"destination": {"baseUrl": "http://track.customer.io"}}, "destination.baseUrl is", "https", "https://"
    ),
    Refused("C44", {"destination": {"baseUrl": "https://x.io/api"}}, "baseUrl is an address (not shown)", "an origin"),
    Refused("C44", {"destination": {"baseUrl": "https://x.io?a=1"}}, "baseUrl is an address (not shown)", "an origin"),
    Refused("C44", {"destination": {"baseUrl": "https://u:p@x.io"}}, "baseUrl is an address (not shown)", "an origin"),
    Refused(
        "C44", {"destination": {"baseUrl": "https://x.io."}}, "baseUrl is the text", "a host name", "Write it like"
    ),
    Refused("C44", {"destination": {"baseUrl": "file:///etc"}}, "baseUrl is an address (not shown)", "an origin"),
    Refused("C44", {"destination": {"baseUrl": "ftp://x.io"}}, "baseUrl is the text", "an origin", "Write it like"),
    Refused("C44", {"destination": {"baseUrl": "https://2130706433"}}, "baseUrl is the text", "in its usual form"),
    Refused(
        "C44",
        {"destination": {"baseUrl": "https://x.io:0"}},
        "baseUrl is the text",
        "from 1 to 65535",
        "Correct the port",
    ),
    Refused("C44", {"destination": {"baseUrl": "https://x.io:99999"}}, "baseUrl is the text", "from 1 to 65535"),
    Refused(
        "C46", {"destination": {"rate": 0}}, "rate is the number 0", "above 0 and at most 10,000", "default (900.0)"
    ),
    Refused("C46", {"destination": {"rate": -1}}, "rate is the number -1", "above 0"),
    Refused("C46", {"destination": {"rate": "100/s"}}, 'rate is the text "100/s"', "a number", "the number alone: 100"),
    Refused("C46", {"destination": {"rate": 1e9}}, "rate is the number 1000000000.0", "at most 10,000"),
    Refused("C47", {"destination": {"timeout": 0}}, "timeout is the number 0", "above 0 and at most 600"),
    Refused("C47", {"destination": {"timeout": -1}}, "timeout is the number -1", "above 0"),
    Refused(
        "C47", {"destination": {"timeout": "30s"}}, 'timeout is the text "30s"', "a number", "the number alone: 30"
    ),
    Refused("C47", {"destination": {"timeout": None}}, "timeout is null", "a number", "leave the key out"),
    Refused("C49", b"x" * 10_000_000, "a file of 10,000,000 bytes", "at most 1,000,000 bytes", "give it with -d"),
    Refused("C49", b'{"a":' * 10_000, "objects nested more than 16 deep", "at most 16 levels", "three or four"),
    Refused(
        "C49", b'{"mappings": [' + b"{}," * 300_000 + b"{}]}", "more than 20000 keys and values", "", "give it with -d"
    ),
    Refused("C50", {"source": ["-", "a.json", "-"]}, 'source[2] is the text "-" again', "each file once", "Delete one"),
    Refused(
        "C50", {"source": "https://x.io/a?key=c4nary"}, "source is a URL (not shown)", "on this machine", "Download it"
    ),
]


class Accepted(NamedTuple):
    """A configuration, rows (as they stand in a JSON file), and what each person then has. told: words of a warning."""

    code: str
    written: Written
    rows: str
    held: Mapping[str, Mapping[str, object]]
    told: str = ""


ADA = '{"id":1,"email":"ada@x.org"}'
BOTH_WAYS = '{"id":1,"address.city":"Paris","address":{"city":"Rome"}}'
MOMENT = '{"id":1,"a":"2024-01-02T03:04:05Z"}'

ACCEPTED = [
    Accepted("C3", {BOM: True}, ADA, {"1": {"email": "ada@x.org"}}),
    Accepted("C17", {"parallelism": GONE}, ADA, {"1": {"email": "ada@x.org"}}),
    Accepted(
        "C34",
        {"mappings": [EMAIL, {"from": "email", "to": "mail"}]},
        ADA,
        {"1": {"email": "ada@x.org", "mail": "ada@x.org"}},
    ),
    Accepted(
        "C35",
        {"mappings": [EMAIL, {"from": "a", "to": "a"}]},
        f'{ADA},{{"id":2,"a":1}}',
        {"1": {"email": "ada@x.org"}, "2": {"a": 1}},
    ),
    Accepted("C35", mapping(from_="phon", to="a"), ADA, {"1": {}}, "no row has the field 'phon', which is mapped"),
    Accepted("C36", mapping(from_="address.city", to="a"), '{"id":1,"address":{"city":"Rome"}}', {"1": {"a": "Rome"}}),
    Accepted("C36", mapping(from_="address.city", to="a"), BOTH_WAYS, {"1": {"a": "Paris"}}),
    Accepted("C39", mapping(from_="id", to="id"), ADA, {"1": {}}),
    Accepted(
        "C41",
        mapping(from_="a", to="created_at"),
        MOMENT,
        {"1": {"created_at": "2024-01-02T03:04:05Z"}},
        "held text where unix seconds are expected: add `as: timestamp`",
    ),
    Accepted("C41", mapping(from_="a", to="created_at", as_="timestamp"), MOMENT, {"1": {"created_at": 1704164645}}),
    Accepted(
        "C43",
        {"mappings": [{"from": "a", "to": f"t{n:03}"} for n in range(300)]},
        '{"id":1,"a":1}',
        {"1": {f"t{n:03}": 1 for n in range(300)}},
    ),
]

# What is allowed and unwise: code, what is written, the file's permission bits, words of the one warning.
WARNED: list[tuple[str, dict[str, object], int, str]] = [
    ("C16", {"destination": {"rate": 5_000, "baseUrl": ""}}, 0o600, "asks for at most 1,000"),
    ("C16", {"destination": {"appRate": 11, "appBaseUrl": ""}}, 0o600, "asks for at most 10"),
    ("C24", {}, 0o644, "others may read it (mode 0644): run `chmod 600"),
]
