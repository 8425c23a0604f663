"""What happens in the service → lines of JSON on stderr, one an event. Never a value, an id or a credential."""

from __future__ import annotations

import json
import os
import sys
import traceback
from contextlib import suppress
from datetime import UTC, datetime

from syncline.errors import printable

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def tell(event: str, **facts: str | float | None) -> None:
    """ASCII only, and nothing that steers a terminal. Whoever read our stderr may have gone; the service goes on."""
    shown = {name: printable(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}
    line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event} | shown)
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def tell_bug(error: BaseException) -> None:
    """Its kind and its place in our own code. Its text may hold data."""
    frames = traceback.extract_tb(error.__traceback__)
    place = next((frame for frame in reversed(frames) if frame.filename.startswith(_OURS)), None)
    where = f"{os.path.relpath(place.filename, _OURS)}:{place.lineno}" if place else "elsewhere"
    tell("bug", kind=type(error).__name__, place=where)
