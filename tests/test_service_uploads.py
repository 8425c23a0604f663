"""A form comes in, and its parts stand in private files: byte for byte, however it was cut, and never in memory."""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import stat
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from urllib3.filepost import encode_multipart_formdata

import virtual
from forms import BOUNDARY, CONFIGURATION, DATA, both, contents, cut, form, headers, part, refusal, sent, stream
from syncline.errors import Refusal
from syncline.service.limits import Limits
from syncline.service.refused import UploadRefused
from syncline.service.spool import free_bytes, private_folder
from syncline.service.uploads import receive

MARK = b"\r\n--" + BOUNDARY.encode()
WIDE = Limits(data_bytes=1_000_000_000)

# --- what comes is what was sent --------------------------------------------------------------------------------------


def test_the_curl_line_of_the_node_service_is_taken(tmp_path: Path) -> None:
    """The very bytes of `curl --form 'inputs=@configuration.json' --form 'inputs=@data.json'`, version 7.88."""
    body = (
        b"--------------------------d74496d66958873e\r\n"
        b'Content-Disposition: form-data; name="inputs"; filename="configuration.json"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + CONFIGURATION + b"\r\n"
        b"--------------------------d74496d66958873e\r\n"
        b'Content-Disposition: form-data; name="inputs"; filename="data.json"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + DATA + b"\r\n"
        b"--------------------------d74496d66958873e--\r\n"
    )
    upload = sent([body], tmp_path, headers(("content-length", str(len(body)))))
    assert contents(upload) == [("configuration.json", CONFIGURATION), ("data.json", DATA)]
    assert [one.bytes for one in upload.parts] == [len(CONFIGURATION), len(DATA)]
    assert [one.digest for one in upload.parts] == [hashlib.sha256(one).hexdigest() for one in (CONFIGURATION, DATA)]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.binary(max_size=300) | st.sampled_from([MARK[:-1], b"\r\n", b"--", b""]), min_size=1, max_size=2),
    st.lists(st.integers(1, 80), min_size=1, max_size=8),
)
def test_any_content_comes_through_however_the_body_is_cut(files: list[bytes], sizes: list[int]) -> None:
    with TemporaryDirectory() as folder:
        upload = sent(cut(form(*map(part, files)), *sizes), Path(folder))
        assert contents(upload) == [("data.json", file) for file in files]


@pytest.mark.parametrize("size", [1, 2, 3, 26, 27, 1_000, 65_536])
def test_one_byte_at_a_time_is_the_same_upload(tmp_path: Path, size: int) -> None:
    body = both(data=MARK[:-1] * 3 + b"\r\r\n\n-- " + MARK[:5])
    upload = sent(cut(body, size), tmp_path, headers(("content-length", str(len(body)))))
    assert contents(upload) == contents(sent([body], tmp_path))


def test_forms_of_other_clients_are_taken(tmp_path: Path) -> None:
    files = [("inputs", ("café;v2.json", CONFIGURATION, "application/json")), ("inputs", ("data.json", DATA, ""))]
    by_httpx = httpx.Request("PUT", "http://x.test", files=files)
    by_urllib3 = encode_multipart_formdata(files)
    for body, kind in ((by_httpx.read(), by_httpx.headers["content-type"]), by_urllib3):
        upload = sent(cut(body, 100), tmp_path, headers(("content-type", kind)))
        assert contents(upload) == [("café;v2.json", CONFIGURATION), ("data.json", DATA)]


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        ('form-data; name="inputs"; filename="a.json"', "a.json"),
        ("form-data; name=inputs; filename=a.json", "a.json"),
        ('FORM-DATA; NAME="inputs"; FileName="a.json"', "a.json"),
        ('form-data;name="inputs";filename="a;b=c.json";', "a;b=c.json"),
        ('form-data; filename="say \\"hi\\" \\\\ x"; name="inputs"', 'say "hi" \\ x'),
        ('form-data; name="inputs"; filename="C:\\data\\x.json"', "C:\\data\\x.json"),
        ('form-data; name="inputs"; filename="../../etc/cron.d/x"', "../../etc/cron.d/x"),
        ('form-data; name="inputs"; filename="Müller.json"', "Müller.json"),
        ('form-data; name="inputs"', ""),
        ('form-data; name="inputs"; filename="CON"', "CON"),
        (f'form-data; name="inputs"; filename="{"x" * 255}"', "x" * 255),
    ],
)
def test_a_file_name_is_what_it_says_and_never_a_path(tmp_path: Path, disposition: str, filename: str) -> None:
    body = form(f"Content-Disposition: {disposition}\r\n\r\n".encode() + DATA)
    upload = sent([body], tmp_path)
    assert contents(upload) == [(filename, DATA)]
    assert upload.parts[0].path.parent == tmp_path
    assert upload.parts[0].path.stem not in filename


