"""Faults that the simulation has found and the product still has. Each excludes what triggers it; empty is the aim.

`make simulate ALL=1` plays what they exclude, too.
"""

from __future__ import annotations

import os

KNOWN: frozenset[str] = frozenset(
    set()
    if os.environ.get("SYNCLINE_SIMULATE_ALL")
    else {
        # Somebody who has two profiles on two pages is sent twice; where Voucherify replaces `metadata` as a whole, the
        # keys of the first are gone. There the source has nobody twice.
        "replaced in parts",
    }
)
