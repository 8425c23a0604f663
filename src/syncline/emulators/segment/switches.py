"""What nobody outside Segment knows for certain → a switch with a default. Nothing here is a promise of theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal


@dataclass(frozen=True, slots=True)
class Switches:
    """The unknowns of the contract, and settings that differ between spaces."""

    rate: Annotated[
        float, "Requests/s that a space takes, documented as 100, and raised on request; 0: any number."
    ] = 100.0
    retry_after: Annotated[int, "The `Retry-After` of a 429, in seconds; 0: it has none. No document has it."] = 0
    listing: Annotated[
        Literal["available", "404", "403", "loop"],
        "The list of a space's profiles. It is not documented, and Segment calls it no production-grade route; loop: it"
        " begins again where it ends.",
    ] = "available"
    listing_depth: Annotated[int, "How far the list can be read, in profiles; 0: to its end. Not documented."] = 0
    empty_page_follows: Annotated[
        bool, "A last page that is full announces another, which is empty. Off: no page is announced in vain."
    ] = False
    shift: Annotated[
        int,
        "After so many pages of the list, again and again, the profile that was its last becomes its first, as it would"
        " when its user comes back; 0: the list stands still.",
    ] = 0
    over_limit: Annotated[
        Literal["clamp", "error"], "A `limit` above what a route takes: its most instead, or 400. Not documented."
    ] = "clamp"
    external_ids_default: Annotated[int, "External ids on a page without a `limit`. Not documented."] = 10
    events_default: Annotated[int, "Events on a page without a `limit`. Not documented."] = 10
    links_default: Annotated[int, "Links on a page without a `limit`. Told in an issue, not in a document."] = 20
    trait_order: Annotated[
        Literal["key", "stored"], "The order of traits. Only the `next` of one example shows that it is by key."
    ] = "key"
    next_names: Annotated[
        Literal["first", "last"],
        "Which trait or external id a `next` names: the first of the page to come, or the last of this one.",
    ] = "first"
    null_data: Annotated[
        Literal["events", "always", "never"], "Where `data` is null instead of an empty list. Seen for events only."
    ] = "events"
    null_traits: Annotated[bool, "A profile without traits has `traits: null`. Off: an empty object."] = False
    metadata_has_segment_id: Annotated[
        bool, "The metadata of a profile come with its `segment_id`. Seen live; no document has it."
    ] = True
    gone_profiles: Annotated[
        Literal["not_found", "empty", "survivor"],
        "What is answered for a profile that was deleted or merged: 404, nothing in it, or whom it was merged into.",
    ] = "not_found"
    unknown_space: Annotated[
        Literal[401, 403, 404], "The answer where the token belongs to another space. Not documented."
    ] = 401
    raw_identifier_fails: Annotated[
        bool,
        "An identifier with a character that should have been percent-encoded is answered 500, as it may be. Off: it is"
        " taken as it stands.",
    ] = True
    lowercase_only: Annotated[
        bool,
        "Only identifiers in lower case find a profile, however they were stored: one reading of a hint in the"
        " documents. Off: they are found as they are spelt.",
    ] = False