def test_of_a_name_only_an_ending_that_says_what_is_in_the_file_is_kept(tmp_path: Path) -> None:
    def ending(name: str) -> str:
        return sent([form(part(DATA, name))], tmp_path).parts[0].path.suffix

    assert [ending(name) for name in ("a.CSV", "b.ndjson.gz", "c.tsv", "d.sh", "e.json/../x", "f")] == [
        *(".csv", ".ndjson", ".tsv"),
        *("", "", ""),
    ]


@pytest.mark.parametrize(
    "around", [(b"", b""), (b"x" * 998 + b"\r\n", b""), (b"", b"x" * 998), (b"\r\n", b"\r\n"), (b"--\r\n", b"--\r\n")]
)
def test_a_little_before_and_behind_the_form_is_passed_over(tmp_path: Path, around: tuple[bytes, bytes]) -> None:
    body = around[0] + both() + around[1]
    assert len(sent(cut(body, 7), tmp_path).parts) == 2


def test_blanks_behind_a_boundary_and_no_last_line_break_are_taken(tmp_path: Path) -> None:
    mark = b"--" + BOUNDARY.encode()
    body = mark + b" \t\r\n" + part(DATA) + b"\r\n" + mark + b"--"
    assert contents(sent(cut(body, 3), tmp_path)) == [("data.json", DATA)]


@pytest.mark.parametrize("boundary", ["x", "a b", "'()+_,-./:=?0aZ", "x" * 70])
def test_any_boundary_of_the_standard_is_taken(tmp_path: Path, boundary: str) -> None:
    kind = f'multipart/form-data; charset=utf-8; boundary="{boundary}"'
    upload = sent([form(part(DATA), boundary=boundary)], tmp_path, headers(("content-type", kind)))
    assert contents(upload) == [("data.json", DATA)]


def test_the_same_files_twice_at_once_do_not_meet(tmp_path: Path) -> None:  # U9
    async def main() -> tuple[list[str], set[Path]]:
        uploads = await asyncio.gather(*(receive(stream(cut(both(), 10)), headers(), tmp_path) for _ in range(3)))
        return [one.parts[1].digest for one in uploads], {one.path for upload in uploads for one in upload.parts}

    digests, paths = virtual.run(main())
    assert len(set(digests)) == 1
    assert len(paths) == 6


# --- memory, and what is left ----------------------------------------------------------------------------------------


def test_an_upload_of_300_mb_leaves_memory_flat(tmp_path: Path) -> None:
    block, count = b"0123456789abcdef" * 4_096, 4_580
    begin, _, end = form(part(b"|")).partition(b"|")

    def body() -> Iterator[bytes]:
        yield begin
        for _ in range(count):
            yield block
        yield end

    tracemalloc.start()
    try:
        upload = sent(body(), tmp_path, limits=WIDE)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert upload.parts[0].bytes == len(block) * count > 300_000_000
    assert peak < 2_000_000
    upload.discard()
    assert not any(tmp_path.iterdir())


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def test_uploads_are_their_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    with umask(0), private_folder(tmp_path / "state") as folder:
        upload = sent([both()], folder)
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, *(one.path for one in upload.parts))]
    assert modes == [0o700, 0o600, 0o600]


def test_uploads_go_with_the_service_and_what_a_dead_one_left_goes_with_the_next(tmp_path: Path) -> None:
    left = tmp_path / "uploads" / "left.json"
    left.parent.mkdir()
    left.write_bytes(DATA)
    with private_folder(tmp_path) as folder:
        assert not left.exists()
        sent([both()], folder)
    assert not any(tmp_path.iterdir())


def test_where_no_folder_can_be_made_it_is_said_and_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "precious").write_bytes(b"")
    (tmp_path / "uploads").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refusal, match="uploads: a link; move it away"), private_folder(tmp_path):
        pass
    assert (tmp_path / "elsewhere" / "precious").exists()
    with pytest.raises(Refusal, match="uploads: Not a directory; move it away"):
        private_folder(tmp_path / "elsewhere" / "precious").__enter__()


class Gone(Exception):
    """The client hung up."""


