"""JSON text → canonical JSON text: one spelling a value, and every number digit for digit."""

from __future__ import annotations

import json
import random
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.flow.canonical import Hasher, assemble, canonical
from syncline.model import Kind


class Digits(NamedTuple):
    """A number as it is written."""

    text: str


def exact(text: bytes | str) -> object:
    """The value, with every number as its digits."""
    return json.loads(text, parse_int=Digits, parse_float=Digits)


numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True).map(Digits)
texts = st.text(st.characters(codec="utf-8"), max_size=12)
values = st.recursive(
    numbers | texts | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def spelled(value: object, dice: random.Random) -> str:
    """One of the many ways to write this value: blanks, escapes and the order of keys are the dice's."""

    def blank() -> str:
        return "".join(dice.choices(" \t\r\n", k=dice.choice([0, 0, 1, 2])))

    match value:
        case Digits(text):
            return text
        case str():
            return '"' + "".join(_character(character, dice) for character in value) + '"'
        case dict():
            members = list(value.items())
            dice.shuffle(members)
            pairs = [f"{spelled(name, dice)}{blank()}:{blank()}{spelled(held, dice)}" for name, held in members]
            return "{" + blank() + f"{blank()},{blank()}".join(pairs) + blank() + "}"
        case list():
            return "[" + blank() + f"{blank()},{blank()}".join(spelled(held, dice) for held in value) + blank() + "]"
        case _:
            return json.dumps(value)


def _character(character: str, dice: random.Random) -> str:
    ways = [json.dumps(character)[1:-1]]
    if character >= " " and character not in '"\\':
        ways.append(character)
    if character == "/":
        ways.append("\\/")
    if ord(character) < 0x10000:
        ways.append(f"\\u{ord(character):04X}")
    return dice.choice(ways)


@given(values, st.integers())
def test_it_is_idempotent_and_keeps_the_value_digit_for_digit(value: object, seed: int) -> None:
    text = spelled(value, random.Random(seed)).encode()
    once = canonical(text)
    assert canonical(once) == once
    assert exact(once) == exact(text) == value


@given(values, st.integers(), st.integers())
def test_two_spellings_of_a_value_have_the_same_bytes(value: object, one: int, other: int) -> None:
    first, second = (spelled(value, random.Random(seed)).encode() for seed in (one, other))
    assert canonical(first) == canonical(second)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("18446744073709551616", "18446744073709551616"),
        ("0.1000000000000000055", "0.1000000000000000055"),
        ("1.0", "1.0"),
        ("1E5", "1E5"),
        ("-0", "-0"),
        ("1e400", "1e400"),
        ("[ 1.50 , 2 ]", "[1.50,2]"),
        ('{"b":1,"a":{"d":2,"c":3}}', '{"a":{"c":3,"d":2},"b":1}'),
        (r'"\u0041\/\ud83d\ude00"', '"A/😀"'),
        (r'{"\u0062":1,"a":2}', '{"a":2,"b":1}'),
        ('"plain"', '"plain"'),
        ('"\x7f\u2028"', '"\x7f\u2028"'),
        (r'"\u007f\u2028"', '"\x7f\u2028"'),
        (r'"\n\u000a\u0000"', r'"\n\n\u0000"'),
        ("{}", "{}"),
        ("[]", "[]"),
        ("null", "null"),
    ],
)
def test_by_hand(text: str, expected: str) -> None:
    assert canonical(text.encode()) == expected.encode()


def test_members_are_assembled_in_the_order_of_their_names() -> None:
    assert assemble({"b": b"1", "a": b'"x"', 'q"': b"[]"}) == b'{"a":"x","b":1,"q\\"":[]}'
    assert assemble({}) == b"{}"


def test_a_digest_covers_the_body_and_what_it_means() -> None:
    digest = Hasher(Kind.UPSERT, "people/upsert")
    assert len(digest(b"{}")) == 16
    assert digest(b"{}") == Hasher(Kind.UPSERT, "people/upsert")(b"{}")
    assert digest(b"{}") != digest(b'{"a":1}')
    assert digest(b"{}") != Hasher(Kind.UPSERT, "people/update")(b"{}")


def test_a_digest_stays_the_same_from_version_to_version() -> None:
    """The ledgers in the field hold digests of format 1; another digest here would send everything again."""
    assert Hasher(Kind.UPSERT, "people/upsert")(b'{"plan":"pro"}').hex() == "9d3853c3e925313bb6b0fbec98f30110"
