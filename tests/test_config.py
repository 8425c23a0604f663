"""What a configuration may look like, and what becomes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from configured import customerio_of
from syncline.config import Files, Loaded, Mapping, Sync, load
from syncline.config.model import Otherwise
from syncline.errors import ConfigRefused

EMAIL = {"from": "email", "to": "email"}
BASE = {"userId": "id", "siteId": "5174e", "apiKey": "9a8b7", "mappings": [EMAIL]}

GO = """{"parallelism":25,"userId":"id","site_id":"5174e","api_key":"9a8b7","mappings":[
 {"from":"first_name","to":"first_name"},{"from":"email","to":"email"},{"from":"id","to":"id"},
 {"from":"created_at","to":"created_at"}]}"""
NODE = """{"parallelism":25,"userId":"id","mappings":[{"from":"computed_ltv","to":"ltv"},{"from":"name","to":"name"}],
 "siteId":"5174e","apiKey":"9a8b7"}"""
PYTHON = """{"site-id":"5174e","api-key":"9a8b7","userId":"user_id_field_name","mappings":[{"from":"a","to":"b"}],
 "parallelism":25}"""
NESTED = """{"credential":{"site_id":"5174e","api_key":"9a8b7"},"userId":"id","mappings":[{"from":"a","to":"b"}]}"""
YAML = """
# users, every night
$schema: https://example.com/schema.json
name: users-to-customerio
source: data.json
destination: {type: customerio, region: eu, siteId: 5174e, apiKey: "9a8b7", app-api-key: 77c1}
userId: id
mode: update
nulls: clear
mappings:
  - {from: computed_ltv, to: ltv}
  - {from: created_at, to: created_at, as: timestamp}
  - {from: [mobile, phone], to: phone, nulls: omit}
  - {from: [first, last], join: " ", to: name}
  - {from: address.city, to: city, default: unknown}
  - {constant: null, to: legacy}
  - {from: name, to: full_name, else: {from: [[firstName, first_name], last], join: " "}}