@pytest.mark.parametrize("after", [0, 1, 60, 250, 400])
def test_a_client_that_hangs_up_leaves_nothing(tmp_path: Path, after: int) -> None:
    async def hangs_up() -> AsyncIterator[bytes]:
        yield both()[:after]
        raise Gone

    with pytest.raises(Gone):
        virtual.run(receive(hangs_up(), headers(), tmp_path))
    assert not any(tmp_path.iterdir())


def test_an_upload_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    there: set[str] = set()

    async def main() -> None:
        came = asyncio.Event()

        async def waits() -> AsyncIterator[bytes]:
            yield both()[:-10]
            came.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(receive(waits(), headers(), tmp_path))
        await came.wait()
        there.update(os.listdir(tmp_path))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    virtual.run(main())
    assert len(there) == 2
    assert not any(tmp_path.iterdir())


# --- the disk --------------------------------------------------------------------------------------------------------


def told(tmp_path: Path, free: list[int], body: bytes, *said: tuple[str, str], limits: Limits = WIDE) -> UploadRefused:
    """With so much free, one time after the other."""
    with pytest.raises(UploadRefused) as refused:
        virtual.run(receive(stream(cut(body, 100)), headers(*said), tmp_path, limits, lambda _: free.pop(0)))
    assert not any(tmp_path.iterdir())
    return refused.value


def test_what_the_disk_has_no_room_for_is_refused_before_it_is_read(tmp_path: Path) -> None:
    length = ("content-length", "500000000")
    assert told(tmp_path, [699_999_999], both(), length).status == 507
    assert told(tmp_path, [700_000_000], both(), length).status == 400  # the body was shorter than it said
    refused = told(tmp_path, [199_999_999], both())
    assert "no room for the upload; expected free space on the service's disk. Try again later" in str(refused)


def test_a_disk_that_fills_while_an_upload_comes_ends_it(tmp_path: Path) -> None:
    limits = WIDE._replace(look_every_bytes=1_000)
    free = [300_000_000, 300_000_000, 100_000_000]
    assert told(tmp_path, free, form(part(b"x" * 5_000)), limits=limits).status == 507
    assert free == []


def test_a_disk_that_takes_no_more_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        assert refusal(cut(form(part(b"x" * 500_000)), 65_536), tmp_path).status == 507
        assert refusal(cut(form(part(b"x" * 120_000)), 65_536), tmp_path).status == 507  # when it is closed
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_folder_that_is_gone_is_no_crash(tmp_path: Path) -> None:
    for free in (free_bytes, lambda _: 10**12):
        with pytest.raises(UploadRefused) as refused:
            virtual.run(receive(stream([both()]), headers(), tmp_path / "gone", free=free))
        assert refused.value.status == 503
        assert "cannot be kept (No such file or directory)" in str(refused.value)


# --- time ------------------------------------------------------------------------------------------------------------


async def paced(blocks: list[bytes], every_s: float) -> AsyncIterator[bytes]:
    for block in blocks:
        await asyncio.sleep(every_s)  # virtual
        yield block


@pytest.mark.parametrize(
    ("blocks", "every_s", "ends_s"),
    [
        (["x"] * 100, 1.0, 10.1),  # a byte a second: the grace, and what ten bytes buy
        (["x" * 500] * 100, 1.0, 19.6),
        ([""] * 100, 1.0, 10.0),
        (["x"], 11.0, 10.0),
        (["x" * 1_000_000, *[""] * 100], 1.0, 31.0),  # much at once, and then nothing
        (["x" * 1_000_000, *["x"] * 100], 1.0, 31.03),  # or as good as nothing
    ],
)
def test_a_client_that_is_too_slow_is_let_go(tmp_path: Path, blocks: list[str], every_s: float, ends_s: float) -> None:
    begin = b"--" + BOUNDARY.encode() + b"\r\n" + part(b"")  # 0.1 s worth

    async def main() -> tuple[UploadRefused, float]:
        body = [begin * (blocks[0] != "") + blocks[0].encode(), *(block.encode() for block in blocks[1:])]
        with pytest.raises(UploadRefused) as refused:
            await receive(paced(body, every_s), headers(), tmp_path)
        return refused.value, virtual.now()

    refused, ended_s = virtual.run(main())
    assert refused.status == 408
    assert ended_s == pytest.approx(ends_s, abs=0.2)
    assert "too slowly; expected at least 1,000 bytes a second" in str(refused)
    assert not any(tmp_path.iterdir())


def test_a_client_that_is_just_fast_enough_is_waited_for(tmp_path: Path) -> None:
    body = form(part(b"x" * 100_000))
    upload = virtual.run(receive(paced(cut(body, 1_000), 1.0), headers(), tmp_path))
    assert upload.parts[0].bytes == 100_000
