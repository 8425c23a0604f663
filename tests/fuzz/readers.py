"""One reader and anything at all → nothing, where it did as promised. No traceback, and no value that is not there.

Each check reads the input a second time, as plainly as can be, and compares.
"""

from __future__ import annotations

import csv
import io
import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st

from canaries import STEM
from forms import BOUNDARY, cut, stream
from fuzz import inputs
from syncline.config import Sync, load
from syncline.delivery.patience import retry_after_s
from syncline.destinations.customerio import answers as batch_answers
from syncline.destinations.voucherify import answers as action_answers
from syncline.errors import Again, ConfigRefused, Garbled, Misconfigured, Refused
from syncline.model import Outcome, Response, Row, Verdict
from syncline.service.heads import Head
from syncline.service.limits import Limits
from syncline.service.multipart import read_parts
from syncline.service.refused import UploadRefused
from syncline.sources.formats import read_rows
from syncline.sources.place import Flaw, stopped
from syncline.sources.reading import AS_FOUND, Reading

_SIZES = (1, 7, 1 << 17)  # of blocks: nothing may depend on where they end
_NOW = 784_111_777.0  # Sun, 06 Nov 1994 08:49:37 GMT
_A_CENTURY_S = 3.2e9
_IDS = ("a", "b", "c")


# --- rows -------------------------------------------------------------------------------------------------------------


class Read(NamedTuple):
    """What a file gave: rows, and why it ended early, if it did."""

    rows: Sequence[Row]
    ending: str

    @property
    def good(self) -> bool:
        return not self.ending and not any(row.fault for row in self.rows)


def rows_of(data: bytes, reading: Reading = AS_FOUND, size: int = _SIZES[-1]) -> Read:
    rows: list[Row] = []
    try:
        for chunk in read_rows("f", cut(data, size), reading):
            rows += chunk
    except Flaw as flaw:
        return Read(rows, str(stopped("f", flaw, len(rows))))
    return Read(rows, "")


def check_rows(data: bytes, reading: Reading = AS_FOUND) -> Read:
    read = rows_of(data, reading)
    for size in _SIZES[:-1]:
        assert bool(rows_of(data, reading, size).ending) == bool(read.ending)
        assert [_plain(row) for row in rows_of(data, reading, size).rows] == [_plain(row) for row in read.rows]
    assert read.ending.isprintable()
    for row in read.rows:
        assert row.fault.isprintable()
        assert not (row.fault and row.fields)
    return read


def _plain(row: Row) -> object:
    return row.ref, bool(row.fault), {name: bytes(value) for name, value in row.fields.items()}


def check_json(data: bytes) -> None:
    """Whatever is read without a fault is what a strict reader makes of it, each number digit by digit."""
    read = check_rows(data)
    begin = data.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    if read.good and read.rows and begin[:1] in (b"[", b"{"):
        texts = [begin] if begin.startswith(b"[") else [line for line in begin.split(b"\n") if line.strip(b" \t\r")]
        values = strict(texts[0]) if begin.startswith(b"[") else [strict(text) for text in texts]
        assert [{name: strict(bytes(value)) for name, value in row.fields.items()} for row in read.rows] == values


def strict(text: bytes) -> Any:
    """JSON in which a number is its own text, and nothing is said twice."""

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    def none_such(word: str) -> object:
        raise AssertionError(word)

    return json.loads(
        text.decode(), object_pairs_hook=once, parse_int=_number, parse_float=_number, parse_constant=none_such
    )


def _number(text: str) -> tuple[str]:
    return (text,)


def check_csv(data: bytes) -> None:
    """Every cell is text, exactly as it stands, or an empty one."""
    read = check_rows(data, Reading(format="csv"))
    for row in read.rows:
        assert all(bytes(value)[:1] in (b"", b'"') for value in row.fields.values())
    if not read.good or data[:2] in (b"\xff\xfe", b"\xfe\xff", b"\x1f\x8b"):
        return
    text = data.decode("utf-8-sig")
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = next(filter(_holds, lines))
    assert [[json.loads(bytes(value) or b'""') for value in row.fields.values()] for row in read.rows] == [
        cells for cells in lines if cells and (len(header) == 1 or _holds(cells))
    ]
    assert all(list(row.fields) == header for row in read.rows)


def _holds(cells: Sequence[str]) -> bool:
    return len(cells) > 1 or bool(cells and cells[0].strip())


# --- answers ----------------------------------------------------------------------------------------------------------


def check_batch_answer(body: bytes) -> None:
    """Exactly who is listed is refused; where that cannot be told, nobody is anything."""
    for status in (200, 207):
        try:
            verdicts = batch_answers.verdicts(Response(status, {}, body), len(_IDS))
        except Garbled:
            continue
        listed = json.loads(body).get("errors") or []
        assert status == 200 or listed
        assert _refused(verdicts) == {error["batch_index"] for error in listed}
        assert all(type(error["batch_index"]) is int for error in listed)
        _check_words(verdicts)
    told = batch_answers.no(Response(400, {}, body))
    assert isinstance(told, Refused)
    _check_text(told.reason)


