"""Voucherify as conversations: bulk upserts and their actions, single upserts, the probe, customers read back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from play import answer, delivered, play, play_all, rejected
from play_voucherify import (
    ACTION,
    accepted,
    action,
    customers,
    done,
    done_inline,
    error,
    updated,
    voucherify,
)
from syncline.errors import Again, Garbled, Misconfigured, Refused, Unfinished
from syncline.model import Remember, Request, Response, Verdict
from syncline.ports import REMEMBERED

JSON = (("content-type", "application/json"),)
ABSENT = frozenset({404})
POLL = f"/v1/async-actions/{ACTION}"
NOT_FOUND = {
    "code": 404,
    "key": "not_found",
    "message": "Resource not found",
    "details": f"Cannot find async_action with id {ACTION}",
    "resource_type": "async_action",
}


def verdicts(response: Response, *ids: str) -> list[Verdict]:
    """What becomes of these customers when their action is told so, however often it is asked for."""
    conversation = voucherify().converse(customers(*ids))
    conversation.send(None)  # type: ignore[arg-type] # how a generator is begun
    conversation.send(accepted())
    conversation.send(REMEMBERED)
    try:
        for _ in range(5):
            conversation.send(response)
    except StopIteration as end:
        return list(end.value)
    raise AssertionError("it is asked for a sixth time")


def test_an_answer_without_sense_about_an_action_is_put_up_with_four_times() -> None:
    noise = [answer(200, b"<html>"), answer(204, b""), done(1, 0), action("??")]
    said, verdicts = play(voucherify().converse(customers("a", "b")), accepted(), *noise, done(2))
    assert list(verdicts) == [delivered(), delivered()]
    assert [one.method for one in said] == ["POST"] + ["GET"] * 5, "it was accepted, so it is not sent again"


def poll(pause_s: float) -> Request:
    return Request("api", "GET", POLL, pause_s=pause_s, hears=ABSENT)


# --- bulk upsert ------------------------------------------------------------------------------------------------------


def test_a_bulk_upsert_is_sent_remembered_and_asked_for_until_it_is_done() -> None:
    items = customers("a", "b")
    said, result = play_all(
        voucherify().converse(items), accepted(), action("ENQUEUED", progress=0), action("IN_PROGRESS"), done(2)
    )
    body = b'[{"source_id":"a","name":"Ada"},{"source_id":"b","name":"Ada"}]'
    assert said == [
        Request("bulk", "POST", "/v1/customers/bulk/async", body, JSON),
        Remember(ACTION.encode()),
        poll(1.0),
        poll(1.5),
        poll(2.25),
    ]
    assert result == [delivered(), delivered()]


def test_with_a_ticket_nothing_is_sent_and_the_first_question_does_not_wait() -> None:
    said, result = play_all(
        voucherify().converse(customers("a", "b"), ACTION.encode()), action("IN_PROGRESS"), done(1, 1, [error("a")])
    )
    assert said == [poll(0.0), poll(1.0)]
    assert result == [rejected("Invalid payload"), delivered()]


def asked_in_vain(most_s: float, ticket: bytes | None) -> tuple[list[float], str]:
    """The pauses before each question for an action that never ends, and the last word."""
    conversation = voucherify(pollTimeout=most_s).converse(customers("a"), ticket)
    pauses: list[float] = []
    try:
        request = next(conversation)
        while True:
            asks = isinstance(request, Request) and request.path == POLL
            pauses += [request.pause_s] if isinstance(request, Request) and asks else []
            request = conversation.send(action("ENQUEUED") if asks else accepted())
    except Unfinished as end:
        return pauses, str(end)


@pytest.mark.parametrize("ticket", [None, ACTION.encode()])
@pytest.mark.parametrize("most_s", [0.5, 1.0, 60.0, 900.0])
def test_questions_become_rarer_and_end_when_their_pauses_are_as_long_as_allowed(
    ticket: bytes | None, most_s: float
) -> None:
    pauses, word = asked_in_vain(most_s, ticket)
    assert word == f"the action {ACTION} has not ended after {most_s:g} s"
    assert sum(pauses) == pytest.approx(most_s)
    waits = pauses if ticket is None else pauses[1:]
    assert waits[0] == min(1.0, most_s)
    assert all(later == pytest.approx(min(20.0, pause * 1.5)) for pause, later in pairwise(waits[:-1]))
    assert len(waits) == {0.5: 1, 1.0: 1, 60.0: 9, 900.0: 51}[most_s]


@pytest.mark.parametrize(
    ("response", "reason", "field"),
    [
        (
            {
                "code": 400,
                "key": "invalid_payload",
                "message": "Invalid payload",
                "details": "Property .name must be string",
            },
            "Invalid payload: Property .name must be string",
            "name",
        ),
        (
            {
                "key": "invalid_payload",
                "message": "Invalid payload",
                "details": "Property .[3].address.city must be string",
            },
            "Invalid payload: Property .[3].address.city must be string",
            "address.city",
        ),
        (
            {
                "key": "metadata_validation_failed",
                "message": "Metadata validation failed",
                "details": "acquisition_channel: must be a string, property is required (actual value is 'snap')",
            },
            "Metadata validation failed: acquisition_channel: must be a string, property is required"
            " (actual value is 'snap')",
            "metadata.acquisition_channel",
        ),
        (
            {"key": "too_many_customers", "message": "Too many customers", "details": "Specify at most 100 customers"},
            "Too many customers: Specify at most 100 customers",
            "",
        ),
        (
            {"statusCode": 400, "error": "Bad Request", "message": "Invalid request payload JSON format"},
            "Invalid request payload JSON format",
            "",
        ),
        ({"code": 400, "key": "duplicate_found"}, "duplicate_found", ""),
        ({"message": "no ada@x.org\x1b[31m", "details": "no ada@x.org\x1b[31m"}, "no (e-mail)", ""),
        ({"message": "x" * 1_000}, "x" * 300, ""),
        (b"<html>", "refused with status 400", ""),
        (b"", "refused with status 400", ""),
        ({}, "refused with status 400", ""),
    ],
)
@pytest.mark.parametrize("api", ["bulk", "single"])
def test_a_refused_request_says_why(api: str, response: object, reason: str, field: str) -> None:
    destination = voucherify(api=api)
    with pytest.raises(Refused) as refused:
        play(destination.converse(customers("a", destination=destination)), answer(400, response))
    assert (refused.value.reason, refused.value.field, refused.value.too_large) == (reason, field, False)


@pytest.mark.parametrize(
    "body",
    [
        {
            "statusCode": 413,
            "error": "Request Entity Too Large",
            "message": "Payload content length greater than maximum allowed: 10485760",
        },
        {"code": 413, "message": "Payload content length greater than maximum allowed: 10485760"},
    ],
)
@pytest.mark.parametrize("api", ["bulk", "single"])
def test_too_large_is_told_in_two_ways(api: str, body: object) -> None:
    destination = voucherify(api=api)
    with pytest.raises(Refused, match=r"^Payload content length greater than maximum allowed: 10485760$") as refused:
        play(destination.converse(customers("a", destination=destination)), answer(413, body))
    assert refused.value.too_large


@pytest.mark.parametrize(
    "response",
    [
        answer(200, {"async_action_id": ACTION}),
        answer(201, {"async_action_id": ACTION}),
        answer(204, b""),
        answer(202, {}),
        answer(202, b""),
        answer(202, b"<html>"),
        answer(202, [ACTION]),
        answer(202, {"async_action_id": None}),
        answer(202, {"async_action_id": 5}),
        answer(202, {"async_action_id": ""}),
        answer(202, {"async_action_id": "../customers"}),
        answer(202, {"async_action_id": "a" * 101}),
    ],
)
def test_what_does_not_accept_a_bulk_upsert_leaves_it_in_doubt(response: Response) -> None:
    conversation = voucherify().converse(customers("a"))
    next(conversation)
    with pytest.raises(Garbled):
        conversation.send(response)


# --- actions ----------------------------------------------------------------------------------------------------------


def test_done_with_failures_is_read_by_source_id() -> None:
    errors = [
        error("b", "Property .name must be string"),
        error("d", "tier: must be a string (actual value is '5')", "metadata_validation_failed"),
    ]
    assert verdicts(done(2, 2, errors), "a", "b", "c", "d") == [
        delivered(),
        rejected("Invalid payload: Property .name must be string", "name"),
        delivered(),
        rejected("Invalid payload: tier: must be a string (actual value is '5')", "metadata.tier"),
    ]


def test_a_customer_listed_twice_is_rejected_once_for_the_first_reason() -> None:
    said = verdicts(done(1, 1, [error("a", "first"), error("a", "second")]), "a", "b")
    assert said == [rejected("Invalid payload: first"), delivered()]


def test_a_refusal_without_words_is_one_all_the_same() -> None:
    assert verdicts(done(0, 1, [{"source_id": "a"}]), "a") == [rejected("refused without a reason")]


@pytest.mark.parametrize(
    "response",
    [
        done(1),
        done(1, None, None),
        action("DONE", {"done_count": 1}),
        action("DONE", {"done_count": 1, "failed_count": 0, "errors": []}),
        action("DONE", {"done_count": 1, "failed_count": 0}, operation_status="UNKNOWN"),
        done_inline(1, [updated("a")]),
        done_inline(1, [updated("a")], failed_count=0),
        done_inline(1, []),
    ],
)
def test_done_and_nobody_failed(response: Response) -> None:
    assert verdicts(response, "a") == [delivered()]


def test_the_older_results_are_read_by_source_id() -> None:
    results = [updated("b", False), updated("a"), updated("c")]
    for counted in (2, 3):  # whether `done` counts those who were not updated is not said
        assert verdicts(done_inline(counted, results), "a", "b", "c") == [
            delivered(),
            rejected("not updated"),
            delivered(),
        ]


def test_a_reason_beats_the_bare_result() -> None:
    said = verdicts(done_inline(1, [updated("a", False), updated("b")], errors=[error("a", "why")]), "a", "b")
    assert said == [rejected("Invalid payload: why"), delivered()]


def test_an_action_that_failed_for_each_of_its_customers_has_an_end() -> None:
    """Sent again, they would fail again."""
    result = {"done_count": 0, "failed_count": 2, "errors": [error("b", "two"), error("a", "one")]}
    said = verdicts(action("FAILED", result, operation_status="FAILED"), "a", "b")
    assert said == [rejected("Invalid payload: one"), rejected("Invalid payload: two")]


def test_an_action_that_failed_after_some_were_done_is_sent_again_whole() -> None:
    with pytest.raises(Again):
        verdicts(action("FAILED", {"done_count": 1, "failed_count": 1, "errors": [error("a")]}), "a", "b")


def test_older_results_that_contradict_themselves_are_read_as_a_no() -> None:
    results = [updated("a", False), updated("a"), updated("b")]
    assert verdicts(done_inline(1, results), "a", "b") == [rejected("not updated"), delivered()]


def test_an_operation_that_failed_with_all_its_failures_listed_is_no_riddle() -> None:
    result = {"done_count": 0, "failed_count": 1, "errors": [error("a", "why")]}
    said = verdicts(action("DONE", result, operation_status="FAILED"), "a")
    assert said == [rejected("Invalid payload: why")]


@pytest.mark.parametrize(
    "response",
    [
        answer(200, b""),
        answer(200, b"<html>"),
        answer(200, b"[]"),
        answer(200, {}),
        answer(200, b'{"id":"' + ACTION.encode() + b'","status":"DONE"'),
        answer(201, {}),
        answer(202, {"async_action_id": ACTION}),
        answer(400, {"message": "Invalid payload"}),
        answer(410, b""),
        action("ACCEPTED"),
        action("done", {"done_count": 2, "failed_count": 0, "errors": []}),
        action("DONE", {"done_count": 2, "failed_count": 0, "errors": []}, id="aa_another"),
    ],
)
def test_what_is_no_news_of_an_action_leaves_all_in_doubt(response: Response) -> None:
    with pytest.raises(Garbled):
        verdicts(response, "a", "b")


@pytest.mark.parametrize(
    "response",
    [
        action("DONE"),
        action("DONE", []),
        action("DONE", {}),
        action("DONE", {"done_count": 2, "failed_count": 0, "errors": []}, operation_status="FAILED"),
        action("DONE", operation_status="FAILED"),
        done(None),
        done("2"),
        done(2.0),
        done(True),
        done(1),
        done(3),
        done(-2),
        done(2, "0"),
        done(2, False),
        done(2, 1),
        done(1, 1),
        done(1, 1, "errors"),
        done(1, 1, {"a": "no"}),
        done(1, 1, ["a"]),
        done(1, 1, [error(None)]),
        done(1, 1, [error(5)]),
        done(1, 1, [error("x")]),
        done(1, 1, [error("A")]),
        done(1, 1, [{"message": "no"}]),
        done(1, 1, [error("a"), error("b")]),
        done(2, 1, [error("a")]),
        done(1, 1, [error("a"), error("x")]),
        done_inline(2, [updated("a")]),
        done_inline(2, [updated("a"), updated("x")]),
        done_inline(3, [updated("a"), updated("b"), updated("c")]),
        done_inline(2, [updated("a"), updated(None)]),
        done_inline(2, [updated("a"), updated("b", None)]),
        done_inline(2, [updated("a"), updated("b", "true")]),
        done_inline(2, {"a": True, "b": True}),
        done_inline(1, [updated("a"), updated("b")]),
        done_inline(None, [updated("a"), updated("b")]),
        done_inline(2, [updated("a"), updated("b")], failed_count=1),
        done_inline(2, [updated("a"), updated("b")], errors=[error("x")]),
    ],
)
def test_an_action_that_does_not_settle_everybody_leaves_all_in_doubt(response: Response) -> None:
    with pytest.raises(Refused, match=f"the action {ACTION} is DONE, but "):
        verdicts(response, "a", "b")


@pytest.mark.parametrize(
    ("response", "word"),
    [
        (done(8, 2, [error("a")]), "it lists 1 of 2 errors"),
        (done(9, 1), "it lists 0 of 1 error"),
        (done(3), "it counts 3 done and 0 failed of 10 customers, and lists 0 errors"),
        (done(10, 1, [error("a")]), "it counts 10 done and 1 failed of 10 customers, and lists 1 error"),
        (done("10"), "its counts are no numbers"),
        (done(9, 1, [error("x")]), "it names a customer that was not sent"),
        (done(9, 1, [error(None)]), "it lists a customer without a source_id"),
        (action("DONE"), "it has no result"),
        (
            action("DONE", {"done_count": 10, "failed_count": 0}, operation_status="FAILED"),
            "its operation failed, and it lists nobody",
        ),
    ],
)
def test_an_action_that_is_done_and_contradicts_itself_is_sent_again_in_halves(response: Response, word: str) -> None:
    """It is asked for three times more within seconds, however long it took: then the engine halves."""
    conversation = voucherify().converse(customers(*"abcdefghij"))
    said = [next(conversation), conversation.send(accepted()), conversation.send(REMEMBERED)]
    said += [conversation.send(action("IN_PROGRESS")) for _ in range(8)]
    said += [conversation.send(response) for _ in range(3)]
    assert said[-3:] == [poll(1.0), poll(2.0), poll(4.0)]
    with pytest.raises(Refused) as refusal:
        conversation.send(response)
    assert refusal.value.reason == f"the action {ACTION} is DONE, but {word}"


def test_a_list_that_comes_late_is_waited_for() -> None:
    talk = [action("IN_PROGRESS"), done(1, 1), answer(200, b"<html>"), done(1, 1, [error("a")])]
    said, result = play(voucherify().converse(customers("a", "b")), accepted(), *talk)
    assert list(result) == [rejected("Invalid payload"), delivered()]
    assert [one.pause_s for one in said] == [0.0, 1.0, 1.5, 1.0, 2.0]


@pytest.mark.parametrize(
    ("ticket", "word"),
    [(None, Unfinished), (ACTION.encode(), Again)],
    ids=["of this run stays in doubt", "of an earlier run is sent again"],
)
def test_one_customer_of_whom_an_action_does_not_tell(ticket: bytes | None, word: type[Exception]) -> None:
    conversation = voucherify().converse(customers("a"), ticket)
    with pytest.raises(word, match="is DONE, but it counts 2 done and 0 failed of 1 customer, and lists 0 errors"):
        play(conversation, *([] if ticket else [accepted()]), *[done(2)] * 4)


def test_when_halves_contradict_themselves_time_and_again_no_more_are_sent() -> None:
    """Each is a call of the hourly allowance: what still contradicts itself is left in doubt as it is."""
    destination = voucherify()

    def word(response: Response, answers: int) -> str:
        conversation = destination.converse(customers("a", "b"), ACTION.encode())
        try:
            play(conversation, *[response] * answers)
        except (Refused, Unfinished) as raised:
            return type(raised).__name__
        return "told"

    assert Counter(word(done(1), 4) for _ in range(60)) == {"Refused": 50, "Unfinished": 10}
    assert [word(done(2), 1), word(done(1), 4)] == ["told", "Refused"]


@pytest.mark.parametrize("listed", [[], [error("a", "bad")], [error("a", "bad"), error("a")]])
def test_where_everybody_failed_who_is_not_listed_is_refused_without_a_reason(listed: list[object]) -> None:
    """And is sent again by the next run, as nobody said what to mend."""
    nameless = rejected("refused without a reason")._replace(passing=True)
    assert verdicts(done(0, 2, listed), "a", "b") == [
        rejected("Invalid payload: bad") if listed else nameless,
        nameless,
    ]
    assert verdicts(done(0, 1), "a") == [nameless]


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (answer(404, NOT_FOUND), f"Voucherify does not know the action {ACTION}, which it accepted"),
        (answer(404, b""), f"Voucherify does not know the action {ACTION}, which it accepted"),
        (action("FAILED"), f"the action {ACTION} failed"),
        (action("FAILED", {"message": "out of memory"}), f"the action {ACTION} failed: out of memory"),
        (action("FAILED", None, message="no"), f"the action {ACTION} failed: no"),
        (action("FAILED", {"done_count": 1, "failed_count": 0, "errors": []}), f"the action {ACTION} failed"),
        (action("FAILED", {"done_count": 0, "failed_count": 1, "errors": []}), f"the action {ACTION} failed"),
        (action("FAILED", {"done_count": 0, "failed_count": 1, "errors": [error("x")]}), f"the action {ACTION} failed"),
    ],
)
@pytest.mark.parametrize("ticket", [None, ACTION.encode()])
def test_an_action_that_came_to_nothing_may_be_sent_again(
    ticket: bytes | None, response: Response, reason: str
) -> None:
    begun = [] if ticket else [accepted()]
    with pytest.raises(Again) as again:
        play(voucherify().converse(customers("a"), ticket), *begun, response)
    assert str(again.value) == reason


def outcome_of(response: Response, ids: Sequence[str]) -> list[Verdict] | None:
    try:
        return verdicts(response, *ids)
    except (Refused, Unfinished):
        return None


some_ids = st.lists(st.sampled_from(["a", "b", "c", "A", "10", "x"]), max_size=6)
odd_entry = st.sampled_from([error(None), error(10), "a", None, {"message": "no"}])
counts = st.integers(-1, 6) | st.sampled_from([None, True, 1.0, "1"])


@given(
    st.sets(st.sampled_from(["a", "b", "c", "10"]), min_size=1).map(sorted),
    some_ids,
    st.lists(odd_entry, max_size=1),
    counts,
    counts,
    st.booleans(),
)
def test_exactly_the_listed_are_rejected_or_nobody_knows(
    sent: list[str], listed: list[str], odd: list[object], done_count: object, failed_count: object, adds_up: bool
) -> None:
    if adds_up:
        done_count, failed_count = len(set(sent) - set(listed)), len(set(listed))
    said = outcome_of(done(done_count, failed_count, [*(error(one, one) for one in listed), *odd]), sent)
    nobody = (done_count, failed_count) == (0, len(sent))
    other = rejected("refused without a reason")._replace(passing=True) if nobody else delivered()
    expected = [rejected(f"Invalid payload: {one}") if one in listed else other for one in sent]
    assert said in (None, expected)
    if adds_up:
        assert (said is None) == bool(odd or set(listed) - set(sent))


@given(
    st.sets(st.sampled_from(["a", "b", "c", "10"]), min_size=1).map(sorted),
    st.dictionaries(st.sampled_from(["a", "b", "c", "10", "x"]), st.booleans(), min_size=1),
    counts,
)
def test_older_results_settle_everybody_or_nobody(sent: list[str], told: dict[str, bool], done_count: object) -> None:
    said = outcome_of(done_inline(done_count, [updated(one, was) for one, was in told.items()]), sent)
    expected = [delivered() if told.get(one) else rejected("not updated") for one in sent]
    assert said in (None, expected)
    whole = isinstance(done_count, int) and not isinstance(done_count, bool)
    right = whole and done_count in {len(sent), sum(told.values())}
    assert (said is not None) == (set(told) == set(sent) and right)


json_noise = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from(["DONE", "FAILED", "a", ACTION, ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "status", "result", "results", "errors", "done_count", "failed_count", "source_id", "updated"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


def word_on(response: Response) -> str | list[type]:
    """What a conversation with a ticket makes of its first answer."""
    conversation = voucherify().converse(customers("a", "b"), ACTION.encode())
    next(conversation)
    try:
        for _ in range(5):
            conversation.send(response)
    except StopIteration as end:
        return [type(verdict) for verdict in end.value]
    except (Garbled, Again, Refused) as word:
        return type(word).__name__
    return "asks again"


@given(json_noise, st.sampled_from(["DONE", "FAILED", "ENQUEUED"]))
def test_whatever_an_action_tells_there_are_verdicts_or_a_word_for_the_engine(result: object, status: str) -> None:
    told = word_on(action(status, result))
    if status == "DONE":
        assert told in ("Refused", [Verdict, Verdict])
    else:
        assert told in {"FAILED": ("Again", [Verdict, Verdict]), "ENQUEUED": ("asks again",)}[status]
    assert word_on(answer(200, result)) in ("Garbled", "Again", "Refused", "asks again", [Verdict, Verdict])


# --- single -----------------------------------------------------------------------------------------------------------


def test_a_single_upsert_is_one_post_that_answers_with_the_customer() -> None:
    destination = voucherify(api="single")
    found = {"id": "cust_eWgXlBBiY6THFRJwX45Iakv4", "source_id": "ü/1", "name": "Ada", "object": "customer"}
    asked, said = play(destination.converse(customers("ü/1", destination=destination)), answer(200, found))
    assert asked == [Request("api", "POST", "/v1/customers", '{"source_id":"ü/1","name":"Ada"}'.encode(), JSON)]
    assert said == [delivered()]


@pytest.mark.parametrize(
    "response",
    [
        answer(200, {}),
        answer(200, {"source_id": "A"}),
        answer(200, {"source_id": None, "id": "a"}),
        answer(200, b"[]"),
        answer(200, b"<html>"),
        answer(201, {"source_id": "a"}),
        answer(202, {"async_action_id": ACTION}),
        answer(204, b""),
    ],
)
def test_a_single_upsert_of_somebody_else_is_no_success(response: Response) -> None:
    destination = voucherify(api="single")
    with pytest.raises(Garbled):
        play(destination.converse(customers("a", destination=destination)), response)


# --- probe ------------------------------------------------------------------------------------------------------------


def trouble(response: Response, region: str = "eu") -> str:
    with pytest.raises(Misconfigured) as wrong:
        play(voucherify(region=region).probe(), response)
    return str(wrong.value)


@pytest.mark.parametrize("listed", [[], [{"id": "cust_1", "object": "customer"}]])
def test_a_list_of_customers_is_no_news(listed: list[object]) -> None:
    body = {"object": "list", "data_ref": "customers", "customers": listed, "total": len(listed), "has_more": False}
    asked, _ = play(voucherify().probe(), answer(200, body))
    assert asked == [Request("api", "GET", "/v1/customers?limit=1")]


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (401, {"code": 401, "message": "Unauthorized", "key": "unauthorized"}, "(401: Unauthorized)"),
        (403, {"code": 403, "message": "Missing permission"}, "(403: Missing permission)"),
        (403, b"<html>", "(403)"),
    ],
)
def test_refused_credentials_name_themselves_and_the_region(status: int, body: object, told: str) -> None:
    said = trouble(answer(status, body), region="us")
    assert said == (
        f"Voucherify refuses these credentials at https://us1.api.voucherify.io {told}: check applicationId and"
        " secretKey, and that the project lives in region us"
    )


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("https://login.example.org/x?token=1", "https://login.example.org"),
        ("https://user:secret@evil.example", "https://evil.example"),
        ("/elsewhere", "an unnamed place"),
        ("", "an unnamed place"),
        ("http://[", "an unnamed place"),
    ],
)
def test_a_redirect_is_never_followed(location: str, place: str) -> None:
    said = trouble(answer(302, b"", location=location))
    assert said.endswith(f"redirects to {place}, and redirects are never followed: check region and baseUrl")


@pytest.mark.parametrize(
    ("response", "told"),
    [
        (answer(200, b"<html>"), "(200)"),
        (answer(200, {"customers": None}), "(200)"),
        (answer(200, [1]), "(200)"),
        (answer(204, b""), "(204)"),
        (answer(402, {"key": "missing_required_feature", "message": "Payment required"}), "(402: Payment required)"),
        (answer(404, {"code": 404, "message": "Resource not found"}), "(404: Resource not found)"),
        (answer(500, b""), "(500)"),
    ],
)
def test_somebody_else_at_the_address(response: Response, told: str) -> None:
    expected = f"https://api.voucherify.io does not list customers as Voucherify does {told}: check region and baseUrl"
    assert trouble(response) == expected


# --- reading back -----------------------------------------------------------------------------------------------------


def test_customers_are_looked_up_one_by_one() -> None:
    keys = ["source_id:7", "source_id:a/b?c", "source_id:é", "source_id:gone"]
    held = [{"source_id": "7", "name": "Ada", "metadata": {"tier": "gold"}}, {"source_id": "a/b?c"}, {"source_id": "é"}]
    asked, found = play(
        voucherify().look_up(keys), *(answer(200, one) for one in held), answer(404, {"message": "Resource not found"})
    )
    assert asked == [
        Request("api", "GET", f"/v1/customers/{path}", hears=ABSENT) for path in ("7", "a%2Fb%3Fc", "%C3%A9", "gone")
    ]
    assert found == dict(zip(keys, [*held, None], strict=True))


def test_no_keys_are_no_request() -> None:
    assert play(voucherify().look_up([])) == ([], {})


@pytest.mark.parametrize(
    "response",
    [
        answer(200, b"<html>"),
        answer(200, {}),
        answer(200, {"id": "cust_1", "source_id": "somebody else"}),
        answer(204, b""),
    ],
)
def test_an_unreadable_look_up_says_so(response: Response) -> None:
    with pytest.raises(Garbled):
        play(voucherify().look_up(["source_id:cust_1"]), response)


def test_a_refused_look_up_says_why() -> None:
    with pytest.raises(Refused, match=r"^Unauthorized$"):
        play(voucherify().look_up(["source_id:1"]), answer(401, {"message": "Unauthorized"}))


@pytest.mark.parametrize("dots", [".", ".."])
def test_a_path_cannot_hold_dots_and_a_bulk_upsert_can(dots: str) -> None:
    with pytest.raises(Refused, match="cannot stand in a path"):
        play(voucherify().look_up([f"source_id:{dots}"]))
    (item,) = customers(dots)
    assert json.loads(item.payload)["source_id"] == dots
