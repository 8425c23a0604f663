"""What a workspace does beyond the plain upsert: order, preferences, suppression, merging, events, delay."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import Raw

from emulated import START, Time, attributes, by_email, by_id, failures, given, workspace
from syncline.emulators.customerio import Identifier, Switches, Workspace
from syncline.emulators.customerio.devices import Device
from syncline.emulators.customerio.events import Event


def event(name: str, at: int = START, ulid: str = "") -> Event:
    return Event(name, "event", at, Raw(b"{}"), ulid)


def did(space: Workspace, who: Identifier) -> list[str]:
    """The names of what somebody did."""
    found = space.find(who)
    return [event.name for event in space.events.of(found.number)] if found else []


# Order


@pytest.mark.parametrize("stamp", [START - 100, str(START - 100)])
def test_an_older_change_that_arrives_later_does_not_win(stamp: object) -> None:
    space = workspace()
    space.identify(by_id("1"), given(_timestamp=START - 50, plan="pro"))
    space.identify(by_id("1"), given(_timestamp=stamp, plan="free", city="Wien", email="ada@example.com"))
    assert attributes(space, by_id("1")) == {"id": "1", "plan": "pro", "city": "Wien", "email": "ada@example.com"}
    space.identify(by_id("1"), given(_timestamp=START - 90, number=1, text="x", since=2))  # new, whatever their names
    assert attributes(space, by_id("1"))["text"] == "x"
    space.identify(by_id("1"), given(_timestamp=START - 49, plan="free"))
    assert attributes(space, by_id("1"))["plan"] == "free"


def test_v2_says_the_time_of_a_change_beside_the_attributes() -> None:
    space = workspace()
    space.identify(by_id("1"), given(plan="pro"))
    space.identify(by_id("1"), given(plan="free"), Raw(b"%d" % (START - 1)))
    assert attributes(space, by_id("1"))["plan"] == "pro"


@pytest.mark.parametrize(("winner", "plan"), [("later", "free"), ("earlier", "pro")])
def test_a_tie_goes_where_the_switch_says(winner: str, plan: str) -> None:
    space = workspace(switches=Switches(tie_goes_to=winner))  # type: ignore[arg-type]  # a Literal, by its parameter
    space.identify(by_id("1"), given(_timestamp=START, plan="pro"))
    space.identify(by_id("1"), given(_timestamp=START, plan="free"))
    assert attributes(space, by_id("1"))["plan"] == plan


def test_a_removal_is_not_undone_by_an_older_change() -> None:
    space = workspace()
    space.identify(by_id("1"), given(_timestamp=START - 90, plan="pro"))
    space.identify(by_id("1"), given(_timestamp=START - 10, plan=None))
    space.identify(by_id("1"), given(_timestamp=START - 50, plan="free"))
    assert "plan" not in attributes(space, by_id("1"))


def test_a_change_in_milliseconds_lies_in_the_far_future_and_wins_for_long() -> None:
    space = workspace()
    space.identify(by_id("1"), given(_timestamp=START * 1000, plan="pro"))
    space.identify(by_id("1"), given(plan="free"))
    assert attributes(space, by_id("1"))["plan"] == "pro"


# Preferences and subscriptions


def test_a_dotted_preference_changes_one_topic_and_an_object_replaces_all() -> None:
    space = workspace()
    space.identify(by_id("1"), given(cio_subscription_preferences={"topics": {"topic_1": True, "topic_2": True}}))
    space.identify(by_id("1"), {"cio_subscription_preferences.topics.topic_1": Raw(b"false")})
    held = attributes(space, by_id("1"))
    assert held == {"id": "1", "cio_subscription_preferences": '{"topics":{"topic_1":false,"topic_2":true}}'}
    space.identify(by_id("1"), {"cio_subscription_preferences.topics.topic_2": Raw(b"null")})
    space.identify(by_id("1"), {"cio_subscription_preferences.channels.email": Raw(b"true")})
    text = attributes(space, by_id("1"))["cio_subscription_preferences"]
    assert msgspec.json.decode(text) == {"topics": {"topic_1": False}, "channels": {"email": True}}
    space.identify(by_id("1"), given(cio_subscription_preferences={"topics": {}}))
    assert attributes(space, by_id("1"))["cio_subscription_preferences"] == '{"topics":{}}'


def test_a_new_person_may_begin_with_one_topic() -> None:
    space = workspace()
    space.identify(by_id("1"), {"cio_subscription_preferences.topics.topic_1": Raw(b"true"), **given(plan="pro")})
    expected = {"id": "1", "plan": "pro", "cio_subscription_preferences": '{"topics":{"topic_1":true}}'}
    assert attributes(space, by_id("1")) == expected


# Suppression


def test_suppressing_deletes_and_ignores_both_identifiers_until_they_are_freed_together() -> None:
    space = workspace()
    space.identify(by_id("1"), given(email="Ada@example.com"))
    space.suppress(by_id("1"))
    assert not space.people
    space.identify(by_id("1"), given(plan="pro"))
    space.identify(by_email("ada@EXAMPLE.com"), given(plan="pro"))
    space.identify(by_id("2"), given(email="ada@example.com"))
    space.track(by_id("1"), event("login"))
    assert not space.people
    assert not space.failures
    space.unsuppress(by_email("ada@example.com"))
    space.identify(by_id("1"), given(plan="pro"))
    assert attributes(space, by_id("1")) == {"id": "1", "plan": "pro"}


def test_who_never_was_can_be_suppressed() -> None:
    space = workspace()
    space.suppress(by_id("1"))
    space.identify(by_id("1"), {})
    assert not space.people
    space.unsuppress(by_id("2"))
    space.identify(by_id("2"), {})
    assert len(space.people) == 1


# Merging


def test_merging_fills_what_is_unset_or_empty_and_deletes_the_secondary() -> None:
    space = workspace()
    space.identify(by_id("1"), given(plan="", city="Wien"))
    space.identify(by_email("ada@example.com"), given(plan="pro", city="Rom", age=30))
    both = [space.find(by_id("1")), space.find(by_email("ada@example.com"))]
    numbers = [person.number for person in both if person]
    segment = space.segments.create("vip", "", START)
    space.change_segment(segment.id, [by_email("ada@example.com")], join=True)
    space.track(by_email("ada@example.com"), event("old", START - 31 * 86_400))
    space.track(by_email("ada@example.com"), event("new"))
    space.merge(by_id("1"), by_email("ada@example.com"))
    expected = {"id": "1", "email": "ada@example.com", "plan": "pro", "city": "Wien", "age": "30"}
    assert attributes(space, by_id("1")) == expected
    assert space.find(by_email("Ada@example.com")) is space.find(by_id("1"))
    assert (segment.members, list(space.people), did(space, by_id("1"))) == ({numbers[0]}, numbers[:1], ["new"])
    assert space.activities[-1].what == "profile_merge"


def test_merging_with_somebody_who_does_not_exist_does_nothing() -> None:
    space = workspace()
    space.identify(by_id("1"), given(plan="pro"))
    space.merge(by_id("9"), by_id("1"))
    space.merge(by_id("1"), by_id("9"))
    space.merge(by_id("1"), by_id("1"))
    assert attributes(space, by_id("1")) == {"id": "1", "plan": "pro"}
    assert not space.failures


# Events, devices, and somebody anonymous


def test_an_event_counts_once_by_its_ulid() -> None:
    space = workspace()
    for _ in range(2):
        space.track(by_id("1"), event("login", ulid="01F4J6P6PSSPA8AMAX6KTKSWVN"))
        space.track(by_id("1"), event("view"))
    assert did(space, by_id("1")) == ["login", "view", "view"]


def test_anonymous_events_of_30_days_join_whoever_is_given_the_anonymous_id_first() -> None:
    space = workspace()
    space.track_anonymous("visitor", event("long ago", START - 31 * 86_400))
    space.track_anonymous("visitor", event("yesterday", START - 86_400))
    space.track_anonymous("", event("by nobody"))
    space.identify(by_id("1"), given(anonymous_id="visitor"))
    space.identify(by_id("2"), given(anonymous_id="visitor"))
    space.track_anonymous("visitor", event("now"))
    assert (did(space, by_id("1")), did(space, by_id("2"))) == (["yesterday", "now"], [])
    assert (attributes(space, by_id("1")), failures(space)) == ({"id": "1"}, ["failed_attribute_change"])
    assert "anon_merge" in [activity.what for activity in space.activities]


@pytest.mark.parametrize("creates", [True, False])
def test_an_event_for_somebody_unknown_creates_the_person_as_the_switch_says(creates: bool) -> None:
    space = workspace(switches=Switches(event_creates=creates))
    space.track(by_id("1"), event("login"))
    space.add_device(by_id("2"), Device("token", "ios", START, Raw(b"{}")))
    assert [person.id for person in space.people.values()] == (["1", "2"] if creates else [])
    assert failures(space) == ([] if creates else ["failed_event", "failed_event"])


def test_deleting_a_person_takes_everything_along() -> None:
    space = workspace()
    space.track(by_id("1"), event("login"))
    space.add_device(by_id("1"), Device("token", "ios", START, Raw(b"{}")))
    segment = space.segments.create("vip", "", START)
    space.change_segment(segment.id, [by_id("1"), by_id("nobody")], join=True)
    assert segment.members == {1}
    space.delete(by_id("1"))
    assert (segment.members, space.events.by_person, space.devices.by_person) == (set(), {}, {})


def test_a_phone_identifies_only_where_the_workspace_says_so() -> None:
    phone = Identifier("phone", "+4912345")
    space = workspace(switches=Switches(phone_identifies=True))
    space.identify(phone, given(plan="pro"))
    assert attributes(space, phone) == {"phone": "+4912345", "plan": "pro"}
    space.identify(by_id("1"), given(phone="+4912345"))
    assert attributes(space, phone) == {"id": "1", "phone": "+4912345", "plan": "pro"}
    space.identify(by_id("1"), given(phone="+49999"))
    assert failures(space) == ["failed_attribute_change"]
    plain = workspace()
    plain.identify(by_id("1"), given(phone="+4912345"))
    assert (plain.find(phone), attributes(plain, by_id("1"))["phone"]) == (None, "+4912345")


def test_an_anonymous_id_may_be_an_identifier_by_its_switch() -> None:
    visitor = Identifier("anonymous_id", "visitor")
    space = workspace(switches=Switches(anonymous_id_identifies=True))
    space.track_anonymous("visitor", event("view"))
    space.identify(visitor, given(plan="pro"))
    space.identify(visitor, given(plan="free"))
    assert (attributes(space, visitor), did(space, visitor)) == ({"plan": "free"}, ["view"])


# The delay


def test_a_write_takes_effect_when_its_delay_has_passed_and_in_order() -> None:
    now = Time()
    space = Workspace(now, delay_s=2.0)
    assert not space.identify(by_id("1"), given(plan="pro"))
    assert [wrong.v1 for wrong in space.identify(by_id("1"), given(id="2"))] != []
    now.at += 1
    space.identify(by_id("1"), given(plan="free"))
    space.pending.delay_s = 0.0
    space.delete(by_id("1"))
    space.settle()
    assert (space.writes, len(space.people)) == (3, 0)
    now.at += 1
    space.settle()
    assert attributes(space, by_id("1")) == {"id": "1", "plan": "pro"}
    now.at += 1
    space.settle()
    assert not space.people
    assert [activity.at - START for activity in space.activities] == [0, 1, 3]  # accepted, accepted, deleted


def test_at_the_end_nothing_accepted_is_left_waiting() -> None:
    space = Workspace(Time(), delay_s=10.0)
    space.identify(by_id("1"), {})
    space.pending.settle_all()
    assert space.find(by_id("1")) is not None


# The log


def test_the_log_tells_what_changed_and_forgets_its_oldest_but_not_the_failures() -> None:
    space = workspace()
    space.identify(by_id("1"), given(email="ada@example.com", plan="pro"))
    space.identify(by_id("1"), given(plan="free", city="Wien"))
    assert space.activities[-1].changes == (("plan", Raw(b'"pro"'), Raw(b'"free"')), ("city", None, Raw(b'"Wien"')))
    space.identify(by_id("1"), given(email="bob@example.com"))
    for _ in range(10_000):
        space.track(by_id("2"), event("noise"))
    newest_first = list(space.log.newest_first())
    assert (len(newest_first), newest_first[0].what, newest_first[-1].what) == (
        10_001,
        "event",
        "failed_attribute_change",
    )
