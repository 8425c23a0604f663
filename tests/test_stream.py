"""From Segment to Voucherify in virtual time: a plan that grows while its beginning is delivered."""

from __future__ import annotations

import asyncio
import copy
import itertools
import shutil
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flows import Flow, counts, flow
from simulated import Space, Vouchers, answer
from syncline.delivery import Halt
from syncline.errors import LedgerFailed, NothingToResume
from syncline.model import Lane, Outcome, Request, Response
from syncline.sources.segment.settings import EMPTY_PAGES
from virtual import EPOCH


def test_every_profile_arrives_with_as_many_requests_as_it_takes(tmp_path: Path) -> None:
    made = flow(tmp_path, 250)
    report = made.go()
    assert (counts(report), report.exit_code) == ({"delivered": 250}, 0)
    assert (report.source_requests, len(made.space.at)) == (3 + 2 * 250, 3 + 2 * 250)
    assert made.vouchers.sizes == [10, 240]
    assert set(made.vouchers.writes.values()) == {1}
    assert made.vouchers.customers["u7"] == {"source_id": "u7", "name": "Name 7", "metadata": {"plan": "pro"}}


def test_a_second_run_reads_all_and_sends_nothing(tmp_path: Path) -> None:
    made = flow(tmp_path, 250)
    made.go()
    made.space.profiles["use_00042"] = ("u42", {"name": "Somebody else"})
    report = made.go()
    assert counts(report) == {"unchanged": 249, "delivered": 1}
    assert made.vouchers.sizes == [10, 240, 1]


@pytest.mark.parametrize("latency_s", [0.02, 0.1, 0.2])
def test_the_rate_of_the_space_is_kept_and_used(tmp_path: Path, latency_s: float) -> None:
    made = flow(tmp_path, 1_000)
    made.space.latency_s = latency_s
    made.go()
    at = sorted(moment for moment, _ in made.space.at)
    busiest = max(bisect_right(at, moment + 1.0 - 1e-9) - index for index, moment in enumerate(at))
    assert busiest <= 100
    assert len(at) / (at[-1] - at[0]) >= 90


def test_the_beginning_is_delivered_while_the_rest_is_read(tmp_path: Path) -> None:
    made = flow(tmp_path, 1_000, destination={"batchItems": 200})
    made.go()
    last_listing = max(moment for moment, request in made.space.at if "profiles?" in request.path)
    bulks = [moment for moment, request in made.vouchers.at if request.method == "POST"]
    assert made.vouchers.sizes == [10, 200, 200, 200, 200, 190]
    assert sum(moment < last_listing for moment in bulks) >= 3


# --- a listing that shifts --------------------------------------------------------------------------------------------


def test_a_profile_that_is_listed_twice_is_folded_and_not_read_again(tmp_path: Path) -> None:
    made = flow(tmp_path, 300)

    def shift(listing: int) -> None:
        if listing == 1:  # somebody new is active, and everybody moves down by one
            made.space.profiles["use_new"] = ("new", {})
            made.space.order.insert(0, "use_new")

    made.space.after_listing = shift
    report = made.go()
    assert counts(report) == {"delivered": 300, "folded": 1}
    assert made.space.count("GET /use_00100/traits") + made.space.count("GET use_00100/traits") == 1
    assert set(made.vouchers.writes.values()) == {1}


@pytest.mark.promise("O1")
def test_two_profiles_of_one_user_fold_in_a_page_and_follow_each_other_across_pages(tmp_path: Path) -> None:
    made = flow(tmp_path, 300)
    made.space.profiles["use_00002"] = ("u1", {"name": "Second"})
    made.space.profiles["use_00250"] = ("u3", {"name": "Later", "plan": "free"})
    report = made.go()
    assert counts(report) == {"delivered": 299, "folded": 1}
    assert made.vouchers.customers["u1"]["name"] == "Second"
    assert made.vouchers.customers["u3"]["name"] == "Later"
    assert made.vouchers.writes["u3"] == 2
    assert counts(made.go())["unchanged"] >= 297


