"""The fault matrix on a real socket: statuses that are no success, and successes that are none (rows 24 to 50).

The number in a test's name is its row in tests/FAULTS.md.
"""

from __future__ import annotations

import json
import time
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import ceil, log2
from pathlib import Path
from random import Random

import pytest

from faulted import Row, Stage, begin, counts, end, held, rows
from faultserver import FAIR, Act, Asked, FaultServer, answer, written
from syncline import Report

NO = b'{"errors":[{"reason":"invalid","message":"this is no person"}]}'
V1_NO = b'{"meta":{"errors":["this is no person"]}}'


@pytest.fixture
def stage(tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Stage:
    return Stage(tmp_path, capfd, caplog)


def stopped(report: Report) -> tuple[str, str]:
    assert report.stopped is not None
    return report.stopped.reason, report.stopped.message


# --- credentials -----------------------------------------------------------------------------------------------------


@pytest.mark.promise("R5")
def test_24_a_bad_key_costs_one_request_and_one_probe(stage: Stage) -> None:
    with FaultServer(probes=[answer(401)]).always(answer(401)) as server:
        report = stage.run(server, rows(60), parallelism=5)
        assert (counts(report), report.exit_code) == ({"deferred": 60}, 3)
        assert (len(server.writes), len(server.probes)) == (1, 1)
        assert stopped(report)[0] == "credentials"
        stage.puts_right(server)


@pytest.mark.promise("R5")
def test_25_a_key_revoked_mid_run_touches_only_what_was_in_flight(stage: Stage) -> None:
    def weather(asked: Asked) -> Act:
        good = len(server.writes) <= 8
        return FAIR._replace(waits_s=0.05) if good else answer(401)._replace(waits_s=0.05)

    with FaultServer(weather=lambda asked: weather(asked) if asked.is_write else answer(401)) as server:
        report = stage.run(server, rows(300), parallelism=5)
        assert (len(server.writes) <= 8 + 5, len(server.probes)) == (True, 1)
        assert counts(report) == {"delivered": 80, "deferred": 220}
        assert (report.exit_code, stopped(report)[0]) == (3, "credentials")
        stage.puts_right(server)


def test_26_a_single_flaky_401_is_confirmed_and_costs_nobody(stage: Stage) -> None:
    with FaultServer([FAIR, answer(401)]) as server:
        report = stage.run(server, rows(30))
        assert (counts(report), report.exit_code) == ({"delivered": 30}, 0)
        assert (len(server.writes), len(server.probes)) == (4, 1)
        assert any("1 answer of 401 while the credentials were good" in told for told in report.warnings)
        stage.puts_right(server)


def test_27_a_403_for_one_row_is_that_rows_alone(stage: Stage) -> None:
    """The confirmation is a question, never the row: it is refused once and not tried again."""

    def weather(asked: Asked) -> Act | None:
        return answer(403) if asked.is_write and "12" in asked.keys else None

    with FaultServer(weather=weather) as server:
        report = stage.run(server, rows(3, first=11), api="identify")
        assert (counts(report), report.exit_code) == ({"delivered": 2, "rejected": 1}, 1)
        assert sum(asked.keys == {"12"} for asked in server.writes) == 1
        stage.puts_right(server)


@pytest.mark.parametrize("status", [404, 405, 501])
def test_28_no_such_route_on_first_contact_names_the_address(stage: Stage, status: int) -> None:
    with FaultServer().always(answer(status)) as server:
        report = stage.run(server, rows(60), parallelism=5)
        assert (report.exit_code, len(server.asked)) == (3, 1)
        reason, message = stopped(report)
        assert reason == "address"
        assert server.url in message
        assert not {"delivered", "rejected", "invalid"} & counts(report).keys()
        stage.puts_right(server)


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 422])
def test_30_and_35_a_refused_row_is_rejected_with_its_reason_by_one_request(stage: Stage, status: int) -> None:
    with FaultServer(weather=lambda asked: answer(status, V1_NO) if "2" in asked.keys else None) as server:
        report = stage.run(server, rows(3), api="identify")
        assert (counts(report), report.exit_code, report.requests) == ({"delivered": 2, "rejected": 1}, 1, 3)
        (problem,) = report.problems
        assert (problem.key, problem.reason) == ("id:2", "this is no person")
        stage.puts_right(server)


