"""What a person sees while a long run is at work."""

from __future__ import annotations

import pytest

from syncline.cli.progress import planning_line


@pytest.mark.parametrize(
    ("rows", "share", "seconds", "line"),
    [
        (120_000, 0.4, 2.0, "planning: 120,000 rows read · 60,000 rows/s · 40% of the data · 3 s left"),
        (1_000, 1.0, 2.0, "planning: 1,000 rows read · 500 rows/s · 100% of the data · 0 s left"),
        (1_000, None, 2.0, "planning: 1,000 rows read · 500 rows/s"),  # stdin, or records
        (0, 0.0, 0.0, "planning: 0 rows read · 0 rows/s"),
    ],
)
def test_planning_tells_rows_rate_and_time_left(rows: int, share: float | None, seconds: float, line: str) -> None:
    assert planning_line(rows, share, seconds) == line
