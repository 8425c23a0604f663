"""voucherify, the vendor's client for Python, agrees with the emulator; and how it behaves, test by test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import urllib3
from pydantic import ValidationError
from voucherify.api.async_actions_api import AsyncActionsApi
from voucherify.api.customers_api import CustomersApi
from voucherify.api.metadata_schemas_api import MetadataSchemasApi
from voucherify.api_client import ApiClient
from voucherify.configuration import Configuration
from voucherify.exceptions import ApiException, BadRequestException, NotFoundException, UnauthorizedException
from voucherify.models.customers_create_request_body import CustomersCreateRequestBody
from voucherify.models.customers_metadata_update_in_bulk_request_body import CustomersMetadataUpdateInBulkRequestBody
from voucherify.models.customers_update_in_bulk_request_body import CustomersUpdateInBulkRequestBody
from voucherify.models.customers_update_request_body import CustomersUpdateRequestBody
from voucherify.models.parameter_order_list_customers import ParameterOrderListCustomers

from emulated import START, Time
from emulated_voucherify import BULK, CREATE, POLL, emulated, held, project
from syncline.emulators.faults import parse_all
from syncline.emulators.voucherify import Allowance, Property, Schema, Voucherify

OLDEST_FIRST = ParameterOrderListCustomers.CREATED_AT
BEGAN = datetime.fromtimestamp(START, UTC)


class Talk(NamedTuple):
    """The vendor's client, and the emulator it talks to."""

    customers: CustomersApi
    actions: AsyncActionsApi
    schemas: MetadataSchemasApi
    app: Voucherify


@contextmanager
def talking(space: Any = None, *, secret: str = "secret", retries: Any = None, **settings: Any) -> Iterator[Talk]:
    with emulated(space, **settings) as (client, app):
        keys = {"X-App-Id": "app", "X-App-Token": secret}
        host = f"http://127.0.0.1:{client.connection.port}"
        with ApiClient(Configuration(host=host, api_key=keys, retries=retries)) as api:
            yield Talk(CustomersApi(api), AsyncActionsApi(api), MetadataSchemasApi(api), app)
            api.rest_client.pool_manager.clear()


def body(error: ApiException) -> Any:
    """Of the answer that made the client raise."""
    return json.loads(str(error.body))


def test_python_creates_upserts_reads_updates_and_deletes() -> None:
    with talking() as talk:
        source_id = "a/b+c@x é"
        create = CustomersCreateRequestBody(
            source_id=source_id,
            name="Ada",
            birthdate=date(1990, 5, 5),
            metadata={"tier": "gold", "n": 1},
        )
        created = talk.customers.create_customer(create)
        assert (created.name, created.birthdate, created.address, created.updated_at) == (
            "Ada",
            date(1990, 5, 5),
            None,
            None,
        )
        assert (created.created_at, created.object, created.metadata) == (BEGAN, "customer", {"tier": "gold", "n": 1})
        assert created.summary is not None
        assert created.loyalty is not None
        assert created.referrals is not None
        again = talk.customers.create_customer(CustomersCreateRequestBody(source_id=source_id, phone="+1"))
        assert (again.id, again.name, again.updated_at) == (created.id, "Ada", BEGAN)
        assert talk.customers.get_customer(source_id).phone == "+1"
        updated = talk.customers.update_customer(source_id, CustomersUpdateRequestBody(email="ada@example.com"))
        assert (updated.id, updated.email, updated.name) == (created.id, "ada@example.com", "Ada")
        assert held(talk.app.project, source_id)["birthdate"] == "1990-05-05"
        assert talk.customers.delete_customer(source_id) is None
        with pytest.raises(NotFoundException) as gone:
            talk.customers.get_customer(source_id)
        assert body(gone.value)["details"] == f"Cannot find customer with id {source_id}"
        with pytest.raises(NotFoundException):
            talk.customers.update_customer(source_id, CustomersUpdateRequestBody(name="Ada"))