@pytest.mark.promise("B3")
@pytest.mark.parametrize(
    ("status", "culprits"), [(422, {"17"}), (400, {"12", "18"}), (400, {str(number) for number in range(11, 21)})]
)
def test_31_and_35_a_batch_refused_whole_is_halved_until_the_culprits_stand_alone(
    stage: Stage, status: int, culprits: set[str]
) -> None:
    """B3: at most 2 · p · ⌈log2 n⌉ + 1 more requests for p culprits among n."""
    with FaultServer(weather=lambda asked: answer(status, NO) if culprits & asked.keys else None) as server:
        report = stage.run(server, rows(30))
        assert (counts(report), report.exit_code) == ({"delivered": 30 - len(culprits), "rejected": len(culprits)}, 1)
        assert server.people == held([row for row in rows(30) if row["id"] not in culprits])
        assert report.requests <= 3 + 2 * len(culprits) * ceil(log2(10)) + 1
        stage.puts_right(server)


def test_32_too_large_a_request_is_halved_and_a_single_one_is_invalid(stage: Stage) -> None:
    with FaultServer(weather=lambda asked: answer(413) if "5" in asked.keys or len(asked.keys) > 4 else None) as server:
        report = stage.run(server, rows(20))
        assert (counts(report), report.exit_code) == ({"delivered": 19, "invalid": 1}, 1)
        assert server.people == held([row for row in rows(20) if row["id"] != "5"])
        stage.puts_right(server)


# --- try again -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "first"),
    [(500, True), *((status, False) for status in (408, 425, 409, 423, 500, 502, 503, 504, 520))],
)
def test_33_34_41_and_42_a_passing_status_costs_one_more_request(stage: Stage, status: int, first: bool) -> None:
    with FaultServer([answer(status)] if first else [FAIR, answer(status)]) as server:
        report = stage.run(server, rows(30))
        assert (counts(report), report.exit_code, report.requests) == ({"delivered": 30}, 0, 4)
        assert sum(server.applied.values()) == 30
        stage.puts_right(server)


def test_41_and_42_a_fifth_of_all_answers_failing_loses_nobody(stage: Stage) -> None:
    """R4. Each failing request is applied all the same, or not: nobody can know."""
    dice = Random(41)

    def weather(asked: Asked) -> Act:
        return answer(dice.choice([500, 503]), applies=dice.random() < 0.5) if dice.random() < 0.2 else FAIR

    with FaultServer(weather=weather) as server:
        report = stage.run(server, rows(1_000), parallelism=10)
        assert (counts(report), report.exit_code) == ({"delivered": 1_000}, 0)
        failed = sum(asked.act != FAIR for asked in server.asked)
        assert failed >= 10, "few requests failed: nothing was shown"
        assert report.requests <= 100 / (1 - failed / report.requests) * 1.02 + 10
        stage.puts_right(server)


# --- wait ------------------------------------------------------------------------------------------------------------


def throttled(stage: Stage, *headers: str, status: int = 429) -> float:
    """How long everybody waited: from the end of such an answer to the next request."""
    slow = answer(status, b"{}", *headers)
    with FaultServer([answer(200, applies=True), slow]) as server:
        report = stage.run(server, rows(60), parallelism=5)
        assert (counts(report), report.exit_code) == ({"delivered": 60}, 0)
        assert sum(server.applied.values()) == 60
        (told,) = [asked.over for asked in server.asked if asked.act == slow]
        # What was in flight with it had left already.
        wait_s = min(asked.at for asked in server.asked if asked.at > told + 0.5) - told
        assert len([asked for asked in server.asked if asked.at < told + 0.5]) <= 1 + 5
        stage.puts_right(server)
    return wait_s


