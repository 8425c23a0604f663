"""Chance → what happens to each request of a run: the fault matrix, as far as it makes sense in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from random import Random
from time import asctime, gmtime
from typing import NamedTuple

from virtual import DROPPED, EPOCH, FAIR, HANGS, LOST, SWALLOWED, UNSENT, Gust

_DAYS = {day[:3]: day for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")}
_DATES = ("imf", "asctime", "rfc850")

# Each comes and goes. The numbers are those of the fault matrix.
KINDS: Mapping[str, Gust] = {
    "1 unsent": UNSENT,
    "5 dropped": DROPPED,
    "8 lost": LOST,
    "9 hangs": HANGS,
    "9 swallowed": SWALLOWED,
    "17 slow": Gust(latency_s=2.0),
    "17 very slow": Gust(latency_s=25.0),
    "33 408": Gust(408),
    "33 425": Gust(425),
    "34 409": Gust(409),
    "34 423": Gust(423),
    "36 429, wait 2": Gust(429, {"retry-after": "2"}),
    "37 429, imf": Gust(429, {"retry-after": "imf"}),
    "37 429, asctime": Gust(429, {"retry-after": "asctime"}),
    "37 429, rfc850": Gust(429, {"retry-after": "rfc850"}),
    "38 429, wait 0": Gust(429, {"retry-after": "0"}),
    "38 429, wait -5": Gust(429, {"retry-after": "-5"}),
    "38 429, wait 1.5": Gust(429, {"retry-after": "1.5"}),
    "38 429, wait soon": Gust(429, {"retry-after": "soon"}),
    "39 429": Gust(429),
    "41 500": Gust(500),
    "41 500, applied": Gust(500, applies=True),
    "42 502, late": Gust(502, latency_s=4.0),
    "42 503": Gust(503),
    "42 503, wait 3": Gust(503, {"retry-after": "3"}),
    "42 504, applied": Gust(504, applies=True, latency_s=8.0),
    "44 captive portal": Gust(200, {"content-type": "text/html"}, b"<html>Sign in</html>"),
    "44 captive portal, applied": Gust(200, {}, b"<html>", applies=True),
    "45 202": Gust(202, {}, b"{}", applies=True),
    "46 207 of nobody": Gust(207, {}, b'{"errors":[{"batch_index":999}]}', applies=True),
    "46 207, index a text": Gust(207, {}, b'{"errors":[{"batch_index":"0"}]}', applies=True),
    "26 flaky 401": Gust(401),
}
# Each ends a run that meets it at the wrong moment.
ENDING: Mapping[str, Gust] = {
    "38 429, wait for ever": Gust(429, {"retry-after": "99999999"}),
    "43 302": Gust(302, {"location": "https://elsewhere.example/"}),
}
# On first contact only: later each is an API's no to single rows, which are rejected, and remembered.
_ABSENT: Mapping[str, Gust] = {"28 404": Gust(404), "28 405": Gust(405), "28 501": Gust(501)}
_NO_ANSWER: Mapping[str, Gust] = {name: KINDS[name] for name in ("1 unsent", "5 dropped", "9 hangs", "42 503")}


class Spell(NamedTuple):
    """A share of the requests that start in [start_s, end_s) of a run meets one of `kinds`; `name`: for the summary."""

    name: str
    start_s: float
    end_s: float
    share: float
    kinds: Mapping[str, Gust]


@dataclass
class Weather:
    """What one API does to the requests of one run. capacity: requests a second that it takes, if limited, and by
    what it is divided from `halves_s` on; everything is drawn from `dice`."""

    dice: Random
    spells: Sequence[Spell] = ()
    capacity: float = 0.0
    halves_s: float = float("inf")
    told: bool = False  # says how long to wait
    met: Counter[str] = field(default_factory=Counter)
    _denied: set[str] = field(default_factory=set)
    _tokens: float = 1.0
    _at_s: float = 0.0

    def meets(self, at_s: float, subject: str) -> Gust:
        """`subject`: what the request is about, so that nobody is denied twice by chance."""
        latency_s = self.dice.uniform(0.02, 0.15)
        if self.capacity and self._is_over(at_s):
            self.met["40 over capacity"] += 1
            return Gust(429, {"retry-after": "1"} if self.told else {}, latency_s=latency_s)
        for spell in self.spells:
            if spell.start_s <= at_s < spell.end_s and self.dice.random() < spell.share:
                name = self.dice.choice([*spell.kinds])
                if name.startswith("26") and subject in self._denied:
                    continue  # twice for the same is its refusal, and deserved
                self._denied |= {subject} if name.startswith("26") else set()
                self.met[name] += 1
                gust = spell.kinds[name]
                return gust if gust.latency_s != FAIR.latency_s else gust._replace(latency_s=latency_s)
        return FAIR._replace(latency_s=latency_s)

    def _is_over(self, at_s: float) -> bool:
        capacity = self.capacity / (2.0 if at_s >= self.halves_s else 1.0)
        self._tokens = min(max(1.0, capacity / 5), self._tokens + (at_s - self._at_s) * capacity)
        self._at_s = at_s
        if self._tokens < 1.0:
            return True
        self._tokens -= 1.0
        return False

    @property
    def dead_from_s(self) -> float:
        """From when on nothing ever gets through; infinite where something may."""
        total = [spell.start_s for spell in self.spells if spell.name == "total outage"]
        return min(total, default=float("inf"))


def headers_of(gust: Gust, now: float) -> dict[str, str]:
    """The headers as they travel: a date is told together with the API's own, right clock."""
    headers = {"date": formatdate(EPOCH + now, usegmt=True), **gust.headers}
    if headers.get("retry-after") in _DATES:
        headers["retry-after"] = _written(headers["retry-after"], EPOCH + now + 5)
    return headers


