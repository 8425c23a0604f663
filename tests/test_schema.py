"""The JSON Schema of configurations: valid itself, the same as the loader wherever it can be, and there for editors."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from importlib.resources import files
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from ruamel.yaml import YAML

from conftest import Syncline
from syncline.cli.init import STARTERS
from syncline.config import load
from syncline.config.kinds import DEFAULT_DESTINATION, DEFAULT_SOURCE, SETTINGS
from syncline.config.model import Mapping, Otherwise, Sync
from syncline.config.names import aliases
from syncline.config.schema import schema, schema_text
from syncline.errors import ConfigRefused

SCHEMA = Draft202012Validator(schema())
EMAIL = {"from": "email", "to": "email"}
BASE: dict[str, object] = {"userId": "id", "siteId": "5174e", "apiKey": "9a8b7", "mappings": [EMAIL]}
GONE = object()


def changed(**changes: object) -> dict[str, object]:
    return {key: value for key, value in {**BASE, **changes}.items() if value is not GONE}


def problems(config: dict[str, object]) -> list[str]:
    try:
        load({"name": "test", **config}, environment={})
    except ConfigRefused as refused:
        return [str(problem) for problem in refused.problems]
    return []


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema())


def test_the_file_is_what_the_models_say() -> None:
    """Otherwise: syncline schema src/syncline/config/syncline.schema.json"""
    assert (files("syncline.config") / "syncline.schema.json").read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize(
    "model", [Sync, Mapping, Otherwise, *(one for types in SETTINGS.values() for one in types.values())]
)
def test_every_key_is_described(model: type[BaseModel]) -> None:
    for alias, field in aliases(model).items():
        assert field.description, alias
        assert field.description.endswith((".", "`.")), alias


def test_an_editor_is_told_of_each_key_with_its_values_and_default() -> None:
    described = schema()["properties"]["destination"]  # type: ignore[index] # a document, not a value of ours
    assert described == {
        "description": "Where the rows go. The credentials may also stand at the top level.",
        "anyOf": [{"$ref": "#/$defs/customerio"}, {"$ref": "#/$defs/voucherify"}],
    }
    region = schema()["$defs"]["customerio"]["properties"]["region"]  # type: ignore[index] # the same
    assert region == {
        "description": "Where the workspace lives.",
        "anyOf": [{"enum": ["us", "eu"], "type": "string"}, {"$ref": "#/$defs/reference"}],
        "default": "us",
    }


def to_voucherify(**settings: object) -> dict[str, object]:
    return {"siteId": GONE, "apiKey": GONE, "destination": {"type": "voucherify", **settings}}


KEYS: dict[str, object] = {"applicationId": "a5174", "secretKey": "s9a8b"}
SPACE: dict[str, object] = {"type": "segment", "spaceId": "spa_1", "accessToken": "9a8b7"}
OTHERWISE = {"from": [["firstName", "first_name"], "last"], "join": " "}

GOOD: list[dict[str, object]] = [
    BASE,
    changed(siteId=GONE, site_id="5174e", apiKey=GONE, **{"api-key": "9a8b7"}),
    changed(siteId=GONE, apiKey=GONE, credential={"site_id": "5174e", "api_key": "9a8b7"}),
    changed(siteId=GONE, apiKey=GONE, credentials={"site-id": "5174e"}, destination={"api_key": "9a8b7"}),
    changed(siteId=GONE, apiKey=GONE, destination={"type": "customerio", "siteId": "5174e", "apiKey": "9a8b7"}),
    changed(**{"$schema": "./syncline.schema.json"}),
    changed(source="data.json"),
    changed(source=["a.csv", "-"]),
    changed(source={"type": "file", "files": "a", "format": "csv", "delimiter": "tab", "encoding": "utf-16"}),
    changed(source={"files": ["a"], "path": "data.users"}),
    changed(pick="all", mappings=GONE),
    changed(pick="all", mappings=[], **{"except": ["password"]}),
    changed(pick="all", **{"except": "password"}),
    changed(refresh="12h", notify="https://example.com/hook?token=x", failOn="new", empty="keep", nulls="clear"),
    changed(destination={"rate": 0.5, "timeout": 60, "baseUrl": "http://127.0.0.1:8000", "workspace": "eu-1"}),
    changed(mappings=[{"from": ["a", "b"], "join": "", "to": "c", "as": "string", "default": None, "nulls": "omit"}]),
    changed(mappings=[{"constant": None, "to": "a"}, {"constant": False, "to": "b"}, {"constant": 1.5, "to": "c"}]),
    changed(mappings=[{"from": "a", "to": "b", "normalise": "email", "hash": "sha256", "empty": "clear"}]),
    changed(mappings=[{"from": [["a", "b"], "c"], "to": "d", "join": " "}]),
    changed(
        mappings=[{"from": "name", "to": "name", "else": OTHERWISE}, {"from": "a", "to": "b", "else": {"from": "c"}}]
    ),
    changed(**to_voucherify(**KEYS)),
    changed(**to_voucherify(region="as", api="single", batchItems=10, pollTimeout=0.5), **KEYS, mode="upsert"),
    changed(**to_voucherify(), credential={"application-id": "a5174", "secret_key": "s9a8b"}),
    changed(**to_voucherify(**KEYS), mappings=[{"from": "a", "to": f"metadata.m{number}"} for number in range(400)]),
    changed(source=SPACE),
    changed(source=SPACE, userId=GONE),
    changed(source={"type": "segment", "space-id": "spa_1", "access_token": "9a8b7", "idItems": 5}, userId=GONE),
    changed(
        source={**SPACE, "baseUrl": "http://127.0.0.1:1", "profiles": "a.txt"}, **to_voucherify(**KEYS), userId=GONE
    ),
]


@pytest.mark.parametrize("config", GOOD)
def test_what_the_loader_takes_the_schema_takes(config: dict[str, object]) -> None:
    assert problems(config) == []
    assert list(SCHEMA.iter_errors(config)) == []


@pytest.mark.parametrize("name", STARTERS)
def test_a_starter_validates(name: str) -> None:
    starter = (files("syncline.cli") / "starters" / f"{name}.yaml").read_text(encoding="utf-8")
    assert list(SCHEMA.iter_errors(YAML(typ="safe").load(starter))) == []


def test_the_readme_validates() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    (config, *_) = re.findall(r"```json\n(.*?)```", readme, re.DOTALL)
    assert list(SCHEMA.iter_errors(json.loads(config))) == []


def test_a_variable_may_stand_wherever_a_value_may() -> None:
    config = changed(
        source={"files": ["${DATA}"], "format": "${FORMAT}", "delimiter": "${CHAR}"},
        destination={"region": "${REGION}", "rate": "${RATE}", "batchItems": "${ITEMS}", "baseUrl": "${URL}"},
        parallelism="${PARALLELISM:-25}",
        refresh="${REFRESH}",
        notify="${HOOK}",
        siteId="${SITE|CIO_SITE}",
        mappings=[{"from": "${FIELD}", "to": "x_${NAME}", "as": "${CAST}"}],
    )
    environment = {"DATA": "a", "FORMAT": "csv", "CHAR": ";", "REGION": "eu", "RATE": "0.5", "ITEMS": "10"}
    environment |= {"URL": "https://x.io", "REFRESH": "off", "HOOK": "https://x.io", "SITE": "5174e", "FIELD": "a"}
    environment |= {"NAME": "b", "CAST": "string"}
    assert list(SCHEMA.iter_errors(config)) == []
    assert load({"name": "test", **config}, environment=environment).sync.destination.batch_items == 10


def test_so_may_it_for_a_type_and_for_the_keys_of_a_space() -> None:
    space = {"type": "${SOURCE}", "spaceId": "${ID}", "accessToken": "${TOKEN}", "rate": "${RATE}"}
    keys = {"applicationId": "${ID}", "secretKey": "${TOKEN}"}
    config = changed(**to_voucherify(**keys), source=space, userId=GONE)
    config["destination"]["type"] = "${DESTINATION}"  # type: ignore[index] # a document, not a value of ours
    environment = {"SOURCE": "segment", "DESTINATION": "voucherify", "ID": "a5174", "TOKEN": "9a8b7", "RATE": "5"}
    assert list(SCHEMA.iter_errors(config)) == []
    assert load({"name": "test", **config}, environment=environment).sync.user_id == "user_id"


BAD: list[dict[str, object]] = [
    changed(userId=GONE),
    changed(siteId=GONE),
    changed(apiKey=GONE, destination={"region": "eu"}),
    changed(siteId="51:74"),
    changed(apiKey="clé"),
    changed(apiKey=""),
    changed(credential={"site": "5174e"}),
    changed(credential="5174e"),
    changed(paralellism=1),
    changed(parallelism=0),
    changed(parallelism=257),
    changed(parallelism="25"),
    changed(parallelism=None),
    changed(parallelism=True),
    changed(parallelism=2.5),
    changed(userId=""),
    changed(userId="a..b"),
    changed(userId=None),
    changed(name=".a"),
    changed(name=5),
    changed(mode="mirror"),
    changed(nulls=None),
    changed(empty="null"),
    changed(failOn="nevr"),
    changed(refresh="30"),
    changed(refresh=30),
    changed(refresh=False),
    changed(notify="http://example.com"),
    changed(notify="https://u:p@example.com"),
    changed(notify="https://example.com/#x"),
    changed(transform="rules.py"),
    changed(transform=5),
    changed(pick=True),
    changed(mappings=GONE),
    changed(mappings=[]),
    changed(mappings=None),
    changed(mappings={}),
    changed(mappings=["email"]),
    changed(mappings=[EMAIL] * 301),
    changed(**{"except": ["a"]}),
    changed(pick="all", **{"except": []}),
    changed(pick="all", **{"except": [""]}),
    changed(source=None),
    changed(source=5),
    changed(source=""),
    changed(source=[]),
    changed(source=["a", 5]),
    changed(source=["a", "a"]),
    changed(source="https://x.io/a"),
    changed(source={"type": "sql"}),
    changed(source={"fromat": "csv"}),
    changed(source={"delimiter": ";;"}),
    changed(source={"delimiter": "x"}),
    changed(source={"delimiter": ";", "format": "json"}),
    changed(source={"path": "a", "format": "tsv"}),
    changed(source={"path": "a."}),
    changed(source={"encoding": "ebcdic"}),
    changed(source={"encoding": "cp1252", "format": "json"}),
    changed(destination={"regoin": "eu"}),
    changed(destination={"region": "EU"}),
    changed(destination={"type": "hubspot"}),
    changed(destination={"rate": 0}),
    changed(destination={"rate": "100/s"}),
    changed(destination={"timeout": None}),
    changed(destination={"baseUrl": "https://x.io/api"}),
    changed(destination={"baseUrl": "http://x.io"}),
    changed(destination={"baseUrl": "http://localhost.evil.test"}),
    changed(destination={"workspace": "a b"}),
    changed(destination=None),
    changed(mappings=[{"to": "a"}]),
    changed(mappings=[{"from": "a"}]),
    changed(mappings=[{"from": "a", "constant": 1, "to": "b"}]),
    changed(mappings=[{"form": "a", "to": "b"}]),
    changed(mappings=[{"from": "", "to": "b"}]),
    changed(mappings=[{"from": "items[0]", "to": "b"}]),
    changed(mappings=[{"from": ["a", "b."], "to": "b"}]),
    changed(mappings=[{"from": [], "to": "b"}]),
    changed(mappings=[{"from": "a", "to": " "}]),
    changed(mappings=[{"from": "a", "to": "b\nc"}]),
    changed(mappings=[{"from": "a", "to": "b" * 151}]),
    changed(mappings=[{"from": "a", "to": "b", "join": " "}]),
    changed(mappings=[{"constant": [1], "to": "b"}]),
    changed(mappings=[{"from": "a", "to": "b", "as": "int"}]),
    changed(mappings=[{"from": "a", "to": "b", "as": None}]),
    changed(mappings=[{"from": "a", "to": "b", "normalise": "upper"}]),
    changed(mappings=[{"from": "a", "to": "b", "normalise": "trim", "as": "date"}]),
    changed(mappings=[{"from": "a", "to": "b", "hash": "md5"}]),
    changed(mappings=[{"from": "a", "to": "b", "hash": "sha256", "as": "json"}]),
    changed(mappings=[{"constant": "a", "to": "b", "hash": "sha256"}]),
    changed(mappings=[{"from": [["a", "b"], "c"], "to": "d"}]),
    changed(mappings=[{"from": [[]], "join": " ", "to": "d"}]),
    changed(mappings=[{"from": [[["a"]]], "join": " ", "to": "d"}]),
    changed(mappings=[{"from": [["a."]], "join": " ", "to": "d"}]),
    changed(mappings=[{"from": "a", "to": "d", "else": None}]),
    changed(mappings=[{"from": "a", "to": "d", "else": "b"}]),
    changed(mappings=[{"from": "a", "to": "d", "else": {}}]),
    changed(mappings=[{"from": "a", "to": "d", "else": {"from": []}}]),
    changed(mappings=[{"from": "a", "to": "d", "else": {"from": [["b"]]}}]),
    changed(mappings=[{"from": "a", "to": "d", "else": {"from": "b", "join": " "}}]),
    changed(mappings=[{"from": "a", "to": "d", "else": {"from": "b", "default": 1}}]),
    changed(mappings=[{"from": "a", "to": "d", "else": {"from": "b", "else": {"from": "c"}}}]),
    changed(mappings=[{"constant": "a", "to": "d", "else": {"from": "b"}}]),
    changed(mappings=[{"to": "d", "else": {"from": "b"}}]),
    changed(**to_voucherify()),
    changed(**to_voucherify(applicationId="a5174")),
    changed(**{**to_voucherify(**KEYS), "siteId": "5174e"}),
    changed(**to_voucherify(**KEYS), credential={"api_key": "9a8b7"}),
    changed(**to_voucherify(**KEYS, site_id="5174e")),
    changed(**to_voucherify(**KEYS, appRate=5)),
    changed(**to_voucherify(**KEYS, region="asia")),
    changed(**to_voucherify(**KEYS), mode="update"),
    changed(**to_voucherify(**KEYS), mappings=[{"from": "a", "to": f"metadata.m{number}"} for number in range(1_001)]),
    changed(**to_voucherify(applicationId="a5174", secretKey="clé")),
    changed(**KEYS),
    changed(destination=KEYS),
    changed(source={"type": "segment"}),
    changed(source={"spaceId": "spa_1", "accessToken": "9a8b7"}),
    changed(source={**SPACE, "accessToken": "a:b"}),
    changed(source={**SPACE, "spaceId": "a/b"}),
    changed(source={**SPACE, "files": "a.json"}),
    changed(source={**SPACE, "format": "csv"}),
    changed(source={**SPACE, "pageItems": 101}),
    changed(source={**SPACE, "identifier": ""}),
    changed(source={"files": "a.json", "traitItems": 5}),
    changed(spaceId="spa_1"),
    changed(source="data.json", userId=GONE),
    changed(source={"type": "file", "files": "data.json"}, userId=GONE),
]


@pytest.mark.parametrize("config", BAD, ids=[str(index) for index in range(len(BAD))])
def test_what_the_schema_flags_the_loader_refuses(config: dict[str, object]) -> None:
    assert problems(config) != []
    assert not SCHEMA.is_valid(config)


# --- the two agree on everything else ---------------------------------------------------------------------------------

# The rules that a schema cannot state: words of the loader's messages.
LOADER_ONLY = (
    "each name once",  # two mappings to one name
    "each file once",  # the same file, spelled in two ways
    "one value",  # two spellings of a credential that differ
    "not a placeholder",
    "a name the destination gives to mappings",  # what a destination of fixed names has not
    ", or single keys of it",  # an object as a whole and in parts
    "to the destination",  # a cast or constant that an attribute's meaning rules out
    "and the identifier travels as it is",
    "no mapping names",  # a field in `except` and in a mapping
    "at most 150 bytes",  # a schema counts characters
    "from 1h to 3650d",  # the schema knows the form of `refresh`, not its bounds
    "in its usual form",  # the same of a host
    "a port from 1 to 65535",
    "a whole number",  # 25.0 is an integer to JSON Schema
    "no such file",  # of `transform`
)
TEXTS = st.sampled_from(["", " ", "a", "b", "id", "email", "a.b", "a..b", "items[0]", "-", "x" * 151, "é" * 76])
TEXTS |= st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), max_size=6).filter(
    lambda t: "$" not in t
)
FIELDS = TEXTS | st.lists(TEXTS | st.lists(TEXTS, max_size=2), max_size=2)
NUMBERS = st.integers(-1, 600) | st.sampled_from([0.5, 25.0, 1e9, 2**70])
ANY: st.SearchStrategy[object] = (
    st.none() | st.booleans() | NUMBERS | TEXTS | st.lists(NUMBERS | TEXTS, max_size=2) | st.builds(dict, x=NUMBERS)
)
URLS = st.sampled_from(
    ["", "https://x.io", "http://localhost:0", "https://0", "https://x.io/a?b", "http://x.io", "ftp://x"]
)
WORDS = {
    "as": ["string", "date", "integer", "json"],
    "to": ["id", "created_at", "email", "_x", "cio_id"],
    **{key: ["5174e", "xxx", "a:b", "é"] for key in ("siteId", "secretKey", "accessToken", "spaceId")},
    "type": ["file", "segment", "customerio", "voucherify"],
    "refresh": ["off", "30d", "1m", "9999d", "30", "1.5h"],
    "delimiter": [";", "tab", "\\t", "::"],
    "transform": ["rules.py:clean", "rules.py", "a:b"],
}
LIKELY: dict[str, st.SearchStrategy[object]] = {
    **dict.fromkeys(["baseUrl", "appBaseUrl", "notify"], URLS),
    **dict.fromkeys(["from", "except", "files", "source", "userId"], FIELDS),
    **dict.fromkeys(["rate", "timeout", "parallelism", "batchItems"], NUMBERS),
    **{key: st.sampled_from(words) for key, words in WORDS.items()},
}


def likely(model: type[BaseModel], key: str) -> st.SearchStrategy[object]:
    """What a key might hold: one of its words, or what people write there."""
    kinds = get_args(field.annotation) if (field := aliases(model).get(key)) else ()
    words = [word for kind in (field.annotation if field else None, *kinds) for word in get_args(kind)]
    return LIKELY.get(key, TEXTS) | st.sampled_from([word for word in words if isinstance(word, str)] or ["zzz"])


@st.composite
def nearly_good(draw: st.DrawFn) -> dict[str, object]:
    """A good configuration, of which up to two keys are written otherwise, or left out."""
    config = deepcopy(draw(st.sampled_from(GOOD)))
    for _ in range(draw(st.integers(0, 2))):
        homes: list[tuple[type[BaseModel], object]] = [(Sync, config)]
        for home, default in (("destination", DEFAULT_DESTINATION), ("source", DEFAULT_SOURCE)):
            written = config.get(home)
            kind = str(written.get("type")) if isinstance(written, dict) else default
            homes.append((SETTINGS[home].get(kind, SETTINGS[home][default]), written))
        mappings = config.get("mappings")
        entries = [entry for entry in (mappings if isinstance(mappings, list) else ()) if isinstance(entry, dict)]
        homes += [(Mapping, entry) for entry in entries] + [(Otherwise, entry.get("else")) for entry in entries]
        model, held = draw(st.sampled_from([(model, held) for model, held in homes if isinstance(held, dict)]))
        key = draw(st.sampled_from([*aliases(model), "zzz"]))
        held[key] = draw(likely(model, key) | ANY | st.just(GONE))
        if held[key] is GONE:
            del held[key]
    return config


@settings(max_examples=300)
@given(nearly_good())
def test_the_schema_and_the_loader_agree(config: dict[str, object]) -> None:
    said = problems(config)
    if SCHEMA.is_valid(config):
        assert [problem for problem in said if not any(words in problem for words in LOADER_ONLY)] == []
    else:
        assert said != []


# --- the verbs --------------------------------------------------------------------------------------------------------


def test_schema_prints_it(syncline: Syncline) -> None:
    ended = syncline("schema")
    assert (ended.code, ended.stdout, ended.stderr) == (0, schema_text(), "")


def test_schema_writes_it_over_nothing_but_an_older_one(syncline: Syncline, tmp_path: Path) -> None:
    file = tmp_path / "syncline.schema.json"
    for held in (None, '{"title": "Syncline configuration", "type": "object"}'):
        if held is not None:
            file.write_text(held, encoding="utf-8")
        ended = syncline("schema", "syncline.schema.json")
        assert (ended.code, ended.stdout) == (0, "wrote syncline.schema.json\n")
        assert file.read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize("held", ['{"userId": "id"}', "[]", "userId: id", ""])
def test_schema_overwrites_no_other_file(syncline: Syncline, tmp_path: Path, held: str) -> None:
    (tmp_path / "configuration.json").write_text(held, encoding="utf-8")
    ended = syncline("schema", "configuration.json")
    assert ended.code == 2
    assert "is no schema of Syncline's" in " ".join(ended.stderr.split())
    assert (tmp_path / "configuration.json").read_text(encoding="utf-8") == held


def test_schema_says_where_it_cannot_write(syncline: Syncline) -> None:
    ended = syncline("schema", "no/such/folder.json")
    assert ended.code == 2
    assert "cannot write no/such/folder.json" in " ".join(ended.stderr.split())


def test_init_brings_the_schema_that_its_configuration_names(syncline: Syncline, tmp_path: Path) -> None:
    ended = syncline("init", "customerio")
    assert ended.code == 0
    assert "wrote customerio.yaml" in ended.stdout
    assert "wrote syncline.schema.json" in ended.stdout
    first_line = (tmp_path / "customerio.yaml").read_text(encoding="utf-8").splitlines()[0]
    name = first_line.removeprefix("# yaml-language-server: $schema=")
    assert (tmp_path / name).read_text(encoding="utf-8") == schema_text()


def test_init_leaves_everything_alone_where_it_cannot_write_both(syncline: Syncline, tmp_path: Path) -> None:
    (tmp_path / "syncline.schema.json").write_text("mine", encoding="utf-8")
    assert syncline("init", "customerio").code == 2
    assert [file.name for file in tmp_path.iterdir()] == ["syncline.schema.json"]
    assert (tmp_path / "syncline.schema.json").read_text(encoding="utf-8") == "mine"
