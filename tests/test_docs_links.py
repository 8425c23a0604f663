"""Links, anchors and words of README and docs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pages import DOCS, PAGES, README, ROOT, Page

# An issue, a session, a path of one machine, a package registry's host.
_FOREIGN = re.compile(
    r"\bissue #?\d|#\d+\b|/(issues|pull|actions)/|\bsession[s ]|\bClaude\b"
    r"|(?<![\w.])/(work|tmp|home|root|Users|private)/"
    r"|pypi\.|pythonhosted|npmjs|crates\.io|proxy\.golang",
    re.IGNORECASE,
)
LONGEST = 130  # lines: what a person reads in one go


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_leads_somewhere(page: Page) -> None:
    for link in page.links:
        target, _, anchor = link.partition("#")
        if re.match(r"https?:", target):
            continue
        path = (page.path.parent / target).resolve() if target else page.path
        assert path.is_relative_to(ROOT), link
        assert path.exists(), link
        assert not anchor or anchor in Page(path).anchors, f"{link}; there are {Page(path).anchors}"


def test_every_page_is_reached_from_the_index() -> None:
    reached, ahead = set[Path](), [DOCS / "index.md"]
    while ahead:
        page = Page(ahead.pop())
        if page.path in reached or page.path.suffix != ".md":
            continue
        reached.add(page.path)
        targets = [link.partition("#")[0] for link in page.links if not re.match(r"https?:", link)]
        ahead += [(page.path.parent / target).resolve() for target in targets if target.endswith(".md")]
    assert {page.path for page in PAGES} - {README.path} <= reached


def test_the_index_has_every_page_and_the_readme_has_the_index() -> None:
    listed = {(DOCS / link).resolve() for link in Page(DOCS / "index.md").links}
    assert {page.path for page in PAGES} - {README.path, DOCS / "index.md"} <= listed
    assert "docs/index.md" in README.links


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_speaks_of_nothing_but_syncline(page: Page) -> None:
    assert not (found := _FOREIGN.search(page.text)), found


@pytest.mark.parametrize("page", [page for page in PAGES if page.path.parent.name != "reference"], ids=str)
def test_a_page_is_short(page: Page) -> None:
    assert len(page.text.splitlines()) <= LONGEST
