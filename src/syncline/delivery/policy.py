"""The numbers and the table: what an answer means, how patient we are. Mechanism reads this, and decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from syncline.model import Meaning, Response

# Whose numbers these are. Ours were found by simulation, or chosen; tests/scenarios.py shows what they come to.
_AWS = "AWS SDKs, standard retry mode"
_AWS_BACKOFF = "AWS SDKs: full jitter"
_GRPC = "gRPC A6: at most 5 attempts"
_BREAKER = "resilience4j's breaker"
_OURS = "ours"


@dataclass(frozen=True)
class Policy:
    """Each number with what it is of, and whose it is. Seconds unless the name says otherwise."""

    tries: Annotated[int, "of one request in one pass; then its rows are put off", _GRPC] = 5
    base_s: Annotated[float, "a wait is at random in 0 … min(`cap_s`, `base_s` · 2^(try − 1))", _AWS_BACKOFF] = 0.2
    throttled_base_s: Annotated[float, "the same, after a 429 that names no time", _AWS] = 1.0
    conflict_base_s: Annotated[float, "the same, after a 409 or 423: somebody else is at work there", _OURS] = 2.0
    cap_s: Annotated[float, "the longest such wait", _AWS] = 20.0
    jitter_after_pause: Annotated[
        float, "the share of a Retry-After added at random, so that nobody starts in a crowd", _OURS
    ] = 0.1
    retry_after_most_s: Annotated[
        float, "a longer Retry-After ends the run, which says when to come back", "ours; urllib3 would wait six hours"
    ] = 300.0
    stale_most: Annotated[
        int, "times that a request is sent again at once because its connection, used before, was closed", _OURS
    ] = 3
    streak: Annotated[int, "faults in a row that open the breaker", "ours: of few requests a share says little"] = 20
    open_s: Annotated[float, "how long it stays open at first; doubles", _OURS] = 5.0
    open_most_s: Annotated[float, "how long it stays open at most", _BREAKER] = 60.0
    patience_s: Annotated[float, "without one good answer; then the run stops and can be resumed", _OURS] = 300.0
    confirm_after_s: Annotated[float, "between a 401 and the probe: what is in flight comes home", _OURS] = 1.0
    probe_tries: Annotated[int, "of the probe", _AWS] = 3
    hopeless_tries: Annotated[
        int, "of the first contact with a host that has no address, no trusted certificate, or speaks no HTTP", _AWS
    ] = 3
    canary_rows: Annotated[
        int, "in a request, until the destination has taken somebody: a wrong key is not tried on all", _OURS
    ] = 10
    denied_in_a_row: Annotated[
        int,
        "requests refused with 401 or 403, and nobody taken: it is about everybody, whatever the probe says",
        _OURS,
    ] = 10
    fruitless_passes: Annotated[int, "passes over what was put off that settle nobody", _OURS] = 5
    fruitless_alone: Annotated[
        int, "the same, where the destination took others while these failed: it is about them", _OURS
    ] = 2
    in_vain: Annotated[int, "times in a row that what was accepted came to nothing, and nobody was taken", _OURS] = 20
    ours_most: Annotated[int, "requests that met a bug of our own; with more, the run stops", _OURS] = 3
    rejected_first: Annotated[int, "rows refused before anybody was taken: it is about the mapping", _OURS] = 50
    rejected_share: Annotated[float, "the share refused of at least `rejected_of` rows: the same, later", _OURS] = 0.5
    rejected_of: Annotated[int, "rows, before that share says anything", _OURS] = 200
    empty_pages: Annotated[int, "in a row, each with the cursor of another: a listing without an end", _OURS] = 100
    grace_s: Annotated[float, "after Ctrl-C, for what is in flight", _OURS] = 10.0
    window_s: Annotated[float, "acknowledgements are committed together: at most this late …", _OURS] = 0.25
    window_rows: Annotated[int, "… or this many", _OURS] = 5_000


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
