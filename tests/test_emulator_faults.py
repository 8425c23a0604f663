"""Fault injection: its grammar, its dice, its bucket; and, over real sockets, what a client sees of them."""

from __future__ import annotations

import http.client
import re
import threading
from collections import Counter
from typing import Any

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from syncline.emulators.customerio import Customerio, Identifier
from syncline.emulators.dice import Bucket, Dice
from syncline.emulators.faults import Fault, parse, parse_all
from syncline.emulators.log import Arrival
from syncline.emulators.server import Emulator

ADA = Identifier("id", "ada")
BASIC = {"Authorization": "Basic c2l0ZTprZXk="}
IDENTIFY = "/api/v1/customers/{identifier}"


def put(emulator: Emulator[Customerio], timeout_s: float = 5.0) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(emulator.url.removeprefix("http://"), timeout=timeout_s)
    try:
        connection.request("PUT", "/api/v1/customers/ada", b'{"plan":"pro"}', BASIC)
        answer = connection.getresponse()
        answer.read()
        return answer
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("500:2%", Fault(500, 0.02)),
        ("429:0.5%", Fault(429, 0.005)),
        ("503:100%:after=3", Fault(503, 1.0, "3")),
        ("429:1%:after=Wed, 21 Oct 2026 07:28:00 GMT", Fault(429, 0.01, "Wed, 21 Oct 2026 07:28:00 GMT")),
        ("429:1%:date=3s", Fault(429, 0.01, retry_date_s=3.0)),
        (" timeout:1% ", Fault("timeout", 0.01)),
        ("reset:first=2", Fault("reset", 1.0, first=2)),
        ("lost:every=10", Fault("lost", 1.0, every=10)),
        ("502:50%:every=10:html", Fault(502, 0.5, every=10, html=True)),
        ("outage:at=5s:for=30s", Fault(503, 1.0, at_s=5.0, for_s=30.0, html=True)),
        ("slow:1%:over=200ms", Fault("slow", 0.01, over_s=0.2)),
        ("307:1%:to=http://127.0.0.1:9000", Fault(307, 0.01, to="http://127.0.0.1:9000")),
        ("partial:1%", Fault("partial", 0.01)),
    ],
)
def test_a_fault_is_a_word_and_when(text: str, fault: Fault) -> None:
    assert parse(text) == fault


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("500", "it must say when; write STATUS:SHARE%"),
        ("500:2", "'2' is none of SHARE%, every, first"),
        ("50:2%", "'50' is neither a status from 200 to 599 nor one of outage, timeout, reset"),
        ("broken:2%", "'broken' is neither a status"),
        ("500:-1%", "'-1%' is none of SHARE%"),
        ("", "'' is neither a status"),
        ("600:1%", "'600' is neither a status"),
        ("100:1%", "'100' is neither a status"),
        ("500:200%", "a share cannot exceed 100%"),
        ("500:every=0", "'0' is no number from 1 on"),
        ("500:at=5", "'5' is no duration; write 50ms or 0.2s, at most 86400s"),
        ("500:for=9999999s", "is no duration"),
        ("500:1%:html=yes", "html takes no value"),
        ("500:1%:after=", "after= needs a value"),
        ("500:1%:after=é", "after= needs a value"),
        ("307:1%", "a redirect needs its target: 307:5%:to=http://127.0.0.1:9000"),
        ("307:1%:to=there", "'there' is no origin"),
        ("307:1%:to=http://x/y", "without a path"),
        ("500:1%:to=http://x", "to= is for the statuses from 300 to 399"),
    ],
)
def test_a_fault_that_cannot_be_read_says_how_to_write_it(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)) as refused:
        parse(text)
    assert repr(text) in str(refused.value)


def test_several_faults_may_not_exceed_the_whole() -> None:
    assert parse_all(["500:2%,429:5%", "lost:1%"]) == [Fault(500, 0.02), Fault(429, 0.05), Fault("lost", 0.01)]
    with pytest.raises(ValueError, match="exceed"):
        parse_all(["500:60%", "429:60%"])


def test_shares_that_do_not_meet_may_exceed_the_whole() -> None:
    assert len(parse_all(["500:100%:for=5s", "429:100%:at=5s:for=5s", "lost:every=2"])) == 3


def test_faults_strike_in_their_windows_by_number_and_by_time() -> None:
    clock = [100.0]
    faults = parse_all(["reset:first=2", "503:every=4", "429:at=10s:for=5s", "500:100%:at=60s"])
    dice = Dice(faults, 0, lambda: clock[0])
    thrown: list[object] = []
    for clock[0] in (100.0, 101.0, 102.0, 103.0, 110.0, 114.9, 115.0, 159.0, 160.0):
        fault = dice.throw()
        thrown.append(fault.what if fault else None)
    assert thrown == ["reset", "reset", None, 503, 429, 429, None, 503, 500]


