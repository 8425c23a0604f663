"""Files that are no configuration: missing, of another encoding, not JSON, not YAML as we read it, too large."""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.config import load, yamltext
from syncline.config.findings import Finding
from syncline.config.parse import Unreadable, parse
from syncline.config.places import json_places
from syncline.config.standins import Disguised
from syncline.errors import ConfigRefused, Problem


def refused(file: Path) -> list[Problem]:
    with pytest.raises(ConfigRefused) as error:
        load(str(file), environment={})
    assert {problem.file for problem in error.value.problems} == {str(file)}
    return error.value.problems


def first(folder: Path, content: str | bytes, name: str = "config.json") -> tuple[int, int, str]:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    problem = refused(file)[0]
    return problem.line, problem.column, problem.found


def test_what_is_not_a_file(tmp_path: Path) -> None:  # C1
    os.mkfifo(tmp_path / "fifo")
    assert refused(tmp_path / "missing")[0].found == "no such file"
    assert refused(tmp_path / "missing" / "below")[0].found == "no such file"
    assert refused(tmp_path)[0].found == "a directory"
    assert refused(tmp_path / "fifo")[0].found == "a FIFO (named pipe)"
    assert refused(Path("/dev/null"))[0].found == "a device or socket"
    assert "not a path" in refused(Path("a\0b"))[0].found
    assert "cannot be opened" in refused(tmp_path / ("n" * 300))[0].found


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    (tmp_path / "locked").write_text("{}")
    (tmp_path / "locked").chmod(0)
    return tmp_path / "locked"


def test_a_file_that_may_not_be_read(locked: Path, as_nobody: None) -> None:
    assert refused(locked)[0].found == "a file that may not be read"


@pytest.mark.parametrize("content", [b"", b" \n\t", codecs.BOM_UTF8, b"# only a comment\n"])
def test_an_empty_file(tmp_path: Path, content: bytes) -> None:  # C2
    assert first(tmp_path, content) == (1, 1, "the configuration is empty")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_another_encoding(tmp_path: Path, encoding: str) -> None:  # C4
    assert first(tmp_path, "{}".encode(encoding)) == (1, 1, "text in UTF-16 or UTF-32")


def test_the_byte_that_is_not_utf_8_is_named(tmp_path: Path) -> None:  # C5
    assert first(tmp_path, '{"é": 1,\n "x": "caf\xe9"}'.encode().replace("caf\xe9".encode(), b"caf\xe9")) == (
        2,
        11,
        "the byte 0xe9, which is not UTF-8",
    )


