"""What Voucherify answers → verdicts, refusals, what is left of a quota, customers.

The facts: https://github.com/voucherifyio/voucherify-openapi and https://docs.voucherify.io/api-reference/errors
(checked 2026-10).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeGuard

from syncline.destinations.reply import json_object
from syncline.errors import Again, Garbled, Misconfigured, Refused, counted, said
from syncline.model import Outcome, Quota, Response, Verdict

_ACTION = re.compile(r"[A-Za-z0-9_-]{1,100}")  # aa_0c5547cc5e17b617b6
_UNDER_WAY = ("ENQUEUED", "IN_PROGRESS")
_WHOLE = re.compile(r"[0-9]{1,12}")
# "Property .name must be string", "tier: must be a string, property is required (actual value is 'snap')"
_PROPERTY = re.compile(r"Property \.?(?:\[[0-9]+\]\.?)?([A-Za-z_][\w.]*) ")
_KEY = re.compile(r"([^:]{1,150}): must be ")


class Contradiction(Garbled):
    """An action that is DONE, and does not say what became of each: the message tells where it contradicts itself.

    verdicts: what follows all the same, should it not say more.
    """

    def __init__(self, reason: str, verdicts: Sequence[Verdict] = ()) -> None:
        self.verdicts = verdicts
        super().__init__(reason)


# --- actions ----------------------------------------------------------------------------------------------------------


def accepted(response: Response) -> str:
    """A 202 → the id of the action that does the work. Raises `Refused`, `Garbled`."""
    if response.status != 202:
        raise no(response)
    action = json_object(response).get("async_action_id")
    if not isinstance(action, str) or not _ACTION.fullmatch(action):
        raise Garbled("202 without the id of an action")
    return action


def outcome(response: Response, action: str, ids: Sequence[str]) -> Sequence[Verdict] | None:
    """What an action made of the customers with these source ids; None while it is under way.

    Raises `Again` where nothing came of it, `Contradiction` where it has ended and does not settle each of them, and
    `Garbled` for what is no news of it. No answer to this question refuses a customer: they were accepted.
    """
    if response.status == 404:
        raise Again(f"Voucherify does not know the action {action}, which it accepted")
    if response.status != 200:
        raise Garbled(f"an unexpected {response.status} to the question for the action {action}")
    answer = json_object(response)
    if answer.get("id") != action:
        raise Garbled(f"200, but not about the action {action}")
    status = answer.get("status")
    if status in _UNDER_WAY:
        return None
    if status == "FAILED":
        return _all_refused(answer, action, ids)
    if status != "DONE":
        raise Garbled(f"the action {action} has a status that is not known")
    try:
        return _verdicts(answer, ids)
    except Contradiction as what:
        raise Contradiction(f"the action {action} is DONE, but {what}", what.verdicts) from None


def _all_refused(answer: Mapping[str, object], action: str, ids: Sequence[str]) -> Sequence[Verdict]:
    """When an action is FAILED and when it is DONE with failures is not documented. One that lists a reason for each of
    its customers has an end; of any other nothing came, and sending it again is harmless.
    """
    try:
        verdicts = _verdicts(answer, ids)
    except Contradiction:
        verdicts = []
    if not verdicts or any(verdict.outcome is Outcome.DELIVERED for verdict in verdicts):
        raise Again(f"the action {action} failed" + _because(answer))
    return verdicts


def _because(action: Mapping[str, object]) -> str:
    result = action.get("result")
    reason, _ = _words(result if isinstance(result, dict) else action)
    return f": {reason}" if reason else ""


def _verdicts(action: Mapping[str, object], ids: Sequence[str]) -> Sequence[Verdict]:
    """DONE says that it ended, not that it went well: who failed is listed, and the counts must agree. Raises
    `Contradiction`.
    """
    result = action.get("result")
    if not isinstance(result, dict):
        raise Contradiction("it has no result")
    inline = result.get("results")
    failed = {**(_not_updated(inline, ids) if inline else {}), **_listed(result.get("errors"))}
    if not failed.keys() <= set(ids):
        raise Contradiction("it names a customer that was not sent")
    _check_counts(result, ids, failed, inline=bool(inline))
    # Its own word for how it went was added in 2024 and is not explained. It is believed only where nothing else tells
    # of a failure: then nobody knows whose.
    if action.get("operation_status") == "FAILED" and not failed:
        raise Contradiction("its operation failed, and it lists nobody")
    delivered = Verdict(Outcome.DELIVERED)
    return [failed.get(one, delivered) for one in ids]


def _listed(errors: object) -> Mapping[str, Verdict]:
    """`errors`: [{message, details, key, source_id}] → who was refused, each for the first reason given."""
    failed: dict[str, Verdict] = {}
    for error in _entries(errors):
        reason, field = _words(error)
        failed.setdefault(_source_id(error), _rejected(reason, field))
    return failed


def _not_updated(results: object, ids: Sequence[str]) -> Mapping[str, Verdict]:
    """`results`: [{source_id, updated, found}], the form until August 2024. It names everybody."""
    told = [(_source_id(entry), entry.get("updated")) for entry in _entries(results)]
    if {one for one, _ in told} != set(ids) or not all(isinstance(updated, bool) for _, updated in told):
        raise Contradiction("its results are not those of the customers that were sent")
    return {one: _rejected("not updated") for one, updated in told if not updated}


def _check_counts(
    result: Mapping[str, object], ids: Sequence[str], failed: Mapping[str, Verdict], *, inline: bool
) -> None:
    """Whoever is not listed is delivered only where the counts say so too. Raises `Contradiction`.

    Where the counts say that everybody failed, that is what became of those who are not listed, but not why.
    The older form has no `failed_count`, and does not say whether `done_count` counts who was not updated.
    """
    sent, listed = len(ids), len(failed)
    done_counts = {sent - listed, sent} if inline else {sent - listed}
    done, not_done = result.get("done_count"), result.get("failed_count")
    not_done = listed if not_done is None else not_done
    if not (_is_count(done) and _is_count(not_done)):
        raise Contradiction("its counts are no numbers")
    if done == 0 and not_done == sent > listed:
        nameless = _rejected("")._replace(passing=True)
        raise Contradiction(_lists(listed, not_done), [failed.get(one, nameless) for one in ids])
    if done not in done_counts or not_done != listed:
        counts = f"it counts {done:,} done and {not_done:,} failed of {counted(sent, 'customer')}"
        adds_up = done + not_done == sent and listed < not_done
        raise Contradiction(_lists(listed, not_done) if adds_up else f"{counts}, and lists {counted(listed, 'error')}")


def _lists(listed: int, failed: int) -> str:
    return f"it lists {listed:,} of {counted(failed, 'error')}"


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _entries(listed: object) -> Sequence[Mapping[str, object]]:
    listed = [] if listed is None else listed
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise Contradiction("a list of it is none")
    return listed


def _source_id(entry: Mapping[str, object]) -> str:
    source_id = entry.get("source_id")
    if not isinstance(source_id, str):
        raise Contradiction("it lists a customer without a source_id")
    return source_id


def _rejected(reason: str, field: str = "") -> Verdict:
    return Verdict(Outcome.REJECTED, reason or "refused without a reason", field)


# --- customers --------------------------------------------------------------------------------------------------------


def customer(response: Response, source_id: str) -> Mapping[str, object]:
    """The customer of a 200. A path may also mean Voucherify's own id, so it has to be this one. Raises `Garbled`."""
    found = json_object(response)
    if found.get("source_id") != source_id:
        raise Garbled(f"{response.status}, but not about this customer")
    return found