@pytest.mark.promise("O2")
def test_a_second_profile_takes_nothing_back_where_an_object_is_replaced_as_a_whole(tmp_path: Path) -> None:
    mappings = [{"from": f"traits.{name}", "to": f"metadata.{name}"} for name in ("plan", "tier", "city")]
    made = flow(tmp_path, 300, settings={"mappings": mappings})
    made.space.profiles["use_00003"] = ("u3", {"plan": "pro", "city": "Rome"})
    made.space.profiles["use_00250"] = ("u3", {"tier": "gold", "city": "Oslo"})
    whole = {"plan": "pro", "tier": "gold", "city": "Oslo"}
    made.go()
    assert made.vouchers.customers["u3"]["metadata"] == whole
    made.space.profiles["use_00250"] = ("u3", {"tier": "lead"})
    made.space.profiles["use_00003"] = ("u3", whole)  # as it is believed to be held, so that nothing is sent for it
    made.go()
    assert made.vouchers.customers["u3"]["metadata"] == whole | {"tier": "lead"}


@pytest.mark.promise("O1")
def test_two_entries_of_one_key_are_never_under_way_together(tmp_path: Path) -> None:
    made = flow(tmp_path, 400, destination={"batchItems": 1}, settings={"parallelism": 40})
    made.vouchers.action_s = 20.0
    for number in (150, 250, 350):
        made.space.profiles[f"use_{number:05}"] = ("u1", {"name": f"Name of {number}"})
    report = made.go()
    assert counts(report) == {"delivered": 400}
    assert made.vouchers.customers["u1"]["name"] == "Name of 350"
    sent = [moment for moment, request in made.vouchers.at if b'"source_id":"u1"' in request.body]
    assert all(later - earlier >= 20.0 for earlier, later in pairwise(sent))


def test_a_cursor_that_comes_again_ends_with_a_clear_error(tmp_path: Path) -> None:
    made = flow(tmp_path, 250)
    good = made.space.good

    def circle(request: Request) -> Response:
        if "profiles?" in request.path and "next=200" in request.path:
            cursor = {"url": "", "has_more": True, "next": "100", "limit": 100}
            return answer(200, {"data": [{"segment_id": "use_00210"}], "cursor": cursor})
        return good(request)

    made.space.good = circle  # type: ignore[method-assign] # a space that misbehaves
    report = made.go()
    assert (counts(report), report.exit_code) == ({"delivered": 201}, 3)
    assert report.stopped is not None
    assert "the cursor '100' a second time" in report.stopped.message
    assert made.space.listings <= 3
    resumed = made.go(resume=True)
    assert resumed.exit_code == 3, "what comes after the circle was still not read"


def test_a_circle_is_told_though_something_else_stopped_the_run(tmp_path: Path) -> None:
    made, halt = flow(tmp_path, 250), Halt()
    made.vouchers.action_s = 20.0
    good = made.space.good

    def circle(request: Request) -> Response:
        if "profiles?" in request.path and "next=200" in request.path:
            asyncio.get_running_loop().call_later(8.0, halt.request)
            return answer(200, {"data": [], "cursor": {"url": "", "has_more": True, "next": "100", "limit": 100}})
        return good(request)

    made.space.good = circle  # type: ignore[method-assign] # a space that misbehaves
    assert made.go(halt=halt).exit_code == 130
    resumed = made.go(resume=True)
    assert (counts(resumed), resumed.exit_code) == ({"delivered": 200}, 3)
    assert resumed.stopped is not None
    assert "a second time" in resumed.stopped.message


def test_a_listing_of_empty_pages_has_an_end(tmp_path: Path) -> None:
    made = flow(tmp_path, 250)
    good = made.space.good

    def endless(request: Request) -> Response:
        offset = request.path.rpartition("next=")[2]
        if "profiles?" not in request.path or int(offset) < 200:
            return good(request)
        cursor = {"url": "", "has_more": True, "next": str(int(offset) + 1), "limit": 100}
        return answer(200, {"data": [], "cursor": cursor})

    made.space.good = endless  # type: ignore[method-assign] # a space that misbehaves
    report = made.go()
    assert (counts(report), report.exit_code) == ({"delivered": 200}, 3)
    assert report.stopped is not None
    assert "100 pages in a row with nobody on them" in report.stopped.message


