"""A model → for each of its keys, what may be written there, in the words of JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from pydantic import BaseModel

from syncline.config.addresses import ORIGIN_FORM
from syncline.config.names import aliases
from syncline.config.rules import is_origin
from syncline.config.values import Several

Schema = dict[str, object]

REFERENCE: Schema = {"description": "A variable, or text with one in it.", "type": "string", "pattern": r"\$\{"}
_REFERENCE: Schema = {"$ref": "#/$defs/reference"}


def an_object(properties: Mapping[str, Schema], **more: object) -> Schema:
    """With these keys and no others."""
    return {"type": "object", "properties": properties, "additionalProperties": False, **more}


def one_of(*values: str) -> Schema:
    return or_reference({"enum": list(values)})


def properties_of(model: type[BaseModel]) -> dict[str, Schema]:
    """The keys of a model, and what may be written there."""
    generated = cast("dict[str, Schema]", model.model_json_schema()["properties"])
    properties = {}
    for alias, field in aliases(model).items():
        value = _without_null(generated[alias])
        if is_origin(alias):
            value["pattern"] = ORIGIN_FORM
        if Several in field.metadata:
            value = _one_or(value)
        properties[alias] = annotated(generated[alias], or_reference(value))
    return properties


def annotated(generated: Schema, value: Schema) -> Schema:
    """With the model's words, and with its default where that can be written down."""
    default = generated.get("default")
    return {
        "description": generated["description"],
        **value,
        **({} if default in (None, "", []) else {"default": default}),
    }


def or_reference(value: Schema) -> Schema:
    """A variable is text, so wherever not every text will do, a reference must."""
    if value.get("type") == "array":
        return {**value, "items": or_reference(cast("Schema", value["items"]))}
    if "$ref" in value:
        return value
    some = alternatives(value)
    if {"type": "string"} in some or value == {}:
        return value
    return {"anyOf": [*(or_reference(one) if one.get("type") == "array" else one for one in some), _REFERENCE]}


def alternatives(value: Schema) -> list[Schema]:
    return cast("list[Schema]", value.get("anyOf", [value]))


def _without_null(generated: Schema) -> Schema:
    """What pydantic says of a value; null only where it is one of several values, and not just "not given"."""
    value = {key: said for key, said in generated.items() if key not in ("title", "description", "default")}
    given = [one for one in alternatives(value) if one != {"type": "null"}]
    return {**value, **given[0]} if len(given) == 1 and value.pop("anyOf", None) else value


def _one_or(value: Schema) -> Schema:
    """One, or a list of at least one. What a list may hold besides, one alone is not: a list."""
    held = cast("Schema", value["items"])
    some = cast("list[Schema]", held.get("oneOf", [held]))
    lists = [{**one, "minItems": 1} for one in some if one["type"] == "array"]
    single = [one for one in some if one["type"] != "array"]
    items: Schema = {"anyOf": [*single, *lists]} if lists else held
    return {"anyOf": [*single, {**value, "items": items, "minItems": 1}]}
