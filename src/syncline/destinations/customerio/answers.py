"""What Customer.io answers → verdicts, refusals, regions, people. The facts: https://docs.customer.io/api/track/"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from syncline.destinations.customerio.identity import Identity
from syncline.destinations.customerio.settings import TRACK_HOSTS
from syncline.destinations.reply import json_object
from syncline.errors import Garbled, Refused, WrongAddress, host_of, said
from syncline.model import Outcome, Response, Verdict


def verdicts(response: Response, count: int) -> Sequence[Verdict]:
    """Every index not listed was accepted; one index may be listed several times."""
    answer = json_object(response)
    if "meta" in answer or "error" in answer:  # v1's way to say no, which no success has
        raise Garbled(f"{response.status}, but the answer tells of an error")
    errors = answer.get("errors")
    errors = [] if errors is None else errors  # this vendor writes null for an empty list
    if not isinstance(errors, list) or (response.status == 207 and not errors):
        raise Garbled(f"{response.status} without a list of errors")
    verdicts = [Verdict(Outcome.DELIVERED)] * count
    for error in errors:
        index = error.get("batch_index") if isinstance(error, dict) else None
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count:
            raise Garbled(f"{response.status} names an item that was not sent")
        if verdicts[index].outcome is Outcome.DELIVERED:
            reason, field = _error_text(error)
            verdicts[index] = Verdict(Outcome.REJECTED, reason, field)
    return verdicts


def check_accepted(response: Response) -> None:
    """A 200 of v1 says `{}`, and nothing of an error. Raises `Garbled`."""
    if response.body.strip() not in {b"", b"{}"} and json_object(response).keys() & {"meta", "error", "errors"}:
        raise Garbled("200, but the answer tells of an error")


def _error_text(error: object) -> tuple[str, str]:
    """One v2 error entry → (reason, field)."""
    if not isinstance(error, dict):
        return said(str(error)), ""
    reason = error.get("message") or error.get("detail") or error.get("reason") or "refused without a reason"
    return said(str(reason)) or "refused without a reason", said(str(error.get("field") or ""), 150)


def no(response: Response) -> Refused | Garbled:
    """What is not the documented yes: a refusal, or a success that this API does not have (a 202 proves nothing)."""
    return Garbled(f"an unexpected {response.status}") if 200 <= response.status < 300 else refusal(response)


def refusal(response: Response) -> Refused:
    """v2 says `errors[]`, v1 says `meta.error` or `meta.errors[]`; the text may also come from a proxy on the way."""
    try:
        answer = json_object(response)
    except Garbled:
        answer = {}
    meta = answer.get("meta")
    errors: object = answer.get("errors")
    if isinstance(meta, dict):
        errors = meta.get("errors") or meta.get("error") or errors
    listed = errors if isinstance(errors, list) else [errors] if errors else []
    texts = [_error_text(error) for error in listed] or [(f"refused with status {response.status}", "")]
    reason = said("; ".join(text for text, _ in texts))
    return Refused(reason, texts[0][1], too_large=response.status == 413)


def told_region(response: Response) -> str:
    if response.status != 200:
        return ""
    try:
        return str(json_object(response).get("region") or "")
    except Garbled:
        raise WrongAddress("the answer to the region question is not Customer.io's: check baseUrl") from None


def region_of(location: str) -> str:
    host = host_of(location)
    return next((region for region, origin in TRACK_HOSTS.items() if urlsplit(origin).hostname == host), "")


def people(response: Response, kind: str, keys: Sequence[str]) -> Mapping[str, Mapping[str, object] | None]:
    """The attributes read of up to 100 ids → attributes by key."""
    if response.status == 404:
        return {}
    if response.status != 200:
        raise refusal(response)
    by_value = {Identity.of(key).value: key for key in keys}
    found: dict[str, Mapping[str, object] | None] = {}
    for customer in _customers(json_object(response)):
        identifiers, attributes = customer.get("identifiers"), customer.get("attributes")
        if not isinstance(identifiers, dict) or not isinstance(attributes, dict):
            raise Garbled("a person without identifiers or attributes")
        value = str(identifiers.get(kind) or "")
        key = by_value.get(value.lower() if kind == "email" else value)
        if key is not None:
            found[key] = attributes
    return found


def _customers(answer: Mapping[str, object]) -> Iterable[Mapping[str, object]]:
    customers = answer.get("customers")
    if not isinstance(customers, list):
        raise Garbled("no list of customers")
    for entry in customers:
        customer = entry.get("customer") if isinstance(entry, dict) else None
        if isinstance(customer, dict):
            yield customer
