"""Customer.io's limits, as the code has them → their page."""

from __future__ import annotations

import sys

from generator.markdown import code, listed, table
from syncline.destinations.customerio import settings as customerio

_WORDS = {
    "IDENTIFIER_BYTES": ("bytes of an identifier", "the row is `invalid`"),
    "NAME_BYTES": ("bytes of an attribute's name", "the configuration is refused, or the row is `invalid`"),
    "VALUE_BYTES": ("bytes of a value; of a list or an object, as JSON", "the row is `invalid`"),
    "ATTRIBUTES": ("attributes of a person in one request", "the configuration is refused, or the row is `invalid`"),
    "ITEM_BYTES": ("bytes of one person in a batch, as JSON", "the row is `invalid`"),
    "REQUEST_BYTES": ("bytes of a request", "batches are packed to fit, by exact bytes"),
    "LOOK_UP_IDS": ("ids of one look-up through the App API", "look-ups are split"),
    "TRACK_RATE": ("requests a second to the Track API", "the default `rate` stays below; a higher one is a warning"),
    "APP_RATE": ("requests a second to the App API", "the default `appRate` stays below; a higher one is a warning"),
}


def page() -> str:
    found = {name: value for name, value in vars(customerio).items() if name.isupper() and isinstance(value, int)}
    if found.keys() != _WORDS.keys():
        sys.exit(f"docs/generator/limits.py: describe exactly {sorted(found)}")
    hosts = [
        (region, code(track), code(customerio.APP_HOSTS[region])) for region, track in customerio.TRACK_HOSTS.items()
    ]
    return f"""# Limits

Customer.io's, as they are kept here before anything is sent: what exceeds them it may answer with 200 and drop. Bytes
are of UTF-8. Where it is not said whether a KB is 1,000 or 1,024 bytes, it is 1,000 here, which holds under both.

{table(["at most", "of", "what exceeds it"], [(f"{value:,}", *_WORDS[name]) for name, value in found.items()])}
Reserved names, which no attribute can have: {listed([code(name) for name in sorted(customerio.RESERVED)], "and")}, and
all that start with `_`.

{table(["region", "Track API", "App API"], hosts)}
Sources: <https://docs.customer.io/api/track/>, <https://docs.customer.io/api/app/> (checked 2026-10).
"""
