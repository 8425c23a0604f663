"""The engine's numbers → their page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import get_args, get_type_hints

from generator.markdown import code, table
from syncline.delivery import Policy, pace

# The number of the policy → the key of the configuration that sets it.
SETTINGS: Mapping[str, str] = {
    "tries": "tries",
    "patience_s": "patience",
    "retry_after_most_s": "maxWait",
    "rejected_share": "maxRejectRatio",
}


def page() -> str:
    return f"""# The numbers of delivery

How patient a run is, of `src/syncline/delivery/policy.py`, and whose numbers these are. Times are in seconds. What they
come to on a bad day is shown in [Reliability](../reliability.md) and, with a picture, in
[Pace, and patience](../explanation/pace.md).

{table(["number", "value", "is", "comes from", "setting"], _policy())}
How a rate is learned after a 429, of `src/syncline/delivery/pace.py`:

{table(["value", "is", "comes from"], _pace())}
`parallelism`, `rate` and `timeout` are [settings](configuration.md), and what the vendors permit is in
[Limits](limits.md).
"""


def _policy() -> Iterator[tuple[str, str, str, str, str]]:
    hints, policy = get_type_hints(Policy, include_extras=True), Policy()
    for field in fields(Policy):
        _, means, source = get_args(hints[field.name])
        setting = SETTINGS.get(field.name)
        value = code(getattr(policy, field.name))
        yield code(field.name), value, means, source, f"[`{setting}`](configuration.md)" if setting else ""


def _pace() -> Iterator[tuple[str, str, str]]:
    cubic = "RFC 9438 (CUBIC), with the numbers of botocore's adaptive mode"
    yield code(pace._BACK_OFF), "to this share of what went in the last second the rate falls", cubic
    yield code(pace._SCALE), "how steep it comes back: flat around what it was, then on, to `rate` at most", cubic
    yield code(pace._FLOOR), "requests a second: slower than this nobody learns anything", "botocore's adaptive mode"
