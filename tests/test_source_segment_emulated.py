"""The source against the emulator over a real socket: both sides of the contract agree, shape by shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from segmented import Hand, segmented, space
from syncline.emulators.faults import parse
from syncline.emulators.segment import EXTERNAL_IDS, LISTING, METADATA, TRAITS, Profile, profile, profiles
from syncline.errors import Garbled, Misconfigured, Refused
from syncline.model import Row

MADE = profiles(150)


def expected(held: Profile, user_id: str | None) -> dict[str, Any]:
    """The row of a profile, as it was made up."""
    newest = {one.type: one.id for one in held.external_ids}
    row: dict[str, Any] = {
        "segment_id": held.segment_id,
        "external_ids": newest | ({"user_id": user_id} if user_id else {}),
        "traits": {name: json.loads(bytes(raw)) for name, raw in (held.traits or {}).items()},
    }
    return row | ({"user_id": user_id} if user_id else {})


def decoded(row: Row) -> dict[str, Any]:
    assert row.fault == ""
    return {name: json.loads(bytes(raw)) for name, raw in row.fields.items()}


@pytest.mark.parametrize("settings", [{}, {"pageItems": 7, "traitItems": 9, "idItems": 2}])
@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"next_names": "last", "null_data": "always", "null_traits": True, "empty_page_follows": True},
        {"trait_order": "stored", "over_limit": "error", "metadata_has_segment_id": False},
    ],
)
def test_every_awkward_profile_arrives_whole(settings: dict[str, object], switches: dict[str, Any]) -> None:
    with segmented(space(*MADE, **switches)) as (client, _):
        hand = Hand(client, **settings)
        refs = hand.refs()
        assert refs == [one.segment_id for one in reversed(MADE)]
        rows = [hand.play(hand.source.row(ref)) for ref in refs]
    for number, (row, held) in enumerate(zip(reversed(rows), MADE, strict=True)):
        has_one = any(one.type == "user_id" for one in held.external_ids)
        assert decoded(row) == expected(held, str(7258 + number) if has_one else None)
        assert row.name == f"segment_id:{held.segment_id}"


def test_a_profile_of_300_traits_and_60_external_ids_takes_five_requests() -> None:
    held = {f"t{number:03}": number for number in range(300)}
    ids = [("anonymous_id", str(number)) for number in range(59)] + [("user_id", "42")]
    with segmented(space(profile(1, held, *ids))) as (client, app):
        hand = Hand(client)
        row = decoded(hand.play(hand.source.row(profile(1).segment_id)))
        assert (row["user_id"], row["traits"]) == ("42", held)
        assert app.log.arrivals == {("GET", TRAITS): 2, ("GET", EXTERNAL_IDS): 3}


def test_numbers_keep_their_digits_on_the_way() -> None:
    with segmented(space(*MADE)) as (client, _):
        hand = Hand(client)
        texts = [bytes(hand.play(hand.source.row(one.segment_id)).fields["traits"]) for one in MADE[13::15]]
    assert all(b'"big":18446744073709551616' in text and b'"ltv":0.1000000000000000055' in text for text in texts)
    assert all(b'"score":1.0e5' in text for text in texts)


def test_identifiers_of_a_file_lead_to_the_same_rows(tmp_path: Path) -> None:
    ids = [(held, one) for held in MADE for one in held.external_ids if one.type in ("email", "CRM Id")]
    path = tmp_path / "ids.txt"
    path.write_text("".join(f"{one.type}:{one.id}\n" for _, one in ids), encoding="utf-8")
    with segmented(space(*MADE)) as (client, app):
        hand = Hand(client, profiles=str(path))
        rows = [hand.play(hand.source.row(ref)) for ref in hand.refs()]
        assert [row.name for row in rows] == [f"segment_id:{held.segment_id}" for held, _ in ids]
        assert (app.log.arrivals["GET", METADATA], app.log.arrivals["GET", LISTING]) == (len(ids), 0)


def test_without_a_segment_id_in_the_metadata_the_identifier_itself_leads_to_the_row() -> None:
    with segmented(space(*MADE, metadata_has_segment_id=False)) as (client, _):
        hand = Hand(client)
        row = hand.play(hand.source.row("CRM Id:Ä/12?x=1#ü"))
        assert (row.name, decoded(row)["user_id"]) == ("CRM Id:Ä/12?x=1#ü", "7270")


@pytest.mark.parametrize("mode", ["403", "404"])
def test_a_listing_that_is_refused_leads_to_the_file(mode: str) -> None:
    with segmented(space(*MADE, listing=mode)) as (client, _), pytest.raises(Misconfigured, match="`profiles: FILE`"):
        Hand(client).refs()


def test_a_profile_that_is_deleted_meanwhile_is_refused_or_empty() -> None:
    for gone, row in (
        ("not_found", None),
        ("empty", {"segment_id": MADE[0].segment_id, "external_ids": {}, "traits": {}}),
    ):
        held = space(*profiles(1), gone_profiles=gone)
        with segmented(held) as (client, app):
            hand = Hand(client)
            (ref,) = hand.refs()
            app.space.remove(ref)
            if row is None:
                with pytest.raises(Refused, match="does not know this profile"):
                    hand.play(hand.source.row(ref))
            else:
                assert decoded(hand.play(hand.source.row(ref))) == row


def test_the_probe_knows_good_credentials_from_bad_ones() -> None:
    with segmented(space(*MADE)) as (client, _):
        Hand(client).play(Hand(client).source.probe())
        for wrong in ({"accessToken": "old"}, {"spaceId": "other"}):
            hand = Hand(client, **wrong)
            with pytest.raises(Misconfigured, match="check accessToken and spaceId"):
                hand.play(hand.source.probe())


@pytest.mark.parametrize("fault", ["truncated:100%", "404:100%:html", "204:100%"])
def test_an_answer_that_was_spoiled_on_its_way_is_not_believed(fault: str) -> None:
    with segmented(space(*MADE), faults=[parse(fault)]) as (client, _):
        hand = Hand(client)
        with pytest.raises(Garbled):
            hand.play(hand.source.row(MADE[0].segment_id))
