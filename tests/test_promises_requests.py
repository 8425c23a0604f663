"""What leaves, under many faults and twice: no more than the faults cost, and nothing that may not be sent again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

import pytest

from emulated import Client
from emulated import emulated as emulated_customerio
from emulated_voucherify import KEYS
from play import change, customerio
from syncline.destinations.voucherify import Settings, Voucherify
from syncline.emulators.customerio import Customerio
from syncline.emulators.server import Emulator
from syncline.emulators.voucherify import Voucherify as EmulatedVoucherify
from syncline.model import Change, Kind, Request
from syncline.ports import Destination
from virtual import DROPPED, FAIR, LOST, UNSENT, Call, Gust, SimulatedApi, Sync

CONSTANT = 200  # requests: what the breaker's probes and the last rows' passes may cost, whatever the row count


@pytest.mark.promise("R4")
@pytest.mark.parametrize("fault", [Gust(500), UNSENT, DROPPED, LOST], ids=["500", "unsent", "dropped", "lost"])
@pytest.mark.parametrize("failing", [0.3, 0.45, 0.6])
def test_many_faults_cost_their_share_of_requests_and_no_row(failing: float, fault: Gust) -> None:
    for seed in range(3):
        dice = Random(seed)

        def weather(number: int, call: Call, dice: Random = dice) -> Gust:
            return fault if dice.random() < failing else FAIR

        sync = Sync(SimulatedApi(weather), rows=2_000, identify=True, seed=seed)
        sync.go()
        assert sync.notebook.counts == {"delivered": 2_000}
        assert len(sync.api.calls) <= 2_000 / (1 - failing) * 1.02 + CONSTANT


# --- sent twice -------------------------------------------------------------------------------------------------------


def voucherify(**settings: object) -> Voucherify:
    return Voucherify(Settings.model_validate({"applicationId": "app", "secretKey": "secret"} | settings))


DESTINATIONS: Mapping[str, Callable[[], Destination]] = {
    "batch": lambda: customerio(api="batch"),
    "identify": lambda: customerio(api="identify"),
    "update": lambda: customerio("update", api="batch"),
    "bulk": lambda: voucherify(api="bulk"),
    "single": lambda: voucherify(api="single"),
}


def first_request(destination: Destination, some: Sequence[Change]) -> Request:
    """The write, which every conversation begins with."""
    said = next(destination.converse([destination.encode(one) for one in some]))
    assert isinstance(said, Request)
    return said


@pytest.mark.promise("R7")
@pytest.mark.parametrize("name", DESTINATIONS)
def test_there_is_no_write_that_may_not_be_sent_twice(name: str) -> None:
    assert {*Kind} == {Kind.UPSERT}
    assert DESTINATIONS[name]().semantics.idempotent


@pytest.mark.promise("R7")
@pytest.mark.parametrize("api", ["batch", "identify"])
def test_sent_twice_people_are_as_if_they_were_sent_once(api: str) -> None:
    def sent(times: int) -> list[tuple[str | None, dict[str, bytes]]]:
        with emulated_customerio() as (client, app):
            write = first_request(DESTINATIONS[api](), [change("id:7", {"plan": "pro", "age": 30})])
            for _ in range(times):
                assert client.ask(write.method, write.path, write.body)[0] == 200
            return _people(app)

    assert sent(1) == sent(2) != []


def _people(app: Customerio) -> list[tuple[str | None, dict[str, bytes]]]:
    everybody = app.workspace.people.values()
    return [(one.id, {name: bytes(raw) for name, raw in one.given().items()}) for one in everybody]


@pytest.mark.promise("R7")
@pytest.mark.parametrize("api", ["bulk", "single"])
def test_sent_twice_customers_are_as_if_they_were_sent_once(api: str) -> None:
    def sent(times: int) -> list[dict[str, Any]]:
        with Emulator(EmulatedVoucherify()) as emulator:
            client, body = Client(emulator.url), {"name": "Ada", "metadata.plan": "pro"}
            write = first_request(DESTINATIONS[api](), [change("source_id:7", body)])
            for _ in range(times):
                status, _ = client.ask(write.method, write.path, write.body, "", KEYS)
                assert status in {200, 202}
            _, found = client.ask("GET", "/v1/customers", None, "", KEYS)
            client.connection.close()
            return [{name: one[name] for name in ("source_id", "name", "metadata")} for one in found["customers"]]

    assert sent(1) == sent(2) == [{"source_id": "7", "name": "Ada", "metadata": {"plan": "pro"}}]
