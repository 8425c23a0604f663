"""P1 and P2 of the promises: no error, forced with planted credentials and a planted person, tells of either.

All loggers are at their most talkative meanwhile, and asyncio in its debug mode. What the vendor is, is a server here
that says back whatever it was told, as a proxy that is being debugged does.
"""

from __future__ import annotations

import base64
import inspect
import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest

import syncline as library
from canaries import EMAIL, NAME, PERSON, PHONE, STEM, Watch
from serving import serving
from syncline import errors
from syncline.cli import cli
from syncline.cli.ends import ended
from syncline.delivery import Halt
from syncline.errors import Interrupted, SynclineError
from syncline.flow.report import Report
from syncline.job import Job, Options
from syncline.model import Outcome

ODD = '+/"\\%&=<>'  # what percent-encoding, JSON and HTML each write in another way
SITE_ID, API_KEY, TOKEN = f"{STEM}Site", f"{STEM}Key{ODD}", f"{STEM}Token{ODD}"
NOBODYS = "https://example.com"


class Asked(NamedTuple):
    """A request, as the vendor has it. `number` counts from 1."""

    number: int
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def writes(self) -> bool:
        return self.method != "GET"


class Answer(NamedTuple):
    status: int
    body: object = b"{}"
    headers: Mapping[str, str] = {}


Reply = Callable[[Asked], Answer | None]


