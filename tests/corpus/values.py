"""Values and identifiers as a file writes them → what a vendor is to hold: no digit, no case and no blank is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# Values of a row of JSON that arrive as they are written: F16, F18, F20, R17, R31, R35.
KEPT: Sequence[str] = (
    *("0", "-1", "-0", "-0.0", "1.0", "1.10", "1E5", "1e5", "1e+5", "1E-07", "1e400", "-1e400", "1e-400"),
    *("0.1000000000000000055", "0.30000000000000004440", "123456789.123456789123456789"),
    *("9007199254740993", "9223372036854775808", "18446744073709551616", "1" + "0" * 30, "1" * 40),
    *("true", "false", '"true"', '"yes"', '"1"', '"1.0"', '"007"', '"1e5"', '"null"', '"NULL"', '"N/A"', '"NaN"', '""'),
    *('" x "', '"é"', '"e\u0301"', '"😀"', '"=1+1"', '"<b>"', '"\'; DROP TABLE people; --"', '"${HOME}"', '"\u202e"'),
    *("[]", "{}", "[1.0,1E5,-0]", '{"$set":{"a":18446744073709551616},"__proto__":null,"constructor":1}'),
)
# Values that have one spelling on the way: blanks between, the order of keys, escapes that need not be.
SPELLED: Mapping[str, str] = {
    "[ 1.0 ,\t2 ]": "[1.0,2]",
    '{"b": 1.50, "a": 1E5}': '{"a":1E5,"b":1.50}',
    r'"\u00e9\/\u0041"': '"é/A"',
    r'"\ud83d\ude00"': '"😀"',
    r'"\u0041\n"': r'"A\n"',
    r'"\u001b[31m"': r'"\u001b[31m"',
}
# Cells of CSV: text, whatever they look like.
CELLS: Sequence[str] = (
    *("0", "-0", "1.0", "1E5", "007", "1e400", "18446744073709551616", "true", "null", "NULL", "N/A", "NaN", "\\N"),
    *(" x ", "é", "=1+1", "<b>", "[1]", '{"a":1}', 'a "b"', "a,b", "a\r\nb", "\u2028", "${HOME}", "2024-01-02"),
)
# Numbers of a configuration (`constant`, `default`) → the same number as Python writes it.
NUMBERS: Mapping[str, str] = {
    "1E5": "100000.0",
    "1.10": "1.1",
    "1.0": "1.0",
    "-0": "0",
    "-0.0": "-0.0",
    "1e22": "1e22",
    "1" + "0" * 30: "1" + "0" * 30,
    "18446744073709551616": "18446744073709551616",
}
# Identifiers → who is there in the end; None: the row is invalid. The second: where they travel in a path (v1).
IDS: Sequence[tuple[str, str | None, str | None]] = (
    ('".."', "..", None),
    ('"."', ".", None),
    *(
        (f'"{one}"', one, one)
        for one in ("a/b", "a?x=1", "a#f", "a b", "é", "😀", "a%2Fb", "a+b", "a;b:c=d", "../../x")
    ),
    *((f'"{one}"', one, one) for one in ("=1+1", "<b>", "'; DROP TABLE people; --", "007", "1.0", " 42 ", "null")),
    ("7258", "7258", "7258"),
    ("9007199254740993", "9007199254740993", "9007199254740993"),
    ("18446744073709551616", "18446744073709551616", "18446744073709551616"),
    *((one, None, None) for one in ('""', '"   "', r'"\t"', r'"a\u0000b"', r'"a\r\nb"', r'"\u001b[31m"')),
    *((one, None, None) for one in ("null", "true", "1.5", "1e3", "-0", "NaN", "[1]", '{"id":1}')),
)
