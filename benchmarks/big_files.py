"""What a file of any size costs to read and to plan: whole processes, at flat memory, in every format.

    python benchmarks/big_files.py          # 3,600,000 rows (1 GB of JSON) in each format, plain and gzip
    python benchmarks/big_files.py --rows 10000000 --format csv --plain

Each file is adopted (`run --adopt` reads, maps, folds and records every row, and sends nothing), and then run again,
unchanged, so that every row is compared with the ledger. Nothing listens: not one request is made.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TextIO

from first_sync import SYNCLINE, made_up, measured, show, write_array, write_config

NOBODY = "http://127.0.0.1:9"  # the discard port: whoever sends something is refused


def write_lines(file: TextIO, people: Iterable[Mapping[str, object]]) -> None:
    file.writelines(json.dumps(person, separators=(",", ":")) + "\n" for person in people)


def write_document(file: TextIO, people: Iterable[Mapping[str, object]]) -> None:
    """An array inside a document, read with `path: data.users`."""
    file.write('{"version":1,"data":{"users":')
    write_array(file, people)
    file.write("}}\n")


def write_csv(file: TextIO, people: Iterable[Mapping[str, object]]) -> None:
    writer = csv.writer(file)
    for number, person in enumerate(people):
        if number == 0:
            writer.writerow(person)
        writer.writerow(person.values())


FORMATS: Mapping[str, Callable[[TextIO, Iterable[Mapping[str, object]]], None]] = {
    "array": write_array,
    "ndjson": write_lines,
    "document": write_document,
    "csv": write_csv,
}


def write_data(path: Path, form: str, rows: int, *, zipped: bool) -> None:
    if zipped:
        with gzip.open(path, "wt", 1, encoding="utf-8", newline="") as file:
            FORMATS[form](file, made_up(rows))
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            FORMATS[form](file, made_up(rows))


def measure(form: str, rows: int, *, zipped: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, config = folder / f"people.{form}", folder / "config.json"
        write_data(data, form, rows, zipped=zipped)
        write_config(config, NOBODY, "batch")
        command = [*SYNCLINE, "run", str(config), "-d", str(data), "--json"]
        command += ["--path", "data.users"] if form == "document" else []
        kind = f"{form}{' gzip' if zipped else ''}, {data.stat().st_size / 1e6:,.0f} MB"
        show(f"{kind}, adopted", rows, measured([*command, "--adopt"]))
        show("  again, nothing changed", rows, measured(command))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=3_600_000)
    parser.add_argument("--format", choices=[*FORMATS], help="one of them (default: each)")
    parser.add_argument("--plain", action="store_true", help="without gzip")
    asked = parser.parse_args()
    for form in [asked.format] if asked.format else FORMATS:
        for zipped in (False, True):
            if not (asked.plain and zipped):
                measure(form, asked.rows, zipped=zipped)


if __name__ == "__main__":
    main()
