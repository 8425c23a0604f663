"""Odd texts, a small selection of our own. The public collections are tried by `make corpora`."""

from __future__ import annotations

from collections.abc import Sequence

# Values that every reader of JSON takes, and how each is written exactly.
GOOD_JSON: Sequence[bytes] = (
    b'{"id": 1, "name": "Ada"}',
    b'{"a": [1, 2.50, -0, 1E5, 1e-7, 12345678901234567890123]}',
    b'{"a": {"b": [null, true, false, "", {}]}, "": 1}',
    '{"é": "\U0001f600 \\ud83d\\ude00 \\u00e9", "\\"\\\\\\/\\b\\f\\n\\r\\t": "\u2028"}'.encode(),
    b"{}",
)
# What is JSON to no reader, or only to a lax one.
BAD_JSON: Sequence[bytes] = (
    b"{'a': 1}",
    b'{"a": 1,}',
    b'{"a": 01}',
    b'{"a": .5}',
    b'{"a": 1.}',
    b'{"a": +1}',
    b'{"a": 0x1F}',
    b'{"a": 1e}',
    b'{"a": True}',
    b'{"a": undefined}',
    b'{"a" 1}',
    b"{a: 1}",
    b'{"a": "\n"}',
    b'{"a": "\\x41"}',
    b'{"a": "\\u12"}',
    b'{"a": 1} // end',
    b'{"a": "\xff"}',
    b'{"a": "\xed\xa0\x80"}',
    b'{"a": "',
    b'{"a": 1\x0c}',
)
# Well formed, and of no use in a row: each is a fault of its row, and never another value.
NO_ROWS: Sequence[bytes] = (
    b'{"a": NaN}',
    b'{"a": -Infinity}',
    b'{"a": 1, "a": 2}',
    b'{"a": "\\ud800"}',
    b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}",
    b'{"a": ' + b"9" * 60 + b"}",
    b"[1]",
    b'"text"',
    b"null",
)
NAUGHTY: Sequence[str] = (
    *("", " ", "\t", "null", "NULL", "undefined", "true", "NaN", "-0", "1e3", "0x1F", "1.0", "00042", "1/0"),
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", '"', "''", "\\", "\\n", "%00", "%2e%2e%2f", "../../etc/passwd", ".."),
    *("<script>alert(1)</script>", "'; DROP TABLE people; --", "${HOME}", "{{7*7}}", "$(id)", "`id`", "%s%n", "{0}"),
    *("é", "e\u0301", "ß", "İ", "ﬁ", "Ω≈ç√∫", "社會科學院語學研究所", "ثم نفس سقطت", "הָיְתָה", "👩\u200d👧", "🇫🇷"),
    *("\u202etest\u202c", "\u200b", "\ufeff", "\u2028", "\u2029", "\x7f", "\x85", "\x1b[31mred", "\uffff"),
    *("\U0010ffff", "Z\u0351\u0300algo", "\u00a0", "a\nb", "a\r\nb", "a\x00b", "x" * 1_001, "é" * 76),
    *("constructor", "__proto__", "$set", "CON", "NUL"),
)
