"""How long to wait: full-jitter backoff, and what a Retry-After asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from random import Random

from syncline.delivery.policy import Policy

_SECONDS = re.compile(r"[0-9]+")
_A_CENTURY_S = 3.2e9  # the longest wait anybody can mean; a moment beyond it is no time of day


def backoff_s(tries: int, base_s: float, cap_s: float, random: Random) -> float:
    """Full jitter: uniform between nothing and the exponential bound, so that a crowd does not return as a crowd."""
    return random.uniform(0.0, min(cap_s, base_s * 2.0 ** min(tries - 1, 30)))


def refused_too_many(policy: Policy, refused: int, of: int) -> bool:
    """Of those that came to an end: too many to be about single rows."""
    most = policy.rejected_share
    all_of_the_first = refused == of >= policy.rejected_first
    return most < 1 and (all_of_the_first or (of >= policy.rejected_of and refused > of * most))


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, from whole seconds or one of RFC 9110's three date forms; None when absent, past or nonsense.

    A date is read against the answer's own Date where it has one, so that a wrong clock here changes nothing.
    """
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), _A_CENTURY_S) or None
    at = _date(text)
    if at is None:
        return None
    wait_s = at - (_date(headers.get("date", "")) or now)
    return wait_s if wait_s > 0 else None


def wait_until_s(moment: float, headers: Mapping[str, str], now: float) -> float:
    """Seconds until a moment that an answer names, by the answer's own clock where it tells it."""
    return max(0.0, moment - (_date(headers.get("date", "")) or now))


def _date(text: str) -> float | None:
    """An HTTP date → unix seconds. The asctime form carries no zone; HTTP says it is UTC."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
