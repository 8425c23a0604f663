"""Batches → talks; verdicts and deferrals → the scribe, with every doubt that ever arose."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from syncline.delivery.controls import Gauge
from syncline.delivery.patience import refused_too_many
from syncline.delivery.policy import Policy
from syncline.delivery.scribe import Scribe
from syncline.delivery.talk import Talk, begin
from syncline.errors import Again, Garbled, Refused, Unfinished, counted
from syncline.model import Change, Item, Lane, Outcome, Settled, Verdict
from syncline.ports import Conversation, Destination, Inquiry

Letter = Talk[Item, Sequence[Verdict]]

OPEN_BYTES = 48_000_000  # of payloads in talks that are not over: memory stays bounded whatever a batch may hold


class Batch(Protocol):
    """Items for one request, and changes found unfit on the way. `ticket`: they were sent already; ask what became of
    them."""

    @property
    def items(self) -> Sequence[Item]: ...
    @property
    def unfit(self) -> Sequence[Settled]: ...
    @property
    def ticket(self) -> bytes | None: ...


Batches = Callable[[], Iterator[Batch | None]]
"""What is still unsettled, batch by batch; None: nothing at the moment, ask again."""

Keep = Callable[[Sequence[Change], bytes | None], None]
"""Records durably the ticket under which these were sent; None: nothing came of it. Raises `LedgerFailed`."""


class Outbox:
    """A `Desk` for deliveries. ended: changes settled for good; deferred: changes put off in this pass."""

    def __init__(
        self,
        batches: Batches,
        destination: Destination,
        scribe: Scribe,
        keep: Keep,
        gauge: Gauge,
        policy: Policy,
        *,
        sends: bool = True,
        released: Callable[[], bool] = lambda: False,
    ) -> None:
        self._sends, self.released = sends, released
        self._batches, self._destination, self._policy = batches, destination, policy
        self._scribe, self._keep, self._gauge = scribe, keep, gauge
        self._fresh: Iterator[Batch | None] = iter(())
        self._left: Sequence[Item] = ()  # of a batch of which only a part was taken
        self._doubts: dict[int, Outcome] = {}  # by entry: put off in this run, and perhaps applied
        self._next_run: set[int] = set()  # entries that are not taken up again in this run
        self._unfinished = 0  # of them, those that were accepted
        self._asked: set[int] = set()  # entries that this pass has asked for by their tickets
        self._open_bytes = 0
        self.exhausted = True
        self.ended = 0
        self.deferred = 0
        self._rejected, self._last_no = 0, ""

    @property
    def lanes(self) -> Mapping[str, Lane]:
        return self._destination.lanes

    def probe(self) -> Inquiry[None]:
        return self._destination.probe()

    @property
    def hopeless(self) -> str:
        """A wrong mapping should not be tried on a million people."""
        rejected, of = self._rejected, self.ended
        if not refused_too_many(self._policy, rejected, of):
            return ""
        how_many = f"all {of:,}" if rejected == of else f"{rejected:,} of {of:,}"
        return f"{how_many} rows sent so far were refused (the last: {self._last_no}): is the mapping right?"

    @property
    def unfinished(self) -> str:
        """Who only asks for the results of an earlier run does not wait for what has none: a new plan replaces it."""
        if not (self._unfinished and self._sends):
            return ""
        return f"{counted(self._unfinished, 'row')} accepted, and without a clear result in time"

    @property
    def left(self) -> str:
        return counted(self.deferred, "row")

    # --- where talks come from ------------------------------------------------------------------------------------

    def begin_pass(self) -> None:
        self._fresh, self._left, self._asked = self._batches(), (), set()
        self.exhausted, self.deferred = False, 0

    def fresh(self, most_items: int | None) -> Letter | None:
        """A talk about the next batch, or about the first `most_items` of it."""
        if self._open_bytes >= OPEN_BYTES:
            return None
        if not self._left:
            batch = self._next_batch()
            if batch is None:
                return None
            if batch.ticket is not None:
                self._asked.update(item.change.entry for item in batch.items)
                return self._opened(self._asking(batch.items, batch.ticket))
            self._left = self._not_asked(batch.items)
            if not self._left:
                return self.fresh(most_items)
        most = len(self._left) if most_items is None else most_items
        items, self._left = self._left[:most], self._left[most:]
        return self._opened(begin(items, self._destination.converse))

    def _asking(self, items: Sequence[Item], ticket: bytes) -> Letter:
        """Asks for the result of what an earlier process sent; should nothing have come of it, it is sent again."""

        def opening(some: Sequence[Item]) -> Conversation[Sequence[Verdict]]:
            return self._destination.converse(some)

        asking = self._destination.converse(items, ticket)
        talk: Letter = Talk(items, opening, asking if self._sends else _asked_only(asking))
        talk.ticket, talk.steps, talk.earlier = ticket, 1, True
        return talk

    def _next_batch(self) -> Batch | None:
        for batch in self._fresh:
            if batch is None:
                return None
            self._settle(batch.unfit)
            if batch.items and (batch.ticket is None or batch.items[0].change.entry not in self._next_run):
                return batch
        self.exhausted = True
        return None

    def _not_asked(self, items: Sequence[Item]) -> Sequence[Item]:
        """What came to nothing has lost its ticket, and its talk sends it again: the plan need not bring it too."""
        left_out = self._asked | self._next_run if self._asked or self._next_run else ()
        return [item for item in items if item.change.entry not in left_out] if left_out else items

    def _opened(self, talk: Letter) -> Letter:
        self._open_bytes += _weight(talk)
        return talk

    # --- what becomes of them -------------------------------------------------------------------------------------

    def conclude(self, talk: Letter, result: Sequence[Verdict]) -> bool:
        """One verdict an item, in order."""
        self._open_bytes -= _weight(talk)
        self._settle([self._final(talk, item, verdict) for item, verdict in zip(talk.items, result, strict=True)])
        return any(verdict.outcome is Outcome.DELIVERED for verdict in result)

    def refuse(self, talk: Letter, refusal: Refused) -> None:
        """The destination's no to a single item; too large for it means that we should have known."""
        outcome = Outcome.INVALID if refusal.too_large else Outcome.REJECTED
        self.conclude(talk, [Verdict(outcome, refusal.reason, refusal.field, refusal.passing)])

    def defer(self, talk: Letter, reason: str = "") -> None:
        """Deferred, or unknown when nobody can say whether it was applied."""
        self.deferred += len(talk.items)
        self._put_off(talk, reason)

    def leave(self, talk: Letter, reason: str) -> None:
        talk.silent = talk.doubt = True
        self._next_run.update(item.change.entry for item in talk.items)
        self._unfinished += len(talk.items) * (talk.ticket is not None)
        self._put_off(talk, reason)

    def interrupted(self, talk: Letter) -> None:
        talk.silent = talk.doubt = True
        self._put_off(talk, "interrupted before an answer came")

    def _put_off(self, talk: Letter, reason: str) -> None:
        self._open_bytes -= _weight(talk)
        self._scribe.add(self._as_it_stands(talk, reason))

    def remember(self, talk: Letter, ticket: bytes | None) -> None:
        """What is forgotten was accepted, and is sent once more: nobody knows what of it was done."""
        self._keep([item.change for item in talk.items], ticket)
        talk.ticket = ticket
        talk.doubt = talk.doubt or ticket is None

    def flush(self) -> None:
        self._scribe.flush()

    def abandon(self, talks: Sequence[Letter]) -> None:
        for talk in talks:
            if not talk.untouched:
                self._scribe.add(self._as_it_stands(talk))

    def _settle(self, settled: Sequence[Settled]) -> None:
        if settled:
            self.ended += len(settled)
            self._gauge.settled.update(one.outcome for one in settled)
            for one in settled:
                if one.outcome in {Outcome.REJECTED, Outcome.INVALID}:  # too large for it is a refusal as well
                    self._rejected, self._last_no = self._rejected + 1, one.reason
            self._scribe.add(settled)

    def _final(self, talk: Letter, item: Item, verdict: Verdict) -> Settled:
        """Only an acknowledgement lifts a doubt: what was refused now may have been applied by an earlier attempt."""
        doubt = self._doubts.pop(item.change.entry, None) is not None or talk.doubt
        delivered = verdict.outcome is Outcome.DELIVERED
        doubt = doubt and not delivered
        return Settled(item.change, verdict.outcome, verdict.reason, verdict.field, doubt, verdict.passing)

    def _as_it_stands(self, talk: Letter, reason: str = "") -> list[Settled]:
        """Its items when patience ends: nobody said no, and perhaps nobody heard. What has a ticket was accepted."""
        accepted = talk.ticket is not None
        outcome = Outcome.UNKNOWN if talk.silent or accepted else Outcome.DEFERRED
        word = reason or ("accepted, and its result has not come yet" if accepted else talk.last_word)
        doubt = talk.doubt or accepted
        return [self._shadowed(Settled(item.change, outcome, word, "", doubt)) for item in talk.items]

    def _shadowed(self, one: Settled) -> Settled:
        """A doubt outlives the pass in which it arose, whatever the last word of this one is."""
        earlier = self._doubts.get(one.change.entry)
        if earlier is None and not one.doubt:
            return one
        outcome = Outcome.UNKNOWN if Outcome.UNKNOWN in {earlier, one.outcome} else one.outcome
        self._doubts[one.change.entry] = outcome
        return one._replace(outcome=outcome, doubt=True)


def _weight(talk: Letter) -> int:
    return sum(len(item.payload) for item in talk.items)


def _asked_only(asking: Conversation[Sequence[Verdict]]) -> Conversation[Sequence[Verdict]]:
    """Where a new plan is to be made, what came to nothing is not sent again from the old one: it stays in doubt."""
    try:
        return (yield from asking)
    except (Again, Garbled, Refused) as nothing:
        raise Unfinished(str(nothing)) from None
