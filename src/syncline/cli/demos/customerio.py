"""490 people to a local Customer.io: a first sync, the same again, three changes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from syncline import run
from syncline.cli.demos.stage import folder_of_its_own, introduce, linger, tell
from syncline.cli.progress import Progress
from syncline.delivery import Policy, World, ask
from syncline.destinations.customerio import CustomerIo, Settings
from syncline.emulators import customerio
from syncline.emulators.server import Emulator
from syncline.errors import Bug
from syncline.model import Outcome
from syncline.transport import Transport

PEOPLE = 490
_LATENCY_S = 0.05
_FIRST = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Radia", "Tim", "Margaret", "Ken")
_LAST = (
    "Lovelace",
    "Hopper",
    "Turing",
    "Dijkstra",
    "Liskov",
    "Knuth",
    "Perlman",
    "Berners-Lee",
    "Hamilton",
    "Thompson",
)
_PLACES = ("London", "New York", "Berlin", "Lagos", "Lima", "Osaka", "Pune", "Oslo")


def people(seed: int = 490) -> list[dict[str, object]]:
    """490 made-up users of the shape the ancestors synced: ids 7258 to 7747, shuffled, with bios of several lines."""
    random = Random(seed)  # noqa: S311 # made-up people
    ids = list(range(7258, 7258 + PEOPLE))
    random.shuffle(ids)
    return [_person(number, random) for number in ids]


def _person(number: int, random: Random) -> dict[str, object]:
    first, last = random.choice(_FIRST), random.choice(_LAST)
    day = f"2017-{random.randint(1, 12):02}-{random.randint(1, 28):02}"
    return {
        "id": number,
        "created_at": f"{day}T{random.randint(0, 23):02}:15:07.{random.randint(0, 999_999):06}",
        "first_name": first,
        "last_name": last,
        "email": f"{first.lower()}.{last.lower()}.{number}@example.com",
        "location": random.choice(_PLACES),
        "hirable": random.random() < 0.5,
        "bio": random.choice(["Writes programs.", "Breaks programs.\nMends them, too.", "Likes trains.\nAnd maps."]),
    }


def show() -> None:
    app = customerio.Customerio(latency_s=_LATENCY_S)
    with Emulator(app) as emulator, folder_of_its_own() as folder:
        introduce("Customer.io", emulator.url)
        config, data = _files(folder, emulator.url)
        users = people()
        for heading, changed, expected in _acts(users):
            data.write_text(json.dumps(changed, indent=1), encoding="utf-8")
            before = app.log.total
            tell(f"\n{heading}\n  $ syncline run configuration.json -d data.json")
            report = run(config, data, watch=Progress())
            counted = app.log.total - before
            tell(f"  {report.lines()[0]}; the API counted {counted} request{'s' * (counted != 1)}")
            if report.counts[Outcome.DELIVERED] != expected or report.exit_code:
                raise Bug(f"the demo expected {expected} deliveries")
        _look_up(emulator.url, users[:3])
        linger(f"see them all, with their attributes: {emulator.url}/")


def _acts(users: list[dict[str, object]]) -> Iterator[tuple[str, Sequence[Mapping[str, object]], int]]:
    """(what happens, the rows, how many must be delivered)"""
    yield f"the first sync: {PEOPLE} people, a canary of ten and then the rest", users, PEOPLE
    yield "the same file again: nothing differs, so nothing is sent", users, 0
    for user in users[:3]:
        user["location"] = "Paris"
    yield "three people have moved to Paris: three are sent", users, 3


def _files(folder: Path, url: str) -> tuple[Path, Path]:
    fields = ("id", "email", "first_name", "last_name", "location", "hirable", "bio")
    config = {
        "parallelism": 25,
        "userId": "id",
        "mappings": [
            *({"from": field, "to": field} for field in fields),
            {"from": "created_at", "to": "created_at", "as": "timestamp"},
        ],
        "destination": {"siteId": "site", "apiKey": "key", "baseUrl": url},
    }
    path = folder / "configuration.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(config), encoding="utf-8")
    return path, folder / "data.json"


def _look_up(url: str, users: Sequence[Mapping[str, object]]) -> None:
    """Asks the emulator's App API, as a person checking would."""
    settings = Settings.model_validate(
        {"siteId": "site", "apiKey": "key", "appApiKey": "app", "baseUrl": url, "appBaseUrl": url}
    )
    destination = CustomerIo(settings)
    keys = [destination.key(user["id"]) for user in users]

    async def asked() -> Mapping[str, Mapping[str, object] | None]:
        async with Transport(1) as post:
            world = World(post, Random(), time.time)  # noqa: S311 # jitter, not cryptography
            return await ask(destination.look_up(keys), destination.lanes, world, Policy())

    tell("\nlooked up through the App API:")
    for key, attributes in asyncio.run(asked()).items():
        shown = {name: (attributes or {}).get(name) for name in ("first_name", "last_name", "location", "created_at")}
        tell(f"  {key}  {json.dumps(shown)}")
