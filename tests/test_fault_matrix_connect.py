"""The fault matrix on a real socket: connections that are never made, or to the wrong one (rows 1 to 4, 22, 23).

The number in a test's name is its row in tests/FAULTS.md.
"""

from __future__ import annotations

import shutil
import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

import syncline as library
from faulted import Seen, Stage, begin, counts, document, end, rows
from faultserver import Act, FaultServer, black_hole, closed_port
from syncline.delivery import Halt


@pytest.fixture
def stage(tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Stage:
    return Stage(tmp_path, capfd, caplog)


class Until(Seen):
    """Calls `act`, once, when so many requests have begun."""

    def __init__(self, requests: int, act: Callable[[], object]) -> None:
        super().__init__()
        self._requests, self._act = requests, act
        self.at: list[float] = []
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        pause = threading.Event()
        for number in range(1, self._requests + 1):
            while self.requests < number:
                pause.wait(0.005)
            self.at.append(time.monotonic())
        self._act()


def test_01_where_nobody_listens_nothing_is_in_doubt_and_all_is_deferred(tmp_path: Path) -> None:
    """Ended by its user; in virtual time it ends with our patience."""
    some, halt = rows(50), Halt()
    seen = Until(4, halt.request)
    config = document(f"http://127.0.0.1:{closed_port()}") | {"parallelism": 10}
    report = library.run(config, data=iter(some), halt=halt, watch=seen, state_dir=tmp_path / "state")
    assert (counts(report), report.exit_code) == ({"deferred": 50}, 130)
    assert report.requests <= 5
    assert "connection refused" in str(report)


def test_01_when_somebody_listens_again_everybody_arrives(stage: Stage) -> None:
    """R4: while it is refused, one small request tries at a time."""
    some, port = rows(50), closed_port()
    server = FaultServer(port=port)
    report = stage.run(server, some, parallelism=10, watch=Until(4, server.__enter__), counted=False)
    assert (counts(report), report.exit_code) == ({"delivered": 50}, 0)
    assert (len(server.asked), server.asked[0].keys) == (5, {str(number) for number in range(1, 11)})
    assert report.requests <= 5 + 10
    stage.puts_right(server)
    server.__exit__(None, None, None)


def test_02_a_host_that_has_no_address_is_named_and_asked_for_three_times(tmp_path: Path) -> None:
    config = document("https://nope.invalid")
    report = library.run(config, data=iter(rows(50)), state_dir=tmp_path / "state")
    assert (counts(report), report.exit_code, report.requests) == ({"deferred": 50}, 3, 3)
    assert report.stopped is not None
    assert "nope.invalid: no such host" in report.stopped.message
    assert report.stopped.reason == "address"


def test_03_who_does_not_answer_a_knock_is_given_five_seconds(stage: Stage) -> None:
    """Not the 60 seconds that a batch may take. The second knock is heard."""
    with black_hole() as listener:
        server = FaultServer(listener=listener)
        seen = Until(2, server.__enter__)
        report = stage.run(server, rows(20), watch=seen, counted=False)
        assert (counts(report), report.exit_code) == ({"delivered": 20}, 0)
        assert 4.5 <= seen.at[1] - seen.at[0] <= 6.0
        stage.puts_right(server)
        server.__exit__(None, None, None)


def own_network(tmp_path: Path, setup: str) -> list[str]:
    """What starts a process in a network of its own; skips where that may not be had."""
    for tool in ("unshare", "ip"):
        if shutil.which(tool) is None:
            pytest.skip(f"a network namespace needs the tool {tool}, which is not here")
    before = ["unshare", "--net", "--map-root-user", "sh", "-c", f'{setup} && exec "$@"', "sh"]
    tried = subprocess.run([*before, "true"], capture_output=True, text=True, cwd=tmp_path, check=False)
    if tried.returncode != 0:
        pytest.skip(f"a network namespace may not be made here: {tried.stderr.strip()}")
    return before


def goes_on(process: subprocess.Popen[str], seconds: float) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=seconds)


