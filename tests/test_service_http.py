"""The service on the wire: what is no HTTP, what comes too slowly or too often, and what every path answers."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme

from conftest import Emulate, Local, Syncline
from serving import ADA, BOUNDARY, FORM, Caller, config, data, form, in_threads, process, serving, uploads
from syncline.service.protocol import Bounds

TOKEN = "0123456789abcdef0123456789abcdef"
QUICK = Bounds(connections=4, head_s=0.3, read_s=0.2, unwanted_s=0.3)


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    with serving(tmp_path_factory.mktemp("state")) as running:
        yield running.call


def heard(call: Caller, *sent: bytes) -> bytes:
    """What comes back until the service hangs up."""
    with connected(call) as one:
        for part in sent:
            one.sendall(part)
        return rest(one)


def connected(call: Caller) -> socket.socket:
    host, port = call.address.split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def rest(one: socket.socket) -> bytes:
    said = b""
    while block := one.recv(65_536):
        said += block
    return said


def status(said: bytes) -> int:
    return int(said.split(b" ", 2)[1])


# --- paths and methods ------------------------------------------------------------------------------------------------

PATHS = {
    "/": {"PUT"},
    "/customers": {"GET"},
    "/runs": {"GET", "POST"},
    "/runs/x": {"GET"},
    "/runs/x/rows": {"GET"},
    "/runs/x/resume": {"POST"},
    "/runs/x/cancel": {"POST"},
    "/healthz": {"GET"},
    "/metrics": {"GET"},
    "/openapi.json": {"GET", "HEAD"},
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "ANYTHING", "put"])
def test_a_method_that_a_path_does_not_take_is_a_405_that_names_those_it_does(
    path: str, method: str, call: Caller
) -> None:
    if method in PATHS[path]:
        return
    answer = call(method, path)
    assert answer.status == 405
    assert set(answer.headers["allow"].split(", ")) == PATHS[path]


@pytest.mark.parametrize(
    "path", ["/nothing", "/runs/", "//", "/docs", "/redoc", "/runs/a/b/c", "/%2e%2e/etc/passwd", "/favicon.ico"]
)
def test_an_unknown_path_is_a_404(path: str, call: Caller) -> None:
    answer = call("GET", path)
    assert (answer.status, answer.document["status"]) == (404, "refused")


def test_every_answer_on_the_wire_is_sealed(call: Caller) -> None:
    ways = [("GET", "/healthz"), ("GET", "/nothing"), ("GET", "/%"), ("DELETE", "/"), ("GET", "/customers?id=1")]
    answers = [call(*way) for way in ways]
    assert [answer.status for answer in answers] == [200, 404, 400, 405, 501]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'"
        assert not {name for name in answer.headers if name == "server" or name.startswith("access-control")}


# --- what is no HTTP --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", {400}),
        (b"GET / HTTP/x\r\n\r\n", {400}),
        (b"GET /\r\n\r\n", {400}),
        (b"GET / HTTP/1.1\r\n\r\n", {400}),  # no Host
        (b"GET / HTTP/1.0\r\n\r\n", {421}),  # none, which HTTP/1.0 allows and we do not
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.test\r\n\r\n", {400, 421}),
        (b"GET http://evil.test/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", {421}),
        (b"GET /" + b"a" * 65_536 + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", {400, 414}),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", {400, 405}),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n X: folded\r\nbad header\r\n\r\n", {400}),
        (b"PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", {400}),
        (b"PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1e3\r\n\r\n", {400}),
        (b"PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", {400}),
        (b"PUT / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", {400}),
    ],
)
def test_what_is_no_http_is_a_400_and_never_a_500(sent: bytes, expected: set[int], call: Caller) -> None:
    said = heard(call, sent)
    assert status(said) in expected
    assert b"nosniff" in said
    assert said.lower().count(b"\r\nserver:") == 0
    assert json.loads(said.partition(b"\r\n\r\n")[2])["status"] == "refused"


def test_chunks_that_are_none_end_the_upload(call: Caller) -> None:
    head = f"PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM['Content-Type']}\r\n"
    chunked = f"{head}Transfer-Encoding: chunked\r\n\r\n".encode()
    assert status(heard(call, chunked, b"zz\r\nabc\r\n")) == 400
    assert call("GET", "/healthz").status == 200


# --- slow and many ----------------------------------------------------------------------------------------------------


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Caller]:
    """A service whose patience is measured in tenths of a second."""
    with serving(tmp_path, bounds=QUICK) as running:
        yield running.call


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a"])
def test_a_head_that_does_not_come_in_time_is_a_408(sent: bytes, strict: Caller) -> None:
    said = heard(strict, sent)
    assert status(said) == 408
    assert b"connection: close" in said


def test_a_second_request_on_a_connection_has_its_own_time(strict: Caller) -> None:
    ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connected(strict) as one:
        for _ in range(3):
            one.sendall(ask)
            assert status(one.recv(65_536)) == 200
        one.sendall(ask[:20])
        assert status(rest(one)) == 408


def test_no_more_connections_than_there_may_be(strict: Caller) -> None:
    with ExitStack() as held:
        for _ in range(QUICK.connections):
            held.enter_context(connected(strict))
        with connected(strict) as surplus:
            said = rest(surplus)
    assert status(said) == 503
    assert re.search(rb"retry-after: \d+", said)
    assert strict("GET", "/healthz").status == 200  # those that are gone have left room


def send_without_end(one: socket.socket) -> None:
    while True:
        one.sendall(b"x" * 1_000)


def test_a_body_that_nobody_wants_is_not_taken_in_for_ever(strict: Caller) -> None:
    head = f"PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: {10**12}\r\n\r\n"
    with connected(strict) as one:
        one.sendall(head.encode())
        assert status(one.recv(65_536)) == 415
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            send_without_end(one)


def test_an_upload_that_is_too_large_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    with serving(tmp_path) as running, connected(running.call) as one:
        head = f"PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        one.sendall(f"{head}Content-Length: {10**12}\r\nExpect: 100-continue\r\n\r\n".encode())
        assert status(one.recv(65_536)) == 413


def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(tmp_path) as running:
        body = form(("c.json", "{"), ("d.json", "x" * 1_000_000))
        with connected(running.call) as one:
            one.sendall(f"PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM['Content-Type']}\r\n".encode())
            one.sendall(f"Content-Length: {len(body)}\r\n\r\n".encode() + body[:500_000])
            while not uploads(tmp_path):
                pass
        while uploads(tmp_path):
            pass
        assert running.call("GET", "/runs").document == {"runs": []}
    assert "bug" not in capfd.readouterr().err


# --- beyond this machine ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "sync.example.com"])
def test_an_address_that_others_reach_needs_tls(host: str, syncline: Syncline) -> None:
    ended = syncline("serve", "--host", host, "--port", "0")
    assert ended.code == 2
    assert "--tls-cert" in ended.stderr
    assert "--insecure-plain-http" in ended.stderr


def test_an_address_that_others_reach_has_a_token_which_is_told_once(tmp_path: Path) -> None:
    with process(tmp_path, "--host", "0.0.0.0", "--insecure-plain-http") as started:
        started.call.address = started.call.address.replace("0.0.0.0", "127.0.0.1")
        assert started.call("GET", "/healthz").status == 401
        assert started.process.stderr is not None
        token = started.process.stderr.readline().split()[-1]
        assert len(token) >= 43
        assert started.call("GET", "/healthz", headers={"Authorization": f"Bearer {token}"}).status == 200
        unnamed = {"Authorization": f"Bearer {token}", "Host": "sync.example.com"}
        assert started.call("GET", "/healthz", headers=unnamed).status == 421
        code, said = started.end(signal.SIGTERM)
    assert (code, token in said) == (0, False)


def test_a_token_file_is_asked_for_on_this_machine_too(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o644)
    with process(tmp_path, "--token-file", "token", "--allow-host", "Sync.Example.com") as started:
        good = {"Authorization": f"Bearer {TOKEN}"}
        assert {started.call("GET", path).status for path in ("/healthz", "/metrics", "/openapi.json", "/")} == {401}
        assert started.call("GET", "/healthz", headers=good | {"Host": "sync.example.com"}).status == 200
        document = started.call("GET", "/openapi.json", headers=good).document
        assert document["paths"]["/"]["put"]["security"] == [{"HTTPBearer": []}]
        with open(f"/proc/{started.pid}/cmdline", "rb") as line:
            assert TOKEN.encode() not in line.read()
        code, said = started.end()
    assert (code, "chmod 600 token" in said, TOKEN in said) == (0, True, False)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--token-file", "short"], "32 characters"),
        (["--token-file", "missing"], "missing"),
        (["--tls-cert", "short"], "--tls-key"),
        (["--tls-cert", "short", "--tls-key", "short"], "no certificate"),
        (["--allow-origin-url", "ftp://example.com"], "--allow-origin-url"),
        (["--allow-host", "http://example.com"], "--allow-host"),
        (["--max-upload", "much"], "100MB"),
        (["--max-upload", "0"], "100MB"),
    ],
)
def test_what_the_service_cannot_be_started_with_is_a_usage_error(
    words: list[str], named: str, syncline: Syncline, tmp_path: Path
) -> None:
    (tmp_path / "short").write_text("short")
    ended = syncline("serve", "--port", "0", *words)
    assert (ended.code, ended.stdout) == (2, "")
    assert named in ended.stderr


def test_a_port_that_is_taken_is_a_usage_error(syncline: Syncline) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = syncline("serve", "--port", str(taken.getsockname()[1]))
    assert (ended.code, "in use" in ended.stderr) == (2, True)


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_this_machine_is_reached_by_all_its_addresses(tmp_path: Path) -> None:
    with process(tmp_path) as started:
        port = started.call.address.split(":")[1]
        hosts = ["127.0.0.1", "localhost", *(["::1"] if has_ipv6() else [])]
        reached = [http.client.HTTPConnection(host, int(port)) for host in hosts]
        for connection in reached:
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
            connection.close()


def test_over_tls_it_is_the_same_service(tmp_path: Path, local: Local) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    words = ("--tls-cert", "cert.pem", "--tls-key", "key.pem", "--allow-origin-url", local.url)
    with process(tmp_path, *words) as started:
        assert started.call.url.startswith("https://")
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        port = int(started.call.url.rsplit(":", 1)[1])
        connection = http.client.HTTPSConnection("localhost", port, context=trusting, timeout=30)
        connection.request("PUT", "/", form(config(local.url), data(ADA)), FORM)
        assert connection.getresponse().status == 200
        connection.close()
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        authority.configure_trust(old)
        old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("localhost", port)) as plain, pytest.raises(ssl.SSLError):
            old.wrap_socket(plain, server_hostname="localhost")


# --- figures ----------------------------------------------------------------------------------------------------------


def test_the_figures_are_those_of_what_was_done(tmp_path: Path, local: Local) -> None:
    with serving(tmp_path, local.url) as running:
        running.call.put(config(local.url), data(ADA, {"name": "nobody"}))
        running.call.put(config(local.url), ("d.json", "[}"))
        answer = running.call("GET", "/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    values = dict(line.rsplit(" ", 1) for line in answer.body.decode().splitlines() if not line.startswith("#"))
    assert values['syncline_runs_ended_total{status="finished"}'] == "1"
    assert values['syncline_runs_ended_total{status="refused"}'] == "1"
    assert values['syncline_settled_total{outcome="delivered"}'] == "1"
    assert values["syncline_requests_total"] == str(local.app.log.total) == "1"
    assert (values["syncline_runs_at_work"], values["syncline_runs_waiting"]) == ("0", "0")
    assert values['syncline_responses_total{status="207"}'] == "1"
    names = {line.split()[2] for line in answer.body.decode().splitlines() if line.startswith("# TYPE")}
    assert {re.split(r"[{ ]", name)[0] for name in values} == names


# --- people -----------------------------------------------------------------------------------------------------------


def test_a_person_is_looked_up_by_the_services_own_key(tmp_path: Path, local: Local) -> None:
    environment = {"CIO_APP_API_KEY": "app", "CIO_APP_BASE_URL": local.url}
    with serving(tmp_path, local.url, environment=environment) as running:
        running.call.put(config(local.url), data(ADA | {"id": "ä 1"}))
        found = running.call("GET", "/customers?id=%C3%A4%201")
        assert (found.status, found.document["key"]) == (200, "id:ä 1")
        assert found.document["attributes"]["name"] == "Ada"
        assert running.call("GET", "/customers?id=nobody").status == 404
        assert running.call("GET", "/customers?id=").status == 422
        assert running.call("GET", "/customers").status == 422
        assert running.call("GET", f"/customers?id={'x' * 151}").status == 422


def test_a_key_that_customerio_refuses_is_the_services_fault_and_not_the_callers(tmp_path: Path, local: Local) -> None:
    environment = {"CIO_APP_API_KEY": "another-key", "CIO_APP_BASE_URL": local.url}
    with serving(tmp_path, environment=environment) as running:
        answer = running.call("GET", "/customers?id=1")
    assert answer.status == 502
    assert "CIO_APP_API_KEY" in answer.document["problems"][0]["fix"]
    assert "another-key" not in answer.body.decode()


def test_without_a_key_nobody_is_looked_up_and_it_says_so(call: Caller) -> None:
    answer = call("GET", "/customers?id=1")
    assert answer.status == 501
    assert "CIO_APP_API_KEY" in answer.document["problems"][0]["fix"]


def test_many_who_look_people_up_share_the_app_apis_pace(tmp_path: Path, emulate: Emulate) -> None:
    local = emulate()  # which answers more than 10 requests a second with 429
    environment = {"CIO_APP_API_KEY": "app", "CIO_APP_BASE_URL": local.url}
    with serving(tmp_path, environment=environment) as running:
        answers = in_threads([lambda: running.call("GET", "/customers?id=1") for _ in range(15)])
    assert {answer.status for answer in answers} == {404}
    assert local.app.log.total == len(answers)


@pytest.mark.parametrize(
    "wrong", [{"CIO_REGION": "mars"}, {"CIO_APP_BASE_URL": "http://example.com"}, {"CIO_APP_API_KEY": "a b"}]
)
def test_an_environment_that_says_what_cannot_be_is_refused_at_the_start(wrong: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=next(iter(wrong))), process(tmp_path, environment=wrong):
        pass


def test_nothing_of_the_service_is_in_the_log_of_a_run_but_its_figures(tmp_path: Path, local: Local) -> None:
    with process(tmp_path, "--allow-origin-url", local.url) as started:
        started.call.put(
            config(local.url, apiKey="canary-key"), data(ADA | {"id": "canary-id"}, {"name": "canary-row"})
        )
        started.call("GET", "/customers?id=canary-id")
        _, said = started.end()
    lines = [json.loads(line) for line in said.splitlines()]
    assert [line["event"] for line in lines] == ["run ended"]
    assert "canary" not in said
    assert os.listdir(tmp_path) == [".syncline"]