def lists_customers(response: Response) -> bool:
    try:
        return response.status == 200 and isinstance(json_object(response).get("customers"), list)
    except Garbled:
        return False


# --- no ---------------------------------------------------------------------------------------------------------------


def no(response: Response) -> Refused | Garbled | Misconfigured:
    """What is not the documented yes: a refusal, or a success that this call does not have. A 402 is about the project,
    and no customer is to blame."""
    if 200 <= response.status < 300:
        return Garbled(f"an unexpected {response.status}")
    reason, field = words(response)
    if response.status == 402:
        why = f"Voucherify wants to be paid first ({reason or 402}): look at the project's plan"
        return Misconfigured(f"{why}, then run with --resume")
    too_large = response.status == 413
    return Refused(reason or f"refused with status {response.status}", field, too_large=too_large)


def words(response: Response) -> tuple[str, str]:
    """What a refusal says, and the field that it names; "" where it is not Voucherify's, but of a proxy on the way."""
    try:
        return _words(json_object(response))
    except Garbled:
        return "", ""


def _words(error: Mapping[str, object]) -> tuple[str, str]:
    """`message` and `details`; of a body that is too large only `message`."""
    told = [str(error[name]) for name in ("message", "details") if error.get(name)] or [str(error.get("key") or "")]
    return said(": ".join(dict.fromkeys(told))), said(_field(error), 150)


def _field(error: Mapping[str, object]) -> str:
    details = str(error.get("details") or "")
    if named := _PROPERTY.match(details):
        return named[1]
    if error.get("key") == "metadata_validation_failed" and (named := _KEY.match(details)):
        return f"metadata.{named[1]}"
    return ""


# --- quotas -----------------------------------------------------------------------------------------------------------


def quota_of(bucket: str) -> Callable[[Mapping[str, str]], Quota | None]:
    """Reads what an answer says of this bucket: `api_calls` or `bulk_api_calls`.

    `x-rate-limit-retry` is when there will be more, in unix seconds. https://docs.voucherify.io/guides/limits (checked
    2026-10)
    """

    def quota(headers: Mapping[str, str]) -> Quota | None:
        remaining, retry = headers.get("x-rate-limit-remaining", ""), headers.get("x-rate-limit-retry", "")
        if headers.get("x-rate-limit-type", bucket) != bucket or not _WHOLE.fullmatch(remaining):
            return None
        return Quota(int(remaining), float(retry) if _WHOLE.fullmatch(retry) else None)

    return quota
