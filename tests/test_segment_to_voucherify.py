"""From a local Segment to a local Voucherify, over real sockets, in real processes, really killed.

What must arrive is worked out here a second time, in plain Python, from what the space holds.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from conftest import Emulate, Syncline, people
from syncline.emulators import segment
from syncline.emulators.segment import LISTING, Profile, Segment, Space, profile, profiles
from syncline.emulators.server import Emulator
from syncline.emulators.voucherify import Voucherify

BULK = ("POST", "/v1/customers/bulk/async", 202)
POLL = ("GET", "/v1/async-actions/{asyncActionId}", 200)
ENVIRONMENT = "SEGMENT_ACCESS_TOKEN=token\nSPACE_ID=space\nAPPLICATION_ID=app\nSECRET_KEY=secret\n"
QUICK = 3_000  # requests a second, where the pace is not what a test is about


class Scene:
    """A folder with the preset, as `syncline init` writes it, and the two vendors it means."""

    def __init__(self, folder: Path, source: Emulator[Segment], target: Emulator[Voucherify]) -> None:
        self.folder, self.source, self.target = folder, source, target
        self.syncline = Syncline(folder)
        assert self.syncline("init", "segment-to-voucherify").code == 0
        self.config = folder / "segment-to-voucherify.yaml"
        self.set("source", baseUrl=source.url, rate=QUICK)
        self.set("destination", baseUrl=target.url)
        (folder / ".env").write_text(ENVIRONMENT, encoding="utf-8")

    def set(self, part: str, **settings: object) -> None:
        """Adds lines under `type: segment` or `type: voucherify`, as a person would."""
        line = f"  type: {'segment' if part == 'source' else 'voucherify'}\n"
        more = "".join(f"  {name}: {json.dumps(value)}\n" for name, value in settings.items())
        text = self.config.read_text(encoding="utf-8")
        assert text.count(line) == 1
        self.config.write_text(text.replace(line, line + more), encoding="utf-8")

    def run(self, *words: str) -> Any:
        ended = self.syncline("run", self.config, "--json", *words)
        return ended.document | {"code": ended.code}

    @property
    def customers(self) -> dict[str, dict[str, Any]]:
        """source_id → what was given for it."""
        held: dict[str, dict[str, Any]] = {}
        for customer in self.target.app.project.customers.values():
            fields = {name: msgspec.json.decode(raw) for name, raw in customer.held().items()}
            held[customer.source_id or ""] = {name: value for name, value in fields.items() if name in GIVEN}
        return held


GIVEN = ("name", "description", "email", "phone", "birthdate", "address", "metadata")

Stage = Callable[..., Scene]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """`stage(space, action_delay_s=0.05)`: the vendors end with the test."""
    with ThreadPoolExecutor(2) as undertaker, ExitStack() as started:

        def start(space: Space, **more: Any) -> Scene:
            source: Emulator[Segment] = Emulator(Segment(space, latency_s=more.pop("latency_s", 0.0))).start()
            target: Emulator[Voucherify] = Emulator(Voucherify(**{"action_delay_s": 0.05, **more})).start()
            started.callback(undertaker.submit, source.stop)
            started.callback(undertaker.submit, target.stop)
            return Scene(tmp_path, source, target)

        yield start


def space(*held: Profile, rate: float = 0) -> Space:
    made = Space(time.time, switches=segment.Switches(rate=rate))
    made.add(*held)
    return made


# --- what must arrive -------------------------------------------------------------------------------------------------


def expected(one: Profile) -> tuple[str, dict[str, Any]] | None:
    """The source_id and the customer that a profile becomes; None where it cannot become one."""
    ids = [each for each in one.external_ids if each.type == "user_id"]
    if not ids:
        return None
    newest = max(ids, key=lambda each: each.created_at.rstrip("Z").ljust(29, "0"))
    traits = {name: msgspec.json.decode(raw) for name, raw in (one.traits or {}).items()}
    address = traits.get("address") if isinstance(traits.get("address"), dict) else {}
    assert isinstance(address, dict)

    def first(*values: Any) -> Any:
        return next((value for value in values if value not in (None, "")), None)

    whole = [
        first(traits.get("firstName"), traits.get("first_name")),
        first(traits.get("lastName"), traits.get("last_name")),
    ]
    name = first(traits.get("name"), " ".join(filter(None, whole)))
    places = {
        "city": first(address.get("city"), traits.get("city")),
        "state": first(address.get("state"), traits.get("state")),
        "postal_code": first(*(where.get(key) for where in (address, traits) for key in ("postalCode", "postal_code"))),
        "line_1": first(*(where.get(key) for where in (address, traits) for key in ("street", "line_1"))),
        "country": first(address.get("country"), traits.get("country")),
    }
    birth = first(traits.get("birthdate"), traits.get("birthday"))
    customer = {
        "name": name,
        "email": first(traits.get("email")),
        "phone": first(traits.get("phone")),
        "description": first(traits.get("description")),
        "address": {key: value for key, value in places.items() if value is not None} or None,
        "birthdate": birth[:10] if birth else None,
        "metadata": first(traits.get("metadata")),
    }
    return newest.id, {key: value for key, value in customer.items() if value is not None}


def arrived(scene: Scene, held: Mapping[str, Profile]) -> None:
    """Everybody who can arrive has, with exactly what the profile says."""
    wanted = dict(filter(None, (expected(one) for one in held.values())))
    given = {
        who: {name: value for name, value in what.items() if value is not None} for who, what in scene.customers.items()
    }
    assert given.keys() == wanted.keys()
    for who, customer in wanted.items():
        assert given[who] == customer, who


def fit(count: int) -> list[Profile]:
    """Awkward profiles, without those whose traits are of other types than a customer has."""
    return [one for one in profiles(count + count // 7) if not isinstance(_name(one), list)][:count]


def _name(one: Profile) -> object:
    raw = (one.traits or {}).get("name")
    return msgspec.json.decode(raw) if raw is not None else None


# --- tests ------------------------------------------------------------------------------------------------------------


def test_two_thousand_awkward_profiles_arrive_whole_and_again_nothing_is_sent(stage: Stage) -> None:
    scene = stage(space(*fit(2_000)))
    held = scene.source.app.space.profiles
    nobodies = sum(expected(one) is None for one in held.values())
    report = scene.run()
    counts = {name: count for name, count in report["counts"].items() if count}
    assert (report["code"], counts) == (1, {"delivered": 2_000 - nobodies, "invalid": nobodies})
    assert nobodies > 100
    assert all(problem["key"].startswith("segment_id:use_") for problem in report["problems"])
    arrived(scene, held)
    assert report["sourceRequests"] == scene.source.app.log.total
    assert report["requests"] == scene.target.app.log.total
    assert scene.target.app.log.counts[BULK] == 2  # the canary, and the rest
    assert set(scene.target.app.project.sent.values()) == {1}
    again = scene.run()
    assert again["counts"]["unchanged"] == 2_000 - nobodies
    assert scene.target.app.log.counts[BULK] == 2


def test_what_segment_allows_is_never_exceeded_and_nearly_all_of_it_used(stage: Stage) -> None:
    scene = stage(space(*(profile(at, {"email": f"a{at}@b.c"}, ("user_id", f"u{at}")) for at in range(400)), rate=100))
    scene.config.write_text(
        scene.config.read_text(encoding="utf-8").replace(f"  rate: {QUICK}\n", ""), encoding="utf-8"
    )
    report = scene.run()
    log = scene.source.app.log
    assert (report["code"], report["counts"]["delivered"]) == (0, 400)
    assert log.most_in_a_second <= 100
    assert log.rate_while_busy >= 90
    assert not any(status == 429 for (_, _, status), count in log.counts.items() if count)


def killed_when(scene: Scene, due: Callable[[], bool], *words: str) -> None:
    """Runs in a process of its own, and kills it as soon as `due`."""
    process = scene.syncline.start("run", scene.config, "--json", *words)
    try:
        while not due():
            assert process.poll() is None, process.communicate()
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.communicate()


def second_is_asked_for(target: Voucherify) -> Callable[[], bool]:
    """Has the second bulk been asked for? Then its ticket is durable."""
    polls: list[int] = []

    def due() -> bool:
        if target.log.counts[BULK] == 2 and not polls:
            polls.append(target.log.counts[POLL])
        return bool(polls) and target.log.counts[POLL] > polls[0]

    return due


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8, 0.97])
def test_killed_half_way_it_reads_on_and_ends_in_the_same_place(stage: Stage, share: float) -> None:
    scene = stage(space(*fit(600)), action_delay_s=0.2)
    scene.set("destination", batchItems=100)
    scene.set("source", pageItems=20)
    log, target = scene.source.app.log, scene.target.app
    whole = sum(
        2 + len(one.traits or ()) // 201 + len(one.external_ids) // 26
        for one in scene.source.app.space.profiles.values()
    )
    killed_when(scene, lambda: log.total >= share * whole and target.log.counts[BULK] > 0)
    before = log.total
    report = scene.run("--resume")
    arrived(scene, scene.source.app.space.profiles)
    assert sum(report["counts"].values()) == 600
    assert report["counts"]["deferred"] == report["counts"]["unknown"] == 0
    # Read again: at most the pages that were open (4 of 20 profiles, with 4 requests each at most), and a listing each.
    assert before + report["sourceRequests"] <= whole + 30 + 4 * (20 * 4 + 1)
    # Sent again: what left between a bulk's acceptance and our note of it; here at most one batch.
    assert sum(target.project.sent.values()) <= len(scene.customers) + 100
    assert scene.run()["counts"]["delivered"] == 0


def test_an_action_that_was_under_way_when_the_process_died_is_asked_for_and_not_sent_again(stage: Stage) -> None:
    scene = stage(space(*(profile(at, {}, ("user_id", f"u{at}")) for at in range(150))), action_delay_s=1.5)
    target = scene.target.app
    killed_when(scene, second_is_asked_for(target))
    time.sleep(0.05)
    report = scene.run("--resume")
    assert (report["counts"]["delivered"], report["killed"]) == (150, 1)
    assert target.log.counts[BULK] == 2
    assert set(target.project.sent.values()) == {1}


def test_a_new_run_asks_what_became_of_the_last_before_it_replaces_its_plan(stage: Stage) -> None:
    scene = stage(space(*(profile(at, {}, ("user_id", f"u{at}")) for at in range(150))), action_delay_s=1.5)
    target = scene.target.app
    killed_when(scene, second_is_asked_for(target))
    report = scene.run()
    assert (report["run"], report["counts"]["unchanged"]) == (2, 150)
    assert target.log.counts[BULK] == 2
    runs = scene.syncline("runs", scene.config, "--json").document["runs"]
    assert runs[0]["counts"]["delivered"] == 150


def test_killed_while_it_asks_what_became_of_the_last_there_is_the_last_to_resume(stage: Stage) -> None:
    """Nothing was planned yet over the run before, so its plan is still there to go on with."""
    scene = stage(space(*(profile(at, {}, ("user_id", f"u{at}")) for at in range(150))), action_delay_s=4.0)
    target = scene.target.app
    killed_when(scene, second_is_asked_for(target))
    asked = target.log.counts[POLL]
    killed_when(scene, lambda: target.log.counts[POLL] > asked)
    report = scene.run("--resume")
    assert (report["run"], report["counts"]["delivered"], report["code"]) == (1, 150, 0)
    assert target.log.counts[BULK] == 2


def test_a_signal_ends_in_good_order_and_resume_goes_on(stage: Stage) -> None:
    scene = stage(space(*(profile(at, {}, ("user_id", f"u{at}")) for at in range(900))), latency_s=0.01)
    scene.set("source", pageItems=50)
    process = scene.syncline.start("run", scene.config, "--json")
    while scene.source.app.log.total < 700:
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    stdout, _ = process.communicate(timeout=30)
    stopped = json.loads(stdout)
    assert (process.returncode, stopped["status"]) == (143, "interrupted")
    assert sum(stopped["counts"].values()) == stopped["read"]
    assert scene.run("--resume")["counts"]["delivered"] == 900


def test_a_second_run_at_the_same_time_is_locked_out(stage: Stage) -> None:
    scene = stage(space(*(profile(at, {}, ("user_id", f"u{at}")) for at in range(300))), latency_s=0.02)
    process = scene.syncline.start("run", scene.config, "--json")
    while scene.source.app.log.total < 20:
        time.sleep(0.005)
    assert scene.run()["code"] == 75
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_a_dry_run_reads_and_sends_nothing(stage: Stage) -> None:
    scene = stage(space(*(profile(at, {"email": f"a{at}@b.c"}, ("user_id", f"u{at}")) for at in range(120))))
    ended = scene.syncline("run", scene.config, "--dry-run", "--json")
    assert (ended.code, ended.document["counts"]["new"], ended.document["requests"]) == (0, 120, 2)
    assert scene.target.app.log.total == 0
    assert not list(scene.folder.glob(".syncline/*/*.db"))
    assert scene.run()["counts"]["delivered"] == 120


def test_a_file_of_identifiers_is_the_other_way_in(stage: Stage) -> None:
    made = Space(time.time, switches=segment.Switches(rate=0, listing="403"))
    made.add(
        *(profile(at, {"email": f"a{at}@b.c"}, ("user_id", f"u{at}"), ("email", f"a{at}@b.c")) for at in range(300))
    )
    scene = stage(made)
    refused = scene.run()
    assert (refused["code"], refused["read"]) == (3, 0)
    assert "profiles: FILE" in refused["stopped"]["message"]
    scene.set("source", profiles="who.txt")
    names = [*(f"user_id:u{at}" for at in range(250)), "email:a7@b.c", "user_id:nobody", "user_id:u3"]
    (scene.folder / "who.txt").write_text("\n".join(names), encoding="utf-8")
    report = scene.run()
    counts = {name: count for name, count in report["counts"].items() if count}
    assert counts == {"delivered": 250, "folded": 2, "deferred": 1}
    assert (report["code"], report["problems"][0]["key"]) == (3, "user_id:nobody")
    assert scene.source.app.log.arrivals["GET", LISTING] >= 1
    assert len(scene.customers) == 250


def test_users_of_a_file_become_customers(tmp_path: Path, stage: Stage) -> None:
    scene = stage(space())
    config = {
        "userId": "id",
        "destination": {
            "type": "voucherify",
            "baseUrl": scene.target.url,
            "applicationId": "app",
            "secretKey": "secret",
        },
        "mappings": [
            {"from": "email", "to": "email"},
            {"from": "city", "to": "address.city"},
            {"from": "plan", "to": "metadata.plan"},
        ],
    }
    path = tmp_path / "users.json"
    users = [{"id": at, "email": f"a{at}@b.c", "city": "Köln", "plan": "pro"} for at in range(250)]
    path.write_text(json.dumps(users), encoding="utf-8")
    for api, requests in (("bulk", 2), ("single", 250)):
        config["name"] = api
        config["destination"] = {**config["destination"], "api": api, "workspace": api}  # type: ignore[dict-item]
        (tmp_path / "file.json").write_text(json.dumps(config), encoding="utf-8")
        before = sum(scene.target.app.project.sent.values())
        ended = scene.syncline("run", "file.json", "-d", "users.json", "--json")
        assert (ended.code, ended.document["counts"]["delivered"]) == (0, 250)
        assert sum(scene.target.app.project.sent.values()) == before + 250
        posts = sum(count for (method, _, _), count in scene.target.app.log.counts.items() if method == "POST")
        assert posts == (requests if api == "bulk" else 2 + requests)
    customer = scene.customers["7"]
    assert (customer["email"], customer["address"]["city"], customer["metadata"]) == ("a7@b.c", "Köln", {"plan": "pro"})


def test_profiles_become_people_in_customerio(tmp_path: Path, stage: Stage, emulate: Emulate) -> None:
    scene, local = stage(space(*fit(300))), emulate()
    config = {
        "source": {
            "type": "segment",
            "spaceId": "space",
            "accessToken": "token",
            "baseUrl": scene.source.url,
            "rate": QUICK,
        },
        "destination": {"siteId": "site", "apiKey": "key", "baseUrl": local.url},
        "mappings": [{"from": "traits.email", "to": "email"}, {"from": "external_ids.anonymous_id", "to": "visitor"}],
    }
    (tmp_path / "people.json").write_text(json.dumps(config), encoding="utf-8")
    report = scene.syncline("run", "people.json", "--json").document
    wanted = dict(filter(None, (expected(one) for one in scene.source.app.space.profiles.values())))
    assert report["counts"]["delivered"] == len(wanted)
    held = people(local)
    assert held.keys() == wanted.keys()
    assert all(held[who].get("email") == customer.get("email") for who, customer in wanted.items())
    assert scene.syncline("run", "people.json", "--json").document["counts"]["delivered"] == 0


def test_resume_refuses_another_listing_and_another_kind_of_source(stage: Stage) -> None:
    scene = stage(space(*(profile(at, {}, ("user_id", f"u{at}")) for at in range(400))), latency_s=0.01)
    scene.set("source", pageItems=50)
    killed_when(scene, lambda: scene.source.app.log.total > 500)
    whole = scene.config.read_text(encoding="utf-8")
    (scene.folder / "who.txt").write_text("user_id:u1\n", encoding="utf-8")
    scene.set("source", profiles="who.txt")
    ended = scene.syncline("run", scene.config, "--resume")
    assert (ended.code, "set it back, or run without --resume" in ended.stderr) == (2, True)
    before, _, after = whole.partition("source:\n")
    file_instead = before + "source: users.json\nuserId: id\n" + after[after.index("\ndestination:") :]
    scene.config.write_text(file_instead, encoding="utf-8")
    ended = scene.syncline("run", scene.config, "--resume")
    assert (ended.code, "names that source no more" in ended.stderr) == (2, True)
    scene.config.write_text(whole, encoding="utf-8")
    assert scene.run("--resume")["counts"]["delivered"] == 400
