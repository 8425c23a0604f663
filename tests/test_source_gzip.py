"""Packed blocks in, what was packed out; and no packed file that is cut, spoilt or a bomb is taken for a whole one."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncline.sources.gzipped import STEP_BYTES, unpacked
from syncline.sources.place import Flaw

ROWS = b"".join(b'{"id":%d}\n' % number for number in range(1_000))


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def unpack(data: bytes, size: int = 131_072) -> tuple[bytes, str]:
    out = b""
    try:
        for piece in unpacked(cut(data, size)):
            out += piece
    except Flaw as flaw:
        return out, str(flaw)
    return out, ""


@given(
    st.lists(st.binary(max_size=60), min_size=1, max_size=4), st.integers(0, 9), st.integers(0, 9), st.integers(1, 40)
)
@settings(max_examples=300, deadline=None)
def test_any_members_in_any_blocks_come_out_whole(parts: list[bytes], level: int, zeros: int, size: int) -> None:
    parts = [b"(", *parts]  # whatever follows, it does not begin like gzip
    packed = b"".join(gzip.compress(part, level) + b"\0" * zeros for part in parts)
    assert unpack(packed, size) == (b"".join(parts), "")


@given(st.binary(max_size=200).map(b"(".__add__), st.integers(1, 40), st.data())
@settings(max_examples=300, deadline=None)
def test_packed_data_cut_at_any_byte_never_ends_well(text: bytes, size: int, data: st.DataObject) -> None:
    packed = gzip.compress(text)
    out, flaw = unpack(packed[: data.draw(st.integers(2, len(packed) - 1))], size)
    assert text.startswith(out)
    assert flaw == "found gzip data that is cut short, expected its end"


@given(st.binary(max_size=200).filter(lambda data: not data.startswith(b"\x1f\x8b")), st.integers(1, 40))
def test_what_is_not_packed_passes_as_it_is(data: bytes, size: int) -> None:
    assert unpack(data, size) == (data, "")


@pytest.mark.parametrize("size", [1, 7, 131_072])
def test_what_is_wrong_with_packed_data_is_said(size: int) -> None:
    packed = gzip.compress(ROWS)
    out, flaw = unpack(packed[:-8] + b"\0\0\0\0" + packed[-4:], size)
    assert ROWS.startswith(out)  # what came out together with the flaw is worth nothing
    assert flaw == "found gzip data that is damaged (incorrect data check), expected gzip data as it was written"
    assert "incorrect length check" in unpack(packed[:-1] + b"\1", size)[1]
    assert "found gzip data that is damaged" in unpack(packed[:20] + b"\xff" * 40 + packed[60:], size)[1]
    for start in (gzip.compress(b"[]\n"), packed):  # of a later member, and whatever came out of it
        assert "found gzip data that is damaged" in unpack(packed + start[:10] + b"\xff" * 99, size)[1]
    behind = "found something else behind the gzip data, expected the end of the file"
    assert unpack(packed + b"id,name\n", size) == (ROWS, behind)
    assert unpack(packed + b"\0\0\x1fx", size) == (ROWS, behind)
    assert unpack(packed + packed[:9], size) == (ROWS, "found gzip data that is cut short, expected its end")
    assert "found gzip data inside gzip data" in unpack(gzip.compress(packed), size)[1]
    assert unpack(packed + b"\0" * 500, size) == (ROWS, "")


def bomb(megabytes: int, level: int = 9) -> bytes:
    packer = zlib.compressobj(level, wbits=31)
    return b"".join([packer.compress(b" " * 1_000_000) for _ in range(megabytes)]) + packer.flush()


def test_no_piece_is_large_and_a_bomb_is_stopped() -> None:
    packed = bomb(150)
    assert len(packed) < 200_000
    sizes: list[int] = []
    with pytest.raises(Flaw, match="found gzip data that grows more than 200 times, to over 100 MB"):
        sizes.extend(map(len, unpacked([packed])))
    assert max(sizes) <= STEP_BYTES
    assert 99_000_000 < sum(sizes) <= 100_000_000


def test_much_is_no_bomb_and_neither_is_much_of_the_same() -> None:
    assert sum(map(len, unpacked([bomb(100)]))) == 100_000_000
    assert sum(map(len, unpacked(cut(bomb(110, level=0), 131_072)))) == 110_000_000