@pytest.mark.parametrize(
    ("setup", "told"),
    [
        ("ip link set lo up", "network is unreachable"),
        ("ip link set lo up && ip route add unreachable 192.0.2.1", "no route to host"),
    ],
)
def test_04_a_place_that_cannot_be_reached_is_told_and_tried_again(tmp_path: Path, setup: str, told: str) -> None:
    """Interrupted when it has tried for a second or more: nobody is lost, and nobody in doubt."""
    process = begin(tmp_path, "https://192.0.2.1", rows(50), before=own_network(tmp_path, setup))
    while not [*tmp_path.glob(".syncline/*/*.db")]:
        goes_on(process, 0.05)
    goes_on(process, 1.2)
    process.send_signal(signal.SIGINT)
    ended = end(process)
    assert (ended.code, ended.document["counts"]["deferred"]) == (130, 50)
    assert ended.document["requests"] >= 2
    assert f"could not connect to 192.0.2.1: {told}" in ended.stdout


# --- TLS -------------------------------------------------------------------------------------------------------------

YESTERDAY = datetime.now(UTC) - timedelta(days=1)


class Authority:
    """A certificate authority of this test. `trusted`: the environment of a process that trusts it."""

    def __init__(self, folder: Path) -> None:
        self.ca = trustme.CA()
        self.ca.cert_pem.write_to_path(str(folder / "ca.pem"))
        self.trusted = {"SSL_CERT_FILE": str(folder / "ca.pem")}

    def context(self, host: str = "127.0.0.1", not_after: datetime | None = None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(host, not_after=not_after).configure_cert(context)
        return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def is_refused(tmp_path: Path, context: ssl.SSLContext, authority: Authority) -> str:
    """Nobody hears a byte of a request; gives what the user is told."""
    with FaultServer(tls=context) as server:
        ended = end(begin(tmp_path, server.url, rows(50), env=authority.trusted))
        assert (ended.code, ended.document["counts"]["deferred"]) == (3, 50)
        assert (server.heard, server.asked, server.people) == (0, [], {})
        assert ended.document["requests"] <= 3
    assert ended.document["stopped"]["reason"] == "address"
    told: str = ended.document["stopped"]["message"]
    assert "verify" not in told
    assert "Traceback" not in ended.stderr
    return told


def test_22_a_certificate_that_is_trusted_is_taken(tmp_path: Path, authority: Authority) -> None:
    """What the following tests are to be compared with."""
    with FaultServer(tls=authority.context()) as server:
        ended = end(begin(tmp_path, server.url, rows(50), env=authority.trusted))
        assert (ended.code, len(server.people)) == (0, 50)


def test_22_an_expired_certificate_is_refused(tmp_path: Path, authority: Authority) -> None:
    told = is_refused(tmp_path, authority.context(not_after=YESTERDAY), authority)
    assert "certificate is not trusted" in told


def test_22_a_certificate_of_another_host_is_refused(tmp_path: Path, authority: Authority) -> None:
    assert "certificate is not trusted" in is_refused(tmp_path, authority.context("track.example"), authority)


def test_22_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path, authority: Authority) -> None:
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(stranger)
    assert "certificate is not trusted" in is_refused(tmp_path, stranger, authority)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"\x15\x03\x01\x00\x02\x02\x46", id="tls 1.0 only"),  # the alert protocol_version
        pytest.param(b"\x15\x03\x03\x00\x02\x02\x28", id="no cipher in common"),  # the alert handshake_failure
        pytest.param(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", id="plain http"),
    ],
)
def test_22_where_no_tls_comes_about_nothing_is_sent(tmp_path: Path, authority: Authority, said: bytes) -> None:
    with FaultServer([Act("nothing", says=said, ends="fin")] * 9) as server:
        ended = end(begin(tmp_path, server.url.replace("http:", "https:"), rows(50), env=authority.trusted))
        assert (ended.code, ended.document["counts"]["deferred"]) == (3, 50)
        assert (len(server.asked), ended.document["requests"], server.heard) == (3, 3, 0)
        assert ended.document["stopped"]["reason"] == "address"


# --- proxies ---------------------------------------------------------------------------------------------------------


def test_23_proxies_of_the_environment_are_told_nothing(tmp_path: Path) -> None:
    with FaultServer() as proxy, FaultServer() as server:
        names = [name for one in ("http_proxy", "https_proxy", "all_proxy") for name in (one, one.upper())]
        ended = end(begin(tmp_path, server.url, rows(50), env=dict.fromkeys(names, proxy.url)))
        assert (ended.code, len(server.people)) == (0, 50)
        assert (proxy.connections, proxy.heard) == (0, 0)
