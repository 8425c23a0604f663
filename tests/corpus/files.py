"""Data files, byte by byte → the exit code, how the rows ended, who arrived, and what is said.

The codes are those of reliability.md 6.2, and C19 and C20, which only data shows. Each file is read under a
configuration that maps `a`, with `id` as its userId.
"""

from __future__ import annotations

import gzip
import os
import socket
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROWS = b'[{"id":1,"a":"x"},{"id":2,"a":"y"}]'
TWO = {"delivered": 2}
ONE_BAD = {"delivered": 2, "invalid": 1}
BOTH = ("1", "2")
MEND = "Mend it there, or export the file again."


Data = bytes | Callable[[Path], object]
"""What is in the file, or what is put in its place."""


class File(NamedTuple):
    """A file, or what stands in its place.

    counts: the outcomes that are not 0, none where the run is refused; says: words of what is said; arrived: ids;
    words: options behind the file; settings: of the configuration.
    """

    code: str
    name: str
    data: Data
    exit: int
    says: tuple[str, ...]
    counts: Mapping[str, int] = {}
    arrived: Collection[str] = ()
    words: tuple[str, ...] = ()
    settings: Mapping[str, Any] = {}


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(path))  # the path of a socket may have 107 bytes


def csv(*lines: bytes) -> bytes:
    return b"".join(line + b"\n" for line in (b"id,a", *lines))


def array(*values: bytes) -> bytes:
    """Rows 1, 2 and 3, of which the second has this value."""
    rows = [b'{"id":1,"a":"x"}', *(b'{"id":2,"a":%b}' % value for value in values), b'{"id":3,"a":"z"}']
    return b"[" + b",\n".join(rows) + b"]"


def lines(*rows: bytes) -> bytes:
    return b"\n".join([b'{"id":1,"a":"x"}', *rows, b'{"id":3,"a":"z"}', b""])


def broken(code: str, data: bytes, *says: str, arrived: Collection[str] = ("1",)) -> File:
    """A file that ends where it should not, behind its first rows."""
    counts = {"delivered": len(arrived)}
    return File(code, "d.json", data, 3, ("stopped (source): ", *says, MEND), counts, arrived)


def one_bad(code: str, name: str, data: bytes, *says: str) -> File:
    """A file of three rows, of which the second cannot be read."""
    return File(code, name, data, 1, (f"{name} row 2", *says), ONE_BAD, ("1", "3"))


def refused(code: str, name: str, data: Data, *says: str, words: tuple[str, ...] = ()) -> File:
    return File(code, name, data, 2, (f"{name}", *says), words=words)


def taken(code: str, name: str, data: Data, *words: str) -> File:
    """A file of two rows that is read as it is."""
    return File(code, name, data, 0, (), TWO, BOTH, words)


WHERE = "none of the first 2 rows has the field"

