"""The models → a JSON Schema of configurations, for editors. Generated, so that it knows every key and every bound.

`syncline.schema.json` beside this file is the same as text; `syncline schema src/syncline/config/syncline.schema.json`
writes it anew. Some things only the loader can say: names given twice, what a destination keeps for itself, what is in
other files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from pydantic import BaseModel

from syncline.config.addresses import ORIGIN_FORM
from syncline.config.credentials import IN_BASIC_USER, MAX_CREDENTIAL
from syncline.config.kinds import DEFAULT_DESTINATION, DESTINATIONS
from syncline.config.mapping_rules import HASHED, NORMALISED
from syncline.config.model import Mapping as Attribute
from syncline.config.model import Sync
from syncline.config.rules import is_origin
from syncline.config.source import Files
from syncline.config.spelling import CREDENTIALS, IGNORED, aliases, secret_names
from syncline.config.values import Several

TITLE = "Syncline configuration"

Schema = dict[str, object]

_DESTINATION = DESTINATIONS[DEFAULT_DESTINATION]
_SECRETS = secret_names(_DESTINATION.settings)
_REFERENCE: Schema = {"$ref": "#/$defs/reference"}


def schema() -> Schema:
    """The schema, in draft 2020-12."""
    secrets: dict[str, Schema] = {spelling: {"$ref": f"#/$defs/{alias}"} for spelling, alias in _SECRETS.items()}
    properties, of_files = _properties(Sync), _properties(Files)
    as_object = {"$ref": properties["source"].pop("$ref")}
    properties["source"]["anyOf"] = [*_alternatives(of_files["files"]), as_object]
    properties["mappings"]["maxItems"] = _DESTINATION.attributes
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": TITLE,
        "description": "One sync: which rows go where. ${NAME} stands for a variable of the environment or of .env.",
        "type": "object",
        "properties": {
            **{key: {"description": "The schema of this file, for editors.", "type": "string"} for key in IGNORED},
            **properties,
            **secrets,
            **{key: {"$ref": "#/$defs/credentials"} for key in CREDENTIALS},
        },
        "required": ["userId"],
        "additionalProperties": False,
        "dependentRequired": {"except": ["pick"]},
        "allOf": [_SOMETHING_TO_SEND, *map(_somewhere, _needed_credentials())],
        "$defs": {
            "Files": _object(of_files, **_BETWEEN_FILES_KEYS),
            "Settings": _object({**_properties(_DESTINATION.settings), **secrets}),
            "Mapping": _object(_properties(Attribute), required=["to"], **_BETWEEN_MAPPING_KEYS),
            "credentials": _object(secrets, description="Another place for the credentials."),
            **_credentials(),
            **_needed_credentials(),
            "reference": {"description": "A variable, or text with one in it.", "type": "string", "pattern": r"\$\{"},
        },
    }


def schema_text() -> str:
    """The schema as a file has it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _object(properties: Mapping[str, Schema], **more: object) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False, **more}


def _properties(model: type[BaseModel]) -> dict[str, Schema]:
    """The keys of a model, and what may be written there."""
    generated = cast("dict[str, Schema]", model.model_json_schema()["properties"])
    properties = {}
    for alias, field in aliases(model).items():
        value = _without_null(generated[alias])
        if is_origin(alias):
            value["pattern"] = ORIGIN_FORM
        if Several in field.metadata:
            value = {"anyOf": [value["items"], {**value, "minItems": 1}]}
        properties[alias] = _annotated(generated[alias], _or_reference(value))
    return properties


def _annotated(generated: Schema, value: Schema) -> Schema:
    """With the model's words, and with its default where that can be written down."""
    default = generated.get("default")
    return {
        "description": generated["description"],
        **value,
        **({} if default in (None, "", []) else {"default": default}),
    }


def _without_null(generated: Schema) -> Schema:
    """What pydantic says of a value; null only where it is one of several values, and not just "not given"."""
    value = {key: said for key, said in generated.items() if key not in ("title", "description", "default")}
    given = [one for one in _alternatives(value) if one != {"type": "null"}]
    return {**value, **given[0]} if len(given) == 1 and value.pop("anyOf", None) else value


def _or_reference(value: Schema) -> Schema:
    """A variable is text, so wherever not every text will do, a reference must."""
    if value.get("type") == "array":
        return {**value, "items": _or_reference(cast("Schema", value["items"]))}
    if "$ref" in value:
        return value
    some = _alternatives(value)
    if {"type": "string"} in some or value == {}:
        return value
    return {"anyOf": [*(_or_reference(one) if one.get("type") == "array" else one for one in some), _REFERENCE]}


def _alternatives(value: Schema) -> list[Schema]:
    return cast("list[Schema]", value.get("anyOf", [value]))


# --- credentials ------------------------------------------------------------------------------------------------------


def _credentials() -> dict[str, Schema]:
    generated = cast("dict[str, Schema]", _DESTINATION.settings.model_json_schema()["properties"])
    return {alias: _annotated(generated[alias], _credential(alias)) for alias in dict.fromkeys(_SECRETS.values())}


def _credential(alias: str) -> Schema:
    characters = "!-9;-~" if alias in IN_BASIC_USER else "!-~"
    return _or_reference({"type": "string", "pattern": f"^[{characters}]{{1,{MAX_CREDENTIAL}}}$"})


def _needed_credentials() -> dict[str, Schema]:
    """`with-siteId`: an object that has it, in whichever spelling."""
    needed = [alias for alias, field in aliases(_DESTINATION.settings).items() if field.is_required()]
    return {
        f"with-{alias}": {"anyOf": [{"required": [spelling]} for spelling, meant in _SECRETS.items() if meant == alias]}
        for alias in needed
    }


def _somewhere(name: str) -> Schema:
    """At the top level, or in one of the objects that may hold credentials."""
    here = {"$ref": f"#/$defs/{name}"}
    homes = [{"required": [home], "properties": {home: here}} for home in ("destination", *CREDENTIALS)]
    return {"anyOf": [here, *homes]}


# --- between keys -----------------------------------------------------------------------------------------------------


def _one_of(*values: str) -> Schema:
    return _or_reference({"enum": list(values)})


_SOMETHING_TO_SEND: Schema = {
    "anyOf": [{"required": ["pick"]}, {"required": ["mappings"], "properties": {"mappings": {"minItems": 1}}}]
}
_BETWEEN_FILES_KEYS: Schema = {
    "dependentSchemas": {
        "path": {"properties": {"format": _one_of("auto", "json")}},
        "delimiter": {"properties": {"format": _one_of("auto", "csv")}},
        "encoding": {
            "anyOf": [
                {"properties": {"encoding": {"const": "utf-8"}}},
                {"properties": {"format": _one_of("auto", "csv", "tsv")}},
            ]
        },
    }
}
_BETWEEN_MAPPING_KEYS: Schema = {
    "oneOf": [{"required": ["from"]}, {"required": ["constant"]}],
    "dependentSchemas": {
        "join": {"properties": {"from": {"type": "array"}}, "required": ["from"]},
        "normalise": {"properties": {"as": _one_of(*NORMALISED)}, "required": ["from"]},
        "hash": {"properties": {"as": _one_of(*HASHED)}, "required": ["from"]},
    },
}
