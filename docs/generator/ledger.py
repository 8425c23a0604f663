"""The annotated SQL of the ledger → its views and tables."""

from __future__ import annotations

import re
import sqlite3

from generator.markdown import code, fenced
from syncline.ledger import queries, schema

_CREATED = re.compile(r"((?:^--.*\n)+)CREATE (?:TABLE|VIEW) (\w+)", re.MULTILINE)


def page() -> str:
    tables, views = queries.read("schema.sql"), queries.read("views.sql")
    db = sqlite3.connect(":memory:", isolation_level=None)
    schema.create(db, "customerio", "account")
    columns = {name: [row[1] for row in db.execute(f"PRAGMA table_info({name})")] for name in _comments(views)}
    db.close()
    shown = "".join(
        f"### `{name}`\n\n{words}\n\nColumns: {', '.join(map(code, columns[name]))}.\n\n"
        for name, words in _comments(views).items()
    )
    return f"""# The ledger

One SQLite file a sync and account: `.syncline/<name>/<destination>-<digest of the account>.db` beside CONFIG,
or below `--state-dir`. This is its version {schema.SCHEMA_VERSION} (`PRAGMA user_version`); an older one is brought up
to date by the next run, a newer one is refused. [How to look into it](../how-to/ledger-sql.md).

## Views

The tables are Syncline's own business; these are kept stable. Times are UTC, `YYYY-MM-DD HH:MM:SS`. Read only:
what is changed by hand is taken for damage, and the ledger is refused ([why](../adr/0004-sums-of-rows.md)).

{shown}## Tables

As `src/syncline/ledger/sql/schema.sql` makes them. They may change with a version; the views stay.

{fenced("sql", tables)}"""


def _comments(sql: str) -> dict[str, str]:
    """What stands above each CREATE → by name, as prose."""
    found = {name: lines.splitlines() for lines, name in _CREATED.findall(sql)}
    return {name: " ".join(line.removeprefix("--").strip() for line in lines) for name, lines in found.items()}
