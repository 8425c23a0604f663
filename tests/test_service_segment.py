"""Profiles of Segment to Voucherify by way of the service: the configuration is all that is uploaded."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from serving import Part, process, serving
from syncline.emulators import segment
from syncline.emulators.segment import Segment, Space, profiles
from syncline.emulators.server import Emulator
from syncline.emulators.voucherify import Voucherify

PROFILES = 300


class Vendors(NamedTuple):
    """Both, on this machine."""

    source: Emulator[Segment]
    target: Emulator[Voucherify]

    @property
    def origins(self) -> tuple[str, str]:
        return self.source.url, self.target.url

    @property
    def customers(self) -> int:
        return len(self.target.app.project.customers)

    def config(self) -> Part:
        source = {
            "type": "segment",
            "spaceId": "space",
            "accessToken": "token",
            "baseUrl": self.source.url,
            "rate": 3_000,
        }
        destination = {"type": "voucherify", "applicationId": "app", "secretKey": "secret", "baseUrl": self.target.url}
        mappings = [{"from": "traits.name", "to": "name"}]
        return "profiles.json", json.dumps({"source": source, "destination": destination, "mappings": mappings})


@pytest.fixture
def vendors() -> Iterator[Vendors]:
    space = Space(time.time, switches=segment.Switches(rate=0))
    space.add(*profiles(PROFILES))
    with ThreadPoolExecutor(2) as undertaker:
        source = Emulator(Segment(space)).start()
        target: Emulator[Voucherify] = Emulator(Voucherify(action_delay_s=0.05)).start()
        yield Vendors(source, target)
        undertaker.submit(source.stop)
        undertaker.submit(target.stop)


def test_a_configuration_whose_rows_come_from_an_api_is_uploaded_alone(tmp_path: Path, vendors: Vendors) -> None:
    with serving(tmp_path, *vendors.origins) as running:
        answer = running.call.put(vendors.config())
        assert answer.document["read"] == PROFILES
        assert answer.document["counts"]["delivered"] == vendors.customers > 0
        sent = answer.document["requests"]
        again = running.call.put(vendors.config()).document
    assert (sent > 0, again["requests"], again["counts"]["delivered"]) == (True, 0, 0)


def test_a_service_that_is_killed_while_it_reads_leaves_a_run_that_reads_on(tmp_path: Path, vendors: Vendors) -> None:
    words = ("--allow-origin-url", vendors.source.url, "--allow-origin-url", vendors.target.url)
    with process(tmp_path, *words) as first:
        due = vendors.source.app.log.total + PROFILES
        vendors.source.app.on_request(
            lambda arrival: os.kill(first.pid, signal.SIGKILL) if arrival.number == due else None
        )
        run = first.call.upload("POST", "/runs", vendors.config()).document["id"]
        first.process.wait(60)
    asked = vendors.source.app.log.total
    with process(tmp_path, *words) as second:
        document = second.call("GET", f"/runs/{run}").document
        assert (document["status"], document["resumable"], document["run"]) == ("interrupted", True, 1)
        assert second.call.upload("POST", f"/runs/{run}/resume", vendors.config()).status == 202
        document = second.call.ended(run)
        rest = vendors.source.app.log.total - asked
        whole = second.call.put(vendors.config()).document["sourceRequests"]
    assert (document["status"], document["report"]["read"]) == ("finished", PROFILES)
    assert document["report"]["counts"]["delivered"] == vendors.customers
    assert rest < whole - 100  # the first page was not read again
