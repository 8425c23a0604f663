"""Running numbers and times ↔ the vendor's spellings. Its ids are random; ours count, so that tests foresee them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_CUSTOMER = re.compile(r"cust_([0-9a-f]{24})")
_LOST_PLUS = re.compile(r" (\d\d:?\d\d)$")  # a `+` in a query that was not encoded arrives as a blank


def customer_id(number: int) -> str:
    return f"cust_{number:024x}"


def number_of(identifier: str) -> int:
    """Of a customer's id; 0 for what is none."""
    found = _CUSTOMER.fullmatch(identifier)
    return int(found[1], 16) if found else 0


def action_id(number: int) -> str:
    return f"aa_{number:018x}"


def request_id(number: int) -> str:
    return f"v-{number:018x}"


def timestamp(at_ms: int) -> str:
    """Unix milliseconds → `2022-08-30T06:32:07.380Z`."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment_ms(text: str) -> int | None:
    """ISO 8601, a date or a date and time, in any zone (UTC where none is told) → unix milliseconds, or None."""
    try:
        at = datetime.fromisoformat(_LOST_PLUS.sub(r"+\1", text))
    except ValueError:
        return None
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
