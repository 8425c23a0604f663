"""Fault injection: its grammar, its dice, its bucket; and, over real sockets, what a client sees of them."""

from __future__ import annotations

import http.client
import threading
from collections import Counter

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from syncline.emulators.customerio import Customerio, Identifier
from syncline.emulators.faults import Bucket, Dice, Fault, parse, parse_all
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
        (" timeout:1% ", Fault("timeout", 0.01)),
        ("reset:1%", Fault("reset", 0.01)),
        ("lost:1%", Fault("lost", 0.01)),
    ],
)
def test_a_fault_is_a_status_and_a_share(text: str, fault: Fault) -> None:
    assert parse(text) == fault


@pytest.mark.parametrize("text", ["500", "500:2", "50:2%", "broken:2%", "500:-1%", "", "600:1%"])
def test_a_fault_that_cannot_be_read_says_how_to_write_it(text: str) -> None:
    with pytest.raises(ValueError, match="STATUS:SHARE%"):
        parse(text)


def test_several_faults_may_not_exceed_the_whole() -> None:
    assert parse_all(["500:2%,429:5%", "lost:1%"]) == [Fault(500, 0.02), Fault(429, 0.05), Fault("lost", 0.01)]
    with pytest.raises(ValueError, match="exceed"):
        parse_all(["500:60%", "429:60%"])


def test_the_same_seed_throws_the_same_dice() -> None:
    faults = parse_all(["500:20%", "lost:10%"])
    one, same, other = (Dice(faults, seed) for seed in (7, 7, 8))
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
