"""The JSON Schema of a configuration → its reference: every key, what may be written there, and its default."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from generator.markdown import code, listed, table
from syncline.config.schema import schema
from syncline.config.spelling import CREDENTIALS, IGNORED, aliases, secret_names
from syncline.destinations.customerio.settings import Settings

Schema = Mapping[str, Any]  # as json.loads would give it

_SHORT_PATTERN = re.compile(r"(?!.*\(\?).{1,45}")  # one that a person can read
_REFERENCE = "#/$defs/reference"


def page() -> str:
    whole: Schema = schema()
    parts, secrets = whole["$defs"], secret_names(Settings)
    elsewhere = {*secrets, *CREDENTIALS, *IGNORED}
    top = {key: value for key, value in whole["properties"].items() if key not in elsewhere}
    settings = parts["Settings"]["properties"].items()
    destination = {key: _resolved(value, parts) for key, value in settings if secrets.get(key, key) == key}
    needed = [key for key, field in aliases(Settings).items() if field.is_required()]
    return f"""# Configuration

JSON or YAML (1.2), with these keys and no others: an unknown key is an error, with a "did you mean". All problems are
reported at once. [A first sync](../how-to/first-sync.md) shows how it hangs together; `syncline schema` prints the same
as a JSON Schema, for an editor.

`${{NAME}}` stands for a variable, of the environment or of `.env` beside the file: `${{A|B}}` for the first that is
set, `${{NAME:-text}}` with a default, `$${{` for the characters themselves. What a variable holds is never structure.

## At the top

{_keys(top, whole["required"])}
{_between(whole)}
## `source`

A text, a list of texts, or an object with these keys. `--path`, `--delimiter` and `--encoding` say it for one run.

{_keys(parts["Files"]["properties"], ())}
{_between(parts["Files"])}
## An entry of `mappings`

{_keys(parts["Mapping"]["properties"], parts["Mapping"]["required"])}
{_between(parts["Mapping"])}
## `destination`

{_keys(destination, needed)}
The credentials may stand under `destination`, at the top, or under {listed([code(home) for home in CREDENTIALS])}, in
any of these spellings; twice with different values is an error.

{table(["setting", "spellings"], _spellings(secrets))}"""


def _spellings(secrets: Mapping[str, str]) -> Iterable[Sequence[str]]:
    for alias in dict.fromkeys(secrets.values()):
        yield code(alias), ", ".join(code(spelling) for spelling, meant in secrets.items() if meant == alias)


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
        for one in rule.get("anyOf", [rule]):
            clauses += [f"{code(name)} {_asked(value)}" for name, value in one["properties"].items() if name != key]
        lines.append(f"{code(key)}: {', and '.join(clauses)}.")
    return "".join(f"- {line}\n" for line in lines)


def _asked(value: Schema) -> str:
    return "is a list" if value.get("type") == "array" else f"can be {_form(value)}"