class Vendor:
    """A server of which a test says what it answers; None: it hangs up."""

    def __init__(self) -> None:
        self.reply: Reply = lambda asked: Answer(200)
        self.asked: list[Asked] = []
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65_537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(len(vendor.asked) + 1, self.command, self.path, headers, body)
                vendor.asked.append(asked)
                self._answer(vendor.reply(asked))

            def _answer(self, answer: Answer | None) -> None:
                if answer is None:
                    self.close_connection = True
                    return
                body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
                self.send_response_only(answer.status)
                for name, value in {**answer.headers, "content-length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def person(**more: object) -> dict[str, object]:
    """A row of which nothing but its id may be told."""
    return {"id": "7258", "name": NAME, "email": EMAIL, "phone": PHONE, **more}


class Scene:
    """A folder with a configuration and a person, the vendor it means, and every way to be told what happened."""

    def __init__(self, folder: Path, vendor: Vendor, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.vendor, self._capsys = folder, vendor, capsys
        self.config_file, self.data_file = folder / "configuration.json", folder / "data.json"
        self.configure()
        self.data([person()])

    def configure(self, **more: object) -> None:
        self.to({"type": "customerio", "siteId": SITE_ID, "apiKey": API_KEY, "appApiKey": TOKEN}, **more)

    def to(self, settings: Mapping[str, object], **more: object) -> None:
        """`more`: keys of the configuration; under "destination", of that."""
        told = {"baseUrl": self.vendor.url, **settings, **_object(more.pop("destination", {}))}
        mappings = [{"from": name, "to": name} for name in ("name", "email", "phone")]
        plain = {"name": "secretive", "userId": "id", "mappings": mappings, "destination": told}
        self.config_file.write_text(json.dumps(plain | more), encoding="utf-8")
        self.config_file.chmod(0o600)

    def data(self, rows: object) -> None:
        self.data_file.write_text(rows if isinstance(rows, str) else json.dumps(rows, indent=0), encoding="utf-8")

    def run(self, *words: str) -> int:
        """As typed → the exit code. What it prints, in words and as JSON, is heard."""
        code = self.verb("run", str(self.config_file), "-d", str(self.data_file), *words)
        for again in ((), ("--json",), ("--csv", "-"), ("--jsonl", "-")):
            self.verb("report", str(self.config_file), *again)
        return code

    def verb(self, *words: str) -> int:
        code = ended(lambda: cli(list(words), prog_name="syncline", standalone_mode=False))
        self._capsys.readouterr()
        return code


def _object(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    started = Vendor()
    try:
        yield started
    finally:
        started.close()


@pytest.fixture
def scene(tmp_path: Path, vendor: Vendor, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    return Scene(tmp_path, vendor, capsys)


def said_back(asked: Asked) -> str:
    """What a hostile or a careless server can put into its answer, but for the credentials."""
    return f"{asked.method} {asked.path} {asked.body.decode()}"


def voucherify(scene: Scene, **settings: object) -> None:
    keys = {"applicationId": f"{STEM}App", "secretKey": TOKEN}
    mappings = [{"from": name, "to": name} for name in ("name", "email", "phone")]
    scene.to({"type": "voucherify", **keys, **settings}, mappings=mappings)


# --- each kind of error -----------------------------------------------------------------------------------------------


def refused_configuration(scene: Scene) -> int:
    scene.configure(destination={"apiKey": f"{API_KEY} ", "siteId": f"{SITE_ID}:x"}, notify=f"ftp://{STEM}@x/{STEM}")
    return scene.run()


def unreadable_data(scene: Scene) -> int:
    scene.data(f'[{{"id": 7258, "email": "{EMAIL}", "name": {NAME}}}]')
    return scene.run()


def foreign_ledger(scene: Scene) -> int:
    scene.run()
    (ledger,) = scene.folder.glob(".syncline/*/*.db")
    ledger.write_bytes(f"{EMAIL} is no ledger".encode() * 500)
    return scene.run()


def nothing_to_resume(scene: Scene) -> int:
    return scene.verb("run", str(scene.config_file), "--resume")


def stopped_while_planning(scene: Scene) -> int:
    halt = Halt()
    halt.request("interrupted")
    with pytest.raises(Interrupted):
        library.run(scene.config_file, scene.data_file, halt=halt)
    return 130


def another_is_at_work(scene: Scene) -> int:
    with Job.load(scene.config_file).ledger(Options()):
        return scene.run()


def broken_source(scene: Scene) -> int:
    scene.data(json.dumps([person(), person(id="2")])[:-20])
    return scene.run()


def full_disk(scene: Scene) -> int:
    """No file may grow from the first request on."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def reply(asked: Asked) -> Answer:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8_192, before[1]))
        return Answer(200)

    scene.vendor.reply = reply
    scene.data([person(id=str(number)) for number in range(2_000)])
    try:
        return scene.verb("run", str(scene.config_file), "-d", str(scene.data_file))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def unfit_rows(scene: Scene) -> int:
    odd: list[dict[str, object]] = [{"email": [EMAIL]}, {"phone": {"home": PHONE}}, {"name": NAME * 100}]
    odd += [{"id": f"{PERSON}\n"}, {"id": True}, {"email": True}]
    scene.data([person(**{"id": str(number), **more}) for number, more in enumerate(odd)])
    scene.configure(
        mappings=[
            {"from": "name", "to": "name"},
            {"from": "email", "to": "email"},
            {"from": "phone", "to": "phone", "as": "integer"},
        ]
    )
    return scene.run()


def refused_rows(scene: Scene) -> int:
    def reply(asked: Asked) -> Answer:
        error = {"batch_index": 0, "reason": f"{EMAIL} of {PHONE}", "message": f"no: {EMAIL}, {PHONE}"}
        return Answer(400, {"errors": [error]}) if asked.writes else Answer(200, {"region": "us"})

    scene.vendor.reply = reply
    scene.data([person(), person(id="2", email=f"2{EMAIL}")])
    return scene.run()


def garbled_answers(scene: Scene) -> int:
    def reply(asked: Asked) -> Answer:
        forms: list[object] = [f"<html>{said_back(asked)}</html>".encode(), {"errors": said_back(asked)}]
        return Answer(200, forms[asked.number % 2])

    scene.vendor.reply = reply
    return scene.run()


def failed_actions(scene: Scene) -> int:
    def reply(asked: Asked) -> Answer:
        if asked.writes:
            return Answer(202, {"async_action_id": "aa_1"}) if asked.number == 1 else Answer(400, {"message": EMAIL})
        return Answer(200, {"id": "aa_1", "status": "FAILED", "result": {"message": f"no {EMAIL} {PHONE}"}})

    voucherify(scene)
    scene.vendor.reply = reply
    return scene.run()


def actions_without_end(scene: Scene) -> int:
    def reply(asked: Asked) -> Answer:
        under_way = {"id": "aa_1", "status": "IN_PROGRESS", "message": said_back(asked)}
        return Answer(202, {"async_action_id": "aa_1"}) if asked.writes else Answer(200, under_way)

    voucherify(scene, pollTimeout=0.1)
    scene.vendor.reply = reply
    return scene.run()


def wrong_credentials(scene: Scene) -> int:
    scene.vendor.reply = lambda asked: Answer(401, {"meta": {"error": said_back(asked)}})
    return scene.run()


def wrong_region(scene: Scene) -> int:
    scene.vendor.reply = lambda asked: (
        Answer(401, {"meta": {"error": said_back(asked)}})
        if asked.writes
        else Answer(200, {"region": "eu", "message": said_back(asked)})
    )
    return scene.run()


def another_address(scene: Scene) -> int:
    place = f"https://elsewhere.example/{EMAIL}?key={quote(API_KEY)}"
    scene.vendor.reply = lambda asked: Answer(302, {"meta": {"error": said_back(asked)}}, {"location": place})
    return scene.run()


def no_connection(scene: Scene) -> int:
    scene.configure(destination={"baseUrl": "https://nope.invalid", "appBaseUrl": "https://nope.invalid"})
    return scene.run()


def no_answer(scene: Scene) -> int:
    scene.vendor.reply = lambda asked: None if asked.number == 1 else Answer(400, {"meta": {"error": "no"}})
    return scene.run()


def broken_promise(scene: Scene) -> int:
    report = Report(1, "finished", 2, dict.fromkeys(Outcome, 0), 0, 0, 0.0, [])
    return ended(report.check)


# Class → how it comes about, and what the process then ends with.
KINDS: Mapping[type[SynclineError], tuple[Callable[[Scene], int], int]] = {
    errors.ConfigRefused: (refused_configuration, 2),
    errors.DataRefused: (unreadable_data, 2),
    errors.LedgerRefused: (foreign_ledger, 2),
    errors.NothingToResume: (nothing_to_resume, 2),
    errors.Interrupted: (stopped_while_planning, 130),
    errors.Locked: (another_is_at_work, 75),
    errors.SourceBroke: (broken_source, 3),
    errors.LedgerFailed: (full_disk, 3),
    errors.Unfit: (unfit_rows, 1),
    errors.Refused: (refused_rows, 1),
    errors.Garbled: (garbled_answers, 3),
    errors.Again: (failed_actions, 1),
    errors.Unfinished: (actions_without_end, 3),
    errors.Misconfigured: (wrong_region, 3),
    errors.CredentialsRefused: (wrong_credentials, 3),
    errors.WrongAddress: (another_address, 3),
    errors.Unsent: (no_connection, 3),
    errors.Unanswered: (no_answer, 1),
    errors.Bug: (broken_promise, 70),
}


def test_every_class_of_errors_is_forced_here() -> None:
    known = {one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, SynclineError)}
    assert known - {SynclineError, errors.Refusal} == set(KINDS)


@pytest.mark.promise("P1", "P2")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_p1_p2_no_error_tells_of_a_credential_or_of_a_person(
    kind: type[SynclineError], scene: Scene, canaries: Watch
) -> None:
    force, code = KINDS[kind]
    assert force(scene) == code
    assert kind.__name__ in canaries.raised
    assert canaries.leaks == []


# --- what a vendor says back ------------------------------------------------------------------------------------------


def to_customerio(scene: Scene) -> None:
    scene.configure()


def to_customerio_one_by_one(scene: Scene) -> None:
    scene.configure(destination={"api": "identify"})


def to_voucherify(scene: Scene) -> None:
    voucherify(scene)


def of_segment(scene: Scene) -> None:
    """A Segment that lists somebody; the rest is the vendor's own answer."""
    source = {"type": "segment", "spaceId": "space", "accessToken": TOKEN, "baseUrl": scene.vendor.url}
    scene.configure(source=source, mappings=[{"from": "traits.name", "to": "name"}])
    scene.data_file.unlink()


WAYS: list[Callable[[Scene], None]] = [to_customerio, to_customerio_one_by_one, to_voucherify, of_segment]


def run_of(scene: Scene, *words: str) -> int:
    data = ["-d", str(scene.data_file)] if scene.data_file.exists() else []
    return scene.verb("run", str(scene.config_file), *data, *words)


@pytest.mark.promise("P2")
@pytest.mark.parametrize("status", [301, 400, 401, 402, 403, 404, 413, 422, 429, 503])
@pytest.mark.parametrize("way", WAYS)
def test_p2_what_a_vendor_says_of_a_person_is_masked(
    way: Callable[[Scene], None], status: int, scene: Scene, canaries: Watch
) -> None:
    """Addresses and numbers in its words are; and a place it points to is told without path and query."""
    words = f"{EMAIL} {PHONE} is taken"
    body = {"message": words, "details": words, "meta": {"error": words}, "error": {"code": "x", "message": words}}
    headers = {"location": f"{NOBODYS}/{STEM}?key={quote(API_KEY)}", "retry-after": "3600", "set-cookie": f"a={STEM}"}
    told = Answer(status, body | {"errors": [{"batch_index": 0, "message": words}]}, headers)
    scene.vendor.reply = lambda asked: told
    way(scene)
    assert run_of(scene) in {1, 3}
    assert scene.vendor.asked
    assert canaries.leaks == []


# --- a bug ------------------------------------------------------------------------------------------------------------


def unlucky() -> None:
    raise KeyError(EMAIL, API_KEY)


def undecodable() -> None:
    f"{EMAIL} {API_KEY}é".encode("latin-1").decode()


def chained() -> None:
    try:
        unlucky()
    except KeyError as error:
        raise RuntimeError(f"{NAME} {TOKEN}") from error


@pytest.mark.promise("P1", "P2")
@pytest.mark.parametrize("crash", [unlucky, undecodable, chained])
def test_p1_p2_a_crash_is_told_by_its_kind_and_place_alone(
    crash: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(crash) == 70
    said = capsys.readouterr()
    assert (said.out, "test_privacy.py:" in said.err) == ("", True)


# --- a process of its own ---------------------------------------------------------------------------------------------

TALKATIVE = """
import logging
logging.basicConfig(level=1)
logging.debug("it talks")
from syncline.cli import main
main()
"""


def process(scene: Scene, *words: str) -> subprocess.CompletedProcess[str]:
    """With Python in its development mode, and every logger on stderr."""
    return subprocess.run(
        [sys.executable, "-X", "dev", "-c", TALKATIVE, *words],
        cwd=scene.folder,
        env={name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.promise("P1", "P2")
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="there is no /proc here")
@pytest.mark.parametrize("way", [to_customerio, to_customerio_one_by_one, to_voucherify])
def test_p1_p2_a_process_that_tells_all_it_can_tells_of_neither(
    way: Callable[[Scene], None], scene: Scene, canaries: Watch
) -> None:
    """And `ps` shows neither while it sends both."""
    shown: list[bytes] = []

    def reply(asked: Asked) -> Answer:
        for line in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # a process that has just ended
                shown.append(line.read_bytes())
        return Answer(422, {"message": "no"})

    way(scene)
    scene.vendor.reply = reply
    done = process(scene, "run", str(scene.config_file), "-d", str(scene.data_file))
    assert (done.returncode, "it talks" in done.stderr) == (1, True), done.stderr
    ours = [words for words in shown if os.fsencode(scene.folder) in words]
    assert ours
    for words in ours:
        canaries.hear(words, "/proc/PID/cmdline")
    told = b"".join(asked.body for asked in scene.vendor.asked) + str(scene.vendor.asked[0].headers).encode()
    assert PERSON.encode() in told
    assert canaries.leaks == []


@pytest.mark.promise("P1")
def test_p1_credentials_come_from_the_environment_and_go_nowhere_else(scene: Scene, canaries: Watch) -> None:
    scene.to({"type": "customerio", "siteId": "${SITE_ID}", "apiKey": "${API_KEY}"})
    (scene.folder / ".env").write_text(f"SITE_ID={SITE_ID}\nAPI_KEY='{API_KEY}'\n", encoding="utf-8")
    assert process(scene, "run", str(scene.config_file), "-d", str(scene.data_file)).returncode == 0
    basic = base64.b64encode(f"{SITE_ID}:{API_KEY}".encode()).decode()
    assert {one.headers["authorization"] for one in scene.vendor.asked} == {f"Basic {basic}"}
    canaries.look(scene.folder)
    assert canaries.leaks == []


# --- the service ------------------------------------------------------------------------------------------------------


@pytest.mark.promise("P1", "P2")
@pytest.mark.parametrize("status", [200, 400, 401])
def test_p1_p2_the_service_answers_and_tells_its_diary_without_either(
    status: int, scene: Scene, vendor: Vendor, canaries: Watch
) -> None:
    def reply(asked: Asked) -> Answer:
        return Answer(status, {} if status == 200 else {"meta": {"error": f"{EMAIL} {PHONE}"}})

    vendor.reply = reply
    with serving(scene.folder / ".syncline", vendor.url) as running:
        parts = [(one.name, one.read_bytes()) for one in (scene.config_file, scene.data_file)]
        answers = [running.call.put(*parts), running.call.put((parts[0][0], b"{"), parts[1])]
        run = answers[0].headers["location"]
        looks = ("/runs", run, f"{run}/rows", f"{run}/rows?format=csv", "/metrics", "/healthz", "/openapi.json")
        answers += [running.call("GET", path) for path in looks]
    assert [one.status for one in answers] == [{200: 200, 400: 207, 401: 401}[status], 422, *[200] * len(looks)]
    assert vendor.asked
    assert canaries.leaks == []


@pytest.mark.parametrize("status", [200, 207, 400, 401, 422])
@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_repeats_our_headers_does_not_make_us_repeat_them(
    way: Callable[[Scene], None], status: int, scene: Scene, canaries: Watch
) -> None:
    def reply(asked: Asked) -> Answer:
        told = [asked.headers.get(name, "") for name in ("authorization", "x-app-id", "x-app-token")]
        words = f"I was told {' '.join(filter(None, told))}"
        error = {"batch_index": 0, "reason": "invalid", "field": "name", "message": words}
        if status == 207:
            return Answer(status, {"errors": [error]})
        body = {"message": words, "details": words, "meta": {"error": words}}
        return Answer(status, body | {"error": {"code": "x", "message": words}, "errors": [error]})

    scene.vendor.reply = reply
    way(scene)
    run_of(scene)
    canaries.look(scene.folder)
    assert canaries.leaks == []
