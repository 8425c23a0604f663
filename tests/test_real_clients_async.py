"""async-customerio, the client of asyncio programs, agrees with the emulator; and how it behaves, test by test."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from async_customerio import (  # type: ignore[import-untyped]  # ships no marker for its types
    AsyncAPIClient,
    AsyncCustomerIO,
    AsyncCustomerIOError,
    AsyncCustomerIORetryableError,
)

from emulated import Client, Time, attributes, by_id, emulated
from syncline.emulators.customerio import Customerio, Switches, Workspace
from syncline.emulators.faults import parse_all

Talk = Callable[[Any], Awaitable[None]]


class Plain(AsyncCustomerIO):  # type: ignore[misc]  # its base has no types
    """The client over plain http: the scheme is all that differs."""

    @staticmethod
    def setup_base_url(host: str, port: int, prefix: str) -> str:
        return f"http://{host}:{port}/{prefix.strip('/')}"


class Twice:
    """A retry strategy: what may be tried again is, once."""

    async def execute(self, function: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        try:
            return await function(*args, **kwargs)
        except AsyncCustomerIORetryableError:
            return await function(*args, **kwargs)


def talk(client: Client, conversation: Talk, key: str = "key", **settings: Any) -> None:
    async def held() -> None:
        async with Plain("site", key, host="127.0.0.1", port=client.connection.port, **settings) as cio:
            await conversation(cio)

    asyncio.run(held())


def names(app: Customerio) -> list[tuple[str, str]]:
    return [(event.name, event.kind) for event in app.workspace.events.of(1)]


def test_async_v1_writes_people_events_devices_and_merges() -> None:
    async def conversation(cio: Any) -> None:
        await cio.identify("1", email="ada@example.com", plan="pro", at=datetime(2020, 1, 1, tzinfo=UTC), gone=math.nan)
        await cio.track("1", "login", place="home")
        await cio.pageview("1", "/pricing")
        await cio.track_anonymous("visitor", "view")
        await cio.identify("1", anonymous_id="visitor")
        await cio.add_device("1", "token", "ios", last_used=7)
        await cio.add_device("1", "old", "android")
        await cio.delete_device("1", "old")
        await cio.identify("2", age=30)
        await cio.merge_customers("id", "1", "id", "2")
        await cio.suppress("3")
        await cio.identify("3")
        await cio.unsuppress("3")
        await cio.delete("nobody")
        assert (await cio.get_region())["region"] == "us"

    with emulated() as (client, app):
        talk(client, conversation)
        expected = {"id": "1", "email": "ada@example.com", "plan": "pro", "at": "1577836800", "age": "30"}
        assert (attributes(app.workspace, by_id("1")), len(app.workspace.people)) == (expected, 1)
        assert names(app) == [("login", "event"), ("/pricing", "page"), ("view", "event")]
        assert [one.token for one in app.workspace.devices.of(1)] == ["token"]


def test_async_v2_does_the_same_and_knows_objects() -> None:
    acme = {"identifiers": {"object_type_id": "1", "object_id": "acme"}}

    async def conversation(cio: Any) -> None:
        who = {"id": 1}
        await cio.v2.identify_person(who, plan="pro")
        await cio.v2.track_person_event(who, "buy", price=3)
        await cio.v2.person_pageview(who, "/home")
        await cio.v2.person_screen(who, "Home")
        await cio.v2.add_person_device(who, "token", "ios")
        await cio.v2.delete_person_device(who, "token")
        await cio.v2.add_person_relationships(who, [acme])
        await cio.v2.suppress_person({"id": "2"})
        await cio.v2.identify_person({"id": "2"})
        await cio.v2.unsuppress_person({"id": "2"})
        await cio.v2.delete_person({"id": "nobody"})
        await cio.v2.identify_person({"email": "ada@example.com"}, age=30)
        await cio.v2.merge_persons(who, {"email": "ada@example.com"})

    with emulated() as (client, app):
        talk(client, conversation)
        expected = {"id": "1", "email": "ada@example.com", "plan": "pro", "age": "30"}
        assert attributes(app.workspace, by_id("1")) == expected
        assert names(app) == [("buy", "event"), ("/home", "page"), ("Home", "screen")]
        assert [thing.object_id for thing, _ in app.workspace.objects.of(1)] == ["acme"]
        assert len(app.workspace.people) == 1


def test_async_send_batch_returns_the_errors_of_a_207() -> None:
    def item(number: int, plan: str) -> dict[str, object]:
        return {"type": "person", "action": "identify", "identifiers": {"id": number}, "attributes": {"plan": plan}}

    async def conversation(cio: Any) -> None:
        assert await cio.v2.send_batch([item(1, "pro")]) == {}
        mixed = await cio.v2.send_batch([item(2, "x" * 1001), item(3, "pro")])
        assert [(error["batch_index"], error["field"]) for error in mixed["errors"]] == [(0, "attributes.plan")]

    with emulated() as (client, app):
        talk(client, conversation)
        assert [person.id for person in app.workspace.people.values()] == ["1", "3"]


def test_async_breaks_an_id_with_a_slash_in_two() -> None:
    async def conversation(cio: Any) -> None:
        await cio.identify("b+c@x é", a=1)
        with pytest.raises(AsyncCustomerIOError, match="HTTP 404"):
            await cio.identify("a/b", a=1)

    with emulated() as (client, app):
        talk(client, conversation)
        assert [person.id for person in app.workspace.people.values()] == ["b+c@x é"]


@pytest.mark.parametrize("fault", ["429", "502", "503", "504", "reset", "lost"])
def test_async_calls_these_retryable_and_tries_again_only_with_a_strategy(fault: str) -> None:
    async def conversation(cio: Any) -> None:
        with pytest.raises(AsyncCustomerIORetryableError):
            await cio.identify("1", plan="pro")

    async def determined(cio: Any) -> None:
        await cio.identify("1", plan="pro")

    with emulated(faults=parse_all([f"{fault}:first=1"])) as (client, app):
        talk(client, conversation)
        assert app.log.total == 1
    with emulated(faults=parse_all([f"{fault}:first=1"])) as (client, app):
        talk(client, determined, retry_strategy=Twice())
        assert (app.log.total, attributes(app.workspace, by_id("1"))["plan"]) == (2, "pro")


@pytest.mark.parametrize("status", [400, 401, 408, 500, 522])
def test_async_gives_up_on_these_even_with_a_strategy(status: int) -> None:
    async def conversation(cio: Any) -> None:
        with pytest.raises(AsyncCustomerIOError, match=f"HTTP {status}: .*injected by the emulator"):
            await cio.identify("1")

    with emulated(faults=parse_all([f"{status}:first=1"])) as (client, app):
        talk(client, conversation, retry_strategy=Twice())
        assert app.log.total == 1


def test_async_tells_a_refusal_with_the_answers_body() -> None:
    async def conversation(cio: Any) -> None:
        with pytest.raises(AsyncCustomerIOError, match="value for attribute 'bio' cannot be longer than 1000 bytes"):
            await cio.identify("1", bio="x" * 1001)
        with pytest.raises(AsyncCustomerIOError, match="event name cannot be longer than 100 bytes"):
            await cio.track("1", "e" * 101)

    async def stranger(cio: Any) -> None:
        with pytest.raises(AsyncCustomerIOError, match=r"HTTP 401: .*Unauthorized request"):
            await cio.identify("1")

    with emulated() as (client, app):
        talk(client, conversation)
        talk(client, stranger, key="wrong")
        assert not app.workspace.people


def test_async_adds_to_segments_and_reads_through_the_app_api() -> None:
    async def reading(port: int) -> None:
        async with AsyncAPIClient("app", url=f"http://127.0.0.1:{port}") as api:
            segment = (await api.segments.create("VIP", description="very"))["segment"]
            async with Plain("site", "key", host="127.0.0.1", port=port) as cio:
                await cio.identify("1", email="ada@example.com", plan="pro")
                await cio.identify("2")
                await cio.add_to_segment(segment["id"], ["1", 2, "nobody"])
                await cio.remove_from_segment(segment["id"], ["2"], id_type="id")
            assert await api.segments.get_customer_count(1) == {"count": 1}
            assert (await api.segments.get_membership(1))["ids"] == ["1"]
            assert [one["name"] for one in (await api.segments.list())["segments"]] == ["VIP"]
            (found,) = (await api.customers.get_by_email("ada@example.com"))["results"]
            customer = (await api.customers.get_attributes("1"))["customer"]
            assert (customer["attributes"]["plan"], customer["identifiers"]) == ("pro", found)
            assert (await api.customers.search({"segment": {"id": 1}}))["identifiers"] == [found]
            assert [one["id"] for one in (await api.customers.get_segments("1"))["segments"]] == [1]
            kinds = [one["type"] for one in (await api.customers.get_activities("1"))["activities"]]
            assert kinds == ["profile_create"]
            assert await api.customers.get_relationships("1") == {"cio_relationships": [], "next": ""}
            assert [one["customer"]["id"] for one in (await api.customers.get_by_ids([1, "9"]))["customers"]] == ["1"]
            await api.segments.delete(1)
            with pytest.raises(AsyncCustomerIOError, match=r"HTTP 404: .*not found"):
                await api.segments.get(1)

    with emulated(Workspace(Time(), switches=Switches(app_rate=0))) as (client, _):
        asyncio.run(reading(int(client.connection.port)))
