"""customerio-python, the vendor's client for Python, agrees with the emulator; and how it behaves, test by test."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from customerio import CustomerIO, CustomerIOException  # type: ignore[import-untyped]  # ships no types

from emulated import START, Client, attributes, by_email, by_id, emulated
from syncline.emulators.customerio import Customerio
from syncline.emulators.faults import Fault, parse_all

IDENTIFY = ("PUT", "/api/v1/customers/{identifier}")


class Plain(CustomerIO):  # type: ignore[misc]  # its base has no types
    """The client over plain http: its retries mounted there as well, and its https addresses rewritten."""

    def __init__(self, client: Client, key: str = "key", **settings: Any) -> None:
        super().__init__("site", key, host="127.0.0.1", port=client.connection.port, backoff_factor=0, **settings)

    def send_request(self, method: str, url: str, data: Any) -> Any:
        return super().send_request(method, url.replace("https://", "http://", 1), data)

    def _build_session(self) -> Any:
        session = super()._build_session()
        session.mount("http://", session.get_adapter("https://"))
        return session


@contextmanager
def talking(faults: str = "", key: str = "key", **settings: Any) -> Iterator[tuple[Any, Customerio]]:
    """The vendor's client, and the emulator it talks to."""
    weather = parse_all([faults] if faults else [])
    with emulated(faults=weather) as (client, app), Plain(client, key, **settings) as cio:
        yield cio, app


def names(app: Customerio, number: int = 1) -> list[str]:
    return [event.name for event in app.workspace.events.of(number)]


def test_python_writes_people_events_devices_and_merges() -> None:
    with talking() as (cio, app):
        answers = [
            cio.identify("1", email="ada@example.com", plan="pro", age=30),
            cio.identify("1", plan=None, city="Wien"),
            cio.track("1", "login", {"at": "home"}, timestamp=7),
            cio.pageview("1", "/pricing", ref="mail"),
            cio.backfill("1", "signup", datetime(2020, 1, 1), source="web"),  # noqa: DTZ001  # naive on purpose
            cio.track_anonymous("visitor", "view"),
            cio.identify("1", anonymous_id="visitor"),
            cio.add_device("1", "token", "ios", last_used=7),
            cio.add_device("1", "old", "android"),
            cio.delete_device("1", "old"),
            cio.identify("2", shoe=42),
            cio.merge_customers("email", "ada@example.com", "id", "2"),
            cio.suppress("3"),
            cio.identify("3", plan="pro"),
            cio.unsuppress("3"),
            cio.delete("nobody"),
        ]
        assert {(answer.status_code, answer.content) for answer in answers} == {(200, b"{}\n")}
        space = app.workspace
        expected = {"id": "1", "email": "ada@example.com", "city": "Wien", "age": "30", "shoe": "42"}
        assert (attributes(space, by_id("1")), len(space.people)) == (expected, 1)
        assert [(event.name, event.kind, event.at) for event in space.events.of(1)] == [
            ("login", "event", 7),
            ("/pricing", "page", START),
            ("signup", "event", 1_577_836_800),
            ("view", "event", START),
        ]
        assert [(one.token, one.last_used) for one in space.devices.of(1)] == [("token", 7)]


def test_python_escapes_every_special_character_of_an_id() -> None:
    with talking() as (cio, app):
        cio.identify("a/b+c@x é", a=1)
        cio.track("a/b+c@x é", "login")
        cio.identify("ada+1@example.com", a=1)
        assert (names(app), len(app.workspace.people)) == (["login"], 2)
        assert app.workspace.find(by_email("ada+1@example.com")) is not None


