"""Which part of an upload is the configuration, and which the data: by what they hold, in either order."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forms import CONFIGURATION, DATA, both, cut, form, part, received, sent
from syncline.service.limits import Limits
from syncline.service.recognise import check_complete, recognise
from syncline.service.refused import UploadRefused
from syncline.service.uploads import Upload

YAML = b"""\
# what goes where
userId: id
site_id: 5174e
api_key: 9a8b7
mappings:
  - {from: email, to: email}
"""
SEGMENT = b'{"source": {"type": "segment", "spaceId": "x"}, "destination": {"type": "voucherify"}, "mappings": []}'


def upload(folder: Path, *contents: bytes) -> Upload:
    return Upload(tuple(received(folder, content, f"{index}.json") for index, content in enumerate(contents)))


def refused(folder: Path, *contents: bytes, limits: Limits = Limits()) -> UploadRefused:  # noqa: B008 # immutable
    with pytest.raises(UploadRefused) as error:
        recognise(upload(folder, *contents), limits)
    return error.value


def test_the_two_files_of_the_node_service_are_told_apart_in_either_order(tmp_path: Path) -> None:
    parts = [part(CONFIGURATION, "configuration.json"), part(DATA, "data.json")]
    for order in (parts, parts[::-1]):
        inputs = recognise(sent(cut(form(*order), 20), tmp_path))
        assert inputs.configuration.path.read_bytes() == CONFIGURATION
        assert inputs.data is not None
        assert inputs.data.path.read_bytes() == DATA


CONFIGURATIONS = [
    *(CONFIGURATION, YAML, SEGMENT),
    b"\xef\xbb\xbf" + CONFIGURATION,
    b"\n\n  " + CONFIGURATION,
    b"---\n" + YAML,
    YAML.replace(b"\n", b"\r\n"),
    YAML.replace(b"userId:", b'"userId" :'),
    b'{"pick": "all", "userId": "id"}',
    b'{"mappings": [{"from": "a", "to": "b"}]}',
    b'{"$schema": "x", "credential": {"siteId": "s", "apiKey": "k"}, "userId": "id"}',
    b'{"name": "x", "source": [], "user-id": "a", "Parallelism": 25}',  # misspelt: it will be told so
    CONFIGURATION[:-1],  # broken: its author is to hear where
    CONFIGURATION.replace(b',', b',,'),
    b"// mine\n" + CONFIGURATION,
    CONFIGURATION.replace(b'"userId": "id"', b"userId: 'id' /* why */"),
    CONFIGURATION + b"}",
    CONFIGURATION.decode().encode("utf-16"),
    b'{"userId": "\xff", "mappings": []}',
    b'{"mappings": ' + b"[" * 100_000,
    b'{"userId": "id", "mappings": [' + b'{"from": "x", "to": "' + b"x" * 900_000 + b'"}]}',
    b'{"userId": "a\\"}", "notes": {"mappings": 1}, "failOn": "new"}',
]  # fmt: skip

DATAS = [
    DATA,
    b'{"id": 1, "email": "a@b.c"}\n{"id": 2}\n',
    b'{"id": 1, "userId": 7, "name": "x", "mode": "dark", "source": "web", "empty": ""}\n',
    b'{"userId": 7, "parallelism": 2, "mappings": []}\n{"userId": 8, "parallelism": 3}\n',  # rows of two own names
    b'{"users": [{"userId": 1, "mappings": [], "destination": "x"}]}',
    b'{\n  "data": {"userId": 1, "mappings": []}\n}',
    b"[]",
    b' [ {"userId": 1, "mappings": [], "destination": {}, "apiKey": 1} ]',
    b"id,email\n1,ada@example.com\n",
    b"userId,mappings,parallelism\n1,2,3\n",
    b"id\tnote\n1\tuserId: x\n",
    "id;name\n1;é\n".encode("cp1252"),
    "id,name\n1,é\n".encode("utf-16"),
    gzip.compress(DATA, mtime=0),
    gzip.compress(CONFIGURATION, mtime=0),  # a configuration is never packed
    CONFIGURATION + b" " * 1_000_000,  # and never so large
    b"",
    b"\n \n",
    b"PK\x03\x04" + bytes(1_000),
    b'{"' + b'\\"' * 200_000,
    b"{" * 200_000,
    b'"' * 200_000,
]  # fmt: skip


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_what_has_a_configurations_own_keys_is_one_even_if_it_is_broken(tmp_path: Path, configuration: bytes) -> None:
    for data in (DATA, b"id,email\n1,a\n", b'{"id": 1, "userId": 7}\n'):
        first, second = upload(tmp_path, configuration, data).parts
        for order in ((first, second), (second, first)):
            assert recognise(Upload(order)) == (first, second)


@pytest.mark.parametrize("data", DATAS)
def test_what_has_not_is_data_whatever_is_in_its_rows(tmp_path: Path, data: bytes) -> None:
    for configuration in (CONFIGURATION, YAML, SEGMENT):
        first, second = upload(tmp_path, configuration, data).parts
        for order in ((first, second), (second, first)):
            assert recognise(Upload(order)) == (first, second)


def test_names_say_nothing(tmp_path: Path) -> None:
    named_data, named_configuration = received(tmp_path, YAML, "data.csv"), received(tmp_path, DATA, "config.yaml")
    assert recognise(Upload((named_configuration, named_data))) == (named_data, named_configuration)


def test_a_configuration_may_come_alone(tmp_path: Path) -> None:
    inputs = recognise(upload(tmp_path, SEGMENT))
    assert inputs.data is None
    check_complete(inputs, from_api=True)
    with pytest.raises(UploadRefused) as error:  # U1
        check_complete(inputs, from_api=False)
    assert error.value.status == 422
    assert str(error.value) == (
        'inputs: no data beside "0.json"; expected a configuration and its data.'
        " Send the data as a part of the same name."
    )


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ([CONFIGURATION, YAML], 'two configurations: "0.json" and "1.json"; expected one, and its data'),
        ([DATA, b"id\n1\n"], 'two data files: "0.json" and "1.json"; expected a configuration, and its data'),
        ([DATA, b""], 'two data files: "0.json" and "1.json" (empty)'),
        ([b"{}", b"[]"], "A configuration is an object with userId and mappings; send it as one of the parts."),
        ([CONFIGURATION + b" " * 10**6, DATA], "expected a configuration of at most 1,000,000 bytes, and its data"),
        ([gzip.compress(CONFIGURATION, mtime=0), DATA], "two data files"),
        ([DATA], 'data alone: "0.json"; expected a configuration, and its data'),
        ([b'{"userId": "id"}', DATA], 'nothing that is plainly a configuration: "0.json" has userId alone'),
        ([b'{"userId": 7}', b"user_id: id"], '"0.json" has userId, "1.json" has user_id alone'),
        ([b'{"UserID": 7}'], '"0.json" has UserID alone; expected a configuration. A configuration is'),
    ],
)
def test_what_cannot_be_told_is_said(tmp_path: Path, contents: list[bytes], words: str) -> None:  # U1
    error = refused(tmp_path, *contents)
    assert error.status == 422
    assert words in str(error)
    assert str(error).startswith("inputs: ")


def test_what_cannot_be_told_is_named_as_it_was_sent_and_printable(tmp_path: Path) -> None:
    parts = received(tmp_path, DATA, "\x1b[2Ja.json"), received(tmp_path, DATA)
    with pytest.raises(UploadRefused, match=r'"\\x1b\[2Ja\.json" and a part without a file name'):
        recognise(Upload(parts))


BROKEN = [
    b"{",
    b'{"userId" "id", "mappings" []}',
    b'{"userId: "id", "mappings": [{"from": "email", "to": "email"}]}',
    b'{"userId": "id',
    b'{"$schema": "x"; "userId": "id"}',
    b"// mine\n{" + b"[" * 10_000,
]


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("data", [DATA, b"id,email\n1,a\n", b'{"id": 1}\n{"id": 2}\n', b'{"users": []}', b"", None])
def test_an_object_that_is_broken_is_taken_for_the_configuration_where_nothing_else_is_one(
    broken: bytes, data: bytes | None, tmp_path: Path
) -> None:
    """So that its author hears the line and the column, and not that there are two data files."""
    first, *others = upload(tmp_path, broken, *([] if data is None else [data])).parts
    for order in ((first, *others), (*others, first)):
        assert recognise(Upload(order)) == (first, others[0] if others else None)


@pytest.mark.parametrize("configuration", [CONFIGURATION, YAML])
def test_beside_a_configuration_it_is_broken_data(configuration: bytes, tmp_path: Path) -> None:
    for broken in BROKEN:
        first, second = upload(tmp_path, configuration, broken).parts
        assert recognise(Upload((second, first))) == (first, second)


def test_of_two_objects_that_are_broken_neither_is_taken_for_it(tmp_path: Path) -> None:
    assert "two data files" in str(refused(tmp_path, b"{", b'{"id": 1'))


@given(st.binary(max_size=200))
def test_any_bytes_beside_a_configuration_are_its_data(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        assert recognise(upload(Path(folder), CONFIGURATION, content)).data is not None


# --- how much --------------------------------------------------------------------------------------------------------

SMALL = Limits(data_bytes=10_000)


def test_data_may_be_no_larger_than_was_said_even_where_a_configuration_might(tmp_path: Path) -> None:
    error = refused(tmp_path, CONFIGURATION, b"[" + b" " * 10_000, limits=SMALL)
    assert error.status == 413
    assert '"1.json" of 10,001 bytes; expected data of at most 10,000 bytes' in str(error)
    assert recognise(upload(tmp_path, CONFIGURATION, b"[" + b" " * 9_999), SMALL).data is not None


def test_packed_data_counts_unpacked(tmp_path: Path) -> None:
    rows = json.dumps([{"id": number} for number in range(2_000)]).encode()
    error = refused(tmp_path, CONFIGURATION, gzip.compress(rows), limits=SMALL)
    assert error.status == 413
    assert '"1.json", which unpacks to more than 10,000 bytes; expected data of at most 10,000' in str(error)
    many = gzip.compress(rows[:6_000]) + gzip.compress(rows[6_000:12_000])
    assert refused(tmp_path, CONFIGURATION, many, limits=SMALL).status == 413
    assert recognise(upload(tmp_path, CONFIGURATION, gzip.compress(rows[:10_000])), SMALL).data is not None


def test_a_bomb_is_put_down_after_as_much_as_data_may_be(tmp_path: Path) -> None:
    """10 MB that would be 10 GB: no more than the limit of it is ever unpacked."""
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(50)) + packer.flush()
    assert len(bomb) < 100_000
    assert refused(tmp_path, CONFIGURATION, bomb, limits=Limits(data_bytes=1_000_000)).status == 413


def test_what_is_damaged_is_for_its_reader_to_say(tmp_path: Path) -> None:
    assert recognise(upload(tmp_path, CONFIGURATION, gzip.compress(DATA)[:-9])).data is not None


def test_a_whole_upload_is_told_apart_from_its_files(tmp_path: Path) -> None:
    inputs = recognise(sent([both(configuration=YAML, data=gzip.compress(DATA))], tmp_path))
    assert (inputs.configuration.filename, inputs.data and inputs.data.filename) == ("configuration.json", "data.json")