def _written(form: str, at: float) -> str:
    """The three date forms of RFC 9110."""
    if form == "asctime":
        return asctime(gmtime(at))
    imf = formatdate(at, usegmt=True)
    if form == "imf":
        return imf
    day, month, year, clock = imf[5:7], imf[8:11], imf[14:16], imf[17:25]
    return f"{_DAYS[imf[:3]]}, {day}-{month}-{year} {clock} GMT"


def forecast(dice: Random) -> Weather:
    """One of the climates, drawn."""
    own = Random(dice.random())
    climate = dice.choice(
        ("fair", "gusty", "gusty", "gusty", "outage", "total", "revoked", "limited", "bursts", "ending", "absent")
    )
    start_s = dice.choice((0.0, 0.0, 0.3, 1.0, 4.0))
    match climate:
        case "gusty":
            kinds = dice.sample([*KINDS], dice.randint(1, 4))
            end_s = dice.choice((3.0, 30.0, float("inf")))
            spell = Spell(
                climate, 0.0, end_s, dice.choice((0.02, 0.1, 0.3, 0.7)), {name: KINDS[name] for name in kinds}
            )
            return Weather(own, [spell])
        case "outage":
            return Weather(own, [Spell("21 partition", start_s, start_s + 30.0, 1.0, _NO_ANSWER)])
        case "total":
            return Weather(own, [Spell("total outage", start_s, float("inf"), 1.0, _NO_ANSWER)])
        case "revoked":
            return Weather(own, [Spell("25 revoked", start_s, float("inf"), 1.0, {"25 revoked 401": Gust(401)})])
        case "limited":
            halves_s = dice.choice((float("inf"), 5.0))
            return Weather(
                own,
                capacity=dice.choice((2.0, 10.0)),
                halves_s=halves_s,
                told=dice.random() < 0.5,
            )
        case "bursts":
            spells = [Spell("42 burst", at, at + 2.0, 1.0, {"42 503": Gust(503)}) for at in (start_s, start_s + 5.0)]
            return Weather(own, spells)
        case "absent":
            return Weather(own, [Spell(climate, 0.0, float("inf"), 1.0, _ABSENT)])
        case "ending":
            name = dice.choice([*ENDING])
            return Weather(own, [Spell(climate, start_s, float("inf"), dice.choice((0.05, 0.5)), {name: ENDING[name]})])
    return Weather(own)
