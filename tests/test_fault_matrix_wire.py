"""The fault matrix on a real socket: connections that break, hang, drip or talk nonsense (rows 5 to 20).

The number in a test's name is its row in tests/FAULTS.md.
"""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import pytest

from faulted import Stage, counts, rows
from faultserver import FAIR, Act, Asked, FaultServer, answer, written
from syncline.delivery import Halt

TIMEOUT_S = 0.4
API_AND_WHEN = [("batch", True), ("batch", False), ("identify", False)]
OK = written(200, b"{}")
LAST = answer(200, b"{}", "Connection: close", applies=True, ends="fin")  # what comes next comes on a new connection

CLOSED_AT_ONCE = Act("nothing", ends="fin")
RESET_AT_ONCE = Act("nothing", ends="rst")
RESET_AFTER_HEAD = Act("head", ends="rst")
RESET_MID_BODY = Act("half", ends="rst")
SILENTLY_CLOSED = Act(ends="fin")
LOST = Act(applies=True, ends="rst")
HANGS = Act(ends="hang")
HANGS_AFTER_HEAD = Act(applies=True, says=OK[:-2], ends="hang")
DRIPS = Act(applies=True, says=OK, drip_s=0.1)
SHORT = Act(applies=True, says=written(200, b"{}", "Content-Length: 50"), ends="fin")
CHUNK = written(200, b"10\r\n{}", "Transfer-Encoding: chunked")
CUT_CHUNK = Act(applies=True, says=CHUNK, ends="fin")
BAD_CHUNK = Act(applies=True, says=written(200, b"zz\r\n{}\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), ends="fin")
SSH = Act(says=b"SSH-2.0-OpenSSH_9.6\r\n", ends="fin")
TLS_ALERT = Act(says=b"\x15\x03\x01\x00\x02\x02\x16", ends="fin")
HTTP_0_9 = Act(applies=True, says=b"{}", ends="fin")
TWO_LENGTHS = Act(applies=True, says=written(200, b"{}", "Content-Length: 2", "Content-Length: 3"), ends="fin")
LONG_HEADER = Act(applies=True, says=written(200, b"{}", "X-Long: " + "x" * 200_000), ends="fin")


@pytest.fixture
def stage(tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Stage:
    return Stage(tmp_path, capfd, caplog)


def met_once(stage: Stage, act: Act, *, first: bool, api: str = "batch", filling: str = "") -> None:
    """The fault is met once, on first contact or later: one more request, and everybody is delivered."""
    count = 20 if api == "batch" else 3
    script = [act] if first else [LAST, act]
    with FaultServer(script) as server:
        report = stage.run(server, rows(count, filling=filling), api=api, timeout=5.0)
        assert (counts(report), report.exit_code) == ({"delivered": count}, 0)
        assert len(server.asked) == (3 if api == "batch" else 4)
        struck = next(asked for asked in server.asked if asked.act == act)
        later = [asked.body for asked in server.asked[server.asked.index(struck) + 1 :]]
        assert struck.act.reads != "all" or struck.body in later, "what failed goes again, and as it was"
        stage.puts_right(server)


def nobody_is_acknowledged(stage: Stage, act: Act, outcome: str, *, api: str = "batch") -> None:
    """The second request and all after it meet the fault; the run is ended by its user, long before its patience."""
    halt, some = Halt(), rows(20 if api == "batch" else 2)

    def enough(asked: Asked) -> None:
        if len(server.asked) == 2:
            halt.request()

    with FaultServer([answer(200, applies=True)], weather=enough).always(act) as server:
        report = stage.run(server, some, api=api, halt=halt, timeout=TIMEOUT_S)
        assert report.exit_code == 130
        assert counts(report) == {"delivered": len(some) // 2, outcome: len(some) // 2}
        stage.puts_right(server, timeout=10.0)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("act", [CLOSED_AT_ONCE, RESET_AT_ONCE, RESET_AFTER_HEAD])
def test_05_a_connection_that_breaks_before_the_request_was_read_is_made_again(
    stage: Stage, act: Act, first: bool
) -> None:
    met_once(stage, act, first=first)


@pytest.mark.parametrize("first", [True, False])
def test_06_a_reset_in_the_middle_of_a_large_body_is_sent_again_and_applied_once(stage: Stage, first: bool) -> None:
    met_once(stage, RESET_MID_BODY, first=first, filling="x" * 29_000)


@pytest.mark.parametrize(("api", "first"), API_AND_WHEN)
def test_07_a_fin_in_the_place_of_an_answer_is_sent_again(stage: Stage, api: str, first: bool) -> None:
    met_once(stage, SILENTLY_CLOSED, first=first, api=api)


@pytest.mark.parametrize(
    ("api", "act"),
    [*(("batch", act) for act in (SILENTLY_CLOSED, LOST, HANGS, SHORT)), ("identify", SILENTLY_CLOSED)],
)
def test_07_what_was_sent_and_never_answered_is_unknown_and_not_deferred(stage: Stage, api: str, act: Act) -> None:
    nobody_is_acknowledged(stage, act, "unknown", api=api)


@pytest.mark.parametrize(("api", "first"), API_AND_WHEN)
def test_08_a_lost_acknowledgement_is_sent_again_and_has_one_effect(stage: Stage, api: str, first: bool) -> None:
    met_once(stage, LOST, first=first, api=api)


# --- time -----------------------------------------------------------------------------------------------------------


@pytest.mark.promise("R6")
@pytest.mark.parametrize("act", [HANGS, HANGS_AFTER_HEAD, DRIPS])
@pytest.mark.parametrize(("api", "first"), [("batch", True), ("identify", False)])
def test_09_to_11_an_attempt_ends_at_its_deadline_however_much_came(
    stage: Stage, api: str, act: Act, first: bool
) -> None:
    """R6. Where the body belongs to the answer, half an answer is none: it is unknown, and sent again."""
    count = 20 if api == "batch" else 2
    with FaultServer([act] if first else [LAST, act]) as server:
        report = stage.run(server, rows(count), api=api, timeout=TIMEOUT_S)
        assert (counts(report), len(server.asked)) == ({"delivered": count}, 3)
        struck = server.asked[not first]
        again = next(asked for asked in server.asked if asked.at > struck.at and asked.body == struck.body)
        assert TIMEOUT_S * 0.9 <= again.at - struck.at <= TIMEOUT_S + 1
        stage.puts_right(server, timeout=10.0)


@pytest.mark.parametrize("act", [HANGS_AFTER_HEAD, DRIPS])
@pytest.mark.parametrize("api", ["batch", "identify"])
def test_10_and_11_half_an_answer_is_no_acknowledgement(stage: Stage, api: str, act: Act) -> None:
    nobody_is_acknowledged(stage, act, "unknown", api=api)


# --- nonsense ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", [SHORT, CUT_CHUNK, BAD_CHUNK])
@pytest.mark.parametrize(("api", "first"), API_AND_WHEN)
def test_12_and_13_an_answer_that_breaks_off_is_sent_again(stage: Stage, api: str, act: Act, first: bool) -> None:
    met_once(stage, act, first=first, api=api)


@pytest.mark.parametrize("act", [CUT_CHUNK, BAD_CHUNK])
def test_13_a_chunk_that_is_cut_is_no_acknowledgement(stage: Stage, act: Act) -> None:
    nobody_is_acknowledged(stage, act, "unknown")


@pytest.mark.parametrize("act", [SSH, TLS_ALERT, HTTP_0_9])
def test_14_what_is_not_http_acknowledges_nobody_and_is_asked_again(stage: Stage, act: Act) -> None:
    met_once(stage, act, first=True)


@pytest.mark.parametrize("act", [SSH, TLS_ALERT, HTTP_0_9])
def test_14_what_is_not_http_leaves_its_rows_unknown(stage: Stage, act: Act) -> None:
    nobody_is_acknowledged(stage, act, "unknown")


@pytest.mark.parametrize("act", [SSH, TLS_ALERT, HTTP_0_9, TWO_LENGTHS, LONG_HEADER])
def test_14_and_15_on_first_contact_it_is_a_wrong_address_after_three_requests(stage: Stage, act: Act) -> None:
    with FaultServer().always(act) as server:
        report = stage.run(server, rows(40))
        assert (len(server.asked), report.exit_code, counts(report)) == (3, 3, {"unknown": 10, "deferred": 30})
        assert report.stopped is not None
        assert report.stopped.reason == "address"
        assert "does not answer as HTTP asks" in report.stopped.message
        stage.puts_right(server)


@pytest.mark.parametrize("act", [TWO_LENGTHS, LONG_HEADER])
def test_15_an_answer_that_breaks_the_protocol_acknowledges_nobody(stage: Stage, act: Act) -> None:
    met_once(stage, act, first=True)


@pytest.mark.parametrize("act", [TWO_LENGTHS, LONG_HEADER])
def test_15_an_answer_that_breaks_the_protocol_leaves_its_rows_unknown(stage: Stage, act: Act) -> None:
    nobody_is_acknowledged(stage, act, "unknown")


# --- connections that are kept ---------------------------------------------------------------------------------------


def test_16_a_connection_that_was_closed_while_it_was_idle_costs_no_request(stage: Stage) -> None:
    """R10: 10 requests a second, and each connection is closed 10 ms after its answer."""
    with FaultServer().always(FAIR._replace(ends="fin", after_s=0.01)) as server:
        report = stage.run(server, rows(60), rate=10.0)
        assert (counts(report), report.requests) == ({"delivered": 60}, 6)
        assert server.connections == 6
        stage.puts_right(server)


@pytest.mark.promise("R10")
@pytest.mark.parametrize("api", ["batch", "identify"])
def test_16_a_connection_that_closes_under_a_request_is_counted_and_sent_again(stage: Stage, api: str) -> None:
    """R10: the HTTP client would send it again in silence; what the API sees is what is counted."""
    with FaultServer([FAIR, SILENTLY_CLOSED]) as server:
        report = stage.run(server, rows(30 if api == "batch" else 3), api=api)
        assert (report.exit_code, report.requests, len(server.asked)) == (0, 4, 4)
        assert server.asked[0].connection == server.asked[1].connection != server.asked[2].connection
        stage.puts_right(server)


@pytest.mark.promise("R10")
@pytest.mark.parametrize("parallelism", [1, 10])
def test_16_a_server_that_always_closes_in_silence_is_no_outage(stage: Stage, parallelism: int) -> None:
    """It answers, and closes without having said so: every connection serves one request."""
    with FaultServer().always(FAIR._replace(ends="fin")) as server:
        began = time.monotonic()
        report = stage.run(server, rows(200), api="identify", parallelism=parallelism, counted=False)
        assert counts(report) == {"delivered": 200}
        assert report.requests <= 200 + 200 * 3
        assert time.monotonic() - began < 5.0, "the breaker opened: its first pause takes as long"
        stage.puts_right(server)


# --- a slow road -----------------------------------------------------------------------------------------------------


def test_17_a_late_answer_is_waited_for(stage: Stage) -> None:
    dice = Random(17)
    with FaultServer(weather=lambda asked: FAIR._replace(waits_s=dice.uniform(0.1, 0.6))) as server:
        report = stage.run(server, rows(60), parallelism=5, timeout=5.0)
        assert (counts(report), report.requests) == ({"delivered": 60}, 6)
        stage.puts_right(server)


def test_18_while_bytes_flow_nobody_hangs_up(stage: Stage) -> None:
    """8 KB a second: two requests of 5 KB, which take their time and are sent once."""
    with FaultServer(bytes_per_s=8_000) as server:
        began = time.monotonic()
        report = stage.run(server, rows(20, filling="x" * 400), timeout=5.0)
        assert time.monotonic() - began >= 1.0, "the road was fast: nothing was shown"
        assert (counts(report), report.requests) == ({"delivered": 20}, 2)
        stage.puts_right(server)


@pytest.mark.parametrize("api", ["batch", "identify"])
def test_19_an_answer_that_comes_byte_by_byte_is_read_right(stage: Stage, api: str) -> None:
    count = 20 if api == "batch" else 3
    with FaultServer(sliced=True, blamed={"7"}) as server:
        report = stage.run(server, rows(count), api=api)
        expected = {"delivered": 19, "rejected": 1} if api == "batch" else {"delivered": 3}
        assert (counts(report), report.requests) == (expected, 2 if api == "batch" else 3)
        stage.puts_right(server)


def test_20_when_three_in_ten_connections_break_everybody_arrives(stage: Stage) -> None:
    """R4: requests are at most needed / (1 - f) · 1.02 + C."""
    dice, needed, breaks = Random(20), 60, [Act(ends="rst"), LOST, SILENTLY_CLOSED]

    def weather(asked: Asked) -> Act:
        return dice.choice(breaks) if dice.random() < 0.3 else FAIR

    with FaultServer(weather=weather) as server:
        report = stage.run(server, rows(10 * needed), parallelism=10)
        assert (counts(report), report.exit_code) == ({"delivered": 10 * needed}, 0)
        broken = sum(asked.act in breaks for asked in server.asked)
        assert broken >= 0.2 * needed, "few connections broke: nothing was shown"
        share = broken / len(server.asked)
        assert report.requests <= needed / (1 - share) * 1.02 + 10
        stage.puts_right(server)
