"""What each reader is given: texts as somebody writes them, and what a disk, a proxy or a person makes of them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hypothesis import strategies as st

from canaries import STEM
from forms import BOUNDARY, CONFIGURATION, DATA, form, part
from fuzz.corpus import BAD_JSON, GOOD_JSON, NAUGHTY, NO_ROWS

_BITS = (*b'{}[]":,', *b"\\\r\n\t ;|-+.eE0919", 0, 0xC3, 0xA9, 0xFF, 0xED, 0xEF, 0x1B)
_PIECES = st.sampled_from([bytes([bit]) for bit in _BITS]) | st.binary(max_size=4)
_JSON = [*GOOD_JSON, *BAD_JSON, *NO_ROWS]


@st.composite
def spoilt(draw: st.DrawFn, seeds: st.SearchStrategy[bytes], pieces: st.SearchStrategy[bytes] = _PIECES) -> bytes:
    """A seed as it is, or with a few bytes put in, taken out or doubled."""
    text = draw(seeds)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2, 4]))):
        begin = draw(st.integers(0, len(text)))
        end = draw(st.integers(begin, min(len(text), begin + 20)))
        keep = text[begin:end] * draw(st.sampled_from([0, 1, 2]))
        text = text[:begin] + keep + draw(pieces) + text[end:]
    return text


def _document(rows: Sequence[bytes], joint: bytes) -> bytes:
    return joint.join(rows) if joint == b"\n" else b"[" + joint.join(rows) + b"]"


ROWS = st.lists(st.sampled_from(_JSON) | st.sampled_from(GOOD_JSON), max_size=5)
JSON = spoilt(st.builds(_document, ROWS, st.sampled_from([b",", b", ", b",\n", b"\n"])))

_CELLS = st.sampled_from(NAUGHTY) | st.text(st.sampled_from('",;\t|\n\r a=é'), max_size=6)
_LINES = st.lists(st.lists(_CELLS, min_size=2, max_size=2), max_size=5)


def _table(lines: Sequence[Sequence[str]], quoted: bool, end: str) -> bytes:
    def cell(text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if quoted else text

    rows = ["id,name", *(",".join(map(cell, line)) for line in lines)]
    return (end.join(rows) + end).encode("utf-8", "surrogatepass")


CSV = spoilt(st.builds(_table, _LINES, st.booleans(), st.sampled_from(["\n", "\r\n", "\r"])))

_VALUES: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 6) | st.just(10**30) | st.floats() | st.sampled_from(NAUGHTY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["errors", "meta", "x"]), inner),
    max_leaves=5,
)


def _encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def _maybe(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """What it is documented to be, and now and then anything."""
    return st.integers(0, 15).flatmap(lambda dice: strategy if dice else _VALUES)


# https://docs.customer.io/api/track/ (checked 2026-10)
_BATCH_ERROR = st.fixed_dictionaries(
    {"batch_index": _maybe(st.integers(0, 2))},
    optional={name: _maybe(st.sampled_from(NAUGHTY)) for name in ("reason", "field", "message", "detail")},
)
_BATCH_ERRORS = _maybe(st.lists(_BATCH_ERROR, max_size=4))
_BATCH_ANSWER = st.fixed_dictionaries({"errors": _BATCH_ERRORS}, optional={"x": _VALUES})
BATCH_ANSWERS = spoilt(st.builds(_encoded, _maybe(_BATCH_ANSWER)))

# https://github.com/voucherifyio/voucherify-openapi (checked 2026-10)
_WORDS = {name: _maybe(st.sampled_from(NAUGHTY)) for name in ("message", "details", "key")}
_STATUSES = st.sampled_from(["DONE", "DONE", "DONE", "FAILED", "IN_PROGRESS", "ENQUEUED", "done"])


@st.composite
def _actions(draw: st.DrawFn) -> object:
    """An action over a, b and c that agrees with itself, but for what is now and then anything."""
    failed = draw(st.lists(st.sampled_from("abc"), unique=True))
    older = draw(st.booleans())
    result: dict[str, object] = {"done_count": draw(_maybe(st.just(3 - len(failed))))}
    if older:
        told = [{"source_id": one, "updated": draw(_maybe(st.just(one not in failed)))} for one in "abc"]
        result["results"] = draw(_maybe(st.just(told)))
    else:
        told = [
            {"source_id": draw(_maybe(st.just(one))), **draw(st.fixed_dictionaries({}, optional=_WORDS))}
            for one in failed
        ]
        result |= {"failed_count": draw(_maybe(st.just(len(failed)))), "errors": draw(_maybe(st.just(told)))}
    action = {"id": "aa_1", "status": draw(_maybe(_STATUSES)), "result": draw(_maybe(st.just(result)))}
    return action | draw(st.fixed_dictionaries(_WORDS) | st.just({}))


ACTIONS = spoilt(st.builds(_encoded, _maybe(_actions())))

_DATES = st.sampled_from(
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Wed, 31 Dec 9999 23:59:59 GMT",
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "Sun, 06 Nov 1994 08:49:37 -9999",
    ]
)
_NUMBERS = st.sampled_from(["0", "2", "-5", "1.5", "1e3", "99999999", "9" * 400, "٣", "soon", "inf", "2, 3", "+2"])


def _header(text: bytes) -> str:
    return text.decode("latin-1")


_HEADERS = st.builds(_header, spoilt((_DATES | _NUMBERS).map(str.encode)))
WAITS = st.fixed_dictionaries(
    {"retry-after": _HEADERS},
    optional=dict.fromkeys(("date", "x-rate-limit-remaining", "x-rate-limit-retry"), _HEADERS),
)

_FILES = [part(CONFIGURATION, "configuration.json"), part(DATA), part(b"x", "../../etc/cron.d/x"), part(b"")]
_PARTS = st.lists(st.sampled_from(_FILES), max_size=3)
_MARK = f"--{BOUNDARY}".encode()
_FORM_PIECES = st.sampled_from([b"\r\n", _MARK, b"\r\n" + _MARK, b"--", b'"', b"; filename*=utf-8''x"]) | _PIECES
FORMS = spoilt(st.builds(lambda parts: form(*parts), _PARTS), _FORM_PIECES)

_CONFIGURATION = {
    "name": "n",
    "userId": "id",
    "siteId": f"{STEM}Site",
    "apiKey": f"{STEM}Key",
    "parallelism": 25,
    "mappings": [{"from": "email", "to": "email"}],
    "destination": {"type": "customerio", "rate": 90, "batchItems": 500, "timeout": 30.5},
}
_YAML = f"""name: n
userId: id
mappings: # what is sent
  - {{from: email, to: email, as: string}}
  - from: [traits, plan]
    to: plan
parallelism: 25
destination:
  type: customerio
  siteId: "{STEM}Site"
  apiKey: '{STEM}Key'
  rate: 90
"""


@st.composite
def _changed(draw: st.DrawFn) -> bytes:
    """A good configuration in which one value is another."""
    name = draw(st.sampled_from([*_CONFIGURATION, "refresh", "failOn", "source", "nulls", "typo"]))
    return json.dumps({**_CONFIGURATION, name: draw(_VALUES)}, indent=draw(st.sampled_from([None, 2]))).encode()


CONFIGURATIONS = spoilt(st.just(_YAML.encode()) | st.just(json.dumps(_CONFIGURATION).encode())) | _changed()
