"""240 profiles of a local Segment to a local Voucherify, by the preset: a first sync, the same again, two changes."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from msgspec import Raw

from syncline import run
from syncline.cli.demos.stage import folder_of_its_own, introduce, linger, tell
from syncline.cli.progress import Progress
from syncline.emulators import segment, voucherify
from syncline.emulators.server import Emulator
from syncline.errors import Bug
from syncline.model import Outcome

PROFILES = 240
_LATENCY_S = 0.03
_CONFIG = "segment-to-voucherify.yaml"
_LITERALLY = {  # not from the environment, which may hold the keys of somebody's real space
    "spaceId": "space",
    "accessToken": "token",
    "identifier": "user_id",
    "applicationId": "app",
    "secretKey": "secret",
}


def show() -> None:
    space = segment.Space(time.time)
    space.add(*_profiles())
    source, target = segment.Segment(space, latency_s=_LATENCY_S), voucherify.Voucherify(action_delay_s=0.5)
    with Emulator(source) as here, Emulator(target) as there, folder_of_its_own() as folder:
        introduce("Segment", here.url)
        introduce("Voucherify", there.url)
        config = _config(folder, here.url, there.url)
        for heading, expected in _acts(space):
            asked, sent = source.log.total, target.log.total
            tell(f"\n{heading}\n  $ syncline run {_CONFIG}")
            report = run(config, watch=Progress())
            tell(f"  {report.lines()[0]}")
            tell(f"  Segment counted {source.log.total - asked} requests, Voucherify {target.log.total - sent}")
            if report.counts[Outcome.DELIVERED] != expected or report.stopped is not None:
                raise Bug(f"the demo expected {expected} deliveries")
        for group in report.groups:
            tell(f"  {group}")
        tell(f"\nin one second Segment got at most {source.log.most_in_a_second} requests; it allows 100")
        linger(f"see the customers: {there.url}/")


def _profiles() -> list[segment.Profile]:
    """Awkward ones, without those whose traits are of other types than a customer has."""
    names = ((one, (one.traits or {}).get("name", Raw(b"null"))) for one in segment.profiles(PROFILES + PROFILES // 10))
    return [one for one, name in names if not bytes(name).startswith(b"[")][:PROFILES]


def _acts(space: segment.Space) -> Iterator[tuple[str, int]]:
    """(what happens, how many must be delivered)"""
    known = [one for one in space.profiles.values() if any(each.type == "user_id" for each in one.external_ids)]
    nobody = PROFILES - len(known)
    visitors = f"{nobody} visitors without a user id are named and not sent"
    yield f"the first sync: {len(known)} customers; {visitors}", len(known)
    yield "the same again: every profile is read, nothing differs, nothing is sent", 0
    known[0].traits = {**(known[0].traits or {}), "description": Raw(b'"Has moved to Paris."')}
    space.touch(known[0].segment_id)
    space.add(segment.profile(PROFILES * 2, {"email": "new@example.com"}, ("user_id", "somebody-new")))
    yield "one profile has changed and one is new: two are sent", 2


def _config(folder: Path, source: str, target: str) -> Path:
    """The preset, as `syncline init` writes it, with the addresses of the local vendors."""
    text = (files("syncline.cli") / "starters" / _CONFIG).read_text(encoding="utf-8")
    for kind, url in (("segment", source), ("voucherify", target)):
        text = text.replace(f"  type: {kind}\n", f"  type: {kind}\n  baseUrl: {json.dumps(url)}\n")
    for name, value in _LITERALLY.items():
        text = re.sub(rf"^  {name}: .*$", f"  {name}: {value}", text, flags=re.MULTILINE)
    path = folder / _CONFIG
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path