@pytest.mark.promise("R3")
@pytest.mark.parametrize("status", [429, 503])
def test_36_and_42_everybody_waits_as_long_as_retry_after_asks(stage: Stage, status: int) -> None:
    wait_s = throttled(stage, "Retry-After: 1", status=status)
    assert 1.0 <= wait_s <= 3.0


@pytest.mark.parametrize(
    "form",
    ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"],
    ids=["IMF", "850", "asc"],
)
def test_37_a_date_is_waited_for_by_the_answers_own_clock(stage: Stage, form: str) -> None:
    """The vendor's clock is two years ahead of ours."""
    theirs = datetime.now(UTC) + timedelta(days=730)
    at = theirs + timedelta(seconds=1)
    date = f"Date: {format_datetime(theirs, usegmt=True)}"
    wait_s = throttled(stage, date, f"Retry-After: {at.strftime(form)}")
    assert 1.0 <= wait_s <= 3.0


@pytest.mark.parametrize("value", ["0", "-5", "1.5", "soon"])
def test_38_nonsense_is_answered_with_our_own_backoff(stage: Stage, value: str) -> None:
    """Within a second, for the first time."""
    with FaultServer([FAIR, answer(429, b"{}", f"Retry-After: {value}")]) as server:
        report = stage.run(server, rows(20))
        assert (counts(report), report.requests) == ({"delivered": 20}, 3)
        assert server.asked[2].at - server.asked[1].over <= 1.1 + 0.9
        stage.puts_right(server)


def test_38_two_retry_afters_make_no_busy_loop(stage: Stage) -> None:
    with FaultServer([FAIR, answer(429, b"{}", "Retry-After: 1", "Retry-After: 0")]) as server:
        report = stage.run(server, rows(20))
        assert (counts(report), report.requests) == ({"delivered": 20}, 3)
        stage.puts_right(server)


@pytest.mark.parametrize(
    "value", ["301", "99999999", "9" * 50, format_datetime(datetime(2999, 1, 1, tzinfo=UTC), True)]
)
def test_38_a_wait_of_more_than_five_minutes_ends_the_run_which_says_when_to_come_back(
    stage: Stage, value: str
) -> None:
    with FaultServer([FAIR, answer(429, b"{}", f"Retry-After: {value}")]) as server:
        began = time.time()
        report = stage.run(server, rows(60))
        assert (counts(report), report.exit_code) == ({"delivered": 10, "deferred": 50}, 3)
        assert (report.requests, stopped(report)[0]) == (2, "throttled")
        assert report.stopped is not None
        assert report.stopped.retry_at is not None
        assert report.stopped.retry_at >= began + 300
        stage.puts_right(server)


# --- elsewhere, and somebody else ------------------------------------------------------------------------------------


@pytest.mark.promise("R8")
@pytest.mark.parametrize(("status", "probe_too"), [(302, True), (307, False)])
def test_43_a_redirect_is_never_followed(stage: Stage, status: int, probe_too: bool) -> None:
    """R8. Where it leads is told without what may be a credential."""
    with FaultServer() as other:
        away = answer(status, b"", f"Location: {other.url}/api/v2/batch?token=hush")
        with FaultServer(probes=[away] if probe_too else []).always(away) as server:
            report = stage.run(server, rows(60), parallelism=5)
            assert (report.exit_code, len(server.writes), len(server.probes)) == (3, 1, 1)
            assert counts(report) == {"deferred": 60}
            assert (other.connections, server.people) == (0, {})
            assert f"{other.url}, and redirects are never followed" in stopped(report)[1]
            assert "hush" not in stopped(report)[1]
            stage.puts_right(server)


@pytest.mark.parametrize("api", ["batch", "identify"])
@pytest.mark.parametrize("body", [b"<html>sign in</html>", b"[]", b"\xff\xfe", b'"ok"'])
def test_44_a_200_of_somebody_else_is_a_wrong_address_on_first_contact(stage: Stage, api: str, body: bytes) -> None:
    with FaultServer().always(answer(200, body)) as server:
        report = stage.run(server, rows(60), api=api)
        first = 10 if api == "batch" else 1
        assert (counts(report), report.exit_code) == ({"deferred": 60 - first, "unknown": first}, 3)
        assert (len(server.asked), stopped(report)[0]) == (3, "address")
        stage.puts_right(server)


