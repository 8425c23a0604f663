"""Words → the Markdown of a reference page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return _line(head) + "|---" * len(head) + "|\n" + "".join(map(_line, rows))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def code(text: object) -> str:
    """`25`; a float as people write it."""
    return f"`{text:g}`" if isinstance(text, float) else f"`{text}`"


def fenced(language: str, text: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```\n"


def listed(words: Sequence[str], last: str = "or") -> str:
    """`a`, `b` or `c`"""
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
