"""Blocks of a file → the same blocks; or, where it is gzip (whatever its name), what was packed, in blocks.

Memory is bounded at every step, whatever was packed: no block comes out larger than `STEP_BYTES`. The checksum stands
behind what was packed, so what has come out is proven right only at the end, and is wrong for all one knows once the
data turns out to be damaged. What is only cut short came out as it was packed.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from syncline.sources.blocks import Blocks
from syncline.sources.place import NOWHERE, Damaged, Flaw

STEP_BYTES = 131_072
FREE_BYTES = 100_000_000  # so much may come out whatever the ratio
RATIO = 200  # rows of a real export are packed 5 to 20 times; deflate can do 1,032

_MAGIC = b"\x1f\x8b"
_AGAIN = "Fetch or export the file again."
_NO_MEMBER = "incorrect header check"  # what zlib says where the two bytes that begin a member are others


def is_packed(blocks: Blocks) -> bool:
    """Does it begin like gzip?"""
    return blocks.look(len(_MAGIC)).startswith(_MAGIC)


def unpacked(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Raises `Flaw` where gzip data is cut short, followed by something else, or a bomb; `Damaged` where it is that."""
    ahead = Blocks(blocks)
    if not is_packed(ahead):
        yield from ahead
        return
    inner = Blocks(_Unpacking().of(ahead))
    if is_packed(inner):
        raise Flaw("gzip data inside gzip data", "rows", NOWHERE, "Unpack it once: gunzip FILE")
    yield from inner


class _Unpacking:
    """gzip members, one after the other; zeros may follow the last (https://www.rfc-editor.org/rfc/rfc1952)."""

    def __init__(self) -> None:
        self._member = _member()
        self._in_bytes = self._out_bytes = 0

    def of(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """What is packed in these blocks."""
        for block in blocks:
            self._in_bytes += len(block)
            while block := self._begin(block):
                yield self._step(block)
                block = self._member.unused_data or self._member.unconsumed_tail
        while not self._member.eof:
            if not (piece := self._step(b"")):  # a little may have stayed inside
                raise Flaw("gzip data that is cut short", "its end", NOWHERE, _AGAIN)
            yield piece

    def _begin(self, block: bytes) -> bytes:
        """The block, ready to be unpacked; nothing, where only zeros follow a member."""
        if not self._member.eof:
            return block
        block = block.lstrip(b"\0")
        if block:
            self._member = _member()
        return block

    def _step(self, block: bytes) -> bytes:
        try:
            piece = self._member.decompress(block, STEP_BYTES)
        except zlib.error as error:
            raise _damaged(str(error).rpartition(": ")[2]) from None
        self._out_bytes += len(piece)
        if self._out_bytes > FREE_BYTES and self._out_bytes > RATIO * self._in_bytes:
            found = f"gzip data that grows more than {RATIO} times, to over {FREE_BYTES // 1_000_000} MB"
            raise Flaw(found, "an export of rows", NOWHERE, "If it is one, unpack it first: gunzip FILE")
        return piece


def _damaged(why: str) -> Flaw:
    if why == _NO_MEMBER:  # never of the first, so what was packed before is whole
        return Flaw("something else behind the gzip data", "the end of the file", NOWHERE, _AGAIN)
    return Damaged(f"gzip data that is damaged ({why})", "gzip data as it was written", NOWHERE, _AGAIN)


def _member() -> zlib._Decompress:
    return zlib.decompressobj(wbits=31)  # gzip's header and checksum
