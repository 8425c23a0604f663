"""Blocks of a multipart body → for each part a `Head`, then its content in pieces.

The grammar is https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1. No more is held than a block and a head or a
boundary, whatever is sent; how the blocks are cut changes nothing but the size of the pieces.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from syncline.service.heads import Head, head_of
from syncline.service.limits import Limits
from syncline.service.refused import UploadRefused

_LINE_END = b"\r\n"
_BLANKS_AT_MOST = 64  # behind a boundary; nobody sends any


async def read_parts(
    blocks: AsyncIterator[bytes], boundary: bytes, limits: Limits
) -> AsyncGenerator[Head | bytes, None]:
    """Raises `UploadRefused` where the body is no form, or costs more than it may."""
    unread, mark = _Unread(blocks), _LINE_END + b"--" + boundary
    if mark[len(_LINE_END) :] in await unread.upto(mark, limits.edge_bytes, "before the first boundary"):
        raise _bad("a boundary that does not begin a line", "the first part behind it")
    parts = 0
    while not await unread.is_last():
        parts += 1
        if parts > limits.parts:
            raise _bad(f"more than {limits.parts} parts", "a configuration and its data")
        yield head_of(await unread.lines(limits), limits)
        await unread.begin(mark)
        while piece := await unread.piece(mark):
            yield piece
    await unread.end(mark, limits)


class _Unread:
    """What has come and is not read yet, and where more comes from."""

    def __init__(self, blocks: AsyncIterator[bytes]) -> None:
        self._blocks = blocks
        self._held = _LINE_END  # every boundary begins a line; so the first may begin the body

    async def upto(self, mark: bytes, most: int, where: str) -> bytes:
        """What stands before `mark`, and passes over both."""
        begin = 0
        while (at := self._held.find(mark, begin)) < 0 and len(self._held) < most + len(mark):
            begin = max(0, len(self._held) - len(mark) + 1)
            await self._need_more()
        if not 0 <= at <= most:
            raise _bad(f"more than {most:,} bytes {where}", "a form that is no larger than it must be")
        before, self._held = self._held[:at], self._held[at + len(mark) :]
        return before

    async def is_last(self) -> bool:
        """Behind a boundary: is it the one that closes the body? Else its line ends."""
        while len(self._held) < len(b"--"):
            await self._need_more()
        if self._held.startswith(b"--"):
            self._held = self._held[len(b"--") :]
            return True
        if (await self.upto(_LINE_END, _BLANKS_AT_MOST, "behind a boundary")).strip(b" \t"):
            raise _bad("a boundary with something behind it", "the end of the line")
        return False

    async def lines(self, limits: Limits) -> list[bytes]:
        """Header lines, up to the empty one."""
        lines: list[bytes] = []
        left = limits.head_bytes
        while line := await self.upto(_LINE_END, left, "in the headers of a part"):
            left = max(0, left - len(line) - len(_LINE_END))
            lines.append(line)
            if len(lines) > limits.part_headers:
                raise _bad(f"a part with more than {limits.part_headers} headers", "the two or three that are needed")
        return lines

    async def begin(self, mark: bytes) -> None:
        """Of a part's content. A boundary right behind the headers ends a part without any: there, too, it begins a
        line."""
        bare = mark[len(_LINE_END) :]
        while len(self._held) < len(bare) and bare.startswith(self._held):
            await self._need_more()
        if self._held.startswith(bare):
            self._held = _LINE_END + self._held

    async def piece(self, mark: bytes) -> bytes:
        """The next of what stands before `mark`; nothing where the mark itself is next, which is passed over."""
        while (at := self._held.find(mark)) != 0:
            sure = at if at > 0 else len(self._held) - len(mark) + 1  # the rest may be the beginning of the mark
            if sure > 0:
                piece, self._held = self._held[:sure], self._held[sure:]
                return piece
            await self._need_more()
        self._held = self._held[len(mark) :]
        return b""

    async def end(self, mark: bytes, limits: Limits) -> None:
        """Behind the last boundary: nothing, or a little that nobody reads."""
        while len(self._held) <= limits.edge_bytes and await self._more():
            pass
        if len(self._held) > limits.edge_bytes:
            raise _bad(f"more than {limits.edge_bytes:,} bytes behind the last boundary", "the end of the form")
        if mark in self._held or self._held.partition(_LINE_END)[0].strip(b" \t"):
            raise _bad("something behind the last boundary", "the end of the form")

    async def _need_more(self) -> None:
        if not await self._more():
            raise _bad("a body that ends before its last boundary", "--boundary-- at its end")

    async def _more(self) -> bool:
        block = await anext(self._blocks, None)
        self._held += block or b""
        return block is not None


def _bad(found: str, expected: str) -> UploadRefused:
    return UploadRefused(400, found, expected, "Send the form with curl or a client's own form encoder.")
