"""A run that finds another one at work leaves everything as it is."""

from __future__ import annotations

import pytest

import syncline as library
from conftest import Local, Project
from syncline.errors import Locked
from syncline.job import Job
from syncline.ledger import Lock, prepare_folder

ROWS = [{"id": 1, "name": "Ada", "plan": "pro"}]


@pytest.mark.promise("C3")
def test_a_run_that_is_turned_away_has_not_touched_the_ledger(project: Project, local: Local) -> None:
    config = project.config()
    job = Job.load(config)
    prepare_folder(job.path, job.state_dir)
    with Lock(job.lock_path):
        with pytest.raises(Locked):
            library.run(config, ROWS)
        assert sorted(path.name for path in job.path.parent.iterdir()) == [job.lock_path.name]
    assert local.app.log.total == 0
    assert library.run(config, ROWS).exit_code == 0
