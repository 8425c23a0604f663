"""Who may call, from where, and in what form: header by header, without a socket."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from starlette.types import Message, Receive, Scope, Send

from syncline.service.doors import LOOPBACK_NAMES, URL_BYTES, Doors
from syncline.service.tokens import BAD_A_MINUTE, Doorkeeper, TokenUnfit, made_up, read_token

TOKEN = "0123456789abcdef0123456789abcdef"
GOOD = ("authorization", f"Bearer {TOKEN}")
HOST = ("host", "localhost:3000")
FORM = ("content-type", "multipart/form-data; boundary=x")


class Heard(NamedTuple):
    """What a caller hears. passed: was it let through?"""

    status: int
    headers: dict[str, str]
    document: Any
    passed: bool


class House:
    """An application behind doors, which answers 200 to whatever comes in."""

    def __init__(self, doorkeeper: Doorkeeper | None = None, hosts: frozenset[str] = LOOPBACK_NAMES) -> None:
        self._doors = Doors(self._inside, hosts, doorkeeper)
        self._passed = False

    async def _inside(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._passed = True
        headers = [(b"Server", b"x"), (b"cache-control", b"public"), (b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def __call__(
        self, method: str, target: str, *headers: tuple[str, str], scheme: str = "http", client: str = "127.0.0.1"
    ) -> Heard:
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "scheme": scheme,
            "path": path,
            "raw_path": path.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
            "client": (client, 1),
        }
        said: list[Message] = []

        async def receive() -> Message:
            raise AssertionError("the doors read no body")

        async def send(message: Message) -> None:
            said.append(message)

        self._passed = False
        asyncio.run(self._doors(scope, receive, send))
        names = {name.decode(): value.decode() for name, value in said[0]["headers"]}
        body = b"".join(message.get("body", b"") for message in said[1:])
        return Heard(said[0]["status"], names, json.loads(body) if body else None, self._passed)


house = House()


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "localhost:3000", "127.0.0.1:8080", "[::1]:3000", "[::1]", "LOCALHOST"])
def test_a_name_of_this_machine_is_known(host: str) -> None:
    assert house("GET", "/", ("host", host)).passed


@pytest.mark.parametrize(
    "hosts",
    [
        ["evil.test"],
        ["evil.test:3000"],
        ["localhost."],
        ["localhost.evil.test"],
        ["localhost:3000:1"],
        ["localhost:"],
        ["localhost@evil.test"],
        ["127.1"],
        ["2130706433"],
        ["0"],
        ["[::ffff:127.0.0.1]"],
        [""],
        ["lócalhost"],
        [],
        ["localhost", "localhost"],
        ["localhost", "evil.test"],
    ],
)
def test_any_other_name_is_a_421_for_a_page_of_another_site_sends_its_own(hosts: Sequence[str]) -> None:
    heard = house("GET", "/", *(("host", host) for host in hosts))
    assert (heard.status, heard.passed) == (421, False)


def test_a_target_that_names_another_server_is_a_421() -> None:
    assert house("GET", "http://evil.test/", HOST).status == 421
    assert house("OPTIONS", "*", HOST).status == 421


def test_a_name_that_the_owner_adds_is_known_by_any_port() -> None:
    named = House(hosts=LOOPBACK_NAMES | {"sync.example.com"})
    assert named("GET", "/", ("host", "sync.example.com")).passed
    assert named("GET", "/", ("host", "Sync.Example.com:443")).passed
    assert not named("GET", "/", ("host", "example.com")).passed


# --- other sites ------------------------------------------------------------------------------------------------------

CROSS = [
    [("sec-fetch-site", "cross-site")],
    [("sec-fetch-site", "same-site")],
    [("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")],
    [("sec-fetch-site", "anything")],
    [("origin", "https://evil.test")],
    [("origin", "http://localhost:8000")],
    [("origin", "https://localhost:3000")],
    [("origin", "null")],
    [("origin", "")],
    [("origin", "http://localhost:3000"), ("origin", "null")],
]


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH", "ANYTHING"])
@pytest.mark.parametrize("headers", CROSS)
def test_a_page_of_another_site_changes_nothing_here(method: str, headers: list[tuple[str, str]]) -> None:
    heard = house(method, "/", HOST, FORM, *headers)
    assert (heard.status, heard.passed) == (403, False)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("sec-fetch-site", "same-origin")],
        [("sec-fetch-site", "none")],
        [("origin", "http://localhost:3000")],
        [("origin", "HTTP://LOCALHOST:3000")],
    ],
)
def test_what_comes_from_no_page_or_from_our_own_is_let_through(headers: list[tuple[str, str]]) -> None:
    assert house("PUT", "/", HOST, FORM, *headers).passed


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "PUT"])
def test_no_site_is_ever_let_in_by_a_header(method: str) -> None:
    heard = house(method, "/", HOST, ("origin", "https://evil.test"), ("access-control-request-method", "PUT"))
    assert not [name for name in heard.headers if name.startswith("access-control")]


# --- forms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["multipart/form-data; boundary=x", "Multipart/Form-Data", "application/json", "application/json; a=b"]
)
def test_a_body_in_a_form_that_is_known_is_let_through(kind: str) -> None:
    assert house("PUT", "/", HOST, ("content-type", kind), ("content-length", "5")).passed


@pytest.mark.parametrize(
    "kinds", [[], ["text/plain"], ["application/x-www-form-urlencoded"], [""], ["json"], ["application/json"] * 2]
)
@pytest.mark.parametrize("length", [("content-length", "5"), ("transfer-encoding", "chunked")])
def test_a_body_in_any_other_form_is_a_415(kinds: Sequence[str], length: tuple[str, str]) -> None:
    heard = house("POST", "/runs", HOST, length, *(("content-type", kind) for kind in kinds))
    assert (heard.status, heard.passed) == (415, False)


def test_without_a_body_there_is_no_form_to_ask_for() -> None:
    assert house("POST", "/runs/x/cancel", HOST).passed
    assert house("POST", "/runs/x/cancel", HOST, ("content-length", "0")).passed


# --- URLs -------------------------------------------------------------------------------------------------------------


def test_a_url_of_8_kb_is_let_through_and_a_longer_one_is_a_414() -> None:
    assert house("GET", "/" + "a" * (URL_BYTES - 1), HOST).passed
    assert house("GET", "/" + "a" * URL_BYTES, HOST).status == 414
    assert house("GET", "/?" + "a" * URL_BYTES, HOST).status == 414


@pytest.mark.parametrize(
    "target", ["/%", "/%4", "/%zz", "/?id=%", "/?id=%e", "/%u0041", "/%ff", "/?id=%c3%28", "/%%30"]
)
def test_escapes_that_are_none_are_a_400(target: str) -> None:
    assert house("GET", target, HOST).status == 400


def test_escapes_that_are_some_are_let_through() -> None:
    assert house("GET", "/customers?id=%C3%A9%2f%25", HOST).passed


# --- tokens -----------------------------------------------------------------------------------------------------------


class Clock:
    """Moves when told to."""

    at = 100.0

    def __call__(self) -> float:
        return self.at


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("target", ["/", "/healthz", "/metrics", "/openapi.json", "/nothing"])
def test_with_a_token_nobody_is_let_through_without_it(method: str, target: str) -> None:
    kept = House(Doorkeeper(TOKEN, Clock()))
    refused = kept(method, target, HOST)
    assert (refused.status, refused.headers["www-authenticate"], refused.passed) == (401, "Bearer", False)
    assert kept(method, target, HOST, GOOD).passed


@pytest.mark.parametrize(
    "given",
    [
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}0",
        f"Bearer {TOKEN.upper()}",
        f"Basic {TOKEN}",
        TOKEN,
        f"Bearer {TOKEN} {TOKEN}",
        f"Bearer é{TOKEN}",
        f"Token {TOKEN}",
    ],
)
def test_another_token_is_a_401_that_does_not_say_why(given: str) -> None:
    kept = House(Doorkeeper(TOKEN, Clock()))
    heard = kept("GET", "/", HOST, ("authorization", given))
    assert heard.status == 401
    assert heard.document == kept("GET", "/", HOST).document


def test_a_token_is_read_from_its_header_alone() -> None:
    kept = House(Doorkeeper(TOKEN, Clock()))
    assert kept("GET", f"/?token={TOKEN}", HOST).status == 401
    assert kept("GET", f"/?access_token={TOKEN}", HOST, ("cookie", f"token={TOKEN}")).status == 401
    assert kept("GET", "/", HOST, GOOD, GOOD).status == 401
    assert kept("GET", "/", HOST, ("authorization", f"bearer {TOKEN}")).passed


def test_ten_bad_tokens_in_a_minute_are_a_429_for_more_of_them_and_never_for_the_right_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    kept = House(Doorkeeper(TOKEN, clock))
    bad = ("authorization", "Bearer " + "x" * 40)
    assert [kept("GET", "/", HOST, bad).status for _ in range(BAD_A_MINUTE)] == [401] * BAD_A_MINUTE
    locked = kept("GET", "/", HOST, bad)
    assert (locked.status, locked.headers["retry-after"], locked.passed) == (429, "61", False)
    assert kept("GET", "/", HOST, GOOD).passed
    assert kept("GET", "/", HOST).status == 401  # who sends none has not guessed
    assert kept("GET", "/", HOST, bad, client="10.0.0.9").status == 401  # another address
    clock.at += 61
    assert kept("GET", "/", HOST, bad).status == 401
    said = capsys.readouterr().err
    assert '"status": 401' in said
    assert "xxxx" not in said


def test_who_sends_no_token_has_not_guessed() -> None:
    kept = House(Doorkeeper(TOKEN, Clock()))
    for _ in range(2 * BAD_A_MINUTE):
        assert kept("GET", "/", HOST).status == 401
    assert kept("GET", "/", HOST, GOOD).passed


def test_an_address_that_spreads_its_tries_is_listened_to_again_in_time() -> None:
    clock = Clock()
    kept = House(Doorkeeper(TOKEN, clock))
    for _ in range(3 * BAD_A_MINUTE):
        clock.at += 7
        assert kept("GET", "/", HOST, ("authorization", "Bearer bad")).status == 401


def test_a_token_file_holds_one_long_token_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.touch(0o600)
    for text in (TOKEN, TOKEN + "\n", made_up()):
        file.write_text(text)
        assert read_token(file) == (text.strip(), "")
    for text in ("", "\n", "short", "x" * 31, f"{TOKEN}\n{TOKEN}", f"{TOKEN} x", "é" * 40):
        file.write_text(text)
        with pytest.raises(TokenUnfit) as unfit:
            read_token(file)
        assert "x" * 31 not in str(unfit.value)


def test_a_token_file_that_others_may_read_is_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    for mode, warned in ((0o600, False), (0o400, False), (0o640, True), (0o644, True), (0o604, True)):
        file.chmod(mode)
        assert bool(read_token(file)[1]) is warned
        assert TOKEN not in read_token(file)[1]


def test_a_token_file_that_is_no_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing", "pipe", "."):
        with pytest.raises(TokenUnfit):
            read_token(tmp_path / name)


def test_a_made_up_token_has_256_bits_and_is_another_each_time() -> None:
    assert len(made_up()) >= 43  # 6 bits a character
    assert made_up() != made_up()


# --- every answer -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ask", [("GET", "/"), ("GET", "/%"), ("PUT", "/")])
def test_every_answer_is_sealed_whoever_gives_it(ask: tuple[str, str]) -> None:
    for heard in (house(*ask, HOST), house(*ask, ("host", "evil.test"))):
        assert heard.headers["cache-control"] == "no-store"
        assert heard.headers["x-content-type-options"] == "nosniff"
        assert heard.headers["content-security-policy"] == "default-src 'none'"
        assert not {name for name in heard.headers if name.lower() == "server"}


@pytest.mark.parametrize(
    ("ask", "place"),
    [
        (("GET", "/", ("host", "evil.test")), "Host"),
        (("GET", "/%zz", HOST), "the URL"),
        (("GET", "/%ff", HOST), "the URL"),
        (("GET", "/" + "a" * URL_BYTES, HOST), "the URL"),
        (("PUT", "/", HOST, ("sec-fetch-site", "cross-site")), "Origin"),
        (("PUT", "/", HOST, ("content-length", "5")), "Content-Type"),
        (("GET", "/", HOST, ("authorization", "Bearer x")), "Authorization"),
    ],
)
def test_every_refusal_says_where_what_was_found_what_was_expected_and_what_to_do(ask: Any, place: str) -> None:
    heard = (House(Doorkeeper(TOKEN, Clock())) if place == "Authorization" else house)(*ask)
    assert heard.document["status"] == "refused"
    (problem,) = heard.document["problems"]
    assert set(problem) == {"file", "line", "column", "found", "expected", "fix"}
    assert problem["file"] == place
    assert all(problem[name] for name in ("found", "expected", "fix"))