@pytest.mark.promise("S8")
def test_a_disk_that_fails_under_the_reading_stops_the_sending_too(tmp_path: Path) -> None:
    made = flow(tmp_path, 250, destination={"batchItems": 10})
    made.vouchers.action_s, failed_at = 3.0, []

    def full(number: int) -> None:
        if number == 3:
            asyncio.get_running_loop().call_later(0.5, fill)

    def fill() -> None:
        """No page more, whatever is asked for: what SQLite calls a full disk."""
        made.ledger.execute("PRAGMA max_page_count = 1")
        failed_at.append(asyncio.get_running_loop().time())

    made.space.after_listing = full
    with pytest.raises(LedgerFailed, match="full"):
        made.go()
    [at] = failed_at
    late = [request for moment, request in made.vouchers.at if moment > at + 1.0 and request.method == "POST"]
    assert not late, "the next portion could not be planned, so nobody sends any more"
    made.space.after_listing = lambda number: None
    resumed = made.go(resume=True)
    assert (sum(resumed.counts.values()), resumed.exit_code) == (250, 0)
    assert set(made.vouchers.customers) == {f"u{number}" for number in range(1, 251)}


# --- a listing that is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [403, 404, 405])
def test_a_refused_listing_names_the_other_way_in(tmp_path: Path, status: int) -> None:
    made = flow(tmp_path)
    refusal = answer(status, {"error": {"code": "forbidden", "message": "no"}})
    made.space.weather = lambda number, request: refusal if "profiles?" in request.path else None
    report = made.go()
    assert (report.read, report.exit_code) == (0, 3)
    assert report.stopped is not None
    assert "profiles: FILE" in report.stopped.message
    assert made.space.count("GET profiles?") == 1
    assert made.vouchers.at == []


def test_a_wrong_token_costs_two_requests_and_is_named(tmp_path: Path) -> None:
    made = flow(tmp_path)
    made.space.weather = lambda number, request: answer(401, {"error": {"code": "authentication_error"}})
    report = made.go()
    assert (report.exit_code, len(made.space.at)) == (3, 2)
    assert report.stopped is not None
    assert (report.stopped.reason, "accessToken" in report.stopped.message) == ("credentials", True)


@pytest.mark.parametrize(("status", "reason"), [(401, "credentials"), (403, "credentials"), (302, "address")])
def test_what_answers_everything_with_a_no_is_named(tmp_path: Path, status: int, reason: str) -> None:
    made = flow(tmp_path)
    made.space.weather = lambda number, request: answer(status, {}, location="https://elsewhere.example/login")
    report = made.go()
    assert report.stopped is not None
    assert (report.stopped.reason, report.exit_code) == (reason, 3)


def test_a_space_that_gives_nothing_leaves_the_last_plan_resumable(tmp_path: Path) -> None:
    made = flow(tmp_path, 50)
    made.vouchers.weather = lambda number, request: answer(401, {}) if number > 2 else None
    assert counts(made.go()) == {"delivered": 10, "deferred": 40}
    made.vouchers.weather = lambda number, request: None
    made.space.weather = lambda number, request: answer(403, {})
    assert made.go().run == 2
    made.space.weather = lambda number, request: None
    resumed = made.go(resume=True)
    assert (resumed.run, counts(resumed)) == (1, {"delivered": 50})


# --- profiles that cannot be read -------------------------------------------------------------------------------------


def broken(*names: str) -> Callable[[int, Request], Response | None]:
    def weather(number: int, request: Request) -> Response | None:
        return answer(500, {}) if any(name in request.path for name in names) else None

    return weather


def test_a_profile_that_cannot_be_read_is_deferred_and_resume_reads_it(tmp_path: Path) -> None:
    made = flow(tmp_path, 150)
    made.space.weather = broken("use_00042/", "use_00120/")
    report = made.go()
    assert (counts(report), report.exit_code) == ({"delivered": 148, "deferred": 2}, 3)
    assert {problem.key for problem in report.problems} == {"use_00042", "use_00120"}
    made.space.weather = lambda number, request: None
    before = len(made.space.at)
    resumed = made.go(resume=True)
    assert (resumed.run, counts(resumed), resumed.exit_code) == (1, {"delivered": 150}, 0)
    assert len(made.space.at) == before + 4
    assert set(made.vouchers.writes.values()) == {1}


