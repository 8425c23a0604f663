"""@voucherify/sdk, the vendor's client for Node, agrees with the emulator; and how it behaves, test by test.

Driven by `clients/voucherify/drive.cjs`, one process a test. Node and npm are needed; without them there is nothing to
test.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from emulated_voucherify import BULK, CREATE, POLL, Caller, emulated, held, project
from on_node import Call, Drive, driver, installed, needs_node
from syncline.emulators.faults import parse_all
from syncline.emulators.voucherify import Allowance, Property, Schema

HERE = Path(__file__).with_name("clients") / "voucherify"
SOURCE_ID = "a/b+c@x é"

pytestmark = needs_node


def call(method: str, *args: object, **more: object) -> Call:
    return {"method": method, "args": args, **more}


@pytest.fixture(scope="session")
def modules(request: pytest.FixtureRequest) -> Path:
    return installed(request.config, HERE, "@voucherify/sdk")


@pytest.fixture
def drive(modules: Path) -> Drive:
    return driver(HERE / "drive.cjs", modules)


def origin(client: Caller) -> str:
    return f"http://127.0.0.1:{client.connection.port}"


def test_node_creates_upserts_reads_updates_and_deletes(drive: Drive) -> None:
    with emulated() as (client, app):
        created, again, read, updated, nobody, deleted, gone, bare, deletion = drive(
            origin(client),
            call("customers.create", {"source_id": SOURCE_ID, "name": "Ada", "metadata": {"n": 1}}),
            call("customers.create", {"source_id": SOURCE_ID, "address": {"city": None}}),
            call("customers.get", SOURCE_ID),
            call("customers.update", {"source_id": SOURCE_ID, "phone": None}),
            call("customers.update", {"source_id": "nobody", "name": "Bob"}),
            call("customers.delete", SOURCE_ID),
            call("customers.get", SOURCE_ID),
            call("customers.create", {"source_id": "1"}),
            call("customers.deletePermanently", "1"),
        )
        assert (created["value"]["name"], created["value"]["address"], "updated_at" in created["value"]) == (
            "Ada",
            None,
            False,
        )
        assert again["value"]["id"] == created["value"]["id"]
        assert read["value"] == again["value"]
        assert [updated["value"][name] for name in ("name", "phone", "address", "metadata")] == [
            "Ada",
            None,
            {"city": None},
            {"n": 1},
        ]
        assert (nobody["error"]["code"], gone["error"]["code"], deleted["value"]) == (404, 404, "")
        assert gone["error"] == {
            "name": "Error",
            "message": "Resource not found",
            "code": 404,
            "key": "not_found",
            "details": f"Cannot find customer with id {SOURCE_ID}",
            "resource_id": SOURCE_ID,
            "resource_type": "customer",
        }
        assert "metadata" not in bare["value"]
        assert (deletion["value"]["object"], deletion["value"]["data_json"]["customer"]) == ("pernament_deletion", 1)
        assert not app.project.customers


@pytest.mark.parametrize(("order", "first"), [("created_at", "0"), ("-created_at", "249")])
def test_node_scrolls_through_everybody(drive: Drive, order: str, first: str) -> None:
    with emulated() as (client, app):
        client.post_bulk(*[{"source_id": str(number)} for number in range(250)])
        listed, scrolled = drive(
            origin(client),
            call("customers.list", {"limit": 100, "page": 3, "order": order}),
            call("customers.scroll", {"limit": 100, "order": order}),
        )
        assert (len(listed["value"]["customers"]), listed["value"]["total"]) == (50, 250)
        seen = [customer["source_id"] for customer in scrolled["value"]]
        assert (seen[0], len(seen), len(set(seen))) == (first, 250, 250)
        assert app.log.arrivals["GET", "/v1/customers"] == 4


def test_node_scrolls_ten_at_a_time_unless_told_otherwise(drive: Drive) -> None:
    with emulated() as (client, app):
        client.post_bulk(*[{"source_id": str(number)} for number in range(25)])
        (scrolled,) = drive(origin(client), call("customers.scroll", {}))
        assert (len(scrolled["value"]), app.log.arrivals["GET", "/v1/customers"]) == (25, 3)


def test_node_updates_in_bulk_and_asks_the_action(drive: Drive) -> None:
    schema = Schema({"age": Property("number")})
    with emulated(project(schema=schema)) as (client, app):
        customers = [
            {"source_id": "1", "name": "Ada", "metadata": {"age": 30}},
            {"source_id": "2", "metadata": {"age": "old"}},
            {"name": "nobody"},
        ]
        bulk, metadata, done, listed, unknown, shown = drive(
            origin(client),
            call("customers.updateInBulk", customers),
            call("customers.updateMetadataInBulk", {"source_ids": ["1"], "metadata": {"age": None}}),
            call("asyncActions.get", "aa_000000000000000001"),
            call("asyncActions.list", {"limit": 1}),
            call("asyncActions.get", "aa_nobody"),
            call("metadataSchemas.get", "customer"),
        )
        assert bulk["value"]["async_action_id"] == done["value"]["id"]
        assert (done["value"]["status"], done["value"]["progress"]) == ("DONE", 100)
        result = done["value"]["result"]
        assert (result["done_count"], result["failed_count"], result["reports"]) == (
            1,
            2,
            [f"{origin(client)}/download/{done['value']['id']}.csv"],
        )
        assert [(error["source_id"], error["details"]) for error in result["errors"]] == [
            ("2", "age: must be a number (actual value is 'old')"),
            ("", "Payload should have required property 'source_id'"),
        ]
        assert [one["id"] for one in listed["value"]["async_actions"]] == [metadata["value"]["async_action_id"]]
        assert (unknown["error"]["resource_type"], unknown["error"]["code"]) == ("async_action", 404)
        assert shown["value"]["properties"]["age"]["type"] == "number"
        assert held(app.project, "1") == {"name": "Ada", "metadata": {"age": None}}
        assert (app.log.arrivals[BULK], app.log.arrivals[POLL]) == (1, 2)


def test_node_reads_the_inline_results_of_the_legacy_contract(drive: Drive) -> None:
    with emulated(project(contract="legacy")) as (client, _):
        refused, _, done = drive(
            origin(client),
            call("customers.updateInBulk", [{"source_id": str(number)} for number in range(101)]),
            call("customers.updateInBulk", [{"source_id": "1"}]),
            call("asyncActions.get", "aa_000000000000000001"),
        )
        assert (refused["error"]["key"], refused["error"]["details"]) == (
            "too_many_customers",
            "Specify at most 100 customers",
        )
        assert done["value"]["result"]["results"] == [{"source_id": "1", "updated": True, "found": False}]


def test_node_imports_a_file(drive: Drive, tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text("Name,Source_id,shoe\nAda,1,42\n", encoding="utf-8")
    with emulated() as (client, app):
        (imported,) = drive(origin(client), call("customers.importCSV", str(path)))
        assert imported["value"]["async_action_id"].startswith("aa_")
        assert held(app.project, "1") == {"name": "Ada", "metadata": {"shoe": "42"}}


def test_node_tells_the_errors_of_the_api_and_of_its_framework_apart(drive: Drive) -> None:
    with emulated() as (client, app):
        keys, wrong, large = (
            result["error"]
            for result in drive(
                origin(client),
                call("customers.list", {}, keys=["app", "wrong"]),
                call("customers.create", {"source_id": "1", "name": 5}),
                call("customers.updateInBulk", [{"source_id": "1", "name": "x" * 10_485_760}]),
            )
        )
        assert (keys["code"], keys["key"], keys["message"]) == (401, "unauthorized", "Unauthorized")
        assert (wrong["key"], wrong["details"]) == ("invalid_payload", "Property .name must be string")
        assert large["message"] == "Payload content length greater than maximum allowed: 10485760"
        assert "code" not in large
        assert not app.project.customers


def test_node_knows_its_limits_only_from_answers_that_went_well(drive: Drive) -> None:
    with emulated(calls=Allowance(2, 60)) as (client, _):
        results = drive(
            origin(client),
            call("customers.list", {}),
            call("apiLimitsHandler.getRateLimit"),
            call("apiLimitsHandler.getRateLimitRemaining"),
            call("customers.list", {}),
            call("customers.list", {}),
            call("apiLimitsHandler.getRateLimitRemaining"),
            call("apiLimitsHandler.getRetryAfter"),
        )
        assert [result.get("value") for result in results[1:3]] == [2, 1]
        limited = results[4]["error"]
        assert (limited["code"], limited["message"], "key" in limited) == (
            429,
            "Too many requests hit the API too quickly.",
            False,
        )
        assert [result["value"] for result in results[5:]] == [0, 0]  # the 429 said 60, and was not listened to


def test_node_never_sends_anything_twice(drive: Drive) -> None:
    with emulated(faults=parse_all(["lost:first=1", "503:first=2", "429:first=3:after=0"])) as (client, app):
        customer = {"source_id": "1"}
        results = drive(
            origin(client),
            call("customers.updateInBulk", [customer]),
            call("customers.create", customer),
            call("customers.create", customer),
        )
        assert ["error" in result for result in results] == [True, True, True]
        assert (app.log.arrivals[BULK], app.log.arrivals[CREATE], app.project.sent["1"]) == (1, 2, 1)
        assert results[1]["error"]["code"] == 503
