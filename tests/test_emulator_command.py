"""`syncline emulate` for each of its vendors: what it prints, what it keeps, and which options belong to whom."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from emulated_voucherify import Caller
from syncline.cli.vendors import VENDORS
from syncline.destinations.customerio import Settings as CustomerioSettings
from syncline.destinations.voucherify import Settings as VoucherifySettings
from syncline.emulators import customerio, segment, voucherify
from syncline.sources.segment import Settings as SegmentSettings

SETTINGS: Mapping[str, tuple[str, type[BaseModel]]] = {
    "customerio": ("destination", CustomerioSettings),
    "segment": ("source", SegmentSettings),
    "voucherify": ("destination", VoucherifySettings),
}
COMMAND = [sys.executable, "-m", "syncline", "emulate"]


@contextmanager
def emulating(*words: str | Path) -> Iterator[tuple[Caller, subprocess.Popen[str], list[str]]]:
    """A client, the process, and what it printed at its start."""
    with subprocess.Popen(
        [*COMMAND, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        printed: list[str] = []
        while not printed or not printed[-1].startswith("Ctrl-C"):
            printed.append(process.stdout.readline())
            assert printed[-1], process.communicate()[1]
        found = re.search(r"http://[^\s/]+", printed[0])
        assert found is not None
        client = Caller(found[0])
        try:
            yield client, process, printed
        finally:
            client.connection.close()
            process.terminate()
            process.communicate(timeout=20)


def refused(*words: str | Path) -> str:
    """What is said on stderr, with exit code 2."""
    ended = subprocess.run(
        [*COMMAND, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
        env={**os.environ, "COLUMNS": "500"},
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Traceback" not in ended.stderr
    return ended.stderr


@pytest.mark.parametrize("name", VENDORS)
def test_an_emulator_prints_a_configuration_that_means_it_and_what_it_is_not(name: str) -> None:
    key, model = SETTINGS[name]
    with emulating(name) as (client, _, printed):
        assert printed[0].startswith(f"{VENDORS[name].title} emulator at http://127.0.0.1:")
        assert VENDORS[name].credentials in printed[0]
        snippet: Any = YAML(typ="safe").load(printed[3])
        settings = model.model_validate(snippet[key])
        assert f"127.0.0.1:{client.connection.port}" in str(settings)
        assert [line.strip() for line in printed if line.startswith("  - ")] == [
            f"- {line}" for line in VENDORS[name].not_emulated
        ]
        client.connection.request("GET", "/")
        assert f"<title>{VENDORS[name].title} emulator</title>" in client.connection.getresponse().read().decode()


def test_the_table_lists_what_each_vendor_says_of_itself() -> None:
    assert [vendor.not_emulated for vendor in VENDORS.values()] == [
        customerio.NOT_EMULATED,
        segment.NOT_EMULATED,
        voucherify.NOT_EMULATED,
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["voucherify", "--mode", "id"], "--mode is an option of customerio; voucherify has --action-delay, --calls"),
        (["customerio", "--calls", "0"], "--calls is an option of voucherify; customerio has --consistency-delay"),
        (["segment", "--bulk-calls", "20/h"], "--bulk-calls is an option of voucherify; segment has --profiles"),
        (["voucherify", "--calls", "20"], "'20' is no number of calls; write 2000/min, 20/h, or 0 for no limit"),
        (["voucherify", "--switch", "empty_removes=true"], "'empty_removes' is no switch; there are contract"),
        (["voucherify", "--switch", "metadata=both"], "metadata cannot be 'both'; it is merge or replace"),
        (["voucherify", "--metadata-schema", "{file}"], "it is no metadata schema: "),
        (["voucherify", "--metadata-schema", "{file}/x"], "--metadata-schema needs a file that can be read"),
        (["voucherify", "--state", "{file}"], "it is no state of an emulator"),
        (["segment", "--profiles", "-1"], "--profiles"),
        (["mailchimp"], "'mailchimp' is not one of 'customerio', 'segment', 'voucherify'"),
    ],
)
def test_what_a_vendor_does_not_understand_is_refused_in_words(tmp_path: Path, words: list[str], told: str) -> None:
    path = tmp_path / "file.json"
    path.write_text("no JSON")
    assert told in refused(*(word.format(file=path) for word in words))


def test_the_switches_of_a_vendor_are_listed() -> None:
    ended = subprocess.run([*COMMAND, "segment", "--switches"], capture_output=True, text=True, check=True, timeout=20)
    assert ended.stdout.startswith("rate=100  (a number)\n")
    assert "\ncontract=" not in ended.stdout


def test_an_emulated_voucherify_is_stopped_and_goes_on_with_its_state(tmp_path: Path) -> None:
    path, schema = tmp_path / "state.json", tmp_path / "schema.json"
    schema.write_text(json.dumps({"properties": {"age": {"type": "number"}}, "allow_defined_only": True}))
    words: list[str | Path] = ["voucherify", "--state", path, "--metadata-schema", schema]
    with emulating(*words, "--action-delay", "100s", "--bulk-calls", "1/h") as (client, process, _):
        action = client.post_bulk({"source_id": "1", "metadata": {"age": 30}}, {"source_id": "2", "metadata": {"a": 1}})
        assert client.action(action)["status"] == "ENQUEUED"
        assert client.call("POST", "/v1/customers/bulk/async", [])[0] == 429
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert path.stat().st_mode & 0o777 == 0o600
    with emulating(*words, "--switch", "errors_listed=1") as (client, _, _):
        done = client.action(action)
        assert (done["status"], done["result"]["done_count"]) == ("DONE", 1)
        assert [error["key"] for error in done["result"]["errors"]] == ["metadata_validation_failed"]
        assert client.call("GET", "/v1/customers/1")[1]["metadata"] == {"age": 30}


def test_an_emulated_segment_makes_up_profiles_only_at_first(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    for asked, held in (("3", 3), ("7", 3)):
        with emulating("segment", "--state", path, "--profiles", asked) as (client, _, _):
            assert client.ask("GET", "/__emulator__/overview")[1]["profiles"] == held
