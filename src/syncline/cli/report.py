"""`syncline report`: one run again, with all the rows that did not make it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import rich_click as click

from syncline.cli.ends import emit, pour, say
from syncline.cli.options import config_argument, env_file_option, found, json_option, state_dir_option
from syncline.flow.rows import as_csv, as_jsonl
from syncline.history import recall


@click.command(name="report")
@config_argument
@click.option("--run", "number", type=click.IntRange(min=1), metavar="N", help="Which run (default: the last).")
@click.option("--csv", "csv_file", metavar="FILE", help="Write the rows that did not make it as CSV; - is stdout.")
@click.option("--jsonl", "jsonl_file", metavar="FILE", help="The same as JSON lines; - is stdout.")
@state_dir_option
@env_file_option
@json_option
def command(
    config: str | None,
    number: int | None,
    csv_file: str | None,
    jsonl_file: str | None,
    state_dir: str | None,
    env_file: str | None,
    as_json: bool,
) -> int:
    """One run again: its figures, and every row that did not make it (with --json: the first 100)."""
    if sum(map(bool, (csv_file, jsonl_file, as_json))) > 1:
        raise click.UsageError("give one of --csv, --jsonl and --json")
    path = found(config)
    report = recall(path, state_dir, number, env_file)
    if csv_file:
        return _write(csv_file, as_csv(report.problems), path)
    if jsonl_file:
        return _write(jsonl_file, as_jsonl(report.problems), path)
    return emit(report.as_json()) if as_json else say(report.lines(all_problems=True))


def _write(name: str, lines: Iterable[str], config: str) -> int:
    """Whole or not at all, and for its owner alone: the rows name people. A device or a pipe is written as it comes."""
    if name == "-":
        return pour(lines)
    try:
        path = Path(name).resolve()
        if path.exists() and path.samefile(config):
            raise click.UsageError(f"{name} is the configuration; name another file")
        if path.exists() and not path.is_file():
            path.write_text("".join(lines), encoding="utf-8", newline="")
            return 0
        part = path.with_name(f".{path.name}.part")
        part.unlink(missing_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.writelines(lines)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)  # it holds people's data
    except OSError as error:
        raise click.UsageError(f"cannot write {name}: {error.strerror}") from None
    return 0
