"""README.md and docs/**/*.md → their blocks, links and anchors.

How a page shows things: a line `` `data.json`: `` names the file that the block after it holds; a `console` block is
commands behind `$ ` and what they print, with `…` for what varies; every other block is not run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^```(.*)$")
_TITLE = re.compile(r"^`([^`]+)`:$")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_SPAN = re.compile(r"`([^`\n]+)`")


class Block(NamedTuple):
    """A fenced block. language: its first word, mark: what follows; title: the file it holds, "" for none."""

    language: str
    mark: str
    title: str
    text: str
    line: int


class Command(NamedTuple):
    """A line behind `$ `, and what the page says it prints."""

    text: str
    shown: tuple[str, ...]
    line: int


class Page:
    def __init__(self, path: Path) -> None:
        self.path, self.name = path, str(path.relative_to(ROOT))
        self.text = path.read_text(encoding="utf-8")

    def __repr__(self) -> str:
        return self.name

    @cached_property
    def blocks(self) -> list[Block]:
        return list(self._blocks())

    def _blocks(self) -> Iterator[Block]:
        title, info, inside, begun = "", "", list[str](), 0
        for number, line in enumerate(self.text.splitlines(), 1):
            fence = _FENCE.match(line)
            if begun and fence:
                language, _, mark = info.partition(" ")
                yield Block(language, mark, title, "".join(f"{held}\n" for held in inside), begun)
                title, begun = "", 0
            elif fence:
                info, inside, begun = fence[1], [], number
            elif begun:
                inside.append(line)
            elif line.strip():
                named = _TITLE.match(line)
                title = named[1] if named else ""

    @cached_property
    def prose(self) -> str:
        """The page without its blocks."""
        return re.sub(r"^```.*?^```$", "", self.text, flags=re.DOTALL | re.MULTILINE)

    @property
    def spans(self) -> list[str]:
        """What stands between backticks in the prose."""
        return _SPAN.findall(self.prose)

    @property
    def links(self) -> list[str]:
        return _LINK.findall(_SPAN.sub("", self.prose))

    @property
    def anchors(self) -> set[str]:
        """The headings, as GitHub makes anchors of them."""
        headings = re.findall(r"^#+ (.*)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands_of(block: Block) -> list[Command]:
    """A `console` block's commands, each with its output."""
    found: list[Command] = []
    for number, line in enumerate(block.text.splitlines(), block.line + 1):
        if line.startswith("$ "):
            found.append(Command(line[2:], (), number))
        else:
            last = found.pop()
            found.append(last._replace(shown=(*last.shown, line)))
    return found


README = Page(ROOT / "README.md")
PAGES = [README, *(Page(path) for path in sorted(DOCS.rglob("*.md")))]
GENERATED = {page for page in PAGES if page.text.startswith("<!-- Made by `make docs`")}
