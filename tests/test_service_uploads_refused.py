"""What is no upload, byte for byte: each refused with its status and its words, however it is cut, and nothing kept.

U1 to U6 are the corpus of reliability.md 6.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forms import BOUNDARY, CONFIGURATION, DATA, Headers, both, contents, cut, form, headers, part, refusal, sent
from syncline.service.limits import Limits
from syncline.service.refused import UploadRefused

MARK = b"--" + BOUNDARY.encode()
FORM = f"multipart/form-data; boundary={BOUNDARY}"
SMALL = Limits(data_bytes=10_000)


def one(*lines: str, content: bytes = DATA) -> bytes:
    """A form of one part with these header lines."""
    return form("".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + content)


INPUTS = 'Content-Disposition: form-data; name="inputs"; filename="data.json"'

BODIES: list[tuple[str, bytes, int, str]] = [
    ("U1", form(), 422, "a form without parts; expected `inputs` once or twice: a configuration, and its data"),
    ("U1", form(part(DATA, name="data")), 422, 'a part named "data"; expected parts named inputs, and no other'),
    ("U1", form(part(DATA, name="inputs[]")), 422, 'a part named "inputs[]"'),
    ("U1", form(part(DATA, name="\x1b[2J")), 400, "a line that is no header"),
    ("U1", form(part(DATA, name="\u202einputs")), 422, 'a part named "\\u202einputs"'),
    ("U1", form(*[part(DATA)] * 3), 422, "3 parts; expected `inputs` once or twice"),
    ("12", form(*[part(DATA)] * 5), 400, "more than 4 parts; expected a configuration and its data"),
    ("U3", both()[: -len(MARK) - 4], 400, "a body that ends before its last boundary"),
    ("U3", both()[:-4], 400, "a body that ends before its last boundary"),
    ("U3", both()[:-3], 400, "a body that ends before its last boundary"),
    ("U3", both()[:30], 400, "a body that ends before its last boundary"),
    ("U3", b"", 400, "a body that ends before its last boundary"),
    ("U3", both() + MARK + b"--\r\n", 400, "something behind the last boundary; expected the end of the form"),
    ("U3", both() + both(), 400, "something behind the last boundary"),
    ("U3", both()[:-2] + b"x\r\n", 400, "something behind the last boundary"),
    ("U3", both()[:-2] + MARK + b"--\r\n", 400, "something behind the last boundary"),
    ("U3", both() + b"x" * 999, 400, "more than 1,000 bytes behind the last boundary"),
    ("U3", both() + b"x" * 999_999, 400, "more than 1,000 bytes behind the last boundary"),
    ("U3", b"x" * 999 + b"\r\n" + both(), 400, "more than 1,000 bytes before the first boundary"),
    ("U3", b"x" * 999_999 + b"\r\n" + both(), 400, "more than 1,000 bytes before the first boundary"),
    ("U3", b"x" + both(), 400, "a boundary that does not begin a line; expected the first part behind it"),
    ("U3", b"\n" + both(), 400, "a boundary that does not begin a line"),
    ("U3", both().replace(MARK + b"\r\n", MARK + b"x\r\n"), 400, "a boundary with something behind it"),
    ("U3", both().replace(MARK + b"\r\n", MARK + b"\n"), 400, "behind a boundary"),
    ("U3", MARK + b" " * 65 + both()[len(MARK) :], 400, "more than 64 bytes behind a boundary"),
    ("U3", b'{"userId": "id"}', 400, "a body that ends before its last boundary"),
    ("U4", one(), 400, "a part that does not say what it is"),
    ("U4", one("Content-Type: text/plain"), 400, 'expected Content-Disposition: form-data; name="inputs"'),
    ("U4", one(INPUTS, *[f"X-{number}: 1" for number in range(16)]), 400, "a part with more than 16 headers"),
    ("U4", one(INPUTS, *[f"X-{number}: 1" for number in range(1_000)]), 400, "a part with more than 16 headers"),
    ("U4", one(INPUTS, "X: " + "x" * 8_000), 400, "more than "),
    ("U4", one(INPUTS, *["X: " + "x" * 2_000] * 4), 400, "in the headers of a part"),
    ("U4", one("X: " + "x" * 1_000_000, INPUTS), 400, "more than 8,000 bytes in the headers of a part"),
    ("U4", one(INPUTS, INPUTS), 400, "a part with content-disposition twice; expected each header once"),
    ("U4", one(INPUTS, "content-type: a", "Content-Type: a"), 400, "a part with content-type twice"),
    ("U4", one(f'{INPUTS}; name="inputs"'), 400, "Content-Disposition with a parameter that is repeated"),
    ("U4", one(f'{INPUTS}; FILENAME="x"'), 400, "Content-Disposition with a parameter that is repeated"),
    ("U4", one(f"{INPUTS}; filename*=UTF-8''x"), 400, "Content-Disposition with a parameter that is encoded"),
    ("U4", one('Content-Disposition: form-data; name="inputs"; filename*0="a"; filename*1="b"'), 400, "is encoded"),
    ("U4", one("Content-Disposition: form-data; name*=inputs"), 400, "is encoded"),
    ("U4", one('Content-Disposition: attachment; name="inputs"'), 400, "a part that does not say what it is"),
    ("U4", one('Content-Disposition: form-data; filename="x"'), 400, "a part that does not say what it is"),
    ("U4", one('Content-Disposition: form-data; name="inputs'), 400, "Content-Disposition that cannot be read"),
    ("U4", one('Content-Disposition: form-data; name="inputs" filename="x"'), 400, "that cannot be read"),
    ("U4", one("Content-Disposition: form-data; name=inputs; filename"), 400, "that cannot be read"),
    ("U4", one("Content-Disposition"), 400, "a line that is no header"),
    ("U4", one("Content Disposition: form-data; name=inputs"), 400, "a line that is no header"),
    ("U4", one(INPUTS, " ; more=folded"), 400, "a line that is no header"),
    ("U4", one(INPUTS.replace("data", "da\0ta")), 400, "a line that is no header"),
    ("U4", one(INPUTS.replace("data", "da\nta")), 400, "a line that is no header"),
    ("U4", one(INPUTS.replace("data", "da\rta")), 400, "a line that is no header"),
    ("18", form(part(DATA, "x" * 256)), 400, "a long file name; expected one of at most 255 bytes"),
    ("18", form(part(DATA, "é" * 128)), 400, "a long file name"),
    ("18", form(part(DATA, "x" * 5_000)), 400, "a long file name"),
    ("15", one(INPUTS, "Content-Encoding: gzip"), 415, "a part with a Content-Encoding; expected the file as it is"),
    ("13", one(INPUTS, "Content-Transfer-Encoding: base64"), 400, "another Content-Transfer-Encoding"),
    ("13", one(INPUTS, "Content-Transfer-Encoding: quoted-printable"), 400, "expected one of binary, 8bit, 7bit"),
]


@pytest.mark.parametrize(("case", "body", "status", "words"), BODIES)
def test_what_is_no_form_is_refused_alike_however_it_is_cut(
    tmp_path: Path, case: str, body: bytes, status: int, words: str
) -> None:
    cuts: list[tuple[int, ...]] = [(), (65_536,), (13, 1, 200)] + ([(1,)] if len(body) < 20_000 else [])
    refused = [refusal(cut(body, *sizes), tmp_path) for sizes in cuts]
    assert {(one.status, str(one)) for one in refused} == {(status, str(refused[0]))}
    assert words in str(refused[0])
    assert str(refused[0]).startswith("the upload: ")


@pytest.mark.parametrize("encoding", ["binary", "8bit", "7BIT"])
def test_an_encoding_that_encodes_nothing_is_taken(tmp_path: Path, encoding: str) -> None:
    body = one(INPUTS, f"Content-Transfer-Encoding: {encoding}", "Content-Encoding: identity")
    assert contents(sent([body], tmp_path)) == [("data.json", DATA)]


def never() -> Iterator[bytes]:
    """A body that must not be asked for."""
    raise AssertionError("the body was read")
    yield b""


HEADERS: list[tuple[str, Headers, int, str]] = [
    ("7", headers()[:1], 415, "no Content-Type; expected multipart/form-data"),
    ("7", headers(("content-type", "application/x-www-form-urlencoded")), 415, "the type application/x-www-form-u"),
    ("7", headers(("content-type", f"multipart/mixed; boundary={BOUNDARY}")), 415, "the type multipart/mixed"),
    ("7", headers(("content-type", "application/json")), 415, "curl --form 'inputs=@configuration.json'"),
    ("U3", headers(("content-type", "multipart/form-data")), 400, "no boundary; expected one of 1 to 70 letters"),
    ("U3", headers(("content-type", "multipart/form-data; boundary=")), 400, "no boundary"),
    ("U3", headers(("content-type", 'multipart/form-data; boundary=""')), 400, "no boundary"),
    ("U3", headers(boundary="x" * 71), 400, "a boundary of 71 characters"),
    ("U3", headers(boundary="x" * 255), 400, "a boundary of 255 characters"),
    ("U3", headers(boundary="x" * 10_000), 400, "a boundary of 10000 characters"),
    ("U3", headers(boundary='"a "'), 400, "a boundary of 2 characters"),
    ("U3", headers(boundary='"é"'), 400, "a boundary of 1 characters"),
    ("U3", headers(boundary="a\\b"), 400, "a boundary of 3 characters"),
    ("U3", headers(("content-type", f"{FORM}; boundary=x")), 400, "a parameter that is repeated"),
    ("U3", headers(("content-type", f"{FORM}; boundary*=x")), 400, "a parameter that is encoded"),
    ("U3", headers(("content-type", f"{FORM}; x")), 400, "the Content-Type that cannot be read"),
    ("U3", [*headers(), *headers()], 400, "the request with content-type twice"),
    ("U6", headers(("content-length", "-1")), 400, "a Content-Length that is no number of bytes"),
    ("U6", headers(("content-length", "1e3")), 400, "a Content-Length that is no number of bytes"),
    ("U6", headers(("content-length", "+5")), 400, "a Content-Length that is no number of bytes"),
    ("U6", headers(("content-length", "")), 400, "a Content-Length that is no number of bytes"),
    ("U6", headers(("content-length", "5, 5")), 400, "a Content-Length that is no number of bytes"),
    ("U6", headers(("content-length", "٣")), 400, "a Content-Length that is no number of bytes"),
    ("U6", headers(("content-length", "9" * 30)), 400, "a Content-Length that is no number of bytes"),
    ("U6", headers(("content-length", "5"), ("content-length", "5")), 400, "content-length twice"),
    ("U6", headers(("content-length", "5"), ("content-length", "6")), 400, "content-length twice"),
    ("U6", headers(("content-length", "5"), ("transfer-encoding", "chunked")), 400, "expected one of them"),
    ("12", headers(("content-length", "999999999999999999")), 413, "data of at most 100,000,000 bytes"),
    ("12", headers(("content-length", "101034561")), 413, "101,034,561 bytes; expected data of at most 100,000,000"),
    ("15", headers(("content-encoding", "gzip")), 415, "a Content-Encoding; expected a body without one"),
    ("15", headers(("content-encoding", "br, gzip")), 415, "a data file in it may be packed with gzip"),
]


@pytest.mark.parametrize(("case", "said", "status", "words"), HEADERS)
def test_what_the_headers_give_away_is_refused_before_the_body_is_read(
    tmp_path: Path, case: str, said: Headers, status: int, words: str
) -> None:
    refused = refusal(never(), tmp_path, said)
    assert refused.status == status
    assert words in str(refused)


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (0, "longer than its Content-Length"),
        (1, "longer than its Content-Length"),
        (len(both()) - 1, "longer than its Content-Length"),
        (len(both()) + 1, "shorter than its Content-Length"),
        (len(both()) + 2_000, "shorter than its Content-Length"),
    ],
)
def test_a_length_that_is_not_the_bodys_is_refused(tmp_path: Path, length: int, words: str) -> None:  # U6
    for sizes in ((), (1,), (100,)):
        refused = refusal(cut(both(), *sizes), tmp_path, headers(("content-length", str(length))))
        assert (refused.status, words in str(refused)) == (400, True)


def endless(begin: bytes) -> Iterator[bytes]:
    """No client stops here by itself; a test that reads on would never end."""
    yield begin
    while True:
        yield b"x" * 1_000


@pytest.mark.parametrize(
    ("blocks", "status", "words"),
    [
        (endless(MARK + b"\r\n" + part(b"")), 413, "expected data of at most 10,000 bytes"),
        (cut(form(part(b"x" * 1_000_001)), 1_000), 413, "a file of more than 1,000,000 bytes"),
        (cut(form(part(b"x" * 10_001), part(b"x" * 1_000_000), part(b"x" * 50_000)), 1_000), 413, "more than 1,044,"),
        (endless(b""), 400, "before the first boundary"),
        (endless(MARK), 400, "behind a boundary"),
        (endless(MARK + b"\r\n"), 400, "in the headers of a part"),
        (endless(both()), 400, "behind the last boundary"),
    ],
)
def test_a_body_without_a_length_is_counted_while_it_comes(
    tmp_path: Path, blocks: Iterable[bytes], status: int, words: str
) -> None:
    refused = refusal(blocks, tmp_path, limits=SMALL)
    assert (refused.status, words in str(refused)) == (status, True)


def test_a_configuration_may_be_as_large_as_anywhere_whatever_the_data_may_be(tmp_path: Path) -> None:
    body = form(part(b"x" * 1_000_000), part(b"x" * 10_000))
    upload = sent(cut(body, 65_536), tmp_path, headers(("content-length", str(len(body)))), SMALL)
    assert [one.bytes for one in upload.parts] == [1_000_000, 10_000]


def ended(body: bytes, sizes: list[int]) -> object:
    """How a body ends: what is in its parts, or why there are none."""
    with TemporaryDirectory() as folder:
        try:
            return contents(sent(cut(body, *sizes), Path(folder)))
        except UploadRefused as refused:
            return refused.status, str(refused)


SIZES = st.lists(st.integers(1, 60), max_size=4)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(both())), st.integers(0, 60), st.binary(max_size=6) | st.just(b"\r\n" + MARK), SIZES)
def test_a_damaged_body_ends_the_same_however_it_is_cut(at: int, gone: int, come: bytes, sizes: list[int]) -> None:
    body = both()[:at] + come + both()[at + gone :]
    assert ended(body, sizes) == ended(body, [])


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(both()) - 3))
def test_a_body_that_is_cut_off_anywhere_is_never_taken_for_a_whole_one(at: int) -> None:
    assert ended(both()[:at], [7]) == ended(b"", [])


@pytest.mark.parametrize(
    "body",
    [
        both(CONFIGURATION.replace(b'"k"', b'"c4naryS3cret"'))[:-4],
        both() + b"\r\n" + MARK + b"c4naryS3cret",
        one("c4naryS3cret"),
        one(f"{INPUTS}; c4naryS3cret"),
        form(part(DATA, name="x" * 40 + "c4naryS3cret")),
        b"c4naryS3cret" * 100 + both(),
    ],
)
def test_a_refusal_shows_nothing_of_what_was_sent(tmp_path: Path, body: bytes) -> None:
    assert "c4nary" not in str(refusal([body], tmp_path))
