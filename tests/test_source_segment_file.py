"""`profiles: FILE`: identifiers, one a line, instead of the listing; checked whole, read page by page."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest

from play import play
from syncline.errors import DataRefused, Problem, SourceBroke
from syncline.sources.segment import SegmentSource, Settings
from syncline.sources.segment.listed import LINE_BYTES, PROBLEMS

ONE = "an identifier with its type, such as user_id:42 or email:ada@example.com, or a segment id (use_…)"
TYPE_IT = "Write the type of each identifier before it, and a colon between."


def listed(folder: Path, text: bytes | str, file: str = "ids.txt", **settings: object) -> SegmentSource:
    folder.joinpath(file).write_bytes(text.encode() if isinstance(text, str) else text)
    return source(folder, file, **settings)


def source(folder: Path, file: str = "ids.txt", **settings: object) -> SegmentSource:
    given = {"spaceId": "space", "accessToken": "token", "profiles": file} | settings
    return SegmentSource(Settings.model_validate(given), folder)


def pages(read: SegmentSource, cursor: str | None = None) -> list[list[str]]:
    """All pages from a cursor on, and no request for any."""
    cursor, found = cursor or read.first, list[list[str]]()
    while cursor:
        asked, page = play(read.page(cursor))
        assert asked == []
        found.append(list(page.refs))
        cursor = page.next
    return found


def problems(folder: Path, text: bytes | str) -> list[Problem]:
    with pytest.raises(DataRefused) as refused:
        listed(folder, text)
    return refused.value.problems


def test_a_page_holds_the_next_identifiers_and_asks_nobody(tmp_path: Path) -> None:
    names = [f"user_id:{number}" for number in range(250)]
    assert [len(page) for page in pages(listed(tmp_path, "\n".join(names)))] == [100, 100, 50]
    again = pages(listed(tmp_path, "\n".join(names), pageItems=7))
    assert [name for page in again for name in page] == names


def test_reading_goes_on_at_a_cursor_in_another_process(tmp_path: Path) -> None:
    first = listed(tmp_path, "\ufeff# all\r\nuser_id:é\r\n\r\n  email:a@b.c\t\r\nuse_1\r\n", pageItems=1)
    cursors = [first.first]
    while cursors[-1]:
        cursors.append(play(first.page(cursors[-1]))[1].next)
    after = [pages(source(tmp_path, pageItems=1), cursor) for cursor in cursors[:-1]]
    assert after == [[["user_id:é"], ["email:a@b.c"], ["use_1"]], [["email:a@b.c"], ["use_1"]], [["use_1"]]]


def test_blank_lines_comments_marks_and_either_line_end_are_no_identifiers(tmp_path: Path) -> None:
    text = "\ufeffuser_id:1\r\n\n   \n# user_id:2\n  #x\nsegment_id:use_2\n my type : a b \nuser_id:#3\n\n"
    assert pages(listed(tmp_path, text)) == [
        ["user_id:1", "segment_id:use_2", "my type : a b", "user_id:#3"],
    ]


def test_the_last_page_may_be_empty(tmp_path: Path) -> None:
    assert pages(listed(tmp_path, "user_id:1\n# end\n", pageItems=1)) == [["user_id:1"], []]


def test_every_bad_line_is_told_with_its_place_and_how_to_mend_it(tmp_path: Path) -> None:
    text = "42\nuser_id:1\n:1\nuser_id:  \nuse_\nada\x1b[31m" + "x" * 99 + "\nid:a\x00b\n"
    found = problems(tmp_path, text)
    assert [one.line for one in found] == [1, 3, 4, 5, 6, 7]
    assert found[0] == Problem("ids.txt", 1, 0, '"42"', ONE, TYPE_IT)
    assert str(found[0]) == f'ids.txt:1: found "42"; expected {ONE}. {TYPE_IT}'
    assert found[4].found == '"ada\\x1b[31m' + "x" * 29 + '"'
    assert found[5].found == '"id:a\\x00b"'


def test_what_is_no_utf8_or_too_long_is_told_with_its_line(tmp_path: Path) -> None:
    long = b"user_id:" + b"x" * LINE_BYTES
    found = problems(tmp_path, b"user_id:1\nuser_id:J\xf6rg\n" + long + b"\n" + long)
    assert [(one.line, one.found, one.expected) for one in found] == [
        (2, "the byte 0xF6, which is not UTF-8", "UTF-8"),
        (3, "a line of over 2,000 bytes", ONE),
        (4, "a line of over 2,000 bytes", ONE),
    ]
    assert problems(tmp_path, "user_id:1\n".encode("utf-16"))[0].line == 1


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_the_longest_line_there_may_be_is_read_whole(tmp_path: Path, end: bytes) -> None:
    name = "user_id:" + "x" * (LINE_BYTES - 8)
    assert pages(listed(tmp_path, name.encode() + end + b"user_id:1" if end else name.encode()))[0][0] == name


def test_of_very_many_bad_lines_the_first_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    found = problems(tmp_path, "42\n" * 1_234)
    assert len(found) == PROBLEMS + 1
    assert found[-1].found == "1,134 more such lines"


@pytest.mark.parametrize("text", ["", "\n\n", "# nobody yet\n", "\ufeff"])
def test_a_file_without_identifiers_is_refused(tmp_path: Path, text: str) -> None:
    (found,) = problems(tmp_path, text)
    assert (found.file, found.line, found.found) == ("ids.txt", 0, "no identifier")


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    tmp_path.joinpath("folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for file, told in (
        ("gone.txt", "no such file"),
        ("folder", "what is no plain file"),
        ("pipe", "what is no plain file"),
        ("a\0b", "a file that cannot be opened (not a path)"),
    ):
        with pytest.raises(DataRefused) as refused:
            source(tmp_path, file)
        assert [one.found for one in refused.value.problems] == [told]


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """A file that nobody may read."""
    path = tmp_path / "ids.txt"
    path.write_text("user_id:1\n")
    path.chmod(0)
    return path


def test_a_file_that_may_not_be_read_is_refused(locked: Path, as_nobody: None) -> None:
    with pytest.raises(DataRefused, match=r"a file that cannot be opened \(Permission denied\)"):
        source(locked.parent)


def test_a_file_that_changes_while_it_is_read_breaks_the_source(tmp_path: Path) -> None:
    read = listed(tmp_path, "user_id:1\nuser_id:2\n", pageItems=1)
    cursor = play(read.page("0"))[1].next
    tmp_path.joinpath("ids.txt").write_text("user_id:100\nuser_id:2\n")
    with pytest.raises(SourceBroke, match=r"^ids\.txt: found another file than was read before: it has changed"):
        play(read.page(cursor))
    with pytest.raises(SourceBroke, match="it has changed"):  # in another process: the cursor is in a line's middle
        play(source(tmp_path).page(cursor))
    with pytest.raises(SourceBroke, match="it has changed"):
        play(source(tmp_path).page("1000"))
    tmp_path.joinpath("ids.txt").unlink()
    with pytest.raises(SourceBroke, match=r"^ids\.txt: found no such file"):
        play(read.page(cursor))


def test_a_place_means_something_in_this_very_list_only(tmp_path: Path) -> None:
    first = listed(tmp_path, "user_id:1\nuser_id:2\n").listing
    assert listed(tmp_path, "user_id:1\nuser_id:2\n").listing == first, "written anew, and the same"
    assert listed(tmp_path, "user_id:2\nuser_id:1\n").listing != first, "as long as it was, and sorted anew"


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    line = "user_id:1\n" * 50_000
    tmp_path.joinpath("ids.txt").write_text(line + "#" * 3_000_000 + "\n")
    tracemalloc.start()
    try:
        with pytest.raises(DataRefused, match=r"ids\.txt:50001: found a line of over"):
            source(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()


def test_an_identifier_of_the_file_is_a_row(tmp_path: Path) -> None:
    read = listed(tmp_path, "email:ada+1@example.com\n")
    ((ref,),) = pages(read)
    assert next(read.row(ref)).path.endswith("/profiles/email:ada%2B1%40example.com/metadata")
    assert not read.complete
