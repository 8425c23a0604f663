"""A source → chunks of rows, at most `limit` of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from syncline.model import Row
from syncline.ports import Source


def extract(source: Source, limit: int | None = None) -> Iterator[Sequence[Row]]:
    """Rows in order, a chunk at a time. Raises what the source raises."""
    left = limit
    for chunk in source.chunks():
        if left is not None and left <= len(chunk):
            yield chunk[:left]
            return
        yield chunk
        left = None if left is None else left - len(chunk)