@pytest.mark.parametrize(("size", "first", "last"), [(1, 3, 8), (1, 5, 12), (2, 3, 11), (100, 3, 11), (1, 52, 60)])
def test_profiles_that_may_not_be_read_hold_up_no_page(tmp_path: Path, size: int, first: int, last: int) -> None:
    """They are judged when nobody else is under way: small pages may be waiting for nothing else, and no other may be
    asked for meanwhile."""
    made = flow(tmp_path, 60, source={"pageItems": size})
    denied = [f"use_{number:05}/" for number in range(first, last + 1)]
    made.space.weather = lambda number, request: (
        answer(403, {}) if any(name in request.path for name in denied) else None
    )
    report = made.go()
    assert report.stopped is None
    assert counts(report) == {"delivered": 60 - len(denied), "deferred": len(denied)}
    made.space.weather = lambda number, request: None
    assert counts(made.go(resume=True)) == {"delivered": 60}


def test_a_profile_that_is_gone_is_deferred_at_once(tmp_path: Path) -> None:
    made = flow(tmp_path, 50)
    del made.space.profiles["use_00042"]
    report = made.go()
    assert counts(report) == {"delivered": 49, "deferred": 1}
    assert "does not know this profile" in report.problems[0].reason
    assert made.space.count("GET use_00042/") == 1


def test_an_entry_of_the_listing_without_a_name_is_deferred_and_the_others_are_read(tmp_path: Path) -> None:
    made = flow(tmp_path, 250)
    good = made.space.good

    def odd(request: Request) -> Response:
        response = good(request)
        page = msgspec.json.decode(response.body)
        if "profiles?" in request.path and "next=100" in request.path:
            page["data"][20:20] = [{"segment_id": None}, {}, 5]
        return response._replace(body=msgspec.json.encode(page))

    made.space.good = odd  # type: ignore[method-assign] # a space that misbehaves
    report = made.go()
    assert (counts(report), report.exit_code) == ({"delivered": 250, "deferred": 3}, 3)
    assert report.stopped is None
    assert [(problem.key, problem.row.row) for problem in report.problems] == [
        (f"row {number} of the listing", number) for number in (121, 122, 123)
    ]
    assert "listed without a name" in report.problems[0].reason
    asked = len(made.space.at)
    assert counts(made.go(resume=True)) == {"delivered": 250, "deferred": 3}
    assert len(made.space.at) == asked, "there is nothing to ask for them by"


@pytest.mark.parametrize("what", ["traits", "external_ids"])
def test_a_profile_whose_pages_never_end_holds_up_nobody(tmp_path: Path, what: str) -> None:
    """However long it goes on: a minute of the clock is far more than 250 profiles take."""
    made = flow(tmp_path, 250)
    good, pages = made.space.good, itertools.count(1)

    def endless(request: Request) -> Response:
        if f"use_00042/{what}" not in request.path:
            return good(request)
        cursor = {"url": "x", "has_more": True, "next": f"map_{next(pages)}"}
        return answer(200, {"traits": {}, "data": [], "cursor": cursor})

    made.space.good = endless  # type: ignore[method-assign] # a space that misbehaves
    report = made.go()
    assert (counts(report), report.exit_code) == ({"delivered": 249, "deferred": 1}, 3)
    assert "empty pages in a row" in report.problems[0].reason
    assert made.space.count(f"GET use_00042/{what}") == EMPTY_PAGES
    assert made.seconds < 60
    made.space.good = good  # type: ignore[method-assign] # it has mended its ways
    assert counts(made.go(resume=True)) == {"delivered": 250}


def test_a_profile_without_the_identifier_is_invalid_and_named_by_its_segment_id(tmp_path: Path) -> None:
    made = flow(tmp_path, 50)
    made.space.profiles["use_00042"] = (None, {"name": "Nobody"})
    report = made.go()
    assert (counts(report), report.exit_code) == ({"delivered": 49, "invalid": 1}, 1)
    assert report.problems[0].key == "segment_id:use_00042"


