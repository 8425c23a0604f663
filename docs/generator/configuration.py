"""The JSON Schema of a configuration → its reference: every key, what may be written there, and its default."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import BaseModel

from generator.markdown import code, listed, table
from syncline.config.kinds import DESTINATIONS, SOURCES
from syncline.config.names import aliases, credential_names
from syncline.config.schema import schema
from syncline.config.spelling import CREDENTIALS, IGNORED
from syncline.destinations.voucherify.fields import FIELDS

Schema = Mapping[str, Any]  # as json.loads would give it

_SHORT_PATTERN = re.compile(r"(?!.*\(\?).{1,45}")  # one that a person can read
_REFERENCE = "#/$defs/reference"


def page() -> str:
    whole: Schema = schema()
    parts = whole["$defs"]
    elsewhere = {*CREDENTIALS, *IGNORED, *_spellings_of_all()}
    fields = ", ".join(map(code, FIELDS))
    top = {key: value for key, value in whole["properties"].items() if key not in elsewhere}
    return f"""# Configuration

JSON or YAML (1.2), with these keys and no others: an unknown key is an error, with a "did you mean". All problems are
reported at once. [A first sync](../how-to/first-sync.md) shows how it hangs together; `syncline schema` prints the same
as a JSON Schema, for an editor.

`${{NAME}}` stands for a variable, of the environment or of `.env` beside the file: `${{A|B}}` for the first that is
set, `${{NAME:-text}}` with a default, `$${{` for the characters themselves. What a variable holds is never structure.
What is uploaded to [the service](../how-to/as-a-service.md) may say less.

## At the top

{_keys(top, {"userId"})}
A Segment space needs no `userId`. `mappings` may be absent where there is `pick`.

{_between(whole)}
## `source`: files

A text, a list of texts, or an object with these keys. `--path`, `--delimiter` and `--encoding` say it for one run.

{_keys(parts["file"]["properties"], ())}
{_between(parts["file"])}
## `source`: a Segment space

An object with `type: segment`. A row is `{{segment_id, user_id, external_ids, traits}}`: `user_id` is the newest
external id of the type that `identifier` names, `external_ids` has the newest of each type. Mappings say
`from: traits.email`.

{_settings(parts, SOURCES["segment"].settings, "segment")}
{_spelled(SOURCES["segment"].settings)}
## An entry of `mappings`

{_keys(parts["Mapping"]["properties"], parts["Mapping"]["required"])}
{_between(parts["Mapping"])}
`else` is an object with these keys:

{_keys(parts["Otherwise"]["properties"], parts["Otherwise"]["required"])}
## `destination`: Customer.io

An object with `type: customerio`, which may be left out.

{_settings(parts, DESTINATIONS["customerio"].settings, "customerio")}
{_places()}

{_spelled(DESTINATIONS["customerio"].settings)}
## `destination`: Voucherify

An object with `type: voucherify`; `mode` is `upsert`. A mapping may write to {fields}, and to any key of the metadata:
`metadata.tier`. [From any source to Voucherify](../how-to/to-voucherify.md) shows it.

{_settings(parts, DESTINATIONS["voucherify"].settings, "voucherify")}
{_places()}

{_spelled(DESTINATIONS["voucherify"].settings)}"""


def _settings(parts: Mapping[str, Schema], settings: type[BaseModel], name: str) -> str:
    """The keys of a `type`, each once, under the name that its settings use."""
    names = credential_names(settings)
    own = {key: value for key, value in parts[name]["properties"].items() if names.get(key, key) == key}
    needed = [key for key, field in aliases(settings).items() if field.is_required()]
    needed += parts[name].get("required", ())
    return _keys({key: _resolved(value, parts) for key, value in own.items()}, needed)


def _places() -> str:
    homes = listed(list(map(code, CREDENTIALS)))
    return f"""The credentials may stand under `destination`, at the top, or under {homes}, in any of
these spellings; twice with different values is an error."""


def _spelled(settings: type[BaseModel]) -> str:
    names = credential_names(settings)
    rows = [
        (code(alias), ", ".join(code(spelling) for spelling, meant in names.items() if meant == alias))
        for alias in dict.fromkeys(names.values())
    ]
    return table(["setting", "spellings"], rows)


def _spellings_of_all() -> set[str]:
    return {spelling for kind in DESTINATIONS.values() for spelling in credential_names(kind.settings)}


def _keys(properties: Mapping[str, Schema], needed: Collection[str]) -> str:
    rows = []
    for key, value in properties.items():
        default = code(value["default"]) if "default" in value else "(needed)" if key in needed else ""
        rows.append((code(key), _form(value), default, value["description"]))
    return table(["key", "value", "default", "meaning"], rows)


def _resolved(value: Schema, parts: Mapping[str, Schema]) -> Schema:
    """A key that is described elsewhere in the schema, with what is said there."""
    return value if "description" in value else parts[value["$ref"].rpartition("/")[2]]


def _form(value: Schema) -> str:
    """What may be written, in words: `upsert` or `update`; a whole number, 1 to 256; text or a list of text."""
    given = [one for one in value.get("anyOf", [value]) if one.get("$ref") != _REFERENCE]
    return listed(list(dict.fromkeys(map(_one, given))))


def _one(value: Schema) -> str:
    if "const" in value or "enum" in value:
        return listed([code(choice) for choice in value.get("enum", [value.get("const")])])
    match value.get("type", "object" if "$ref" in value else ""):
        case "integer" | "number" as kind:
            return ("a whole number" if kind == "integer" else "a number") + _bounds(value)
        case "array":
            return "a list of text" if _form(value["items"]).startswith("text") else "a list: see below"
        case "string":
            pattern = value.get("pattern", "")
            return f"text of the form {code(pattern)}" if _SHORT_PATTERN.fullmatch(pattern) else "text"
        case "object":
            return "an object: see below"
        case "boolean":
            return "true or false"
        case "null":
            return "null"
        case _:
            return "anything"


def _bounds(value: Schema) -> str:
    low = [f"at least {value['minimum']:,}"] if "minimum" in value else []
    low += [f"above {value['exclusiveMinimum']:,}"] if "exclusiveMinimum" in value else []
    high = [f"at most {value['maximum']:,}"] if "maximum" in value else []
    return ", " + " and ".join(low + high) if low or high else ""


def _between(part: Schema) -> str:
    """What the keys of one object ask of each other."""
    lines = []
    if "oneOf" in part:
        lines.append(f"One of {listed([code(one['required'][0]) for one in part['oneOf']], 'and')}, not both.")
    for key, others in part.get("dependentRequired", {}).items():
        lines.append(f"{code(key)} needs {listed(list(map(code, others)), 'and')}.")
    for key, rule in part.get("dependentSchemas", {}).items():
        clauses = [f"needs {code(name)}" for name in rule.get("required", [])]
        ways = rule.get("anyOf", [rule])
        if all("properties" not in one for one in ways):
            clauses.append(f"needs {listed([code(one['required'][0]) for one in ways], 'or')}")
        for one in ways:
            properties = one.get("properties", {}).items()
            clauses += [f"{code(name)} {_asked(value)}" for name, value in properties if name != key]
        lines.append(f"{code(key)}: {', and '.join(clauses)}.")
    return "".join(f"- {line}\n" for line in lines)


def _asked(value: Schema) -> str:
    return "is a list" if value.get("type") == "array" else f"can be {_form(value)}"