def test_python_sends_nan_as_null_and_datetimes_as_unix_seconds_wherever_they_are() -> None:
    moment = datetime(2020, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    with talking() as (cio, app):
        cio.identify("1", gone=1)
        cio.identify("1", gone=math.nan, at=moment, naive=datetime(2020, 1, 1), deep={"at": [moment, math.nan]})  # noqa: DTZ001
        assert attributes(app.workspace, by_id("1")) == {
            "id": "1",
            "at": "1577872800",
            "naive": "1577836800",  # taken for UTC
            "deep": '{"at":[1577872800,null]}',
        }
        assert datetime.fromtimestamp(1577872800, UTC) == moment


@pytest.mark.parametrize("value", [date(2020, 1, 1), math.inf, {1, 2}])
def test_python_cannot_send_dates_infinity_or_sets(value: object) -> None:
    with talking() as (cio, app):
        with pytest.raises(CustomerIOException, match="Failed to receive valid response"):
            cio.identify("1", value=value)
        assert app.log.total == 0


def test_python_has_no_way_to_assign_an_id() -> None:
    with talking() as (cio, _), pytest.raises(TypeError, match="multiple values for argument 'id'"):
        cio.identify("ada@example.com", id="1")


def test_python_tells_a_refusal_with_the_whole_answer_in_its_text() -> None:
    with talking() as (cio, app):
        with pytest.raises(CustomerIOException, match=r"^400: ") as refused:
            cio.identify("1", bio="x" * 1001)
        assert "value for attribute 'bio' cannot be longer than 1000 bytes" in str(refused.value)
        with pytest.raises(CustomerIOException, match="event name cannot be longer than 100 bytes"):
            cio.track("1", "e" * 101)
        with pytest.raises(CustomerIOException, match="event data cannot be longer than 100000 bytes"):
            cio.track("1", "e", {"text": "x" * 100_000})
        assert (app.log.total, len(app.workspace.people)) == (3, 0)


def test_python_does_not_try_a_wrong_key_again() -> None:
    with talking(key="wrong") as (cio, app):
        with pytest.raises(CustomerIOException, match=r"^401: .*Unauthorized request"):
            cio.identify("1")
        assert app.log.total == 1


def test_python_takes_a_207_for_success_and_leaves_its_errors_to_the_caller() -> None:
    def item(number: int, plan: str) -> dict[str, object]:
        return {"type": "person", "action": "identify", "identifiers": {"id": number}, "attributes": {"plan": plan}}

    with talking() as (cio, app):
        assert cio.batch([item(1, "pro")]).status_code == 200
        mixed = cio.batch([item(2, "x" * 1001), item(3, "pro")])
        assert (mixed.status_code, [error["batch_index"] for error in mixed.json()["errors"]]) == (207, [0])
        assert [person.id for person in app.workspace.people.values()] == ["1", "3"]
        with pytest.raises(CustomerIOException, match=r"^400: .*cannot be larger than 500 KB"):
            cio.batch([item(number, "x" * 900) for number in range(600)])


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_python_tries_again_after_these_statuses_three_times(status: int) -> None:
    with talking(f"{status}:first=3") as (cio, app):
        assert cio.identify("1").status_code == 200
        assert app.log.counts == {(*IDENTIFY, status): 3, (*IDENTIFY, 200): 1}
    with talking(f"{status}:first=4") as (cio, app):
        with pytest.raises(CustomerIOException, match="too many"):
            cio.identify("1")
        assert app.log.total == 4


@pytest.mark.parametrize("status", [408, 429, 522, 524])
def test_python_gives_up_on_these_at_once_although_they_would_pass(status: int) -> None:
    with talking(f"{status}:first=1") as (cio, app):
        with pytest.raises(CustomerIOException, match=f"^{status}: "):
            cio.identify("1")
        assert app.log.total == 1


@pytest.mark.parametrize("status", [413, 429, 503])
def test_python_tries_these_again_when_they_come_with_retry_after(status: int) -> None:
    with talking(f"{status}:first=1:after=0") as (cio, app):
        assert cio.identify("1").status_code == 200
        assert app.log.total == 2


@pytest.mark.parametrize("fault", ["reset", "lost"])
def test_python_sends_again_when_the_connection_breaks(fault: str) -> None:
    with talking(f"{fault}:first=3") as (cio, app):
        assert cio.identify("1", plan="pro").status_code == 200
        assert (app.log.total, attributes(app.workspace, by_id("1"))) == (4, {"id": "1", "plan": "pro"})


@pytest.mark.parametrize(("ulid", "counted"), [(None, 2), ("01F4J6P6PSSPA8AMAX6KTKSWVN", 1)])
def test_an_event_whose_acknowledgement_was_lost_counts_twice_unless_it_has_a_ulid(
    ulid: str | None, counted: int
) -> None:
    with talking("lost:first=1") as (cio, app):
        cio.track("1", "buy", id=ulid)
        assert names(app) == ["buy"] * counted


def test_python_never_looks_into_a_200_so_broken_json_is_success() -> None:
    with talking("truncated:100%") as (cio, _):
        assert cio.identify("1").content == b"{"


def test_python_waits_no_longer_than_its_timeout() -> None:
    with talking("timeout:first=1", timeout=0.2, retries=0) as (cio, _):
        with pytest.raises(CustomerIOException, match="timed out"):
            cio.identify("1")
        assert cio.identify("1").status_code == 200


@contextmanager
def redirected(status: int) -> Iterator[tuple[Any, Customerio]]:
    """The first request is redirected, to the same emulator: the key goes along."""
    faults: list[Fault] = []
    with emulated(faults=faults) as (client, app), Plain(client) as cio:
        faults += parse_all([f"{status}:first=1:to=http://127.0.0.1:{client.connection.port}"])
        yield cio, app


@pytest.mark.parametrize("status", [307, 308])
def test_python_follows_a_redirect_that_keeps_the_body(status: int) -> None:
    with redirected(status) as (cio, app):
        cio.identify("1", plan="pro")
        assert (app.log.total, attributes(app.workspace, by_id("1"))["plan"]) == (2, "pro")


def test_python_follows_a_301_with_an_empty_body() -> None:
    with redirected(301) as (cio, app):
        with pytest.raises(CustomerIOException, match=r"^400: "):
            cio.identify("1", plan="pro")
        assert (app.log.total, app.workspace.people) == (2, {})