def test_an_outage_of_half_a_minute_loses_nobody(tmp_path: Path) -> None:
    made = flow(tmp_path, 500)
    down = (3.0, 33.0)

    def weather(number: int, request: Request) -> Response | None:
        moment = made.space.at[-1][0]
        return answer(503, {}) if down[0] <= moment < down[1] else None

    made.space.weather = weather
    assert counts(made.go()) == {"delivered": 500}


def test_a_limit_that_is_shared_with_others_slows_and_loses_nobody(tmp_path: Path) -> None:
    made = flow(tmp_path, 300)

    def weather(number: int, request: Request) -> Response | None:
        return answer(429, {"error": {"code": "rate_limit_error"}}) if number % 40 == 0 else None

    made.space.weather = weather
    assert counts(made.go()) == {"delivered": 300}


# --- actions ----------------------------------------------------------------------------------------------------------


def test_failures_of_an_action_concern_the_customers_it_names(tmp_path: Path) -> None:
    made = flow(tmp_path, 100, vouchers=Vouchers(refused={"u42", "u77"}))
    report = made.go()
    assert (counts(report), report.exit_code) == ({"delivered": 98, "rejected": 2}, 1)
    assert {problem.key for problem in report.problems} == {"source_id:u42", "source_id:u77"}
    assert made.vouchers.sizes == [10, 90]


def test_an_action_that_never_ends_is_unknown_and_resume_asks_for_it(tmp_path: Path) -> None:
    made = flow(tmp_path, 100, vouchers=Vouchers(never_ends=True), destination={"pollTimeout": 60})
    report = made.go()
    assert (counts(report), report.exit_code) == ({"deferred": 90, "unknown": 10}, 3)
    assert report.stopped is not None
    assert report.stopped.reason == "unfinished"
    assert made.vouchers.sizes == [10]
    made.vouchers.never_ends, made.vouchers.action_s = False, -1e9  # meanwhile it has ended
    resumed = made.go(resume=True)
    assert counts(resumed) == {"delivered": 100}
    assert made.vouchers.sizes == [10, 10, 80]
    assert set(made.vouchers.writes.values()) == {1}


def test_an_action_that_came_to_nothing_is_sent_again(tmp_path: Path) -> None:
    made = flow(tmp_path, 100)
    good = made.vouchers.good

    def failing(request: Request) -> Response:
        if request.path.endswith("aa_" + f"{2:018x}"):
            return answer(200, {"id": "aa_" + f"{2:018x}", "status": "FAILED", "object": "async_action"})
        return good(request)

    made.vouchers.good = failing  # type: ignore[method-assign] # one action fails
    assert counts(made.go()) == {"delivered": 100}
    assert made.vouchers.sizes == [10, 90, 90]


def test_when_every_action_comes_to_nothing_that_is_an_outage(tmp_path: Path) -> None:
    """R4: twenty bulk calls, whatever the number of rows, for each is one of few."""
    made = flow(tmp_path, 2_000)
    good = made.vouchers.good

    def failing(request: Request) -> Response:
        if request.path.startswith("/v1/async-actions/"):
            return answer(200, {"id": request.path.rpartition("/")[2], "status": "FAILED", "object": "async_action"})
        return good(request)

    made.vouchers.good = failing  # type: ignore[method-assign] # an API that accepts, and does nothing
    report = made.go()
    assert report.stopped is not None
    assert (report.stopped.reason, report.exit_code) == ("outage", 3)
    assert len(made.vouchers.sizes) <= 20
    made.vouchers.good = good  # type: ignore[method-assign] # it works again
    assert made.go(resume=True).exit_code == 0
    assert len(made.vouchers.customers) == 2_000


def test_nonsense_about_an_action_is_asked_about_again_and_not_sent_again(tmp_path: Path) -> None:
    made = flow(tmp_path, 100)
    good, nonsense = made.vouchers.good, iter(range(3))

    def portal(request: Request) -> Response:
        is_poll = request.path.startswith("/v1/async-actions/")
        return answer(200, b"<html>") if is_poll and next(nonsense, None) is not None else good(request)

    made.vouchers.good = portal  # type: ignore[method-assign] # somebody stands between, for a while
    assert counts(made.go()) == {"delivered": 100}
    assert made.vouchers.sizes == [10, 90]


