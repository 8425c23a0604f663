"""The Profile API: its routes → reads of a space. A thin skin.

https://www.twilio.com/docs/segment/unify/profile-api (checked 2026-10). No document has the listing; who reads it is
https://github.com/voucherifyio/segmentio-initial-sync (checked 2026-10).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from syncline.emulators.routes import Answer, Call, Route
from syncline.emulators.segment.answers import RefusedError, json
from syncline.emulators.segment.desk import Desk
from syncline.emulators.segment.events import name_of, several, window
from syncline.emulators.segment.paging import Limits, cursor, cut, no_cursor
from syncline.emulators.segment.profile import SOURCE, Event, ExternalId, Profile, moment

LISTING = "/v1/spaces/{space}/collections/users/profiles"
TRAITS = f"{LISTING}/{{identifier}}/traits"
EXTERNAL_IDS = f"{LISTING}/{{identifier}}/external_ids"
EVENTS = f"{LISTING}/{{identifier}}/events"
METADATA = f"{LISTING}/{{identifier}}/metadata"
LINKS = f"{LISTING}/{{identifier}}/links"
_DELETION = f"{LISTING}/{{identifier}}/external_ids/delete"
_COLLECTION = "/v1/spaces/{space}/collections/{collection}/profiles"

# Without a `limit`, and at most: documented, or told by Segment's engineers; that of events is an example's
_LISTED, _TRAITS = Limits(10, 100), Limits(10, 200)
_MOST_IDS, _MOST_EVENTS, _MOST_LINKS = 25, 100, 20


class ProfileApi:
    """The handlers, each `Call` → `Answer`."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._space, self._switches = desk, desk.space, desk.switches

    def routes(self) -> list[Route]:
        return self._desk.routes(
            {
                ("GET", LISTING): self.listing,
                ("GET", TRAITS): self.traits,
                ("GET", EXTERNAL_IDS): self.external_ids,
                ("GET", EVENTS): self.events,
                ("GET", METADATA): self.metadata,
                ("GET", LINKS): self.links,
                ("POST", _DELETION): _not_emulated,
                ("GET", _COLLECTION): _another_collection,
                ("GET", f"{_COLLECTION}/{{identifier}}/{{what}}"): _another_collection,
            }
        )

    def listing(self, call: Call) -> Answer:
        """`{data: [{segment_id, metadata}], cursor}`, who was active last first; `next` counts who came before."""
        switches, wanted = self._switches, self._desk.asked(call, _LISTED)
        if switches.listing in ("403", "404"):
            raise RefusedError(int(switches.listing), "There is no such route, or not for you.")
        if not re.fullmatch("[0-9]{0,9}", wanted.next):
            raise no_cursor()
        offset = int(wanted.next or 0)
        if 0 < switches.listing_depth <= offset:
            raise RefusedError(400, f"The list ends after {switches.listing_depth} profiles.")
        profiles = self._space.listed(offset, wanted.limit)
        end, full = offset + wanted.limit, len(profiles) == wanted.limit
        more = end < len(self._space.profiles) or (switches.empty_page_follows and full)
        following = str(end) if more else "0" if switches.listing == "loop" else ""
        rows = [{"segment_id": one.segment_id, "metadata": _times(one)} for one in profiles]
        return json({"data": self._desk.data(rows), "cursor": cursor(call, wanted.limit, following)})

    def traits(self, call: Call) -> Answer:
        """`?include=a,b`, `?class=audience|computed_trait`, `?verbose=true`: with its source and time."""
        profile, wanted = self._desk.profile(call), self._desk.asked(call, _TRAITS)
        by_key = self._switches.trait_order == "key"
        names = sorted(_names(call, profile)) if by_key else _names(call, profile)
        page = cut(names, wanted, self._switches.next_names, ordered=by_key)
        held = profile.traits or {}
        told: dict[str, object] = {names[place]: held[names[place]] for place in page.places}
        if _is_verbose(call):
            about = {"source_id": SOURCE, "updated_at": profile.updated_at}
            told = {name: {"value": value, **about} for name, value in told.items()}
        null = profile.traits is None or (not held and self._switches.null_traits)
        return json({"traits": None if null else told, "cursor": cursor(call, wanted.limit, page.next)})

    def external_ids(self, call: Call) -> Answer:
        """`?include=type,type`, `?verbose=true`: with the message it came by."""
        profile = self._desk.profile(call)
        wanted = self._desk.asked(call, Limits(self._switches.external_ids_default, _MOST_IDS))
        include, verbose = several(call, "include"), _is_verbose(call)
        held = [one for one in profile.external_ids if not include or one.type in include]
        page = cut([one.mapping for one in held], wanted, self._switches.next_names)
        rows = [_external_id(held[place], "users", verbose=verbose) for place in page.places]
        return json({"data": self._desk.data(rows), "cursor": cursor(call, wanted.limit, page.next)})

    def events(self, call: Call) -> Answer:
        """`?start=`, `?end=`, `?include=`, `?exclude=`, `?sort=asc|desc`."""
        profile = self._desk.profile(call)
        wanted = self._desk.asked(call, Limits(self._switches.events_default, _MOST_EVENTS))
        held = window(call, self._space.now()).of(profile.events)
        page = cut([name_of(event) for event in held], wanted, self._switches.next_names)
        rows = [_event(held[place], profile) for place in page.places]
        return json({"data": self._desk.data(rows, events=True), "cursor": cursor(call, wanted.limit, page.next)})

    def metadata(self, call: Call) -> Answer:
        """When it was made and changed; what Segment knows of messages and sources, we do not."""
        profile = self._desk.profile(call)
        unknown = ("expires_at", "first_message_id", "first_source_id", "last_message_id", "last_source_id")
        told: dict[str, object] = {"metadata": _times(profile) | dict.fromkeys(unknown)}
        return json({"segment_id": profile.segment_id, **told} if self._switches.metadata_has_segment_id else told)

    def links(self, call: Call) -> Answer:
        """The accounts it belongs to."""
        profile = self._desk.profile(call)
        wanted = self._desk.asked(call, Limits(self._switches.links_default, _MOST_LINKS))
        page = cut(profile.groups, wanted, self._switches.next_names)
        groups = (ExternalId("group_id", profile.groups[place], profile.created_at) for place in page.places)
        rows = [{"to_collection": "accounts", "external_ids": [_external_id(one, "accounts")]} for one in groups]
        return json({"data": self._desk.data(rows), "cursor": cursor(call, wanted.limit, page.next)})


