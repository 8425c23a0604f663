"""What people see of the verbs: demo, init, emulate, the progress line, and words where something is odd."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import syncline as library
from conftest import DEADLINE_S, Emulate, Local, Project, Syncline, people
from segmented import segmented
from syncline.cli import VERBS
from syncline.delivery import Halt
from syncline.errors import Refusal
from syncline.model import Outcome


def rows(count: int) -> list[dict[str, object]]:
    return [{"id": number, "name": f"Ada {number}", "plan": "free"} for number in range(1, count + 1)]


def on_a_terminal(words: list[str], folder: Path, *, interrupt_at: str) -> tuple[int, str]:
    """Runs the tool with a terminal for stdout and stderr, and Ctrl-Cs it once it has said `interrupt_at`."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "syncline", *words],
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(theirs)
    watchdog = threading.Timer(DEADLINE_S, process.kill)
    watchdog.start()
    shown = ""
    asked = False
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk.decode(errors="replace")
            if not asked and interrupt_at in shown:
                asked = True
                process.send_signal(signal.SIGINT)
    except OSError:  # the terminal closes with its last user
        pass
    finally:
        os.close(ours)
        code = process.wait()
        watchdog.cancel()
    return code, shown


# --- demo, init, emulate ----------------------------------------------------------------------------------------------


def test_the_demo_succeeds_and_ends_by_itself_in_a_pipe(syncline: Syncline) -> None:
    ended = syncline("demo")
    assert (ended.code, ended.stderr) == (0, "")
    assert "490 read = 490 delivered (2 requests" in ended.stdout
    assert "490 read = 490 unchanged (0 requests" in ended.stdout
    assert "490 read = 3 delivered, 487 unchanged (1 request," in ended.stdout
    assert ended.stdout.count('"location": "Paris"') == 3
    assert "http://" not in ended.stdout  # what it names is gone when anybody reads it


def test_the_demo_of_segment_and_voucherify_succeeds(syncline: Syncline) -> None:
    ended = syncline("demo", "segment-to-voucherify")
    assert (ended.code, "run 1 finished: 240 read = 223 delivered, 17 invalid" in ended.stdout) == (0, True)
    assert "2 delivered, 222 unchanged, 17 invalid" in ended.stdout
    assert "segment_id:use_" in ended.stdout
    assert "http://" not in ended.stdout


def test_the_demo_stays_on_a_terminal_until_ctrl_c(tmp_path: Path) -> None:
    code, shown = on_a_terminal(["demo"], tmp_path, interrupt_at="Ctrl-C ends the demo")
    assert code == 0
    assert re.search(r"see them all, with their attributes: http://127\.0\.0\.1:\d+/", shown)
    assert re.search(r"a local Customer\.io is running: http://127\.0\.0\.1:\d+/", shown)


def test_init_writes_a_configuration_that_works(
    project: Project, local: Local, syncline: Syncline, tmp_path: Path
) -> None:
    assert syncline("init", "customerio").code == 0
    path = tmp_path / "customerio.yaml"
    text = path.read_text(encoding="utf-8")
    assert text.count("#") > 10
    assert YAML(typ="safe").load(text)["destination"]["siteId"] == "${CIO_SITE_ID}"
    path.write_text(text.replace("region: us", f"baseUrl: {local.url}\n  region: us", 1), encoding="utf-8")
    (tmp_path / ".env").write_text("CIO_SITE_ID=site\nCIO_API_KEY=key\n", encoding="utf-8")
    person = {"id": 1, "email": "a@x.org", "first_name": "A", "last_name": "B", "created_at": "2013-02-18"}
    project.data([person])
    ended = syncline("run")  # the only configuration in the folder, though its schema stands beside it
    assert ended.code == 0, ended.stderr
    held = {"email": "a@x.org", "first_name": "A", "last_name": "B", "created_at": 1_361_145_600}
    assert people(local) == {"1": held}


def test_init_never_overwrites(syncline: Syncline, tmp_path: Path) -> None:
    (tmp_path / "customerio.yaml").write_text("mine", encoding="utf-8")
    assert syncline("init", "customerio").code == 2
    assert (tmp_path / "customerio.yaml").read_text(encoding="utf-8") == "mine"


def test_emulate_says_where_it_is_and_what_it_is_not(project: Project, syncline: Syncline) -> None:
    process = syncline.start("emulate", "customerio", "--latency", "1ms", "--fault", "429:100%:after=1", "--seed", "3")
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(6)]
        url = re.search(r"http://\S+", lines[0])
        assert url is not None
        assert any("not emulated" in line for line in lines)
        project.url = url[0]
        halt = Halt()
        stopping = threading.Timer(0.5, halt.request)
        stopping.start()
        report = library.run(project.config(), data=rows(3), halt=halt)
        assert report.requests > 0
        assert report.counts[Outcome.DELIVERED] == 0  # the weather that was asked for
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == 0
        process.communicate()


