"""A parsed tree → a plain JSON tree with its references resolved, and what no configuration can hold.

One walk over what came from JSON, from YAML or from Python, so that the same limits hold for all three.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from syncline.config.environment import Malformed, Unset, Variables, resolve
from syncline.config.findings import Finding, Path, dotted, printable, secretive
from syncline.config.parse import MAX_DEPTH, MAX_DIGITS, MAX_VALUES, Twice, too_deep, too_many

_NAMES_SHOWN = 3  # of one reference


class Settled(NamedTuple):
    """borrowed: the paths whose text came from the environment; secrets: every text that must not be shown."""

    tree: object
    findings: list[Finding]
    borrowed: frozenset[Path]
    secrets: frozenset[str]
    warnings: tuple[str, ...]


def settle(raw: object, variables: Callable[[], Variables]) -> Settled:
    """Resolve and check every value. `variables` is asked only for a reference. Raises Unreadable at a limit."""
    walk = _Walk(variables)
    tree = walk.value(raw, ())
    return Settled(tree, walk.findings, frozenset(walk.borrowed), frozenset(walk.secrets), walk.warnings)


class _Walk:
    def __init__(self, variables: Callable[[], Variables]) -> None:
        self.findings: list[Finding] = []
        self.warnings: tuple[str, ...] = ()
        self.borrowed: set[Path] = set()
        self.secrets: set[str] = set()
        self._variables = variables
        self._count = 0

    def value(self, raw: object, path: Path) -> object:
        self._count += 1
        if self._count > MAX_VALUES:
            raise too_many((1, 1))
        if isinstance(raw, (Mapping, list, tuple)) and len(path) >= MAX_DEPTH:
            raise too_deep((1, 1))
        if isinstance(raw, Mapping):
            return self._object(raw, path)
        if isinstance(raw, (list, tuple)):
            return [self.value(item, (*path, index)) for index, item in enumerate(raw)]
        return self._scalar(raw, path)

    def _object(self, raw: Mapping[object, object], path: Path) -> dict[str, object]:
        if isinstance(raw, Twice):
            self.findings += [
                Finding(
                    (*path, key), f'the key "{printable(key)}" twice', "each key once", "Keep one of them.", at_key=True
                )
                for key in sorted(raw.repeated)
            ]
        plain: dict[str, object] = {}
        for key, item in raw.items():
            if isinstance(key, str) and _is_name(key):
                plain[key] = self.value(item, (*path, key))
            else:
                self._wrong(
                    path,
                    f"a key in {dotted(path)} that is not readable text",
                    "keys that are text",
                    "Rename or delete it.",
                )
        return plain

    def _scalar(self, raw: object, path: Path) -> object:
        if raw is None or isinstance(raw, bool):
            return raw
        if isinstance(raw, str):
            return self._text(raw, path)
        if isinstance(raw, (int, float)):
            if not math.isfinite(raw) if isinstance(raw, float) else abs(raw) >= 10**MAX_DIGITS:
                found = "a number that is not finite, too large, or of more digits than are kept here"
                self._wrong(path, found, "a plain number", "Write it shorter, or as a text in quotes.")
            return raw
        kind = type(raw).__name__
        self._wrong(
            path,
            f"a Python value of type {kind}",
            "text, a number, true, false, null, a list or an object",
            "Convert it first.",
        )
        return None

    def _text(self, raw: str, path: Path) -> str:
        if not _encodes(raw):
            self._wrong(path, "half a surrogate pair", "text that is valid Unicode", "Write the character itself.")
        elif "\0" in raw:
            self._wrong(path, "the character U+0000", "text without it, as in the data", "Delete it.")
        elif "${" in raw:
            return self._reference(raw, path)
        if secretive(path):
            self.secrets.add(raw)
        return raw

    def _reference(self, raw: str, path: Path) -> str:
        held = self._variables()
        self.warnings = held.warnings
        try:
            text = resolve(raw, held.values)
        except Unset as unset:
            many = "none of them is" if len(unset.names) > 1 else "it is not"
            file, left_out = printable(held.file), held.without(unset.names)
            where = (
                f"in the environment, and {left_out.words(file)}" if left_out else f"in the environment or in {file}"
            )
            mend = f"Mend {file}, or set" if left_out else "Set"
            self._wrong(
                path,
                f"a reference to {' and '.join(map(printable, unset.names[:_NAMES_SHOWN]))}, but {many} set {where}",
                "a variable that holds something",
                f"{mend} {unset.names[0]}, or write ${{{unset.names[0]}:-a default}}.",
            )
        except Malformed:
            fix = "Names have letters, digits and _; write $${ where you mean the characters ${ themselves."
            self._wrong(path, "${ without a variable's name and a }", "${NAME}, ${A|B} or ${NAME:-default}", fix)
        else:
            self.secrets.add(text)
            if "${" in raw.replace("$${", ""):
                self.borrowed.add(path)
            if _encodes(text):
                return text
            self._wrong(path, "a variable that does not hold UTF-8", "text that is valid Unicode", "Set it anew.")
        return raw

    def _wrong(self, path: Path, found: str, expected: str, fix: str) -> None:
        self.findings.append(Finding(path, f"{dotted(path)}: {found}" if path else found, expected, fix))


def _is_name(key: str) -> bool:
    return _encodes(key) and "\0" not in key


def _encodes(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
