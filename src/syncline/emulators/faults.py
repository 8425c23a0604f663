"""`500:2%`, `503:every=10`, `outage:at=5s:for=30s` → what goes wrong, when, and how it looks. Pure: only a grammar.

The weather is ours, not the vendors': no vendor documents which faults it has, or how often. A fault is a word and its
options, joined by colons. Some option must say when; `--fault` may be repeated, and several faults are tried in turn.

    500:2%                  2 of 100 requests are answered 500, and nothing is applied
    429:5%:after=3          the same, with a `Retry-After: 3`
    502:every=10:html       every tenth request meets a proxy's HTML page
    reset:first=2           the first two connections are dropped before anything is applied
    outage:at=5s:for=30s    from the 5th second after the start on, nothing works for half a minute
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

SILENT = ("timeout", "reset", "lost")  # the faults in which no answer comes
SPOILED = ("slow", "truncated")  # everything is applied, and the true answer suffers on its way

WORDS: Mapping[str, str] = {
    "STATUS": "200 to 599: this is the answer, and nothing is applied; one of 300 to 399 needs `to=`",
    "outage": "503 with a proxy's HTML page, and nothing is applied",
    "timeout": "the request hangs until the client gives up; nothing is applied",
    "reset": "the connection is dropped before anything is applied",
    "lost": "the write is applied, then the connection is dropped: the lost acknowledgement",
    "slow": "the write is applied, and the answer drips, byte by byte, over `over=` (1s unless it says otherwise)",
    "truncated": "the write is applied, and the answer breaks off in the middle of its JSON",
    "partial": "207: one item in the middle is refused by two entries, the others are applied",
    "stray": "207: everything is applied, and the one entry names an index that no item has",
    "errors": "200, and yet its body lists an item as refused; the others are applied",
}
OPTIONS: Mapping[str, str] = {
    "SHARE%": "when: this share of the requests",
    "every": "when: `every=10` is each tenth request",
    "first": "when: `first=3` is the first three requests",
    "at": "when: `at=5s` is from the 5th second after the start on",
    "for": "when: `for=30s` is that long, from the start or from `at`",
    "after": "`after=3` is a `Retry-After: 3`; what is no number is sent as it stands",
    "date": "`date=3s` is a `Retry-After` with the HTTP date in 3 seconds",
    "html": "the body is a proxy's HTML page instead of the API's JSON",
    "to": "`to=http://127.0.0.1:9000` is the origin that the `Location` of a 301 or 307 names",
    "over": "`over=2s` is how long a slow answer takes",
}
_SHARE = re.compile(r"(\d+(?:\.\d+)?)%")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s)")
_LONGEST_S = 86_400.0
_HOW = "write STATUS:SHARE% (500:2%), or lost:every=10, timeout:first=3, outage:at=5s:for=30s"


class Fault(NamedTuple):
    """What goes wrong: a status, or one of WORDS. `share` (0…1) is of the requests that the other limits let through.

    every, first: 0 for no such limit. at_s, for_s: seconds since the start. retry_date_s: negative for no HTTP date.
    """

    what: int | str
    share: float
    retry_after: str = ""
    every: int = 0
    first: int = 0
    at_s: float = 0.0
    for_s: float = math.inf
    retry_date_s: float = -1.0
    html: bool = False
    to: str = ""
    over_s: float = 1.0

    def open(self, number: int, elapsed_s: float) -> bool:
        """May it strike the request `number`, counted from 1, so long after the start?"""
        return (
            (not self.every or number % self.every == 0)
            and (not self.first or number <= self.first)
            and self.at_s <= elapsed_s < self.at_s + self.for_s
        )

    @property
    def always_open(self) -> bool:
        return not (self.every or self.first or self.at_s) and math.isinf(self.for_s)


def parse(text: str) -> Fault:
    """`500:2%` → Fault(500, 0.02). Raises ValueError with a message that says how to write it."""
    word, options = _split(text.strip())
    try:
        fault = _with(_what(word), options)
        _consistent(fault)
    except ValueError as wrong:
        raise ValueError(f"{text[:40]!r} is no fault: {wrong}") from None
    return fault


def parse_all(texts: Iterable[str]) -> list[Fault]:
    """Several faults, each as one text or separated by commas (not by a date's, which has a blank behind it).

    Raises ValueError when their shares exceed 100%.
    """
    faults = [parse(part) for text in texts for part in re.split(",(?! )", text)]
    check(faults)
    return faults


def check(faults: Iterable[Fault]) -> None:
    """Raises ValueError when the shares of what may always strike exceed 100%."""
    if sum(fault.share for fault in faults if fault.always_open) > 1 + 1e-9:
        raise ValueError("the shares of all faults together exceed 100%")


def seconds(text: str) -> float:
    """`50ms`, `0.2s` → seconds, at most a day. Raises ValueError."""
    found = _DURATION.fullmatch(text)
    value = float(found[1]) / (1000 if found[2] == "ms" else 1) if found else math.inf
    if value > _LONGEST_S:
        raise ValueError(f"{text[:40]!r} is no duration; write 50ms or 0.2s, at most {_LONGEST_S:g}s")
    return value


def _split(text: str) -> tuple[str, list[str]]:
    """The word, and its options; an origin or a date may have colons of its own."""
    word, *parts = text.split(":")
    options: list[str] = []
    for part in parts:
        known = part.partition("=")[0] in _READERS or part.endswith("%")
        if options and options[-1].startswith(("to=", "after=")) and not known:
            options[-1] += f":{part}"
        else:
            options.append(part)
    return word, options


def _what(word: str) -> Fault:
    if re.fullmatch(r"[2-5]\d\d", word):
        return Fault(int(word), math.nan)
    if word in WORDS and word != "STATUS":
        return Fault(503, math.nan, html=True) if word == "outage" else Fault(word, math.nan)
    words = ", ".join(name for name in WORDS if name != "STATUS")
    raise ValueError(f"{word[:40]!r} is neither a status from 200 to 599 nor one of {words}; {_HOW}")


def _with(fault: Fault, options: Iterable[str]) -> Fault:
    """The fault with its options; one that says when, but no share, strikes whenever it may."""
    share, timed = math.nan, False
    for option in options:
        name, _, value = option.partition("=")
        if found := _SHARE.fullmatch(option):
            share = float(found[1]) / 100
        elif name in _READERS:
            fault = _READERS[name](fault, value)
            timed = timed or name in ("every", "first", "at", "for")
        else:
            raise ValueError(f"{option[:40]!r} is none of {', '.join(OPTIONS)}; {_HOW}")
    if not timed and math.isnan(share):
        raise ValueError(f"it must say when; {_HOW}")
    return fault._replace(share=1.0 if math.isnan(share) else share)


def _consistent(fault: Fault) -> None:
    redirects = isinstance(fault.what, int) and 300 <= fault.what < 400
    if redirects and not fault.to:
        raise ValueError("a redirect needs its target: 307:5%:to=http://127.0.0.1:9000")
    if fault.to and not redirects:
        raise ValueError("to= is for the statuses from 300 to 399")
    if fault.share > 1:
        raise ValueError("a share cannot exceed 100%")


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,8}", text):
        raise ValueError(f"{text[:40]!r} is no number from 1 on")
    return int(text)


def _text(text: str) -> str:
    """A header's value."""
    if not text or not text.isascii() or not text.isprintable():
        raise ValueError("after= needs a value of printable ASCII")
    return text


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or not text.isascii():
        raise ValueError(f"{text[:40]!r} is no origin; write http://127.0.0.1:9000, without a path")
    return text


def _flag(text: str) -> bool:
    if text:
        raise ValueError("html takes no value")
    return True


_READERS: Mapping[str, Callable[[Fault, str], Fault]] = {
    "every": lambda fault, text: fault._replace(every=_count(text)),
    "first": lambda fault, text: fault._replace(first=_count(text)),
    "at": lambda fault, text: fault._replace(at_s=seconds(text)),
    "for": lambda fault, text: fault._replace(for_s=seconds(text)),
    "after": lambda fault, text: fault._replace(retry_after=_text(text)),
    "date": lambda fault, text: fault._replace(retry_date_s=seconds(text)),
    "html": lambda fault, text: fault._replace(html=_flag(text)),
    "to": lambda fault, text: fault._replace(to=_origin(text)),
    "over": lambda fault, text: fault._replace(over_s=seconds(text)),
}
