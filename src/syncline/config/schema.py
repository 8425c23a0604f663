"""The models → a JSON Schema of configurations, for editors. Generated, so that it knows every key and every bound.

`syncline.schema.json` beside this file is the same as text; `syncline schema src/syncline/config/syncline.schema.json`
writes it anew. Some things only the loader can say: names given twice, what a destination keeps for itself, what is in
other files.
"""

from __future__ import annotations

import json

from syncline.config import schema_kinds
from syncline.config.mapping_rules import HASHED, NORMALISED
from syncline.config.model import Mapping, Otherwise, Sync
from syncline.config.schema_values import REFERENCE, Schema, an_object, one_of, properties_of
from syncline.config.spelling import CREDENTIALS, IGNORED

TITLE = "Syncline configuration"

_SOMETHING_TO_SEND: Schema = {
    "anyOf": [{"required": ["pick"]}, {"required": ["mappings"], "properties": {"mappings": {"minItems": 1}}}]
}
_JOINED: Schema = {"properties": {"from": {"type": "array"}}, "required": ["from"]}
# A list in a list only where the outer one is joined.
_FLAT: Schema = {
    "if": {"not": {"required": ["join"]}},
    "then": {"properties": {"from": {"items": {"type": "string"}}}},
}
_BETWEEN_MAPPING_KEYS: Schema = {
    "oneOf": [{"required": ["from"]}, {"required": ["constant"]}],
    "dependentRequired": {"else": ["from"]},
    "dependentSchemas": {
        "onError": {"anyOf": [{"required": [conversion]} for conversion in ("as", "normalise", "hash")]},
        "join": _JOINED,
        "normalise": {"properties": {"as": one_of(*NORMALISED)}, "required": ["from"]},
        "hash": {"properties": {"as": one_of(*HASHED)}, "required": ["from"]},
    },
    **_FLAT,
}


def schema() -> Schema:
    """The schema, in draft 2020-12."""
    properties = properties_of(Sync)
    for key, value in (("source", schema_kinds.source()), ("destination", schema_kinds.destination())):
        properties[key] = {"description": properties[key]["description"], **value}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": TITLE,
        "description": "One sync: which rows go where. ${NAME} stands for a variable of the environment or of .env.",
        "type": "object",
        "properties": {
            **{key: {"description": "The schema of this file, for editors.", "type": "string"} for key in IGNORED},
            **properties,
            **schema_kinds.credentials(),
            **{key: {"$ref": "#/$defs/credentials"} for key in CREDENTIALS},
        },
        "additionalProperties": False,
        "dependentRequired": {"except": ["pick"]},
        "allOf": [_SOMETHING_TO_SEND, *schema_kinds.rules()],
        "$defs": {
            **schema_kinds.definitions(),
            "Mapping": an_object(properties_of(Mapping), required=["to"], **_BETWEEN_MAPPING_KEYS),
            "Otherwise": an_object(
                properties_of(Otherwise), required=["from"], dependentSchemas={"join": _JOINED}, **_FLAT
            ),
            "reference": REFERENCE,
        },
    }


def schema_text() -> str:
    """The schema as a file has it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
