"""The parts of an upload → which is the configuration, and which the data. What they hold decides, never a name.

A configuration is one object of which two keys are a configuration's own; data is anything else. Read loosely: of a
configuration that is broken, its author is to hear what is wrong with it, with line and column. So where nothing else
is one, it is the object that is broken so badly that its keys cannot be told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from syncline.config.findings import squash
from syncline.config.kinds import DESTINATIONS
from syncline.config.model import Sync
from syncline.config.names import aliases, secrets
from syncline.config.spelling import CREDENTIALS
from syncline.errors import printable
from syncline.service.heads import too_large
from syncline.service.limits import CONFIGURATION_BYTES, FIELD, Limits
from syncline.service.refused import UploadRefused
from syncline.service.spool import Received
from syncline.service.uploads import Upload
from syncline.sources.gzipped import unpacked
from syncline.sources.place import Flaw

Keys = Sequence[str]

_ENOUGH = 2  # keys
_BLOCK_BYTES = 131_072
_GZIP = b"\x1f\x8b"  # https://www.rfc-editor.org/rfc/rfc1952
_COMMON = {"name", "source", "mode", "empty"}  # fields of many a row
_SECRETS = {alias for kind in DESTINATIONS.values() for alias in secrets(kind.settings)}
_OWN = {squash(key) for key in {*aliases(Sync), *_SECRETS, *CREDENTIALS} - _COMMON}
_AN_OBJECT = "A configuration is an object with userId and mappings"

_PREAMBLE = re.compile(r"(?:\s++|(?:#|//|---|%)[^\n]*+)*+")
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[{}\[\]:,]|[^\s{}\[\]:,"]++', re.DOTALL)
_YAML_KEY = re.compile(r"""^["']?([\w$-]++)["']?[ \t]*+:(?=\s|\Z)""", re.MULTILINE)


class Inputs(NamedTuple):
    """data: None where none was sent: the rows come from an API, or a plan is gone on with."""

    configuration: Received
    data: Received | None


def recognise(upload: Upload, limits: Limits = Limits()) -> Inputs:  # noqa: B008 # immutable
    """Reads files. Raises `UploadRefused` where it cannot be told, or the data is too large, packed or unpacked."""
    inputs = _told_apart(upload.parts, [_own_keys(part) for part in upload.parts])
    if inputs.data is not None:
        _check_size(inputs.data, limits)
    return inputs


def check_complete(inputs: Inputs, *, from_api: bool) -> None:
    """Where the rows do not come from an API, they come with the configuration. Raises `UploadRefused`."""
    if inputs.data is None and not from_api:
        found = f"no data beside {_shown(inputs.configuration)}"
        raise _cannot_tell(found, "a configuration and its data", "Send the data as a part of the same name.")


def _told_apart(parts: Sequence[Received], own: Sequence[Keys]) -> Inputs:
    plain = [part for part, keys in zip(parts, own, strict=True) if _weight(keys) >= _ENOUGH]
    others = [part for part in parts if part not in plain]
    if len(plain) == 1:
        return Inputs(plain[0], others[0] if others else None)
    names = " and ".join(map(_shown, parts))
    if not plain and len(broken := [part for part in parts if _is_a_broken_object(part)]) == 1:
        return Inputs(broken[0], next((part for part in parts if part is not broken[0]), None))
    if plain:
        raise _cannot_tell(f"two configurations: {names}", "one, and its data", "Send the data as the other part.")
    perhaps = [f"{_shown(part)} has {' and '.join(keys)}" for part, keys in zip(parts, own, strict=True) if keys]
    if perhaps:
        found = f"nothing that is plainly a configuration: {', '.join(perhaps)} alone"
        raise _cannot_tell(found, "a configuration", f"{_AN_OBJECT}; add what is missing.")
    found = f"{'data alone' if len(parts) == 1 else 'two data files'}: {names}"
    large = f" of at most {CONFIGURATION_BYTES:,} bytes" if any(map(_is_large, parts)) else ""
    raise _cannot_tell(found, f"a configuration{large}, and its data", f"{_AN_OBJECT}; send it as one of the parts.")


def _weight(keys: Keys) -> int:
    """`mappings` is so much a configuration's own that it needs no other."""
    return len(keys) + ("mappings" in keys)


def _shown(part: Received) -> str:
    name = f'"{printable(part.filename)}"' if part.filename else "a part without a file name"
    return f"{name} (empty)" if not part.bytes else name


def _cannot_tell(found: str, expected: str, fix: str) -> UploadRefused:
    return UploadRefused(422, found, expected, fix, where=FIELD)


def _is_large(part: Received) -> bool:
    return part.bytes > CONFIGURATION_BYTES


# --- what is in a part ------------------------------------------------------------------------------------------------


def _own_keys(part: Received) -> Keys:
    """The keys of a configuration that an object, at its top level, has; none where the part is something else."""
    if _is_large(part):
        return []
    rest = _rest(part)
    if rest.startswith("["):
        return []
    keys = _keys_of_object(rest) if rest.startswith("{") else _YAML_KEY.findall(rest)
    return list({squash(key): key for key in keys if squash(key) in _OWN}.values())


def _rest(part: Received) -> str:
    """Its text, without what may stand before a configuration."""
    text = _text(part.path.read_bytes())
    begin = _PREAMBLE.match(text)
    return text[begin.end() :] if begin else text


def _is_a_broken_object(part: Received) -> bool:
    """Does it begin as an object, and never become one? Rows, one a line, do."""
    if _is_large(part) or not (rest := _rest(part)).startswith("{"):
        return False
    try:
        json.JSONDecoder().raw_decode(rest)
    except (ValueError, RecursionError):
        return True
    return False


def _text(content: bytes) -> str:
    """Whatever it is, as text; `config.read` says what is wrong with a configuration in UTF-16."""
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:4]
    return content.decode("utf-16" if wide else "utf-8-sig", "replace")


def _keys_of_object(text: str) -> list[str]:
    """The keys of the first object; none where another follows: then each is a row."""
    keys: list[str] = []
    depth, word, ended = 0, "", False
    for token in _TOKEN.finditer(text):
        if ended:
            return [] if token[0] == "{" else keys
        match token[0]:
            case "{" | "[":
                depth += 1
            case "}" | "]":
                depth -= 1
                ended = depth == 0
            case ":":
                keys += [word] if depth == 1 else []
            case written:
                word = written.strip("\"'")
    return keys


# --- how much is in it ------------------------------------------------------------------------------------------------


def _check_size(data: Received, limits: Limits) -> None:
    if data.bytes > limits.data_bytes:
        raise too_large(f"{_shown(data)} of {data.bytes:,} bytes", limits)
    if _unpacks_beyond(data.path, limits.data_bytes):
        raise too_large(f"{_shown(data)}, which unpacks to more than {limits.data_bytes:,} bytes", limits)


def _unpacks_beyond(path: Path, most: int) -> bool:
    """Is it gzip data that holds more than `most` bytes? What is damaged is for its reader to say."""
    with path.open("rb") as file:
        if file.read(len(_GZIP)) != _GZIP:
            return False
        file.seek(0)
        try:
            sizes = map(len, unpacked(iter(lambda: file.read(_BLOCK_BYTES), b"")))
            return any(size > most for size in accumulate(sizes))
        except Flaw:
            return False
