"""Bytes of one JSON value, in pieces → where it ends, or the first place where it is not JSON.

The exact judge behind the quick decoders: strict grammar (RFC 8259), strict UTF-8, no recursion; every byte is read a
constant number of times, however the input is cut. Its memory is one byte an open bracket, and a few bytes of a token
that straddles two pieces. What is well formed but of no use in a row (NaN, a depth, an endless number) becomes `fault`.
"""

from __future__ import annotations

import re
from enum import IntEnum

DEPTH = 64  # brackets open at once, the row's own included
NUMBER_CHARS = 40
OPEN_BRACKETS = 1_000_000  # a row deeper than this costs memory we will not spend
TOKEN_BYTES = 16  # more than the longest piece of a token that waits for its rest
END = "the end of the file"

SPACE = re.compile(rb"[ \t\r\n]*+")

# The bytes of a string, up to its closing quote or the first byte that may not stand there. The UTF-8 ranges are those
# of Unicode's table 3-7 (no overlong forms, no encoded surrogates); a \ud8xx must be followed by its \udcxx.
_CHARS = (
    rb"(?:[\x20\x21\x23-\x5b\x5d-\x7f]++|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]"
    rb"|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}"
    rb'|\\["\\/bfnrt]|\\u(?:[0-9a-cefA-CEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2}'
    rb"|[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}))*+"
)
_STRING = re.compile(_CHARS)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_UNFINISHED_CHAR = re.compile(
    rb"\\(?:u[0-9a-fA-F]{0,4}|u[dD][89abAB][0-9a-fA-F]{2}\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?"
    rb"|[\xc2-\xf4]|\xe0[\xa0-\xbf]|\xed[\x80-\x9f]|[\xe1-\xec\xee\xef][\x80-\xbf]"
    rb"|\xf0[\x90-\xbf][\x80-\xbf]?|[\xf1-\xf3][\x80-\xbf]{1,2}|\xf4[\x80-\x8f][\x80-\xbf]?"
)

# The longest beginning of a number; the number is finished where it ends in a digit.
_NUMBER = re.compile(rb"-?+(?:(?:0|[1-9][0-9]*+)(?:\.(?:[0-9]++(?:[eE][-+]?+[0-9]*+)?+)?+|[eE][-+]?+[0-9]*+)?+)?+")
_DIGITS = re.compile(rb"[0-9]{2,}+")
_WORD = re.compile(rb"-?+[A-Za-z]++")
_WORDS = (b"true", b"false", b"null", b"NaN", b"Infinity", b"-Infinity")

# Runs of ordinary members and items in one match: what makes the judge affordable. Ordinary is a scalar, or a list or
# object of scalars. The unusual is left to the single steps; a run that fails there is read twice, never more often.
_S = rb"[ \t\r\n]*+"
_TEXT = rb'"' + _CHARS + rb'"'
_SHORT = rb"-?+(?:0|[1-9][0-9]{0,17}+)(?:\.[0-9]{1,14}+)?+(?:[eE][-+]?+[0-9]{1,3}+)?+"
_SCALAR = rb"(?:" + _TEXT + rb"|" + _SHORT + rb"|true|false|null)" + _S
_KEY = _TEXT + _S + rb":" + _S
_LIST = rb"\[" + _S + rb"(?:" + _SCALAR + rb"(?:," + _S + _SCALAR + rb")*+)?+\]" + _S
_OBJECT = rb"\{" + _S + rb"(?:" + _KEY + _SCALAR + rb"(?:," + _S + _KEY + _SCALAR + rb")*+)?+\}" + _S
_VALUE = rb"(?:" + _SCALAR + rb"|" + _LIST + rb"|" + _OBJECT + rb")"
_ITEMS = re.compile(rb"(?:" + _S + _VALUE + rb",)++")
_MEMBERS = re.compile(rb"(?:" + _S + _KEY + _VALUE + rb",)++")


