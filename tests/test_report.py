"""What a run did → figures that add up, as JSON and in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.errors import Bug
from syncline.flow.report import SHOWN_PROBLEMS, WORDS_GROUPS, FailOn, Preview, ProblemGroup, Report, RowProblem
from syncline.model import Outcome, RowRef, Stop

ROUGH = Stop("source", "users.csv: found the end of the file")


def report(
    counts: Mapping[str, int],
    *,
    problems: Sequence[RowProblem] = (),
    groups: Sequence[ProblemGroup] = (),
    stopped: Stop | None = None,
    requests: int = 2,
    warnings: Sequence[str] = (),
    caveats: Sequence[str] = (),
    lost: int = 0,
    nothing_left: bool = False,
    new_problems: int = 0,
    fail_on: FailOn = "any",
) -> Report:
    """`counts` by outcome, the others are 0; `lost`: rows that were read and never ended."""
    return Report(
        run=7,
        status="finished",
        read=sum(counts.values()) + lost,
        counts={outcome: counts.get(outcome, 0) for outcome in Outcome},
        requests=requests,
        bytes=1_234,
        seconds=1.23456,
        problems=problems,
        groups=groups,
        stopped=stopped,
        warnings=warnings,
        caveats=caveats,
        nothing_left=nothing_left,
        new_problems=new_problems,
        fail_on=fail_on,
    )


def problem(
    row: int = 3, outcome: Outcome = Outcome.INVALID, reason: str = "long", field: str = "plan", rule: str = ""
) -> RowProblem:
    return RowProblem(RowRef("users.csv", row, row + 1), "id:7258", field, outcome, reason, rule)


@pytest.mark.promise("A1")
@given(
    st.dictionaries(st.sampled_from([str(outcome) for outcome in Outcome]), st.integers(0, 1_000)), st.integers(-2, 2)
)
def test_every_row_read_has_exactly_one_outcome(counts: dict[str, int], lost: int) -> None:
    made = report(counts, lost=lost)
    if not lost:
        made.check()
        return
    with pytest.raises(Bug, match="please report this"):
        made.check()


@pytest.mark.promise("A4")
@pytest.mark.parametrize(
    ("counts", "stopped", "code"),
    [
        ({"delivered": 3, "unchanged": 2, "folded": 1}, None, 0),
        ({}, None, 0),
        ({"delivered": 3, "invalid": 1}, None, 1),
        ({"rejected": 1}, None, 1),
        ({"deferred": 1}, None, 3),
        ({"unknown": 1}, None, 3),
        ({"invalid": 1, "rejected": 1, "unknown": 1}, None, 3),
        ({"delivered": 3}, ROUGH, 3),
        ({"invalid": 1}, ROUGH, 3),
        ({"deferred": 1, "invalid": 1}, Stop("interrupted", "Ctrl-C"), 130),
        ({"unknown": 1}, Stop("terminated", "asked to end"), 143),
        ({"unknown": 1}, Stop("bug", "ours"), 70),
    ],
)
def test_the_gravest_decides_the_exit_code(counts: Mapping[str, int], stopped: Stop | None, code: int) -> None:
    assert report(counts, stopped=stopped).exit_code == code


@pytest.mark.parametrize(
    ("counts", "stopped", "code"),
    [
        ({"delivered": 4}, None, 0),
        ({"delivered": 4, "invalid": 1}, None, 1),
        ({"delivered": 4}, ROUGH, 3),  # what the source did not give is still missing
        ({"delivered": 4}, Stop("interrupted", "Ctrl-C"), 0),  # which came when all was done
        ({"delivered": 4, "rejected": 1}, Stop("outage", "no answer"), 1),
    ],
)
def test_nothing_left_to_resume_ends_as_the_rows_did(
    counts: Mapping[str, int], stopped: Stop | None, code: int
) -> None:
    assert report(counts, stopped=stopped, nothing_left=True).exit_code == code


@pytest.mark.parametrize(
    ("fail_on", "new", "code"), [("any", 0, 1), ("any", 2, 1), ("new", 0, 0), ("new", 2, 1), ("never", 2, 0)]
)
def test_rows_that_were_bad_last_time_may_be_forgiven(fail_on: FailOn, new: int, code: int) -> None:
    assert report({"invalid": 2, "rejected": 1}, new_problems=new, fail_on=fail_on).exit_code == code
    assert report({"invalid": 2, "deferred": 1}, new_problems=new, fail_on=fail_on).exit_code == 3


def test_the_json_of_a_run() -> None:
    stop = Stop("throttled", "Customer.io asks for patience", 1_700_000_000.0)
    made = report(
        {"delivered": 3, "invalid": 1},
        problems=[problem()],
        groups=[ProblemGroup(1, problem())],
        stopped=stop,
        warnings=["w"],
        caveats=["c"],
    )
    bad: dict[str, object] = {"file": "users.csv", "row": 3, "line": 4, "key": "id:7258", "field": "plan"}
    bad |= {"outcome": "invalid", "reason": "long", "rule": "", "since": None}
    assert json.loads(json.dumps(made.as_json())) == {
        "run": 7,
        "status": "finished",
        "read": 4,
        "counts": {
            "delivered": 3,
            "unchanged": 0,
            "folded": 0,
            "invalid": 1,
            "rejected": 0,
            "deferred": 0,
            "unknown": 0,
        },
        "deletes": dict.fromkeys(Outcome, 0),
        "requests": 2,
        "sourceRequests": 0,
        "bytes": 1234,
        "seconds": 1.235,
        "killed": 0,
        "problems": [bad],
        "groups": [{"outcome": "invalid", "rule": "", "field": "plan", "count": 1, "first": bad}],
        "newProblems": 0,
        "stopped": {
            "reason": "throttled",
            "message": "Customer.io asks for patience",
            "retryAt": 1_700_000_000.0,
        },
        "warnings": ["w"],
        "caveats": ["c"],
        "notes": [],
    }


def test_the_json_of_a_run_holds_no_more_than_a_hundred_problems() -> None:
    made = report({"invalid": 150}, problems=[problem(row) for row in range(1, 151)])
    shown = made.as_json()["problems"]
    assert isinstance(shown, list)
    assert [entry["row"] for entry in shown] == list(range(1, SHOWN_PROBLEMS + 1))


def test_the_words_of_a_good_run_are_one_line() -> None:
    assert report({"delivered": 1_200, "unchanged": 34}).lines() == [
        "run 7 finished: 1,234 read = 1,200 delivered, 34 unchanged (2 requests, 1.2 s)"
    ]
    assert report({"delivered": 1}, requests=1).lines()[0].endswith("1 read = 1 delivered (1 request, 1.2 s)")
    assert report({}, requests=0).lines() == ["run 7 finished: 0 read = no rows (0 requests, 1.2 s)"]


@pytest.mark.parametrize(
    ("requests", "cost"),
    [
        (0, "how many requests it had sent is not known"),
        (2, "at least 2 requests, 1.2 s: a part of it was killed, and is not counted"),
    ],
)
def test_what_a_run_cost_that_died_is_not_told_as_nothing(requests: int, cost: str) -> None:
    told = replace(report({"delivered": 3}, requests=requests), killed=1)
    assert told.lines()[0].endswith(f"3 delivered ({cost})")


def test_the_words_of_a_bad_run() -> None:
    stop = Stop("breaker", "too many\nfaults", 1_700_000_000.5)
    groups = [ProblemGroup(1, problem()), ProblemGroup(1, problem(9, Outcome.UNKNOWN, "no answer", field=""))]
    made = report(
        {"delivered": 1, "invalid": 1, "unknown": 1}, groups=groups, stopped=stop, warnings=["w"], caveats=["c"]
    )
    assert made.lines()[1:] == [
        "note: c",
        "warning: w",
        "  invalid   users.csv row 3 (line 4)  id:7258  plan: long",
        "  unknown   users.csv row 9 (line 10)  id:7258  no answer",
        "stopped (breaker): too many\\nfaults (not before 2023-11-14T22:13:20+00:00)",
    ]


def test_a_caveat_is_told_where_something_was_delivered() -> None:
    assert len(report({"unchanged": 1}, caveats=["c"]).lines()) == 1


def test_rows_that_failed_in_the_same_way_are_told_once() -> None:
    made = report(
        {"invalid": 1_500},
        problems=[problem(row) for row in range(1, 101)],
        groups=[ProblemGroup(1_500, problem(rule="value-too-long"))],
    )
    assert made.lines()[1:] == [
        "  invalid   1,500 rows  plan: long (value-too-long); the first: users.csv row 3 (line 4)  id:7258",
        "  each of them: syncline report CONFIG --run 7",
    ]
    assert made.lines(all_problems=True)[1:] == [
        "  invalid   1,500 rows  plan: long (value-too-long)",
        *(f"    {one}" for one in made.problems),
    ]


def test_a_report_names_every_row_once() -> None:
    rows = [problem(3), problem(9, Outcome.UNKNOWN, "no answer", field="")]
    made = report({"invalid": 1, "unknown": 1}, problems=rows, groups=[ProblemGroup(1, row) for row in rows])
    assert made.lines(all_problems=True)[1:] == [f"    {row}" for row in rows]


def test_a_report_of_a_million_rows_shows_a_thousand_and_says_where_the_others_are() -> None:
    rows = [problem(row) for row in range(1, 1_003)]
    lines = report({"deferred": 1_002}, problems=rows).lines(all_problems=True)
    assert lines[-2:] == [f"    {rows[999]}", "    … and 2 more: --csv FILE and --jsonl FILE have every row"]


def test_the_summary_names_the_command_that_tells_the_rest() -> None:
    made = report({"invalid": 2}, groups=[ProblemGroup(2, problem())])
    assert made.lines(command="syncline report 'my users.yaml'")[-1] == (
        "  each of them: syncline report 'my users.yaml' --run 7"
    )


def test_many_ways_to_fail_are_cut_short() -> None:
    groups = [ProblemGroup(1, problem(row, reason=f"way {row}")) for row in range(1, 21)]
    lines = report({"invalid": 20}, groups=groups).lines()
    assert len(lines) == 1 + WORDS_GROUPS + 1
    assert lines[-1] == "  each of them: syncline report CONFIG --run 7"


def test_what_is_new_since_the_last_run_is_told() -> None:
    groups = [ProblemGroup(5, problem())]
    assert (
        "  2 of them were not so in the last whole run" in report({"invalid": 5}, groups=groups, new_problems=2).lines()
    )
    assert len(report({"invalid": 5}, groups=groups, new_problems=5).lines()) == 3


def test_a_hostile_row_cannot_move_the_cursor() -> None:
    row = RowRef("a\x1b[2Jb.csv", 1, 0)
    line = str(RowProblem(row, "id:\x9b31m\u202e", "na\nme", Outcome.REJECTED, "no\r\x00"))
    assert line == r"rejected  a\x1b[2Jb.csv row 1  id:\x9b31m\u202e  na\nme: no\r\x00"
    assert line.isprintable()


def test_a_row_without_a_key() -> None:
    assert str(RowProblem(RowRef("f", 1, 0), "", "", Outcome.INVALID, "no row")) == "invalid   f row 1  no row"


def preview(payload: object, stopped: Stop | None = None) -> Preview:
    counts = {"new": 1_000, "changed": 0, "unchanged": 5}
    return Preview(
        counts,
        {"plan\x1b": 1_000},
        3,
        5_678,
        2.34567,
        [{"key": "id:1", "payload": payload}],
        ["w"],
        ["n"],
        [ProblemGroup(1, problem())],
        stopped,
    )


def test_the_words_of_a_preview_show_the_payload_and_move_no_cursor() -> None:
    assert preview(msgspec.Raw('{"plan":"a\x9b\u202eb"}'.encode())).lines() == [
        "would send: 1,000 new, 5 unchanged",
        "in 3 requests, 5,678 bytes, about 2 s",
        r"  plan\x1b: 1,000 people",
        r'sample id:1: {"plan":"a\x9b\u202eb"}',
        "  invalid   users.csv row 3 (line 4)  id:7258  plan: long",
        "note: n",
        "warning: w",
    ]


def test_the_json_of_a_preview() -> None:
    document = json.loads(msgspec.json.encode(preview(msgspec.Raw(b'{"ltv":1.50}')).as_json()))
    assert document == {
        "counts": {"new": 1000, "changed": 0, "unchanged": 5},
        "fields": {"plan\x1b": 1000},
        "requests": 3,
        "bytes": 5678,
        "seconds": 2.346,
        "samples": [{"key": "id:1", "payload": {"ltv": 1.5}}],
        "warnings": ["w"],
        "notes": ["n"],
        "groups": [ProblemGroup(1, problem()).as_json()],
        "stopped": None,
    }


def test_a_preview_of_a_broken_source() -> None:
    made = preview({}, ROUGH)
    assert (preview({}).exit_code, made.exit_code) == (0, 3)
    assert made.lines()[-1] == "stopped (source): users.csv: found the end of the file"
    assert made.as_json()["stopped"] == {"reason": "source", "message": ROUGH.message, "retryAt": None}


@pytest.mark.parametrize(("reason", "code"), [("credentials", 3), ("interrupted", 130), ("terminated", 143)])
def test_a_preview_that_could_read_nothing_says_why_and_nothing_else(reason: str, code: int) -> None:
    made = Preview({"new": 0}, {}, 0, 0, 0.0, [], notes=["no ledger yet"], stopped=Stop(reason, "refused"))
    assert (made.lines(), made.exit_code) == ([f"stopped ({reason}): refused"], code)


def test_a_preview_of_nothing() -> None:
    made = Preview({"new": 0}, {}, 0, 0, 0.0, [])
    assert made.lines() == ["would send: nothing to do", "in 0 requests, 0 bytes, about 0 s"]
