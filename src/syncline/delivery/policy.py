"""The numbers and the table: what each answer means, and how patient we are. Mechanism reads this; it decides nothing.

Sources: AWS SDK retry constants (5 tries, full jitter, 20 s cap), resilience4j (breaker), RFC 9110 (Retry-After).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from syncline.model import Meaning, Response


@dataclass(frozen=True)
class Policy:
    """Seconds unless the name says otherwise."""

    tries: int = 5  # of one request in one pass; then its rows are deferred
    base_s: float = 0.2  # full jitter: a wait is uniform in 0 … min(cap, base·2^(try−1))
    throttled_base_s: float = 1.0
    conflict_base_s: float = 2.0
    cap_s: float = 20.0
    jitter_after_pause: float = 0.1  # share of a Retry-After added at random, so that couriers do not start as one
    retry_after_most_s: float = 300.0  # a longer Retry-After ends the run, which says when to come back
    streak: int = 20  # failures in a row that open the breaker
    open_s: float = 5.0  # how long it stays open at first; doubles
    open_most_s: float = 60.0
    patience_s: float = 300.0  # without one good answer; then the run stops and can be resumed
    confirm_after_s: float = 1.0  # between a 401 and the probe: what is in flight comes home
    probe_tries: int = 3
    hopeless_tries: int = 3  # of the first contact with a host that has no address, no trusted certificate, no HTTP
    canary_rows: int = 10  # of a request, until the destination has taken a row: a wrong key must not be tried on all
    fruitless_passes: int = 5  # passes over deferred rows that settle none
    fruitless_alone: int = 2  # the same, when the destination took others while these rows failed: it is about them
    in_vain: int = 20  # times in a row that what was accepted came to nothing, while nobody was taken
    ours_most: int = 3  # requests that met a bug of our own; with more, the run stops
    rejected_first: int = 50  # rows all refused, before anybody was taken: it is about the mapping, not about rows
    rejected_share: float = 0.5  # of at least …
    rejected_of: int = 200  # … so many rows: the same, later
    empty_pages: int = 100  # in a row, each with the cursor of another: a listing that does not end
    grace_s: float = 10.0  # after Ctrl-C, for what is in flight
    window_s: float = 0.25  # acknowledgements are committed together: at most this late …
    window_rows: int = 5_000  # … or this many


# 408, 425, 5xx: the union of what the vendor's official clients retry. Anything that is not listed is an answer.
_MEANINGS: Mapping[int, Meaning] = {
    401: Meaning.DENIED,
    403: Meaning.DENIED,
    404: Meaning.ABSENT,
    405: Meaning.ABSENT,
    501: Meaning.ABSENT,
    408: Meaning.TRANSIENT,
    425: Meaning.TRANSIENT,
    409: Meaning.CONFLICT,
    423: Meaning.CONFLICT,
    429: Meaning.THROTTLED,
}

# Statuses that prove nothing was applied: such rows are not in doubt.
NOT_APPLIED = frozenset({401, 403, 429})


def meaning(response: Response) -> Meaning:
    status = response.status
    if status == 503 and "retry-after" in response.headers:
        return Meaning.THROTTLED
    known = _MEANINGS.get(status)
    if known is not None:
        return known
    if 300 <= status < 400:
        return Meaning.ELSEWHERE
    return Meaning.TRANSIENT if status >= 500 or status < 200 else Meaning.ANSWER