def test_python_reads_a_bare_customer_and_deletes_it_for_good() -> None:
    with talking() as talk:
        created = talk.customers.create_customer(CustomersCreateRequestBody(name="Bob"))
        assert (created.source_id, created.metadata, created.address) == (None, None, None)
        deletion = talk.customers.customer_permanently_deletion(str(created.id))
        assert (deletion.related_object_id, deletion.status, deletion.object) == (
            created.id,
            "DONE",
            "pernament_deletion",
        )


def test_python_lists_with_filters_and_scrolls_by_time() -> None:
    with talking() as talk:
        talk.customers.update_customers_in_bulk(
            [CustomersUpdateInBulkRequestBody(source_id=str(number), name=f"n{number}") for number in range(250)]
        )
        first = talk.customers.list_customers()
        assert (len(first.customers or []), first.total, first.has_more) == (10, 250, True)
        assert [one.source_id for one in talk.customers.list_customers(name="n7").customers or []] == ["7"]
        assert talk.customers.list_customers(created_at_after=datetime(2200, 1, 1, tzinfo=UTC)).total == 0
        seen: list[str | None] = []
        border = datetime(1970, 1, 1, tzinfo=UTC)
        while True:
            page = talk.customers.list_customers(limit=100, order=OLDEST_FIRST, starting_after=border)
            seen += [one.source_id for one in page.customers or []]
            if not page.has_more:
                break
            assert page.customers
            assert page.customers[-1].created_at
            border = page.customers[-1].created_at
        assert seen == [str(number) for number in range(250)]
        with pytest.raises(ValidationError, match="less than or equal to 100"):
            talk.customers.list_customers(limit=101)


def test_python_updates_in_bulk_and_polls_until_it_is_done() -> None:
    now = Time()
    with talking(project(now, delay_s=2.0)) as talk:
        accepted = talk.customers.update_customers_in_bulk(
            [
                CustomersUpdateInBulkRequestBody(source_id="1", name="Ada", metadata={"tier": "gold"}),
                CustomersUpdateInBulkRequestBody(source_id="2", birthdate=date(1990, 5, 5)),
                CustomersUpdateInBulkRequestBody(name="nobody"),
            ]
        )
        action = str(accepted.async_action_id)
        seen = []
        for _ in range(3):
            seen.append(talk.actions.get_async_action(action))
            now.at += 1
        assert [(one.status, one.progress) for one in seen] == [("ENQUEUED", 0), ("IN_PROGRESS", 50), ("DONE", 100)]
        done = seen[-1]
        assert (done.operation_status, done.type, done.processing_time) == ("SUCCESS", "CUSTOMERS.BULK_UPDATE", 2000)
        assert done.result is not None
        assert (done.result["done_count"], done.result["failed_count"]) == (2, 1)
        assert [error["key"] for error in done.result["errors"]] == ["invalid_payload"]
        listed = talk.actions.list_async_actions(limit=1, end_date=datetime(2200, 1, 1, tzinfo=UTC))
        assert ([one.id for one in listed.async_actions or []], listed.has_more) == ([action], False)
        assert (talk.app.log.arrivals[BULK], talk.app.log.arrivals[POLL]) == (1, 3)
        with pytest.raises(NotFoundException) as unknown:
            talk.actions.get_async_action("aa_nobody")
        assert body(unknown.value)["resource_type"] == "async_action"


def test_python_updates_metadata_of_many_and_imports_a_file(tmp_path: Path) -> None:
    with talking() as talk:
        request = CustomersMetadataUpdateInBulkRequestBody(source_ids=["1", "2"], metadata={"tier": "gold"})
        accepted = talk.customers.update_customers_metadata_in_bulk(request)
        assert talk.actions.get_async_action(str(accepted.async_action_id)).status == "DONE"
        path = tmp_path / "customers.csv"
        path.write_text("Name,Source_id,shoe\nAda,1,42\n", encoding="utf-8")
        imported = talk.customers.import_customers_using_csv(file=str(path))
        result = talk.actions.get_async_action(str(imported.async_action_id)).result
        assert result is not None
        assert (result["message"], result["done_count"]) == ("1 customer(s) imported successfully, 0 failed.", 1)
        assert held(talk.app.project, "1") == {"name": "Ada", "metadata": {"shoe": "42"}}


