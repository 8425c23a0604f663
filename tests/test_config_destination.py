"""`destination` of more than one type: each judged by its own settings, and what belongs to another says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from configured import customerio_of, voucherify_of
from syncline.config import load
from syncline.errors import ConfigRefused, Problem

EMAIL = {"from": "email", "to": "email"}
BASE: dict[str, object] = {"name": "test", "userId": "id", "mappings": [EMAIL]}
KEYS: dict[str, object] = {"applicationId": "a5174", "secretKey": "s9a8b"}
TO_CUSTOMERIO: dict[str, object] = {"siteId": "5174e", "apiKey": "9a8b7"}


def problems(config: dict[str, object]) -> list[Problem]:
    with pytest.raises(ConfigRefused) as refused:
        load({**BASE, **config}, environment={})
    return refused.value.problems


def to_voucherify(destination: dict[str, object] | None = None, **changes: object) -> dict[str, object]:
    return {**KEYS, "destination": {"type": "voucherify", **(destination or {})}, **changes}


@pytest.mark.parametrize(
    "config",
    [
        to_voucherify(),
        {"destination": {"type": "voucherify", **KEYS}},
        {"destination": {"type": "voucherify"}, "application_id": "a5174", "secret-key": "s9a8b"},
        {"destination": {"type": "voucherify", "application-id": "a5174"}, "credential": {"secret_key": "s9a8b"}},
        {"destination": {"type": "voucherify"}, "credentials": KEYS},
    ],
)
def test_the_keys_of_voucherify_stand_where_those_of_customerio_may(config: dict[str, object]) -> None:
    settings = voucherify_of(load({**BASE, **config}, environment={}).sync)
    assert settings.application_id.get_secret_value() == "a5174"
    assert settings.secret_key.get_secret_value() == "s9a8b"
    assert (settings.region, settings.api) == ("eu", "bulk")


def test_customerio_is_what_a_destination_without_a_type_is() -> None:
    assert customerio_of(load({**BASE, **TO_CUSTOMERIO}, environment={}).sync).type == "customerio"


@pytest.mark.parametrize(
    ("config", "found", "expected", "fix"),
    [
        (to_voucherify({"regoin": "us"}), 'destination has the unknown key "regoin"', '"region"', 'mean "region"'),
        (to_voucherify({"region": "asia"}), 'destination.region is the text "asia"', "eu, us or as", 'mean "as"'),
        (to_voucherify({"pollTimeout": 0}), "destination.pollTimeout is the number 0", "above 0", "default (900.0)"),
        (to_voucherify({"baseUrl": "https://x.io/v1"}), "destination.baseUrl is an address", "an origin", "https://"),
        (to_voucherify({"timeout": None}), "destination.timeout is null", "a number above 0", "leave the key out"),
        (to_voucherify({"files": "a.csv"}), 'destination has the unknown key "files"', "", 'Move it to "source"'),
        (to_voucherify(secretKey="SECRET_KEY"), "secretKey is a text (not shown)", "not a placeholder", "${NAME}"),
        (to_voucherify(applicationId="clé"), "applicationId is a text (not shown)", "printable ASCII", "Copy"),
        (to_voucherify(applicationId=" "), "applicationId is a blank text", "not blank", "${NAME}"),
        (to_voucherify(secretKey=5), "secretKey is a number (not shown)", "as text", "double quotes"),
        (to_voucherify(credential="x"), "credential is a text", "an object", '{"applicationId": …, "secretKey": …}'),
        (to_voucherify(mode="update"), 'mode is the text "update", and the destination is voucherify', "upsert", ""),
        (to_voucherify(mode="Update"), 'mode is the text "Update"', "upsert or update", 'mean "update"'),
        (
            to_voucherify(siteId="5174e"),
            'there is "siteId", a key of "type": "customerio"',
            'the keys of "type": "voucherify"',
            'Delete it, or write "type": "customerio" under "destination".',
        ),
        (
            to_voucherify({"site-id": "5174e"}),
            'destination has "site-id", a key of "type": "customerio"',
            'the keys of "type": "voucherify"',
            'Delete it, or write "type": "customerio".',
        ),
        (
            to_voucherify(credential={"apiKey": "9a8b7"}),
            'credential has "apiKey", a key of "type": "customerio"',
            'the keys of "type": "voucherify"',
            'Delete it, or write "type": "customerio" under "destination".',
        ),
        (
            to_voucherify({"appRate": 5}),
            'destination has "appRate", a key of "type": "customerio"',
            'the keys of "type": "voucherify"',
            'Delete it, or write "type": "customerio".',
        ),
        (
            {**TO_CUSTOMERIO, "destination": {"pollTimeout": 5}},
            'destination has "pollTimeout", a key of "type": "voucherify"',
            'the keys of "type": "customerio"',
            'Delete it, or write "type": "voucherify".',
        ),
        ({"destination": {"type": "hubspot"}}, 'type is the text "hubspot"', "customerio or voucherify", "Correct it"),
        ({"destination": {"type": "Voucherfy"}}, 'the text "Voucherfy"', "customerio or", 'mean "voucherify"'),
        ({"destination": {"type": 5}}, "destination.type is the number 5", "customerio or voucherify", "Correct it"),
        ({"destination": {"type": None}}, "destination.type is null", "customerio or voucherify", "Correct it"),
    ],
)
def test_a_setting_is_judged_by_the_destination_it_is_written_for(
    config: dict[str, object], found: str, expected: str, fix: str
) -> None:
    (problem,) = problems(config)
    assert found in problem.found
    assert expected in problem.expected
    assert fix in problem.fix
    assert problem.fix


@pytest.mark.parametrize(
    "config",
    [KEYS, {"destination": KEYS}, {"destination": {"type": "customerio"}, "credentials": KEYS}],
    ids=["at the top", "under destination", "under credentials"],
)
def test_the_keys_of_another_destination_are_told_and_not_that_its_own_are_missing(config: dict[str, object]) -> None:
    found = [problem.found.partition('"')[2] for problem in problems(config)]
    assert found == ['applicationId", a key of "type": "voucherify"', 'secretKey", a key of "type": "voucherify"']


def test_what_is_missing_is_named_with_the_variable_that_may_hold_it() -> None:
    assert [
        (problem.found, problem.fix.partition(" and")[0])
        for problem in problems({"destination": {"type": "voucherify"}})
    ] == [
        ('no "applicationId"', 'Add "applicationId": "${APPLICATION_ID}"'),
        ('no "secretKey"', 'Add "secretKey": "${SECRET_KEY}"'),
    ]


@pytest.mark.parametrize(
    ("mappings", "found", "fix"),
    [
        ([{"from": "a", "to": "first_name"}], "fields of your own go under metadata", '"metadata.first_name"'),
        ([{"from": "a", "to": "address.street"}], "an address has only city", 'Did you mean "address.line_1"?'),
        ([{"from": "a", "to": "metdata.tier"}], "go under metadata", 'Did you mean "metadata.tier"?'),
        ([{"from": "a", "to": "Metadata.tier"}], "go under metadata", 'Did you mean "metadata.tier"?'),
        ([{"from": "a", "to": "adress.city"}], "go under metadata", 'Did you mean "address.city"?'),
        ([{"from": "a", "to": "traits.tier"}], "go under metadata", 'Write "to": "metadata.traits.tier".'),
        ([{"from": "id", "to": "source_id"}], "source_id says who the customer is", "Delete this mapping."),
        ([{"from": "a", "to": "id"}], "id says who the customer is", "Name that field in `userId`"),
        ([{"from": "a", "to": "name", "as": "integer"}], "name is text to the destination", 'Write "as": "string".'),
        ([{"constant": "soon", "to": "birthdate"}], "birthdate is a date (YYYY-MM-DD)", "Correct it"),
        (
            [{"from": "a", "to": "email", "hash": "sha256"}],
            "email is text to the",
            'Write "to": "metadata.email_sha256".',
        ),
        (
            [{"from": "a", "to": "metadata"}, EMAIL, {"from": "c", "to": "metadata.tier"}],
            'mappings[2].to is the text "metadata.tier", and metadata is mapped as a whole: mappings[0] takes it from'
            ' the text "a", mappings[2] takes it from the text "c"',
            "Delete one of the two mappings.",
        ),
        (
            [{"from": "a", "to": "address.city"}, {"from": "b", "to": "address"}],
            'mappings[0].to is the text "address.city", and address is mapped as a whole: mappings[1] takes it from'
            ' the text "b", mappings[0] takes it from the text "a"',
            "Delete one of the two mappings.",
        ),
    ],
)
def test_a_name_that_voucherify_does_not_take(mappings: list[object], found: str, fix: str) -> None:
    (problem,) = problems(to_voucherify(mappings=mappings))
    assert found in problem.found
    assert fix in problem.fix


def test_single_keys_of_an_object_may_be_mapped_side_by_side() -> None:
    names = ["address.city", "address.postal_code", "metadata.tier", "metadata.a.b"]
    mappings = [{"from": "a", "to": name} for name in names]
    sync = load({**BASE, **to_voucherify(mappings=mappings)}, environment={}).sync
    assert [mapping.to for mapping in sync.mappings] == names


def test_to_customerio_a_name_with_a_dot_is_a_name() -> None:
    mappings = [{"from": "a", "to": "metadata"}, {"from": "b", "to": "metadata.tier"}]
    assert len(load({**BASE, **TO_CUSTOMERIO, "mappings": mappings}, environment={}).sync.mappings) == 2


def test_more_mappings_than_the_destination_has_room_for() -> None:
    mappings = [{"from": "a", "to": f"metadata.m{number}"} for number in range(1_001)]
    assert len(load({**BASE, **to_voucherify(mappings=mappings[1:])}, environment={}).sync.mappings) == 1_000
    (problem,) = problems(to_voucherify(mappings=mappings))
    assert problem.found == "mappings is a list of 1001"


def test_what_is_allowed_and_asks_for_trouble_is_the_destinations_to_say() -> None:
    (warning,) = load({**BASE, **to_voucherify({"rate": 100})}, environment={}).warnings
    assert warning.startswith("destination.rate is 100 requests a second; Voucherify")


@pytest.mark.parametrize("written", [True, False])
def test_keys_that_others_may_read_are_a_warning(tmp_path: Path, written: bool) -> None:
    keys = KEYS if written else {"applicationId": "${ID}", "secretKey": "${KEY}"}
    file = tmp_path / "customers.json"
    file.write_text(json.dumps({**BASE, "destination": {"type": "voucherify", **keys}}))
    file.chmod(0o644)
    warnings = load(file, environment={"ID": "a5174", "KEY": "s9a8b"}).warnings
    assert ["chmod 600" in warning for warning in warnings] == [True] * written
