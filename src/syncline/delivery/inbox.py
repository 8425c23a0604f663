"""An API source → portions of rows, in the order of its pages: the engine at work for an inbox.

While the rows of one page are read, the next pages are listed; portions are given out in order, each with the cursor
from which reading can go on. A row that meets only faults is put off, and read again when the listing has ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from syncline.delivery.attempt import World
from syncline.delivery.controls import Gauge, Halt
from syncline.delivery.engine import Engine
from syncline.delivery.patience import refused_too_many
from syncline.delivery.policy import Policy
from syncline.delivery.talk import Talk, begin
from syncline.errors import Bug, Refused, counted
from syncline.model import Lane, Page, Row, RowRef, Stop
from syncline.ports import ApiSource, Inquiry

_PAGES_OPEN = 4  # listed and not read whole: what is read twice after a crash, at most
_LISTED_AHEAD = 50  # rows: with fewer waiting, the next page is asked for, so that no courier has to wait for it
_SECOND_TRIES = 100  # rows of a portion that is read again
_NAMELESS = "it is listed without a name, so it cannot be read"


class Wanted(NamedTuple):
    """A row to be read: what it is called, and its number in this run; 0 for a page, which is called by its cursor."""

    ref: str
    number: int


class Unread(NamedTuple):
    """A row that could not be read so far, and why."""

    ref: str
    number: int
    reason: str


class Portion(NamedTuple):
    """What one page brought. refs: what the rows that were read are called, and their numbers; repeated: rows it names
    that were met before in this run; cursor: of the next page, "" at the end; listed: rows listed up to here; broke:
    why what comes after it cannot be reached."""

    rows: Sequence[Row]
    refs: Mapping[str, int]
    repeated: int
    unread: Sequence[Unread]
    cursor: str
    listed: int
    broke: str = ""


class Bookmark(NamedTuple):
    """Where reading begins, or goes on. cursor: "" when the listing has ended; unread: what to try again."""

    cursor: str
    listed: int = 0
    unread: Sequence[Wanted] = ()


class Sink:
    """Who takes what is read. `take` records a portion durably before it returns, and raises `LedgerFailed`; `seen`
    says which of these were met before in this run."""

    def __init__(self, take: Callable[[Portion], None], seen: Callable[[Sequence[str]], Collection[str]]) -> None:
        self.take, self.seen = take, seen


@dataclass
class _Open:
    """A page whose rows are being read."""

    cursor: str
    listed: int
    waiting: deque[Wanted]
    missing: int
    repeated: int = 0
    broke: str = ""
    rows: list[Row] = field(default_factory=list)
    refs: dict[str, int] = field(default_factory=dict)
    unread: list[Unread] = field(default_factory=list)

    def portion(self) -> Portion:
        rows = sorted(self.rows, key=lambda row: row.ref.row)
        return Portion(rows, self.refs, self.repeated, self.unread, self.cursor, self.listed, self.broke)


class Inbox:
    """A `Desk` for reading. ended: rows read, or refused by the source for good; deferred: what is to be read again."""

    def __init__(
        self, source: ApiSource, sink: Sink, mark: Bookmark, gauge: Gauge, policy: Policy, limit: int | None
    ) -> None:
        self._source, self._sink, self._gauge, self._policy, self._limit = source, sink, gauge, policy, limit
        self._cursor, self._listed = mark.cursor, mark.listed
        self._cursors = {mark.cursor}
        self._again = [wanted for wanted in mark.unread if wanted.ref != _standing_in(wanted.number)]
        self._pages: deque[_Open] = deque()
        self._home: dict[str, _Open] = {}  # of rows of open pages
        self._asking = self._page_put_off = False
        self._denied = self._empty_pages = 0
        self.ended = 0
        self.broke = ""

    @property
    def lanes(self) -> Mapping[str, Lane]:
        return self._source.lanes

    def probe(self) -> Inquiry[None]:
        return self._source.probe()

    unfinished = ""  # nothing is accepted here

    @property
    def left(self) -> str:
        rows = counted(len(self._again), "row")
        if not self._page_put_off:
            return rows
        return f"a page of rows and {rows}" if self._again else "a page of rows, and all after it,"

    @property
    def hopeless(self) -> str:
        """Each denial costs a probe."""
        if not refused_too_many(self._policy, self._denied, self.ended):
            return ""
        return f"{counted(self._denied, 'row')} of {self.ended:,} may not be read with these credentials."

    # --- where talks come from ------------------------------------------------------------------------------------

    def begin_pass(self) -> None:
        """What was put off is read again once the listing has ended; until then there is enough to do."""
        self._page_put_off = False
        if self._cursor:
            return
        again, self._again = self._again, []
        for start in range(0, len(again), _SECOND_TRIES):
            some = again[start : start + _SECOND_TRIES]
            self._open(_Open(self._cursor, self._listed, deque(some), len(some), broke=self.broke))

    @property
    def deferred(self) -> int:
        return len(self._again) + self._page_put_off

    def released(self) -> bool:
        """No row waits for another."""
        return False

    @property
    def exhausted(self) -> bool:
        return not self._waiting and not self._asking and (not self._cursor or self._page_put_off)

    @property
    def _waiting(self) -> int:
        return sum(len(page.waiting) for page in self._pages)

    def fresh(self, most_items: int | None) -> Talk[Wanted, Page | Row] | None:
        """A page while there are few rows to read, else a row."""
        while self._may_list:
            self._asking = True
            try:
                return begin([Wanted(self._cursor, 0)], self._page)
            except StopIteration as at_once:  # a list of its own needs no request; and perhaps everybody on it is known
                self._take_page(at_once.value)
        page = next((page for page in self._pages if page.waiting), None)
        return begin([page.waiting.popleft()], self._row) if page is not None else None

    @property
    def _may_list(self) -> bool:
        free = bool(self._cursor) and not self._asking and not self._page_put_off
        return free and len(self._pages) < _PAGES_OPEN and self._waiting < _LISTED_AHEAD

    def _page(self, wanted: Sequence[Wanted]) -> Inquiry[Page]:
        return self._source.page(wanted[0].ref)

    def _row(self, wanted: Sequence[Wanted]) -> Inquiry[Row]:
        return self._source.row(wanted[0].ref)

    # --- what becomes of them -------------------------------------------------------------------------------------

    def conclude(self, talk: Talk[Wanted, Page | Row], result: Page | Row) -> bool:
        if isinstance(result, Page):
            self._take_page(result)
        else:
            wanted = talk.items[0]
            self._gauge.rows += 1
            page = self._end(wanted)
            page.rows.append(result._replace(ref=RowRef(self._source.name, wanted.number, 0)))
            page.refs[wanted.ref] = wanted.number
            self._give_out()
        return True

    def _take_page(self, page: Page) -> None:
        self._asking = False
        met = set(self._sink.seen(page.refs)) | (self._home.keys() & set(page.refs))
        new: list[Wanted] = []
        nameless: list[Unread] = []
        room = len(page.refs) if self._limit is None else min(len(page.refs), self._limit - self._listed)
        for number, ref in enumerate(page.refs[:room], start=self._listed + 1):
            if not ref:
                nameless.append(Unread(_standing_in(number), number, _NAMELESS))
            elif ref not in met:
                new.append(Wanted(ref, number))
                met.add(ref)
        repeated = room - len(new) - len(nameless)
        self._listed += room
        self._empty_pages = 0 if page.refs else self._empty_pages + 1
        self._cursor = self._following(page.next)
        self._open(_Open(self._cursor, self._listed, deque(new), len(new), repeated, self.broke, unread=nameless))
        self._give_out()

    def _following(self, cursor: str) -> str:
        """The next page to list, if any: not beyond the limit, and never one that was listed before."""
        if not cursor or (self._limit is not None and self._listed >= self._limit):
            return ""
        if cursor in self._cursors:
            self.broke = (
                f"{self._source.name} gives the cursor {cursor[:40]!r} a second time: its listing goes in a circle, and"
                " what comes after it cannot be reached; run again later"
            )
            return ""
        if self._empty_pages >= self._policy.empty_pages:
            self.broke = (
                f"{self._source.name} gave {self._empty_pages} pages in a row with nobody on them, each with the cursor"
                " of another: its listing does not end; run again later"
            )
            return ""
        self._cursors.add(cursor)
        return cursor

    def refuse(self, talk: Talk[Wanted, Page | Row], refusal: Refused) -> None:
        """The source's no about one row: it is deferred, and not asked for again in this run."""
        self._could_not(talk, refusal.reason)
        self._denied += refusal.passing
        self.ended += not self._is_page(talk)

    def defer(self, talk: Talk[Wanted, Page | Row], reason: str = "") -> None:
        if not self._is_page(talk):
            self._again.append(talk.items[0])
        self._could_not(talk, reason or talk.last_word)

    def leave(self, talk: Talk[Wanted, Page | Row], reason: str) -> None:
        """A row counts as one that could not be read. Without a page nobody knows what comes after it, so that one is
        tried in another pass all the same."""
        self._could_not(talk, reason)

    def interrupted(self, talk: Talk[Wanted, Page | Row]) -> None:
        """It is not checkpointed, so it counts as never listed."""

    def _is_page(self, talk: Talk[Wanted, Page | Row]) -> bool:
        return talk.items[0].number == 0

    def _could_not(self, talk: Talk[Wanted, Page | Row], reason: str) -> None:
        wanted = talk.items[0]
        if self._is_page(talk):
            self._asking, self._page_put_off = False, True
            return
        self._end(wanted, read=False).unread.append(Unread(wanted.ref, wanted.number, reason))
        self._give_out()

    def _end(self, wanted: Wanted, *, read: bool = True) -> _Open:
        """A row of an open page has come to its end; gives that page."""
        page = self._home.pop(wanted.ref)
        page.missing -= 1
        self.ended += read
        return page

    def _open(self, page: _Open) -> None:
        self._home |= {wanted.ref: page for wanted in page.waiting}
        self._pages.append(page)

    def _give_out(self) -> None:
        """In the order of the pages, however their rows came in."""
        while self._pages and not self._pages[0].missing:
            self._sink.take(self._pages[0].portion())
            self._pages.popleft()  # not before it was taken: what comes later must not overtake it

    def remember(self, talk: Talk[Wanted, Page | Row], ticket: bytes | None) -> None:
        raise Bug("who only reads has nothing to remember")

    def flush(self) -> None:
        """Portions are durable as soon as they are taken."""

    def abandon(self, talks: Sequence[Talk[Wanted, Page | Row]]) -> None:
        """What is not checkpointed counts as never listed."""


def _standing_in(number: int) -> str:
    """For the name of a row that has none: its place in the listing."""
    return f"row {number} of the listing"


async def read(
    source: ApiSource,
    sink: Sink,
    world: World,
    *,
    parallelism: int,
    mark: Bookmark | None = None,
    limit: int | None = None,
    halt: Halt | None = None,
    gauge: Gauge | None = None,
    policy: Policy | None = None,
) -> Stop | None:
    """Reads from `mark` to the end, or to `limit` rows; None when everything was read. The stop names the source."""
    gauge = gauge or Gauge()
    policy = policy or Policy()
    inbox = Inbox(source, sink, mark or Bookmark(source.first), gauge, policy, limit)
    engine = Engine(inbox, world, parallelism, gauge, policy)
    await engine.run(halt or Halt())
    if not inbox.broke or engine.stop is None:
        return Stop("source", inbox.broke) if inbox.broke else engine.stop
    return engine.stop._replace(message=f"{engine.stop.message}; and {inbox.broke}")
