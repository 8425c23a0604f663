"""What a configuration's mappings decide, as a digest: it is kept with every plan, so it must not change by itself."""

from __future__ import annotations

import pytest

from configured import customerio_of
from syncline.config import load
from syncline.destinations.customerio import CustomerIo
from syncline.recipe import Recipe

BASE: dict[str, object] = {"name": "test", "userId": "id", "siteId": "5174e", "apiKey": "9a8b7"}
EMAIL: dict[str, object] = {"from": "email", "to": "email"}
MANY: list[object] = [
    {"from": "computed_ltv", "to": "ltv"},
    {"from": "created_at", "to": "created_at", "as": "timestamp"},
    {"from": ["mobile", "phone"], "to": "phone", "nulls": "omit", "normalise": "phone"},
    {"from": ["first", "last"], "join": " ", "to": "name", "default": "?"},
    {"from": "address.city", "to": "city", "default": None, "empty": "keep"},
    {"constant": None, "to": "legacy"},
    {"from": "email", "to": "h", "hash": "sha256"},
]


def fingerprint(**config: object) -> str:
    sync = (loaded := load({**BASE, **config}, environment={})).sync
    return Recipe(loaded, CustomerIo(customerio_of(sync), sync.mode)).fingerprint


@pytest.mark.parametrize(
    ("config", "digest"),
    [
        ({"mappings": [EMAIL]}, "1f513c6bb895fb79a785485ad6ce93fc"),
        ({"nulls": "clear", "empty": "omit", "mappings": MANY}, "739e2862e444b4b805170628b40f3ecf"),
        ({"pick": "all", "except": ["a"], "mappings": [EMAIL]}, "f4ceba192bf777786a86732423486576"),
    ],
)
def test_a_mapping_keeps_the_fingerprint_it_had_before_there_was_else(config: dict[str, object], digest: str) -> None:
    assert fingerprint(**config) == digest


def test_another_way_to_a_value_is_part_of_the_fingerprint() -> None:
    ways: list[object] = [{"from": "b"}, {"from": ["b"]}, {"from": ["b"], "join": ""}, {"from": [["b"]], "join": ""}]
    digests = [fingerprint(mappings=[EMAIL])]
    digests += [fingerprint(mappings=[{**EMAIL, "else": way}]) for way in ways]
    assert digests[1] == digests[2]
    assert len(set(digests)) == 4


def test_a_list_in_a_joined_list_is_part_of_the_fingerprint() -> None:
    flat, nested = ({"from": names, "join": " ", "to": "a"} for names in (["a", "b"], [["a", "b"]]))
    assert fingerprint(mappings=[flat]) != fingerprint(mappings=[nested])
