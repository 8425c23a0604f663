"""A configuration that somebody uploaded: what it must not say, each with its place and its fix, and all at once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from pydantic import BaseModel

from syncline.config import Loaded, load
from syncline.config.kinds import DESTINATIONS, SOURCES
from syncline.config.model import Sync
from syncline.config.names import aliases
from syncline.config.uploaded import Uploaded, listed
from syncline.errors import ConfigRefused, Problem

CREDENTIALS: dict[str, object] = {"site_id": "5174e", "api_key": "9a8b7"}
BASE: dict[str, object] = {"userId": "id", **CREDENTIALS, "mappings": [{"from": "email", "to": "email"}]}
SEGMENT: dict[str, object] = {"type": "segment", "spaceId": "spa_1", "accessToken": "t0ken"}
LISTED = Uploaded(listed(["https://track.example.com", "http://127.0.0.1:8080"]), "users.json")


def uploaded(folder: Path, tree: dict[str, object], by: Uploaded = LISTED) -> Loaded:
    file = folder / "4f1c"  # as uploads are kept: the name says nothing
    file.write_text(json.dumps(tree, indent=1))
    file.chmod(0o600)
    return load(file, uploaded=by)


def problems(folder: Path, tree: dict[str, object], by: Uploaded = LISTED) -> list[Problem]:
    with pytest.raises(ConfigRefused) as refused:
        uploaded(folder, tree, by)
    return refused.value.problems


def the_problem(folder: Path, **changes: object) -> Problem:
    (problem,) = problems(folder, {**BASE, **changes})
    return problem


# --- what it may say -------------------------------------------------------------------------------------------------


def test_what_only_says_what_goes_where_is_taken(tmp_path: Path) -> None:
    loaded = uploaded(
        tmp_path,
        {
            **BASE,
            "$schema": "https://example.com/schema.json",
            "name": "people",
            "source": {"type": "file", "format": "csv", "delimiter": ";", "encoding": "cp1252"},
            "destination": {"type": "customerio", "region": "eu", "workspace": "shop", "rate": 100, "timeout": 5},
            "parallelism": 4,
            "mode": "update",
            "nulls": "clear",
            "empty": "omit",
            "pick": "all",
            "except": ["password"],
            "refresh": "12h",
            "failOn": "new",
        },
    )
    assert (loaded.name, loaded.label, loaded.warnings) == ("people", "users.json", ())
    assert loaded.trusted == LISTED.origins


def test_a_whole_segment_space_may_be_read(tmp_path: Path) -> None:
    loaded = uploaded(tmp_path, {**BASE, "source": {**SEGMENT, "region": "eu", "identifier": "email"}})
    assert loaded.sync.source is not None
    assert loaded.sync.source.type == "segment"


def test_a_configuration_of_ones_own_may_say_all_of_it_and_trusts_every_address(tmp_path: Path) -> None:
    file = tmp_path / "users.json"
    file.write_text(json.dumps({**BASE, "source": "data.json", "destination": {"baseUrl": "https://10.0.0.1"}}))
    assert load(file, environment={}).trusted is None


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("configuration.json", "configuration"),
        ("users.v2.yaml", "users.v2"),
        ("/home/ada/people.json", "people"),
        ("C:\\configs\\people.json", "people"),
        ("../../etc/cron.d/x", "x"),
        ("noend", "noend"),
        *(("", "upload"), (".json", "upload"), ("..", "upload"), ("a b.json", "upload"), ("café.json", "upload")),
        *(("x" * 101 + ".json", "upload"), ("a\nb.json", "upload"), ("a\0.json", "upload"), (".hidden.json", "upload")),
    ],
)
def test_a_sync_without_a_name_has_its_files_where_that_can_be_one(tmp_path: Path, filename: str, name: str) -> None:
    assert uploaded(tmp_path, BASE, Uploaded(filename=filename)).name == name


def test_messages_call_it_as_it_was_sent_and_never_name_a_place_of_the_service(tmp_path: Path) -> None:
    for filename, label in (("users.json", "users.json"), ("\x1b[2Jx", "\\u001b[2Jx"), ("", "configuration")):
        (problem,) = problems(tmp_path, {**BASE, "parallelism": 0}, Uploaded(filename=filename))
        assert problem.file == label
    (tmp_path / "4f1c").write_text('{"userId": }')
    with pytest.raises(ConfigRefused) as refused:
        load(tmp_path / "4f1c", uploaded=LISTED)
    assert str(refused.value).startswith("users.json:1:12: something that is not a JSON value")
    assert str(tmp_path) not in str(refused.value)


# --- what it must not -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "found", "fix"),
    [
        ({"source": "/etc/passwd"}, 'source is the text "/etc/passwd"', "send the data as a part of its own"),
        ({"source": "-"}, 'source is the text "-"', "send the data as a part of its own"),
        ({"source": ["a.json", "a.json"]}, "source is a list of 2", "send the data as a part of its own"),
        ({"source": {"files": ["*.json"]}}, "source.files is a list of 1", "send the data as a part of its own"),
        ({"source": {"files": "http://169.254.169.254/"}}, "source.files is the text", "beside the configuration"),
        ({"source": {"files": 5}}, "source.files is the number 5", ""),
        ({"source": {**SEGMENT, "profiles": "/etc/passwd"}}, 'source.profiles is the text "/etc/pa', "whole space"),
        ({"transform": "rules.py:clean"}, 'transform is the text "rules.py:clean"', "say in the mappings"),
        ({"transform": "/usr/lib/python3/this.py:x"}, "transform is the text", ""),
        ({"transform": 5}, "transform is the number 5", ""),
    ],
)
def test_it_names_no_file_and_no_program(tmp_path: Path, changes: dict[str, object], found: str, fix: str) -> None:
    problem = the_problem(tmp_path, **changes)
    assert problem.found.startswith(found)
    assert problem.expected.startswith("no `")
    assert problem.expected.endswith("` in what is uploaded")
    assert fix in problem.fix


def test_no_file_is_even_looked_for(tmp_path: Path) -> None:
    """A named pipe that nobody writes to, and a module that would say what it is: neither is opened."""
    os.mkfifo(tmp_path / "rules.py")
    problem = the_problem(tmp_path, transform="rules.py:clean")
    assert "FIFO" not in str(problem)


@pytest.mark.parametrize(
    "text",
    [
        "${HOME}",
        "a-${HOME}-b",
        "${NO_SUCH_NAME}",
        "${HOME|PATH}",
        "${X:-default}",
        "${",
        "${}",
        "$${A}${HOME}",
        "$$$${HOME}${B}",
    ],
)
def test_it_sees_no_variable(tmp_path: Path, text: str) -> None:
    (tmp_path / ".env").write_text("HOME=/fr0m/dotenv\nX=1\n")
    problem = the_problem(tmp_path, api_key=text)
    assert problem.found == "api_key: a reference to a variable"
    assert problem.expected == "the value itself: what is uploaded sees no variable of the service"
    assert (problem.line, problem.column) == (4, 13)


class Untouchable(Mapping[str, str]):
    """An environment that nobody may look at."""

    def __getitem__(self, name: str) -> str:
        raise AssertionError(name)

    def __iter__(self) -> Iterator[str]:
        raise AssertionError

    def __len__(self) -> int:
        raise AssertionError


def test_the_services_environment_is_not_even_read(tmp_path: Path) -> None:
    file = tmp_path / "4f1c"
    file.write_text('{"userId": "${A}", "site_id": "${B:-b}", "pick": "all", "api_key": "x", "api_key": "${C}"}')
    with pytest.raises(ConfigRefused) as refused:
        load(file, environment=Untouchable(), uploaded=LISTED)
    assert [problem.found for problem in refused.value.problems] == [
        *("userId: a reference to a variable", "site_id: a reference to a variable"),
        *('the key "api_key" twice', "api_key: a reference to a variable"),
    ]


def test_nor_from_within_an_object_of_yaml(tmp_path: Path) -> None:
    file = tmp_path / "4f1c"
    file.write_text("userId: id\npick: all\ndestination: {siteId: ${HOME}, apiKey: ${B:-b}}\n")
    with pytest.raises(ConfigRefused) as refused:
        load(file, environment=Untouchable(), uploaded=LISTED)
    assert [(problem.line, problem.column, problem.found) for problem in refused.value.problems] == [
        (3, 23, "destination.siteId: a reference to a variable"),
        (3, 40, "destination.apiKey: a reference to a variable"),
    ]


def test_what_only_looks_like_a_reference_is_text(tmp_path: Path) -> None:
    loaded = uploaded(tmp_path, {**BASE, "userId": "$${HOME}"})
    assert loaded.sync.user_id == "${HOME}"


def test_a_reference_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    tree = {
        **BASE,
        "parallelism": "${N}",
        "mappings": [{"from": "${A}", "to": "x"}, {"to": "y", "constant": "${B:-b}"}],
    }
    places = [problem.found.partition(":")[0] for problem in problems(tmp_path, tree)]
    assert places == ["mappings[0].from", "mappings[1].constant", "parallelism"]


def test_all_that_is_wrong_is_said_at_once_and_in_order(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        {
            "userId": "id",
            "site_id": "${SITE}",
            "api_key": "k3yk3y",
            "source": {"files": "data.json", "format": "xml"},
            "transform": "rules.py:clean",
            "notify": "https://hooks.test/t0ken",
            "destination": {"baseUrl": "https://10.0.0.1", "appBaseUrl": "http://evil.test"},
            "paralellism": 3,
            "mappings": [{"from": "a"}],
        },
    )
    assert [problem.found.partition(" is ")[0] for problem in found] == [
        *("site_id: a reference to a variable", "source.files", "source.format", "transform", "notify"),
        *("destination.baseUrl", "destination.appBaseUrl", 'the unknown key "paralellism"', 'mappings[0] has no "to"'),
    ]
    assert [problem.line for problem in found] == sorted(problem.line for problem in found)
    assert "t0ken" not in "".join(map(str, found))


# --- where it may go --------------------------------------------------------------------------------------------------

FAR = [
    *("https://evil.test", "https://track.customer.io.evil.test", "https://xtrack.customer.io", "https://customer.io"),
    *("https://track.customer.io:8443", "https://track.customer.io:80", "https://10.0.0.1", "https://169.254.169.254"),
    *("https://[::1]", "https://localhost", "http://127.0.0.1", "http://127.0.0.1:8081", "http://localhost:8080"),
    *(
        "https://127.0.0.1:8080",
        "https://track.example.com:8443",
        "https://xn--trck-5na.customer.io",
        "http://[::1]:8080",
    ),
]
ODD = [  # refused of whomever: reliability.md 5.3-23
    *("https://2130706433", "https://0x7f000001", "https://127.1", "https://0", "https://0.0", "https://127.0.0.1."),
    *("https://localhost.", "https://track.customer.io.", "https://[::", "https://track.customer.io@evil.test"),
    *("https://u:p@track.customer.io", "https://track.customer.io\\@evil.test", "https://track%2ecustomer.io"),
    *("https://trаck.customer.io", "https://track。customer.io", "https://ｔrack.customer.io", "https://track.customer.io/"),
    *("https://track.customer.io:443/x", "https://track.customer.io?", "https://track.customer.io#", "http://evil.test"),
    *("http://track.customer.io", "http://10.0.0.1:8080", "http://169.254.169.254", "ftp://track.customer.io"),
    *("file:///etc/passwd", "//track.customer.io", "https://", "https:track.customer.io", "https://a b", "gopher://x"),
    *("HTTPS://TRACK.CUSTOMER.IO", "https://track.customer.io:", "https://track.customer.io:0", "https://x:99999"),
    *("https://017700000001", "https://0177.0.0.1", "https://[::ffff:127.0.0.1%25lo]", "https://track.customer.io\n"),
]  # fmt: skip


@pytest.mark.parametrize("url", FAR)
@pytest.mark.parametrize("key", ["baseUrl", "appBaseUrl"])
def test_it_goes_to_nobody_but_the_vendor_and_who_is_listed(tmp_path: Path, key: str, url: str) -> None:
    problem = the_problem(tmp_path, destination={key: url})
    assert problem.found.startswith(f'destination.{key} is the text "')
    assert problem.expected == "the vendor's own origin, or one that the service was started with"
    assert "--allow-origin-url" in problem.fix


@pytest.mark.parametrize("url", ODD)
def test_an_odd_spelling_of_a_host_is_refused_as_it_is_everywhere(tmp_path: Path, url: str) -> None:
    problem = the_problem(tmp_path, destination={"baseUrl": url})
    assert problem.found.startswith("destination.baseUrl is ")
    assert "started with" not in problem.expected
    with pytest.raises(ConfigRefused, match=r"--allow-origin-url is .*; expected "):  # and nobody can list it
        listed([url])


@pytest.mark.parametrize(
    "url",
    [
        *("", "https://track.customer.io", "https://track-eu.customer.io", "https://api-eu.customer.io"),
        *("https://track.customer.io:443", "https://track.example.com", "https://track.example.com:443"),
        "http://127.0.0.1:8080",
    ],
)
def test_the_vendors_origins_and_those_that_are_listed_are_taken(tmp_path: Path, url: str) -> None:
    assert uploaded(tmp_path, {**BASE, "destination": {"baseUrl": url, "appBaseUrl": url}}).trusted == LISTED.origins


def test_other_vendors_and_sources_are_held_to_the_same(tmp_path: Path) -> None:
    voucherify = {"type": "voucherify", "applicationId": "app-1", "secretKey": "s3cret-1"}
    tree = {"userId": "user_id", "mappings": BASE["mappings"], "source": SEGMENT, "destination": voucherify}
    near = {"source": "https://profiles.euw1.segment.com", "destination": "https://us1.api.voucherify.io"}
    for urls, found in (
        (near, []),
        (dict.fromkeys(near, "https://evil.test"), ["source.baseUrl", "destination.baseUrl"]),
    ):
        asked = {**tree, **{home: {**tree[home], "baseUrl": url} for home, url in urls.items()}}  # type: ignore[dict-item] # objects, both
        refused = [problem.found.partition(" is ")[0] for problem in problems(tmp_path, asked)] if found else []
        assert refused == found
        assert found or uploaded(tmp_path, asked).trusted is not None


def test_a_report_is_posted_only_where_the_service_was_started_with(tmp_path: Path) -> None:
    assert uploaded(tmp_path, {**BASE, "notify": "https://track.example.com/hook?token=x"}).sync.notify is not None
    for url in (
        "https://hooks.test/x",
        "https://track.customer.io/x",
        "http://127.0.0.1/x",
        "https://track.example.com:1/",
    ):
        problem = the_problem(tmp_path, notify=url)
        assert problem.found == "notify is a text (not shown)"
        assert problem.expected == "a URL at an origin that the service was started with"
        assert "--allow-origin-url" in problem.fix


def test_an_origin_is_listed_once_however_it_is_spelled() -> None:
    assert listed(["https://a.test", "https://a.test:443"]) == {"https://a.test:443"}
    assert listed(["http://[::1]:80", "http://[::1]"]) == {"http://[::1]:80"}
    assert listed([]) == frozenset()
    with pytest.raises(ConfigRefused, match=r'--allow-origin-url is ""; expected an origin'):
        listed([""])
    with pytest.raises(ConfigRefused, match=r'is "https://a\.test/"; expected an origin: .* Write it like https://'):
        listed(["https://a.test/"])
    with pytest.raises(ConfigRefused, match=r"is an address \(not shown\); expected an origin"):
        listed(["https://me:c4nary@a.test"])


# --- what comes later -------------------------------------------------------------------------------------------------


def refused_keys(model: type[BaseModel], folder: Path, place: str) -> set[str]:
    """The settings that an upload must not have, whatever they hold."""
    found = set()
    for key in aliases(model):
        said = {"nonsense": [key]}
        tree = (
            {**BASE, key: said}
            if not place
            else {**BASE, place: {"type": model.model_fields["type"].default, key: said}}
        )
        found |= {key for one in problems(folder, tree) if one.expected.endswith("in what is uploaded")}
    return found


def test_each_setting_has_been_looked_at(tmp_path: Path) -> None:
    """Free text that nobody has let in is refused: a setting that is new and names a file, say, is not taken unseen."""
    assert refused_keys(Sync, tmp_path, "") == {"transform"}
    assert refused_keys(SOURCES["file"].settings, tmp_path, "source") == {"files"}
    assert refused_keys(SOURCES["segment"].settings, tmp_path, "source") == {"profiles"}
    for kind in DESTINATIONS.values():
        assert refused_keys(kind.settings, tmp_path, "destination") == set()
    assert {*DESTINATIONS, *SOURCES} == {"customerio", "voucherify", "file", "segment"}
