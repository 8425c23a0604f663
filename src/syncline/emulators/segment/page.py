"""A space and a log → the page at `/`, and the JSON below `/__emulator__/` that it and tests read."""

from __future__ import annotations

from syncline.emulators import control
from syncline.emulators.control import json
from syncline.emulators.routes import Answer, Call, Route
from syncline.emulators.segment.paced import PacedLog
from syncline.emulators.segment.profile import Profile
from syncline.emulators.segment.space import Space

SHOWN = 50  # profiles found


def routes(space: Space, log: PacedLog) -> list[Route]:
    """The control routes: no faults, no rate limit, no credentials, and not in the log."""
    page = Page(space, log)
    return [
        *control.routes(__package__, log),
        Route("GET", "/__emulator__/overview", page.overview, control=True),
        Route("GET", "/__emulator__/profiles", page.profiles, control=True),
        Route("GET", "/__emulator__/profiles/{segment_id}", page.profile, control=True),
    ]


class Page:
    """The handlers, each `Call` → `Answer`."""

    def __init__(self, space: Space, log: PacedLog) -> None:
        self._space, self._log = space, log

    def overview(self, call: Call) -> Answer:
        """`{profiles, changes, requests, inFlight, counts, mostInASecond, rateWhileBusy}`."""
        log = self._log.document()
        return json(
            {
                "profiles": len(self._space.profiles),
                "changes": self._space.changes,
                "requests": log["total"],
                **{name: log[name] for name in ("inFlight", "counts", "mostInASecond", "rateWhileBusy")},
            }
        )

    def profiles(self, call: Call) -> Answer:
        """`?q=text` → `{total, found, profiles}`: those who mention the text, at most 50 of them."""
        found, profiles = self._space.search(call.parameter("q").strip(), SHOWN)
        return json(
            {"total": len(self._space.profiles), "found": found, "profiles": [_summary(one) for one in profiles]}
        )

    def profile(self, call: Call) -> Answer:
        """One profile with all that it holds; 404 when it is gone."""
        one = self._space.profiles.get(call.parts[0])
        if one is None:
            return json({"error": "no profile has this segment_id"}, 404)
        ids = [[each.type, each.id, each.created_at] for each in one.external_ids]
        traits = None if one.traits is None else [[name, bytes(raw).decode()] for name, raw in one.traits.items()]
        times = {"created_at": one.created_at, "updated_at": one.updated_at}
        return json({**_summary(one), **times, "external_ids": ids, "traits": traits})


def _summary(profile: Profile) -> dict[str, str | None]:
    """`name`: the first of what tells a person who it is."""
    ids = {one.type: one.id for one in reversed(profile.external_ids)}
    return {"segment_id": profile.segment_id, "name": ids.get("user_id") or ids.get("email")}
