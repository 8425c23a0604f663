"""What the Segment emulator is made of: a space, made-up profiles, a log that knows how fast it was asked, a state."""

from __future__ import annotations

import json
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from emulated import Time
from segmented import space
from syncline.emulators.keeper import StateError
from syncline.emulators.segment import Event, ExternalId, Profile, Space, Switches, profile, profiles
from syncline.emulators.segment.made_up import SHAPES
from syncline.emulators.segment.paced import PacedLog
from syncline.emulators.segment.profile import moment
from syncline.emulators.segment.snapshot import dump, load, version
from syncline.emulators.switchboard import described, parse

# --- a space ----------------------------------------------------------------------------------------------------------


def test_a_profile_that_is_added_again_is_replaced_and_is_the_latest() -> None:
    held = space(profile(1, {"a": 1}, ("user_id", "42")), profile(2))
    held.add(profile(1, {"a": 2}, ("user_id", "42")))
    assert [one.segment_id for one in held.listed(0, 10)] == [profile(1).segment_id, profile(2).segment_id]
    found = held.find("user_id:42")
    assert found is not None
    assert found.traits == {"a": Raw(b"2")}


def test_two_profiles_may_claim_one_identifier_and_the_latest_is_found_by_it() -> None:
    held = space(profile(1, {}, ("user_id", "42")), profile(2, {}, ("user_id", "42")))
    found = held.find("user_id:42")
    assert found is not None
    assert found.segment_id == profile(2).segment_id


def test_a_moment_has_up_to_nine_digits_and_no_zero_at_their_end() -> None:
    assert moment(1_672_930_860, 367_201_348) == "2023-01-05T15:01:00.367201348Z"
    assert moment(1_672_930_860, 404_680_000) == "2023-01-05T15:01:00.40468Z"
    assert moment(1_672_930_860) == "2023-01-05T15:01:00Z"


def test_a_space_stands_still_unless_it_is_to_shift() -> None:
    held = space(*(profile(number) for number in range(3)))
    before = [one.segment_id for one in held.listed(0, 3)]
    assert [one.segment_id for one in held.listed(0, 3)] == before
    held.touch(before[2])
    assert [one.segment_id for one in held.listed(0, 3)] == [before[2], *before[:2]]


# --- made-up profiles -------------------------------------------------------------------------------------------------


def shaped(shape: str, count: int = 4 * len(SHAPES)) -> list[Profile]:
    place = [made.__name__ for made in SHAPES].index(shape)
    return profiles(count)[place :: len(SHAPES)]


def test_the_same_seed_makes_the_same_profiles_and_fewer_are_the_first_of_more() -> None:
    assert profiles(40) == profiles(40) == profiles(80)[:40]
    assert profiles(40) != profiles(40, seed=1)


def test_no_two_made_up_profiles_share_an_identifier() -> None:
    made = profiles(2_000)
    ids = [(one.type, one.id) for each in made for one in each.external_ids]
    assert len(set(ids)) == len(ids)
    assert len({each.segment_id for each in made}) == 2_000


def test_made_up_profiles_have_the_shapes_that_readers_trip_over() -> None:
    (many, *_), (visitors, *_) = shaped("_many_traits"), shaped("_many_external_ids")
    assert many.traits is not None
    assert (len(many.traits), [*many.traits].index("email")) == (300, 296)
    assert sorted(many.traits).index("email") >= 200
    assert (len(visitors.external_ids), visitors.external_ids[-1].type) == (60, "user_id")
    assert not [one for one in shaped("_nobody") if any(each.type == "user_id" for each in one.external_ids)]
    several = [one.created_at for one in shaped("_several_user_ids")[0].external_ids]
    assert [len(at) for at in several] == [30, 30, 22]
    assert {one.traits is None for one in shaped("_traits_null")} == {True}
    births = [json.loads(bytes((one.traits or {})["birthdate"])) for one in shaped("_born_at_midnight")]
    assert len(set(births)) == 4
    exact = shaped("_numbers_and_lists")[0]
    assert exact.traits is not None
    assert bytes(exact.traits["big"]) == b"18446744073709551616"


# --- how fast it was asked --------------------------------------------------------------------------------------------


class Ticking(Time):
    """A clock that is set to each of some moments."""

    def log(self, moments: list[float]) -> PacedLog:
        log = PacedLog(self)
        for self.at in moments:
            log.begin("GET", "/")
        return log


