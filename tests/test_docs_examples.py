"""Every example of the docs runs, and prints what its page shows. (The README has test_readme.py.)"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from conftest import Local
from pages import GENERATED, PAGES, README, Block, Page
from rehearsal import Vendors, rehearse
from syncline.config import load
from syncline.emulators import segment, voucherify
from syncline.emulators.customerio import Workspace
from syncline.emulators.server import Emulator
from syncline.errors import ConfigRefused

WRITTEN = [page for page in PAGES if page not in GENERATED and "adr" not in page.path.parts]
PLAYED = [page for page in WRITTEN if page is not README and any(block.language == "console" for block in page.blocks)]
CONFIGURATIONS = [
    pytest.param(page, block, id=f"{page.name}:{block.line}")
    for page in WRITTEN
    for block in page.blocks
    if block.language in {"json", "yaml"}
    and (("mappings" in block.text) if block.title else not block.text.startswith("#"))
]
NOT_RUN = {"sh", "text", "crontab", "ini", "sql", "python", "json", "yaml", "csv"}
WHOLE = {"name": "example", "userId": "id", "mappings": [{"from": "a", "to": "a"}]}
CREDENTIALS = {"siteId": "site", "apiKey": "key"}
PROFILES = 40  # a page with all of them takes a second
PAGES_AT_ONCE = 4  # they mostly wait


@pytest.fixture(scope="session")
def rehearsals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[Page, Future[list[str]]]]:
    """All pages, a few at a time, against one local Customer.io, one Segment and one Voucherify. Segment has no limit:
    each page would keep it, and all of them together not."""
    space = segment.Space(time.time, switches=segment.Switches(rate=0))
    space.add(*segment.profiles(PROFILES))
    local = Local(Workspace(time.time), "").start()
    with Emulator(segment.Segment(space)) as source, Emulator(voucherify.Voucherify()) as destination:
        vendors = Vendors(local.url, source.url, destination.url)
        with ThreadPoolExecutor(PAGES_AT_ONCE) as pool:
            folders = ((page, tmp_path_factory.mktemp("page")) for page in reversed(PLAYED))  # the longest comes first
            yield {page: pool.submit(rehearse, page, folder, vendors) for page, folder in folders}
    local.stop()


@pytest.mark.parametrize("page", PLAYED, ids=str)
def test_the_examples_of_a_page_print_what_it_shows(page: Page, rehearsals: Mapping[Page, Future[list[str]]]) -> None:
    wrong = rehearsals[page].result()
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", [page for page in WRITTEN if page.path.parent.name in {"tutorial", "how-to"}], ids=str)
def test_every_page_that_tells_how_shows_it(page: Page) -> None:
    assert page in PLAYED


@pytest.mark.parametrize(("page", "block"), CONFIGURATIONS)
def test_every_configuration_shown_loads_or_is_marked_as_wrong(page: Page, block: Block, tmp_path: Path) -> None:
    """Among the files of its page; a part of one is completed first."""
    for file in page.blocks:
        if file.title:
            (tmp_path / file.title).parent.mkdir(exist_ok=True)
            (tmp_path / file.title).write_text(file.text, encoding="utf-8")
    config = tmp_path / "example.json"
    config.write_text(json.dumps(_completed(block.text)), encoding="utf-8")
    environment = dict.fromkeys(re.findall(r"\$\{(\w+)\}", block.text), "value")
    if block.mark == "error":
        with pytest.raises(ConfigRefused):
            load(config, environment=environment)
    else:
        assert load(config, environment=environment).sync.user_id


def _completed(text: str) -> dict[str, object]:
    """A part of a configuration with what it leaves out. Of Segment and Voucherify they are shown whole."""
    shown: dict[str, object] = YAML(typ="safe").load(text)
    has_credentials = re.search(r"site.?id|type: voucherify", text, re.IGNORECASE)
    whole = WHOLE | shown | ({} if has_credentials else CREDENTIALS)
    if "type: segment" in text:
        del whole["userId"]
    return whole


@pytest.mark.parametrize("page", WRITTEN, ids=str)
def test_what_is_not_run_is_no_command_of_ours(page: Page) -> None:
    for block in page.blocks:
        assert block.language in NOT_RUN | {"console"}, f"{page.name}:{block.line}"
        if block.language == "sh":
            assert "syncline run" not in block.text, f"{page.name}:{block.line}: show it as console, so that it is run"
        if block.language == "json" and not block.title:
            json.loads(block.text)
