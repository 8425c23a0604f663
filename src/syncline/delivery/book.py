"""What became of each change: verdicts and deferrals → the scribe, with every doubt that ever arose."""

from __future__ import annotations

from collections.abc import Sequence

from syncline.delivery.controls import Gauge
from syncline.delivery.scribe import Scribe
from syncline.delivery.talk import Talk
from syncline.errors import Refused
from syncline.model import Item, Outcome, Settled, Verdict


class Book:
    """ended: changes settled for good; deferred: changes put off since `deferred` was last set to 0."""

    def __init__(self, scribe: Scribe, gauge: Gauge) -> None:
        self._scribe, self._gauge = scribe, gauge
        self._doubts: dict[int, Outcome] = {}  # by entry: put off in this run, and perhaps applied
        self.ended = 0
        self.deferred = 0

    def settle(self, settled: Sequence[Settled]) -> None:
        if settled:
            self.ended += len(settled)
            self._gauge.settled.update(one.outcome for one in settled)
            self._scribe.add(settled)

    def conclude(self, talk: Talk, verdicts: Sequence[Verdict]) -> None:
        """One verdict an item, in order."""
        self.settle([self._final(talk, item, verdict) for item, verdict in zip(talk.items, verdicts, strict=True)])

    def refuse(self, talk: Talk, refusal: Refused) -> None:
        """The destination's no to a single item; too large for it means that we should have known."""
        outcome = Outcome.INVALID if refusal.too_large else Outcome.REJECTED
        self.conclude(talk, [Verdict(outcome, refusal.reason, refusal.field)])

    def put_off(self, talk: Talk, reason: str = "", *, silent: bool = False) -> None:
        """Deferred, or unknown when nobody can say whether it was applied; a later pass or run tries again."""
        talk.silent, talk.doubt = talk.silent or silent, talk.doubt or silent
        self.deferred += len(talk.items)
        self._scribe.add([self._shadowed(one) for one in talk.put_off(reason)])

    def abandon(self, talks: Sequence[Talk]) -> None:
        """At the end: what was tried keeps its last word; what never left needs no record."""
        for talk in talks:
            if not talk.untouched:
                self._scribe.add([self._shadowed(one) for one in talk.put_off()])

    def _final(self, talk: Talk, item: Item, verdict: Verdict) -> Settled:
        """Only an acknowledgement lifts a doubt: what was refused now may have been applied by an earlier attempt."""
        doubt = self._doubts.pop(item.change.entry, None) is not None or talk.doubt
        delivered = verdict.outcome is Outcome.DELIVERED
        return Settled(item.change, verdict.outcome, verdict.reason, verdict.field, doubt and not delivered)

    def _shadowed(self, one: Settled) -> Settled:
        """A doubt outlives the pass in which it arose, whatever the last word of this one is."""
        earlier = self._doubts.get(one.change.entry)
        if earlier is None and not one.doubt:
            return one
        outcome = Outcome.UNKNOWN if Outcome.UNKNOWN in {earlier, one.outcome} else one.outcome
        self._doubts[one.change.entry] = outcome
        return one._replace(outcome=outcome, doubt=True)