@pytest.mark.parametrize(
    ("text", "place", "found"),
    [
        ('{\n "a": 1,\n}', (3, 1), "a comma after the last entry"),
        ('{"a": [1,]}', (1, 10), "a comma after the last entry"),
        ('{"a": 1 // why\n}', (1, 9), "a comment"),
        ('{"a": 1\n "b": 2}', (2, 2), "something where a comma should be"),
        ('{"a" 1}', (1, 6), "a key without a colon"),
        ("{'a': 1}", (1, 2), "something where a quoted key should be"),
        ("{a: 1}", (1, 2), "something where a quoted key should be"),
        ('{"a": yes}', (1, 7), "something that is not a JSON value"),
        ('{"a": "x', (1, 7), "a text without its closing quote"),
        ('{"a": "x\n"}', (1, 9), "a line break or control character inside a text"),
        ('{"a": "\\x"}', (1, 8), "a backslash that escapes nothing"),
        ('{"a": "\\u12"}', (1, 9), "an incomplete \\u escape"),
        ('{"a": 1', (1, 8), "the end of the file"),
        ('{"a": 1} {}', (1, 10), "more text after the end"),
        ('{"a": NaN}', (1, 7), "a: a number that is not finite, too large, or of more digits than are kept here"),  # C7
        ('{"a": -Infinity}', (1, 7), "a: a number that is not finite, too large, or of more digits than are kept here"),
        ('{"a": 1e400}', (1, 7), "a: a number that is not finite, too large, or of more digits than are kept here"),
        (
            '{"a": ' + "9" * 5000 + "}",
            (1, 7),
            "a: a number that is not finite, too large, or of more digits than are kept here",
        ),
        ('{"a": "\\ud83d"}', (1, 7), "a: half a surrogate pair"),
        ('{"a": 1,\n "b": {"c": 1, "c": 1}}', (2, 16), 'the key "c" twice'),
        ("[]", (1, 1), "the configuration is a list"),  # C9
        ('"x"', (1, 1), "the configuration is a text"),
        ("null", (1, 1), "the configuration is null"),
        ("5", (1, 1), "the configuration is a number"),
        ("[" * 20_000, (1, 1), "objects nested more than 16 deep"),
    ],
)
def test_json_that_cannot_be_read(tmp_path: Path, text: str, place: tuple[int, int], found: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(text)
    assert (*place, found) in [(problem.line, problem.column, problem.found) for problem in refused(file)]


@pytest.mark.parametrize(
    ("text", "place", "found"),
    [
        ("a: 1\n b: 2", (2, 3), "a colon where none can stand"),
        ("a:\n\tb: 1", (2, 1), "a tab"),
        ("-\ta", (1, 2), "a tab"),
        ("a: @b", (1, 4), "a character that cannot begin a text"),
        ("a: 'b", (1, 6), "a text without its closing quote"),
        ("a:\n  - b\n c: d", (3, 2), "a line that is not indented like its neighbours"),
        ("a: [1, 2", (1, 9), "a list or object that is not closed"),
        ("a: {b: ${B}, c: ${C}", (1, 21), "a list or object that is not closed"),
        ("a: {b: ${B, c: 1}", (1, 9), "a list or object that is not closed"),
        ("a: [${B},\n  &c 1]", (2, 3), "an anchor or alias (& or *)"),
        ("destination: {siteId: ${A-B}}", (1, 23), "destination.siteId: ${ without a variable's name and a }"),
        ("a: &b 1", (1, 4), "an anchor or alias (& or *)"),
        ("a: *b", (1, 4), "an anchor or alias (& or *)"),
        ("a: !!python/object x", (1, 4), "a tag (!)"),
        ("? [a]\n: b", (1, 3), "a list or an object as a key"),
        ("a: 1\n---\nb: 2", (2, 1), "a second document"),
        ("a: b\x07", (1, 5), "a control character"),
        ("a: .inf", (1, 4), "a: a number that is not finite, too large, or of more digits than are kept here"),
        ("a: 1\nb: 2\na: 3", (3, 1), 'the key "a" twice'),
        ("- a", (1, 1), "the configuration is a list"),
        ("hello", (1, 1), "the configuration is a text"),
        ("- " * 1000, (1, 33), "objects nested more than 16 deep"),
        ("%YAML", (1, 6), "a syntax error"),
    ],
)
def test_yaml_that_cannot_be_read(tmp_path: Path, text: str, place: tuple[int, int], found: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    assert (*place, found) in [(problem.line, problem.column, problem.found) for problem in refused(file)]


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a: {b: ${B}, c: ${C|D}}", {"a": {"b": "${B}", "c": "${C|D}"}}),
        ("a: [${B}, x${C:-https://c.test/?d=[e, f]#g}y]", {"a": ["${B}", "x${C:-https://c.test/?d=[e, f]#g}y"]}),
        ("a: {${B}: 1, c: $${D}}", {"a": {"${B}": 1, "c": "$${D}"}}),
        ('a: {b: "${B:-c", d: "${E}", f: 1}', {"a": {"b": "${B:-c", "d": "${E}", "f": 1}}),
        ("a: ${B}\nc: |\n  ${D:-[e]}", {"a": "${B}", "c": "${D:-[e]}"}),
        ('a: ["\\uE000", ${B}, "\ue001", "\\U0000e002"]', {"a": ["\ue000", "${B}", "\ue001", "\ue002"]}),
        ('a: ["${B}", "' + "".join(map(chr, range(0xE000, 0xF900))) + '"]', None),
    ],
    ids=["names", "defaults", "a key", "quotes", "blocks", "the stand-ins", "no stand-in left"],
)
def test_a_reference_in_a_yaml_list_or_object_is_one_text(text: str, tree: object) -> None:
    read = parse(text, is_json=False)
    assert read.tree == (tree or {"a": ["${B}", text[13:-2]]})
    assert [place[1] for place in read.places().values.values()][:2] == [1, 4]


