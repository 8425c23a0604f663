"""Rows of the ledger → sums that tell when a disk, and nobody else, has changed them.

`PRAGMA quick_check` knows how a file is built, not what stands in it: a bit that flips inside a digest passes it. So
each row that decides what is sent, or that nothing is, carries a sum of its columns (docs/adr/0004-sums-of-rows.md).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import msgpack
from xxhash import xxh3_64_intdigest

from syncline.ledger.queries import SUMS

_SPARE_BITS = 2  # SQLite's integers have a sign, and small numbers are added to a sum


class Damaged(sqlite3.DatabaseError):
    """A row does not agree with its sum, or what it points at is gone."""


def row_sum(*columns: object) -> int:
    """Of a row that is written and read seldom: all its columns, in the order of the schema."""
    return xxh3_64_intdigest(msgpack.encode(columns)) >> _SPARE_BITS


def content_sum(key: str, digest: bytes, body: int) -> int:
    """What an entry of the plan and a belief have in common. To it the row's own numbers are added, which SQLite can do
    by itself for a million rows."""
    return xxh3_64_intdigest(key.encode() + digest, body) >> _SPARE_BITS


def body_sum(body: int, json: bytes) -> int:
    return xxh3_64_intdigest(json, body) >> _SPARE_BITS


def entry_sum(key: str, digest: bytes, body: int, json: bytes) -> int:
    """Of an entry's content and its body, by one call where there are a million of them."""
    return (xxh3_64_intdigest(key.encode() + digest, body) >> _SPARE_BITS) + (
        xxh3_64_intdigest(json, body) >> _SPARE_BITS
    )


def words_sum(field: str, reason: str) -> int:
    """Of a verdict's texts, which most have not: so SQLite can add up a million of them by itself."""
    return row_sum(field, reason) if field or reason else 0


@contextmanager
def summing(table: str) -> Iterator[None]:
    """What cannot even be summed up is damaged, too: damage may change what kind of value a column holds."""
    try:
        yield
    except (AttributeError, KeyError, OverflowError, TypeError):
        raise damaged(table) from None


def damaged(table: str) -> Damaged:
    return Damaged(f"a row of its table {table} is not as it was written")


def sound_body(body: int, json: bytes | None, due: int | None) -> bytes:
    """The body, if it is there and as it was written. due: its sum."""
    if json is None or due is None:
        raise Damaged("a record that it points at is gone")
    with summing("body"):
        if body_sum(body, json) == due:
            return json
    raise damaged("body")


def teach(db: sqlite3.Connection) -> None:
    """Gives a connection the functions that `sql/*.sql` calls."""
    db.create_function("row_sum", -1, row_sum, deterministic=True)
    db.create_function("content_sum", 3, content_sum, deterministic=True)
    db.create_function("body_sum", 2, body_sum, deterministic=True)


def verify(db: sqlite3.Connection) -> None:
    """Raises `Damaged` unless the plan is whole and what it rests on agrees with its sums: doubts, tickets, runs, and
    what is still to be sent. Beliefs, which are many, are checked as they are read."""
    try:
        for statement in ("unsound", "unsound_plan", "unsound_entry"):
            if (found := db.execute(SUMS[statement]).fetchone()) is not None:
                raise damaged(found[0])
    except sqlite3.OperationalError as error:
        if "user-defined function" in str(error):  # it could not be called
            raise Damaged("a text in it is no text any more") from None
        raise


def seal_all(db: sqlite3.Connection) -> None:
    """Takes every row for what it is: of a ledger whose version had no sums."""
    for name, statement in SUMS.items():
        if name.startswith("seal_all_"):
            db.execute(statement)