def check_action(body: bytes) -> None:
    """Who is listed is refused; whoever is not is delivered only where the counts say so."""
    try:
        verdicts = action_answers.outcome(Response(200, {}, body), "aa_1", _IDS)
    except (Again, Garbled) as error:
        _check_text(str(error), 600)
        return
    action = json.loads(body)
    assert action["id"] == "aa_1"
    if verdicts is None:
        assert action["status"] in {"ENQUEUED", "IN_PROGRESS"}
        return
    assert action["status"] in {"DONE", "FAILED"}
    result = action["result"]
    failed = {one["source_id"] for one in result.get("errors") or []}
    failed |= {one["source_id"] for one in result.get("results") or [] if one["updated"] is False}
    assert {_IDS[place] for place in _refused(verdicts)} == failed
    assert result["done_count"] in {len(_IDS) - len(failed), len(_IDS) if result.get("results") else -1}
    assert result.get("failed_count") in {None, len(failed)}
    _check_words(verdicts)


def check_words(body: bytes) -> None:
    """Whatever a vendor says, in whatever it is wrapped, is fit to be shown, or is no refusal."""
    for status in (202, 400, 402, 413, 422):
        told = action_answers.no(Response(status, {}, body))
        assert isinstance(told, (Refused, Garbled, Misconfigured))
        _check_text(str(told), 400)


def _refused(verdicts: Sequence[Verdict]) -> set[int]:
    assert len(verdicts) == len(_IDS)
    assert {verdict.outcome for verdict in verdicts} <= {Outcome.DELIVERED, Outcome.REJECTED}
    return {place for place, verdict in enumerate(verdicts) if verdict.outcome is Outcome.REJECTED}


def _check_words(verdicts: Sequence[Verdict]) -> None:
    for verdict in verdicts:
        _check_text(verdict.reason)
        _check_text(verdict.field)
        assert bool(verdict.reason) == (verdict.outcome is Outcome.REJECTED)


def _check_text(text: str, most: int = 300) -> None:
    assert text.isprintable()
    assert len(text) <= most


def check_wait(headers: Mapping[str, str]) -> None:
    """Nothing, or a time that a clock can wait; and whole seconds are as many as they say."""
    wait_s = retry_after_s(headers, _NOW)
    text = headers["retry-after"].strip()
    if wait_s is not None:
        assert math.isfinite(wait_s)
        assert 0 < wait_s < 4e11
    if text.isascii() and text.isdigit() and len(text) < 300:
        assert (wait_s or 0) == min(float(text), _A_CENTURY_S)
    quota = action_answers.quota_of("api_calls")(headers)
    assert quota is None or (quota.remaining >= 0 and (quota.until is None or quota.until >= 0))


# --- uploads ----------------------------------------------------------------------------------------------------------


def check_form(body: bytes) -> None:
    """The parts are what stands between boundaries; whatever else it is, it is refused with a status of a client's."""
    read = _parts(body, len(body) + 1)
    for size in _SIZES[:-1]:
        assert _parts(body, size) == read
    if isinstance(read, int):
        assert 400 <= read < 500
        return
    between = (b"\r\n" + body).split(f"\r\n--{BOUNDARY}".encode())
    assert [content for _, content in read] == [one.partition(b"\r\n\r\n")[2] for one in between[1:-1]]


def _parts(body: bytes, size: int) -> list[tuple[str, bytes]] | int:
    parts: list[tuple[str, bytes]] = []

    async def read() -> None:
        async for event in read_parts(stream(cut(body, size)), BOUNDARY.encode(), Limits()):
            if isinstance(event, Head):
                parts.append((event.filename, b""))
            else:
                parts[-1] = (parts[-1][0], parts[-1][1] + event)

    try:
        read().send(None)  # it waits for nobody, so one step is all
    except StopIteration:
        return parts
    except UploadRefused as refused:
        _check_text(str(refused))
        return refused.status
    raise AssertionError("it waits")


# --- configurations ---------------------------------------------------------------------------------------------------


def check_configuration(text: bytes) -> None:
    """Every problem at once, in words that tell no credential; or a Sync that says what is written, and no more."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "sync.yaml")
        file.write_bytes(text)
        file.chmod(0o600)
        sync, problems = _loaded(file)
    for problem in problems:
        assert problem.isprintable()
        assert not _tells(problem, text)
    assert (sync is None) == bool(problems)
    if sync is None:
        return
    if text.lstrip().startswith(b"{"):
        written = json.loads(text)
        assert type(written.get("parallelism", 25)) is int
        assert sync.parallelism == written.get("parallelism", sync.parallelism)
        assert sync.name == written.get("name", "sync")
        assert len(sync.mappings) == len(written["mappings"])


def _loaded(file: Path) -> tuple[Sync | None, list[str]]:
    try:
        return load(file, environment={}).sync, []
    except ConfigRefused as refused:
        return None, [str(problem) for problem in refused.problems]


def _tells(said: str, text: bytes) -> bool:
    """A credential that still stands where a credential stands is told by nobody; as a key it is no secret any more."""
    return STEM in said and text.count(STEM.encode()) == 2 and b'"' + STEM.encode() in text


class Reader(NamedTuple):
    """What is given to whom."""

    inputs: st.SearchStrategy[Any]
    check: Any


READERS: Mapping[str, Reader] = {
    "configuration": Reader(inputs.CONFIGURATIONS, check_configuration),
    "JSON": Reader(inputs.JSON, check_json),
    "CSV": Reader(inputs.CSV, check_csv),
    "207": Reader(inputs.BATCH_ANSWERS, check_batch_answer),
    "action": Reader(inputs.ACTIONS, check_action),
    "refusal": Reader(inputs.ACTIONS | inputs.BATCH_ANSWERS, check_words),
    "Retry-After": Reader(inputs.WAITS, check_wait),
    "multipart": Reader(inputs.FORMS, check_form),
}
