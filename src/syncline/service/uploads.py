"""A request's body, block by block → its parts in private files, or `UploadRefused` and no file at all.

No more than a block is ever in memory, and the client cannot make anything wait for it for long.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple

from syncline.service.heads import Head, announced, too_large
from syncline.service.limits import FIELD, Limits
from syncline.service.multipart import read_parts
from syncline.service.refused import UploadRefused
from syncline.service.spool import Free, Received, Spool, free_bytes

_PARTS = 2  # a configuration and its data


class Upload(NamedTuple):
    """The parts of a form, in the order in which they came: one or two."""

    parts: tuple[Received, ...]

    def discard(self) -> None:
        """Delete the files. May be called again."""
        for part in self.parts:
            part.path.unlink(missing_ok=True)


async def receive(
    stream: AsyncIterator[bytes],
    headers: Iterable[tuple[bytes, bytes]],
    folder: Path,
    limits: Limits = Limits(),  # noqa: B008 # immutable
    free: Free = free_bytes,
) -> Upload:
    """stream: the body as it comes; headers: as ASGI has them; folder: see `private_folder`.

    Nothing is read from `stream` where the headers say enough to refuse. Raises `UploadRefused`, and whatever `stream`
    raises; then, and when it is cancelled, nothing is left in `folder`.
    """
    boundary, length = announced(headers, limits)
    with Spool(folder, limits, free) as spool:
        spool.look(length or 0)
        async with aclosing(read_parts(_Body(stream, length, limits), boundary, limits)) as events:
            async for event in events:
                if isinstance(event, Head):
                    spool.begin(event.filename)
                else:
                    spool.write(event)
        _check_count(spool.parts)
        return Upload(spool.kept())


class _Body:
    """The blocks of a client that keeps sending, where they are as many bytes as it said, and not too many.

    Time is the event loop's.
    """

    def __init__(self, stream: AsyncIterator[bytes], length: int | None, limits: Limits) -> None:
        self._stream, self._length, self._limits = stream, length, limits
        self._now = asyncio.get_running_loop().time
        self._due, self._received = self._now() + limits.grace_s, 0

    def __aiter__(self) -> _Body:
        return self

    async def __anext__(self) -> bytes:
        block = await self._next()
        if block is None:
            if self._length is not None and self._received < self._length:
                found = "a body that is shorter than its Content-Length"
                raise UploadRefused(400, found, "as many bytes", "Send it again.")
            raise StopAsyncIteration
        self._received += len(block)
        more_s = len(block) / self._limits.slowest_bytes_s
        self._due = min(self._due + more_s, self._now() + self._limits.silence_s)
        if self._length is not None and self._received > self._length:
            raise UploadRefused(400, "a body that is longer than its Content-Length", "as many bytes", "Correct it.")
        if self._received > self._limits.body_bytes:
            raise too_large(f"more than {self._limits.body_bytes:,} bytes", self._limits)
        return block

    async def _next(self) -> bytes | None:
        try:
            async with asyncio.timeout_at(self._due):
                return await anext(self._stream, None)
        except TimeoutError:
            expected = f"at least {self._limits.slowest_bytes_s:,.0f} bytes a second"
            raise UploadRefused(408, "a body that comes too slowly", expected, "Send it again.") from None


def _check_count(parts: int) -> None:
    if not 1 <= parts <= _PARTS:
        found = f"{parts} parts" if parts else "a form without parts"
        expected = f"`{FIELD}` once or twice: a configuration, and its data"
        raise UploadRefused(422, found, expected, f"Send each file as one part named {FIELD}.")
