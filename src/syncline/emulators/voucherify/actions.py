"""Asynchronous actions: accepted → ENQUEUED → IN_PROGRESS → DONE or FAILED, one after the other, as time goes by.

https://docs.voucherify.io/api-reference/async-actions/async-action-object (checked 2026-10). What an action does, it
does at its end, all at once; until then nothing of it is seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from msgspec import Struct

from syncline.emulators.voucherify.ends import FATES, End, Status
from syncline.emulators.voucherify.ids import action_id, request_id
from syncline.emulators.voucherify.problems import Problem
from syncline.emulators.voucherify.switches import Switches

Type = Literal["CUSTOMERS.BULK_UPDATE", "CUSTOMERS.METADATA_UPDATE", "CUSTOMERS.IMPORT_CSV"]


class Line(NamedTuple):
    """What became of one customer. found: it was there before; updated: it was written; problems: why it was not.

    row: its place in a CSV file, from 1; 0 where there is none.
    """

    source_id: str
    found: bool
    updated: bool
    problems: tuple[Problem, ...] = ()
    row: int = 0


class Work(NamedTuple):
    """What an action is to do: `items` of it; do(count, at_ms) does the first of them → what became of each.

    quiet: its counts say that nobody failed, whatever its errors say.
    """

    items: int
    do: Callable[[int, int], Sequence[Line]]
    quiet: bool = False


class Action(Struct):
    """Times are unix milliseconds. failed: how many the vendor counts as failed."""

    number: int
    type: Type
    created_ms: int
    begins_ms: int
    ends_ms: int
    status: Status = "ENQUEUED"
    lines: Sequence[Line] = ()
    failed: int = 0

    @property
    def id(self) -> str:
        return action_id(self.number)

    @property
    def request_id(self) -> str:
        return request_id(self.number)

    @property
    def over(self) -> bool:
        return self.status in ("DONE", "FAILED")

    @property
    def all_failed(self) -> bool:
        return self.failed > 0 and self.failed == len(self.lines)

    @property
    def told(self) -> bool:
        """Is there a result? FAILED alone has none."""
        return self.status == "DONE" or (self.over and self.all_failed)

    @property
    def changed_ms(self) -> int:
        """When its status last did."""
        return self.ends_ms if self.over else self.begins_ms if self.status == "IN_PROGRESS" else self.created_ms


class Actions:
    """held: id → action, oldest first; accepted: how many; ended: how many of them are over, in whatever way.

    delay_s: how long an action takes when it is its turn; it may change at any time. The first half of it the action is
    ENQUEUED, the second half IN_PROGRESS.
    """

    def __init__(self, now: Callable[[], float], delay_s: float, switches: Switches) -> None:
        self.delay_s = delay_s
        self.held: dict[str, Action] = {}
        self.accepted = self.ended = 0
        self._now, self._switches = now, switches
        self._scripted: deque[End] = deque()
        self._queue: deque[tuple[Action, Work, End]] = deque()
        self._busy_until_ms = 0

    def script(self, *ends: End) -> None:
        """How the next actions end, in turn, whatever the switches say."""
        self._scripted.extend(ends)

    def accept(self, kind: Type, work: Work) -> Action:
        self.accepted += 1
        end = self._end()
        now_ms, delay_ms = round(self._now() * 1000), round(self.delay_s * 1000)
        starts_ms = max(now_ms, self._busy_until_ms)
        action = Action(self.accepted, kind, now_ms, starts_ms + delay_ms // 2, starts_ms + delay_ms)
        if end != "never":  # nobody waits for what never ends
            self._busy_until_ms = action.ends_ms
        self.held[action.id] = action
        self._queue.append((action, work, end))
        self.settle()
        return action

    def find(self, identifier: str) -> Action | None:
        self.settle()
        return self.held.get(identifier)

    def settle(self) -> None:
        """Does what is due by now."""
        now_ms = round(self._now() * 1000)
        while self._queue and self._queue[0][0].ends_ms <= now_ms:
            self._finish(*self._queue.popleft())
        for action, _, _ in self._queue:
            if action.begins_ms > now_ms:
                break
            action.status = "IN_PROGRESS"

    def settle_all(self) -> None:
        """Does everything, due or not: the end has come."""
        while self._queue:
            self._finish(*self._queue.popleft())

    def settled(self) -> list[Action]:
        """Those of which nothing more will come."""
        waiting = {action.number for action, _, _ in self._queue}
        return [action for action in self.held.values() if action.number not in waiting]

    def restored(self, actions: Iterable[Action], accepted: int, ended: int) -> None:
        """Of another life of this project."""
        self.held = {action.id: action for action in actions}
        self.accepted, self.ended = accepted, ended

    def _end(self) -> End:
        if self._scripted:
            return self._scripted.popleft()
        first = self._switches.action_ends_first
        return self._switches.action_ends if not first or self.accepted <= first else "done"

    def _finish(self, action: Action, work: Work, end: End) -> None:
        fate = FATES[end]
        self.ended += 1
        action.lines = work.do(int(work.items * fate.share), action.ends_ms)
        action.failed = 0 if work.quiet else sum(not line.updated for line in action.lines)
        if not fate.status:
            del self.held[action.id]
        else:
            action.status = self._switches.all_failed if fate.status == "DONE" and action.all_failed else fate.status