def test_the_weather_may_change_without_counting_anew() -> None:
    faults = parse_all(["503:every=3"])
    dice = Dice(faults, 0, lambda: 0.0)
    dice.throw()
    faults.clear()
    dice.throw()
    faults += parse_all(["503:every=3"])
    assert dice.throw() is not None


def test_the_same_seed_throws_the_same_dice() -> None:
    faults = parse_all(["500:20%", "lost:10%"])
    one, same, other = (Dice(faults, seed, lambda: 0.0) for seed in (7, 7, 8))
    throws = [one.throw() for _ in range(2000)]
    assert throws == [same.throw() for _ in range(2000)]
    assert throws != [other.throw() for _ in range(2000)]
    shares = Counter(fault.what if fault else None for fault in throws)
    assert 320 < shares[500] < 480
    assert 130 < shares["lost"] < 270


def test_the_bucket_holds_one_second() -> None:
    clock = [0.0]
    bucket = Bucket(3, lambda: clock[0])
    assert [bucket.admits() for _ in range(5)] == [True, True, True, False, False]
    clock[0] = 0.34
    assert [bucket.admits(), bucket.admits()] == [True, False]
    clock[0] = 60.0
    assert sum(bucket.admits() for _ in range(10)) == 3
    assert all(Bucket(0, lambda: 0.0).admits() for _ in range(100))


def test_an_injected_status_applies_nothing_and_says_whose_it_is() -> None:
    with Emulator(Customerio(faults=[parse("503:100%:after=2")])) as emulator:
        connection = http.client.HTTPConnection(emulator.url.removeprefix("http://"))
        connection.request("PUT", "/api/v1/customers/ada", b"{}", BASIC)
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
        assert b"injected by the emulator" in answer.read()
        connection.close()
        assert emulator.app.workspace.find(ADA) is None


@pytest.mark.parametrize(("fault", "applied"), [("reset", False), ("lost", True)])
def test_a_dropped_connection_is_no_answer(fault: str, applied: bool) -> None:
    with Emulator(Customerio(faults=[parse(f"{fault}:100%")])) as emulator:
        with pytest.raises(ConnectionError):
            put(emulator)
        assert (emulator.app.workspace.find(ADA) is not None) is applied
    assert emulator.app.log.counts == {("PUT", IDENTIFY, fault): 1}


def test_a_request_that_hangs_ends_with_the_client_or_with_the_emulator() -> None:
    with Emulator(Customerio(faults=[parse("timeout:100%")])) as emulator:
        with pytest.raises(TimeoutError):
            put(emulator, timeout_s=0.1)
        waiting = threading.Event()
        emulator.app.on_request(lambda _: waiting.set())
        patient = http.client.HTTPConnection(emulator.url.removeprefix("http://"), timeout=10)
        patient.request("PUT", "/api/v1/customers/ada", b"{}", BASIC)
        assert waiting.wait(5)
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        patient.getresponse()
    patient.close()
    assert emulator.app.workspace.find(ADA) is None
    assert emulator.app.log.counts["PUT", IDENTIFY, "timeout"] >= 1