def contradicting(made: Flow, about: Callable[[set[str], dict[str, Any]], None]) -> None:
    """about: who was sent, and the result of their action, to be changed."""
    good = made.vouchers.good

    def odd(request: Request) -> Response:
        response = good(request)
        told = msgspec.json.decode(response.body)
        if request.path.startswith("/v1/async-actions/") and told.get("status") == "DONE":
            _, rows = made.vouchers.actions[told["id"]]
            about({str(row["source_id"]) for row in rows}, told["result"])
        return response._replace(body=msgspec.json.encode(told))

    made.vouchers.good = odd  # type: ignore[method-assign] # an API that contradicts itself


def test_an_action_that_lists_too_few_of_its_failures_is_halved_until_it_lists_all(tmp_path: Path) -> None:
    made = flow(tmp_path, 250, vouchers=Vouchers(refused={"u42", "u43", "u177"}))
    contradicting(made, lambda sent, result: result.update(errors=result["errors"][:1]))
    report = made.go()
    assert (counts(report), report.exit_code) == ({"delivered": 247, "rejected": 3}, 1)
    assert {problem.key for problem in report.problems} == {"source_id:u42", "source_id:u43", "source_id:u177"}
    assert len(made.vouchers.sizes) < 20
    assert made.seconds < 180, "pollTimeout is for actions that have not ended"


def test_one_of_whom_no_action_tells_is_unknown_and_all_others_are_settled(tmp_path: Path) -> None:
    made = flow(tmp_path, 250)
    contradicting(made, lambda sent, result: result.update(done_count=999) if "u42" in sent else None)
    report = made.go()
    assert (counts(report), report.exit_code) == ({"delivered": 249, "unknown": 1}, 3)
    assert report.problems[0].key == "source_id:u42"
    assert "is DONE, but it counts 999 done and 0 failed of 1 customer, and lists 0 errors" in report.problems[0].reason
    assert len(made.vouchers.sizes) < 20
    writes = copy.copy(made.vouchers.writes)
    assert counts(made.go(resume=True)) == {"delivered": 249, "unknown": 1}
    assert {key for key in writes if made.vouchers.writes[key] > writes[key]} == {"u42"}, "it is sent once more"
    contradicting(made, lambda sent, result: result.update(done_count=len(sent)))
    assert counts(made.go()) == {"unchanged": 250}, "its last ticket is asked for first, and makes sense by now"


def test_while_nobody_was_taken_a_contradiction_about_one_alone_ends_the_run(tmp_path: Path) -> None:
    made = flow(tmp_path, 250)
    contradicting(made, lambda sent, result: result.update(done_count=len(sent) + 1))
    report = made.go()
    assert report.stopped is not None
    assert (report.stopped.reason, report.exit_code) == ("unfinished", 3)
    assert "is DONE, but it counts 2 done and 0 failed of 1 customer" in report.stopped.message
    assert (len(made.vouchers.writes), len(made.vouchers.sizes) < 20) == (10, True)
    assert counts(report) == {"deferred": 240, "unknown": 10}


def test_what_a_contradiction_leaves_open_is_in_doubt_though_its_halves_never_leave(tmp_path: Path) -> None:
    made = flow(tmp_path, 50)
    made.go()
    was = copy.deepcopy(made.space.profiles)
    for name, (user_id, _) in was.items():
        made.space.profiles[name] = (user_id, {"name": "Somebody else"})
    contradicting(made, lambda sent, result: result.update(done_count=0))
    calls = len(made.vouchers.sizes)
    made.vouchers.weather = lambda number, request: (
        answer(401, {}) if len(made.vouchers.sizes) > calls and "async-actions" not in request.path else None
    )
    assert made.go().exit_code == 3
    assert made.vouchers.sizes[calls:] == [10]
    made.space.profiles = was  # as it was delivered at first, and is not there any more
    made.vouchers.weather = lambda number, request: None
    contradicting(made, lambda sent, result: result.update(done_count=len(sent)))
    assert counts(made.go()) == {"unchanged": 40, "delivered": 10}
    assert {customer["name"] for customer in made.vouchers.customers.values()} == {f"Name {n}" for n in range(1, 51)}


