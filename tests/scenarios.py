"""`make weather`: the bad days of docs/reliability.md → a line each. The real engine in virtual time, always the same.

5,000 people, `parallelism` 25, one person a request unless it says batch; the API answers in 80 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from syncline.model import Outcome
from virtual import FAIR, UNSENT, Call, Gust, SimulatedApi, Sync, Weather, always, between, fair, script

PEOPLE, MANY = 5_000, 20_000
REFUSED_KEY = Gust(401)


@dataclass
class Limited:
    """So many requests a second, and a second's worth at once; the rest is answered 429."""

    per_s: float
    retry_after: str = ""
    _tokens: float = 0.0
    _at: float = 0.0

    def __call__(self, number: int, call: Call) -> Gust:
        regained = (call.start - self._at) * self.per_s if number > 1 else self.per_s
        self._tokens = min(self.per_s, self._tokens + regained)
        self._at = call.start
        if self._tokens < 1:
            return Gust(429, {"retry-after": self.retry_after} if self.retry_after else {})
        self._tokens -= 1
        return FAIR


def share(of: float, gust: Gust, seed: int = 1) -> Weather:
    """`gust` for a share of the requests, at random."""
    dice = Random(seed)
    return lambda number, call: gust if dice.random() < of else FAIR


class Scenario(NamedTuple):
    """weather is made anew for each run; probe: what confirms credentials meets; limit: requests/s the API permits."""

    name: str
    weather: Callable[[], Weather] = lambda: fair
    probe: Weather = fair
    people: int = PEOPLE
    identify: bool = True
    rate: float = 900.0
    limit: float = 0.0
    knee: int = 0  # answers take longer in proportion when more than so many requests are in flight


class Result(NamedTuple):
    """What became of it. right: people as they should be; in_vain: people whom a request named and nobody took;
    lost: people who are not right though the run is done with them; waiting: those that the next run sends;
    reached: the share of the permitted rate; stop: why it ended early."""

    name: str
    seconds: float
    requests: int
    right: int
    in_vain: int
    lost: int
    waiting: int
    throttled: int
    reached: float
    stop: str


SCENARIOS = [
    Scenario("healthy"),
    Scenario("20 % of answers are 500", lambda: share(0.2, Gust(500))),
    Scenario("100 requests/s permitted, nobody said so, Retry-After 1", lambda: Limited(100, "1"), limit=100),
    Scenario("100 requests/s permitted, nobody said so, no Retry-After", lambda: Limited(100), limit=100),
    Scenario("100 requests/s permitted, `rate` 95", lambda: Limited(100, "1"), rate=95.0, limit=100),
    Scenario("outage of 30 s after 5 s", lambda: between(5.0, 35.0, UNSENT)),
    Scenario("total outage", lambda: always(Gust(500))),
    Scenario("total outage, 20,000 people", lambda: always(Gust(500)), people=MANY),
    Scenario("total outage after 500", lambda: script(*[FAIR] * 500, then=UNSENT)),
    Scenario("429 without end", lambda: always(Gust(429))),
    Scenario("401 from the start", lambda: always(REFUSED_KEY), probe=always(REFUSED_KEY)),
    Scenario("401 from the start, batch", lambda: always(REFUSED_KEY), probe=always(REFUSED_KEY), identify=False),
    Scenario("401 after 500", lambda: script(*[FAIR] * 500, then=REFUSED_KEY), probe=always(REFUSED_KEY)),
    Scenario("slower when more than 8 are in flight", knee=8),
]


def played(scenario: Scenario) -> Sync:
    """The run, when it is over."""
    api = SimulatedApi(_slowed(scenario), scenario.probe)
    sync = Sync(api, rows=scenario.people, identify=scenario.identify, rate=scenario.rate)
    sync.go()
    return sync


def play(scenario: Scenario) -> Result:
    sync = played(scenario)
    api, ended = sync.api, sync.ended
    last = {one.change.key: one.outcome for one in sync.notebook.last.values()}
    done = {key for key, outcome in last.items() if outcome not in {Outcome.DEFERRED, Outcome.UNKNOWN}}
    tried = {key for call in api.writes for key in call.keys}
    lost = len(done - api.people.keys())
    return Result(
        scenario.name,
        sync.seconds,
        len(api.calls),
        len(api.people),
        len(tried - api.people.keys()),
        lost,
        scenario.people - len(api.people) - lost,
        sum(call.status == 429 for call in api.calls),
        scenario.people / sync.seconds / scenario.limit if scenario.limit else 0.0,
        ended.stop.reason if ended.stop else "",
    )


def _slowed(scenario: Scenario) -> Weather:
    weather, under_way = scenario.weather(), list[Call]()

    def at(number: int, call: Call) -> Gust:
        under_way[:] = [*(other for other in under_way if other.end == float("inf")), call]
        gust = weather(number, call)
        return gust._replace(latency_s=gust.latency_s * max(1.0, len(under_way) / scenario.knee))

    return at if scenario.knee else weather


HEAD = """\
| scenario | s | requests | people right | tried in vain | lost | left for the next run | 429s | rate reached | ends |
|---|--:|--:|--:|--:|--:|--:|--:|--:|---|"""


def line(one: Result) -> str:
    """A row of the table."""
    figures = (one.requests, one.right, one.in_vain, one.lost, one.waiting, one.throttled)
    reached = f"{one.reached:.0%}" if one.reached else "—"
    cells = [one.name, f"{one.seconds:.1f}", *(f"{figure:,}" for figure in figures), reached, one.stop or "done"]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    print("\n".join([HEAD, *(line(play(scenario)) for scenario in SCENARIOS)]))
