"""The types of source and destination → what each may say, and asks of the rest, in the words of JSON Schema."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast, get_args

from pydantic import BaseModel

from syncline.config.credentials import IN_BASIC_USER, MAX_CREDENTIAL
from syncline.config.kinds import DEFAULT_DESTINATION, DESTINATIONS, SETTINGS, Kind
from syncline.config.model import Mode
from syncline.config.names import aliases, credential_names, secrets
from syncline.config.schema_values import (
    Schema,
    alternatives,
    an_object,
    annotated,
    one_of,
    or_reference,
    properties_of,
)
from syncline.config.source import Files
from syncline.config.spelling import CREDENTIALS
from syncline.sources.segment import settings as segment

_HOMES = ("destination", *CREDENTIALS)
_BETWEEN_FILES_KEYS: Schema = {
    "dependentSchemas": {
        "path": {"properties": {"format": one_of("auto", "json")}},
        "delimiter": {"properties": {"format": one_of("auto", "csv")}},
        "encoding": {
            "anyOf": [
                {"properties": {"encoding": {"const": "utf-8"}}},
                {"properties": {"format": one_of("auto", "csv", "tsv")}},
            ]
        },
    }
}


def source() -> Schema:
    """A file, a list of files, or an object of some type."""
    files = properties_of(Files)["files"]
    return {"anyOf": [*alternatives(files), *_refs(SETTINGS["source"])]}


def destination() -> Schema:
    return {"anyOf": _refs(SETTINGS["destination"])}


def definitions() -> dict[str, Schema]:
    """By type, its settings; by credential, what it must look like; and `with-siteId`: an object that has it."""
    by_type = {**SETTINGS["source"], **SETTINGS["destination"]}
    held = [_credentials(settings) | _with_credentials(settings) for settings in by_type.values()]
    return {
        **{name: _settings(settings) for name, settings in by_type.items()},
        "credentials": an_object(credentials(), description="Another place for the destination's credentials."),
        **{key: value for part in held for key, value in part.items()},
    }


def credentials() -> dict[str, Schema]:
    """Every spelling of the credentials of every destination."""
    return {key: value for one in SETTINGS["destination"].values() for key, value in _spelled(one).items()}


def rules() -> list[Schema]:
    """What a type asks of keys that stand elsewhere."""
    named = or_reference({"const": "segment"})
    of_segment: Schema = {"type": "object", "required": ["type"], "properties": {"type": named}}
    is_segment: Schema = {"required": ["source"], "properties": {"source": of_segment}}
    asked: list[Schema] = [{"if": _is(name), "then": _asked(kind)} for name, kind in DESTINATIONS.items()]
    return [{"if": is_segment, "else": {"required": ["userId"]}}, *asked]


def _refs(names: Iterable[str]) -> list[Schema]:
    return [{"$ref": f"#/$defs/{name}"} for name in names]


def _settings(settings: type[BaseModel]) -> Schema:
    """Of the default types, `type` may be left out."""
    properties = {**properties_of(settings), **_spelled(settings)}
    if settings is Files:
        return an_object(properties, **_BETWEEN_FILES_KEYS)
    if settings is SETTINGS["destination"][DEFAULT_DESTINATION]:
        return an_object(properties)
    properties["type"] = {key: said for key, said in properties["type"].items() if key != "default"}
    if settings is segment.Settings:  # a destination's credentials may also stand elsewhere
        return an_object(properties, required=["type"], allOf=_refs(_with_credentials(settings)))
    return an_object(properties, required=["type"])


def _spelled(settings: type[BaseModel]) -> dict[str, Schema]:
    return {spelling: {"$ref": f"#/$defs/{alias}"} for spelling, alias in credential_names(settings).items()}


def _credentials(settings: type[BaseModel]) -> dict[str, Schema]:
    generated = cast("dict[str, Schema]", settings.model_json_schema()["properties"])
    told = properties_of(settings)
    return {
        alias: annotated(generated[alias], _secret(alias)) if alias in secrets(settings) else told[alias]
        for alias in dict.fromkeys(credential_names(settings).values())
    }


def _secret(alias: str) -> Schema:
    characters = "!-9;-~" if alias in IN_BASIC_USER else "!-~"
    return or_reference({"type": "string", "pattern": f"^[{characters}]{{1,{MAX_CREDENTIAL}}}$"})


def _with_credentials(settings: type[BaseModel]) -> dict[str, Schema]:
    """`with-siteId`: an object that has it, in whichever spelling."""
    names = credential_names(settings)
    needed = [alias for alias, field in aliases(settings).items() if field.is_required()]
    return {
        f"with-{alias}": {"anyOf": [{"required": [spelling]} for spelling, meant in names.items() if meant == alias]}
        for alias in needed
    }


# --- what a destination asks of the rest ------------------------------------------------------------------------------


def _is(name: str) -> Schema:
    """The destination is of this type; of the default one, it need not say so."""
    of_type: Schema = {"properties": {"type": {"const": name}}}
    if name == DEFAULT_DESTINATION:
        return {"properties": {"destination": of_type}}
    stated: Schema = {"type": "object", "required": ["type"], **of_type}
    return {"required": ["destination"], "properties": {"destination": stated}}


def _asked(kind: Kind) -> Schema:
    """Its credentials and no other's, no more mappings than it has room for, a mode that it has."""
    own = credential_names(kind.settings)
    strange = dict.fromkeys((name for name in credentials() if name not in own), False)
    properties: dict[str, object] = {**strange, **{key: {"properties": strange} for key in CREDENTIALS}}
    properties["mappings"] = {"maxItems": kind.attributes}
    if len(kind.modes) < len(get_args(Mode)):
        properties["mode"] = one_of(*kind.modes)
    return {"properties": properties, "allOf": [_somewhere(name) for name in _with_credentials(kind.settings)]}


def _somewhere(name: str) -> Schema:
    """At the top level, or in one of the objects that may hold credentials."""
    here = {"$ref": f"#/$defs/{name}"}
    return {"anyOf": [here, *[{"required": [home], "properties": {home: here}} for home in _HOMES]]}