def _names(call: Call, profile: Profile) -> list[str]:
    """Of the traits that are asked for."""
    include, of_class = several(call, "include"), call.parameter("class")
    if of_class not in ("", "audience", "computed_trait"):
        raise RefusedError(400, "The parameter `class` is audience or computed_trait.", "validation_error")
    return [
        name
        for name in profile.traits or {}
        if (not include or name in include) and (not of_class or profile.classes.get(name) == of_class)
    ]


def _is_verbose(call: Call) -> bool:
    return call.parameter("verbose") == "true"


def _times(profile: Profile) -> dict[str, str | None]:
    return {"created_at": profile.created_at, "updated_at": profile.updated_at}


def _external_id(one: ExternalId, collection: str, *, verbose: bool = False) -> Mapping[str, str]:
    told = {"source_id": SOURCE, "collection": collection, "id": one.id, "type": one.type}
    told |= {"created_at": one.created_at, "encoding": "none"}
    return told | {"first_message_id": f"ajs-{one.mapping}"} if verbose else told


def _event(event: Event, profile: Profile) -> Mapping[str, object]:
    return {
        "external_ids": [_external_id(one, "users") for one in profile.external_ids],
        "context": event.context,
        "type": "track",
        "message_id": event.message_id,
        "source_id": SOURCE,
        "timestamp": moment(*divmod(event.at_ns, 10**9)),
        "properties": event.properties,
        "event": event.name,
        "related": {"users": profile.segment_id},
    }


def _not_emulated(call: Call) -> Answer:
    raise RefusedError(501, "Not emulated: deleting an identifier.")


def _another_collection(call: Call) -> Answer:
    """The 400 stands in the documents as an example of its code."""
    collection = call.parts[1]
    if odd := re.sub("[A-Za-z0-9_]", "", collection):
        raise RefusedError(400, f"The parameter `collection` has invalid character(s) `{odd}`", "validation_error")
    if collection == "accounts":
        raise RefusedError(501, "Not emulated: accounts.")
    raise RefusedError(404, "There is no such collection.")
