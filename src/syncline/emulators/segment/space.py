"""Profiles, by segment id and by external id, in the order of their activity. Pure state: no HTTP, no threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import msgspec

from syncline.emulators.segment.profile import ExternalId, Profile, moment, token
from syncline.emulators.segment.switches import Switches

_NANO = 1_000_000_000


class Space:
    """Everything a space holds, as far as it is emulated.

    profiles: segment id → profile, the one that was active last at the end; gone: segment id → whom it was merged into,
    "" where it was deleted; pages: how often the list was read; changes: grows with every change. Replace `token` to
    revoke it while the emulator runs.
    """

    def __init__(
        self,
        now: Callable[[], float],
        *,
        id: str = "space",  # noqa: A002 # what it is called
        token: str = "token",  # noqa: S107 # every emulated space has this one
        switches: Switches | None = None,
    ) -> None:
        self.id, self.token, self.switches = id, token, switches or Switches()
        self.now = now
        self.profiles: dict[str, Profile] = {}
        self.gone: dict[str, str] = {}
        self.pages = self.changes = 0
        self._by_external_id: dict[tuple[str, str], str] = {}

    # --- what becomes of profiles ---------------------------------------------------------------------------------

    def add(self, *profiles: Profile) -> None:
        """As if each had just been active: the last one is the first of the list. Replaces one of the same id."""
        for profile in profiles:
            self.profiles.pop(profile.segment_id, None)
            self.gone.pop(profile.segment_id, None)
            profile.external_ids = [
                one if one.mapping else msgspec.structs.replace(one, mapping=token("map", profile.segment_id, place))
                for place, one in enumerate(profile.external_ids)
            ]
            self.profiles[profile.segment_id] = profile
            self._by_external_id |= {self._key(one): profile.segment_id for one in profile.external_ids}
            self.changes += 1

    def touch(self, segment_id: str) -> None:
        """Its user came back: it is the first of the list now."""
        profile = self.profiles.pop(segment_id)
        profile.updated_at = moment(*divmod(int(self.now() * _NANO), _NANO))
        self.profiles[segment_id] = profile
        self.changes += 1

    def remove(self, segment_id: str, into: str = "") -> None:
        """Deleted; or, with `into`, merged into another profile, to which its external ids belong from now on."""
        profile = self.profiles.pop(segment_id)
        self.gone[segment_id] = into
        for one in profile.external_ids:
            self._by_external_id.pop(self._key(one), None)
        if into:
            other = self.profiles[into]
            other.external_ids = [*other.external_ids, *profile.external_ids]
            self._by_external_id |= {self._key(one): into for one in profile.external_ids}
        self.changes += 1

    def _key(self, one: ExternalId) -> tuple[str, str]:
        return (one.type.lower(), one.id.lower()) if self.switches.lowercase_only else (one.type, one.id)

    # --- who is there ---------------------------------------------------------------------------------------------

    def find(self, identifier: str) -> Profile | None:
        """`user_id:42`, `segment_id:use_…` or `use_…`."""
        kind, colon, value = identifier.partition(":")
        if not colon or kind == "segment_id":
            name = value if colon else kind
        else:
            name = self._by_external_id.get((kind, value), "")
        return self.profiles.get(name) or self._gone(name)

    def _gone(self, name: str) -> Profile | None:
        if name not in self.gone or self.switches.gone_profiles == "not_found":
            return None
        if self.switches.gone_profiles == "survivor":
            return self.find(self.gone[name]) if self.gone[name] else None
        return Profile(name, {}, [], moment(0), moment(0))

    def listed(self, offset: int, count: int) -> Sequence[Profile]:
        """Of the list, the one that was active last first. With `shift` it may move behind the reader's back."""
        page = list(islice(self._latest(), offset, offset + count))
        self.pages += 1
        if self.switches.shift and self.pages % self.switches.shift == 0 and self.profiles:
            self.touch(next(iter(self.profiles)))
        return page

    def search(self, text: str, most: int) -> tuple[int, list[Profile]]:
        """How many mention the text, and the first of them."""
        found = [one for one in self._latest() if text.casefold() in _mentions(one)] if text else [*self._latest()]
        return len(found), found[:most]

    def _latest(self) -> Iterator[Profile]:
        return reversed(self.profiles.values())


def _mentions(profile: Profile) -> str:
    ids = (f"{one.type}:{one.id}" for one in profile.external_ids)
    return f"{profile.segment_id} {' '.join(ids)} {msgspec.json.encode(profile.traits).decode()}".casefold()
