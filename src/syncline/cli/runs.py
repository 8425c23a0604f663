"""`syncline runs`: the history of a sync."""

from __future__ import annotations

from datetime import UTC, datetime

import rich_click as click

from syncline.cli.ends import emit, say
from syncline.cli.options import config_argument, env_file_option, found, json_option, state_dir_option
from syncline.history import history


@click.command(name="runs")
@config_argument
@state_dir_option
@env_file_option
@json_option
def command(config: str | None, state_dir: str | None, env_file: str | None, as_json: bool) -> int:
    """The history of a sync: each run with its figures."""
    reports = history(found(config), state_dir, env_file)
    if as_json:
        return emit({"runs": [{"started": started, **report.figures()} for started, report in reports]})
    lines = []
    for started, report in reports:
        moment = datetime.fromtimestamp(started, UTC).isoformat(sep=" ", timespec="seconds").removesuffix("+00:00")
        lines.append(f"{moment}Z  {report.lines()[0]}")
    return say(lines or ["no runs yet"])
