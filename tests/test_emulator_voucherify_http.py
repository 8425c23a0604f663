"""What the emulated Voucherify says over real sockets: keys, customers, bulks and their actions, limits, faults."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

import pytest

from emulated import Time
from emulated_voucherify import BULK, CREATE, KEYS, POLL, Caller, emulated, given, held, project
from syncline.emulators.faults import parse_all
from syncline.emulators.voucherify import NOT_EMULATED, Allowance, Credentials, Property, Schema, allowance

NOTHING_BOUGHT = ("summary", "loyalty", "referrals")


@pytest.fixture(scope="module")
def client() -> Iterator[Caller]:
    """Of an emulator that several tests share."""
    with emulated() as (caller, _):
        yield caller


# Keys


@pytest.mark.parametrize(
    "keys", [{}, {"X-App-Id": "app"}, {**KEYS, "X-App-Token": "wrong"}, {**KEYS, "X-App-Id": "wrong"}]
)
def test_without_both_keys_nothing_is_said_but_401(client: Caller, keys: dict[str, str]) -> None:
    assert client.call("GET", "/v1/customers", keys=keys)[0] == 401
    assert client.body == b'{"code":401,"message":"Unauthorized","key":"unauthorized"}'


def test_a_key_can_be_revoked_while_the_emulator_runs() -> None:
    with emulated() as (client, app):
        assert client.call("GET", "/v1/customers")[0] == 200
        app.project.credentials = Credentials("app", "another")
        assert client.call("GET", "/v1/customers")[0] == 401


@pytest.mark.parametrize(("switch", "key"), [("401", "unauthorized"), ("404", "not_found")])
def test_a_project_of_another_region_answers_as_its_switch_says(switch: str, key: str) -> None:
    with emulated(project(wrong_region=switch)) as (client, app):
        status, body = client.call(*CREATE, {"source_id": "1"})
        assert (status, body["key"], len(app.project.customers)) == (int(switch), key, 0)


# One customer


def test_a_bare_customer_has_no_metadata_no_updated_at_and_no_address() -> None:
    with emulated() as (client, _):
        status, body = client.call(*CREATE, {"source_id": "1"})
        assert status == 200
        assert [body.pop(name) != {} for name in NOTHING_BOUGHT] == [True, True, True]
        assert re.fullmatch(r"cust_\w{24}", body["id"])
        assert body == {
            "id": body["id"],
            "source_id": "1",
            "address": None,
            "system_metadata": {},
            "created_at": "2023-11-14T22:13:20.000Z",
            "object": "customer",
        }
        full = {"name": "Ada", "address": {"city": None}, "metadata": {"a": None}, "birthdate": "1990-05-05"}
        status, body = client.call("PUT", "/v1/customers/1", full)
        assert (status, {name: body[name] for name in full}) == (200, full)
        assert body["updated_at"] == "2023-11-14T22:13:20.000Z"


def test_a_path_means_an_id_or_a_source_id_percent_decoded(client: Caller) -> None:
    _, created = client.call(*CREATE, {"source_id": "a/b+c@x é"})
    for path in ("a%2Fb%2Bc%40x%20%C3%A9", created["id"]):
        assert client.call("GET", f"/v1/customers/{path}") == (200, created)
    assert client.call("DELETE", f"/v1/customers/{created['id']}") == (204, None)
    status, body = client.call("DELETE", "/v1/customers/a%2Fb%2Bc%40x%20%C3%A9")
    assert re.fullmatch(r"v-\w{18}", body.pop("request_id"))
    assert (status, body) == (
        404,
        {
            "code": 404,
            "key": "not_found",
            "message": "Resource not found",
            "details": "Cannot find customer with id a/b+c@x é",
            "resource_id": "a/b+c@x é",
            "resource_type": "customer",
        },
    )


def test_an_update_of_nobody_is_404_and_creates_nobody(client: Caller) -> None:
    assert client.call("PUT", "/v1/customers/nobody", {"name": "Ada"})[0] == 404
    assert client.call("GET", "/v1/customers/nobody")[0] == 404


def test_a_permanent_deletion_says_what_is_gone(client: Caller) -> None:
    _, created = client.call(*CREATE, {"source_id": "gone"})
    status, body = client.call("POST", "/v1/customers/gone/permanent-deletion", {})
    assert (status, body["related_object_id"], body["object"]) == (200, created["id"], "pernament_deletion")
    assert (body["status"], body["data_json"]["customer"]) == ("DONE", 1)
    assert client.call("POST", "/v1/customers/gone/permanent-deletion", {})[0] == 404


def test_what_is_wrong_is_said_with_a_key_and_details(client: Caller) -> None:
    status, body = client.call(*CREATE, {"source_id": "1", "name": 5})
    assert (status, body["key"], body["message"]) == (400, "invalid_payload", "Invalid payload")
    assert body["details"] == "Property .name must be string"
    status, body = client.call(*CREATE, [1])
    assert (status, body["key"]) == (400, "invalid_payload")


@pytest.mark.parametrize("body", [b"{", b"", b'{"name": "\xff"}'])
def test_what_is_no_json_is_refused_in_the_frameworks_shape(client: Caller, body: bytes) -> None:
    assert client.call(*CREATE, body) == (
        400,
        {"statusCode": 400, "error": "Bad Request", "message": "Invalid request payload JSON format"},
    )


def test_unknown_paths_and_what_is_not_emulated_say_so(client: Caller) -> None:
    assert client.call("GET", "/v1/vouchers")[0] == 404
    status, body = client.call("GET", "/v1/customers/1/activities")
    assert (status, body["message"]) == (501, "not emulated: GET /v1/customers/{customerId}/activities")
    assert any("activities" in line for line in NOT_EMULATED)


# Lists


def ids(answer: Any) -> list[str]:
    return [customer["source_id"] for customer in answer["customers"]]


@pytest.fixture(scope="module")
def twelve() -> Iterator[Caller]:
    """Twelve customers, a second apart; the first was updated last."""
    now = Time()
    with emulated(project(now)) as (caller, app):
        for number in range(12):
            city = "Wien" if number % 2 else "Graz"
            app.project.upsert(
                given(
                    source_id=f"{number:02}",
                    name=f"n{number}",
                    email=f"{number % 3}@example.com",
                    address={"city": city} if number else None,
                )
            )
            now.at += 1
        app.project.upsert(given(source_id="00", phone="+1"))
        yield caller


@pytest.mark.parametrize(
    ("query", "expected", "total", "more"),
    [
        ("", ["11", "10", "09", "08", "07", "06", "05", "04", "03", "02"], 12, True),
        ("?limit=100", [f"{number:02}" for number in range(11, -1, -1)], 12, False),
        ("?limit=5&page=3", ["01", "00"], 12, False),
        ("?limit=2&order=created_at", ["00", "01"], 12, True),
        ("?limit=2&order=-updated_at", ["00", "11"], 12, True),
        ("?limit=2&order=updated_at", ["01", "02"], 12, True),
        ("?limit=2&order=source_id", ["00", "01"], 12, True),
        ("?limit=2&order=-source_id", ["11", "10"], 12, True),
        ("?starting_after=2023-11-14T22:13:22Z", ["01", "00"], 12, False),
        ("?starting_after=2023-11-14T22:13:30.000000%2B0000&order=created_at", ["11"], 12, False),
        ("?starting_after=2023-11-14T22:13:30.000000+0000&order=created_at", ["11"], 12, False),
        ("?starting_after=2023-11-14T22:13:31Z&order=updated_at", ["00"], 12, False),
        ("?starting_after=2023-11-14T23:13:22%2B01:00", ["01", "00"], 12, False),
        ("?starting_after=2023-11-14", [], 12, False),
        ("?email=1@example.com", ["10", "07", "04", "01"], 4, False),
        ("?name=n3", ["03"], 1, False),
        ("?city=Wien&limit=1", ["11"], 6, True),
        ("?segment_id=seg_1", [], 0, False),
        ("?created_at%5Bbefore%5D=2023-11-14T22:13:22Z", ["01", "00"], 2, False),
        ("?created_at[after]=2023-11-14T22:13:29Z&created_at[before]=2023-11-14T22:13:31Z", ["10"], 1, False),
        ("?updated_at[after]=2023-11-14T22:13:31Z", ["00"], 1, False),
    ],
)
def test_a_list_has_its_order_its_pages_and_its_filters(
    twelve: Caller, query: str, expected: list[str], total: int, more: bool
) -> None:
    status, body = twelve.call("GET", f"/v1/customers{query}")
    assert (status, ids(body), body["total"], body["has_more"]) == (200, expected, total, more)
    assert (body["object"], body["data_ref"]) == ("list", "customers")


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("page=0", "page"),
        ("page=100", "page"),
        ("order=name", "order"),
        ("starting_after=soon", "starting_after"),
        ("created_at[before]=5", "created_at[before]"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused_by_name(twelve: Caller, query: str, named: str) -> None:
    status, body = twelve.call("GET", f"/v1/customers?{query}")
    assert (status, body["key"]) == (400, "invalid_query_params")
    assert body["details"].startswith(f"Property .{named} ")


def test_a_page_too_far_has_the_key_of_its_switch() -> None:
    with emulated(project(page_over="page_over_limit")) as (client, _):
        assert client.call("GET", "/v1/customers?page=100")[1]["key"] == "page_over_limit"
        assert client.call("GET", "/v1/customers?page=99")[0] == 200


def scrolled(client: Caller) -> list[str]:
    """Everybody, page by page, as the official client goes on."""
    seen: list[str] = []
    border = "1970-01-01T00:00:00Z"
    while True:
        _, body = client.call("GET", f"/v1/customers?limit=100&order=created_at&starting_after={border}")
        seen += ids(body)
        if not body["has_more"]:
            return seen
        border = body["customers"][-1]["created_at"]


@pytest.mark.parametrize(("shared", "read"), [(False, 250), (True, 100)])
def test_who_shares_a_created_at_with_the_end_of_a_page_is_lost(shared: bool, read: int) -> None:
    with emulated(project(created_at_shared=shared)) as (client, _):
        client.post_bulk(*[{"source_id": str(number)} for number in range(250)])
        assert (len(scrolled(client)), len(set(scrolled(client)))) == (read, read)


# Bulks


def test_a_bulk_is_accepted_and_its_action_tells_what_became_of_it() -> None:
    now = Time()
    with emulated(project(now, delay_s=2.0)) as (client, app):
        action = client.post_bulk({"source_id": "1", "name": "Ada"}, {"source_id": "2", "name": 5}, {"name": "Bob"})
        assert re.fullmatch(r"aa_\w{18}", action)
        enqueued = client.action(action)
        assert (enqueued["status"], enqueued["progress"], enqueued["object"]) == ("ENQUEUED", 0, "async_action")
        assert not {"result", "operation_status", "processing_time"} & enqueued.keys()
        now.at += 1
        assert client.action(action)["status"] == "IN_PROGRESS"
        assert client.call("GET", "/v1/customers/1")[0] == 404
        now.at += 1
        done = client.action(action)
        assert (done["status"], done["operation_status"], done["progress"]) == ("DONE", "SUCCESS", 100)
        assert (done["type"], done["processing_time"]) == ("CUSTOMERS.BULK_UPDATE", 2000)
        assert (done["created_at"], done["updated_at"]) == ("2023-11-14T22:13:20.000Z", "2023-11-14T22:13:22.000Z")
        result = done["result"]
        assert (result["done_count"], result["failed_count"]) == (1, 2)
        assert result["errors"] == [
            {
                "message": "Invalid payload",
                "details": "Property .name must be string",
                "key": "invalid_payload",
                "source_id": "2",
            },
            {
                "message": "Invalid payload",
                "details": "Payload should have required property 'source_id'",
                "key": "invalid_payload",
                "source_id": "",
            },
        ]
        assert result["reports_available_till"] == "2023-11-21T22:13:22.000Z"
        assert client.call("GET", "/v1/customers/1")[1]["name"] == "Ada"
        log = app.log.arrivals
        assert (log[BULK], log[POLL], log[CREATE], app.project.sent["1"]) == (1, 3, 0, 1)


def report(client: Caller, result: Any) -> tuple[int, list[list[str]]]:
    (url,) = result["reports"]
    client.connection.request("GET", "/" + url.split("/", 3)[3])
    answer = client.connection.getresponse()
    return answer.status, list(csv.reader(io.StringIO(answer.read().decode())))


def test_the_report_of_a_bulk_says_of_each_what_was_found_and_updated() -> None:
    now = Time()
    with emulated(project(now)) as (client, _):
        client.call(*CREATE, {"source_id": "1"})
        result = client.result({"source_id": "1"}, {"source_id": 'a,"b', "name": "Ada"}, {"source_id": "2", "name": 5})
        assert report(client, result) == (
            200,
            [
                ["source_id", "found", "updated", "error_key", "error_message", "error_details"],
                ["1", "true", "true", "", "", ""],
                ['a,"b', "false", "true", "", "", ""],
                ["2", "false", "false", "invalid_payload", "Invalid payload", "Property .name must be string"],
            ],
        )
        now.at += 604_800
        assert report(client, result)[0] == 404


def test_a_report_may_need_the_keys_and_may_tell_less() -> None:
    with emulated(project(report_needs_key=True, report_errors=False, errors_listed=1)) as (client, _):
        result = client.result({"source_id": "1", "name": 5}, {"source_id": "2", "name": 5})
        assert (result["failed_count"], [error["source_id"] for error in result["errors"]]) == (2, ["1"])
        assert report(client, result)[0] == 401
        client.connection.request("GET", "/" + result["reports"][0].split("/", 3)[3], headers=KEYS)
        answer = client.connection.getresponse()
        assert (answer.headers["Content-Type"], answer.read()) == (
            "text/csv; charset=utf-8",
            b"source_id,found,updated\n1,false,false\n2,false,false\n",
        )


def test_done_may_mean_that_everybody_failed() -> None:
    with emulated() as (client, _):
        action = client.action(client.post_bulk({"name": "Ada"}))
        assert (action["status"], action["operation_status"], action["result"]["done_count"]) == ("DONE", "FAILED", 0)


def test_an_action_that_failed_because_everybody_did_tells_who() -> None:
    with emulated(project(all_failed="FAILED")) as (client, _):
        action = client.action(client.post_bulk({"source_id": "1", "name": 5}))
        assert (action["status"], action["result"]["failed_count"]) == ("FAILED", 1)
        assert report(client, action["result"])[0] == 200


def test_the_legacy_contract_refuses_whole_and_tells_inline() -> None:
    with emulated(project(contract="legacy")) as (client, app):
        status, body = client.call(*BULK, [{"source_id": str(number)} for number in range(101)])
        assert (status, body["key"], body["details"]) == (400, "too_many_customers", "Specify at most 100 customers")
        status, body = client.call(*BULK, [{"name": "Ada"}])
        assert (status, body["details"]) == (400, "Payload should have required property 'source_id'")
        client.call(*CREATE, {"source_id": "1"})
        action = client.action(client.post_bulk({"source_id": "1"}, {"source_id": "2"}))
        assert ("operation_status" in action, action["result"]) == (
            False,
            {
                "results": [
                    {"source_id": "1", "updated": True, "found": True},
                    {"source_id": "2", "updated": True, "found": False},
                ],
                "done_count": 2,
            },
        )
        assert len(app.project.customers) == 2


@pytest.mark.parametrize("template", ["/v1/customers/bulk/async", "/v1/customers/metadata/async"])
def test_a_body_above_ten_mebibytes_is_413_in_the_frameworks_shape(template: str) -> None:
    with emulated() as (client, app):
        exactly = b"[" + b" " * (10_485_760 - 2) + b"]"
        assert client.call("POST", "/v1/customers/bulk/async", exactly)[0] == 202
        assert client.call("POST", template, exactly + b" ") == (
            413,
            {
                "statusCode": 413,
                "error": "Request Entity Too Large",
                "message": "Payload content length greater than maximum allowed: 10485760",
            },
        )
        assert app.project.actions.accepted == 1


@pytest.mark.parametrize("body", [{"source_id": "1"}, "text", 5])
def test_a_bulk_is_a_bare_list(client: Caller, body: object) -> None:
    status, answer = client.call(*BULK, body)
    assert (status, answer["key"]) == (400, "invalid_payload")


def test_metadata_of_many_are_written_by_an_action() -> None:
    with emulated() as (client, app):
        path = "/v1/customers/metadata/async"
        status, answer = client.call("POST", path, {"source_ids": ["1", "2"], "metadata": {"tier": "gold"}})
        action = client.action(answer["async_action_id"])
        assert (status, action["type"], action["result"]["done_count"]) == (202, "CUSTOMERS.METADATA_UPDATE", 2)
        assert held(app.project, "2") == {"metadata": {"tier": "gold"}}
        refused: list[dict[str, object]] = [
            {"source_ids": ["1"]},
            {"metadata": {}},
            {"source_ids": [1], "metadata": {}},
        ]
        assert [client.call("POST", path, given)[0] for given in refused] == [400, 400, 400]


def test_actions_are_listed_without_their_results_and_unknown_ones_are_404() -> None:
    now = Time()
    with emulated(project(now)) as (client, _):
        actions = []
        for number in range(3):
            actions.append(client.post_bulk({"source_id": str(number)}))
            now.at += 60
        _, body = client.call("GET", "/v1/async-actions?limit=2")
        assert ([one["id"] for one in body["async_actions"]], body["has_more"]) == ([actions[2], actions[1]], True)
        assert not any("result" in one for one in body["async_actions"])
        _, body = client.call("GET", "/v1/async-actions?end_date=2023-11-14T22:14:20Z")
        assert ([one["id"] for one in body["async_actions"]], body["has_more"]) == ([actions[0]], False)
        status, body = client.call("GET", "/v1/async-actions?end_date=soon")
        assert (status, body["details"]) == (
            400,
            "Property .end_date cannot be recognized as a ISO-8601 compliant date",
        )
        status, body = client.call("GET", "/v1/async-actions/aa_nobody")
        assert (status, body["details"], body["resource_type"]) == (
            404,
            "Cannot find async_action with id aa_nobody",
            "async_action",
        )


@pytest.mark.parametrize(
    ("end", "status", "told"),
    [("never", 200, "IN_PROGRESS"), ("failed", 200, "FAILED"), ("half", 200, "FAILED"), ("forgotten", 404, None)],
)
def test_an_action_that_goes_wrong_tells_no_result(end: Any, status: int, told: str | None) -> None:
    with emulated() as (client, app):
        app.project.actions.script(end)
        action = client.post_bulk({"source_id": "1"}, {"source_id": "2"})
        answered, body = client.call("GET", f"/v1/async-actions/{action}")
        assert (answered, body.get("status"), "result" in body) == (status, told, False)


# Importing a file


def form(text: str) -> bytes:
    head = '--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    return f"{head}{text}\r\n--xyz--\r\n".encode()


def imported(client: Caller, body: bytes) -> tuple[int, Any]:
    kind = {"Content-Type": 'multipart/form-data; boundary="xyz"'}
    return client.call("POST", "/v1/customers/importCSV", body, {**KEYS, **kind})


def test_an_imported_file_overwrites_customers_and_makes_metadata_of_unknown_columns() -> None:
    schema = Schema({"age": Property("number"), "tags": Property("string", array=True), "member": Property("boolean")})
    with emulated(project(schema=schema)) as (client, app):
        client.call(*CREATE, {"source_id": "1", "phone": "+1", "metadata": {"age": 7}})
        text = (
            "\ufeffName,Source_id,Address_City,Postal_Code,shoe,age,tags,member\n"
            'Ada,1,Wien,1010,42,30,"a,b",true\n"Bob, the 2nd",2,,,,,,\n'
        )
        status, answer = imported(client, form(text))
        action = client.action(answer["async_action_id"])
        assert (status, action["type"]) == (202, "CUSTOMERS.IMPORT_CSV")
        assert action["result"] == {
            "message": "2 customer(s) imported successfully, 0 failed.",
            "failed": [],
            "done_count": 2,
            "failed_count": 0,
        }
        assert held(app.project, "1") == {
            "name": "Ada",
            "address": {"city": "Wien", "postal_code": "1010"},
            "metadata": {"shoe": "42", "age": 30, "tags": ["a", "b"], "member": True},
        }
        assert held(app.project, "2") == {"name": "Bob, the 2nd"}


def test_a_row_that_fails_is_named_by_its_number_and_its_reason() -> None:
    schema = Schema({"acquisition_channel": Property("string", eq=["Facebook"], optional=False)})
    with emulated(project(schema=schema)) as (client, app):
        text = "source_id,acquisition_channel\n1,snap\n2,Facebook\n,insta\n"
        action = client.action(imported(client, form(text))[1]["async_action_id"])
        reason = "acquisition_channel: must be a string, property is required, must be equal to one of Facebook"
        assert (action["status"], action["result"]) == (
            "DONE",
            {
                "message": "1 customer(s) imported successfully, 2 failed.",
                "failed": [
                    {"source_id": "1", "row": 1, "reason": f"{reason} (actual value is 'snap')"},
                    {"source_id": "", "row": 3, "reason": f"{reason} (actual value is 'insta')"},
                ],
                "done_count": 1,
                "failed_count": 2,
            },
        )
        assert (len(app.project.customers), app.project.sent["1"]) == (1, 1)


@pytest.mark.parametrize(
    ("body", "details"),
    [
        (b"", "The form must have a part named file"),
        (form("a").replace(b'"file"', b'"other"'), "The form must have a part named file"),
        (form("name\nx").replace(b"x\r\n", b"\xff\r\n"), "The file must be encoded in UTF-8"),
        (form('name\n"' + "x" * 200_000), "The file cannot be read: field larger than field limit (131072)"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(client: Caller, body: bytes, details: str) -> None:
    csv.field_size_limit(131_072)  # of the whole process, and readers of large files raise it
    status, answer = imported(client, body)
    assert (status, answer["details"]) == (400, details)


# The metadata schema


def test_the_schema_is_shown_as_it_was_given() -> None:
    schema = Schema({"tier": Property("string", eq=["gold"], max_length=9)}, allow_defined_only=True)
    with emulated(project(schema=schema)) as (client, _):
        status, body = client.call("GET", "/v1/metadata-schemas/customer")
        assert (status, body["allow_defined_only"], body["object"]) == (200, True, "metadata_schema")
        assert body["properties"] == {
            "tier": {
                "type": "string",
                "array": False,
                "optional": True,
                "objectType": None,
                "eq": ["gold"],
                "maxLength": 9,
            }
        }
        assert client.call("GET", "/v1/metadata-schemas")[1]["schemas"] == [body]
        assert client.call("GET", "/v1/metadata-schemas/voucher")[0] == 404
        status, body = client.call(*CREATE, {"source_id": "1", "metadata": {"tier": "tin"}})
        assert (status, body["key"], body["message"]) == (
            400,
            "metadata_validation_failed",
            "Metadata validation failed",
        )


# Limits


def test_calls_and_bulk_calls_are_counted_apart_and_every_answer_says_what_is_left() -> None:
    now = Time()
    with emulated(calls=Allowance(3, 60), bulk_calls=Allowance(1, 3600), now=now) as (client, app):
        client.call(*CREATE, {"source_id": "1"})
        assert client.limits() == {"limit": "3", "remaining": "2", "retry": "1700000060"}
        client.post_bulk({"source_id": "1"})
        assert client.limits() == {"limit": "1", "remaining": "0", "retry": "1700003600"}
        now.at += 30
        client.call("GET", "/v1/customers/nobody")
        assert client.limits() == {"limit": "3", "remaining": "1", "retry": "1700000060"}
        client.call("GET", "/v1/customers", keys={})
        assert client.limits()["remaining"] == "1"  # nobody knows whose call it was
        status, body = client.call(*BULK, [{"source_id": "2"}])
        assert (status, body) == (429, {"code": 429, "message": "Too many requests hit the API too quickly."})
        told = {"limit": "1", "remaining": "0", "retry": "1700003600", "type": "bulk_api_calls", "after": "3570"}
        assert client.limits() == told
        assert client.call("DELETE", "/v1/customers/1")[0] == 204
        assert client.call("GET", "/v1/customers")[0] == 429
        assert (client.limits()["type"], client.limits()["after"]) == ("api_calls", "30")
        now.at += 30
        assert client.call("GET", "/v1/customers")[0] == 200
        assert client.limits()["remaining"] == "2"
        assert (app.project.find("2"), app.log.counts[(*BULK, 429)]) == (None, 1)


def test_an_emulator_without_limits_says_nothing_of_them(client: Caller) -> None:
    client.call("GET", "/v1/customers")
    assert client.limits() == {}


@pytest.mark.parametrize(
    ("switches", "before", "limited"),
    [
        ({"rate_retry": "limited"}, {}, {"retry": "1700000060", "after": "60", "type": "api_calls"}),
        ({"rate_retry": "now"}, {"retry": "1700000000"}, {"retry": "1700000060", "after": "60", "type": "api_calls"}),
        ({"retry_after": False}, {"retry": "1700000060"}, {"retry": "1700000060", "type": "api_calls"}),
        ({"rate_type": False}, {"retry": "1700000060"}, {"retry": "1700000060", "after": "60"}),
        (
            {"limited_code": "text"},
            {"retry": "1700000060"},
            {"retry": "1700000060", "after": "60", "type": "api_calls"},
        ),
    ],
)
def test_what_a_limit_tells_has_its_switches(
    switches: dict[str, Any], before: dict[str, str], limited: dict[str, str]
) -> None:
    with emulated(project(**switches), calls=Allowance(2, 60)) as (client, _):
        client.call("GET", "/v1/customers")
        assert client.limits() == {"limit": "2", "remaining": "1", **before}
        client.call("GET", "/v1/customers")
        status, body = client.call("GET", "/v1/customers")
        assert (status, client.limits()) == (429, {"limit": "2", "remaining": "0", **limited})
        assert body["code"] == ("429" if "limited_code" in switches else 429)


@pytest.mark.parametrize(
    ("text", "allowed"), [("2000/min", Allowance(2000, 60)), ("20/h", Allowance(20, 3600)), ("0", Allowance())]
)
def test_an_allowance_is_written_as_calls_a_minute_or_an_hour(text: str, allowed: Allowance) -> None:
    assert allowance(text) == allowed


# Faults


def test_an_injected_fault_looks_like_the_api_and_says_whose_it_is() -> None:
    weather = parse_all(["429:first=1:after=3", "413:first=2", "503:first=3:html", "401:first=4"])
    with emulated(faults=weather, calls=Allowance(9, 60)) as (client, app):
        status, body = client.call(*CREATE, {"source_id": "1"})
        assert (status, body) == (429, {"code": 429, "message": "429 Too Many Requests (injected by the emulator)"})
        assert client.limits() == {"limit": "9", "remaining": "9", "retry": "1700000000", "after": "3"}
        assert client.call(*CREATE, {"source_id": "1"})[1]["statusCode"] == 413
        client.connection.request(*CREATE, b"{}", KEYS)
        assert client.connection.getresponse().read().startswith(b"<html>")
        assert client.call(*CREATE, {"source_id": "1"})[1]["key"] == "unauthorized"
        assert not app.project.customers


@pytest.mark.parametrize(
    ("fault", "counts", "named", "applied"),
    [
        ("partial", (2, 1), ["1", "1"], ["0", "2"]),
        ("stray", (3, 1), ["nobody-has-this-source-id"], ["0", "1", "2"]),
        ("errors", (3, 0), ["1"], ["0", "2"]),
    ],
)
def test_a_bulk_is_answered_oddly_on_request(
    fault: str, counts: tuple[int, int], named: list[str], applied: list[str]
) -> None:
    with emulated(faults=parse_all([f"{fault}:100%"])) as (client, app):
        result = client.result(*[{"source_id": str(number)} for number in range(3)])
        assert (result["done_count"], result["failed_count"]) == counts
        assert [error["source_id"] for error in result["errors"]] == named
        assert [customer.source_id for customer in app.project.customers.values()] == applied
        assert client.call(*BULK, [{"source_id": "1"}], keys={})[0] == 401


def test_a_lost_acknowledgement_is_accepted_and_counted() -> None:
    with emulated(faults=parse_all(["lost:first=1"])) as (client, app):
        with pytest.raises(ConnectionError):
            client.call(*BULK, [{"source_id": "1"}])
        client.connection.close()
        client.post_bulk({"source_id": "1"})
        assert (app.project.sent["1"], app.log.counts[(*BULK, "lost")], app.project.actions.accepted) == (2, 1, 2)


def test_a_scripted_answer_comes_once_and_applies_nothing() -> None:
    with emulated() as (client, app):
        app.script(503, b"{}")
        assert client.call(*BULK, [{"source_id": "1"}])[0] == 503
        assert (app.project.actions.accepted, client.call(*BULK, [])[0]) == (0, 202)


# The page


def test_the_page_shows_customers_actions_and_requests() -> None:
    with emulated() as (client, app):
        client.post_bulk({"source_id": "1", "name": "Ada", "address": {"city": "Wien"}, "metadata": {"tier": 7}}, {})
        client.call(*CREATE, {"source_id": "2"})
        client.call("PUT", "/v1/customers/1", {"phone": None})
        overview = client.ask("GET", "/__emulator__/overview")[1]
        assert [overview[name] for name in ("customers", "writes", "deleted", "accepted", "ended", "requests")] == [
            2,
            3,
            0,
            1,
            1,
            3,
        ]
        (action,) = overview["actions"]
        assert [action[name] for name in ("type", "status", "done", "failed")] == [
            "CUSTOMERS.BULK_UPDATE",
            "DONE",
            1,
            1,
        ]
        _, found = client.ask("GET", "/__emulator__/customers?q=wien")
        (ada,) = found["customers"]
        assert (found["total"], found["found"], ada["source_id"], ada["writes"], ada["sent"]) == (2, 1, "1", 2, 2)
        assert len(client.ask("GET", "/__emulator__/customers")[1]["customers"]) == 2
        _, shown = client.ask("GET", f"/__emulator__/customers/{ada['id']}")
        assert shown["attributes"] == [
            ["name", "Ada"],
            ["address.city", "Wien"],
            ["metadata.tier", "7"],
            ["phone", "null"],
        ]
        assert client.ask("GET", "/__emulator__/customers/nobody")[0] == 404
        assert client.ask("POST", "/__emulator__/reset") == (200, {})
        assert (app.log.total, len(app.project.customers)) == (0, 2)


def test_the_page_is_self_contained_and_its_policy_strict(client: Caller) -> None:
    client.connection.request("GET", "/")
    answer = client.connection.getresponse()
    html, policy = answer.read().decode(), answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?:|innerHTML|\bon\w+=|style=", html)