def ask(emulator: Emulator[Customerio], path: str = "/api/v1/customers/ada") -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(emulator.url.removeprefix("http://"), timeout=5)
    try:
        connection.request("PUT", path, b'{"plan":"pro"}', BASIC)
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def test_a_proxys_page_is_html_and_has_none_of_the_apis_headers() -> None:
    with Emulator(Customerio(faults=[parse("502:first=1:html"), parse("outage:at=0s:for=60s")])) as emulator:
        for status in (502, 503):
            answer, body = ask(emulator)
            assert (answer.status, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
            assert body.startswith(b"<html>")
            assert b"injected by the emulator" in body
            assert "access-control-allow-origin" not in answer.headers
        assert emulator.app.workspace.find(ADA) is None


def test_a_retry_after_may_be_a_date() -> None:
    app = Customerio(faults=[parse("429:first=1:date=90s")], now=lambda: 1_700_000_000.0)
    with Emulator(app) as emulator:
        assert ask(emulator)[0].headers["Retry-After"] == "Tue, 14 Nov 2023 22:14:50 GMT"


@pytest.mark.parametrize("status", [301, 307])
def test_a_redirect_names_the_same_path_at_another_origin(status: int) -> None:
    with Emulator(Customerio(faults=[parse(f"{status}:100%:to=http://127.0.0.1:9")])) as emulator:
        answer, _ = ask(emulator, "/api/v1/customers/a%2Fb?x=1")
        assert (answer.status, answer.headers["Location"]) == (status, "http://127.0.0.1:9/api/v1/customers/a%2Fb?x=1")


def test_a_slow_answer_arrives_byte_by_byte_and_whole() -> None:
    with Emulator(Customerio(faults=[parse("slow:100%:over=60ms")])) as emulator:
        answer, body = ask(emulator)
        assert (answer.status, body) == (200, b"{}\n")
        assert emulator.app.workspace.find(ADA) is not None
    assert emulator.app.log.latest[-1].ms >= 60


def test_a_truncated_answer_is_broken_json_and_the_write_is_applied() -> None:
    with Emulator(Customerio(faults=[parse("truncated:100%")])) as emulator:
        answer, body = ask(emulator)
        assert (answer.status, body) == (200, b"{")
        assert emulator.app.workspace.find(ADA) is not None
        assert emulator.app.log.counts == {("PUT", IDENTIFY, "truncated"): 1}


def test_answers_without_a_body_have_none() -> None:
    with Emulator(Customerio(faults=[parse("204:first=1"), parse("304:every=2:to=http://127.0.0.1:9")])) as emulator:
        assert [(answer.status, body) for answer, body in (ask(emulator), ask(emulator))] == [(204, b""), (304, b"")]


def batch(
    emulator: Emulator[Customerio], count: int = 5, authorization: str = BASIC["Authorization"]
) -> tuple[int, Any]:
    items = [{"type": "person", "identifiers": {"id": str(number)}, "attributes": {}} for number in range(count)]
    connection = http.client.HTTPConnection(emulator.url.removeprefix("http://"), timeout=5)
    try:
        body = msgspec.json.encode({"batch": items})
        connection.request("POST", "/api/v2/batch", body, {"Authorization": authorization})
        answer = connection.getresponse()
        return answer.status, msgspec.json.decode(answer.read())
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("word", "status", "listed", "held"),
    [
        ("partial", 207, [2, 2], ["0", "1", "3", "4"]),
        ("errors", 200, [2, 2], ["0", "1", "3", "4"]),
        ("stray", 207, [5], ["0", "1", "2", "3", "4"]),
    ],
)
def test_a_batch_may_meet_odd_answers_that_say_whose_they_are(
    word: str, status: int, listed: list[int], held: list[str]
) -> None:
    with Emulator(Customerio(faults=[parse(f"{word}:100%")])) as emulator:
        answered, body = batch(emulator)
        assert (answered, [error["batch_index"] for error in body["errors"]]) == (status, listed)
        assert all("injected by the emulator" in error["message"] for error in body["errors"])
        assert [person.id for person in emulator.app.workspace.people.values()] == held
        assert ask(emulator)[0].status == 200  # what carries no items is spared
        assert batch(emulator, authorization="Basic bm86Ym9keQ==")[0] == 401
        assert batch(emulator, count=0)[0] == 400


def test_a_rate_is_kept_with_429_and_retry_after() -> None:
    with Emulator(Customerio(rate=2, clock=lambda: 0.0)) as emulator:
        answers = [put(emulator) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[-1].headers["Retry-After"] == "1"


def test_faults_spare_the_page_and_the_control_routes() -> None:
    with Emulator(Customerio(faults=[parse("500:100%")], rate=1)) as emulator:
        connection = http.client.HTTPConnection(emulator.url.removeprefix("http://"))
        for path in ["/", "/__emulator__/log", "/__emulator__/overview"]:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200
        connection.close()
        assert emulator.app.log.total == 0


def test_latency_keeps_requests_in_flight() -> None:
    together = 4  # all four arrive within the latency of the first
    with Emulator(Customerio(latency_s=0.5)) as emulator:
        threads = [threading.Thread(target=put, args=(emulator,)) for _ in range(together)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert emulator.app.log.max_in_flight == together
        assert emulator.app.log.in_flight == 0


def test_a_hook_acts_at_the_nth_request_and_a_script_answers_the_next_write() -> None:
    app = Customerio()

    def revoke_at_the_second(arrival: Arrival) -> None:
        if arrival.number == 2:
            app.workspace.credentials = app.workspace.credentials._replace(api_key="new")

    app.on_request(revoke_at_the_second)
    with Emulator(app) as emulator:
        app.script(418, b"short and stout", ((b"retry-after", b"7"),))
        first = put(emulator)
        assert (first.status, first.headers["Retry-After"]) == (418, "7")
        assert put(emulator).status == 401
    assert app.workspace.writes == 0


def test_any_starlette_app_can_be_served() -> None:
    async def hello(request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    with Emulator(Starlette(routes=[Route("/hello", hello)])) as emulator:
        connection = http.client.HTTPConnection(emulator.url.removeprefix("http://"))
        connection.request("GET", "/hello")
        answer = connection.getresponse()
        assert answer.read() == b"hello"
        assert "server" not in {name.lower() for name in answer.headers}
        connection.close()


def test_a_taken_port_is_the_callers_to_know() -> None:
    with Emulator(Customerio()) as emulator:
        port = int(emulator.url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match="in use"):
            Emulator(Customerio(), port=port).start()
