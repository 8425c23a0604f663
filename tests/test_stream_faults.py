"""From Segment to Voucherify in virtual time, when what is read, asked for or recorded fails: nobody waits for ever,
nobody is risked without need, and nothing is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

import syncline.job
from flows import counts, flow
from simulated import Space, answer
from syncline.destinations import voucherify
from syncline.destinations.voucherify import Voucherify
from syncline.errors import LedgerFailed
from syncline.flow.report import Report
from syncline.ledger import Draft, Planned
from syncline.model import Item, Lane, Page, Request, Response, Row, Verdict
from syncline.ports import Conversation, Inquiry
from syncline.sources.segment import SegmentSource


def stopped(report: Report) -> tuple[str, str]:
    assert report.stopped is not None
    return report.stopped.reason, report.stopped.message


def is_poll(request: Request) -> bool:
    return request.path.startswith("/v1/async-actions/")


# --- nobody waits for ever --------------------------------------------------------------------------------------------


@pytest.mark.promise("C8")
def test_a_list_that_names_everybody_twice_comes_to_its_end(tmp_path: Path) -> None:
    """Many pages of known names in a row leave nobody with anything to do, and nobody to wake them."""
    everybody = [f"use_{number:05}" for number in range(1, 1_301)]
    (tmp_path / "ids.txt").write_text("\n".join(everybody * 2), encoding="utf-8")
    made = flow(tmp_path, 1_300, source={"profiles": str(tmp_path / "ids.txt"), "pageItems": 10})
    report = made.go()
    assert (counts(report), report.exit_code) == ({"delivered": 1_300, "folded": 1_300}, 0)


class Unreadable(SegmentSource):
    """An adapter that has a bug: it cannot cope with what it is told of one row, or of the second page."""

    of = ""

    def row(self, ref: str) -> Inquiry[Row]:
        read = yield from super().row(ref)
        if ref == self.of:
            raise KeyError("ours")
        return read

    def page(self, cursor: str) -> Inquiry[Page]:
        read = yield from super().page(cursor)
        if self.of == "page" and cursor != self.first:
            raise KeyError("ours")
        return read


@pytest.mark.promise("C8")
@pytest.mark.parametrize(
    ("of", "expected"), [("use_00003", {"delivered": 249, "deferred": 1}), ("page", {"delivered": 100})]
)
def test_a_bug_of_ours_in_reading_costs_what_it_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of: str, expected: dict[str, int]
) -> None:
    monkeypatch.setattr(Unreadable, "of", of)
    monkeypatch.setattr(syncline.job, "SegmentSource", Unreadable)
    made = flow(tmp_path)
    report = made.go()
    assert (counts(report), stopped(report)[0], report.exit_code) == (expected, "bug", 70)
    monkeypatch.setattr(Unreadable, "of", "")
    resumed = made.go(resume=True)
    assert (counts(resumed), resumed.exit_code) == ({"delivered": 250}, 0)


class Confused(Voucherify):
    """An adapter that has a bug: it cannot cope with what it is told of one customer."""

    def converse(self, items: Sequence[Item], ticket: bytes | None = None) -> Conversation[Sequence[Verdict]]:
        verdicts = yield from super().converse(items, ticket)
        if any(b"Second" in item.payload for item in items):
            raise KeyError("ours")
        return verdicts


@pytest.mark.promise("C8")
def test_a_bug_of_ours_about_an_entry_that_had_to_wait_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is set free by the pass before is left to the next run: no pass is begun for it again and again."""
    monkeypatch.setattr(voucherify, "Voucherify", Confused)
    made = flow(tmp_path, 300, destination={"api": "single"})
    made.space.profiles["use_00250"] = ("u1", {"name": "Second"})
    report = made.go()
    assert (counts(report), report.exit_code) == ({"delivered": 299, "unknown": 1}, 70)


# --- nobody is risked without need ------------------------------------------------------------------------------------


@pytest.mark.promise("R5")
@pytest.mark.parametrize(("status", "reason"), [(403, "unfinished"), (500, "outage")])
def test_while_nobody_was_taken_no_more_is_sent_than_can_be_asked_for(tmp_path: Path, status: int, reason: str) -> None:
    made = flow(tmp_path, 1_000)
    made.vouchers.weather = lambda number, request: answer(status, {"message": "no"}) if is_poll(request) else None
    report = made.go()
    assert (made.vouchers.sizes, stopped(report)[0], report.exit_code) == ([10], reason, 3)
    made.vouchers.weather = lambda number, request: None
    assert counts(made.go(resume=True)).keys() <= {"delivered", "unchanged"}
    assert len(made.vouchers.customers) == report.read or made.go().exit_code == 0


