"""Live figures → a progress line on a terminal, plain lines in a pipe.

Rows, rows/s, time left, requests in flight, and what limits it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import rich_click as click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from syncline.delivery import Gauge

_PLAIN_EVERY_S = 5.0
_LIVE_PER_S = 8


class Progress:
    """A `Watch`: writes to stderr, so that stdout keeps to its document."""

    def __init__(self) -> None:
        self._live = sys.stderr is not None and sys.stderr.isatty()  # a caller may have closed it
        self._console = Console(stderr=True, highlight=False)
        self._began = self._spoke = time.monotonic()

    def planning(self, rows: int, share: float | None) -> None:
        now = time.monotonic()
        if now - self._spoke >= (1 / _LIVE_PER_S if self._live else _PLAIN_EVERY_S):
            self._spoke = now
            line = planning_line(rows, share, now - self._began)
            _tell(f"\r\x1b[K{line}" if self._live else line, nl=not self._live)

    @contextmanager
    def delivering(self, gauge: Gauge) -> Iterator[None]:
        if self._live:
            _tell("\r\x1b[K", nl=False)
        began = time.monotonic()
        if self._live:
            show = _Line(gauge, began)
            with Live(show, console=self._console, refresh_per_second=_LIVE_PER_S, transient=True):
                yield
        else:
            with _told_every(_PLAIN_EVERY_S, lambda: _tell(delivery_line(gauge, began))):
                yield


class _Line:
    """Drawn anew at every refresh."""

    def __init__(self, gauge: Gauge, began: float) -> None:
        self._gauge, self._began = gauge, began

    def __rich__(self) -> Text:
        return Text(delivery_line(self._gauge, self._began), no_wrap=True, overflow="ellipsis")


def planning_line(rows: int, share: float | None, seconds: float) -> str:
    """`planning: 120,000 rows read · 65,000 rows/s · 40 % of the data · 3 s left`"""
    parts = [f"planning: {rows:,} rows read", f"{rows / max(seconds, 1e-3):,.0f} rows/s"]
    if share:
        parts += [f"{share:.0%} of the data", f"{seconds * (1 / share - 1):,.0f} s left"]
    return " · ".join(parts)


def delivery_line(gauge: Gauge, began: float) -> str:
    """`delivering 12,000 of 200,000 · 3,400 rows/s · 55 s left · 25 in flight · limit: rate`: fits 80 columns.

    While an API source is read, how far that is comes first, and nobody knows how much there is.
    """
    done, seconds = gauge.settled.total(), max(time.monotonic() - began, 1e-3)
    if gauge.source is not None:
        read = gauge.source
        rows = f"read {read.rows:,} · {read.rows / seconds:,.0f} rows/s · limit: {read.limited_by or 'the start'}"
        return f"{rows} · delivered {done:,} of {gauge.planned:,}"
    rate = done / seconds
    parts = [f"delivering {done:,} of {gauge.planned:,}", f"{rate:,.0f} rows/s"]
    if done:
        parts.append(f"{(gauge.planned - done) / rate:,.0f} s left")
    parts.append(f"{gauge.in_flight} in flight")
    if gauge.limited_by:
        parts.append(f"limit: {gauge.limited_by}")
    return " · ".join(parts)


@contextmanager
def _told_every(seconds: float, tell: Callable[[], None]) -> Iterator[None]:
    ended = threading.Event()

    def talk() -> None:
        while not ended.wait(seconds):
            tell()

    thread = threading.Thread(target=talk, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _tell(text: str, *, nl: bool = True) -> None:
    """Whoever watched may have gone; the sync goes on."""
    with suppress(OSError, ValueError):
        click.echo(text, err=True, nl=nl)
