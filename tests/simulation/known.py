"""Faults that the simulation has found and the product still has. Each excludes what triggers it; empty is the aim.

`make simulate ALL=1` plays what they exclude, too.
"""

from __future__ import annotations

import os

KNOWN: frozenset[str] = frozenset(
    set()
    if os.environ.get("SYNCLINE_SIMULATE_ALL")
    else {
        # One courier, an API source: when reading ends while he is under way, nobody wakes him again. Such scenes have
        # two couriers at least. (`Stream.pending` yields None although reading has ended meanwhile.)
        "lost wake-up",
        # A source that gives nothing, or a run that only asks for tickets, while the plan of the run before holds an
        # entry back: `send` asks that plan for ever. Where keys repeat, an API source has fair weather, and there are
        # no tickets. (`count_held` counts what neither a `Stream` without a run of its own nor `OpenTickets` delivers.)
        "endless rounds",
        # Each round of `send` has a new engine, which knows nothing of the pace, the pauses and the quota of the one
        # before. Where keys repeat in an API source, R2 and R3 are not asked of the destination.
        "new engine, new pace",
        # A run that begins by asking for tickets gives them up when that stops early, and sends again unasked. J is
        # asked of `--resume` alone.
        "tickets given up",
        # A process that dies after the last ticket was asked for, and before that was merged: its acknowledgements are
        # neither believed nor in doubt. Nobody dies while asking. (`OpenTickets` does not reopen the run.)
        "tickets unmerged",
        # What is asked for by a ticket, and came to nothing, is sent again; and in the same pass it is met once more
        # among what is pending, so that it is under way twice. Nothing of a bulk upsert comes to nothing. (`_forget`.)
        "ticket forgotten",
        # Who is denied (401, 403) while he asks for a result, and was accepted before, is called rejected, without a
        # doubt. Nobody who writes in bulk meets a flaky 401. (`_denied`, `_refused`: a talk with a ticket.)
        "denied while asking",
        # Each time a rate is learned, what is owed to the pace is multiplied, and never shrinks when the rate grows:
        # at two requests a second soon hours lie between two. No API takes so little. (`Bucket.turn`)
        "debt that grows",
        # Somebody who has two profiles on two pages is sent twice; where Voucherify replaces `metadata` as a whole, the
        # keys of the first are gone. There the source has nobody twice.
        "replaced in parts",
    }
)
