"""What tests of uploads share: forms as clients write them, cut into blocks, and what became of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

import pytest

import virtual
from syncline.service.limits import Limits
from syncline.service.refused import UploadRefused
from syncline.service.spool import Received
from syncline.service.uploads import Upload, receive

BOUNDARY = "------------------------d74496d66958873e"  # as curl chooses it
CONFIGURATION = b'{"userId": "id", "site_id": "s", "api_key": "k", "mappings": [{"from": "email", "to": "email"}]}'
DATA = b'[{"id": 1, "email": "ada@example.com"}]'

Headers = Sequence[tuple[bytes, bytes]]


def part(content: bytes, filename: str = "data.json", *more: str, name: str = "inputs") -> bytes:
    """One part of a form, as curl writes it; `more`: its other header lines."""
    lines = [f'Content-Disposition: form-data; name="{name}"; filename="{filename}"', *more]
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + content


def form(*parts: bytes, boundary: str = BOUNDARY) -> bytes:
    mark = f"--{boundary}".encode()
    return b"".join(mark + b"\r\n" + one + b"\r\n" for one in parts) + mark + b"--\r\n"


def both(configuration: bytes = CONFIGURATION, data: bytes = DATA) -> bytes:
    return form(part(configuration, "configuration.json"), part(data, "data.json"))


def headers(*more: tuple[str, str], boundary: str = BOUNDARY) -> Headers:
    """What comes before such a body; of each name in `more`, only what stands there."""
    named = {name for name, _ in more}
    own = [("host", "127.0.0.1:3000"), ("content-type", f"multipart/form-data; boundary={boundary}")]
    return [(name.encode(), value.encode()) for name, value in [*(one for one in own if one[0] not in named), *more]]


def cut(body: bytes, *sizes: int) -> list[bytes]:
    """The body in blocks of these sizes, over and over."""
    blocks, at, turn = [], 0, 0
    while at < len(body):
        size = sizes[turn % len(sizes)] if sizes else len(body)
        blocks.append(body[at : at + size])
        at, turn = at + size, turn + 1
    return blocks


async def stream(blocks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block


def sent(blocks: Iterable[bytes], folder: Path, said: Headers | None = None, limits: Limits = Limits()) -> Upload:  # noqa: B008 # immutable
    """What `receive` makes of a body."""
    return virtual.run(receive(stream(blocks), headers() if said is None else said, folder, limits))


def refusal(
    blocks: Iterable[bytes],
    folder: Path,
    said: Headers | None = None,
    limits: Limits = Limits(),  # noqa: B008 # immutable
) -> UploadRefused:
    """Why `receive` takes no such body; and nothing of it is left."""
    with pytest.raises(UploadRefused) as refused:
        sent(blocks, folder, said, limits)
    assert not any(folder.iterdir())
    return refused.value


def contents(upload: Upload) -> list[tuple[str, bytes]]:
    return [(one.filename, one.path.read_bytes()) for one in upload.parts]


def received(folder: Path, content: bytes, filename: str = "") -> Received:
    """A part, as if it had come."""
    path = folder / f"part-{len([*folder.iterdir()])}"
    path.write_bytes(content)
    return Received(path, filename, len(content), "")