def test_where_all_actions_contradict_themselves_the_hourly_calls_are_not_used_up(tmp_path: Path) -> None:
    made = flow(tmp_path, 2_000)
    contradicting(made, lambda sent, result: result.update(done_count=0) if "u1" not in sent else None)
    report = made.go()
    assert (counts(report)["delivered"], report.exit_code) == (10, 3)
    assert len(made.vouchers.sizes) < 120, "halving a batch to its end would take 4,000"
    assert report.stopped is not None


def test_a_bulk_quota_that_is_used_up_stops_the_run_and_says_when_to_come_back(tmp_path: Path) -> None:
    made = flow(tmp_path, 100)

    def headers(request: Request) -> dict[str, str]:
        if request.method != "POST":
            return {}
        left = {"x-rate-limit-remaining": "0", "x-rate-limit-retry": str(1_790_000_000 + 1_800)}
        return left | {"x-rate-limit-type": "bulk_api_calls"}

    made.vouchers.headers = headers
    report = made.go()
    assert (counts(report), report.exit_code) == ({"delivered": 10, "deferred": 90}, 3)
    assert report.stopped is not None
    assert report.stopped.reason == "throttled"
    assert report.stopped.retry_at == pytest.approx(1_790_001_800, abs=60)
    assert made.vouchers.sizes == [10]


def test_a_quota_that_is_soon_renewed_is_waited_for(tmp_path: Path) -> None:
    made = flow(tmp_path, 100)
    made.vouchers.headers = lambda request: {
        "x-rate-limit-remaining": "0" if request.method == "POST" else "9",
        "x-rate-limit-retry": str(1_790_000_000 + 120),
    }
    assert counts(made.go()) == {"delivered": 100}
    first, second = (moment for moment, request in made.vouchers.at if request.method == "POST")
    assert second >= 120.0 - first


# --- parts, interrupts and deaths -------------------------------------------------------------------------------------


def test_a_limit_reads_no_further(tmp_path: Path) -> None:
    made = flow(tmp_path, 500)
    report = made.go(limit=120)
    assert counts(report) == {"delivered": 120}
    assert made.space.listings == 2
    assert made.space.count("GET /traits") == 120


def test_only_one_key_is_counted(tmp_path: Path) -> None:
    made = flow(tmp_path, 150)
    report = made.go(only="u42")
    assert (counts(report), list(made.vouchers.customers)) == ({"delivered": 1}, ["u42"])


def test_an_adoption_sends_nothing(tmp_path: Path) -> None:
    made = flow(tmp_path, 150)
    assert counts(made.go(adopt=True)) == {"unchanged": 150}
    assert made.vouchers.at == []
    assert counts(made.go()) == {"unchanged": 150}


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    made = flow(tmp_path, 400)
    halt = Halt()

    def weather(number: int, request: Request) -> None:
        if number == 400:
            halt.request()

    made.space.weather = weather
    stopped = made.go(halt=halt)
    assert (stopped.status, stopped.exit_code) == ("interrupted", 130)
    read_before = len(made.space.at)
    made.space.weather = lambda number, request: None
    resumed = made.go(resume=True)
    assert (resumed.run, counts(resumed)) == (stopped.run, {"delivered": 400})
    assert read_before + len(made.space.at) - read_before <= 4 + 2 * 400 + 4 * 2 * 100
    assert counts(made.go()) == {"unchanged": 400}


class Camera:
    """Takes a picture of everything at the nth request: what a death at that moment would have left."""

    def __init__(self, made: Flow, number: int) -> None:
        self._made, self._number, self._met = made, number, 0
        self.picture: Flow | None = None

    def __call__(self, number: int, request: Request) -> None:
        self._met += 1
        if self._met == self._number:
            made = self._made
            folder = made.folder.with_name(f"{made.folder.name}-{self._number}")
            shutil.copytree(made.folder, folder)
            space, vouchers = _without_weather(made.space), _without_weather(made.vouchers)
            self.picture = replace(made, folder=folder, space=space, vouchers=vouchers)


def _without_weather(exchange: Any) -> Any:
    weather, exchange.weather = exchange.weather, None
    try:
        twin = copy.deepcopy(exchange)
    finally:
        exchange.weather = weather
    twin.weather = lambda number, request: None
    return twin