def test_what_stands_behind_a_reference_keeps_its_place() -> None:
    places = parse("a: {b: ${B:-[}, c: [${C}, 1]}\nd: 2", is_json=False).places()
    assert places.values[("a", "c", 1)] == (1, 27)
    assert places.keys[("d",)] == (2, 1)


@pytest.mark.parametrize("text", ["a:\t5", "a: \t5\t# b", '"a"\t:\t5', "a: 5\t\n"])
def test_a_tab_between_two_words_of_yaml_is_a_blank(text: str) -> None:
    assert parse(text, is_json=False).tree == {"a": 5}


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("x" * 10_000_000, "config.json"),
        ('{"mappings": [' + "1," * 400_000 + "1]}", "config.json"),
        (json.dumps({f"key{n}": "x" for n in range(9_000)}), "config.json"),
        ('{"a":' * 150_000, "config.json"),
        ("a: [" + "1," * 49_000, "config.yaml"),
        ("a: !" + "A" * 900_000, "config.yaml"),
        ("\n".join(f"k{n}: v" for n in range(90_000)), "config.yaml"),
    ],
    ids=["10 MB", "values", "unknown keys", "depth", "yaml values", "yaml tag", "yaml keys"],
)
def test_limits_are_reached_fast(tmp_path: Path, content: str, name: str) -> None:  # C49
    began = time.perf_counter()
    first(tmp_path, content, name)
    assert time.perf_counter() - began < 5  # a quarter of a second here; machines differ


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(JSON, st.sampled_from([None, 1, 3]), st.booleans())
def test_the_index_knows_every_path_and_points_at_its_text(tree: object, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(tree, indent=indent, ensure_ascii=ascii_only)
    places, lines = json_places(text), text.split("\n")
    paths: list[tuple[tuple[str | int, ...], object]] = [((), tree)]
    for path, value in paths:
        line, column = places.of(Finding(path, "", "", ""))
        rest = "\n".join(lines[line - 1 :])[column - 1 :]
        assert json.JSONDecoder().raw_decode(rest)[0] == value
        if isinstance(value, list):
            paths += [((*path, index), item) for index, item in enumerate(value)]
        elif isinstance(value, dict):
            paths += [((*path, key), item) for key, item in value.items()]
            assert all((*path, key) in places.keys for key in value)
    assert len(places.values) == len(paths)


@given(st.text(alphabet=st.sampled_from("{}[]\",:'&*!|>#%@- \n\tab01.~\\é\x00\x85$"), max_size=40), st.booleans())
def test_any_text_is_read_or_refused(text: str, is_json: bool) -> None:
    with contextlib.suppress(Unreadable):
        parse(text, is_json=is_json).places()


PIECES = [
    "${",
    "}",
    "${A}",
    "${A:-",
    "{",
    "[",
    "]",
    ",",
    ", ",
    ": ",
    "a",
    "'",
    '"',
    "#",
    " #",
    "\n",
    "\n  ",
    "- ",
    "|\n ",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_what_yaml_reads_by_itself_is_read_as_ever(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yamltext, "disguised", lambda text: Disguised(text, {}))
        try:
            alone = yamltext.parse_yaml(text)
        except Unreadable:
            return
    read = yamltext.parse_yaml(text)
    assert (read.tree, read.places()) == (alone.tree, alone.places())
