"""What nobody outside Voucherify knows for certain → a switch with a default. Nothing here is a promise of theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from syncline.emulators.voucherify.ends import End


@dataclass(frozen=True, slots=True)
class Switches:
    """The unknowns of the contract, and what differs between versions, plans and projects."""

    contract: Annotated[
        Literal["current", "legacy"],
        "Bulk updates as since August 2024: 10 MB, what is wrong is told by the action, a report. Or as before: 100 "
        "customers, the whole request is refused with 400, results inside the action.",
    ] = "current"
    metadata: Annotated[
        Literal["merge", "replace"],
        "What a write does to the metadata that are there. The examples read as if keys were merged; never stated.",
    ] = "merge"
    address: Annotated[Literal["merge", "replace"], "The same of the address. Not documented."] = "merge"
    null_text: Annotated[
        Literal["stored", "ignored", "refused"],
        "What a null does to a name, an e-mail and the like. Nulls in address and metadata are stored, as seen live.",
    ] = "stored"
    null_metadata: Annotated[
        Literal["ignored", "cleared", "refused"], "What `metadata: null` does. Not documented."
    ] = "ignored"
    null_source_id: Annotated[
        Literal["refused", "created"],
        "An item of a bulk with `source_id: null`: wrong, as one without it, or somebody new without a source_id.",
    ] = "refused"
    duplicates: Annotated[
        Literal["applied", "last", "refused"],
        "One source_id twice in a bulk: applied one after the other, only the last one applied, or the later ones "
        "refused. Not documented.",
    ] = "applied"
    system_metadata: Annotated[
        Literal["ignored", "stored", "refused"],
        "What happens to `system_metadata` in a write. Only answers have it in the specification, and yet it was sent.",
    ] = "ignored"
    unknown_properties: Annotated[
        Literal["ignored", "refused"], "What happens to a property that no customer has. Not documented."
    ] = "ignored"
    source_id_change: Annotated[
        Literal["ignored", "refused"],
        "An update that names another source_id: it cannot be changed, but whether that is an error is not documented.",
    ] = "ignored"
    unknown_id: Annotated[
        Literal["created", "not_found"], "A create with an `id` that nobody has. Only known ones are documented."
    ] = "created"
    birthdate_checked: Annotated[
        bool, "A birthdate that is no ISO 8601 date is refused. Off: it is stored as it stands. Not documented."
    ] = True
    email_checked: Annotated[bool, "An e-mail without an @ inside is refused. Not documented."] = False
    phone_checked: Annotated[bool, "A phone number with letters in it is refused. Not documented."] = False
    text_limit: Annotated[int, "The most characters of a name, an e-mail and so on; 0 for any. None is published."] = 0
    bulk_items: Annotated[
        int, "The most customers in a bulk of the current contract; 0 for as many as fit into 10 MB. None is published."
    ] = 0
    empty_bulk_accepted: Annotated[bool, "A bulk of nobody is answered 202 instead of 400. Not documented."] = True
    bad_item: Annotated[
        Literal["fails", "fails_all"],
        "A customer of a bulk that cannot be written fails alone, or all of its bulk with it. Current contract only.",
    ] = "fails"
    all_failed: Annotated[
        Literal["DONE", "FAILED"],
        "The status of an action in which everybody failed. A documented import of a CSV file says DONE; nothing says "
        "when FAILED comes.",
    ] = "DONE"
    errors_listed: Annotated[
        int, "How many errors an action lists, the rest being in its report only; 0 for all. Not documented."
    ] = 0
    report_errors: Annotated[
        bool,
        "The report has columns for what went wrong beside `source_id`, `found` and `updated`. Only the last two are "
        "documented.",
    ] = True
    report_needs_key: Annotated[bool, "A report is read with the API's keys. Off: whoever knows its URL may."] = False
    report_lasts_s: Annotated[int, "How long a report can be read; then it is 404. Not documented."] = 604_800
    action_ends: Annotated[
        End,
        "How actions end: as they should, never, FAILED with nothing or half of it applied, or as 404 after everything "
        "or nothing was applied. When FAILED comes, and for how long actions are kept, is not documented.",
    ] = "done"
    action_ends_first: Annotated[int, "How many actions end so, from the start; 0 for all."] = 0
    created_at_shared: Annotated[
        bool,
        "Customers may have the same created_at to the millisecond, and a page that goes on behind it loses some. "
        "Off: each has its own.",
    ] = False
    page_over: Annotated[
        Literal["invalid_query_params", "page_over_limit"], "The key of the 400 for a page above 99. Not documented."
    ] = "invalid_query_params"
    retry_after: Annotated[bool, "A 429 has a `Retry-After`. It is documented as optional."] = True
    rate_retry: Annotated[
        Literal["always", "limited", "now"],
        "`X-Rate-Limit-Retry` on every answer, on a 429 only, or on every answer as this second while calls are left.",
    ] = "always"
    rate_type: Annotated[bool, "A 429 says in `X-Rate-Limit-Type` which limit it was. Documented as optional."] = True
    limited_code: Annotated[
        Literal["number", "text"], "The `code` in the body of a 429: the example is a number, its type a text."
    ] = "number"
    wrong_region: Annotated[
        Literal["no", "401", "404"],
        "The project lives in another region: every call is answered so. That it is an error is documented, not which.",
    ] = "no"