@pytest.mark.parametrize("moment", [1, 2, 3, 30, 202, 203, 204, 206, 210, 299, 405, 406, 407, 408, 409, 410, 411])
@pytest.mark.parametrize("again", [True, False])
def test_killed_at_any_request_it_reads_on_and_ends_in_the_same_place(tmp_path: Path, moment: int, again: bool) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    made = flow(folder, 200, destination={"batchItems": 40})
    camera = Camera(made, moment)
    made.space.weather = made.vouchers.weather = camera
    made.go()
    whole = len(made.space.at)
    dead = camera.picture
    assert dead is not None
    read_before, sent_before = len(dead.space.at), sum(dead.vouchers.sizes)
    try:
        report = dead.go(resume=again)
    except NothingToResume:
        assert again
        report = dead.go()
    assert report.exit_code == 0
    assert dead.vouchers.customers == made.vouchers.customers
    assert sum(report.counts.values()) == 200
    if again:  # from the last bookmark on: at most the rows of the pages that were open
        assert len(dead.space.at) - read_before <= whole
        assert len(dead.space.at) <= whole + 2 * 200 + 4
    assert sum(dead.vouchers.sizes) <= 200 + 40 + 10
    assert sent_before <= sum(dead.vouchers.sizes)
    assert counts(dead.go()) == {"unchanged": 200}


def test_what_had_a_ticket_when_the_process_died_is_not_sent_again(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    made = flow(folder, 100)
    polls: list[int] = []
    camera = Camera(made, 1)

    def weather(number: int, request: Request) -> None:
        if request.path.endswith(f"{2:018x}"):
            polls.append(number)
            camera(number, request)

    made.vouchers.weather = weather
    made.go()
    dead = camera.picture
    assert dead is not None
    assert dead.vouchers.sizes == [10, 90]
    assert counts(dead.go(resume=True)) == {"delivered": 100}
    assert dead.vouchers.sizes == [10, 90]
    assert set(dead.vouchers.writes.values()) == {1}


def test_a_space_may_be_empty(tmp_path: Path) -> None:
    report = Flow(tmp_path, space=Space()).go()
    assert (report.read, report.exit_code, report.counts[Outcome.DELIVERED]) == (0, 0, 0)


@dataclass
class Metered(Vouchers):
    """Allows so many calls a minute, and says what is left."""

    allowed: int = 100
    over: int = 0
    window: int = 0
    used: Counter[int] = field(default_factory=Counter)

    async def __call__(self, lane: Lane, request: Request) -> Response:
        self.window = int(asyncio.get_running_loop().time() // 60)
        self.used[self.window] += 1
        return await super().__call__(lane, request)

    def good(self, request: Request) -> Response:
        window, used = self.window, self.used[self.window]
        left = {"x-rate-limit-remaining": str(max(0, self.allowed - used))}
        left |= {"x-rate-limit-retry": str(int(EPOCH + 60 * (window + 1))), "x-rate-limit-type": "api_calls"}
        if used > self.allowed:
            self.over += 1
            return answer(429, {"code": 429, "message": "Too many requests hit the API too quickly."}, **left)
        return Response(200, left, super().good(request).body)


def test_a_quota_by_the_minute_is_kept_to_without_being_refused(tmp_path: Path) -> None:
    metered = Metered(latency_s=0.2)
    made = flow(tmp_path, 350, vouchers=metered, destination={"api": "single"})
    report = made.go()
    assert counts(report) == {"delivered": 350}
    assert metered.over == 0
    assert 180.0 <= made.seconds <= 260.0


@pytest.mark.parametrize("lost", [False, True])
def test_what_was_sent_in_bulk_is_asked_for_though_single_calls_are_asked_for_now(tmp_path: Path, lost: bool) -> None:
    made = flow(tmp_path, 100, vouchers=Vouchers(never_ends=True), destination={"pollTimeout": 60})
    assert counts(made.go()) == {"deferred": 90, "unknown": 10}
    made.vouchers.never_ends, made.vouchers.action_s = False, -1e9
    if lost:
        made.vouchers.actions.clear()
    made.destination["api"] = "single"
    assert counts(made.go()) == ({"delivered": 100} if lost else {"unchanged": 10, "delivered": 90})
    assert len(made.vouchers.customers) == 100