FILES = [
    File(
        "C19", "d.json", ROWS, 2, (f"{WHERE} 'uid', which userId names", "rows have: id, a"), settings={"userId": "uid"}
    ),
    File(
        "C20", "d.json", ROWS, 2, (f"{WHERE} 'Id'", "rows have: id, a", 'Did you mean "id"?'), settings={"userId": "Id"}
    ),
    File(
        "C20",
        "d.json",
        ROWS,
        2,
        (f"{WHERE} ' id'", "rows have: id, a", 'Did you mean "id"?'),
        settings={"userId": " id"},
    ),
    refused(
        "F1", "gone.json", lambda path: None, "found no such file; expected a file with", "Check it; what is relative"
    ),
    refused("F1", "d.json", Path.mkdir, "found a directory; expected a file", "Name the files in it"),
    refused(
        "F1", "d.json", listening, "found a socket; expected a file", "Write what comes through it to a file first."
    ),
    refused("F1", "d.json", os.mkfifo, "found a named pipe; expected a file", "Write what comes through it to a file"),
    refused(
        "F2",
        "d.json",
        b"",
        ":1:1: found an empty file; expected",
        "Was the export finished? For no rows at all, write []",
    ),
    refused("F2", "d.csv", b" \r\n \n", "found only blanks; expected", "write []"),
    File("F2", "d.json", b"[]", 0, ("0 read = no rows",)),
    refused(
        "F4",
        "d.json",
        ROWS.decode().encode("utf-16"),
        "found text in UTF-16 or UTF-32",
        "expected UTF-8",
        "iconv -f UTF-16",
    ),
    refused("F4", "d.json", ROWS.decode().encode("utf-16-le"), "found text in UTF-16 or UTF-32", "iconv -f UTF-16"),
    refused(
        "F4", "d.csv", csv(b"1,x").decode().encode("utf-32"), "found text in UTF-16 or UTF-32", "`--encoding utf-16`"
    ),
    taken("F4", "d.csv", csv(b"1,x", b"2,y").decode().encode("utf-16"), "--encoding", "utf-16"),
    one_bad(
        "F5",
        "d.ndjson",
        lines(b'{"id":2,"a":"caf\xe9"}'),
        "column 17: found the byte 0xE9, which is not UTF-8 in a string",
    ),
    one_bad("F5", "d.csv", csv(b"1,\xc3\xa9", b"2,caf\xe9", b"3,z"), 'found a byte that is no character (0xE9) in "a"'),
    one_bad("F6", "d.csv", csv(b"1,x", b"2,caf\xe9", b"3,z"), "in UTF-8", "`--encoding cp1252`"),
    broken(
        "F5", array(b'"caf\xe9"'), "d.json:2:17: found the byte 0xE9, which is not UTF-8 in a string, expected UTF-8"
    ),
    refused("F6", "d.csv", csv(b"1,caf\xe9", b"2,\xe9t\xe9"), ":2: found the byte 0xE9", "`--encoding cp1252`"),
    taken("F6", "d.csv", csv(b"1,caf\xe9", b"2,\xe9t\xe9"), "--encoding", "cp1252"),
    taken("F7", "d.json", b'{"id":1,"a":"x"}\n{"id":2,"a":"y"}\n'),
    taken("F8", "d.ndjson", ROWS),
    taken("F8", "d.jsonl", ROWS),
    refused("F10", "d.json", b'{"data":%b}' % ROWS, ":1:1: found one object in all; expected", "`--path data`"),
    refused("F10", "d.json", b'{"data":{"users":%b}}' % ROWS, "found one object in all", "`--path data.users`"),
    taken("F10", "d.json", b'{"data":{"users":%b}}' % ROWS, "--path", "data.users"),
    File("F12", "d.json", b'[[{"id":1}]]', 1, ("row 1", "found an array, expected an object"), {"invalid": 1}),
    broken("F13", b'[{"id":1,"a":"x"},\n{"id":2,"a":', "d.json:2:13: found the end of the file, expected a value"),
    broken("F13", b'[{"id":1,"a":"x"}', 'd.json:1:18: found the end of the file, expected "," or "]"'),
    refused("F13", "d.json", b'[{"id":1,"a":', ":1:14: found the end of the file; expected a value. " + MEND),
    broken("F14", b'[{"id":1,"a":"x"},]', 'd.json:1:19: found "]", expected a row (no comma stands before "]")'),
    broken("F14", b'[{"id":1,"a":"x"}\n{"id":2,"a":"y"}]', 'd.json:2:1: found "{", expected "," or "]"'),
    broken("F14", ROWS + ROWS, 'd.json:1:36: found "[", expected the end of the file after the document', arrived=BOTH),
    *[
        one_bad("F16", "d.json", array(word.encode()), f"found {word}, expected a finite number or null")
        for word in ("NaN", "Infinity", "-Infinity")
    ],
    one_bad("F16", "d.ndjson", lines(b'{"id":2,"a":{"b":[NaN]}}'), "found NaN, expected a finite number or null"),
    one_bad("F18", "d.json", array(b"9" * 41), "found a number of 41 characters, expected at most 40"),
    one_bad("F21", "d.json", array(b'1,"a":1'), 'found the key "a" more than once, expected each key once'),
    one_bad("F21", "d.ndjson", lines(b'{"id":2,"a":1,"\\u0061":2}'), 'found the key "a" more than once'),
    one_bad("F23", "d.json", array(b'"x\\u0000y"'), 'found the character U+0000 in "a", expected text'),
    one_bad("F23", "d.ndjson", lines(b'{"id":2,"a\\u0000":1}'), "found the character U+0000 in a name, expected text"),
    one_bad("F23", "d.json", array(b'[{"b":"\\u0000"}]'), 'found the character U+0000 in "a", expected text'),
    taken("F23", "d.json", b'[{"id":1,"a":"\\\\u0000"},{"id":2,"a":"\\\\\\\\u0000"}]'),
    *[
        one_bad(
            "F24", "d.json", array(b"[" * depth + b"]" * depth), "found nesting deeper than 64, expected at most 64"
        )
        for depth in (64, 900, 10_000)
    ],
    one_bad("F25", "d.json", array(b'"' + b"x" * 3_000_000 + b'"'), "found a row of over 1,000,000 bytes"),
    taken("F27", "d.csv", b"id,a\r\n1,x\r\n2,y\r\n"),
    taken("F27", "d.csv", b"id,a\r1,x\r2,y\r"),
    taken("F27", "d.csv", 'id,a\n1,"x\r\n\u2028\x0cy"\r\n2,y\n'.encode()),
    *[
        one_bad("F27", "d.csv", text, "found a line break (CR alone) outside quotes, expected quotes around its cell")
        for text in (csv(b"1,x", b"2,y\ry", b"3,z"), csv(b"1,x\r", b"2,y\r5,e\r", b"3,z\r"))
    ],
    taken("F27", "d.csv", b'id,a\n1,"x\ry"\n2,y\n'),
    *[
        File("F7", name, first + b'\n{"id":1,"a":"x"}\n{"id":2,"a":"y"}\n', 1, (f"{name} row 1", *says), ONE_BAD, BOTH)
        for name in ("d.ndjson", "d.json")
        for first, *says in (
            (b'{"id":9,"a":', "column 13: found the end of the line, expected a value"),
            (b"[1,", "column 4: found the end of the line, expected a value"),
            (b"[]", "found an array, expected an object"),
        )
    ],
    taken("F28", "d.ndjson", b'\n\n{"id":1,"a":"x"}\n \n{"id":2,"a":"y"}'),
    File("F30", "d.csv", b"1,x\n2,y\n", 2, ("the field 'id', which userId names", "rows have: 1, x")),
    refused(
        "F30", "d.csv", b"id,a,a\n1,x,y\n", ':1: found a header with the name "a" for columns 2 and 3', "Rename one"
    ),
    refused("F30", "d.csv", b"id,a,\n1,x,y\n", ":1: found a header without a name for column 3", "Name it, or delete"),
    File("F30", "d.csv", b"id,a\n", 0, ("0 read = no rows",)),
    refused(
        "F32", "d.csv", b"id;a\n1;x\n", ":1: found a header of one cell, with semicolons in it", '`--delimiter ";"`'
    ),
    refused("F32", "d.csv", b"id\ta\n1\tx\n", "with tabs in it; expected commas", "`--format tsv`"),
    taken("F32", "d.csv", b"id;a\n1;x\n2;y\n", "--delimiter", ";"),
    File(
        "F34",
        "d.csv",
        csv(b"1," + b"x" * 131_073, b"2,y"),
        1,
        ("d.csv row 1", "a: the value is 131073 bytes; Customer.io takes at most 1000"),
        {"delivered": 1, "invalid": 1},
        ("2",),
    ),
    one_bad("F35", "d.csv", csv(b"1,x", b"2,a\0b", b"3,z"), 'found the character U+0000 in "a", expected text'),
    File(
        "F38",
        "d.json.gz",
        gzip.compress(ROWS)[:-4],
        3,
        (
            "d.json.gz (behind row 2): found gzip data that is cut short, expected its end",
            "Fetch or export the file again",
        ),
        TWO,
        BOTH,
    ),
    refused(
        "F38",
        "d.json.gz",
        gzip.compress(ROWS)[:-8] + gzip.compress(b"")[-8:],
        "found gzip data that is damaged (incorrect data check); expected gzip data as it was written",
        "Fetch or export the file again",
    ),
    taken("F38", "d.ndjson.gz", gzip.compress(b'{"id":1,"a":"x"}\n') + gzip.compress(b'{"id":2,"a":"y"}\n')),
    taken("F38", "d.json", gzip.compress(ROWS)),
    taken("F38", "d.json.gz", ROWS),
    refused("F38", "d.json.gz", gzip.compress(gzip.compress(ROWS)), "found gzip data inside gzip data", "gunzip FILE"),
    taken("F42", "d.json", lambda path: path.symlink_to(_beside(path))),
    refused(
        "F42", "d.json", lambda path: path.symlink_to("/dev/zero"), "found a device; expected a file", "to a file first"
    ),
    File("F43", "a\n\x1b[31m\u202e.json", b"[", 2, ("a\\n\\x1b[31m\\u202e.json:1:2: found the end of the file",)),
    File("F43", "a\udcff.json", ROWS, 0, (), TWO, BOTH),
]


def _beside(path: Path) -> Path:
    other = path.with_name("other.json")
    other.write_bytes(ROWS)
    return other
