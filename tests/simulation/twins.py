"""A seed played more than once: again alike (C9), in another order of what is ready together (O5), with a wall clock
that jumps (C6)."""

from __future__ import annotations

from simulation.scene import Tally, play, setting_of


def play_twice(seed: int) -> Tally:
    """The scene, and whichever twins must not differ from it."""
    first = play(seed)
    if first.violation:
        return first
    again = play(seed)
    first.violation = again.violation or _difference(seed, "C9", "the same seed", first, again)
    first.counts["twins"] += 1
    if not first.violation:
        other = play(seed, schedule=1)
        first.violation = other.violation and f"{other.violation} (O5: on another schedule)"
        first.counts["twins"] += 1
    if not first.violation and setting_of(seed).refresh == "off":  # which ages by the wall clock
        jumping = play(seed, clock_jumps=True)
        first.violation = jumping.violation or _difference(seed, "C6", "a clock that jumps", first, jumping)
        first.counts["twins"] += 1
    return first


def _difference(seed: int, promise: str, what: str, one: Tally, other: Tally) -> str:
    """The first request in which they differ; "" for none."""
    for step, (here, there) in enumerate(zip(one.trace, other.trace, strict=False), start=1):
        if here != there:
            return f"{promise} broken (seed {seed}): with {what} request {step} is {there[:4]}, not {here[:4]}"
    if len(one.trace) != len(other.trace):
        return f"{promise} broken (seed {seed}): {len(other.trace)} requests with {what}, not {len(one.trace)}"
    return ""
