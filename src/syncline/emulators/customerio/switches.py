"""What nobody outside Customer.io knows for certain → a switch with a default. Nothing here is a promise of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from syncline.emulators.customerio.identity import Kind


@dataclass(frozen=True, slots=True)
class Switches:
    """The unknowns of the contract, and settings that differ between workspaces."""

    empty_removes: Annotated[
        bool, '`""` removes a person\'s attribute, as null does. Stated for objects only; never seen live on people.'
    ] = False
    kilobyte: Annotated[
        Literal[1000, 1024],
        'What a KB is in "32 KB an item, 500 KB a request". The stricter reading finds more mistakes.',
    ] = 1000
    oversize_status: Annotated[Literal[400, 413], "The answer to a v2 request that is too large. Not documented."] = 400
    empty_batch_accepted: Annotated[bool, '`{"batch":[]}` is answered 200 instead of 400. Not documented.'] = False
    batch_items: Annotated[int, "The most items a batch may hold; 0 for as many as fit into it. Not documented."] = 0
    v1_body_limited: Annotated[bool, "The 32 KB of a v2 item hold for a v1 identify too. Not documented."] = False
    v1_errors_listed: Annotated[
        bool,
        "Events, devices and segments are refused with the list `meta.errors`, as an identify is. Off: with the text "
        "`meta.error`. Two revisions of the specification differ.",
    ] = False
    v1_refuses_whole: Annotated[
        bool,
        "A v1 identify with one attribute that is too long is refused whole. Off: 200, without that attribute.",
    ] = True
    nested_measured: Annotated[
        bool, "The 1000 bytes of a value hold for the JSON text of numbers, booleans, lists and objects too."
    ] = True
    cap_counts_stored: Annotated[
        bool, "The 300 attributes are counted over what a person holds already, not only over one request."
    ] = False
    email_changes_by_id: Annotated[
        bool,
        "A workspace setting: who is addressed by id may be given another e-mail. Off: only `cio_<cio_id>` may.",
    ] = False
    new_id_takes_over: Annotated[
        bool,
        "An unknown id with the e-mail of a known person: that person gets the new id. Off: a failed attribute change.",
    ] = True
    phone_identifies: Annotated[
        bool, "A workspace setting: in v2 and in reads, people are identified by phone as well."
    ] = False
    anonymous_id_identifies: Annotated[
        bool, "v2 takes `anonymous_id` for an identifier. Segment and RudderStack send it; no document has it."
    ] = False
    tie_goes_to: Annotated[
        Literal["later", "earlier"],
        "Of two changes of an attribute with the same `_timestamp`, which arrival wins. Not documented.",
    ] = "later"
    event_creates: Annotated[
        bool,
        "An event, a device or a relationship of somebody unknown creates that person. Off: a `failed_event` activity.",
    ] = True
    relating_creates: Annotated[
        bool, "A relationship to an unknown object creates the object. Off: that relationship is ignored."
    ] = True
    cdp_refuses_bad_keys: Annotated[
        bool, "Pipelines answers a wrong key with 401 always. Off: only in strict mode; otherwise 200, and dropped."
    ] = True
    app_rate: Annotated[float, "The App API's own limit in requests/s, documented as 10; 0 turns it off."] = 10.0

    def also_identifying(self) -> Sequence[Kind]:
        """The kinds of identifier that only some workspaces know."""
        kinds: list[Kind] = ["phone"] if self.phone_identifies else []
        return [*kinds, "anonymous_id"] if self.anonymous_id_identifies else kinds
