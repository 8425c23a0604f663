"""How an asynchronous action ends, in words: what it applies, and what is told of it afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Status = Literal["ENQUEUED", "IN_PROGRESS", "DONE", "FAILED"]
End = Literal["done", "never", "failed", "half", "forgotten", "lost"]


class Fate(NamedTuple):
    """share: of the items, how many are applied, from the front; status: "" where the action is a 404 from then on."""

    share: float
    status: Status | Literal[""]


FATES: Mapping[End, Fate] = {
    "done": Fate(1.0, "DONE"),
    "never": Fate(0.0, "IN_PROGRESS"),
    "failed": Fate(0.0, "FAILED"),
    "half": Fate(0.5, "FAILED"),
    "forgotten": Fate(1.0, ""),
    "lost": Fate(0.0, ""),
}