class _State(IntEnum):
    VALUE = 0
    FIRST_VALUE = 1
    KEY = 2
    FIRST_KEY = 3
    COLON = 4
    AFTER = 5
    STRING = 6
    KEY_STRING = 7


_EXPECTED = {
    _State.VALUE: "a value",
    _State.FIRST_VALUE: 'a value or "]"',
    _State.KEY: "a key in double quotes",
    _State.FIRST_KEY: 'a key in double quotes or "}"',
    _State.COLON: '":"',
    _State.STRING: "the rest of the string",
    _State.KEY_STRING: "the rest of the key",
}


class JsonError(Exception):
    """The text is not JSON from `at` on: an offset in the bytes just fed (or a few bytes before them)."""

    def __init__(self, at: int, found: str, expected: str) -> None:
        self.at, self.found, self.expected = at, found, expected
        super().__init__(f"found {found}, expected {expected}")


def describe(text: bytes, at: int) -> str:
    """What stands at `at`, in words; never more than a word of it."""
    if at >= len(text):
        return END
    if text[at : at + 1] == b'"':
        return "a string"
    if text[at : at + 1].isdigit():
        return "a number"
    if word := _WORD.match(text, at, at + 20):
        return f'"{word.group().decode()}"'
    return _character(text[at : at + 4])


def _character(text: bytes) -> str:
    for size in range(1, len(text) + 1):
        try:
            char = text[:size].decode()
        except UnicodeDecodeError:
            continue
        return f'"{char}"' if char.isprintable() and char != '"' else f"the character U+{ord(char):04X}"
    return f"the byte 0x{text[0]:02X}, which is not UTF-8"


