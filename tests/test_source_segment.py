"""Segment profiles as conversations: what is asked, and which rows the answers make."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from itertools import chain, count
from urllib.parse import unquote

import pytest
from msgspec import Raw
from pydantic import ValidationError

from play import answer, play
from syncline.errors import Garbled, Misconfigured, Refused
from syncline.model import Page, Response, Row, RowRef
from syncline.ports import ApiSource, Inquiry
from syncline.sources.segment import SegmentSource, Settings, cautions
from syncline.sources.segment.external_ids import moment
from syncline.sources.segment.settings import EMPTY_PAGES, TRAITS

PROFILES = "/v1/spaces/space/collections/users/profiles"
END = {"url": "", "has_more": False, "next": "", "limit": 200}
NOT_FOUND = {"error": {"code": "not_found", "message": "Profile was not found."}}


def segment(**settings: object) -> SegmentSource:
    return SegmentSource(Settings.model_validate({"spaceId": "space", "accessToken": "token"} | settings))


def more(cursor: object) -> dict[str, object]:
    return {"url": "https://…", "has_more": True, "next": cursor, "limit": 200}


def traits(held: object = None, cursor: object = END) -> Response:
    return answer(200, {"traits": held if held is not None else {}, "cursor": cursor})


def ids(*rows: tuple[str, object, object], cursor: object = END) -> Response:
    data = [{"type": kind, "id": value, "created_at": at, "collection": "users"} for kind, value, at in rows]
    return answer(200, {"data": data, "cursor": cursor})


def row_of(*answers: Response, ref: str = "use_1") -> Row:
    return play(segment().row(ref), *answers)[1]


def fields_of(*answers: Response, **settings: object) -> Mapping[str, object]:
    _, row = play(segment(**settings).row("use_1"), *answers)
    assert row.fault == ""
    return {name: json.loads(bytes(raw)) for name, raw in row.fields.items()}


# --- how it asks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "origin"),
    [
        ({}, "https://profiles.segment.com"),
        ({"region": "eu"}, "https://profiles.euw1.segment.com"),
        ({"region": "eu", "baseUrl": "http://127.0.0.1:8000"}, "http://127.0.0.1:8000"),
    ],
)
def test_the_lane_is_the_regions_host_with_the_token_as_user_and_no_password(
    settings: Mapping[str, object], origin: str
) -> None:
    (lane,) = segment(**settings).lanes.values()
    ((name, secret),) = lane.headers
    assert (lane.origin, name) == (origin, "authorization")
    assert secret.reveal() == "Basic " + base64.b64encode(b"token:").decode()
    assert "token" not in repr(lane)


def test_never_more_than_a_hundred_requests_may_leave_in_any_second() -> None:
    (lane,) = segment().lanes.values()
    assert lane.rate >= 90
    assert lane.rate + lane.rate * lane.burst_s <= 100
    assert not cautions(Settings.model_validate({"spaceId": "s", "accessToken": "t"}))
    above = Settings.model_validate({"spaceId": "s", "accessToken": "t", "rate": 101})
    assert cautions(above) == [
        "source.rate is 101 requests a second; Segment takes 100 for the whole space, and refuses what is above"
    ]
    assert not cautions(above.model_copy(update={"base_url": "http://127.0.0.1:1"}))


@pytest.mark.parametrize(
    "wrong",
    [{"pageItems": 101}, {"traitItems": 201}, {"idItems": 26}, {"pageItems": 0}, {"spaceId": ".."}, {"spaceId": "a/b"}],
)
def test_settings_that_segment_would_refuse_are_refused_here(wrong: Mapping[str, object]) -> None:
    with pytest.raises(ValidationError):
        segment(**wrong)


# --- the listing ------------------------------------------------------------------------------------------------------


def listing(*names: str, cursor: object = END) -> Response:
    return answer(200, {"data": [{"segment_id": name, "metadata": {}} for name in names], "cursor": cursor})


def test_a_page_names_profiles_and_the_cursor_of_the_next() -> None:
    source = segment()
    asked, page = play(source.page(source.first), listing("use_1", "use_2", cursor=more("100")))
    assert [(one.lane, one.method, one.path) for one in asked] == [("segment", "GET", PROFILES + "?limit=100&next=0")]
    assert page == Page(["use_1", "use_2"], "100")
    ((again,), _) = play(segment(pageItems=7).page("a+b/ü"), listing())
    assert again.path == PROFILES + "?limit=7&next=a%2Bb%2F%C3%BC"


@pytest.mark.parametrize(
    ("cursor", "following"),
    [
        (END, ""),
        ({"has_more": False, "next": "100"}, ""),
        ({"has_more": True, "next": "100"}, "100"),
        ({"has_more": True, "next": 100}, "100"),
        ({"next": "100"}, "100"),
        ({"has_more": None, "next": "100"}, "100"),
        ({"has_more": None, "next": None}, ""),
        ({"next": ""}, ""),
        ({}, ""),
        (None, ""),
    ],
)
def test_where_the_pages_end(cursor: object, following: str) -> None:
    assert play(segment().page("0"), listing("use_1", cursor=cursor))[1] == Page(["use_1"], following)


def test_a_page_of_null_is_an_empty_page() -> None:
    assert play(segment().page("0"), answer(200, {"data": None, "cursor": END}))[1] == Page([], "")


@pytest.mark.parametrize("odd", [{"segment_id": None}, {"segment_id": 5}, {"segment_id": ""}, {}, 5, "x", None, []])
def test_an_entry_that_is_no_profile_is_one_without_a_name(odd: object) -> None:
    listed = {"data": [{"segment_id": "use_1"}, odd, {"segment_id": "use_2"}], "cursor": END}
    assert play(segment().page("0"), answer(200, listed))[1] == Page(["use_1", "", "use_2"], "")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        {},
        {"data": {}},
        {"data": ["use_1"]},
        {"data": [{"segment_id": None}, 5]},
        {"data": [{"segment_id": ""}]},
        {"data": [{"id": "use_1"}]},
        {"data": [], "cursor": {"has_more": True}},
        {"data": [], "cursor": {"has_more": True, "next": ""}},
        {"data": [], "cursor": {"next": {}}},
    ],
)
def test_a_page_that_makes_no_sense_is_not_taken_for_an_end(body: object) -> None:
    with pytest.raises(Garbled):
        play(segment().page("0"), answer(200, body))


@pytest.mark.parametrize("status", [201, 202, 204])
def test_a_page_is_a_200_and_nothing_else(status: int) -> None:
    with pytest.raises(Garbled, match=str(status)):
        play(segment().page("0"), answer(status))


@pytest.mark.parametrize("status", [400, 403, 404, 405, 410, 501])
def test_where_the_listing_is_refused_the_other_way_in_is_told(status: int) -> None:
    source = segment()
    assert status in next(source.page("0")).hears
    no = answer(status, {"error": {"code": "no", "message": "ask a@b.c"}})
    with pytest.raises(Misconfigured) as refused:
        play(source.page("0"), no, answer(404, NOT_FOUND))
    assert str(refused.value) == (
        f"Segment does not list the profiles of this space ({status}: no: ask (e-mail)). Its listing is not a"
        " production-grade route, and may be closed to you. Name the profiles yourself: `profiles: FILE` under"
        " `source`, a file of identifiers such as user_id:42 or email:a@b.c, one a line"
    )


def test_a_listing_that_is_refused_later_says_where() -> None:
    with pytest.raises(Misconfigured, match=r"of this space from '10000' on \(400\)"):
        play(segment().page("10000"), answer(400, b"<html>"), answer(404, NOT_FOUND))


@pytest.mark.parametrize(
    ("probed", "told"),
    [(403, "check accessToken and spaceId"), (404, "does not answer like Segment's Profile API")],
)
def test_a_listing_that_is_refused_with_everything_else_is_not_blamed(probed: int, told: str) -> None:
    with pytest.raises(Misconfigured, match=told):
        play(segment().page("0"), answer(probed, b"<html>"), answer(probed, b"<html>"))


def test_a_wrong_token_is_left_to_the_probe() -> None:
    assert 401 not in next(segment().page("0")).hears
    assert {401, 403}.isdisjoint(next(segment().row("use_1")).hears)


def test_nobodys_absence_says_anything() -> None:
    source: ApiSource = segment()
    assert (source.name, source.first, source.complete) == ("segment", "0", False)


# --- a row ------------------------------------------------------------------------------------------------------------


def test_a_row_is_its_traits_and_its_external_ids() -> None:
    answers = traits({"email": "ada@example.com"}), ids(("user_id", "42", "2023-01-05T15:01:00Z"))
    asked, row = play(segment().row("use_1"), *answers)
    assert [one.path.removeprefix(PROFILES) for one in asked] == [
        "/segment_id:use_1/traits?limit=200",
        "/segment_id:use_1/external_ids?limit=25",
    ]
    assert row == Row(
        RowRef("segment", 0, 0),
        {
            "segment_id": Raw(b'"use_1"'),
            "user_id": Raw(b'"42"'),
            "external_ids": Raw(b'{"user_id":"42"}'),
            "traits": Raw(b'{"email":"ada@example.com"}'),
        },
        "",
        "segment_id:use_1",
    )


def test_traits_and_external_ids_are_read_to_the_end_of_their_pages() -> None:
    asked, row = play(
        segment(traitItems=2, idItems=1).row("use_1"),
        traits({"a": 1, "b": 2}, more("c d+")),
        traits({"c d+": 3}, more("é")),
        traits({"é": 4, "a": 5}),
        ids(("anonymous_id", "x", "2023-01-05T15:01:00Z"), cursor=more("map_2")),
        ids(("user_id", "42", "2023-01-05T15:01:00Z")),
    )
    assert [one.path.rpartition("/")[2] for one in asked] == [
        "traits?limit=2",
        "traits?limit=2&next=c%20d%2B",
        "traits?limit=2&next=%C3%A9",
        "external_ids?limit=1",
        "external_ids?limit=1&next=map_2",
    ]
    assert json.loads(bytes(row.fields["traits"])) == {"a": 5, "b": 2, "c d+": 3, "é": 4}
    assert json.loads(bytes(row.fields["external_ids"])) == {"anonymous_id": "x", "user_id": "42"}


def test_values_keep_every_digit_and_every_shape() -> None:
    text = b'{"a":18446744073709551616,"b":0.1000000000000000055,"c":1.0e5,"d":{"x":[1, null]},"e":"\\u00e9\xc3\xa9"}'
    row = row_of(answer(200, b'{"traits": ' + text + b', "cursor": {}}'), ids())
    assert bytes(row.fields["traits"]) == text


@pytest.mark.parametrize("nothing", [b'{"traits":null,"cursor":null}', b'{"traits":{}}'])
def test_null_traits_and_null_data_are_empty(nothing: bytes) -> None:
    held = fields_of(answer(200, nothing), answer(200, {"data": None, "cursor": END}))
    assert held == {"segment_id": "use_1", "external_ids": {}, "traits": {}}


@pytest.mark.parametrize(
    ("listed", "value"),
    [
        ([("a", "2023-01-05T15:01:00Z"), ("b", "2023-01-05T15:01:00.1Z")], "b"),
        ([("a", "2023-01-05T15:01:00.367201348Z"), ("b", "2023-01-05T15:01:00.367201347Z")], "a"),
        ([("a", "2023-01-05T15:01:00.367201348Z"), ("b", "2023-01-05T15:01:00.367201349Z")], "b"),
        ([("a", "2017-11-30T06:05:01.40468Z"), ("b", "2017-11-30T06:05:01.404679999Z")], "a"),
        ([("a", "2023-01-05T15:01:00.5Z"), ("b", "2023-01-05T15:01:00.500000000Z")], "a"),
        ([("a", "2023-01-05T15:01:00+02:00"), ("b", "2023-01-05T13:30:00Z")], "b"),
        ([("a", None), ("b", "1969-01-01T00:00:00Z")], "b"),
        ([("a", "yesterday"), ("b", 5), ("c", "2023-02-31T00:00:00Z")], "a"),
        ([("a", "2023-01-05T15:01:00Z"), ("b", "2023-01-05 15:01:01")], "a"),
    ],
)
def test_of_several_ids_of_one_type_the_newest_counts(listed: list[tuple[str, object]], value: str) -> None:
    held = fields_of(traits(), ids(*(("user_id", name, at) for name, at in listed)))
    assert (held["user_id"], held["external_ids"]) == (value, {"user_id": value})


def test_the_newest_is_found_across_pages() -> None:
    first = ids(("user_id", "old", "2023-01-05T15:01:00Z"), cursor=more("map_2"))
    assert fields_of(traits(), first, ids(("user_id", "new", "2023-01-05T15:01:01Z")))["user_id"] == "new"


def test_a_moment_beyond_what_there_is_is_the_oldest() -> None:
    assert moment("0000-01-01T00:00:00Z") == moment("2023-01-05T15:01:00.1234567890Z") == moment(None)
    assert moment("0001-01-01T00:00:00+14:00") < moment("0001-01-01T00:00:00Z")


def test_the_identifier_names_the_type_that_user_id_holds() -> None:
    answers = traits(), ids(("user_id", "42", None), ("email", "a@b.c", None))
    assert fields_of(*answers, identifier="email")["user_id"] == "a@b.c"
    assert "user_id" not in fields_of(*answers, identifier="crm")


def test_an_external_id_that_is_no_text_stays_what_it_is() -> None:
    row = row_of(traits(), answer(200, b'{"data":[{"type":"user_id","id":10000000000000000001}]}'))
    assert bytes(row.fields["user_id"]) == b"10000000000000000001"


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (b'{"traits":{"a":1,"a":2}}', 'found the key "a" more than once, expected each key once'),
        (b'{"traits":{"a":{"b":1,"b":2}}}', 'found the key "b" more than once, expected each key once'),
        (b'{"traits":{"a":NaN}}', "found NaN, expected a finite number or null"),
        (b'{"traits":{"a":' + b"1" * 41 + b"}}", "found a number of 41 characters, expected at most 40"),
        (
            b'{"traits":{"a":' + b"[" * 70 + b"]" * 70 + b"}}",
            "found nesting deeper than 64, expected at most 64 brackets open at once",
        ),
    ],
)
def test_traits_that_no_row_can_have_are_the_rows_fault(broken: bytes, fault: str) -> None:
    row = row_of(answer(200, broken))
    assert row == Row(RowRef("segment", 0, 0), {}, f"in the answer with its traits: {fault}", "segment_id:use_1")


def test_external_ids_that_no_row_can_have_are_the_rows_fault_too() -> None:
    row = row_of(traits(), answer(200, b'{"data":[{"type":"a","id":Infinity}]}'))
    assert row.fault == "in the answer with its external ids: found Infinity, expected a finite number or null"


def test_a_profile_without_end_is_given_up_beyond_a_rows_size() -> None:
    pages = [traits({f"name {page}": "x" * 400_000}, more(f"name {page + 1}")) for page in range(3)]
    row = row_of(*pages)
    assert row.fault == "in the answers with its traits: found a row of over 1,000,000 bytes, expected at most that"


@pytest.mark.parametrize(
    "answers",
    [
        [traits({"a": 1}, more("b")), traits({"b": 1}, more("b"))],
        [traits({"a": 1}, more("b")), traits({"b": 1}, more("c")), traits({"c": 1}, more("b"))],
        [traits(), ids(cursor=more("map_1")), ids(cursor=more("map_1"))],
    ],
)
def test_pages_that_go_in_a_circle_are_garbled(answers: list[Response]) -> None:
    with pytest.raises(Garbled, match="go in a circle"):
        row_of(*answers)


def reads_until_refused(conversation: Inquiry[Row], page: Callable[[int], Response]) -> tuple[int, str]:
    """How many pages are asked for, and the last word, where each leads to another."""
    next(conversation)
    for number in count(1):
        try:
            conversation.send(page(number))
        except Refused as refusal:
            return number, refusal.reason
    raise AssertionError


def test_empty_pages_of_a_profile_that_never_end_are_given_up() -> None:
    asked, why = reads_until_refused(segment().row("use_1"), lambda number: traits({}, more(f"t{number}")))
    assert asked == EMPTY_PAGES
    assert why == "Segment gave 20 empty pages in a row of its traits, and the cursor of another"
    pages = chain([traits()], (ids(cursor=more(f"map_{number}")) for number in count()))
    asked, why = reads_until_refused(segment().row("use_1"), lambda number: next(pages))
    assert (asked, why.split(",")[0]) == (1 + EMPTY_PAGES, "Segment gave 20 empty pages in a row of its external ids")


def test_some_empty_pages_among_others_are_read_over() -> None:
    few = [traits({}, more(f"e{number}")) for number in range(EMPTY_PAGES - 1)]
    again = [traits({}, more(f"f{number}")) for number in range(EMPTY_PAGES - 1)]
    fields = fields_of(*few, traits({"a": 1}, more("b")), *again, traits({"b": 2}), ids())
    assert fields["traits"] == {"a": 1, "b": 2}


@pytest.mark.parametrize(("trait_items", "most"), [(200, 300), (50, 1_200), (1, TRAITS)])
def test_a_profile_has_as_many_pages_as_small_ones_would_be_and_no_more(trait_items: int, most: int) -> None:
    row = segment(traitItems=trait_items).row("use_1")
    asked, why = reads_until_refused(row, lambda number: traits({"a": 1}, more(f"t{number}")))
    assert asked == most + 1
    assert f"gave {asked:,} pages, more than any profile has, of its traits" in why


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"traits":{"a":1',
        b"<html>",
        b"[]",
        b'"traits"',
        b'{"traits":{"a":"\xff"}}',
        {},
        {"data": []},
        {"traits": []},
        {"traits": "none"},
        {"traits": {}, "cursor": {"has_more": True, "next": ""}},
        {"traits": {}, "cursor": []},
    ],
)
def test_an_answer_that_makes_no_sense_is_not_taken_for_a_profile(body: object) -> None:
    with pytest.raises(Garbled):
        row_of(answer(200, body))


@pytest.mark.parametrize(
    "body",
    [{"traits": {}}, {"data": {}}, {"data": [{"id": "42"}]}, {"data": [{"type": "user_id"}]}, {"data": ["user_id:42"]}],
)
def test_external_ids_that_make_no_sense_are_not_taken_for_none(body: object) -> None:
    with pytest.raises(Garbled):
        row_of(traits(), answer(200, body))


def test_a_profile_that_is_gone_is_refused_and_a_404_of_somebody_else_is_not_believed() -> None:
    why = r"^Segment does not know this profile \(any more\); if a file names it, take it out there$"
    for answers in ([answer(404, NOT_FOUND)], [traits(), answer(404, NOT_FOUND)]):
        with pytest.raises(Refused, match=why):
            row_of(*answers)
    assert 404 in next(segment().row("use_1")).hears
    for body in (b"<html>", {}, {"error": "not_found"}):
        with pytest.raises(Garbled, match="check baseUrl"):
            row_of(answer(404, body))


def test_a_refusal_tells_code_and_message_without_what_is_private() -> None:
    said = {"error": {"code": "validation_error", "message": "no\n\x1b[31m ada@example.com"}}
    with pytest.raises(Refused) as refused:
        row_of(answer(400, said))
    assert refused.value.reason == "Segment refuses it (400: validation_error: no \\x1b[31m (e-mail))"
    with pytest.raises(Refused, match=r"^Segment refuses it \(410\)$"):
        row_of(answer(410, b"<html>"))
    with pytest.raises(Garbled, match="an unexpected 202"):
        row_of(answer(202, {"traits": {}}))


# --- identifiers ------------------------------------------------------------------------------------------------------


def test_an_identifier_is_turned_into_its_segment_id_first() -> None:
    metadata = answer(200, {"segment_id": "use_1", "metadata": {}})
    asked, row = play(segment().row("user_id:42"), metadata, traits({"a": 1}), ids())
    assert [one.path.removeprefix(PROFILES) for one in asked] == [
        "/user_id:42/metadata",
        "/segment_id:use_1/traits?limit=200",
        "/segment_id:use_1/external_ids?limit=25",
    ]
    assert (row.name, row.fields["segment_id"]) == ("segment_id:use_1", Raw(b'"use_1"'))


@pytest.mark.parametrize("metadata", [{"metadata": {}}, {"segment_id": None}, {"segment_id": ""}])
def test_where_segment_does_not_tell_its_id_the_identifier_itself_serves(metadata: object) -> None:
    asked, row = play(segment().row("user_id:42"), answer(200, metadata), traits({"a": 1}), ids())
    assert [one.path.removeprefix(PROFILES).split("/")[1] for one in asked] == ["user_id:42"] * 3
    assert (row.name, sorted(row.fields)) == ("user_id:42", ["external_ids", "traits"])


def test_a_segment_id_with_its_type_needs_no_looking_up() -> None:
    asked, row = play(segment().row("segment_id:use_1"), traits(), ids())
    assert (len(asked), row.name) == (2, "segment_id:use_1")


@pytest.mark.parametrize(
    ("ref", "segment_of_path"),
    [
        ("email:ada+1@example.com", "email:ada%2B1%40example.com"),
        ("user_id:a/b?c#d", "user_id:a%2Fb%3Fc%23d"),
        ("user_id:100%", "user_id:100%25"),
        ("user_id:a:b", "user_id:a%3Ab"),
        ("user_id:é 😀", "user_id:%C3%A9%20%F0%9F%98%80"),
        ("user_id:..", "user_id:.."),
        ("ios.id:~a_b-c.d", "ios.id:~a_b-c.d"),
        ("my type:1", "my%20type:1"),
        (":", ":"),
        ("..", "segment_id:.."),
    ],
)
def test_an_identifier_is_one_segment_of_the_path_whatever_is_in_it(ref: str, segment_of_path: str) -> None:
    path = next(segment().row(ref)).path.removeprefix(PROFILES + "/")
    assert path.split("/")[0] == segment_of_path
    assert len(path.split("/")) == 2
    assert unquote(segment_of_path).endswith(ref)


def test_an_identifier_that_nobody_has_is_refused() -> None:
    with pytest.raises(Refused, match="does not know this profile"):
        row_of(answer(404, NOT_FOUND), ref="user_id:42")
    with pytest.raises(Garbled):
        row_of(answer(200, b"[]"), ref="user_id:42")


# --- the probe --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("good", [answer(404, NOT_FOUND), traits()])
def test_credentials_are_good_where_segment_answers_about_a_profile(good: Response) -> None:
    asked, _ = play(segment().probe(), good)
    assert [one.path for one in asked] == [PROFILES + "/segment_id:use_syncline_probe/traits?limit=1"]


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_name_what_to_check(status: int) -> None:
    with pytest.raises(Misconfigured) as wrong:
        play(segment(region="eu").probe(), answer(status, {"error": {"code": "authentication_error"}}))
    assert str(wrong.value) == (
        f"Segment refuses these credentials at https://profiles.euw1.segment.com ({status}): check accessToken and"
        " spaceId, and that the workspace lives in region eu"
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (answer(404, b"<html>"), r"does not answer like Segment's Profile API \(404\): check spaceId and baseUrl"),
        (answer(400, {"error": {"code": "validation_error", "message": "no"}}), r"\(400: validation_error: no\)"),
        (answer(301, location="https://elsewhere"), "redirects are never followed: check region and baseUrl"),
    ],
)
def test_another_answer_says_that_the_address_is_wrong(given: Response, told: str) -> None:
    with pytest.raises(Misconfigured, match=told):
        play(segment().probe(), given)