@pytest.mark.promise("A2")
def test_44_a_page_mid_run_acknowledges_nobody(stage: Stage) -> None:
    with FaultServer([FAIR, answer(200, b"<html>sign in</html>")]) as server:
        report = stage.run(server, rows(20))
        assert (counts(report), report.requests) == ({"delivered": 20}, 3)
        stage.puts_right(server)


@pytest.mark.parametrize("status", [201, 202, 204])
@pytest.mark.parametrize("api", ["batch", "identify"])
def test_45_a_success_that_the_api_does_not_have_proves_nothing(stage: Stage, api: str, status: int) -> None:
    odd = answer(status, b"" if status == 204 else b"{}")
    count = 20 if api == "batch" else 2
    with FaultServer([FAIR, odd]) as server:
        report = stage.run(server, rows(count), api=api)
        assert (counts(report), report.requests) == ({"delivered": count}, 3)
        assert sum(server.applied.values()) == count
        stage.puts_right(server)
    with FaultServer().always(odd) as server:
        report = stage.run(server, rows(count, first=100), api=api)
        assert (report.exit_code, len(server.asked), stopped(report)[0]) == (3, 3, "address")


@pytest.mark.promise("B1")
def test_46_exactly_the_listed_are_rejected_and_one_listed_twice_once(stage: Stage) -> None:
    with FaultServer(blamed={"3", "10", "11", "20"}) as server:
        report = stage.run(server, rows(30))
        assert (counts(report), report.requests) == ({"delivered": 26, "rejected": 4}, 3)
        assert {problem.key for problem in report.problems} == {"id:3", "id:10", "id:11", "id:20"}
        stage.puts_right(server)
    errors = [{"batch_index": 4, "message": "once"}, {"batch_index": 4, "message": "twice"}]
    with FaultServer([answer(207, json.dumps({"errors": errors}).encode())]) as server:
        report = stage.run(server, rows(10, first=100))
        assert (counts(report), [problem.reason for problem in report.problems]) == (
            {"delivered": 9, "rejected": 1},
            ["once"],
        )


@pytest.mark.promise("B2")
@pytest.mark.parametrize(
    "errors",
    [
        [{"batch_index": 10, "message": "x"}],
        [{"batch_index": -1, "message": "x"}],
        [{"batch_index": "3", "message": "x"}],
        [{"batch_index": True, "message": "x"}],
        [{"batch_index": 2.0, "message": "x"}],
        [{"message": "x"}],
        ["no"],
        [],
        "none",
        {},
    ],
)
def test_46_a_207_that_names_nobody_who_was_sent_is_no_verdict(stage: Stage, errors: object) -> None:
    """B2: once more as it is; then each of the ten is asked for alone."""
    odd = answer(207, json.dumps({"errors": errors}).encode())
    with FaultServer([FAIR, odd, odd]) as server:
        report = stage.run(server, rows(20))
        assert (counts(report), report.exit_code, report.requests) == ({"delivered": 20}, 0, 3 + 10)
        assert [len(asked.keys) for asked in server.writes[1:]] == [10, 10] + [1] * 10
        stage.puts_right(server)


# --- hostile answers -------------------------------------------------------------------------------------------------


def bomb(megabytes: int) -> bytes:
    """Zeros, compressed a thousandfold."""
    pressed = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(1_000_000)
    first = pressed.compress(zeros) + pressed.flush(zlib.Z_FULL_FLUSH)
    more = pressed.compress(zeros) + pressed.flush(zlib.Z_FULL_FLUSH)
    return first + more * (megabytes - 1)


GZIP = "Content-Encoding: gzip"
BAD_GZIP = Act(applies=True, says=written(200, b"\x1f\x8bthis is no gzip", GZIP))
LONG_GZIP = Act(applies=True, says=written(200, bomb(3), GZIP), ends="fin")
LONG = Act(applies=True, says=written(200, b" " * 1_200_000 + b"{}"), ends="fin")


