"""What the destination refused is not sent again while row and mapping stay as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import syncline as library
from conftest import Local, Project, Syncline, people, writes
from syncline.delivery import Gauge
from syncline.flow.report import Report
from syncline.model import Outcome

ROWS = [{"id": at, "name": f"Ada {at}", "plan": "pro"} for at in range(1, 6)]


def refused(project: Project, local: Local, fail_on: str = "any") -> str:
    """A first run of which the API refuses the one in the middle → the configuration."""
    config = str(project.config(failOn=fail_on))
    local.turn("partial:first=1")
    first = library.run(config, ROWS)
    assert (first.counts[Outcome.DELIVERED], first.counts[Outcome.REJECTED]) == (4, 1)
    assert [problem.key for problem in first.problems] == ["id:3"]
    assert first.problems[0].since is None
    local.turn()
    return config


class Killed(Exception):
    """As if the process had died."""


class Deadly:
    """Dies when the delivery begins."""

    def planning(self, rows: int, share: float | None) -> None:
        return

    @contextmanager
    def delivering(self, gauge: Gauge) -> Iterator[None]:
        raise Killed
        yield


def counted(report: Report) -> dict[str, int]:
    return {str(outcome): count for outcome, count in report.counts.items() if count}


def test_a_refused_row_is_reported_each_run_and_costs_no_request(project: Project, local: Local) -> None:
    config = refused(project, local)
    before = writes(local)
    for number in (2, 3):
        again = library.run(config, ROWS)
        assert (again.run, counted(again), again.exit_code) == (number, {"unchanged": 4, "rejected": 1}, 1)
        assert again.problems[0].since == 1
        assert "rejected since run 1, and not sent again" in str(again.problems[0])
        assert again.as_json()["problems"][0]["since"] == 1  # type: ignore[index] # the shape of a report
    assert writes(local) == before


def test_a_row_or_a_mapping_that_changed_is_sent(project: Project, local: Local) -> None:
    config = refused(project, local)
    changed = library.run(config, [*ROWS[:2], {**ROWS[2], "plan": "free"}, *ROWS[3:]])
    assert counted(changed) == {"unchanged": 4, "delivered": 1}
    assert counted(library.run(config, ROWS)) == {"unchanged": 4, "delivered": 1}  # what was refused once is forgiven
    assert people(local)["3"]["plan"] == "pro"


def test_another_mapping_sends_it(project: Project, local: Local) -> None:
    refused(project, local)
    config = project.config("name")
    assert library.run(config, ROWS).counts[Outcome.DELIVERED] == 5


@pytest.mark.parametrize("words", [{"retry_rejected": True}, {"full": True}, {"only": "3"}])
def test_it_is_sent_when_it_is_asked_for(project: Project, local: Local, words: dict[str, object]) -> None:
    config = refused(project, local)
    assert library.run(config, ROWS, **words).counts[Outcome.REJECTED] == 0  # type: ignore[arg-type] # one of several
    assert people(local)["3"]["plan"] == "pro"
    assert counted(library.run(config, ROWS)) == {"unchanged": 5}


def test_it_wins_over_a_doubt_for_that_body_and_not_for_another(project: Project, local: Local) -> None:
    config = refused(project, local)
    other = [{**ROWS[2], "plan": "free"}]
    with pytest.raises(Killed):  # before a word could be recorded: the key is in doubt
        library.run(config, other, watch=Deadly())
    assert counted(library.run(config, [ROWS[2]])) == {"rejected": 1}
    assert counted(library.run(config, other)) == {"delivered": 1}


def test_a_refused_row_that_is_refused_again_keeps_its_first_run(project: Project, local: Local) -> None:
    config = refused(project, local)
    local.app.script(207, b'{"errors":[{"batch_index":0,"reason":"invalid","message":"still no"}]}')
    retried = library.run(config, ROWS, retry_rejected=True)
    assert (counted(retried), retried.problems[0].since) == ({"unchanged": 4, "rejected": 1}, None)
    assert library.run(config, ROWS).problems[0].since == 1


def test_a_repeated_key_is_compared_as_it_would_travel(project: Project, local: Local) -> None:
    config = refused(project, local)
    twice = [*ROWS, {"id": 3, "name": "Ada 3"}]
    assert counted(library.run(config, twice)) == {"unchanged": 4, "folded": 1, "rejected": 1}
    assert counted(library.run(config, [*twice, {"id": 3, "plan": "free"}]))["delivered"] == 1


def test_fail_on_new_takes_it_for_known(project: Project, local: Local) -> None:
    config = refused(project, local, "new")
    assert library.run(config, ROWS).exit_code == 0


def test_the_command_line_sends_it_again(project: Project, local: Local, syncline: Syncline) -> None:
    config, data = refused(project, local), project.data(ROWS)
    dry = syncline("run", config, "-d", data, "--dry-run", "--json").document
    assert (dry["counts"]["rejected"], dry["requests"]) == (1, 0)
    ended = syncline("run", config, "-d", data, "--retry-rejected", "--json")
    assert (ended.code, ended.document["counts"]["delivered"]) == (0, 1)
    assert syncline("run", config, "--resume", "--retry-rejected").code == 2
