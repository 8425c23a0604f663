"""Every format, plain and compressed, through every way in, to the same people in a local Customer.io."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import syncline as library
from conftest import Local, Project, Syncline, people, writes
from syncline.model import Outcome

NAMES = ("Ada Lovelace", 'Grace "Amazing" Hopper', "Zoë, Łukasz & 😀", "two\nlines", "=1+1")
ROWS: list[dict[str, str]] = [
    {"id": f"u{number}", "name": name, "plan": "" if number == 2 else "pro"} for number, name in enumerate(NAMES)
]
HELD = {row["id"]: {"name": row["name"], "plan": row["plan"]} for row in ROWS}
WITHOUT_EMPTY = {who: {name: text for name, text in held.items() if text} for who, held in HELD.items()}


def as_csv(delimiter: str = ",") -> str:
    text = StringIO()
    writer = csv.DictWriter(text, ROWS[0].keys(), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(ROWS)
    return text.getvalue()


class Form(NamedTuple):
    """A file of the same five people. `source`: what the configuration must say of it; `held`: who arrives."""

    name: str
    text: str
    source: Mapping[str, str]
    held: Mapping[str, Mapping[str, str]]


FORMS = {
    "array": Form("users.json", json.dumps(ROWS), {}, HELD),
    "ndjson": Form("users.ndjson", "".join(json.dumps(row) + "\n" for row in ROWS), {}, HELD),
    "document": Form("export.json", json.dumps({"n": 5, "data": {"users": ROWS}}), {"path": "data.users"}, HELD),
    "csv": Form("users.csv", as_csv(), {}, WITHOUT_EMPTY),
    "semicolons": Form("users.csv", as_csv(";"), {"delimiter": ";"}, WITHOUT_EMPTY),
    "tsv": Form("users.tsv", as_csv("\t"), {}, WITHOUT_EMPTY),
    "nameless csv": Form("users", as_csv(), {"format": "csv"}, WITHOUT_EMPTY),
}

Configured = Callable[..., Path]
Run = Callable[[Syncline, Configured, Path], Mapping[str, Any]]


def _cli(*before: str, after: str = "-d", script: bool = False) -> Run:
    def run(syncline: Syncline, config: Configured, data: Path) -> Mapping[str, Any]:
        return _document(syncline(*before, config(), after, data, "--json", script=script))

    return run


def _document(ended: Any) -> Mapping[str, Any]:
    assert ended.code == 0, ended.stderr
    document: Mapping[str, Any] = ended.document
    return document


def _of_config(syncline: Syncline, config: Configured, data: Path) -> Mapping[str, Any]:
    return _document(syncline("run", config(files=data.name), "--json"))


def _stdin(syncline: Syncline, config: Configured, data: Path) -> Mapping[str, Any]:
    return _document(syncline("run", config(), "-d", "-", "--json", stdin=data))


def _glob(syncline: Syncline, config: Configured, data: Path) -> Mapping[str, Any]:
    return _document(syncline("run", config(), "-d", f"{data.name[:3]}*", "--json"))


def _library(syncline: Syncline, config: Configured, data: Path) -> Mapping[str, Any]:
    return library.run(config(), data).as_json()


def _several(syncline: Syncline, config: Configured, data: Path) -> Mapping[str, Any]:
    return library.run(config(), [data]).as_json()


WAYS: Mapping[str, Run] = {
    "run CONFIG -d DATA": _cli("run"),
    "-config CONFIG -data DATA": _cli("-config", after="-data", script=True),
    "-c CONFIG -d DATA": _cli("-c"),
    "source in CONFIG": _of_config,
    "stdin": _stdin,
    "glob": _glob,
    "syncline.run(path)": _library,
    "syncline.run([path])": _several,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("form", FORMS)
def test_the_same_people_arrive(
    project: Project, local: Local, syncline: Syncline, form: str, packed: bool, way: str
) -> None:
    name, text, source, held = FORMS[form]
    data = project.folder / (f"{name}.gz" if packed else name)
    data.write_bytes(gzip.compress(text.encode()) if packed else text.encode())

    def config(**more: str) -> Path:
        said: dict[str, Any] = {"source": {**source, **more}} if source or more else {}
        return project.config(**said)

    report = WAYS[way](syncline, config, data)
    assert people(local) == held
    assert (report["counts"]["delivered"], report["read"], writes(local)) == (5, 5, 1)
    again = library.run(config(), data)  # whatever way they came, they are the same people
    assert (again.counts[Outcome.UNCHANGED], writes(local)) == (5, 1)
