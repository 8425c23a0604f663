"""Refused by a 401 or 403, though a cheap read is not: is it about this row, or about everybody?

A key that reads and may not write looks the same as a row that nobody may write. Others tell: a row is given up only
when somebody is taken beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic

from syncline.delivery.desk import Desk
from syncline.delivery.gate import Gate
from syncline.delivery.policy import Policy
from syncline.delivery.talk import R, Talk, W
from syncline.errors import Refused
from syncline.model import Stop


def no(status: int) -> Refused:
    """It may be taken back: what these credentials may do is not for the row to say."""
    return Refused(f"refused with status {status}, though the credentials are good", passing=True)


class Denials(Generic[W, R]):
    """Those of one run. refuse: gives a row up, or halves a batch; halt: ends the run."""

    def __init__(
        self,
        desk: Desk[W, R],
        gate: Gate,
        policy: Policy,
        refuse: Callable[[Talk[W, R], Refused], None],
        halt: Callable[[Stop], None],
    ) -> None:
        self._desk, self._gate, self._policy, self._refuse, self._halt = desk, gate, policy, refuse, halt
        self._early, self._words = 0, ""  # single rows in this pass before anybody was taken; the last, in words
        self._in_a_row = 0  # requests, since somebody was taken
        self._suspects: list[tuple[Talk[W, R], Refused]] = []  # single rows, since then

    def begin_pass(self) -> None:
        self._early = 0

    def deny(self, talk: Talk[W, R], status: int) -> None:
        refusal = no(status)
        if self._gate.contacted:
            self._suspect(talk, refusal)
        elif len(talk.items) > 1:
            self._refuse(talk, refusal)
        else:
            self._desk.defer(talk, refusal.reason)
            self._early, self._words = self._early + 1, f"refused with status {status}, though the probe was not"
            if self._early >= self._policy.canary_rows:
                self._stop_before_anybody()

    def taken(self) -> None:
        """Somebody was: so it is about the rows that were not."""
        self._in_a_row = 0
        self.judged()

    def judged(self) -> bool:
        """Gives them up; also when nobody else is under way, who might tell: they are few, and others were taken
        before. Was there anybody?"""
        suspects, self._suspects = self._suspects, []
        for talk, refusal in suspects:
            self._refuse(talk, refusal)
        return bool(suspects)

    def end_pass(self) -> None:
        """Where nobody was ever taken, nobody is given up; and where nothing else is left to try, nobody waits."""
        if self._early and self._early == self._desk.deferred and not self._gate.contacted:
            self._stop_before_anybody()

    def let_go(self) -> list[Talk[W, R]]:
        """The run is over, and of whom it suspects it does not know."""
        suspects, self._suspects = self._suspects, []
        return [talk for talk, _ in suspects]

    def _suspect(self, talk: Talk[W, R], refusal: Refused) -> None:
        self._in_a_row += 1
        if len(talk.items) > 1:
            self._refuse(talk, refusal)
        else:
            self._suspects.append((talk, refusal))
        if self._in_a_row >= self._policy.denied_in_a_row:
            message = f"{self._in_a_row} requests in a row were {refusal.reason}"
            self._halt(Stop("credentials", f"{message}: may these credentials still write?"))

    def _stop_before_anybody(self) -> None:
        self._halt(Stop("credentials", f"every row tried so far was {self._words}: may these credentials write?"))