def test_a_second_is_any_second() -> None:
    assert Ticking().log([0.5 + number / 200 for number in range(100)] + [1.2]).most_in_a_second == 101
    assert Ticking().log([0.0, 0.999, 1.0, 1.998]).most_in_a_second == 3
    assert Ticking().log([0.0, 1.0, 2.0]).most_in_a_second == 1


@given(st.lists(st.integers(0, 5_000), max_size=60))
def test_the_most_in_a_second_is_what_counting_from_every_request_on_gives(ticks: list[int]) -> None:
    ticks.sort()
    most = max((sum(start <= tick < start + 1_024 for tick in ticks) for start in ticks), default=0)
    assert Ticking().log([tick / 1_024 for tick in ticks]).most_in_a_second == most


def test_the_rate_while_busy_leaves_pauses_out() -> None:
    steady = [number / 50 for number in range(101)]
    assert Ticking().log(steady).rate_while_busy == pytest.approx(50)
    assert Ticking().log([*steady, *(100 + at for at in steady)]).rate_while_busy == pytest.approx(50)
    assert Ticking().log([0.0, 5.0, 9.0]).rate_while_busy == 0


def test_the_log_tells_its_pace_and_forgets_it_when_it_is_reset() -> None:
    log = Ticking().log([0.0, 0.25, 0.5])
    told = log.document()
    assert (told["total"], told["mostInASecond"], told["rateWhileBusy"]) == (3, 3, 4.0)
    log.reset()
    assert (log.document()["mostInASecond"], log.rate_while_busy) == (0, 0)


# --- its state --------------------------------------------------------------------------------------------------------


def full() -> Space:
    held = space(*profiles(2 * len(SHAPES)))
    one = profile(900, {"a": Raw(b"1.0e5")}, ExternalId("user_id", "x", "2023-01-05T15:01:00.123456789Z"))
    one.groups, one.events = ["g1"], [Event("order", "m1", 7, Raw(b'{"a":1.50}'))]
    one.classes = {"a": "computed_trait"}
    held.add(one)
    held.remove(profile(1).segment_id)
    held.remove(profile(2).segment_id, into=profile(900).segment_id)
    held.listed(0, 1)
    return held


def test_a_state_that_is_saved_and_loaded_is_the_same_state() -> None:
    before, after = full(), space(gone_profiles="survivor")
    load(after, dump(before))
    assert dump(after) == dump(before)
    found = after.find("user_id:x")
    assert found is not None
    assert (found, after.find(profile(2).segment_id)) == (before.find("user_id:x"), found)
    assert [one.segment_id for one in after.listed(0, 100)] == [one.segment_id for one in before.listed(0, 100)]


def test_the_version_moves_whenever_the_document_does() -> None:
    held = full()
    seen = [(version(held), dump(held))]
    for change in (
        lambda: held.add(profile(901)),
        lambda: held.touch(profile(5).segment_id),
        lambda: held.remove(profile(6).segment_id),
        lambda: held.listed(0, 1),
    ):
        change()
        seen.append((version(held), dump(held)))
    assert all(one[0] != other[0] and one[1] != other[1] for one, other in pairwise(seen))


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (b"", "no state of an emulator"),
        (b'{"emulator":"customerio","format":1}', "of customerio"),
        (b'{"emulator":"segment","format":9}', "in format 9; expected segment in 1"),
        (b'{"emulator":"segment","format":1}', "missing required field"),
    ],
)
def test_a_file_that_is_no_state_is_refused_and_nothing_is_loaded(document: bytes, told: str) -> None:
    held = space()
    with pytest.raises(StateError, match=told):
        load(held, document)
    assert not held.profiles


def test_every_switch_has_a_reason_and_can_be_set() -> None:
    for switch in described(Switches):
        assert len(switch.why) > 20
        for value in switch.values.split(" or ") if " or " in switch.values else ["7"]:
            assert isinstance(parse(Switches, [f"{switch.name}={value}"]), Switches)
        assert parse(Switches, [f"{switch.name}={switch.default}"]) == Switches()


def test_a_document_is_one_json_object_that_names_its_vendor() -> None:
    assert msgspec.json.decode(dump(space())) == {
        "emulator": "segment",
        "format": 1,
        "pages": 0,
        "profiles": [],
        "gone": {},
    }
