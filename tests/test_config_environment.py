"""References to the environment, `.env`, and the rule that no message ever shows a credential."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configured import customerio_of
from syncline.config import Loaded, load
from syncline.config.environment import Malformed, Unset, dotenv_beside, gather, resolve
from syncline.errors import ConfigRefused

CANARY = "c4naryS3cret"
BASE: dict[str, object] = {"userId": "id", "mappings": [{"from": "email", "to": "email"}]}


def loaded(folder: Path, environment: dict[str, str], mode: int = 0o644, **config: object) -> Loaded:
    file = folder / "users.json"
    file.write_text(json.dumps({**BASE, **config}))
    file.chmod(mode)
    return load(file, environment=environment)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain", "plain"),
        ("${A}", "1"),
        ("x${A}y${B}z", "x1y2z"),
        ("${NONE|B}", "2"),
        ("${EMPTY|NONE|A}", "1"),
        ("${NONE:-other}", "other"),
        ("${EMPTY:-other}", "other"),
        ("${A:-other}", "1"),
        ("${NONE|B:-other}", "2"),
        ("${NONE:-}", ""),
        ("${NONE:-a|b:-c}", "a|b:-c"),
        ("$${A}", "${A}"),
        ("$$", "$$"),
        ("$A", "$A"),
        ("${TRICK}", '"}, ${A}'),
    ],
)
def test_a_reference_is_replaced(text: str, result: str) -> None:
    assert resolve(text, {"A": "1", "B": "2", "EMPTY": "", "TRICK": '"}, ${A}'}) == result


@pytest.mark.parametrize("text", ["${", "${A", "${}", "${1A}", "${A-b}", "${A|}", "${ A }", "${É}"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        resolve(text, {"A": "1"})


def test_unset_names_are_named() -> None:
    with pytest.raises(Unset) as unset:
        resolve("${X|Y}", {"Y": ""})
    assert unset.value.names == ["X", "Y"]


def test_the_environment_beats_dotenv(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "# keys\nexport SITE='from file'\nKEY=\"from file\"\nEMPTY=file\nLITERAL=a$b${KEY}\n"
    )
    held = gather({"KEY": "from env", "EMPTY": ""}, dotenv_beside(tmp_path))
    assert held.warnings == ()
    assert held.values == {"SITE": "from file", "KEY": "from env", "EMPTY": "file", "LITERAL": "a$b${KEY}"}
    assert "SITE" not in os.environ


def test_dotenv_lies_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CIO_SITE_ID=5174e\nCIO_API_KEY=9a8b7\n")
    held = loaded(tmp_path, {"CIO_API_KEY": "other"}, siteId="${CIO_SITE_ID}", apiKey="${CIO_API_KEY}")
    assert customerio_of(held.sync).site_id.get_secret_value() == "5174e"
    assert customerio_of(held.sync).api_key.get_secret_value() == "other"


def test_the_process_environment_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCLINE_TEST_KEY", "9a8b7")
    held = load({**BASE, "name": "x", "siteId": "5174e", "apiKey": "${SYNCLINE_TEST_KEY}"})
    assert customerio_of(held.sync).api_key.get_secret_value() == "9a8b7"


def test_an_odd_dotenv_is_a_warning_and_never_waited_for(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\nno such = line = here\n'\n")
    held = loaded(tmp_path, {}, siteId="${A}", apiKey="${A}")
    assert held.warnings[0] == ".env:2 was left out (it is not a NAME=value line)"
    (tmp_path / ".env").unlink()
    os.mkfifo(tmp_path / ".env")
    held = loaded(tmp_path, {"A": "1"}, siteId="${A}", apiKey="${A}")
    assert held.warnings == (".env was left out (found a FIFO (named pipe), expected a file of NAME=value lines)",)


def test_an_env_file_takes_the_place_of_dotenv(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=beside\nB=beside\n")
    (tmp_path / "staging.env").write_text("A=staging\nB=staging\nodd line\n")
    (tmp_path / "staging.env").chmod(0o600)
    file = tmp_path / "users.json"
    file.write_text(json.dumps({**BASE, "siteId": "${A}", "apiKey": "${B}"}))
    held = load(file, environment={"B": "process"}, env_file=tmp_path / "staging.env")
    assert customerio_of(held.sync).site_id.get_secret_value() == "staging"
    assert customerio_of(held.sync).api_key.get_secret_value() == "process"
    assert held.warnings == (f"{tmp_path}/staging.env:3 was left out (it is not a NAME=value line)",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\n\nKEY: abc123\n", ".env:3 was left out (it is not a NAME=value line)"),
        (b"odd one\n\nKEY:abc123\n", ".env:3 was left out (it is not a NAME=value line)"),
        (b"A=1\nodd one\n", ".env:2 was left out (it is not a NAME=value line)"),
        (b"A=1\nKEY='abc123\n", ".env:2 was left out (its quote is not closed, or more stands behind it)"),
        (b"A=1\nKEY=abc\xe9\n", ".env:2 was left out (found the byte 0xe9, which is not UTF-8, expected UTF-8)"),
        ("KEY=abc123\n".encode("utf-16"), ".env:1 was left out (found text in UTF-16 or UTF-32, expected UTF-8)"),
        (
            b"#" * 1_000_001,
            ".env was left out (found a file of 1,000,001 bytes, expected a file of NAME=value lines of",
        ),
    ],
)
def test_a_variable_that_dotenv_was_to_hold_is_missed_with_what_is_wrong_with_it(
    tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(ConfigRefused) as refused:
        loaded(tmp_path, {}, siteId="5174e", apiKey="${KEY}")
    (problem,) = refused.value.problems
    assert f"a reference to KEY, but it is not set in the environment, and {said}" in problem.found
    assert problem.fix.startswith("Mend .env, or set KEY, or ")
    assert "abc" not in str(problem)


def test_what_a_comment_is_written_in_costs_no_variable(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"# caf\xe9\nA=5174e # na\xefve\n")
    for named in (None, tmp_path / ".env"):
        file = tmp_path / "users.json"
        file.write_text(json.dumps({**BASE, "siteId": "${A}", "apiKey": "${A}"}))
        held = load(file, environment={}, env_file=named)
        assert customerio_of(held.sync).site_id.get_secret_value() == "5174e"
        assert not any("left out" in warning for warning in held.warnings)


@pytest.mark.parametrize(
    ("value", "expected", "fix"),
    [
        (f'"{CANARY}"', "without quotes", "Write the variable without them"),
        (f"'{CANARY}'", "without quotes", "Write the variable without them"),
        (f"${{A}}{CANARY}", "a value without ${ in it", "write the value itself"),
        ("$CIO_API_KEY", "not the name of another variable", "Set the variable to the value itself"),
    ],
)
def test_a_credential_that_is_not_yet_what_it_is_to_be_is_refused(
    tmp_path: Path, value: str, expected: str, fix: str
) -> None:
    with pytest.raises(ConfigRefused) as refused:
        loaded(tmp_path, {"KEY": value}, siteId="5174e", apiKey="${KEY}")
    (problem,) = refused.value.problems
    assert problem.found == "apiKey is a text from the environment (not shown)"
    assert expected in problem.expected
    assert fix in problem.fix
    assert CANARY not in str(problem)


def test_so_is_a_url_to_notify(tmp_path: Path) -> None:
    with pytest.raises(ConfigRefused, match="a value without"):
        loaded(tmp_path, {"URL": "https://example.com/${TOKEN}"}, siteId="a", apiKey="b", notify="${URL}")


def test_what_an_env_file_lacks_is_missed_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("A=beside\n")
    (tmp_path / "staging.env").write_text("B=staging\n")
    with pytest.raises(ConfigRefused, match=r"A, but it is not set in the environment or in staging\.env"):
        load({**BASE, "name": "x", "siteId": "${A}", "apiKey": "${B}"}, environment={}, env_file="staging.env")


def test_an_env_file_is_relative_to_where_we_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "staging.env").write_text("A=5174e\n")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/users.json").write_text(json.dumps({**BASE, "siteId": "${A}", "apiKey": "${A}"}))
    held = load("conf/users.json", environment={}, env_file="staging.env")
    assert customerio_of(held.sync).site_id.get_secret_value() == "5174e"


@pytest.mark.parametrize(
    ("make", "found", "fix"),
    [
        (lambda file: None, "no such file", "relative to where you are"),
        (lambda file: file.mkdir(), "a directory", "Name the file in it"),
        (os.mkfifo, "a FIFO (named pipe)", "to a file first"),
        (lambda file: file.write_bytes(b"A=1\nB=\xe9"), "the byte 0xe9", "Save the file as UTF-8"),
        (lambda file: file.write_bytes(b"A" * 1_000_001), "a file of 1,000,001 bytes", "Name the file that has"),
    ],
    ids=["missing", "directory", "fifo", "latin-1", "large"],
)
def test_an_env_file_that_was_asked_for_must_be_there(
    tmp_path: Path, make: Callable[[Path], object], found: str, fix: str
) -> None:
    make(tmp_path / "staging.env")
    with pytest.raises(ConfigRefused) as refused:
        load({**BASE, "name": "x", "siteId": "a", "apiKey": "b"}, environment={}, env_file=tmp_path / "staging.env")
    (problem,) = refused.value.problems
    assert problem.file == f"{tmp_path}/staging.env"
    assert found in problem.found
    assert fix in problem.fix


@pytest.mark.parametrize("value", [None, ""])
def test_an_unset_variable_is_named(tmp_path: Path, value: str | None) -> None:  # C25
    environment = {} if value is None else {"CIO_KEY": value}
    with pytest.raises(ConfigRefused) as refused:
        loaded(tmp_path, environment, siteId="5174e", apiKey="${CIO_KEY}")
    (problem,) = refused.value.problems
    assert problem.line == 1
    assert "apiKey: a reference to CIO_KEY" in problem.found
    assert "Set CIO_KEY" in problem.fix


def test_a_variable_may_hold_a_number_where_a_number_is_wanted(tmp_path: Path) -> None:
    held = loaded(
        tmp_path,
        {"N": "7", "R": "0.5", "ID": "12345", "T": "8"},
        siteId="${ID}",
        apiKey="${ID}",
        parallelism="${N}",
        destination={"rate": "${R}", "timeout": "${T}"},
        mappings=[{"constant": "${N}", "to": "n"}],
    )
    assert (held.sync.parallelism, held.sync.destination.rate, held.sync.destination.timeout) == (7, 0.5, 8)
    assert customerio_of(held.sync).site_id.get_secret_value() == "12345"
    assert held.sync.mappings[0].constant == "7"


def test_a_variable_that_holds_no_number_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigRefused) as refused:
        loaded(tmp_path, {"N": "seven"}, siteId="a", apiKey="b", parallelism="${N}")
    (problem,) = refused.value.problems
    assert problem.found == "parallelism is a text from the environment (not shown)"
    assert "seven" not in str(refused.value)


def test_nor_is_one_that_was_nearly_right(tmp_path: Path) -> None:
    with pytest.raises(ConfigRefused) as refused:
        loaded(tmp_path, {"DAYS": "17"}, siteId="a", apiKey="b", refresh="${DAYS}")
    (problem,) = refused.value.problems
    assert problem.found == "refresh is a text from the environment (not shown)"
    assert "17" not in str(refused.value)


@pytest.mark.parametrize(
    ("mode", "key", "warned"),
    [(0o600, CANARY, 0), (0o640, CANARY, 1), (0o644, CANARY, 1), (0o644, "${KEY}", 0), (0o666, "a${KEY}", 0)],
)
def test_a_credential_that_others_may_read_is_a_warning(
    tmp_path: Path, mode: int, key: str, warned: int
) -> None:  # C24
    held = loaded(tmp_path, {"KEY": CANARY}, mode, siteId="${KEY}", apiKey=key)
    assert len(held.warnings) == warned
    assert all(f"{mode:04o}" in text and f"chmod 600 {tmp_path}/users.json" in text for text in held.warnings)


@pytest.mark.parametrize(("notify", "warned"), [("https://example.com/c4nary", 1), ("${URL}", 0)])
def test_a_url_to_notify_is_a_credential_to_others_who_may_read_it(tmp_path: Path, notify: str, warned: int) -> None:
    environment = {"KEY": CANARY, "URL": "https://example.com/c4nary"}
    held = loaded(tmp_path, environment, siteId="${KEY}", apiKey="${KEY}", notify=notify)
    assert held.sync.notify is not None
    assert held.sync.notify.get_secret_value() == "https://example.com/c4nary"
    assert len(held.warnings) == warned
    assert "c4nary" not in repr(held) + str(held.sync) + held.sync.model_dump_json(by_alias=True)


def test_a_url_to_notify_is_not_repeated_where_it_stands_for_something_else(tmp_path: Path) -> None:
    url = f"https://example.com/{CANARY}"
    with pytest.raises(ConfigRefused) as refused:
        loaded(tmp_path, {}, siteId="a", apiKey="b", notify=url, nulls=url, transform=url, refresh=url)
    assert len(refused.value.problems) == 3
    assert CANARY not in str(refused.value)


def test_the_mode_is_that_of_the_file_behind_a_link(tmp_path: Path) -> None:
    loaded(tmp_path, {}, 0o644, siteId=CANARY, apiKey=CANARY)
    (tmp_path / "link.json").symlink_to(tmp_path / "users.json")
    assert len(load(tmp_path / "link.json", environment={}).warnings) == 1


def test_a_loaded_configuration_shows_no_credential(tmp_path: Path) -> None:
    held = loaded(tmp_path, {}, siteId=CANARY, apiKey=CANARY, appApiKey=CANARY)
    assert CANARY not in repr(held) + str(held.sync) + held.sync.model_dump_json(by_alias=True)


SPELLINGS = ["siteId", "site_id", "api-key", "apikey", "API_KEY", "appApiKey", "secretKey", "password", "credential"]
SPELLINGS += ["notify", "webhook", "applicationId", "secret-key", "access_token", "accessToken"]
SECRET = st.sampled_from(
    [CANARY, CANARY * 5, f" {CANARY}", f"{CANARY}\n", f"é{CANARY}", f"a:{CANARY}", f"your-{CANARY}"]
)
HOLDER = SECRET | st.lists(SECRET, max_size=2) | st.dictionaries(st.sampled_from([*SPELLINGS, "x"]), SECRET, max_size=2)
JUNK = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.none(), max_size=2) | HOLDER
KEYS = ["userId", "parallelism", "mappings", "source", "mode", "name", "destination", "baseUrl", "to", "from", "zzz"]
KEYS += ["files", "delimiter", "path", "except", "pick", "refresh", "transform", "hash"]


@given(
    st.dictionaries(st.sampled_from(SPELLINGS), HOLDER, min_size=1),
    st.dictionaries(st.sampled_from(KEYS), JUNK | st.dictionaries(st.sampled_from(KEYS), JUNK, max_size=3), max_size=5),
    st.sampled_from(["", "destination", "source"]),
    st.sampled_from([None, "customerio", "voucherify", "segment", "hubspot"]),
)
def test_no_message_ever_shows_a_credential(
    secrets: dict[str, object], rest: dict[str, object], home: str, kind: str | None
) -> None:
    typed = {"type": kind} if kind else {}
    config = {**rest, home: {**typed, **secrets}} if home else {**rest, **secrets}
    config["siteId"] = CANARY
    with pytest.raises(ConfigRefused) as refused:
        load({**config, "mode": f"x{CANARY}"}, environment={})
    assert CANARY not in str(refused.value) + repr(refused.value.problems)
    assert CANARY[:6] not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        '{"api_key": "c4naryS3cret}',
        '{"api_key": "c4naryS3cret" "x": 1}',
        '{"api_key": c4naryS3cret}',
        '{"api_key": "c4naryS3cret",}',
        "api_key: 'c4naryS3cret",
        "api_key: @c4naryS3cret",
        "api_key: *c4naryS3cret",
        "api_key: !c4naryS3cret x",
        "api_key: a: c4naryS3cret",
        "api_key: c4naryS3cret\napi_key: c4naryS3cret2",
        "api_key: [c4naryS3cret",
        "api_key: c4naryS3cret\x07",
        "c4naryS3cret",
        '"c4naryS3cret"',
    ],
)
def test_nor_does_a_syntax_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    with pytest.raises(ConfigRefused) as refused:
        load(file, environment={})
    assert "c4nary" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