"""


def loaded(folder: Path, text: str, name: str = "configuration.json") -> Loaded:
    file = folder / name
    file.write_text(text)
    file.chmod(0o600)
    return load(file, environment={})


def sync(**changes: object) -> Sync:
    return load({"name": "test", **BASE, **changes}, environment={}).sync


@pytest.mark.parametrize("text", [GO, NODE, PYTHON, NESTED], ids=["go", "node", "python", "nested"])
def test_an_ancestors_file_is_valid_as_it_stands(tmp_path: Path, text: str) -> None:
    result = loaded(tmp_path, text)
    assert customerio_of(result.sync).site_id.get_secret_value() == "5174e"
    assert customerio_of(result.sync).api_key.get_secret_value() == "9a8b7"
    assert result.sync.parallelism == 25
    assert [m.to for m in result.sync.mappings] == [m["to"] for m in json.loads(text)["mappings"]]
    assert (result.name, result.sync.name, result.warnings) == ("configuration", "configuration", ())


def test_yaml_says_everything(tmp_path: Path) -> None:
    result = loaded(tmp_path, YAML, "any name.yml")
    held = result.sync
    assert (held.name, held.source, held.user_id, held.mode, held.nulls) == (
        "users-to-customerio",
        Files(files=("data.json",)),
        "id",
        "update",
        "clear",
    )
    assert held.destination.region == "eu"
    assert customerio_of(held).app_api_key is not None
    ltv, created, phone, name, city, legacy, full_name = held.mappings
    assert (ltv.sources, ltv.to, ltv.cast, ltv.join, ltv.nulls) == (("computed_ltv",), "ltv", None, None, None)
    assert created.cast == "timestamp"
    assert (phone.sources, phone.nulls) == (("mobile", "phone"), "omit")
    assert (name.sources, name.join) == (("first", "last"), " ")
    assert (city.has_default, city.default, ltv.has_default) == (True, "unknown", False)
    assert full_name.otherwise == Otherwise.model_validate({"from": [["firstName", "first_name"], "last"], "join": " "})
    assert full_name.otherwise.sources == (("firstName", "first_name"), "last")
    assert (name.otherwise, name.sources) == (None, ("first", "last"))
    assert (legacy.sources, legacy.has_constant, legacy.constant, ltv.has_constant) == ((), True, None, False)


def test_defaults() -> None:
    held = sync()
    assert (held.parallelism, held.mode, held.nulls, held.source) == (25, "upsert", "omit", None)
    assert (held.empty, held.pick, held.except_, held.transform) == (None, None, (), None)
    assert (held.refresh, held.notify, held.fail_on) == (30 * 86_400, None, "any")
    assert (held.destination.type, held.destination.region) == ("customerio", "us")


def test_a_file_names_its_sync_its_folder_and_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("conf").mkdir()
    Path("conf/users.v2.json").write_text(json.dumps(BASE))
    Path("conf/users.v2.json").chmod(0o600)
    result = load("conf/users.v2.json", environment={})
    assert (result.name, result.directory, result.label) == ("users.v2", tmp_path / "conf", "conf/users.v2.json")


def test_an_object_is_named_by_its_name_and_lives_where_we_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = load({**BASE, "name": "nightly"}, environment={})
    assert (result.name, result.directory, result.label) == ("nightly", tmp_path, "the configuration object")


def test_an_object_without_a_name_is_refused() -> None:
    with pytest.raises(ConfigRefused) as refused:
        load(BASE, environment={})
    (problem,) = refused.value.problems
    assert (problem.line, problem.column, problem.found) == (0, 0, 'the configuration has no "name"')
    assert problem.fix == 'Add "name": "my-sync".'


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.5e2", 150.0), ("25", 25), ("25.0", 25.0), ("-0", 0)],
)
@pytest.mark.parametrize("name", ["a.json", "a.yaml"])
def test_numbers_are_numbers_in_both_languages(tmp_path: Path, name: str, text: str, number: float) -> None:
    constant = f'[{{"constant": {text}, "to": "n"}}]'
    config = f'{{"userId": "id", "siteId": "5174e", "apiKey": "9a8b7", "mappings": {constant}}}'
    if name == "a.yaml":
        config = f"userId: id\nsiteId: 5174e\napiKey: 9a8b7\nmappings: {constant}\n"
    held = loaded(tmp_path, config, name).sync.mappings[0].constant
    assert (held, type(held)) == (number, type(number))


@pytest.mark.parametrize("word", ["no", "on", "y", "2024-01-01", "0x1f", "1_000", "12:30", "'25'", "=", "<<"])
def test_yaml_text_stays_text(tmp_path: Path, word: str) -> None:
    config = f"userId: id\nsiteId: 5174e\napiKey: 9a8b7\nmappings: [{{constant: {word}, to: n}}]\n"
    assert loaded(tmp_path, config, "a.yaml").sync.mappings[0].constant == word.strip("'")


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    assert loaded(tmp_path, "\ufeff" + GO).sync.user_id == "id"


def test_json_is_known_by_its_content(tmp_path: Path) -> None:
    assert loaded(tmp_path, "\n  " + GO, "configuration").sync.user_id == "id"


@pytest.mark.parametrize(
    "mappings",
    [
        [{"from": "a", "to": "x"}, {"from": "a", "to": "y"}],
        [{"from": "id", "to": "id"}],
        [{"from": ["id"], "to": "id"}],
        [{"from": "a", "to": "anonymous_id"}],
        [{"from": "a", "to": "é" * 75}],
        [{"from": "a", "to": "b", "join": None}][:0] or [{"from": ["a", "b"], "to": "b", "join": ""}],
        [{"from": "a", "to": "b", "default": {"deep": [1, None]}}],
        [{"from": f"f{n}", "to": f"t{n}"} for n in range(300)],
    ],
    ids=[
        "one field twice",
        "identifier",
        "identifier in a list",
        "anonymous_id",
        "150 bytes",
        "join",
        "default",
        "300",
    ],
)
def test_mappings_that_are_fine(mappings: list[object]) -> None:
    assert len(sync(mappings=mappings).mappings) == len(mappings)


@pytest.mark.parametrize(
    "mapping",
    [
        {"from": "a", "to": "b", "normalise": "phone"},
        {"from": ["a", "b"], "to": "c", "join": " ", "normalise": "lower"},
        {"from": "a", "to": "b", "normalise": "trim", "as": "string"},
        {"from": "email", "to": "email_sha256", "normalise": "email", "hash": "sha256"},
        {"from": "a", "to": "b", "as": "integer", "hash": "sha256"},
        {"from": "a", "to": "b", "as": "date", "hash": "sha256", "default": "2024-01-01"},
        {"from": "a", "to": "b", "empty": "keep"},
        {"from": "a", "to": "created_at", "as": "timestamp"},
        {"constant": 1_361_205_308, "to": "created_at"},
        {"constant": None, "to": "created_at"},
        {"constant": "2013-02-18", "to": "created_at", "as": "timestamp"},
        {"constant": True, "to": "unsubscribed"},
        {"from": "a", "to": "unsubscribed", "as": "boolean"},
        {"from": "items[first]", "to": "b"},
        {"from": [["a", "b"], "c"], "to": "d", "join": " "},
        {"from": "a", "to": "b", "else": {"from": ["c", "d"]}, "default": "none", "normalise": "trim"},
        {"from": ["a", "b"], "join": "", "to": "c", "else": {"from": [["d"]], "join": ""}},
    ],
)
def test_a_mapping_may_convert(mapping: dict[str, object]) -> None:
    assert sync(mappings=[mapping]).mappings[0].to == mapping["to"]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("30d", 2_592_000.0),
        ("12h", 43_200.0),
        ("90m", 5_400.0),
        ("60m", 3_600.0),
        ("3650d", 315_360_000.0),
        ("off", None),
    ],
)
@pytest.mark.parametrize("name", ["a.json", "a.yaml"])
def test_refresh_is_seconds_or_never(tmp_path: Path, name: str, written: str, seconds: float | None) -> None:
    config = f"userId: id\nsiteId: 5174e\napiKey: 9a8b7\nrefresh: {written}\nmappings: [{{from: a, to: b}}]\n"
    if name == "a.json":
        config = json.dumps({**BASE, "refresh": written})
    assert loaded(tmp_path, config, name).sync.refresh == seconds


@pytest.mark.parametrize("mappings", [None, [], [EMAIL]])
@pytest.mark.parametrize("left_out", [None, "password", ["password", "address"]])
def test_with_pick_mappings_may_be_absent(mappings: list[object] | None, left_out: object) -> None:
    config = {**BASE, "name": "test", "pick": "all", "mappings": mappings, "except": left_out}
    held = load({key: value for key, value in config.items() if value is not None}, environment={}).sync
    assert held.pick == "all"
    assert held.except_ == {"str": ("password",), "list": ("password", "address")}.get(type(left_out).__name__, ())
    assert len(held.mappings) == len(mappings or [])


def test_a_part_of_a_field_that_is_left_out_may_be_mapped() -> None:
    held = sync(pick="all", **{"except": ["address"]}, mappings=[{"from": "address.city", "to": "city"}])
    assert held.except_ == ("address",)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/services/T0/B0?token=c4nary&x=%20",
        "https://example.com",
        "https://example.com?a",
        "https://203.0.113.9:8443/x",
        "http://127.0.0.1:8080/hook",
        "http://[::1]/",
    ],
)
def test_urls_to_notify_that_are_fine(url: str) -> None:
    notify = sync(notify=url).notify
    assert notify is not None
    assert notify.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://track.customer.io",
        "https://proxy.internal:8443",
        "http://127.0.0.1:8080",
        "http://localhost",
        "http://[::1]:1",
        "https://203.0.113.9",
    ],
)
def test_base_urls_that_are_fine(url: str) -> None:
    assert sync(destination={"baseUrl": url, "appBaseUrl": url}).destination.base_url == url


@pytest.mark.parametrize("key", ["demo", "secret", "site", "test-key", "key", "abc123", "xx", "a" * 256, "$-a", "a$b"])
def test_short_and_odd_credentials_are_not_taken_for_placeholders(key: str) -> None:
    assert customerio_of(sync(siteId=key, apiKey=key)).api_key.get_secret_value() == key


def test_credentials_may_be_given_twice_alike() -> None:
    assert sync(credentials={"site_id": "5174e"}, destination={"api-key": "9a8b7"}).user_id == "id"


def test_nothing_can_be_changed_afterwards() -> None:
    held = sync()
    with pytest.raises(ValueError, match="frozen"):
        held.parallelism = 1  # type: ignore[misc]
    assert isinstance(held.mappings, tuple)
    assert all(isinstance(mapping, Mapping) for mapping in held.mappings)
