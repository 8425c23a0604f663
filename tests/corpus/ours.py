"""Two small collections of our own, in the form of the public ones: what tries those is tried on these."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from fuzz.corpus import NAUGHTY

# y_: to be taken, n_: to be refused, i_: as one likes.
TEXTS: Mapping[str, bytes] = {
    "y_numbers.json": b"[0, -0, -0.0, 1.50, 1E5, 1e-7, 12345678901234567890123]",
    "y_object.json": '{"é": {"b": [null, true, false, "", {}]}, "": 1}'.encode(),
    "y_escapes.json": rb'"\ud83d\ude00\u00e9\"\\\/\b\f\n\r\t\\u0000"',
    "y_over_lines.json": b'{\n"a" :\r\n[ ]\t}\n',
    "y_object_duplicated_key.json": b'{"a":1,"a":1}',
    "y_string_null_escape.json": rb'["\u0000"]',
    "n_comma.json": b"[1,]",
    "n_quotes.json": b"{'a': 1}",
    "n_number.json": b"[01]",
    "n_word.json": b"[NaN]",
    "n_control.json": b'["\t"]',
    "n_encoding.json": b'["\xff"]',
    "n_open.json": b'{"a":',
    "n_behind.json": b"[1]]",
    "n_nothing.json": b"",
    "n_deep.json": b"[" * 100_000,
    "i_deep.json": b"[" * 100 + b"]" * 100,
    "i_surrogate.json": rb'["\ud800"]',
    "i_mark.json": b"\xef\xbb\xbf{}",
    "i_number_huge.json": b"[1e4" + b"0" * 60 + b"]",
    "i_number_double_huge_neg_exp.json": b"[123.456e-789]",
    "i_number_real_pos_overflow.json": b"[1e400]",
}
STRINGS: Sequence[str] = NAUGHTY


def write(folder: Path, texts: Mapping[str, bytes] = TEXTS, strings: Sequence[str] = STRINGS) -> tuple[str, str]:
    """The two collections as files → where they are."""
    parsing, list_ = folder / "parsing", folder / "strings.json"
    parsing.mkdir()
    for name, text in texts.items():
        (parsing / name).write_bytes(text)
    list_.write_text(json.dumps(strings), encoding="utf-8")
    return str(parsing), str(list_)
