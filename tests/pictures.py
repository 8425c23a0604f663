"""Bad days of the real engine, in virtual time → the pictures of docs/explanation. `make docs` draws them anew.

A picture is made of what was sent, second by second, so it cannot show what the engine does not do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from scenarios import SCENARIOS, Scenario, played
from virtual import Call

FOLDER = Path(__file__).parent.parent / "docs" / "explanation"

_WIDTH, _HEIGHT, _LEFT, _TOP, _ROW = 760, 118, 64, 30, 170  # of a panel and its margins, in pixels
_SORTS = {"taken": "#2e7d5b", "429": "#d9a400", "no good answer": "#b3402e"}


class Panel(NamedTuple):
    """A scenario as it goes by. seconds: how much of it is shown; most: requests a second at the top of its scale."""

    title: str
    scenario: str
    seconds: int
    most: int
    says: Sequence[tuple[float, str]]


PANELS = {
    "pace.svg": [
        Panel(
            "The API is away from second 5 to 35",
            "outage of 30 s after 5 s",
            70,
            400,
            [(6.0, "20 faults in a row open the breaker:"), (6.0, "one request at a time asks, ever more seldom")],
        ),
        Panel(
            "100 requests a second are permitted, and nobody said so",
            "100 requests/s permitted, nobody said so, Retry-After 1",
            70,
            400,
            [(2.6, "a 429: everybody waits as it asks, then at 70 %"), (2.6, "and back along a curve")],
        ),
        Panel(
            "The key is revoked after 500 requests",
            "401 after 500",
            70,
            400,
            [(5.0, "what was in flight comes home, a probe confirms it, the run stops;"), (5.0, "nobody is given up")],
        ),
    ]
}


def drawn(panels: Sequence[Panel]) -> str:
    """Panels → one SVG, readable on light and on dark."""
    height = _TOP + _ROW * len(panels) + 26
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 16} {height}" role="img"',
        '     font-family="system-ui, sans-serif" font-size="13" fill="#767676">',
        "<title>Requests a second on three bad days</title>",
        *_legend(),
    ]
    for number, panel in enumerate(panels):
        lines += _panel(panel, _TOP + _ROW * number)
    return "\n".join([*lines, "</svg>", ""])


def _legend() -> Iterator[str]:
    for number, (name, colour) in enumerate(_SORTS.items()):
        x = _LEFT + 130 * number
        yield f'<rect x="{x}" y="6" width="11" height="11" fill="{colour}"/><text x="{x + 17}" y="16">{name}</text>'


def _panel(panel: Panel, top: int) -> Iterator[str]:
    base = top + 24 + _HEIGHT
    yield f'<text x="{_LEFT}" y="{top + 14}" font-weight="600">{escape(panel.title)}</text>'
    for share in (0.5, 1.0):
        y = base - _HEIGHT * share
        yield f'<path d="M{_LEFT} {y:g}h{_WIDTH}" stroke="#767676" stroke-opacity="0.25"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:g}" text-anchor="end">{panel.most * share:g}/s</text>'
    step = _WIDTH / panel.seconds
    for (second, sort), count in sorted(_sent(panel).items()):
        below = sum(_sent(panel)[second, other] for other in _before(sort))
        tall, up = _tall(count, panel), _tall(below, panel)
        x = _LEFT + second * step
        yield f'<path d="M{x:.1f} {base - up:.1f}h{step - 1:.1f}v{-tall:.1f}h{1 - step:.1f}z" fill="{_SORTS[sort]}"/>'
    yield f'<path d="M{_LEFT} {base}h{_WIDTH}" stroke="#767676"/>'
    for second in range(0, panel.seconds + 1, 10):
        yield f'<text x="{_LEFT + second * step:g}" y="{base + 16}" text-anchor="middle">{second} s</text>'
    for number, (from_s, words) in enumerate(panel.says):
        at = _LEFT + (from_s + 1) * step + 6
        yield f'<text x="{at:g}" y="{base - _HEIGHT + 16 + 17 * number}" font-style="italic">{escape(words)}</text>'


def _tall(count: int, panel: Panel) -> float:
    """Pixels; a single request can be seen."""
    return max(2.0, _HEIGHT * count / panel.most) if count else 0.0


def _before(sort: str) -> Sequence[str]:
    names = [*_SORTS]
    return names[: names.index(sort)]


_SEEN: dict[str, Counter[tuple[int, str]]] = {}


def _sent(panel: Panel) -> Counter[tuple[int, str]]:
    """(second, what came of it) → requests."""
    if panel.scenario not in _SEEN:
        [scenario] = [one for one in SCENARIOS if one.name == panel.scenario]
        _SEEN[panel.scenario] = Counter((int(call.start), _sort(call)) for call in _calls(scenario))
    return _SEEN[panel.scenario]


def _calls(scenario: Scenario) -> Sequence[Call]:
    return played(scenario).api.calls


def _sort(call: Call) -> str:
    if call.status == 429:
        return "429"
    return "taken" if 200 <= call.status < 300 else "no good answer"


if __name__ == "__main__":
    for name, panels in PANELS.items():
        (FOLDER / name).write_text(drawn(panels), encoding="utf-8")