def test_python_reads_the_metadata_schema_and_is_refused_by_it() -> None:
    with talking(project(schema=Schema({"age": Property("number")}, allow_defined_only=True))) as talk:
        schema = talk.schemas.get_metadata_schema("customer")
        assert (schema.allow_defined_only, schema.object) == (True, "metadata_schema")
        assert schema.properties is not None
        assert schema.properties["age"]["type"] == "number"
        listed = talk.schemas.list_metadata_schemas()
        assert [one.related_object for one in listed.schemas or []] == ["customer"]
        with pytest.raises(BadRequestException) as refused:
            talk.customers.create_customer(CustomersCreateRequestBody(source_id="1", metadata={"age": "old"}))
        told = body(refused.value)
        assert (told["key"], told["details"]) == (
            "metadata_validation_failed",
            "age: must be a number (actual value is 'old')",
        )


def test_python_tells_a_wrong_key_by_its_own_exception() -> None:
    with talking(secret="wrong") as talk:
        with pytest.raises(UnauthorizedException) as refused:
            talk.customers.list_customers()
        assert body(refused.value) == {"code": 401, "message": "Unauthorized", "key": "unauthorized"}
        assert talk.app.log.total == 1


def test_python_sends_a_null_that_was_set_and_no_number_for_a_name() -> None:
    with talking() as talk:
        talk.customers.create_customer(CustomersCreateRequestBody(source_id="1", name="Ada", metadata={"a": None}))
        talk.customers.create_customer(CustomersCreateRequestBody(source_id="1", name=None))
        assert held(talk.app.project, "1") == {"name": None, "metadata": {"a": None}}
        with pytest.raises(ValidationError):
            CustomersCreateRequestBody(source_id="1", name=5)
        assert talk.app.log.arrivals[CREATE] == 2


def test_python_meets_a_limit_with_a_plain_exception_and_its_headers() -> None:
    with talking(calls=Allowance(1, 60), retries=False) as talk:
        answer = talk.customers.list_customers_with_http_info()
        assert answer.headers is not None
        told = [answer.headers[f"x-rate-limit-{name}"] for name in ("limit", "remaining", "retry")]
        assert told == ["1", "0", str(START + 60)]
        with pytest.raises(ApiException) as limited:
            talk.customers.list_customers()
        assert (limited.value.status, body(limited.value)) == (
            429,
            {"code": 429, "message": "Too many requests hit the API too quickly."},
        )
        assert limited.value.headers is not None
        assert limited.value.headers["retry-after"] == "60"


@pytest.mark.parametrize("status", [413, 429, 503])
def test_python_reads_again_after_a_retry_after_three_times_but_never_writes_again(status: int) -> None:
    with talking(faults=parse_all([f"{status}:first=3:after=0"])) as talk:
        assert talk.customers.list_customers().total == 0
        assert talk.app.log.total == 4
    with talking(faults=parse_all([f"{status}:first=1:after=0"])) as talk:
        with pytest.raises(ApiException):
            talk.customers.create_customer(CustomersCreateRequestBody(source_id="1"))
        assert (talk.app.log.total, len(talk.app.project.customers)) == (1, 0)


def test_python_does_not_send_a_bulk_again_when_its_acknowledgement_is_lost() -> None:
    with talking(faults=parse_all(["lost:first=1"])) as talk:
        with pytest.raises(urllib3.exceptions.HTTPError):
            talk.customers.update_customers_in_bulk([CustomersUpdateInBulkRequestBody(source_id="1")])
        assert (talk.app.log.arrivals[BULK], talk.app.project.sent["1"]) == (1, 1)
