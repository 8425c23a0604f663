"""A count and a seed → made-up profiles of every awkward shape in turn. The same seed gives the same profiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from msgspec import Raw

from syncline.emulators.segment.profile import FIRST, ExternalId, Profile, moment, profile

FIRST_USER = 7258
_GIVEN = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Radia", "Tim", "Margaret", "Ken")
_FAMILY = ("Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Perlman", "Hamilton", "Thompson")
_CITIES = (
    ("London", "GB", "N1 9GU"),
    ("New York", "US", "10001"),
    ("Berlin", "DE", "10115"),
    ("Osaka", "JP", "530-0001"),
)
_OF_OTHERS = (
    "Żółć Łódź",
    "José Ñandú",
    "Ольга Иванова",
    "山田 太郎",
    "محمد علي",
    "O'Brien-\u200dFox",
    "👩\u200d🚀 Zoë",
)

Traits = dict[str, object]


class _Person(NamedTuple):
    """Somebody, before a shape makes a profile of them."""

    number: int
    random: Random
    given: str
    family: str

    @property
    def user_id(self) -> tuple[str, str]:
        return "user_id", str(FIRST_USER + self.number)

    @property
    def email(self) -> str:
        return f"{self.given.lower()}.{self.family.lower()}.{FIRST_USER + self.number}@example.com"

    @property
    def phone(self) -> str:
        return f"+4930{10_000_000 + self.number * 7_919 % 90_000_000}"

    def basics(self, **more: object) -> Traits:
        return {"email": self.email, "first_name": self.given, "last_name": self.family, "phone": self.phone, **more}

    def visits(self, count: int) -> Iterator[tuple[str, str]]:
        """Anonymous ids, as each new browser brings one."""
        return (("anonymous_id", f"{self.random.getrandbits(64):016x}") for _ in range(count))

    def made(self, traits: Traits, *ids: tuple[str, str] | ExternalId) -> Profile:
        """By default with its user id, its e-mail and a visit."""
        usual = (self.user_id, ("email", self.email), *self.visits(1))
        return profile(self.number, traits, *(ids or usual))


def profiles(count: int, seed: int = 490) -> list[Profile]:
    """Number n has the shape n modulo the count of shapes; no two of them share an identifier."""
    random = Random(seed)  # noqa: S311 # made-up people
    people = (_Person(number, random, random.choice(_GIVEN), random.choice(_FAMILY)) for number in range(count))
    return [SHAPES[person.number % len(SHAPES)](person) for person in people]


def _plain(one: _Person) -> Profile:
    return one.made(one.basics(name=f"{one.given} {one.family}", description="Writes programs."))


def _camel_case(one: _Person) -> Profile:
    """As the vendor's libraries for JavaScript send them."""
    city, country, code = one.random.choice(_CITIES)
    address = {"city": city, "country": country, "postalCode": code, "street": "Main Street 1", "state": ""}
    return one.made({"email": one.email, "firstName": one.given, "lastName": one.family, "address": address})


def _both_spellings(one: _Person) -> Profile:
    """Two sources that spell names differently, and do not agree."""
    spelt = {"firstName": one.given, "lastName": one.family, "first_name": one.given.upper(), "last_name": one.family}
    return one.made({**spelt, "email": one.email, "createdAt": "2023-01-05", "created_at": "2023-01-06T00:00:00Z"})


def _many_traits(one: _Person) -> Profile:
    """300, of which those that matter come late: a reader of one page loses the e-mail, the name and the phone."""
    filler = {f"computed_{place:03}": one.random.random() for place in range(296)}
    return one.made({**filler, **one.basics()})


def _many_external_ids(one: _Person) -> Profile:
    """60, the user id the very last: a reader of one page takes this person for nobody."""
    return one.made(one.basics(), *one.visits(59), one.user_id)


def _nobody(one: _Person) -> Profile:
    """A visitor who never signed in."""
    return one.made({"utm_source": "newsletter"}, *one.visits(2))


def _several_user_ids(one: _Person) -> Profile:
    """Of three, the one in the middle is the newest, by a nanosecond; one is told to the tenth of a second."""
    second, (kind, value) = FIRST + one.number, one.user_id
    times = {f"{value}-a": 367_201_347, value: 367_201_348, f"{value}-b": 300_000_000}
    return one.made(one.basics(), *(ExternalId(kind, each, moment(second, at)) for each, at in times.items()))


def _traits_null(one: _Person) -> Profile:
    made = one.made({})
    made.traits = None
    return made


def _address_at_the_top(one: _Person) -> Profile:
    city, country, code = one.random.choice(_CITIES)
    return one.made(one.basics(city=city, country=country, postal_code=code, street="Main Street 1", state=None))


def _born_at_midnight(one: _Person) -> Profile:
    """Moments that another time zone would put on another day."""
    births = ("1990-05-05T23:30:00Z", "1990-05-05T23:30:00-05:00", "1990-05-05T00:15:00+09:00", "1990-05-05")
    return one.made(one.basics(birthdate=births[one.number // len(SHAPES) % len(births)]))


def _birthday(one: _Person) -> Profile:
    """The name that Segment reserves, and the times of day that libraries make of a date."""
    births = ("1990-05-05T00:00:00.000Z", "2000-02-29", "1990-05-05T22:00:00.000Z")
    return one.made(one.basics(birthday=births[one.number // len(SHAPES) % len(births)]))


def _nulls(one: _Person) -> Profile:
    nothing = dict.fromkeys(("name", "phone", "description", "birthdate", "address", "metadata"))
    return one.made({"email": one.email, "firstName": one.given, "last_name": "", "title": " ", **nothing})


def _other_letters(one: _Person) -> Profile:
    """Names beyond ASCII, in values, names of traits and identifiers; an e-mail that must be percent-encoded."""
    name = _OF_OTHERS[one.number // len(SHAPES) % len(_OF_OTHERS)]
    email = f"zoë+{FIRST_USER + one.number}@example.com"
    traits: Traits = {"name": name, "email": email, "ciudad favorita/ñ": "Köln", "a.b": "dotted"}
    return one.made(traits, ("email", email), ("CRM Id", f"Ä/{one.number}?x=1#ü"), one.user_id)


def _numbers_and_lists(one: _Person) -> Profile:
    """Digits that a float would lose, what Segment computes, and metadata with something in it."""
    numbers = {"ltv": Raw(b"0.1000000000000000055"), "big": Raw(b"18446744073709551616"), "score": Raw(b"1.0e5")}
    metadata = {"tier": "gold", "tags": ["a", "b"], "deep": {"level": 2}, "points": 7}
    made = one.made(one.basics(**numbers, metadata=metadata, high_value=True, orders_30_days=3, seen=["web", "ios"]))
    made.classes = {"high_value": "audience", "orders_30_days": "computed_trait"}
    return made


def _odd_types(one: _Person) -> Profile:
    """A phone that is a number, a name that is a list: whatever a source sends becomes a trait."""
    traits = {"email": one.email, "phone": 493012345678, "name": [one.given, one.family], "birthdate": 642_124_800}
    return one.made(traits | {"address": "Main Street 1, Berlin", "metadata": "none"})


SHAPES: tuple[Callable[[_Person], Profile], ...] = (
    _plain,
    _camel_case,
    _many_traits,
    _many_external_ids,
    _nobody,
    _both_spellings,
    _several_user_ids,
    _traits_null,
    _address_at_the_top,
    _born_at_midnight,
    _birthday,
    _nulls,
    _other_letters,
    _numbers_and_lists,
    _odd_types,
)