@pytest.mark.parametrize(
    "words", [["--fault", "500"], ["--fault", "500:200%"], ["--latency", "fast"], ["--rate", "-1"]]
)
def test_emulate_refuses_weather_it_does_not_know(syncline: Syncline, words: list[str]) -> None:
    ended = syncline("emulate", "customerio", *words)
    assert ended.code == 2
    assert words[0] in ended.stderr or "%" in ended.stderr


# --- usage ------------------------------------------------------------------------------------------------------------


def test_the_verbs_are_listed_with_a_line_each(syncline: Syncline) -> None:
    shown = " ".join(syncline("--help").stdout.replace("│", " ").split())
    for name, words in VERBS.items():
        assert f"{name} {words}" in shown


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("rnu", "Did you mean syncline run?"),
        ("users.yaml", "Did you mean syncline run users.yaml?"),
        ("help", "There are run, runs, report, "),
        ("a\x1b[2Jb", r"No such verb: a\x1b[2Jb."),
    ],
)
def test_a_verb_that_nobody_knows_is_answered_with_one_that_was_meant(syncline: Syncline, word: str, hint: str) -> None:
    ended = syncline(word)
    assert (ended.code, ended.stdout) == (2, "")
    assert hint in ended.stderr


def test_a_configuration_is_answered_with_all_its_problems_each_with_its_place(
    project: Project, syncline: Syncline
) -> None:
    path = project.folder / "users.yaml"
    path.write_text(WRONG, encoding="utf-8")
    ended = syncline("run", path.name, "-d", "nowhere.json", "--json")
    told = [line for line in ended.stderr.splitlines() if line.startswith("error: users.yaml:")]
    assert (ended.code, len(told)) == (2, len(ended.stderr.splitlines()))
    places = [(one["file"], one["line"], one["column"]) for one in ended.document["problems"]]
    assert places == [("users.yaml", 1, 1), ("users.yaml", 2, 14), ("users.yaml", 4, 20), ("users.yaml", 5, 38)]
    assert [line.split(": ")[1] for line in told] == ["users.yaml:{}:{}".format(*place[1:]) for place in places]


WRONG = """userid: id
parallelism: "25"
mappings:
  - { from: email, too: email }
destination: { siteId: site, apiKey: "${NOBODY_SET_THIS}" }
"""


@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "run --help",
        "--version",
        "schema",
        "runs",
        "report",
        "report --json",
        "report --jsonl -",
        "report --csv -",
        "run -d data.json --dry-run",
        "run -d data.json --dry-run --json",
        "emulate customerio --switches",
    ],
)
def test_what_only_tells_and_cannot_be_written_is_refused_in_words(project: Project, words: str) -> None:
    """Who has half of it in a file must not take it for all."""
    library.run(project.config(), [*rows(3), {"id": True}])
    project.data(rows(3))
    assert on_a_full_stdout(words, project.folder) == (2, "cannot write to stdout: No space left on device\n")


@pytest.mark.parametrize("more", ["", " --json"])
def test_what_was_done_is_not_undone_by_a_stdout_that_cannot_be_written(project: Project, more: str) -> None:
    project.config()
    project.data([*rows(3), {"id": True}])
    told = "cannot write to stdout: No space left on device\n"
    assert on_a_full_stdout(f"run -d data.json{more}", project.folder) == (1, told)
    assert on_a_full_stdout("init customerio", project.folder) == (0, told)
    assert on_a_full_stdout("schema other.schema.json", project.folder) == (0, told)
    assert (project.folder / "other.schema.json").stat().st_size > 10_000