class Scanner:
    """Follows one value to its end. `fault`: the first reason why the value, though JSON, is of no use ("" if none)."""

    def __init__(self) -> None:
        self.fault = ""
        self._state = _State.VALUE
        self._stack = bytearray()  # the closing bracket of everything that is open
        self._carry = b""  # the beginning of a token that the next piece goes on with
        self._number_chars = 0  # of the number that straddles pieces, beyond what _carry holds

    def feed(self, data: bytes, start: int = 0, *, last: bool = False) -> int | None:
        """The offset in `data` just after the value; None while more is needed. Raises `JsonError`."""
        carry, self._carry = self._carry, b""
        text, at, shift = (carry + data[start:], 0, start - len(carry)) if carry else (data, start, 0)
        try:
            end = self._run(text, at, last)
        except JsonError as error:
            error.at += shift
            raise
        return None if end is None else end + shift

    def _run(self, text: bytes, at: int, last: bool) -> int | None:
        while True:
            if self._state >= _State.STRING:
                at = self._string(text, at, last)
            else:
                at = self._gulp(text, at)
                if at < len(text):
                    at = self._token(text, at, last)
            if self._state is _State.AFTER and not self._stack:
                return at
            if at >= len(text):
                if last:
                    raise JsonError(len(text), END, self._expected())
                return None

    def _gulp(self, text: bytes, at: int) -> int:
        keyed = self._state in (_State.KEY, _State.FIRST_KEY)
        # A value is an item in an array only; in an object it follows its key.
        item = self._state <= _State.FIRST_VALUE and self._stack[-1:] == b"]"
        if (keyed or item) and len(self._stack) < DEPTH and (run := (_MEMBERS if keyed else _ITEMS).match(text, at)):
            self._state = _State.KEY if keyed else _State.VALUE
            at = run.end()
        return _skip(text, at)

    def _token(self, text: bytes, at: int, last: bool) -> int:
        char, state = text[at : at + 1], self._state
        if state <= _State.FIRST_KEY and char == b'"':
            self._state = _State.KEY_STRING if state >= _State.KEY else _State.STRING
        elif state <= _State.FIRST_VALUE and char in b"{[":
            self._open(at, char)
        elif state <= _State.FIRST_VALUE and (char.isalpha() or char in b"-0123456789"):
            return self._literal(text, at, last)
        elif state is _State.COLON and char == b":":
            self._state = _State.VALUE
        elif state is _State.AFTER and char == b",":
            self._state = _State.KEY if self._stack[-1:] == b"}" else _State.VALUE
        elif state in (_State.FIRST_VALUE, _State.FIRST_KEY, _State.AFTER) and self._stack[-1:] == char:
            self._stack.pop()
            self._state = _State.AFTER
        else:
            raise JsonError(at, describe(text, at), self._expected())
        return at + 1

    def _open(self, at: int, bracket: bytes) -> None:
        if len(self._stack) >= OPEN_BRACKETS:
            raise JsonError(at, f"more than {OPEN_BRACKETS:,} open brackets", f"at most {DEPTH}")
        self._stack += b"}" if bracket == b"{" else b"]"
        self._state = _State.FIRST_KEY if bracket == b"{" else _State.FIRST_VALUE
        if len(self._stack) > DEPTH:
            self._blame(f"found nesting deeper than {DEPTH}, expected at most {DEPTH} brackets open at once")

    def _literal(self, text: bytes, at: int, last: bool) -> int:
        word = _WORD.match(text, at)
        return self._word(text, at, word.end(), last) if word else self._number(text, at, last)

    def _word(self, text: bytes, at: int, end: int, last: bool) -> int:
        word = text[at:end]
        unfinished = end == len(text) and any(whole.startswith(word) for whole in _WORDS)
        if unfinished and not last:
            self._carry = word
            return end
        if unfinished and word not in _WORDS:
            raise JsonError(end, END, "the rest of the value")
        if word not in _WORDS:
            raise JsonError(at, describe(text, at), "a value")
        if word[-1:] in b"Ny":  # NaN, Infinity
            self._blame(f"found {word.decode()}, expected a finite number or null")
        self._state = _State.AFTER
        return end

    def _number(self, text: bytes, at: int, last: bool) -> int:
        match = _NUMBER.match(text, at)
        end = match.end() if match else at
        if end == len(text) and not last:
            # Two digits say as much as two million about what may follow; so the carry stays short.
            self._carry = _DIGITS.sub(b"11", text[at:end])
            self._number_chars += end - at - len(self._carry)
            return end
        if not text[end - 1 : end].isdigit():
            raise JsonError(end, describe(text, end), "a digit")
        chars, self._number_chars = end - at + self._number_chars, 0
        if chars > NUMBER_CHARS:
            self._blame(f"found a number of {chars} characters, expected at most {NUMBER_CHARS}")
        self._state = _State.AFTER
        return end

    def _string(self, text: bytes, at: int, last: bool) -> int:
        match = _STRING.match(text, at)
        at = match.end() if match else at
        if at == len(text):
            return at
        if text[at : at + 1] == b'"':
            self._state = _State.COLON if self._state is _State.KEY_STRING else _State.AFTER
            return at + 1
        if _UNFINISHED_CHAR.fullmatch(text, at):
            return self._unfinished(text, at, last)
        if _SURROGATE.match(text, at):
            self._blame("found half of a surrogate pair (a lone \\ud800 to \\udfff escape), expected a whole character")
            return at + 6
        if text[at : at + 1] == b"\\":
            raise JsonError(at, "a backslash that begins no escape", 'one of \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX')
        raise JsonError(at, describe(text, at) + " in a string", "an escape for it" if text[at] < 32 else "UTF-8")

    def _unfinished(self, text: bytes, at: int, last: bool) -> int:
        if last:
            raise JsonError(len(text), END, self._expected())
        self._carry = text[at:]
        return len(text)

    def _expected(self) -> str:
        if self._state is _State.AFTER:
            return f'"," or "{self._stack[-1:].decode()}"'
        return _EXPECTED[self._state]

    def _blame(self, fault: str) -> None:
        self.fault = self.fault or fault


def _skip(text: bytes, at: int) -> int:
    match = SPACE.match(text, at)
    return match.end() if match else at
