"""Blocks of bytes in some encoding → text. A byte that is no character becomes a lone surrogate: its row's fault."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

from syncline.json_scan import END
from syncline.sources.place import NOWHERE, Flaw, Place
from syncline.sources.reading import setting

_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # UTF-32 begins like UTF-16
_MARK = "\ufeff"


def decoded(blocks: Iterable[bytes], codec: str) -> Iterator[str]:
    """Raises `Flaw` where the text ends in the middle of a character."""
    # "surrogateescape" names the very byte, but cannot keep half a surrogate pair of UTF-16.
    errors = "surrogatepass" if is_wide(codec) else "surrogateescape"
    decoder = codecs.getincrementaldecoder(codec)(errors)
    begun = False
    for block in blocks:
        text = decoder.decode(block)
        if text and not begun:
            begun, text = True, text.removeprefix(_MARK)
        if text:
            yield text
    if decoder.getstate()[0]:
        raise Flaw(f"{END} in the middle of a character", "the rest of the row")


def is_wide(codec: str) -> bool:
    """Does a character take two bytes or more?"""
    return codec.startswith("utf-16")


def seems_wide(head: bytes, codec: str) -> bool:
    """Does this look like UTF-16 or UTF-32? A zero byte further on proves it only where UTF-16 is expected."""
    return head.startswith(_WIDE_MARKS) or b"\x00" in (head if is_wide(codec) else head[:4])


def wide_codec(head: bytes, codec: str) -> str:
    """How to read text that begins like this, where `codec` was set. Raises `Flaw`."""
    if not is_wide(codec):
        fix = f"For CSV or TSV, set {setting('encoding', 'utf-16')}; JSON must be UTF-8: iconv -f UTF-16 -t UTF-8 FILE"
        raise Flaw("text in UTF-16 or UTF-32, or no text", "UTF-8", NOWHERE, fix)
    if codec != "utf-16" or head.startswith(_WIDE_MARKS):
        return codec
    if head[:2].count(0) != 1:  # of a plain first letter, the one byte that is zero shows the order
        raise Flaw("UTF-16 without a byte order mark", "one", NOWHERE, "Set `encoding` to utf-16-le or utf-16-be.")
    return "utf-16-be" if head[0] == 0 else "utf-16-le"


def check_utf8(head: bytes, line: int) -> None:
    """Raises `Flaw` where text that begins like this, on `line`, is plainly not UTF-8, but one of its predecessors.

    Plainly: nothing in it is UTF-8 beyond ASCII, and the header or several lines are not. One line is one bad row.
    """
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(head)
    strange = [] if text.isascii() else [char for char in text if not char.isascii()]
    if not strange or not all("\udc80" <= char <= "\udcff" for char in strange):
        return
    lines = [number for number, part in enumerate(text.split("\n")) if not part.isascii()]
    if lines[0] == 0 or len(lines) > 1:
        place = Place(line + lines[0], 0)
        fix = f"If it comes from Excel or Windows, set {setting('encoding', 'cp1252')}."
        raise Flaw(f"the byte 0x{ord(strange[0]) - 0xDC00:02X}, and nothing that is UTF-8", "UTF-8", place, fix)