def on_a_full_stdout(words: str, folder: Path) -> tuple[int, str]:
    """The exit code, and stderr."""
    with open("/dev/full", "wb") as full:
        program = [sys.executable, "-m", "syncline", *words.split()]
        ended = subprocess.run(program, cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    return ended.returncode, ended.stderr


def test_a_misused_verb_whose_words_nobody_reads_is_refused_all_the_same(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        program = [sys.executable, "-m", "syncline", "run", "--resme"]
        assert subprocess.run(program, cwd=tmp_path, stderr=full, check=False).returncode == 2


# --- signals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
@pytest.mark.parametrize(
    ("sign", "code", "reason"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_second_signal_ends_a_run_at_once_with_one_document(
    emulate: Emulate, tmp_path: Path, syncline: Syncline, sign: signal.Signals, code: int, reason: str, more: list[str]
) -> None:
    """While it is held up by what takes no notice of the first: an API that answers late, a transform that hangs."""
    local = emulate(latency_s=DEADLINE_S)
    project = Project(tmp_path, local.url)
    (tmp_path / "hangs.py").write_text(HANGS, encoding="utf-8")
    config = project.config(transform="hangs.py:row") if more else project.config()
    asked = threading.Event()
    local.at_request(1, asked.set)
    process = syncline.start("run", config, "-d", project.data(rows(3)), "--json", *more)
    assert process.stderr is not None
    if more:
        assert process.stderr.readline() == "it hangs\n"
    else:
        assert asked.wait(DEADLINE_S)
    process.send_signal(sign)
    while not process.stderr.readline().startswith("stopping: "):
        pass
    process.send_signal(sign)
    stdout, stderr = process.communicate(timeout=DEADLINE_S)
    document = json.loads(stdout)
    assert (process.returncode, [*document], document["status"]) == (code, ["status", "stopped"], "interrupted")
    assert document["stopped"]["reason"] == reason
    fate = "nothing was sent" if more else "--resume goes on, and asks or sends again what was in flight"
    assert document["stopped"]["message"] == f"ended at once: {fate}"
    assert stderr.splitlines()[-1] == document["stopped"]["message"]


HANGS = """import time


def row(given):
    print("it hangs", flush=True)
    time.sleep(600)
"""


# --- progress ---------------------------------------------------------------------------------------------------------


def test_a_terminal_sees_rows_rate_time_left_flight_and_limit(emulate: Emulate, tmp_path: Path) -> None:
    project = Project(tmp_path, emulate(latency_s=0.02).url)
    config, data = project.config(destination={"api": "identify"}), project.data(rows(2_000))
    code, shown = on_a_terminal(["run", str(config), "-d", str(data)], tmp_path, interrupt_at="in flight · limit: the")
    assert code == 130
    assert re.search(
        r"delivering [\d,]+ of 2,000 · [\d,]+ rows/s · \d+ s left · 25 in flight · limit: the API's answers", shown
    )
    assert "stopping: what is in flight may finish" in shown


def test_whoever_watched_may_leave(emulate: Emulate, tmp_path: Path) -> None:
    """stderr is a pipe whose reader has gone: the run and its exit code are what they would have been."""
    project = Project(tmp_path, emulate(latency_s=0.02).url)
    config, data = project.config(destination={"api": "identify"}), project.data(rows(600))
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "syncline", "run", str(config), "-d", str(data), "--json"]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=writer, text=True)
    os.close(writer)
    assert process.stdout is not None
    ended = threading.Timer(0.8, process.send_signal, [signal.SIGINT])
    ended.start()
    document = json.loads(process.stdout.read())
    assert process.wait(DEADLINE_S) == (130 if document["stopped"] else 0)
    assert sum(document["counts"].values()) == document["read"] == 600
    assert document["counts"]["unknown"] == 0
    process.stdout.close()


def test_a_dry_run_that_may_read_nothing_says_that_and_nothing_else(syncline: Syncline, tmp_path: Path) -> None:
    with segmented() as (client, _):
        url = f"http://{client.connection.host}:{client.connection.port}"
        source = {"type": "segment", "spaceId": "space", "accessToken": "another", "baseUrl": url}
        destination = {"type": "voucherify", "applicationId": "app", "secretKey": "secret"}
        path = tmp_path / "configuration.json"
        mappings = [{"from": "traits.name", "to": "name"}]
        path.write_text(json.dumps({"source": source, "destination": destination, "mappings": mappings}))
        path.chmod(0o600)
        ended = syncline("run", path, "--dry-run")
    assert (ended.code, ended.stderr) == (3, "")
    (line,) = ended.stdout.splitlines()
    assert line.startswith(f"stopped (credentials): segment: Segment refuses these credentials at {url} (401)")


# --- words where something is odd -------------------------------------------------------------------------------------


@pytest.mark.parametrize("changed", [{"mode": "update"}, {"destination": {"api": "identify"}}])
def test_a_plan_is_resumed_only_in_its_own_dialect(
    emulate: Emulate, tmp_path: Path, changed: dict[str, object]
) -> None:
    """Else people planned to be created would be sent as updates, and be believed to exist."""
    local = emulate()
    project = Project(tmp_path, local.url)
    local.turn("500:100%")
    halt = Halt()
    local.at_request(3, halt.request)
    config = project.config()
    first = library.run(config, data=rows(400), halt=halt)
    assert first.status == "interrupted"
    local.turn()
    asked = local.app.log.total
    project.config(**changed)  # type: ignore[arg-type] # a settings row, one of two shapes
    with pytest.raises(Refusal, match="set it back, or run without --resume"):
        library.run(config, resume=True)
    assert local.app.log.total == asked
    project.config()
    assert library.run(config, resume=True).counts[Outcome.DELIVERED] == 400
    assert len(people(local)) == 400


def test_a_source_that_broke_off_is_not_forgotten_by_resume(project: Project, syncline: Syncline) -> None:
    config, data = project.config(), project.data('[{"id": 1}, {"id": 2}, {"id"')
    assert syncline("run", config, "-d", data).code == 3
    ended = syncline("run", config, "--resume")
    assert ended.code == 3
    assert "nothing left to resume" in ended.stdout


def test_a_partial_run_says_whose_plan_it_replaces(local: Local, project: Project) -> None:
    config = project.config()
    local.turn("401:100%")
    assert library.run(config, data=rows(50)).exit_code == 3
    local.turn()
    report = library.run(config, data=rows(50), only="7")
    assert report.counts[Outcome.DELIVERED] == 1
    assert any("run 1 had 50 rows left" in warning for warning in report.warnings)
    assert library.run(config, data=rows(50)).counts[Outcome.DELIVERED] == 49


def test_a_missing_ledger_is_announced_once(project: Project) -> None:
    config = project.config()
    assert library.run(config, data=rows(2)).lines()[1] == "note: no ledger yet: everything is new"
    assert library.run(config, data=rows(2)).lines()[1:] == []


def test_a_key_that_nobody_has_is_said(project: Project) -> None:
    report = library.run(project.config(), data=rows(3), only="99")
    assert (report.read, report.exit_code) == (0, 0)
    assert "no row has the key 99" in report.warnings


@pytest.mark.parametrize("data", [{"id": 1}, b"[]"])
def test_one_object_is_no_data(project: Project, data: object) -> None:
    with pytest.raises(Refusal, match="one a row"):
        library.run(project.config(), data=data)  # type: ignore[arg-type] # what a caller may get wrong


def test_a_limit_below_one_is_refused(project: Project) -> None:
    with pytest.raises(Refusal, match="at least 1"):
        library.run(project.config(), data=rows(3), limit=-1)


def test_a_host_that_does_not_exist_is_not_waited_for(project: Project) -> None:
    project.url = "https://nope.invalid"
    report = library.run(project.config(), data=rows(20))
    assert report.exit_code == 3
    assert report.requests == 3
    assert report.stopped is not None
    assert "nope.invalid: no such host" in report.stopped.message


# --- settings of delivery ---------------------------------------------------------------------------------------------


def test_with_strict_permissions_nothing_is_sent_where_others_may_read_the_key(
    project: Project, local: Local, syncline: Syncline
) -> None:
    config = project.config()
    config.chmod(0o644)
    project.data(rows(3))
    ended = syncline("run", config, "-d", "data.json", "--strict-permissions")
    assert (ended.code, local.app.log.total) == (2, 0)
    assert "chmod 600" in ended.stderr
    config.chmod(0o600)
    assert syncline("run", config, "-d", "data.json", "--strict-permissions").code == 0


def test_how_often_a_request_is_sent_is_a_setting(project: Project, local: Local) -> None:
    local.turn("503:first=1")
    config = project.config(tries=1, destination={"api": "identify"})
    report = library.run(config, data=rows(1))
    assert (report.exit_code, report.requests) == (0, 2)
    assert report.seconds > 1.0, "one try a pass, and a wait between two passes"


def test_how_long_a_run_waits_is_a_setting(project: Project, local: Local) -> None:
    local.turn("429:100%:after=2")
    report = library.run(project.config(maxWait=1), data=rows(3))
    assert report.stopped is not None
    assert (report.stopped.reason, report.exit_code, report.requests) == ("throttled", 3, 1)
    assert report.stopped.retry_at is not None


def test_the_patience_of_a_run_is_a_setting(project: Project, local: Local) -> None:
    local.turn("503:100%")
    report = library.run(project.config(patience=0.5), data=rows(3))
    assert report.stopped is not None
    assert (report.stopped.reason, report.exit_code) == ("outage", 3)
    assert "no good answer for 0.5 s" in report.stopped.message
    assert report.seconds < 30


def test_how_many_may_be_refused_is_a_setting(project: Project, local: Local) -> None:
    local.turn("400:100%")
    one_by_one = {"api": "identify"}
    stopped = library.run(project.config(destination=one_by_one), data=rows(120))
    assert stopped.stopped is not None
    assert (stopped.stopped.reason, stopped.requests) == ("rejections", 50)
    whole = library.run(project.config(maxRejectRatio=1, destination=one_by_one), data=rows(120), retry_rejected=True)
    assert (whole.stopped, whole.counts[Outcome.REJECTED], whole.exit_code) == (None, 120, 1)
