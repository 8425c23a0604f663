"""Strings that have broken programs before → what arrives when each is an identifier, a value, a name, an address or a
file. It is the same string, or its row is invalid and says why; and nothing of it moves a cursor or starts a formula.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from conftest import Local, Project
from corpus.command import typed
from corpus.tried import Tried

TOO_LONG = "x" * 1_001  # as a value: the row is invalid, whoever it is about
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
Same = Callable[[str, str], bool]
_CHUNK = 250  # mappings; a person has at most 300 attributes


class Desk:
    """One vendor and one folder for all of them: each check has a configuration and a ledger of its own."""

    def __init__(self, folder: Path, local: Local) -> None:
        self.project, self.local, self._count = Project(folder, local.url), local, 0

    def run(self, data: Path, *names: str, **settings: Any) -> tuple[dict[str, dict[str, Any]], Mapping[str, Any]]:
        """Who is there afterwards and was not before, and the report."""
        people = self.local.app.workspace.people
        before = {person.cio_id for person in people.values()}
        self._count += 1
        config = self.project.config(*names or ("a",), **{"name": f"sync-{self._count}", **settings})
        report = typed("run", config, "-d", data, "--json").document
        found: dict[str, dict[str, Any]] = {}
        for person in people.values():
            if person.cio_id not in before:
                held = {name: json.loads(bytes(raw)) for name, raw in person.given().items()}
                found[person.id or person.email or person.cio_id] = held | (
                    {"email": person.email} if person.email else {}
                )
        return found, report

    def rows(self, rows: Sequence[Mapping[str, object]]) -> Path:
        return self.project.data(rows)


def check_strings(strings: Sequence[str], folder: Path, local: Local) -> Iterator[Tried]:
    """Each string, in each place where a string can stand."""
    desk = Desk(folder, local)
    texts = list(dict.fromkeys(strings))
    yield _identifiers(texts, desk)
    yield _values(
        "a value of JSON", "v", texts, desk.rows([{"id": f"v{n}", "a": t} for n, t in enumerate(texts)]), desk
    )
    yield _values("a cell of CSV", "c", texts, _csv(texts, desk), desk)
    yield _names(texts, desk)
    yield _addresses(texts, desk)
    yield _targets(texts, desk)
    yield _files(texts, desk)
    yield _reports(texts, desk)


def _identifiers(texts: Sequence[str], desk: Desk) -> Tried:
    held, report = desk.run(desk.rows([{"id": text, "a": number} for number, text in enumerate(texts)]))
    numbers = {person["a"]: key for key, person in held.items()}
    return compared("an identifier", texts, numbers, _told(report), _same)


def _values(what: str, mark: str, texts: Sequence[str], data: Path, desk: Desk) -> Tried:
    """An empty cell of CSV says nothing, as it is documented."""
    held, report = desk.run(data)
    arrived = {int(key.removeprefix(mark)): person.get("a", "") for key, person in held.items()}
    return compared(what, texts, arrived, _told(report))


def _csv(texts: Sequence[str], desk: Desk) -> Path:
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([("id", "a"), *((f"c{n}", text) for n, text in enumerate(texts))])
    path = desk.project.folder / "data.csv"
    path.write_bytes(out.getvalue().encode())
    return path


def _names(texts: Sequence[str], desk: Desk) -> Tried:
    """A name that is kept for the destination is left out, and a warning says so."""
    rows = [{"id": f"n{number}", text: number} for number, text in enumerate(texts)]
    held, report = desk.run(desk.rows(rows), pick="all", mappings=[])
    arrived = {int(key[1:]): name for key, person in held.items() for name in person}
    told = {n for n, text in enumerate(texts) if any(f"field {text} is not sent" in one for one in report["warnings"])}
    return compared("a name", texts, arrived, told | _told(report))


def _addresses(texts: Sequence[str], desk: Desk) -> Tried:
    """Each address once: two people who share one may be one person to the vendor."""
    texts = list({text.lower(): text for text in texts}.values())
    held, report = desk.run(desk.rows([{"id": f"e{n}", "email": text} for n, text in enumerate(texts)]), "email")
    arrived = {int(key[1:]): person.get("email", "") for key, person in held.items()}
    return compared("an e-mail address", texts, arrived, _told(report), _same)


def _targets(texts: Sequence[str], desk: Desk) -> Tried:
    """A name that a mapping writes to. In a configuration, ${ begins a reference, and $${ is what it looks like."""
    names = [(number, text.replace("${", "$${")) for number, text in enumerate(texts)]
    good, refused = [], set[int]()
    for number, name in names:
        config = desk.project.config(mappings=[{"constant": number, "to": name}], name="one")
        ended = typed("run", config, "-d", desk.rows([]), "--dry-run")
        good += [(number, name)] if ended.code == 0 else []
        refused |= {number} if ended.code == 2 and "mappings[0].to" in ended.stderr else set()
    arrived: dict[int, str] = {}
    for at in range(0, len(good), _CHUNK):
        mappings = [{"constant": number, "to": name} for number, name in good[at : at + _CHUNK]]
        held, _ = desk.run(desk.rows([{"id": f"t{at}"}]), mappings=mappings)
        arrived |= {number: name for person in held.values() for name, number in person.items()}
    return compared("a name in a mapping", texts, arrived, refused)


def _files(texts: Sequence[str], desk: Desk) -> Tried:
    """What no file system takes for a name is no file here either."""
    home, arrived, impossible = desk.project.folder / "files", dict[int, str](), set[int]()
    home.mkdir()
    for number, text in enumerate(texts):
        file = home / text
        if "/" in text or "\0" in text or text in ("", ".", "..") or len(text.encode()) > 255:
            impossible.add(number)
            continue
        file.write_text(f'[{{"id":"f{number}","a":{number}}}]', encoding="utf-8")
        held, _ = desk.run(file)
        arrived |= {person["a"]: file.name for person in held.values()}
        file.write_text("[", encoding="utf-8")
        assert typed("run", desk.project.config("a"), "-d", file).code == 2
    return compared("a file's name", texts, arrived, impossible)


def _reports(texts: Sequence[str], desk: Desk) -> Tried:
    """Rows that are all invalid, in words (`typed` looks at every character), as CSV and as JSON lines. A row whose
    identifier is none has no key; its number tells which it is."""
    desk.run(desk.rows([{"id": text, "a": TOO_LONG} for text in texts]), name="reported")
    config = desk.project.folder / "configuration.json"
    words = typed("report", config)
    cells = list(csv.reader(io.StringIO(typed("report", config, "--csv", "-").stdout, newline=""), strict=True))
    lines = [json.loads(line) for line in typed("report", config, "--jsonl", "-").stdout.splitlines()]
    faults = ["the words do not tell of every row"] * (words.stdout.count("data.json row") < len(texts))
    faults += [f"a formula: {cell!a}" for row in cells for cell in row if cell.lstrip(" ").startswith(_FORMULA)]
    told = {line["row"] - 1: line for line in lines}
    faults += [f"not in the JSON lines: {text!a}" for number, text in enumerate(texts) if number not in told]
    for number, line in told.items():
        key = line["key"].partition(":")[2]
        if not _same(key, texts[number]) and line["rule"] not in ("identifier-unfit", "row-unreadable"):
            faults.append(f"in the JSON lines as {key!a}: {texts[number]!a}")
    return Tried("a key in the reports", len(cells) - 1, 0, faults)


def _told(report: Mapping[str, Any]) -> set[int]:
    """The texts whose rows are told of, by their places in the list; a report shows the first hundred rows."""
    return {problem["row"] - 1 for problem in report["problems"]}


def compared(
    what: str, texts: Sequence[str], arrived: Mapping[int, str], told: set[int], same: Same = str.__eq__
) -> Tried:
    """Every text is there as it is, or its row is told of."""
    faults = []
    for number, text in enumerate(texts):
        if number in arrived and number in told:
            faults.append(f"arrived and refused: {text!a}")
        elif number not in arrived and number not in told:
            faults.append(f"lost: {text!a}")
        elif number in arrived and not same(arrived[number], text):
            faults.append(f"arrived as {arrived[number]!a}: {text!a}")
    return Tried(f"strings as {what}", len(arrived), len(told), faults)


def _same(found: str, text: str) -> bool:
    """The same text, or the same e-mail address in small letters, as it names a person."""
    return found == text or ("@" in text and found == text.lower())
