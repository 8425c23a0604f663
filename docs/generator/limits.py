"""The vendors' limits, as the code has them → their page."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType

from generator.markdown import code, listed, table
from syncline.destinations.customerio import settings as customerio
from syncline.destinations.voucherify import fields
from syncline.destinations.voucherify import settings as voucherify
from syncline.sources.segment import settings as segment

Words = Mapping[str, tuple[str, str]]

_INVALID = "the row is `invalid`"
_REFUSED = "the configuration is refused"
_MORE_PAGES = "after ten times as many pages as they fill"
_DEFERRED = "the profile is `deferred`"
_CAUTION = "a higher one is a warning"
_CUSTOMERIO: Words = {
    "IDENTIFIER_BYTES": ("bytes of an identifier", _INVALID),
    "NAME_BYTES": ("bytes of an attribute's name", f"{_REFUSED}, or {_INVALID}"),
    "VALUE_BYTES": ("bytes of a value; of a list or an object, as JSON", _INVALID),
    "ATTRIBUTES": ("attributes of a person in one request", f"{_REFUSED}, or {_INVALID}"),
    "ITEM_BYTES": ("bytes of one person in a batch, as JSON", _INVALID),
    "REQUEST_BYTES": ("bytes of a request", "batches are packed to fit, by exact bytes"),
    "LOOK_UP_IDS": ("ids of one look-up through the App API", "look-ups are split"),
    "TRACK_RATE": ("requests a second to the Track API", f"the default `rate` stays below; {_CAUTION}"),
    "APP_RATE": ("requests a second to the App API", f"the default `appRate` stays below; {_CAUTION}"),
}
_VOUCHERIFY: Words = {
    "REQUEST_BYTES": ("bytes of a bulk upsert", f"batches are packed to fit; of a single customer, {_INVALID}"),
    "REQUESTS_PER_MINUTE": ("requests a minute (the Organization plan)", f"the default `rate` stays below; {_CAUTION}"),
    "ATTRIBUTES": ("mappings; Voucherify has no such limit, this one is Syncline's", _REFUSED),
}
_SEGMENT: Words = {
    "PAGE_ITEMS": ("profiles on a page of the listing", _REFUSED),
    "TRAIT_ITEMS": ("traits on a page", _REFUSED),
    "ID_ITEMS": ("external ids on a page", _REFUSED),
    "TRAITS": ("traits of a profile", f"{_MORE_PAGES}, {_DEFERRED}"),
    "IDS": ("external ids of a profile", f"{_MORE_PAGES}, {_DEFERRED}"),
    "EMPTY_PAGES": ("empty pages of them in a row; Segment has no such limit, this one is Syncline's", _DEFERRED),
    "SPACE_RATE": ("requests a second to a space", f"the default `rate` stays below; {_CAUTION}"),
}


def page() -> str:
    apps = customerio.APP_HOSTS
    hosts = [(region, code(track), code(apps[region])) for region, track in customerio.TRACK_HOSTS.items()]
    return f"""# Limits

The vendors', as they are kept here. Bytes are of UTF-8. What a vendor does not publish is not made up: there the answer
decides.

## Customer.io

Kept before anything is sent: what exceeds them it may answer with 200 and drop. Where it is not said whether a KB is
1,000 or 1,024 bytes, it is 1,000 here, which holds under both.

{_limits(customerio, _CUSTOMERIO)}
Reserved names, which no attribute can have: {listed([code(name) for name in sorted(customerio.RESERVED)], "and")}, and
all that start with `_`.

{table(["region", "Track API", "App API"], hosts)}
Sources: <https://docs.customer.io/api/track/>, <https://docs.customer.io/api/app/> (checked 2026-10).

## Voucherify

{_limits(voucherify, _VOUCHERIFY)}
The Business plan has 100 requests a minute, a sandbox 100 an hour. Bulk upserts have an hourly allowance of their own,
whose size is not published. What is left of either stands in the headers of each answer (`X-Rate-Limit-Remaining`,
`X-Rate-Limit-Retry`), and is kept to. No limit of the length of a `source_id` or of a field is published.

Written by Voucherify alone, so that no mapping may: {listed([code(name) for name in sorted(fields.KEPT)], "and")}.

{table(["region", "API"], [(region, code(host)) for region, host in voucherify.HOSTS.items()])}
Sources: <https://docs.voucherify.io/guides/limits>, <https://docs.voucherify.io/guides/api-overview>,
<https://github.com/voucherifyio/voucherify-openapi> (checked 2026-10).

## Segment

{_limits(segment, _SEGMENT)}
{table(["region", "Profile API"], [(region, code(host)) for region, host in segment.HOSTS.items()])}
Sources: <https://www.twilio.com/docs/segment/unify/profile-api>, <https://www.twilio.com/docs/segment/unify/profile-limits>
(checked 2026-10).
"""


def _limits(settings: ModuleType, words: Words) -> str:
    """The numbers of a vendor, which must all be described."""
    found = {name: value for name, value in vars(settings).items() if name.isupper() and isinstance(value, int)}
    if found.keys() != words.keys():
        sys.exit(f"docs/generator/limits.py: of {settings.__name__}, describe exactly {sorted(found)}")
    return table(["at most", "of", "what exceeds it"], [(f"{value:,}", *words[name]) for name, value in found.items()])
