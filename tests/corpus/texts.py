"""Files of JSON by name (y_: to be taken, n_: to be refused, i_: as one likes) → what our readers make of each.

Each text is read as the value of a row of an array, of a row of NDJSON and of a configuration, which must agree; and by
the command line as a whole file, of data and as a configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from conftest import Ended
from corpus.command import typed
from corpus.tried import Tried
from fuzz.readers import rows_of
from syncline.config import load
from syncline.errors import ConfigRefused

# Well formed, and refused on purpose by every reader of ours.
REFUSED: Mapping[str, str] = {
    "y_object_duplicated_key.json": "which of two values a key means, nobody can say",
    "y_object_duplicated_key_and_value.json": "a key that stands twice is a mistake, even with one value",
    "y_number_double_close_to_zero.json": "a number has at most 40 characters",
    "y_object_escaped_null_in_key.json": "at U+0000 many a program on the way ends a text",
    "y_string_null_escape.json": "the same",
}
# Where a row and a configuration differ: a row's number travels as it is written, a configuration's is a double.
NO_DOUBLE: Sequence[str] = (
    "i_number_double_huge_neg_exp.json",
    "i_number_neg_int_huge_exp.json",
    "i_number_pos_double_huge_exp.json",
    "i_number_real_neg_overflow.json",
    "i_number_real_pos_overflow.json",
    "i_number_real_underflow.json",
)

_PLACE = re.compile(r"f(:\d+:\d+| row \d+): found ")
_CONFIGURATION = b'{"userId":"id","siteId":"site","apiKey":"key","mappings":[{"from":"a","to":"b","default":%b}]}'


def check_texts(folder: Path, scratch: Path) -> Iterator[Tried]:
    """The files of a folder, each as a value and as a whole."""
    texts = {path.name: path.read_bytes() for path in sorted(folder.glob("*.json"))}
    yield _tried("JSON as a value", {name: _as_value(name, text, scratch) for name, text in texts.items()})
    yield _tried("JSON as a whole data file", {name: _as_data(name, text, scratch) for name, text in texts.items()})
    yield _tried("JSON as a whole configuration", {name: _as_settings(text, scratch) for name, text in texts.items()})


Judged = tuple[bool, str]
"""Was it taken? And what is wrong with that."""


def _tried(what: str, judged: Mapping[str, Judged]) -> Tried:
    taken = sum(taken for taken, _ in judged.values())
    faults = [f"{name}: {fault}" for name, (_, fault) in judged.items() if fault]
    return Tried(what, taken, len(judged) - taken, faults)


def _as_value(name: str, text: bytes, scratch: Path) -> Judged:
    array, why = _row(b'[{"a":%b}]' % text, text)
    ways = {"an array": array, "a configuration": _default(text, scratch) != (name in NO_DOUBLE)}
    if b"\n" not in (line := text.strip(b"\n")):
        ways["NDJSON"], _ = _row(b'{}\n{"a":%b}\n' % line, line)
    if len(set(ways.values())) > 1:
        return array, f"taken by {' and '.join(way for way, taken in ways.items() if taken)} alone"
    expected = {"y": name not in REFUSED, "n": False}.get(name[0], array)
    if array != expected:
        return array, "taken" if array else f"refused: {why}"
    return array, "" if array or _PLACE.match(why) else f"refused without its place: {why}"


def _row(document: bytes, text: bytes) -> tuple[bool, str]:
    """Is it read, digit by digit? And why not."""
    read = rows_of(document)
    why = read.ending or next((f"f row {row.ref.row}: {row.fault}" for row in read.rows if row.fault), "")
    return not why and bytes(read.rows[-1].fields["a"]) == text.strip(b" \t\r\n"), why


def _default(text: bytes, scratch: Path) -> bool:
    try:
        load(_written(scratch / "settings.json", _CONFIGURATION.replace(b"%b", text)), environment={})
    except ConfigRefused as refused:
        return not all(problem.line and problem.column for problem in refused.problems)
    return True


def _as_data(name: str, text: bytes, scratch: Path) -> Judged:
    """Alone in a file it is hardly ever rows; but nothing that is no JSON may end well."""
    config = _written(scratch / "settings.json", _CONFIGURATION.replace(b"%b", b"1"))
    ended = typed("run", config, "-d", _written(scratch / name, text), "--dry-run")
    (scratch / name).unlink()
    if name.startswith("n_") and ended.code == 0 and "invalid" not in ended.stdout:
        return True, "taken"
    return ended.code == 0, _unsaid(ended, name)


def _unsaid(ended: Ended, name: str) -> str:
    """What is refused is refused with the file's name, what was found there and what was expected."""
    if ended.code == 0 or re.search(rf"{re.escape(name)}\S*:? |rows have: ", ended.stdout + ended.stderr):
        return ""
    return f"refused without its place: {ended.stderr}"


def _as_settings(text: bytes, scratch: Path) -> Judged:
    """None of these is a configuration."""
    ended = typed("run", _written(scratch / "settings.json", text), "--json")
    if ended.code != 2:
        return True, f"exit {ended.code}"
    problems = ended.document["problems"]
    return False, "" if all(one["found"] and one["expected"] and one["fix"] for one in problems) else "without words"


def _written(path: Path, text: bytes) -> Path:
    path.write_bytes(text)
    path.chmod(0o600)
    return path