@pytest.mark.parametrize("act", [BAD_GZIP, LONG_GZIP, LONG], ids=["bad gzip", "bomb", "long"])
@pytest.mark.parametrize(("api", "first"), [("batch", True), ("batch", False), ("identify", False)])
def test_47_an_answer_that_cannot_be_read_or_is_too_long_is_asked_for_again(
    stage: Stage, api: str, act: Act, first: bool
) -> None:
    count = 20 if api == "batch" else 2
    with FaultServer([act] if first else [answer(200, b"{}", applies=True), act]) as server:
        report = stage.run(server, rows(count), api=api)
        assert (counts(report), report.exit_code, report.requests) == ({"delivered": count}, 0, 3)
        stage.puts_right(server)


def test_47_a_bomb_does_not_fill_the_memory(tmp_path: Path) -> None:
    """Two gigabytes, for a process that may have one."""
    limited = ["sh", "-c", 'ulimit -v 1000000 && exec "$@"', "sh"]
    huge = Act(applies=True, says=written(200, bomb(2_000), GZIP), ends="fin")
    with FaultServer([huge]) as server:
        ended = end(begin(tmp_path, server.url, rows(30), before=limited))
        assert (ended.code, ended.document["counts"]["delivered"], ended.document["requests"]) == (0, 30, 4)
        assert "Memory" not in ended.stderr


def test_48_cookies_are_not_kept(stage: Stage) -> None:
    baked = answer(200, b"{}", "Set-Cookie: session=baked; Path=/", "Set-Cookie: b=c", applies=True)
    with FaultServer([baked] * 3) as server:
        stage.run(server, rows(30))
        assert len(server.asked) == 3
        assert not [asked for asked in server.asked if "cookie" in asked.headers]


@pytest.mark.parametrize("api", ["batch", "identify"])
def test_48_a_reason_is_cut_and_escaped_and_names_nobody(stage: Stage, api: str) -> None:
    """A terminal must not be told what to do; an e-mail that the vendor repeats is nobody's business here."""
    hostile = "\x1b[2J\x1b]0;owned\x07\r\nINFO all is well \u202e canary.ada.1@example.org " + "long " * 50_000
    body = json.dumps({"errors": [{"message": hostile}]} if api == "batch" else {"meta": {"errors": [hostile]}})
    with FaultServer(weather=lambda asked: answer(400, body.encode()) if "2" in asked.keys else None) as server:
        report = stage.run(server, rows(3), api=api)
        assert counts(report) == {"delivered": 2, "rejected": 1}
        (problem,) = report.problems
        assert (len(problem.reason) <= 300, problem.reason.isprintable()) == (True, True)
        assert "\x1b" not in str(report)
        assert len(str(report).splitlines()) < 10
        stage.puts_right(server)


# --- what an API would swallow ---------------------------------------------------------------------------------------


@pytest.mark.promise("R9", "B4")
def test_49_what_the_api_would_drop_without_a_word_is_never_sent(stage: Stage) -> None:
    """R9, B4: over 32,000 bytes this API says 200 and writes nothing."""
    fits, large = rows(2, filling="x" * 29_000), rows(1, first=3, filling="x" * 32_000)
    with FaultServer(most_bytes=32_000) as server:
        report = stage.run(server, [*fits, *large])
        assert (counts(report), report.exit_code) == ({"delivered": 2, "invalid": 1}, 1)
        assert server.people == held(fits)
        (problem,) = report.problems
        assert (problem.key, problem.rule) == ("id:3", "record-too-large")
        assert "bytes" in problem.reason


@pytest.mark.parametrize("api", ["batch", "identify"])
def test_50_two_identifiers_that_contradict_each_other_are_never_sent(stage: Stage, api: str) -> None:
    some: list[Row] = [*rows(2), {"id": "ada@plain.example", "name": "Ada", "email": "canary.ada@example.org"}]
    with FaultServer() as server:
        report = stage.run(server, some, api=api)
        assert (counts(report), report.exit_code) == ({"delivered": 2, "invalid": 1}, 1)
        assert server.people == held(rows(2))
        assert [problem.rule for problem in report.problems] == ["identifiers-differ"]
