"""What happened to whom → a log that forgets its oldest entries.

The names are the App API's: https://docs.customer.io/integrations/api/app/tag/activities/ (checked 2026-10).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import Literal

from msgspec import Raw, Struct

from syncline.emulators.customerio.identity import Identifier

REMEMBERED = 10_000  # activities; and as many failures, so that a large sync does not bury them

What = Literal[
    "profile_create",
    "attribute_change",
    "profile_delete",
    "profile_merge",
    "anon_merge",
    "device_change",
    "add_relationship",
    "delete_relationship",
    "event",
    "page",
    "screen",
    "failed_attribute_change",
    "failed_event",
    "failed_batch_update",
    "skipped_update",
]
Change = tuple[str, Raw | None, Raw | None]  # an attribute, its value before, and after; None where it was not set


class Activity(Struct, gc=False, frozen=True):
    """Something that happened, or did not. `at`: unix seconds; `who`: as it was addressed; `reason`: why not.

    person: its running number, 0 where nobody was found; number: counts the activities; name, data: of an event.
    """

    at: float
    what: What
    who: Identifier
    reason: str
    number: int = 0
    person: int = 0
    changes: tuple[Change, ...] = ()
    name: str = ""
    data: Raw | None = None


class Activities:
    """latest: the latest of all, oldest first; failures: the latest of what was accepted and then not done."""

    def __init__(self) -> None:
        self.latest: deque[Activity] = deque(maxlen=REMEMBERED)
        self.failures: deque[Activity] = deque(maxlen=REMEMBERED)
        self._noted = 0

    def note(
        self,
        at: float,
        what: What,
        who: Identifier,
        *,
        person: int = 0,
        reason: str = "",
        changes: tuple[Change, ...] = (),
        name: str = "",
        data: Raw | None = None,
    ) -> None:
        self._noted += 1
        activity = Activity(at, what, who, reason, self._noted, person, changes, name, data)
        self.latest.append(activity)
        if reason and what != "failed_batch_update":  # of that one the answer tells
            self.failures.append(activity)

    def newest_first(self) -> Iterator[Activity]:
        """All that is remembered: the failures that `latest` has forgotten come last."""
        kept = self.latest[0].number if self.latest else 0
        forgotten = (failure for failure in reversed(self.failures) if failure.number < kept)
        return chain(reversed(self.latest), forgotten)
