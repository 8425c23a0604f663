"""`syncline init segment-to-voucherify`: a profile as Segment has it → the customer that travels. No network."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest

from configured import segment_of, voucherify_of
from conftest import Syncline
from syncline.cli.init import STARTERS
from syncline.config import Loaded, load
from syncline.destinations.voucherify import Voucherify
from syncline.errors import ConfigRefused
from syncline.model import Change, Invalid, Kind, Row, RowRef
from syncline.recipe import Recipe

ENV = "SEGMENT_ACCESS_TOKEN=9a8b7\nSPACE_ID=spa_1\nAPPLICATION_ID=a5174\nSECRET_KEY=s9a8b\n"
REF = RowRef("segment", 1, 0)
MISSING = "the profile has no external id of the type "


def starter(folder: Path, name: str = "segment-to-voucherify") -> Path:
    """The configuration as `init` writes it."""
    path = folder / f"{name}.yaml"
    path.write_text((files("syncline.cli") / "starters" / path.name).read_text(encoding="utf-8"))
    return path


def write_env(folder: Path, text: str) -> None:
    """For nobody else to read."""
    (folder / ".env").write_text(text)
    (folder / ".env").chmod(0o600)


@pytest.fixture
def preset(tmp_path: Path) -> Loaded:
    write_env(tmp_path, ENV)
    return load(starter(tmp_path), environment={})


def mapped(preset: Loaded, traits: object, **ids: str) -> tuple[list[dict[str, object]], list[Invalid]]:
    """Customers as they travel, of one profile with these external ids (default: the user_id 42)."""
    destination = Voucherify(voucherify_of(preset.sync))
    ids = ids or {"user_id": "42"}
    identified = {"user_id": ids[identifier]} if (identifier := segment_of(preset.sync).identifier) in ids else {}
    profile = {"segment_id": "use_1", **identified, "external_ids": ids, "traits": traits}
    fields = msgspec.json.decode(json.dumps(profile), type=dict[str, msgspec.Raw])
    records, invalid = Recipe(preset, destination).mapper()([Row(REF, fields, "", "segment_id:use_1")])
    changes = [Change(0, record.ref, record.key, Kind.UPSERT, record.body) for record in records]
    return [json.loads(destination.encode(change).payload) for change in changes], invalid


def customer(preset: Loaded, traits: object) -> dict[str, object]:
    """Without its source_id, which is 42."""
    (sent,), invalid = mapped(preset, traits)
    assert not invalid
    assert sent.pop("source_id") == "42"
    return sent


# --- the file ---------------------------------------------------------------------------------------------------------


def test_the_ancestors_env_is_enough(preset: Loaded) -> None:
    source, destination = segment_of(preset.sync), voucherify_of(preset.sync)
    assert (source.space_id, source.access_token.get_secret_value()) == ("spa_1", "9a8b7")
    assert destination.application_id.get_secret_value() == "a5174"
    assert destination.secret_key.get_secret_value() == "s9a8b"
    assert (preset.name, preset.sync.user_id, preset.warnings) == ("segment-to-voucherify", "user_id", ())


def test_of_two_names_for_one_key_the_one_that_says_more_wins(tmp_path: Path) -> None:
    more = ENV + "SEGMENT_SPACE_ID=spa_2\nVOUCHERIFY_APPLICATION_ID=b5174\nVOUCHERIFY_SECRET_KEY=t9a8b\n"
    write_env(tmp_path, more)
    sync = load(starter(tmp_path), environment={}).sync
    keys = voucherify_of(sync)
    assert segment_of(sync).space_id == "spa_2"
    assert (keys.application_id.get_secret_value(), keys.secret_key.get_secret_value()) == ("b5174", "t9a8b")


def test_what_is_not_set_is_named_by_all_its_names(tmp_path: Path) -> None:
    with pytest.raises(ConfigRefused) as refused:
        load(starter(tmp_path), environment={})
    assert [re.findall(r"[A-Z_]{8,}", problem.found) for problem in refused.value.problems] == [
        ["SEGMENT_SPACE_ID", "SPACE_ID"],
        ["SEGMENT_ACCESS_TOKEN"],
        ["VOUCHERIFY_APPLICATION_ID", "APPLICATION_ID"],
        ["VOUCHERIFY_SECRET_KEY", "SECRET_KEY"],
    ]


@pytest.mark.parametrize("name", STARTERS)
def test_a_starter_loads_once_its_variables_are_set(tmp_path: Path, name: str) -> None:
    path = starter(tmp_path, name)
    names = re.findall(r"^[^#\n]*\$\{([A-Z_]+)[}|]", path.read_text(), re.MULTILINE)
    assert len(names) >= 2
    assert load(path, environment=dict.fromkeys(names, "9a8b7")).warnings == ()


def test_each_type_has_a_line_of_its_own(tmp_path: Path) -> None:
    lines = starter(tmp_path).read_text().splitlines()
    assert [line for line in lines if "type:" in line] == ["  type: segment", "  type: voucherify"]


def test_init_writes_it_and_says_how_to_run_it(syncline: Syncline, tmp_path: Path) -> None:
    ended = syncline("init", "segment-to-voucherify")
    assert ended.code == 0
    assert "then `syncline run segment-to-voucherify.yaml`\n" in ended.stdout
    write_env(tmp_path, ENV)
    assert load(tmp_path / "segment-to-voucherify.yaml", environment={}).warnings == ()


def test_init_without_a_name_lists_what_there_is(syncline: Syncline) -> None:
    ended = syncline("init")
    assert ended.code == 2
    assert all(name in ended.stderr for name in ("customerio", "segment-to-voucherify"))


# --- who it is --------------------------------------------------------------------------------------------------------


def test_the_identifier_becomes_the_source_id(tmp_path: Path) -> None:
    write_env(tmp_path, ENV + "IDENTIFIER_SAVED_AS_SOURCE_ID=email\n")
    by_email = load(starter(tmp_path), environment={})
    assert by_email.sync.user_id == "external_ids.email"
    (sent,), _ = mapped(by_email, {}, user_id="42", email="ada@example.com")
    assert sent == {"source_id": "ada@example.com"}
    assert mapped(by_email, {}, user_id="42")[1] == [
        Invalid(REF, "segment_id:use_1", "external_ids.email", MISSING + "email", "identifier-missing")
    ]


def test_a_profile_without_its_identifier_is_named_by_its_segment_id(preset: Loaded) -> None:
    assert mapped(preset, {"email": "ada@example.com"}, anonymous_id="a1") == (
        [],
        [Invalid(REF, "segment_id:use_1", "user_id", MISSING + "user_id", "identifier-missing")],
    )


# --- what is known of it ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("traits", "name"),
    [
        ({"name": "Ada Lovelace", "firstName": "A", "lastName": "L"}, "Ada Lovelace"),
        ({"firstName": "Ada", "lastName": "Lovelace"}, "Ada Lovelace"),
        ({"first_name": "Ada", "last_name": "Lovelace"}, "Ada Lovelace"),
        ({"firstName": "Ada", "first_name": "no", "lastName": "Lovelace", "last_name": "no"}, "Ada Lovelace"),
        ({"first_name": "Ada", "lastName": "Lovelace"}, "Ada Lovelace"),
        ({"name": None, "firstName": None, "first_name": "Ada", "last_name": "Lovelace"}, "Ada Lovelace"),
        ({"name": "", "firstName": "Ada", "lastName": ""}, "Ada"),
        ({"lastName": "Lovelace"}, "Lovelace"),
        ({"first_name": "Ada", "last_name": None}, "Ada"),
        ({"name": "Zoë 😀", "firstName": 1}, "Zoë 😀"),
        ({"name": None}, None),
        ({"name": "", "first_name": "", "lastName": None}, None),
        ({"username": "ada"}, None),
    ],
)
def test_the_name_or_else_first_and_last_name(preset: Loaded, traits: object, name: str | None) -> None:
    assert customer(preset, traits) == ({} if name is None else {"name": name})


@pytest.mark.parametrize(
    ("traits", "address"),
    [
        (
            {"address": {"city": "London", "state": "X", "postalCode": "E1", "street": "1 Main", "country": "UK"}},
            {"city": "London", "state": "X", "postal_code": "E1", "line_1": "1 Main", "country": "UK"},
        ),
        ({"address": {"postal_code": "E1", "line_1": "1 Main"}}, {"postal_code": "E1", "line_1": "1 Main"}),
        (
            {"city": "London", "state": "X", "postalCode": "E1", "street": "1 Main", "country": "UK"},
            {"city": "London", "state": "X", "postal_code": "E1", "line_1": "1 Main", "country": "UK"},
        ),
        ({"postal_code": 94103, "line_1": "1 Main"}, {"postal_code": "94103", "line_1": "1 Main"}),
        ({"address": {"city": "London"}, "city": "Paris", "country": "UK"}, {"city": "London", "country": "UK"}),
        ({"address": {"city": None}, "city": "Paris"}, {"city": "Paris"}),
        ({"address": {"postalCode": "E1", "postal_code": "no"}, "postalCode": "no"}, {"postal_code": "E1"}),
        ({"address": "1 Main, London", "city": "London"}, {"city": "London"}),
        ({"address": None}, None),
        ({"address": {"city": "", "county": "X"}}, None),
    ],
)
def test_the_address_is_an_object_or_among_the_traits(preset: Loaded, traits: object, address: object) -> None:
    assert customer(preset, traits) == ({} if address is None else {"address": address})


@pytest.mark.parametrize(
    ("traits", "day"),
    [
        ({"birthdate": "1990-05-05"}, "1990-05-05"),
        ({"birthdate": "1990-05-05T23:30:00Z"}, "1990-05-05"),
        ({"birthdate": "1990-05-05T23:30:00+05:30"}, "1990-05-05"),
        ({"birthdate": "1990-05-05T00:30:00-11:00"}, "1990-05-05"),
        ({"birthdate": "1990-05-05T00:00:00.000Z"}, "1990-05-05"),
        ({"birthdate": "1990-05-05T15:01:00.367201348Z"}, "1990-05-05"),
        ({"birthdate": "1990-05-05 23:59:59.999999999"}, "1990-05-05"),
        ({"birthday": "1990-05-05T23:30:00Z"}, "1990-05-05"),
        ({"birthdate": "1990-05-05", "birthday": "1991-01-01"}, "1990-05-05"),
        ({"birthdate": None, "birthday": "1990-05-05"}, "1990-05-05"),
        ({"birthdate": "", "birthday": "1990-05-05"}, "1990-05-05"),
        ({"birthdate": "0001-01-01T00:00:00+14:00"}, "0001-01-01"),
        ({"birthdate": ""}, None),
        ({"birthdate": None}, None),
    ],
)
def test_a_day_of_birth_is_the_day_as_it_is_written(preset: Loaded, traits: object, day: str | None) -> None:
    assert customer(preset, traits) == ({} if day is None else {"birthdate": day})


@pytest.mark.parametrize("birthday", ["May 5th", "1990-02-30", "05/05/1990", 641_865_600])
def test_what_is_no_day_is_left_out_and_the_customer_sent(preset: Loaded, birthday: object) -> None:
    assert customer(preset, {"birthday": birthday, "email": "a@b.c"}) == {"email": "a@b.c"}


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        ({"email": "ada@example.com"}, {"email": "ada@example.com"}),
        ({"phone": "+44 20 7946 0000"}, {"phone": "+44 20 7946 0000"}),
        ({"phone": 442079460000}, {"phone": "442079460000"}),
        ({"description": "Writes\nprograms"}, {"description": "Writes\nprograms"}),
        ({"metadata": {"tier": "gold", "n": [1, None]}}, {"metadata": {"tier": "gold", "n": [1, None]}}),
        ({"metadata": {}}, {"metadata": {}}),
        ({"email": None, "phone": None, "description": None, "metadata": None}, {}),
        ({"email": "", "phone": "", "description": ""}, {}),
        ({"plan": "pro", "age": 36, "audience": True}, {}),
        ({}, {}),
        (None, {}),
    ],
)
def test_the_rest_goes_as_it_is_and_what_is_absent_is_left_out(
    preset: Loaded, traits: object, expected: dict[str, object]
) -> None:
    assert customer(preset, traits) == expected


def test_metadata_is_an_object_or_the_profile_is_not_sent(preset: Loaded) -> None:
    sent, (refused,) = mapped(preset, {"metadata": "gold"})
    assert not sent
    assert (refused.key, refused.field) == ("source_id:42", "metadata")


def test_a_profile_of_300_traits_in_both_spellings_arrives_whole(preset: Loaded) -> None:
    traits: dict[str, object] = {f"a_trait_{number}": number for number in range(280)}
    traits |= {
        "firstName": "Zoë",
        "first_name": "zoe",
        "lastName": "Ünal",
        "last_name": "unal",
        "email": "zoe@example.com",
    }
    traits |= {
        "address": {"postalCode": "34000", "postal_code": "0", "city": "İstanbul"},
        "birthday": "2001-12-31T23:59:59Z",
    }
    assert customer(preset, traits) == {
        "name": "Zoë Ünal",
        "email": "zoe@example.com",
        "address": {"postal_code": "34000", "city": "İstanbul"},
        "birthdate": "2001-12-31",
    }