def test_an_outage_under_the_first_action_is_waited_for(tmp_path: Path) -> None:
    made = flow(tmp_path, 300)

    def away(number: int, request: Request) -> Response | None:
        from_s, to_s = 2.0, 32.0
        return answer(503) if is_poll(request) and from_s < asyncio.get_running_loop().time() < to_s else None

    made.vouchers.weather = away
    assert counts(made.go()) == {"delivered": 300}
    assert set(made.vouchers.writes.values()) == {1}


@pytest.mark.parametrize("status", [500, 403])
def test_one_action_that_cannot_be_asked_for_does_not_hold_up_everybody_for_ever(tmp_path: Path, status: int) -> None:
    made, stuck = flow(tmp_path, 200), list[str]()

    def weather(number: int, request: Request) -> Response | None:
        if is_poll(request) and not stuck and len(made.vouchers.actions) == 2:
            stuck.append(list(made.vouchers.actions)[1])
        return answer(status, {"message": "no"}) if stuck and request.path.endswith(stuck[0]) else None

    made.vouchers.weather = weather
    assert made.go().exit_code == 3
    made.space.profiles["use_00001"] = ("u1", {"name": "New"})
    report = made.go()
    assert (report.exit_code, sum(report.counts.values())) == (0, 200)
    assert any("could not be asked for" in warning for warning in report.warnings)
    assert made.vouchers.customers["u1"]["name"] == "New"


def test_open_tickets_are_asked_for_side_by_side(tmp_path: Path) -> None:
    """Each may take as long as an action may take; one after the other that would be hours."""
    made = flow(tmp_path, 300, destination={"batchItems": 10, "pollTimeout": 60})
    real = made.vouchers.good

    def stuck(request: Request) -> Response:
        made.vouchers.never_ends = not request.path.endswith(f"aa_{1:018x}")
        return real(request)

    made.vouchers.good = stuck  # type: ignore[method-assign] # all actions but the first
    assert counts(made.go()) == {"delivered": 10, "unknown": 290}
    made.go(resume=True)
    assert made.seconds < 3 * 60


# --- nothing is forgotten ---------------------------------------------------------------------------------------------


class FullDisk(Draft):
    """The sixth portion cannot be recorded. at: when that was."""

    sealed = 0
    at = float("inf")

    def seal(self, *args: Any, **rest: Any) -> Planned:
        FullDisk.sealed += 1
        if FullDisk.sealed < 6:
            return super().seal(*args, **rest)
        FullDisk.at = min(FullDisk.at, asyncio.get_running_loop().time())
        raise LedgerFailed("the disk is full")


@pytest.mark.promise("S8")
def test_a_disk_that_fails_stops_the_sending_though_a_profile_is_still_being_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncline.job, "Draft", FullDisk)
    made = flow(tmp_path, 0, source={"pageItems": 20}, destination={"batchItems": 2, "rate": 1})
    made.settings, made.space = {"parallelism": 10}, Slow(latency_s=1.0)
    made.space.add(400)
    assert stopped(made.go())[0] == "disk"
    assert made.seconds >= FullDisk.at + 10.0, "there was a profile that took its time"
    assert not [request for moment, request in made.vouchers.at if moment > FullDisk.at]


@dataclass
class Slow(Space):
    """A space that takes half a minute for one of its profiles."""

    async def __call__(self, lane: Lane, request: Request) -> Response:
        if "use_00121" in request.path:
            await asyncio.sleep(28.0)
        return await super().__call__(lane, request)


def circling(good: Callable[[Request], Response]) -> Callable[[Request], Response]:
    def circle(request: Request) -> Response:
        told = good(request)
        if "profiles?" not in request.path or "next=20" not in request.path:
            return told
        page = msgspec.json.decode(told.body)
        page["cursor"] |= {"next": "20", "has_more": True}
        return answer(200, page)

    return circle


def test_a_source_that_broke_is_not_forgotten_for_a_row_that_was_read_later(tmp_path: Path) -> None:
    made = flow(tmp_path, 60, source={"pageItems": 20}, destination={"pollTimeout": 30})
    setattr(made.space, "good", circling(made.space.good))  # noqa: B010 # a space that misbehaves
    made.space.weather = lambda number, request: answer(500, {}) if "use_00005" in request.path else None
    first = made.go()
    assert (counts(first), stopped(first)[0]) == ({"delivered": 39, "deferred": 1}, "faults")
    assert "a second time" in stopped(first)[1]
    made.space.weather = lambda number, request: None
    made.vouchers.never_ends = True
    second = made.go(resume=True)
    assert (counts(second), stopped(second)[0]) == ({"delivered": 39, "unknown": 1}, "unfinished")
    made.vouchers.never_ends = False
    for _ in range(2):
        resumed = made.go(resume=True)
        assert (counts(resumed), stopped(resumed)[0], resumed.exit_code) == ({"delivered": 40}, "source", 3)
