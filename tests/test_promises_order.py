"""Order, where it counts and where it does not; and who is who."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

import syncline as library
from conftest import Emulate, Local, Project, Row, people
from syncline.model import Outcome
from virtual import Call, Gust, SimulatedApi, Sync

NFC, NFD = "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "cafe\N{COMBINING ACUTE ACCENT}"


def some_rows(seed: int) -> list[Row]:
    """Many rows of few people, each with some of the fields."""
    dice = Random(seed)
    fields = ("name", "plan", "city", "age")
    return [
        {"id": dice.randint(1, 4)} | {field: f"{field} {row}" for field in fields if dice.random() < 0.5}
        for row in range(14)
    ]


@pytest.mark.promise("O3", "O2")
@pytest.mark.parametrize("seed", range(3))
def test_rows_folded_into_one_leave_what_all_of_them_in_order_leave(
    tmp_path: Path, emulate: Emulate, seed: int
) -> None:
    folded, one_by_one = emulate(), emulate()
    names, rows = ("name", "plan", "city", "age"), some_rows(seed)
    project = Project(tmp_path, folded.url)
    report = library.run(project.config(*names), rows)
    assert report.counts[Outcome.FOLDED] == 14 - len(people(folded))
    config = project.config(*names, file="one-by-one.json", destination={"baseUrl": one_by_one.url})
    for row in rows:
        library.run(config, [row])
    assert people(folded) == people(one_by_one) != {}
    assert folded.app.workspace.writes < one_by_one.app.workspace.writes


@pytest.mark.promise("O4")
def test_two_spellings_of_one_identity_are_one_person_and_what_only_looks_alike_is_told_of(
    project: Project, local: Local
) -> None:
    by_id: list[Row] = [{"id": 1, "name": "a"}, {"id": "1", "name": "b"}, {"id": NFC}, {"id": NFD}]
    report = library.run(project.config(), by_id)
    assert (report.counts[Outcome.FOLDED], report.counts[Outcome.DELIVERED]) == (1, 3)
    assert people(local).keys() == {"1", NFC, NFD}
    assert any(warning.startswith("id: 1 row was not in") and "(NFC)" in warning for warning in report.warnings)
    by_email: list[Row] = [{"id": "Ada@Example.com", "plan": "a"}, {"id": "ada@example.COM", "plan": "b"}]
    email = project.config(file="email.json", destination={"identifier": "email"})
    report = library.run(email, by_email)
    assert (report.counts[Outcome.FOLDED], report.counts[Outcome.DELIVERED]) == (1, 1)


@pytest.mark.promise("O5")
@pytest.mark.parametrize("identify", [True, False])
def test_whichever_key_comes_first_the_end_is_the_same(identify: bool) -> None:
    def end(seed: int, parallelism: int) -> tuple[list[str], dict[str, dict[str, object]]]:
        dice = Random(seed)

        def weather(number: int, call: Call) -> Gust:
            return Gust(500 if dice.random() < 0.1 else 0, latency_s=dice.uniform(0.01, 2.0))

        sync = Sync(SimulatedApi(weather), rows=300, identify=identify, parallelism=parallelism, seed=seed)
        sync.go()
        order = [key for call in sync.api.calls for key in call.keys if call.applied]
        return order, sync.api.people

    one, *others = (end(seed, parallelism) for seed, parallelism in ((1, 1), (2, 7), (3, 25)))
    assert all(people == one[1] and order != one[0] for order, people in others)
